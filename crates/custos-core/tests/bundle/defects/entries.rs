//! Defects of entries, proofs, the bundle's key and the chains.

use custos_core::{
    bundle::Place,
    checkpoint::NoteSigner,
    event::{ControlKind, kind, slot},
    hash::sha256,
    ids::LeafIndex,
    receipt::TlogProof,
};
use serde_json::{Value, json};

use super::{Case, case, packing::replace};
use crate::{
    draft::{Draft, required, shown},
    room::{BUNDLE_KEY, Event, Room, index},
    samples::{self, CASE_SCOPE, ITEM, event},
};

fn base() -> (Room, Draft) {
    let room = samples::room();
    let draft = samples::whole(&room);
    (room, draft)
}

fn spoilt(change: impl FnOnce(&Room, &mut Draft)) -> Vec<u8> {
    let (room, mut draft) = base();
    change(&room, &mut draft);
    draft.seal(&room)
}

fn entry_json(draft: &mut Draft, at: u64) -> Value {
    serde_json::from_slice(draft.file(&Place::Entry(index(at)))).expect("JSON")
}

pub fn entry() -> Vec<Case> {
    let changed = |change: &dyn Fn(&mut Value)| {
        spoilt(|_, draft| {
            let mut entry = entry_json(draft, 2);
            change(&mut entry);
            draft.put_json(&Place::Entry(index(2)), &entry);
        })
    };
    let open = |at: u64, open: &dyn Fn(usize) -> bool| {
        spoilt(|room, draft| draft.entry(room, index(at), open))
    };
    let control = |from: &[u8], to: &[u8]| {
        spoilt(|_, draft| {
            let place = Place::Control(index(4));
            let bytes = replace(draft.file(&place), from, to);
            draft.put(&place, bytes);
        })
    };
    vec![
        case(
            "entry-with-31-slots",
            "entry",
            changed(&|entry| {
                entry.as_array_mut().expect("an array").pop();
            }),
        ),
        case(
            "entry-with-key-and-commitment",
            "entry",
            changed(&|entry| {
                entry[6]["c"] = json!("00".repeat(32));
            }),
        ),
        case(
            "entry-with-slot-of-other-type",
            "entry",
            changed(&|entry| {
                entry[slot::TIME]["value"] = json!("now");
            }),
        ),
        case(
            "entry-of-other-log",
            "entry",
            changed(&|entry| {
                entry[slot::ORIGIN]["value"] = json!("other.example/log");
            }),
        ),
        case(
            "entry-of-unknown-subject-type",
            "entry",
            changed(&|entry| {
                entry[slot::SUBJECT]["value"]["type"] = json!("item, which the court found true");
            }),
        ),
        case(
            "entry-with-text-as-hex",
            "entry",
            spoilt(|_, draft| {
                let mut entry = entry_json(draft, 1);
                entry[slot::DESCRIPTION]["value"] = json!({
                    "reference": "JS/1", "description": "", "file_name": {"hex": "612e747874"},
                });
                draft.put_json(&Place::Entry(index(1)), &entry);
            }),
        ),
        case(
            "entry-of-version-2",
            "entry",
            changed(&|entry| {
                entry[slot::V]["value"] = json!(2);
            }),
        ),
        case(
            "entry-with-first-number-and-predecessor",
            "entry",
            changed(&|entry| {
                entry[slot::SUBJECT_NTH]["value"] = json!(1);
            }),
        ),
        case(
            "entry-not-canonical",
            "entry",
            spoilt(|_, draft| {
                draft.file(&Place::Entry(index(2))).push(b'\n');
            }),
        ),
        case(
            "entry-shows-bound-rows",
            "entry",
            open(2, &|slot| shown(slot) || slot == slot::ROWS),
        ),
        case(
            "entry-with-detail-but-no-kind",
            "entry",
            spoilt(|room, draft| {
                let hidden = room
                    .entry(index(1), |slot| slot < 2)
                    .to_jcs()
                    .expect("short");
                let hidden: Value = serde_json::from_slice(&hidden).expect("JSON");
                let mut entry = entry_json(draft, 1);
                entry[slot::KIND] = hidden[slot::KIND].clone();
                draft.put_json(&Place::Entry(index(1)), &entry);
            }),
        ),
        case(
            "entry-not-below-the-checkpoint",
            "entry",
            spoilt(|_, draft| {
                let bytes = draft.file(&Place::Entry(index(2))).clone();
                draft.put(&Place::Entry(index(7)), bytes);
            }),
        ),
        case(
            "entry-and-control-entry-at-one-index",
            "entry",
            spoilt(|_, draft| {
                let bytes = draft.file(&Place::Entry(index(2))).clone();
                draft.put(&Place::Entry(index(4)), bytes);
            }),
        ),
        case(
            "entry-in-place-of-the-first",
            "entry",
            spoilt(|_, draft| {
                let bytes = draft.file(&Place::Entry(index(2))).clone();
                draft.put(&Place::Entry(index(0)), bytes);
            }),
        ),
        case(
            "entry-stands-twice",
            "entry",
            spoilt(|_, draft| {
                let bytes = draft.file(&Place::Entry(index(2))).clone();
                draft.put(&Place::Entry(index(3)), bytes);
            }),
        ),
        case(
            "control-of-version-2",
            "entry",
            control(br#""v":1"#, br#""v":2"#),
        ),
        case(
            "control-opens-a-log-twice",
            "entry",
            control(br#""kind":"keys""#, br#""kind":"open""#),
        ),
        case(
            "control-of-other-log",
            "entry",
            control(br#""origin":"room."#, br#""origin":"rook."#),
        ),
    ]
}

pub fn inclusion() -> Vec<Case> {
    let proof = |change: &dyn Fn(&Room) -> TlogProof| {
        spoilt(|room, draft| draft.put(&Place::Proof(index(2)), change(room).to_bytes()))
    };
    let new = |at: LeafIndex, hashes, extra, room: &Room, size| {
        TlogProof::new(at, hashes, extra, room.checkpoint(size, true)).expect("of its form")
    };
    let at = index(2);
    vec![
        case(
            "inclusion-without-proof",
            "inclusion",
            spoilt(|_, draft| {
                draft.files.remove("proofs/2.tlog-proof");
            }),
        ),
        case(
            "inclusion-without-proof-of-control",
            "inclusion",
            spoilt(|_, draft| {
                draft.files.remove("proofs/4.tlog-proof");
            }),
        ),
        case(
            "inclusion-without-entry",
            "inclusion",
            spoilt(|room, draft| draft.proof(room, index(3))),
        ),
        case(
            "inclusion-with-other-hash",
            "inclusion",
            proof(&|room| {
                let mut hashes = room.inclusion(at, 7);
                hashes[0] = sha256(&[b"other"]);
                new(at, hashes, None, room, 7)
            }),
        ),
        case(
            "inclusion-with-spare-hash",
            "inclusion",
            proof(&|room| {
                let mut hashes = room.inclusion(at, 7);
                hashes.push(hashes[0]);
                new(at, hashes, None, room, 7)
            }),
        ),
        case(
            "inclusion-of-other-index",
            "inclusion",
            proof(&|room| new(index(1), room.inclusion(index(1), 7), None, room, 7)),
        ),
        case(
            "inclusion-in-older-checkpoint",
            "inclusion",
            proof(&|room| new(at, room.inclusion(at, 3), None, room, 3)),
        ),
        case(
            "inclusion-with-extra-data",
            "inclusion",
            proof(&|room| new(at, room.inclusion(at, 7), Some(b"extra".to_vec()), room, 7)),
        ),
        case(
            "inclusion-with-one-signature-less",
            "inclusion",
            proof(&|room| {
                let hashes = room.inclusion(at, 7);
                TlogProof::new(at, hashes, None, room.checkpoint(7, false)).expect("of its form")
            }),
        ),
        case(
            "inclusion-of-changed-value",
            "inclusion",
            spoilt(|_, draft| {
                let mut entry = entry_json(draft, 2);
                entry[slot::ROLE]["value"] = json!("judge");
                draft.put_json(&Place::Entry(at), &entry);
            }),
        ),
        case(
            "inclusion-of-changed-commitment",
            "inclusion",
            spoilt(|_, draft| {
                let mut entry = entry_json(draft, 2);
                entry[slot::ROWS]["c"] = json!("00".repeat(32));
                draft.put_json(&Place::Entry(at), &entry);
            }),
        ),
        case(
            "inclusion-of-changed-control",
            "inclusion",
            spoilt(|room, draft| {
                let place = Place::Control(index(4));
                let key = room.bundle_key.verifier_key().to_string();
                let more = format!(r#"["{key}","{key}"]"#);
                let bytes = replace(
                    draft.file(&place),
                    format!(r#"["{key}"]"#).as_bytes(),
                    more.as_bytes(),
                );
                draft.put(&place, bytes);
            }),
        ),
    ]
}

pub fn key() -> Vec<Case> {
    let (room, draft) = base();
    let stranger = NoteSigner::from_seed(BUNDLE_KEY, &[9; 32]).expect("a good name");
    let mut older = draft.clone();
    older.control = 0;
    older.control(&room, index(0));
    older.control(&room, index(4));
    let mut missing = draft.clone();
    missing.control = 0;
    // The control entry that counts names another key.
    let mut other = Room::new("room");
    other.append(&samples::deposit(ITEM, samples::TEXT.as_bytes()));
    other.control_of(ControlKind::Keys, vec![stranger.verifier_key().to_string()]);
    other.append(&event(kind::BUNDLE, ITEM));
    let mut replaced = Draft::new(("item", ITEM), CASE_SCOPE, 4);
    replaced.control = 2;
    replaced.checkpoints(&other, &[4]);
    replaced.control(&other, index(2));
    replaced.entry(&other, index(1), shown);
    replaced.entry(&other, index(3), shown);
    let text = draft.text();
    let line = room.bundle_key.sign("another text\n").to_line();
    let forged = [&text[..], b"\n", line.as_bytes()].concat();
    vec![
        case("key-unknown", "key", draft.seal_by(&stranger)),
        case("key-of-the-log", "key", draft.seal_by(&room.log_key)),
        case(
            "key-with-false-signature",
            "key",
            crate::draft::pack(&forged, &draft.files),
        ),
        case("key-no-longer-named", "key", replaced.seal(&other)),
        case("key-by-older-control-entry", "key", older.seal(&room)),
        case("key-control-entry-missing", "key", missing.seal(&room)),
    ]
}

/// A bundle of a room that went wrong: the subject's entries stand at `of`.
fn history(room: &Room, of: &[u64], open: impl Fn(usize) -> bool + Copy) -> Vec<u8> {
    let mut draft = Draft::new(("item", ITEM), CASE_SCOPE, room.size());
    draft.checkpoints(room, &[room.size()]);
    draft.control(room, index(0));
    for at in of {
        draft.entry(room, index(*at), open);
    }
    draft.seal(room)
}

fn started() -> Room {
    let mut room = Room::new("room");
    room.append(&samples::deposit(ITEM, samples::TEXT.as_bytes()));
    room.append(&event("view", ITEM));
    room
}

pub fn chain() -> Vec<Case> {
    let whole = |room: &Room| history(room, &[1, 2, 3], shown);
    let bundle = event(kind::BUNDLE, ITEM);
    let last = |change: &dyn Fn(&Room, &mut [Value; 32])| {
        let mut room = started();
        let before = started();
        room.append_with(&bundle, |values| change(&before, values));
        whole(&room)
    };
    let mut good = started();
    good.append(&bundle);
    let mut unfinished = started();
    unfinished.append(&event("view", ITEM));
    let mut backwards = started();
    backwards.append_with(&bundle, |values| values[slot::TIME] = json!(5));
    let hidden = |slot: usize| history(&good, &[1, 2, 3], move |s| required(s) && s != slot);
    vec![
        case("chain-with-gap", "chain", history(&good, &[1, 3], shown)),
        case(
            "chain-without-first",
            "chain",
            history(&good, &[2, 3], shown),
        ),
        case("chain-without-any", "chain", history(&good, &[], shown)),
        case("chain-not-ended-by-a-bundle", "chain", whole(&unfinished)),
        case(
            "chain-with-number-twice",
            "chain",
            last(&|room, values| {
                values[slot::SUBJECT_NTH] = json!(2);
                values[slot::SUBJECT_PREV] = json!(room.c(index(1)));
            }),
        ),
        case(
            "chain-with-number-left-out",
            "chain",
            last(&|_, values| {
                values[slot::SUBJECT_NTH] = json!(4);
            }),
        ),
        case(
            "chain-with-other-predecessor",
            "chain",
            last(&|room, values| {
                values[slot::SUBJECT_PREV] = json!(room.c(index(1)));
            }),
        ),
        case(
            "chain-of-the-scope-broken",
            "chain",
            last(&|_, values| {
                values[slot::SCOPE_PREV] = json!(sha256(&[b"other"]));
            }),
        ),
        case(
            "chain-of-the-scope-repeats-a-number",
            "chain",
            last(&|room, values| {
                values[slot::SCOPE_NTH] = json!(2);
                values[slot::SCOPE_PREV] = json!(room.c(index(1)));
            }),
        ),
        case(
            "chain-begins-again",
            "chain",
            last(&|_, values| {
                values[slot::SCOPE_NTH] = json!(1);
                values[slot::SCOPE_PREV] = json!(null);
            }),
        ),
        case("chain-goes-back-in-time", "chain", whole(&backwards)),
        case(
            "chain-names-entry-of-other-chain",
            "chain",
            last(&|room, values| {
                values[slot::ITEM_NTH] = json!(7);
                values[slot::ITEM_PREV] = json!(room.c(index(2)));
            }),
        ),
        case("chain-hides-a-kind", "chain", hidden(slot::KIND)),
        case("chain-hides-a-number", "chain", hidden(slot::SUBJECT_NTH)),
        case(
            "chain-hides-a-predecessor",
            "chain",
            hidden(slot::SUBJECT_PREV),
        ),
        case("chain-hides-a-subject", "chain", hidden(slot::SUBJECT)),
        case("chain-hides-a-scope", "chain", hidden(slot::SCOPE)),
        case("chain-of-other-items-broken", "chain", items()),
        case("chain-forks", "chain", fork()),
    ]
}

/// The chain of items is broken between two entries that are only beside the subject's.
fn items() -> Vec<u8> {
    let mut room = started();
    let other = Event {
        detail: samples::added("b", b"b"),
        ..event(kind::DEPOSIT, "b")
    };
    room.append_with(&other, |values| {
        values[slot::ITEM_PREV] = json!(sha256(&[b"other"]))
    });
    room.append(&event(kind::BUNDLE, ITEM));
    history(&room, &[1, 2, 3, 4], shown)
}

/// Two items follow the same one; the number of the second is withheld.
fn fork() -> Vec<u8> {
    let mut room = started();
    let first = room.c(index(1));
    room.append(&samples::deposit("b", b"b"));
    room.append_with(&samples::deposit("c", b"c"), |values| {
        values[slot::ITEM_NTH] = json!(2);
        values[slot::ITEM_PREV] = json!(first);
    });
    room.append(&event(kind::BUNDLE, ITEM));
    let mut draft = Draft::new(("item", ITEM), CASE_SCOPE, room.size());
    draft.checkpoints(&room, &[room.size()]);
    draft.control(&room, index(0));
    for at in [1, 2, 3, 5] {
        draft.entry(&room, index(at), shown);
    }
    draft.entry(&room, index(4), |slot| {
        shown(slot) && slot != slot::ITEM_NTH
    });
    draft.seal(&room)
}
