//! Wrapping: a key encrypted under the key above it.
//!
//! ```text
//! wrapped key = salt[24] | commitment[32] | ciphertext[32] | tag[16]      104 bytes
//! ```
//!
//! One message of [`crate::cipher`] with one chunk, whose context names both keys and the
//! purpose. Made with `aes-gcm`, which wipes its key schedule; keys live longer than content
//! is in memory, and ring never wipes.

use aes_gcm::{
    Aes256Gcm,
    aead::{AeadInOut, Key, KeyInit, Nonce, Tag},
};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    cipher::{CipherError, HEADER_BYTES, MessageKeys, Salt, TAG_BYTES, wrap_context},
    ids::KeyId,
    keys::{KEY_BYTES, Purpose},
};

/// Length of a wrapped key in bytes.
pub const WRAPPED_BYTES: usize = HEADER_BYTES + KEY_BYTES + TAG_BYTES;

/// Wraps `child` under `parent`.
pub fn wrap(
    parent: &[u8; KEY_BYTES],
    parent_id: &KeyId,
    child_id: &KeyId,
    purpose: Purpose,
    salt: &Salt,
    child: &[u8; KEY_BYTES],
) -> [u8; WRAPPED_BYTES] {
    let context = wrap_context(parent_id, child_id, purpose);
    let keys = MessageKeys::derive(parent, salt.as_bytes(), &context);
    let mut sealed = Zeroizing::new(*child);
    let tag = aead(&keys)
        .encrypt_inout_detached(&nonce(&keys), b"", sealed.as_mut_slice().into())
        .expect("a key is far shorter than what AES-GCM takes");

    let mut wrapped = [0; WRAPPED_BYTES];
    let (header, chunk) = wrapped.split_at_mut(HEADER_BYTES);
    header[..Salt::BYTES].copy_from_slice(salt.as_bytes());
    header[Salt::BYTES..].copy_from_slice(keys.commitment());
    chunk[..KEY_BYTES].copy_from_slice(sealed.as_slice());
    chunk[KEY_BYTES..].copy_from_slice(&tag);
    wrapped
}

/// Unwraps what [`wrap`] made for the same keys and the same purpose.
///
/// # Errors
/// [`CipherError::Length`]: not 104 bytes. [`CipherError::Commitment`]: another parent key,
/// key id or purpose, or an altered header. [`CipherError::Chunk`]: altered behind it.
pub fn unwrap(
    parent: &[u8; KEY_BYTES],
    parent_id: &KeyId,
    child_id: &KeyId,
    purpose: Purpose,
    wrapped: &[u8],
) -> Result<Zeroizing<[u8; KEY_BYTES]>, CipherError> {
    let wrapped: &[u8; WRAPPED_BYTES] = wrapped
        .try_into()
        .map_err(|_| CipherError::Length(wrapped.len() as u64))?;
    let mut header = [0; HEADER_BYTES];
    header.copy_from_slice(&wrapped[..HEADER_BYTES]);
    let context = wrap_context(parent_id, child_id, purpose);
    let keys = MessageKeys::of_header(parent, &context, &header)?;

    let (sealed, tag) = wrapped[HEADER_BYTES..].split_at(KEY_BYTES);
    let mut child = Zeroizing::new([0; KEY_BYTES]);
    child.copy_from_slice(sealed);
    let tag = Tag::<Aes256Gcm>::try_from(tag).expect("what follows the key is one tag");
    let opened =
        aead(&keys).decrypt_inout_detached(&nonce(&keys), b"", child.as_mut_slice().into(), &tag);
    if opened.is_err() {
        child.zeroize();
        return Err(CipherError::Chunk(0));
    }
    Ok(child)
}

fn aead(keys: &MessageKeys) -> Aes256Gcm {
    let key: &Key<Aes256Gcm> = keys.key().try_into().expect("the derived key has 32 bytes");
    Aes256Gcm::new(key)
}

fn nonce(keys: &MessageKeys) -> Nonce<Aes256Gcm> {
    keys.nonce(0).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cipher;

    const PARENT: [u8; KEY_BYTES] = [1; KEY_BYTES];

    fn ids() -> (KeyId, KeyId) {
        (KeyId::from_bytes([2; 16]), KeyId::from_bytes([3; 16]))
    }

    fn wrapped(child: &[u8; KEY_BYTES], purpose: Purpose) -> [u8; WRAPPED_BYTES] {
        let (parent_id, child_id) = ids();
        let salt = Salt::from_bytes([4; Salt::BYTES]);
        wrap(&PARENT, &parent_id, &child_id, purpose, &salt, child)
    }

    proptest! {
        #[test]
        fn what_is_wrapped_is_unwrapped(child in any::<[u8; KEY_BYTES]>(), which in 0..Purpose::ALL.len()) {
            let (parent_id, child_id) = ids();
            let purpose = Purpose::ALL[which];
            let wrapped = wrapped(&child, purpose);
            let unwrapped = unwrap(&PARENT, &parent_id, &child_id, purpose, &wrapped);
            prop_assert_eq!(*unwrapped.expect("the same keys"), child);
            // ring makes and opens the same bytes.
            let context = wrap_context(&parent_id, &child_id, purpose);
            let salt = Salt::from_bytes([4; Salt::BYTES]);
            prop_assert_eq!(&cipher::seal(&PARENT, &salt, &context, &child)[..], &wrapped[..]);
            prop_assert_eq!(&**cipher::open(&PARENT, &context, &wrapped).expect("sound"), &child[..]);
        }
    }

    #[test]
    fn a_wrap_fits_one_place_only() {
        let (parent_id, child_id) = ids();
        let wrapped = wrapped(&[5; KEY_BYTES], Purpose::Data);
        let refused = |parent, parent_id, child_id, purpose| {
            unwrap(parent, parent_id, child_id, purpose, &wrapped) == Err(CipherError::Commitment)
        };
        assert!(!refused(&PARENT, &parent_id, &child_id, Purpose::Data));
        assert!(refused(&[9; 32], &parent_id, &child_id, Purpose::Data));
        assert!(refused(&PARENT, &child_id, &child_id, Purpose::Data));
        assert!(refused(&PARENT, &parent_id, &parent_id, Purpose::Data));
        assert!(refused(&PARENT, &parent_id, &child_id, Purpose::Salt));
    }

    #[test]
    fn every_flipped_byte_is_refused() {
        let (parent_id, child_id) = ids();
        let good = wrapped(&[5; KEY_BYTES], Purpose::Data);
        let open = |bytes: &[u8]| unwrap(&PARENT, &parent_id, &child_id, Purpose::Data, bytes);
        for at in 0..WRAPPED_BYTES {
            let mut altered = good;
            altered[at] ^= 0x80;
            assert!(open(&altered).is_err(), "{at}");
            assert!(open(&good[..at]).is_err(), "{at}");
        }
        assert!(open(&[&good[..], &[0]].concat()).is_err());
    }
}
