//! Domain-separated hashing: SHA-256 and HMAC-SHA-256 over plain concatenations.

use std::{fmt, str::FromStr};

use ring::{digest, hmac};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::ids::{Malformed, hex_exact, hex_of};

/// A SHA-256 value: a fingerprint, a commitment, a node of a tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash([u8; Hash::BYTES]);

impl Hash {
    /// Length of a hash in bytes.
    pub const BYTES: usize = 32;

    /// The hash with these bytes.
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes of the hash.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(hex_of(&self.0, &mut [0; 2 * Self::BYTES]))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        hex_exact(text, "a hash of 64 lower-case hex digits").map(Self)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(hex_of(&self.0, &mut [0; 2 * Self::BYTES]))
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// SHA-256 of the plain concatenation of `parts`.
pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finish()
}

/// HMAC-SHA-256 (RFC 2104) under `key` of the plain concatenation of `parts`.
pub fn hmac_sha256(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    HmacKey::new(key).tag(parts)
}

/// A key for several HMACs.
pub struct HmacKey(hmac::Key);

impl HmacKey {
    /// Works out what all HMACs under this key share.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// HMAC-SHA-256 of the plain concatenation of `parts`.
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        let mut tag = [0; 32];
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }
}

/// SHA-256 over bytes that arrive in pieces.
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl Sha256 {
    /// A hash of nothing yet.
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all bytes taken.
    pub fn finish(self) -> Hash {
        let mut bytes = [0; Hash::BYTES];
        bytes.copy_from_slice(self.0.finish().as_ref());
        Hash(bytes)
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

/// `lp(x)`: a big-endian u16 length, then the bytes.
///
/// # Panics
/// `bytes` is longer than 65,535 bytes; callers pass ids and short ASCII names.
pub fn lp(into: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).expect("what is length-prefixed is short");
    into.extend_from_slice(&length.to_be_bytes());
    into.extend_from_slice(bytes);
}
