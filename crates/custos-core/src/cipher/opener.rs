//! Opening: whole messages, and chunks of them in any order.

use ring::aead::{Aad, LessSafeKey, Nonce};
use zeroize::{Zeroize, Zeroizing};

use super::{
    CHUNK_BYTES, COMMITMENT_BYTES, CipherError, HEADER_BYTES, MAX_CHUNKS, MessageKeys,
    SEALED_CHUNK_BYTES, Salt, TAG_BYTES, plain_len,
};
use crate::keys::KEY_BYTES;

/// Opens a whole message.
///
/// # Errors
/// [`CipherError::Length`] before anything is derived, [`CipherError::Commitment`] before
/// any chunk is decrypted, [`CipherError::Chunk`] naming the first bad chunk. Nothing is
/// released unless all of it is sound.
pub fn open(
    key: &[u8; KEY_BYTES],
    context: &[u8],
    message: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CipherError> {
    let length = message.len() as u64;
    let plain = plain_len(length)?;
    let (header, chunks) = message
        .split_first_chunk::<HEADER_BYTES>()
        .ok_or(CipherError::Length(length))?;
    let opener = Opener::new(key, context, header)?;
    // Room for the last tag too: a chunk is decrypted where its plaintext stays, and a
    // buffer that grows would leave plaintext behind.
    let capacity = usize::try_from(plain).map_err(|_| CipherError::Length(length))? + TAG_BYTES;
    let mut plaintext = Zeroizing::new(Vec::with_capacity(capacity));
    let whole = chunks.chunks_exact(SEALED_CHUNK_BYTES);
    let last = whole.remainder();
    let mut number = 0;
    for chunk in whole {
        opener.open_chunk(number, false, chunk, &mut plaintext)?;
        number += 1;
    }
    opener.open_chunk(number, true, last, &mut plaintext)?;
    Ok(plaintext)
}

/// Opens the chunks of one message in any order: the way to read a range.
pub struct Opener {
    keys: MessageKeys,
    aead: LessSafeKey,
}

impl Opener {
    /// Checks the header against key and context.
    ///
    /// # Errors
    /// [`CipherError::Commitment`]: another key, another context or an altered header.
    pub fn new(
        key: &[u8; KEY_BYTES],
        context: &[u8],
        header: &[u8; HEADER_BYTES],
    ) -> Result<Self, CipherError> {
        let keys = MessageKeys::of_header(key, context, header)?;
        let aead = keys.aead();
        Ok(Self { keys, aead })
    }

    /// The commitment in the message's header, for comparison with an object's list.
    pub fn commitment(&self) -> [u8; COMMITMENT_BYTES] {
        let mut commitment = [0; COMMITMENT_BYTES];
        commitment.copy_from_slice(self.keys.commitment());
        commitment
    }

    /// Opens chunk `number` (from 0) and appends its plaintext to `into`.
    ///
    /// Shapes: `sealed` is ciphertext and tag: 16,400 bytes, or 16 to 16,399 if `is_last`.
    /// Whether it is the last follows from the length of the message or of the object, and
    /// the lengths agree with no other answer.
    ///
    /// # Errors
    /// [`CipherError::Length`] or [`CipherError::Chunk`]; `into` then is as it was, and the
    /// room behind its end is wiped.
    pub fn open_chunk(
        &self,
        number: u64,
        is_last: bool,
        sealed: &[u8],
        into: &mut Vec<u8>,
    ) -> Result<(), CipherError> {
        let possible = if is_last {
            (TAG_BYTES..SEALED_CHUNK_BYTES).contains(&sealed.len())
        } else {
            sealed.len() == SEALED_CHUNK_BYTES
        };
        if !possible {
            return Err(CipherError::Length(sealed.len() as u64));
        }
        if number >= MAX_CHUNKS {
            return Err(CipherError::Chunk(number));
        }
        let start = into.len();
        into.extend_from_slice(sealed);
        let opened = self.aead.open_in_place(
            Nonce::assume_unique_for_key(self.keys.nonce(number)),
            Aad::empty(),
            &mut into[start..],
        );
        match opened.map(|plaintext| plaintext.len()) {
            Ok(length) => {
                debug_assert!(length < CHUNK_BYTES || !is_last);
                into.truncate(start + length);
                Ok(())
            }
            Err(_) => {
                into[start..].zeroize();
                into.truncate(start);
                Err(CipherError::Chunk(number))
            }
        }
    }
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opener(redacted)")
    }
}

// The header is salt and commitment, and nothing else.
const _: () = assert!(HEADER_BYTES == Salt::BYTES + COMMITMENT_BYTES && HEADER_BYTES == 56);
