//! Sealing: plaintext in, message out.

use ring::aead::{Aad, LessSafeKey, Nonce};

use super::{
    CHUNK_BYTES, COMMITMENT_BYTES, HEADER_BYTES, MessageKeys, Salt, TAG_BYTES, sealed_len,
};
use crate::keys::KEY_BYTES;

/// Seals `plaintext` into a message of its own.
///
/// Shapes: `plaintext` of n bytes gives `sealed_len(n)` bytes.
pub fn seal(key: &[u8; KEY_BYTES], salt: &Salt, context: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    seal_into(&mut message, key, salt, context, plaintext);
    message
}

/// Seals `plaintext` into `message`, whose former bytes are discarded and whose memory is
/// used again; returns the message's commitment.
///
/// The way for whole segments: each byte is copied once and encrypted where it then lies.
pub fn seal_into(
    message: &mut Vec<u8>,
    key: &[u8; KEY_BYTES],
    salt: &Salt,
    context: &[u8],
    plaintext: &[u8],
) -> [u8; COMMITMENT_BYTES] {
    let keys = MessageKeys::derive(key, salt.as_bytes(), context);
    let aead = keys.aead();
    let mut commitment = [0; COMMITMENT_BYTES];
    commitment.copy_from_slice(keys.commitment());

    message.clear();
    message.reserve_exact(sealed_len(plaintext.len()));
    message.extend_from_slice(salt.as_bytes());
    message.extend_from_slice(&commitment);
    let whole = plaintext.chunks_exact(CHUNK_BYTES);
    // What is left over is the last chunk: shorter than the others, and present even when
    // it is empty, because it says where the message ends.
    let last = whole.remainder();
    for (number, chunk) in (0..).zip(whole.chain([last])) {
        seal_chunk(&aead, keys.nonce(number), chunk, message);
    }

    debug_assert_eq!(message.len(), sealed_len(plaintext.len()));
    debug_assert!(message.len() >= HEADER_BYTES + TAG_BYTES);
    commitment
}

fn seal_chunk(aead: &LessSafeKey, nonce: [u8; 12], chunk: &[u8], message: &mut Vec<u8>) {
    let start = message.len();
    message.extend_from_slice(chunk);
    let tag = aead
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::empty(),
            &mut message[start..],
        )
        .expect("a chunk is far shorter than what AES-GCM takes");
    message.extend_from_slice(tag.as_ref());
}
