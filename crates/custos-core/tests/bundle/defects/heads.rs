//! Defects of checkpoints, witnesses, consistency and held receipts.

use custos_core::{
    bundle::Place,
    checkpoint::{Checkpoint, Cosigner, NoteSigner, SignedCheckpoint, SignedNote},
    hash::sha256,
};
use serde_json::json;

use super::{Case, case};
use crate::{
    draft::Draft,
    room::{ORIGIN, Room, WITNESS, index},
    samples::{self, event},
};

fn base() -> (Room, Draft) {
    let room = samples::room();
    let draft = samples::whole(&room);
    (room, draft)
}

/// The valid bundle with other bytes for one file.
fn with(place: &Place, bytes: impl Into<Vec<u8>>) -> Vec<u8> {
    let (room, mut draft) = base();
    draft.put(place, bytes);
    draft.seal(&room)
}

fn without(place: &Place) -> Vec<u8> {
    let (room, mut draft) = base();
    draft.files.remove(&place.to_string());
    draft.seal(&room)
}

const OLD: Place = Place::Checkpoint(3);
const NEW: Place = Place::Checkpoint(7);
const JOINT: Place = Place::Consistency { old: 3, new: 7 };

/// Signs a checkpoint by a key that is not the room's.
fn signed_by(key: &NoteSigner, origin: &str, size: u64) -> Vec<u8> {
    let checkpoint = Checkpoint::new(origin, size, sha256(&[b"root"])).expect("a good origin");
    SignedCheckpoint::sign(checkpoint, &[key])
        .expect("one key")
        .as_bytes()
        .to_vec()
}

pub fn checkpoint() -> Vec<Case> {
    let (room, draft) = base();
    let stranger = NoteSigner::from_seed(ORIGIN, &[9; 32]).expect("a good name");
    let other = NoteSigner::from_seed("other.example/log", &[9; 32]).expect("a good name");
    let old = room.checkpoint(3, false).as_bytes().to_vec();
    let other_text = Checkpoint::new(ORIGIN, 3, sha256(&[b"root"])).expect("a good origin");
    let line = room.log_key.sign("another text\n").to_line();
    let forged = format!("{}\n{line}", other_text.text());
    let longer = format!("{}extension\n", other_text.text());
    let longer = SignedNote::sign(&longer, &[&room.log_key]).expect("a good text");
    let mut fewer = draft.clone();
    fewer.over.insert("checkpoint".into(), json!(6));
    let mut unnamed = draft.clone();
    unnamed.put(&Place::Checkpoint(6), room.checkpoint(6, true).as_bytes());
    unnamed.over.insert("checkpoint".into(), json!(6));
    vec![
        case(
            "checkpoint-by-unknown-key",
            "checkpoint",
            with(&OLD, signed_by(&stranger, ORIGIN, 3)),
        ),
        case(
            "checkpoint-of-other-log",
            "checkpoint",
            with(&OLD, signed_by(&other, "other.example/log", 3)),
        ),
        case(
            "checkpoint-under-other-size",
            "checkpoint",
            with(&Place::Checkpoint(4), old),
        ),
        case(
            "checkpoint-with-false-signature",
            "checkpoint",
            with(&OLD, forged),
        ),
        case(
            "checkpoint-with-extension-line",
            "checkpoint",
            with(&OLD, longer.as_bytes()),
        ),
        case("checkpoint-newest-missing", "checkpoint", without(&NEW)),
        case(
            "checkpoint-newest-not-there",
            "checkpoint",
            fewer.seal(&room),
        ),
        case(
            "checkpoint-newer-than-named",
            "checkpoint",
            unnamed.seal(&room),
        ),
    ]
}

pub fn witness() -> Vec<Case> {
    let (room, mut draft) = base();
    // The proofs carry the newest checkpoint byte for byte, but step `witness` comes first.
    let newest = room.checkpoint(7, false);
    let cosigned = |cosigner: &Cosigner, text: &str| {
        let line = cosigner.cosign(text, 1_790_000_420);
        newest
            .with_signature(line)
            .expect("small")
            .as_bytes()
            .to_vec()
    };
    let stranger = Cosigner::from_seed(WITNESS, &[9; 32]).expect("a good name");
    let older = room.checkpoint(3, false);
    let false_line = cosigned(&room.witness, older.note().text());
    draft.put(
        &OLD,
        older
            .with_signature(room.witness.cosign("other\n", 5))
            .expect("small")
            .as_bytes(),
    );
    vec![
        case("witness-missing", "witness", with(&NEW, newest.as_bytes())),
        case(
            "witness-unknown",
            "witness",
            with(&NEW, cosigned(&stranger, newest.note().text())),
        ),
        case(
            "witness-of-other-checkpoint",
            "witness",
            with(&NEW, false_line),
        ),
        case(
            "witness-false-on-older-checkpoint",
            "witness",
            draft.seal(&room),
        ),
    ]
}

pub fn consistency() -> Vec<Case> {
    let (room, draft) = base();
    let good = room.consistency(3, 7);
    let mut changed = good.clone();
    changed[0] = sha256(&[b"other"]);
    let spare = [good.as_slice(), &good[..1]].concat();
    let mut fork = Room::new("another history");
    fork.append(&samples::deposit("x", b"x"));
    fork.append(&event("view", "x"));
    let mut far = draft.clone();
    far.checkpoints(&room, &[3, 5, 7]);
    let mut no_hash = draft.clone();
    no_hash.put_json(&JOINT, &json!([1]));
    let jcs = |hashes: &[_]| serde_json::to_vec(&json!(hashes)).expect("JSON");
    vec![
        case("consistency-missing", "consistency", without(&JOINT)),
        case(
            "consistency-with-other-hash",
            "consistency",
            with(&JOINT, jcs(&changed)),
        ),
        case(
            "consistency-with-spare-hash",
            "consistency",
            with(&JOINT, jcs(&spare)),
        ),
        case(
            "consistency-not-of-hashes",
            "consistency",
            no_hash.seal(&room),
        ),
        case(
            "consistency-of-two-histories",
            "consistency",
            with(&OLD, fork.checkpoint(3, false).as_bytes()),
        ),
        case(
            "consistency-not-of-neighbours",
            "consistency",
            far.seal(&room),
        ),
    ]
}

pub fn held() -> Vec<Case> {
    let (room, draft) = base();
    let bytes = draft.seal(&room);
    let held = |name, receipt, bytes: &[u8]| Case {
        held: vec![(name, receipt)],
        ..case(name, "held", bytes.to_vec())
    };
    // The same entries, then another one: one more history of the same log.
    let mut fork = Room::new("room");
    fork.append(&samples::deposit(samples::ITEM, samples::TEXT.as_bytes()));
    fork.append(&event("view", "another"));
    let mut other = Room::new("another history");
    other.append(&samples::deposit(samples::ITEM, samples::TEXT.as_bytes()));
    let mut later = samples::room();
    later.append(&event("view", "another"));
    let mut joined = draft.clone();
    let joint = Place::Consistency { old: 2, new: 3 };
    joined.put_json(&joint, &json!([sha256(&[b"other"])]));
    vec![
        held("held-of-entry-not-there", room.receipt(index(3), 7), &bytes),
        held("held-of-other-entry", other.receipt(index(1), 2), &bytes),
        held(
            "held-of-other-tree-of-same-size",
            fork.receipt(index(1), 3),
            &bytes,
        ),
        held(
            "held-newer-than-the-bundle",
            later.receipt(index(1), 8),
            &bytes,
        ),
        held(
            "held-not-continued",
            room.receipt(index(1), 2),
            &joined.seal(&room),
        ),
    ]
}
