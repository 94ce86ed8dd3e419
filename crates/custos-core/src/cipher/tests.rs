//! Messages against a second AES-GCM, every flipped byte, ranges, and lengths.

use aes_gcm::{
    Aes256Gcm,
    aead::{Aead, Key, KeyInit, Nonce},
};
use proptest::prelude::*;

use super::*;

const KEY: [u8; 32] = [7; 32];

fn salt(byte: u8) -> Salt {
    Salt::from_bytes([byte; Salt::BYTES])
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length)
        .map(|i| (i * 31 + (i >> 8) * 17) as u8)
        .collect()
}

/// The message as `aes-gcm` makes it, chunk by chunk.
fn sealed_by_aes_gcm(context: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let keys = MessageKeys::derive(&KEY, salt(9).as_bytes(), context);
    let aead = Aes256Gcm::new(<&Key<Aes256Gcm>>::try_from(keys.key()).expect("32 bytes"));
    let mut message = [salt(9).as_bytes(), keys.commitment()].concat();
    for number in 0..=plaintext.len() / CHUNK_BYTES {
        let chunk = &plaintext[number * CHUNK_BYTES..];
        let chunk = &chunk[..chunk.len().min(CHUNK_BYTES)];
        let nonce = Nonce::<Aes256Gcm>::from(keys.nonce(number as u64));
        message.extend(aead.encrypt(&nonce, chunk).expect("short"));
    }
    message
}

fn edges() -> impl Strategy<Value = usize> {
    let around = |edge: usize| edge.saturating_sub(2)..edge + 3;
    prop_oneof![
        around(0),
        around(CHUNK_BYTES),
        around(2 * CHUNK_BYTES),
        0..5 * CHUNK_BYTES,
    ]
}

proptest! {
    #[test]
    fn two_implementations_agree(length in edges(), context in prop::collection::vec(any::<u8>(), 0..40)) {
        let plaintext = bytes(length);
        let message = seal(&KEY, &salt(9), &context, &plaintext);
        prop_assert_eq!(message.len(), sealed_len(length));
        prop_assert_eq!(plain_len(message.len() as u64), Ok(length as u64));
        prop_assert!(message == sealed_by_aes_gcm(&context, &plaintext));
        prop_assert!(*open(&KEY, &context, &message).expect("sealed by ring") == plaintext);
    }

    #[test]
    fn chunks_open_in_any_order(length in edges(), seed in any::<u64>()) {
        let plaintext = bytes(length);
        let message = seal(&KEY, &salt(1), b"x", &plaintext);
        let (header, chunks) = message.split_first_chunk().expect("longer than a header");
        let opener = Opener::new(&KEY, b"x", header).expect("the right key");
        prop_assert_eq!(&opener.commitment()[..], &header[24..]);
        let last = length / CHUNK_BYTES;
        let number = seed as usize % (last + 1);
        let sealed = &chunks[number * SEALED_CHUNK_BYTES..];
        let sealed = &sealed[..sealed.len().min(SEALED_CHUNK_BYTES)];
        let mut into = b"before".to_vec();
        opener.open_chunk(number as u64, number == last, sealed, &mut into).expect("sound");
        let expected = &plaintext[number * CHUNK_BYTES..];
        prop_assert!(into[6..] == expected[..expected.len().min(CHUNK_BYTES)]);
        // In another place, or taken for the last when it is not, it is refused.
        into.truncate(6);
        prop_assert!(opener.open_chunk(number as u64 + 1, number == last, sealed, &mut into).is_err());
        prop_assert!(opener.open_chunk(number as u64, number != last, sealed, &mut into).is_err());
        prop_assert_eq!(&into[..], b"before");
    }

    #[test]
    fn lengths_are_possible_or_refused(sealed in 0..4 * SEALED_CHUNK_BYTES as u64) {
        match plain_len(sealed) {
            Ok(plain) => prop_assert_eq!(sealed_len(plain as usize) as u64, sealed),
            Err(error) => {
                prop_assert_eq!(error, CipherError::Length(sealed));
                let about = (sealed as usize).saturating_sub(200)..sealed as usize;
                prop_assert!(about.into_iter().all(|plain| sealed_len(plain) as u64 != sealed));
            }
        }
    }

    #[test]
    fn layouts_invert(size in 0_u64..1 << 53) {
        let layout = Layout::of(size).expect("below 2^53");
        prop_assert_eq!(Layout::of_stored(layout.stored_len()), Ok(layout));
        let last = layout.segment_stored(layout.segments() - 1).expect("the last segment");
        prop_assert_eq!(last.end, layout.stored_len());
        prop_assert_eq!(layout.segment_stored(layout.segments()), None);
    }

    #[test]
    fn pieces_cover_the_range(size in 1_u64..40 << 20, a in any::<u64>(), b in any::<u64>()) {
        let (a, b) = (a % size, b % size);
        let range = a.min(b)..a.max(b) + 1;
        let layout = Layout::of(size).expect("small");
        let mut at = range.start;
        for piece in layout.pieces(range.clone()).expect("within the object") {
            let stored = layout.segment_stored(piece.segment).expect("a segment of the object");
            prop_assert_eq!(piece.header.clone(), stored.start..stored.start + HEADER_BYTES as u64);
            prop_assert_eq!(piece.ends_segment, piece.stored.end == stored.end);
            let first = piece.segment * SEGMENT_BYTES as u64 + piece.chunks.start * CHUNK_BYTES as u64;
            prop_assert_eq!(first + piece.plain.start as u64, at);
            prop_assert!(piece.plain.start < CHUNK_BYTES);
            at = first + piece.plain.end as u64;
            let opened = piece.stored.end - piece.stored.start
                - (piece.chunks.end - piece.chunks.start) * TAG_BYTES as u64;
            prop_assert!(piece.plain.end as u64 <= opened);
            prop_assert!(opened - (piece.plain.end as u64) < CHUNK_BYTES as u64);
        }
        prop_assert_eq!(at, range.end);
    }
}

