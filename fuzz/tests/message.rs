//! Messages: whatever is altered, cut or added, nothing but the sealed bytes ever opens.

use bolero::check;
use custos_core::cipher::{CHUNK_BYTES, HEADER_BYTES, Opener, Salt, open, seal};

const KEY: [u8; 32] = [7; 32];

#[test]
fn message() {
    check!().for_each(|bytes: &[u8]| {
        // No one can make a message for a key that they do not have.
        assert!(open(&KEY, b"fuzz", bytes).is_err());
        if let Some((header, chunk)) = bytes.split_first_chunk::<HEADER_BYTES>() {
            assert!(Opener::new(&KEY, chunk, header).is_err());
        }
    });
}

#[test]
fn altered_message() {
    type Edit = (u16, u16, Vec<u8>, u16);
    check!()
        .with_type()
        .for_each(|(length, at, put, cut): &Edit| {
            let plain = vec![0x5a; usize::from(*length) % (CHUNK_BYTES + 64)];
            let sealed = seal(&KEY, &Salt::from_bytes([1; Salt::BYTES]), b"fuzz", &plain);
            let at = usize::from(*at) % (sealed.len() + 1);
            let cut = usize::from(*cut).min(sealed.len() - at);
            let mut altered = sealed.clone();
            altered.splice(at..at + cut, put.iter().copied());
            match open(&KEY, b"fuzz", &altered) {
                Ok(opened) => assert!(altered == sealed && *opened == plain),
                Err(_) => assert!(altered != sealed),
            }
        });
}
