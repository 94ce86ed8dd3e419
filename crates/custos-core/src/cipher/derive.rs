//! The keys of one message.

use ring::hkdf;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{COMMITMENT_BYTES, CipherError, HEADER_BYTES, Salt};
use crate::keys::KEY_BYTES;

const LABEL: &[u8] = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";

/// Length of an AES-GCM nonce in bytes.
pub(crate) const NONCE_BYTES: usize = 12;

const DERIVED_BYTES: usize = KEY_BYTES + NONCE_BYTES + COMMITMENT_BYTES;

/// `key[32] | base_nonce[12] | commitment[32]` of one message; wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct MessageKeys([u8; DERIVED_BYTES]);

/// The one length that is derived; ring asks for a type.
struct Derived;

impl hkdf::KeyType for Derived {
    fn len(&self) -> usize {
        DERIVED_BYTES
    }
}

impl MessageKeys {
    /// Derives them from the input key, the salt and the context.
    pub(crate) fn derive(key: &[u8; KEY_BYTES], salt: &[u8; Salt::BYTES], context: &[u8]) -> Self {
        let mut keys = Self([0; DERIVED_BYTES]);
        hkdf::Prk::new_less_safe(hkdf::HKDF_SHA512, key)
            .expand(&[LABEL, salt, context], Derived)
            .and_then(|okm| okm.fill(&mut keys.0))
            .expect("76 bytes are within what HKDF-SHA-512 expands to");
        keys
    }

    /// Derives them for a message whose header is `header`, and checks its commitment.
    pub(crate) fn of_header(
        key: &[u8; KEY_BYTES],
        context: &[u8],
        header: &[u8; HEADER_BYTES],
    ) -> Result<Self, CipherError> {
        let mut salt = [0; Salt::BYTES];
        salt.copy_from_slice(&header[..Salt::BYTES]);
        let keys = Self::derive(key, &salt, context);
        if bool::from(keys.commitment().ct_eq(&header[Salt::BYTES..])) {
            Ok(keys)
        } else {
            Err(CipherError::Commitment)
        }
    }

    /// The AES-256-GCM key.
    pub(crate) fn key(&self) -> &[u8] {
        &self.0[..KEY_BYTES]
    }

    /// What the header says of key, salt and context.
    pub(crate) fn commitment(&self) -> &[u8] {
        &self.0[KEY_BYTES + NONCE_BYTES..]
    }

    /// The base nonce XOR the chunk's number, big-endian.
    pub(crate) fn nonce(&self, chunk: u64) -> [u8; NONCE_BYTES] {
        let mut nonce = [0; NONCE_BYTES];
        nonce.copy_from_slice(&self.0[KEY_BYTES..KEY_BYTES + NONCE_BYTES]);
        for (byte, number) in nonce[4..].iter_mut().zip(chunk.to_be_bytes()) {
            *byte ^= number;
        }
        nonce
    }

    /// The AES-256-GCM key as ring takes it.
    pub(crate) fn aead(&self) -> ring::aead::LessSafeKey {
        let key = ring::aead::UnboundKey::new(&ring::aead::AES_256_GCM, self.key())
            .expect("the derived key has 32 bytes");
        ring::aead::LessSafeKey::new(key)
    }
}
