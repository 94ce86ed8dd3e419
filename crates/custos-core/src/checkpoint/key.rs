//! Keys of signed notes: C2SP vkeys, the log's signer, a witness's cosigner.

use std::{fmt, str::FromStr};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use super::note::NoteSignature;
use crate::hash::sha256;

/// Longest key name, and so longest origin, in bytes (C2SP tlog-cosignature's bound).
pub const MAX_NAME_BYTES: usize = 255;
/// Length of an Ed25519 public key in bytes.
const ED25519_BYTES: usize = 32;
/// Length of an Ed25519 signature in bytes.
const ED25519_SIGNATURE_BYTES: usize = 64;
/// Length of an ML-DSA-44 public key in bytes (FIPS 204).
const ML_DSA_44_BYTES: usize = 1312;
/// Longest vkey: the name, two pluses, eight digits, base64 of an ML-DSA-44 key.
const MAX_VKEY_BYTES: usize = MAX_NAME_BYTES + 10 + (1 + ML_DSA_44_BYTES).div_ceil(3) * 4;

/// What is wrong with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Empty, too long, or with white space, control characters or a plus.
    #[error("not a key name")]
    Name,
    /// Not `name+hash+base64` with a known signature type and a key of its length.
    #[error("not a key of the form `name+hash+base64`")]
    Form,
    /// The eight digits are not the hash of name and key.
    #[error("the key's hash does not belong to its name and bytes")]
    Id,
}

/// How a key signs notes (C2SP signed-note, "Signature types").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SignatureType {
    /// 0x01: Ed25519 over the note's text.
    Ed25519,
    /// 0x04: Ed25519 over `cosignature/v1`, a time, and the note's text.
    CosignatureV1,
    /// 0x06: ML-DSA-44. Carried, not verified yet: no signature of it is ever accepted.
    MlDsa44,
}

impl SignatureType {
    const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureV1 => 0x04,
            Self::MlDsa44 => 0x06,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x01 => Some(Self::Ed25519),
            0x04 => Some(Self::CosignatureV1),
            0x06 => Some(Self::MlDsa44),
            _ => None,
        }
    }

    const fn key_bytes(self) -> usize {
        match self {
            Self::Ed25519 | Self::CosignatureV1 => ED25519_BYTES,
            Self::MlDsa44 => ML_DSA_44_BYTES,
        }
    }
}

/// A public key under a name: C2SP vkey, `name+hash+base64(type | key)`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: String,
    id: u32,
    signature_type: SignatureType,
    key: Vec<u8>,
}

impl VerifierKey {
    /// The key that signs notes as `name` by Ed25519 (type 0x01).
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn ed25519(name: &str, public_key: &[u8; 32]) -> Result<Self, KeyError> {
        Self::new(name, SignatureType::Ed25519, public_key)
    }

    /// The key that cosigns checkpoints as `name` by Ed25519 (type 0x04).
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn cosigner(name: &str, public_key: &[u8; 32]) -> Result<Self, KeyError> {
        Self::new(name, SignatureType::CosignatureV1, public_key)
    }

    fn new(name: &str, signature_type: SignatureType, key: &[u8]) -> Result<Self, KeyError> {
        check_name(name)?;
        if key.len() != signature_type.key_bytes() {
            return Err(KeyError::Form);
        }
        let id = sha256(&[name.as_bytes(), b"\n", &[signature_type.byte()], key]);
        let [a, b, c, d, ..] = *id.as_bytes();
        Ok(Self {
            name: name.into(),
            id: u32::from_be_bytes([a, b, c, d]),
            signature_type,
            key: key.into(),
        })
    }

    /// The name on the key's signature lines.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The four bytes that tell the keys of one name apart. Not a fingerprint.
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// How the key signs.
    pub const fn signature_type(&self) -> SignatureType {
        self.signature_type
    }

    /// The public key itself, without type byte.
    pub fn key_bytes(&self) -> &[u8] {
        &self.key
    }

    /// Whether `signature` is this key's over the note's `text`; for a cosignature, at the
    /// time that it carries.
    pub fn verifies(&self, text: &str, signature: &NoteSignature) -> bool {
        if !signature.is_by(self) {
            return false;
        }
        let verifies = |message: &[u8], signature: &[u8]| {
            UnparsedPublicKey::new(&ED25519, &self.key)
                .verify(message, signature)
                .is_ok()
        };
        match self.signature_type {
            SignatureType::Ed25519 => verifies(text.as_bytes(), signature.bytes()),
            SignatureType::CosignatureV1 => {
                split_cosignature(signature.bytes()).is_some_and(|(unix_seconds, signature)| {
                    verifies(cosigned(unix_seconds, text).as_bytes(), signature)
                })
            }
            SignatureType::MlDsa44 => false,
        }
    }

