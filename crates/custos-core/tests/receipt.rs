//! A receipt proves its entry, and nothing that was changed in it.

use custos_core::{
    checkpoint::{Checkpoint, NoteSigner, SignedCheckpoint, TrustPolicy},
    event::{Entry, Opening, SLOTS, leaf_data, slot},
    ids::LeafIndex,
    merkle::{MemoryLog, leaf_hash, prove_inclusion},
    receipt::Receipt,
};
use serde_json::{Value, json};

const ORIGIN: &str = "room.example/log";

fn entry() -> Entry {
    let mut values: [Value; SLOTS] = std::array::from_fn(|_| Value::Null);
    values[slot::V] = json!(1);
    values[slot::ORIGIN] = json!(ORIGIN);
    values[slot::KIND] = json!("view");
    values[slot::TIME] = json!(1_790_000_000_000_000_i64);
    values[slot::SCOPE] = json!("11".repeat(16));
    values[slot::SUBJECT] = json!({"type": "item", "id": "33".repeat(16)});
    values[slot::ROWS] = json!({"facts": null, "rows": []});
    Entry::new(values).expect("the values are of their types")
}

#[test]
fn a_receipt_verifies_under_the_logs_key() {
    let (link, body) = (Opening::from_bytes([1; 32]), Opening::from_bytes([2; 32]));
    let disclosed = entry()
        .disclose(&link, &body, |slot| Receipt::may_open(slot, false))
        .expect("disclosable");
    let mut log: MemoryLog = (0..300_u64).map(|n| leaf_hash(&n.to_be_bytes())).collect();
    log.push(leaf_hash(&leaf_data(disclosed.commitment())));
    log.push(leaf_hash(b"after"));
    let index = LeafIndex::new(300).expect("small");
    let hashes = prove_inclusion(log.size(), index, &log).expect("in the tree");
    let signer = NoteSigner::from_seed(ORIGIN, &[7; 32]).expect("a name");
    let checkpoint = Checkpoint::new(ORIGIN, log.size(), log.root()).expect("a tree head");
    let signed = SignedCheckpoint::sign(checkpoint, &[&signer]).expect("one signature");
    let receipt = Receipt::new(disclosed, index, hashes, signed).expect("it proves its entry");

    let policy = TrustPolicy::of_log(signer.verifier_key().clone());
    let read = Receipt::parse(&receipt.to_bytes()).expect("what was written");
    assert_eq!(read, receipt);
    let endorsement = read.verify(&policy).expect("it holds");
    assert_eq!(&endorsement.log_key, signer.verifier_key());
    assert_eq!(read.summary().kind, "view");

    let other = NoteSigner::from_seed(ORIGIN, &[8; 32]).expect("a name");
    let policy = TrustPolicy::of_log(other.verifier_key().clone());
    assert!(read.verify(&policy).is_err());
}
