//! Defects of redacted copies.

use custos_core::{
    bundle::Place,
    content::leaf_salt,
    event::{kind, slot},
};
use serde_json::{Value, json};

use super::{Case, case, content::shows};
use crate::{
    draft::{Draft, required, shown},
    room::{Event, Room, id, index},
    samples::{self, CASE_SCOPE, REDACTED, SHOWN_WORDS, event, hex, put_item, runs},
};

fn redacted(change: impl FnOnce(&Room, &mut Draft)) -> Vec<u8> {
    let room = samples::redaction_room();
    let mut draft = samples::redaction(&room);
    change(&room, &mut draft);
    draft.seal(&room)
}

/// A copy that was deposited as it is, whatever it says.
fn copied(runs: &Value, copy: &str, words: &[u64]) -> Vec<u8> {
    let room = samples::redaction_room_with(runs, copy);
    samples::redaction_of(&room, copy, words).seal(&room)
}

pub fn redaction() -> Vec<Case> {
    let run =
        |first: u64, last: u64, code: &str| json!({"first": first, "last": last, "code": code});
    let marked = |from: &str, to: &str| copied(&runs(), &REDACTED.replace(from, to), &SHOWN_WORDS);
    let with = |all: &[Value]| copied(&json!(all), REDACTED, &SHOWN_WORDS);
    let seen = |at: u64, slot: usize| {
        redacted(|room, draft| draft.entry(room, index(at), |s| required(s) || s == slot))
    };
    vec![
        case(
            "redaction-with-changed-word",
            "redaction",
            marked("name", "fame"),
        ),
        case(
            "redaction-with-spare-text",
            "redaction",
            marked("S2]", "S2]."),
        ),
        case("redaction-cut-short", "redaction", marked("S2]", "S2")),
        case(
            "redaction-with-other-code",
            "redaction",
            marked("W.1", "W.2"),
        ),
        case(
            "redaction-without-mark",
            "redaction",
            marked("[withheld W.1]", ""),
        ),
        case(
            "redaction-with-odd-code",
            "redaction",
            with(&[run(3, 4, "w.1"), run(7, 7, "S2")]),
        ),
        case(
            "redaction-with-runs-that-overlap",
            "redaction",
            with(&[run(3, 4, "W.1"), run(4, 7, "S2")]),
        ),
        case(
            "redaction-with-run-in-two",
            "redaction",
            with(&[run(3, 3, "W.1"), run(4, 4, "W.1"), run(7, 7, "S2")]),
        ),
        case(
            "redaction-with-run-past-the-end",
            "redaction",
            with(&[run(3, 4, "W.1"), run(7, 8, "S2")]),
        ),
        case(
            "redaction-with-run-too-short",
            "redaction",
            with(&[run(3, 3, "W.1"), run(7, 7, "S2")]),
        ),
        case(
            "redaction-shows-what-it-withholds",
            "redaction",
            copied(&runs(), REDACTED, &[0, 1, 2, 3, 5, 6]),
        ),
        case(
            "redaction-with-proof-of-other-leaves",
            "redaction",
            copied(&runs(), REDACTED, &[0, 1, 2, 5]),
        ),
        case(
            "redaction-beside-the-original-s-hash",
            "redaction",
            seen(1, slot::SHA256),
        ),
        case(
            "redaction-beside-the-original-s-size",
            "redaction",
            seen(1, slot::SIZE),
        ),
        case(
            "redaction-beside-the-original-s-restored-object",
            "redaction",
            beside_redaction(kind::RESTORED, CASE_SCOPE, slot::STORED),
        ),
        case(
            "redaction-beside-the-original-s-hash-in-another-scope",
            "redaction",
            beside_redaction(kind::MOVE_IN, "another scope", slot::SHA256),
        ),
        case("redaction-by-a-deposit", "redaction", by_a_deposit(|_| {})),
        case(
            "redaction-by-a-deposit-with-spare-member",
            "redaction",
            by_a_deposit(|derivation| derivation["more"] = json!(1)),
        ),
        case(
            "redaction-hides-its-record-tree",
            "redaction",
            redacted(|room, draft| draft.entry(room, index(2), required)),
        ),
        case(
            "redaction-hides-its-derivation",
            "redaction",
            redacted(|room, draft| {
                draft.entry(room, index(3), |slot| {
                    shown(slot) && slot != slot::DERIVATION
                });
            }),
        ),
        case(
            "redaction-without-record-tree",
            "redaction",
            redacted(|_, draft| {
                draft.files.remove("entries/2.json");
                draft.files.remove("proofs/2.tlog-proof");
            }),
        ),
        case(
            "redaction-without-original",
            "redaction",
            redacted(|_, draft| {
                draft.files.remove("entries/1.json");
                draft.files.remove("proofs/1.tlog-proof");
            }),
        ),
        case(
            "redaction-with-tree-of-other-item",
            "redaction",
            other_tree(),
        ),
        case(
            "redaction-without-copy",
            "redaction",
            redacted(|_, draft| {
                draft.files.remove("content/item");
                draft.files.remove("content/tree.json");
            }),
        ),
        case(
            "redaction-with-other-salt",
            "redaction",
            redacted(|_, draft| {
                let place = Place::Redaction;
                let mut proof: Value = serde_json::from_slice(draft.file(&place)).expect("JSON");
                proof["leaves"][0]["salt"] = json!(hex(&leaf_salt(&samples::words_key(), 1)));
                draft.put_json(&place, &proof);
            }),
        ),
    ]
}

