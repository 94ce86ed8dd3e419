//! Chunked encryption of messages: C2SP chunked-encryption (v1) with AES-256-GCM.
//!
//! ```text
//! message = salt[24] | commitment[32] | chunk 0 | chunk 1 | ...
//! chunk   = ciphertext[16,384] | tag[16]              the last: 0 to 16,383 and a tag
//! key[32] | base_nonce[12] | commitment[32] = HKDF-Expand-SHA-512(input key,
//!     "c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM" 0x00 | salt | context)
//! nonce of chunk i = base_nonce XOR i, no associated data
//! ```
//!
//! The last chunk is always shorter than the others, so the end of a message is
//! authenticated: a message cut at a chunk's edge ends with a full chunk and is refused.
//! The commitment is compared, in constant time, before any chunk is opened, because
//! AES-GCM alone does not commit to its key.
//!
//! INVARIANT: nothing is ever sealed twice under one key and salt. [`Salt`] can therefore
//! be neither copied nor cloned; every attempt draws a fresh one.

mod context;
mod derive;
mod layout;
mod opener;
mod seal;

#[cfg(test)]
mod tests;

pub use context::{SegmentKind, object_context, value_context, wrap_context};
pub use layout::{Layout, Piece, plain_len, sealed_len, segment_count, segment_offset};
pub use opener::{Opener, open};
pub use seal::{seal, seal_into};

pub(crate) use derive::MessageKeys;

/// Plaintext bytes of every chunk but the last, which holds fewer.
pub const CHUNK_BYTES: usize = 16 << 10;
/// Bytes of a chunk's tag.
pub const TAG_BYTES: usize = 16;
/// Stored bytes of every chunk but the last.
pub const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;
/// Bytes before the first chunk: salt and commitment.
pub const HEADER_BYTES: usize = Salt::BYTES + COMMITMENT_BYTES;
/// Bytes of a commitment to key, salt and context.
pub const COMMITMENT_BYTES: usize = 32;
/// Plaintext bytes of every segment but an object's last, which holds fewer.
pub const SEGMENT_BYTES: usize = 8 << 20;
/// Stored bytes of every segment but an object's last: 512 full chunks and an empty one.
pub const SEALED_SEGMENT_BYTES: usize = 8_396_872;
/// Chunks that a message may have at most (4 PiB of plaintext), by C2SP.
pub const MAX_CHUNKS: u64 = 1 << 38;

/// 24 fresh random bytes that begin one message, and no other under the same key.
#[derive(Debug, PartialEq, Eq)]
pub struct Salt([u8; Salt::BYTES]);

impl Salt {
    /// Length of a salt in bytes.
    pub const BYTES: usize = 24;

    /// The salt with these bytes, which must come from a secure random source.
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes that begin the message.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

/// Why a message is not opened. No plaintext of what failed is released.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    /// No message, chunk or object is that long.
    #[error("no sealed message has `{0}` bytes; it is cut or has spare bytes, fetch it again")]
    Length(u64),
    /// Another key, another place, or an altered header.
    #[error("the commitment is not that of this key and place; nothing was decrypted")]
    Commitment,
    /// A chunk that is altered, or stands in another's place.
    #[error("chunk `{0}` is altered or misplaced; only chunks before it may be used")]
    Chunk(u64),
    /// Bytes asked for that the object does not have.
    #[error("the range lies outside the `{0}` bytes of the object; nothing was read")]
    Range(u64),
}
