//! Policies: any bytes are answered, and without a log's signature nothing is trusted.

mod log;

use bolero::check;
use custos_core::checkpoint::{SignedCheckpoint, TrustPolicy};

#[test]
fn trust_policy() {
    let keys = log::valid("checkpoint.json", "keys", "vkey");
    let policy = TrustPolicy::of_log(keys[0].parse().expect("a vkey"));
    check!().for_each(|bytes: &[u8]| {
        let _ = TrustPolicy::parse(bytes);
        let _ = policy.clone().with_trust_json(bytes);
    });
}

#[test]
fn edited_policy() {
    let policies = log::valid("checkpoint.json", "valid_policies", "policy");
    let notes = log::valid("checkpoint.json", "valid", "note");
    check!()
        .with_type()
        .for_each(|(choice, note, edit): &(u8, u8, log::Edit)| {
            let (_, bytes) = log::edited(&policies, *choice, edit);
            let Ok(policy) = TrustPolicy::parse(&bytes) else {
                return;
            };
            let note = &notes[usize::from(*note) % notes.len()];
            let signed = SignedCheckpoint::parse(note.as_bytes()).expect("a valid vector");
            if let Ok(endorsement) = policy.verify_newest(&signed) {
                let trusted = policy.logs().iter().map(|log| log.key());
                assert!(trusted.into_iter().any(|key| *key == endorsement.log_key));
            }
        });
}

#[test]
fn edited_trust() {
    let files = log::valid("checkpoint.json", "valid_trust", "trust");
    let keys = log::valid("checkpoint.json", "keys", "vkey");
    let policy = TrustPolicy::of_log(keys[0].parse().expect("a vkey"));
    check!()
        .with_type()
        .for_each(|(choice, edit): &(u8, log::Edit)| {
            let (_, bytes) = log::edited(&files, *choice, edit);
            let _ = policy.clone().with_trust_json(&bytes);
        });
}