fn beside_redaction(kind: &str, scope: &str, slot: usize) -> Vec<u8> {
    let mut room = samples::redaction_room();
    let whole = samples::WORDS.concat();
    let at = shows(&mut room, ("original", whole.as_bytes()), kind, scope);
    let mut draft = samples::redaction(&room);
    draft.files.retain(|name, _| name.starts_with("content/"));
    draft.checkpoint = room.size();
    draft.checkpoints(&room, &[room.size()]);
    draft.control(&room, index(0));
    draft.entry(&room, index(1), required);
    draft.entry(&room, index(2), |s| required(s) || s == slot::RECORD_TREE);
    draft.entry(&room, index(3), shown);
    draft.entry(&room, index(4), shown);
    draft.entry(&room, at, |s| required(s) || s == slot);
    draft.seal(&room)
}

/// The copy was deposited, not derived, though its entry has a derivation.
fn by_a_deposit(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut room = samples::redaction_room();
    let mut derivation = json!({
        "sources": [room.c(index(1))], "tool": "custos", "version": "1", "operator": id("actor"),
        "reason": "disclosure", "parameters": {"tree": room.c(index(2)), "runs": runs()},
    });
    change(&mut derivation);
    let mut detail = samples::added("second copy", REDACTED.as_bytes());
    detail.push((slot::DERIVATION, derivation));
    let copy = room.append(&Event {
        detail,
        ..event(kind::DEPOSIT, "second copy")
    });
    let own = room.append(&event(kind::BUNDLE, "second copy"));
    let mut draft = Draft::new(("item", "second copy"), CASE_SCOPE, room.size());
    draft.checkpoints(&room, &[room.size()]);
    draft.control(&room, index(0));
    draft.entry(&room, index(1), required);
    draft.entry(&room, index(2), |slot| {
        required(slot) || slot == slot::RECORD_TREE
    });
    draft.entry(&room, copy, shown);
    draft.entry(&room, own, shown);
    put_item(&mut draft, "second copy", REDACTED.as_bytes());
    let proof = samples::redaction(&samples::redaction_room());
    let bytes = proof.files["content/redaction.json"].clone();
    draft.put(&Place::Redaction, bytes);
    draft.seal(&room)
}

/// The copy names another item's deposit as its original.
fn other_tree() -> Vec<u8> {
    let mut room = samples::redaction_room();
    let another = room.append(&samples::deposit("another", b"another"));
    let derivation = json!({
        "sources": [room.c(another)], "tool": "custos", "version": "1", "operator": id("actor"),
        "reason": "disclosure", "parameters": {"tree": room.c(index(2)), "runs": runs()},
    });
    let mut detail = samples::added("second copy", REDACTED.as_bytes());
    detail.push((slot::DERIVATION, derivation));
    let copy = room.append(&Event {
        detail,
        ..event(kind::DERIVE, "second copy")
    });
    let own = room.append(&event(kind::BUNDLE, "second copy"));
    let mut draft = Draft::new(("item", "second copy"), CASE_SCOPE, room.size());
    draft.checkpoints(&room, &[room.size()]);
    draft.control(&room, index(0));
    draft.entry(&room, another, required);
    draft.entry(&room, index(2), |slot| {
        required(slot) || slot == slot::RECORD_TREE
    });
    draft.entry(&room, copy, shown);
    draft.entry(&room, own, shown);
    put_item(&mut draft, "second copy", REDACTED.as_bytes());
    let proof = samples::redaction(&samples::redaction_room());
    let bytes = proof.files["content/redaction.json"].clone();
    draft.put(&Place::Redaction, bytes);
    draft.seal(&room)
}