#[test]
fn ranges_equal_slices_across_segments() {
    let object = bytes(SEGMENT_BYTES + 3 * CHUNK_BYTES + 5);
    let segments = [&object[..SEGMENT_BYTES], &object[SEGMENT_BYTES..]];
    let stored: Vec<u8> = (0_u8..)
        .zip(segments)
        .flat_map(|(s, plain)| seal(&KEY, &salt(s), &[s], plain))
        .collect();
    let layout = Layout::of(object.len() as u64).expect("small");
    assert_eq!(layout.stored_len(), stored.len() as u64);
    let cut = |range: &std::ops::Range<u64>| &stored[range.start as usize..range.end as usize];
    let edge = SEGMENT_BYTES as u64;
    for range in [
        0..1,
        edge - 1..edge,
        edge..edge + 1,
        edge - 20_000..edge + 20_000,
        edge + 16_383..edge + 16_385,
        layout.size() - 1..layout.size(),
        layout.size() - 40_000..layout.size(),
    ] {
        let mut read = Vec::new();
        for piece in layout.pieces(range.clone()).expect("within the object") {
            let header = cut(&piece.header).try_into().expect("56 bytes");
            let opener = Opener::new(&KEY, &[piece.segment as u8], header).expect("right");
            let mut plain = Vec::new();
            let mut sealed = cut(&piece.stored).chunks(SEALED_CHUNK_BYTES);
            for number in piece.chunks.clone() {
                let is_last = piece.ends_segment && number + 1 == piece.chunks.end;
                let chunk = sealed.next().expect("as many chunks as numbers");
                opener
                    .open_chunk(number, is_last, chunk, &mut plain)
                    .expect("sound");
            }
            read.extend_from_slice(&plain[piece.plain]);
        }
        assert!(
            read == object[range.start as usize..range.end as usize],
            "{range:?}"
        );
    }
    let backward = std::ops::Range { start: 5, end: 4 };
    for odd in [
        0..0,
        backward,
        layout.size()..layout.size() + 1,
        0..u64::MAX,
    ] {
        assert!(layout.pieces(odd).is_err());
    }
}

#[test]
fn every_flipped_byte_is_refused() {
    let message = seal(&KEY, &salt(3), b"place", b"a name");
    for at in 0..message.len() {
        let mut altered = message.clone();
        altered[at] ^= 1;
        let error = if at < HEADER_BYTES {
            CipherError::Commitment
        } else {
            CipherError::Chunk(0)
        };
        assert_eq!(open(&KEY, b"place", &altered).err(), Some(error), "{at}");
    }
    for length in 0..message.len() {
        assert!(open(&KEY, b"place", &message[..length]).is_err());
    }
    assert!(open(&[8; 32], b"place", &message).is_err());
    assert!(open(&KEY, b"Place", &message).is_err());
}

#[test]
fn a_message_cut_at_a_chunk_is_refused_before_decryption() {
    let message = seal(&KEY, &salt(3), b"", &bytes(3 * CHUNK_BYTES));
    let cut = HEADER_BYTES + 2 * SEALED_CHUNK_BYTES;
    let error = CipherError::Length(cut as u64);
    assert_eq!(open(&KEY, b"", &message[..cut]).err(), Some(error));
}

#[test]
fn a_buffer_is_used_again() {
    let mut message = Vec::new();
    let first = seal_into(&mut message, &KEY, &salt(1), b"", &bytes(CHUNK_BYTES));
    assert_eq!(message[24..56], first);
    let memory = (message.as_ptr(), message.capacity());
    let second = seal_into(&mut message, &KEY, &salt(2), b"", b"short");
    assert_eq!(memory, (message.as_ptr(), message.capacity()));
    assert_ne!(first, second);
    assert_eq!(**open(&KEY, b"", &message).expect("sound"), *b"short");
}

#[test]
fn impossible_objects_are_refused() {
    for odd in [
        0,
        71,
        SEALED_SEGMENT_BYTES as u64,
        SEALED_SEGMENT_BYTES as u64 + 71,
        2 * SEALED_SEGMENT_BYTES as u64,
        u64::MAX,
    ] {
        assert_eq!(Layout::of_stored(odd), Err(CipherError::Length(odd)));
    }
    assert!(Layout::of(1 << 53).is_err());
    assert!(plain_len(u64::MAX).is_err());
    assert_eq!(Layout::of_stored(72).map(Layout::size), Ok(0));
}
