//! Checkpoints: what is read is written back, and no edit makes another tree head trusted.

mod log;

use bolero::check;
use custos_core::checkpoint::{Checkpoint, SignedCheckpoint, TrustPolicy, VerifierKey};

#[test]
fn checkpoint() {
    check!().for_each(|bytes: &[u8]| {
        if let Ok(signed) = SignedCheckpoint::parse(bytes) {
            assert_eq!(signed.as_bytes(), bytes);
        }
        if let Ok(text) = std::str::from_utf8(bytes) {
            if let Ok(checkpoint) = Checkpoint::parse(text) {
                assert_eq!(checkpoint.text(), text);
            }
            if let Ok(key) = text.parse::<VerifierKey>() {
                assert_eq!(key.to_string(), text);
            }
        }
    });
}

#[test]
fn edited_checkpoint() {
    let notes = log::valid("checkpoint.json", "valid", "note");
    let keys = log::valid("checkpoint.json", "keys", "vkey");
    let policy = TrustPolicy::of_log(keys[0].parse().expect("a vkey"));
    check!()
        .with_type()
        .for_each(|(choice, edit): &(u8, log::Edit)| {
            let (choice, bytes) = log::edited(&notes, *choice, edit);
            let Ok(signed) = SignedCheckpoint::parse(&bytes) else {
                return;
            };
            assert_eq!(signed.as_bytes(), bytes);
            if policy.verify_newest(&signed).is_ok() {
                assert!(notes[choice].starts_with(&signed.checkpoint().text()));
            }
        });
}