    /// The time of a cosignature by this key, in seconds since 1970; `None` for other types.
    /// It means something only where [`VerifierKey::verifies`].
    pub(super) fn cosigned_at(&self, signature: &NoteSignature) -> Option<u64> {
        match self.signature_type {
            SignatureType::CosignatureV1 => {
                split_cosignature(signature.bytes()).map(|(unix_seconds, _)| unix_seconds)
            }
            SignatureType::Ed25519 | SignatureType::MlDsa44 => None,
        }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut typed = vec![self.signature_type.byte()];
        typed.extend_from_slice(&self.key);
        let typed = BASE64_STANDARD.encode(typed);
        write!(f, "{}+{:08x}+{typed}", self.name, self.id)
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(vkey: &str) -> Result<Self, KeyError> {
        if vkey.len() > MAX_VKEY_BYTES {
            return Err(KeyError::Form);
        }
        let mut parts = vkey.splitn(3, '+');
        let (Some(name), Some(id), Some(typed)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Form);
        };
        let typed = BASE64_STANDARD.decode(typed).map_err(|_| KeyError::Form)?;
        let (byte, key) = typed.split_first().ok_or(KeyError::Form)?;
        let signature_type = SignatureType::from_byte(*byte).ok_or(KeyError::Form)?;
        let parsed = Self::new(name, signature_type, key)?;
        if id == format!("{:08x}", parsed.id) {
            Ok(parsed)
        } else {
            Err(KeyError::Id)
        }
    }
}

/// A private key that signs notes: the log's or a bundle's.
pub struct NoteSigner {
    pair: Ed25519KeyPair,
    key: VerifierKey,
}

impl NoteSigner {
    /// The Ed25519 key (RFC 8032) of this seed, under this name.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let (pair, public) = key_pair(seed)?;
        let key = VerifierKey::ed25519(name, &public)?;
        Ok(Self { pair, key })
    }

    /// The public half.
    pub const fn verifier_key(&self) -> &VerifierKey {
        &self.key
    }

    /// The signature line over a note's text. Ed25519 is deterministic: the same text gets
    /// the same line after a crash.
    pub fn sign(&self, text: &str) -> NoteSignature {
        let signature = self.pair.sign(text.as_bytes());
        NoteSignature::new(&self.key, signature.as_ref().into())
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteSigner({})", self.key)
    }
}

/// A witness's private key, which states when it saw a checkpoint as a log's largest.
pub struct Cosigner {
    pair: Ed25519KeyPair,
    key: VerifierKey,
}

impl Cosigner {
    /// The cosigner of this seed, under this name.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let (pair, public) = key_pair(seed)?;
        let key = VerifierKey::cosigner(name, &public)?;
        Ok(Self { pair, key })
    }

    /// The public half.
    pub const fn verifier_key(&self) -> &VerifierKey {
        &self.key
    }

    /// The cosignature line over a checkpoint's text, at a time in seconds since 1970.
    /// INVARIANT: the caller has checked that this tree begins with every one it cosigned.
    pub fn cosign(&self, text: &str, unix_seconds: u64) -> NoteSignature {
        let signature = self.pair.sign(cosigned(unix_seconds, text).as_bytes());
        let mut timestamped = unix_seconds.to_be_bytes().to_vec();
        timestamped.extend_from_slice(signature.as_ref());
        NoteSignature::new(&self.key, timestamped)
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cosigner({})", self.key)
    }
}

/// Whether a text can name a key: C2SP signed-note's rule, at most 255 bytes, and no
/// control character.
pub(super) fn check_name(name: &str) -> Result<(), KeyError> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(odd) {
        Err(KeyError::Name)
    } else {
        Ok(())
    }
}

fn key_pair(seed: &[u8; 32]) -> Result<(Ed25519KeyPair, [u8; 32]), KeyError> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Form)?;
    let mut public = [0; ED25519_BYTES];
    public.copy_from_slice(pair.public_key().as_ref());
    Ok((pair, public))
}

/// What a cosignature/v1 signs (C2SP tlog-cosignature, "Ed25519 signed message").
fn cosigned(unix_seconds: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {unix_seconds}\n{text}")
}

/// `[time, u64 BE][signature 64]`; the time is below 2^63.
fn split_cosignature(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (time, signature) = bytes.split_first_chunk::<8>()?;
    let unix_seconds = u64::from_be_bytes(*time);
    (i64::try_from(unix_seconds).is_ok() && signature.len() == ED25519_SIGNATURE_BYTES)
        .then_some((unix_seconds, signature))
}
