//! Defects of content and redactions.

use custos_core::{
    bundle::Place,
    content::{LEAF_BYTES, TreeKind, leaf_salt},
    event::{kind, slot},
    hash::sha256,
};
use serde_json::{Value, json};

use super::{Case, case};
use crate::{
    draft::{Draft, required, shown},
    room::{Event, Room, id, index},
    samples::{
        self, CASE_SCOPE, ITEM, REDACTED, SHOWN_WORDS, TEXT, event, hex, put_item, runs, tree_key,
    },
};

fn whole(change: impl FnOnce(&Room, &mut Draft)) -> Vec<u8> {
    let room = samples::room();
    let mut draft = samples::whole(&room);
    change(&room, &mut draft);
    draft.seal(&room)
}

fn excerpt(change: impl FnOnce(&Room, &mut Draft, &[u8])) -> Vec<u8> {
    let (room, bytes) = samples::excerpt_room();
    let mut draft = samples::excerpt(&room, &bytes);
    change(&room, &mut draft, &bytes);
    draft.seal(&room)
}

/// A room whose deposit says something else than its bytes, and its bundle.
fn deposited(change: impl FnOnce(&mut [Value; 32])) -> Vec<u8> {
    let mut room = Room::new("room");
    room.append_with(&samples::deposit(ITEM, TEXT.as_bytes()), change);
    room.append(&event(kind::BUNDLE, ITEM));
    let mut draft = Draft::new(("item", ITEM), CASE_SCOPE, 3);
    draft.checkpoints(&room, &[3]);
    draft.control(&room, index(0));
    draft.entry(&room, index(1), shown);
    draft.entry(&room, index(2), shown);
    put_item(&mut draft, ITEM, TEXT.as_bytes());
    draft.seal(&room)
}

pub fn content() -> Vec<Case> {
    let tree = |key: &[u8], kind: u64, number: u64| {
        let value = json!({"kind": kind, "number": number, "tree_key": hex(key)});
        whole(|_, draft| draft.put_json(&Place::Tree, &value))
    };
    let key = tree_key(ITEM);
    let hidden =
        |slot: usize| whole(|room, draft| draft.entry(room, index(1), |s| shown(s) && s != slot));
    let proof = |of: &[u64], kind| {
        excerpt(|_, draft, bytes| {
            let leaves: Vec<&[u8]> = bytes.chunks(LEAF_BYTES).collect();
            let proof = samples::prove(&tree_key("film"), kind, &leaves, of);
            draft.put(&Place::ContentProof, proof.to_jcs().expect("short"));
        })
    };
    let other_text = TEXT.replace("nothing", "a great deal");
    vec![
        case(
            "content-of-other-bytes",
            "content",
            whole(|_, draft| {
                draft.put(&Place::Item, TEXT.replace('w', "v"));
            }),
        ),
        case(
            "content-of-other-length",
            "content",
            whole(|_, draft| {
                draft.put(&Place::Item, other_text);
            }),
        ),
        case(
            "content-not-of-its-deposit-s-size",
            "content",
            deposited(|values| {
                values[slot::SIZE] = json!(TEXT.len() + 1);
            }),
        ),
        case(
            "content-not-of-its-deposit-s-hash",
            "content",
            deposited(|values| {
                values[slot::SHA256] = json!(sha256(&[b"other"]));
            }),
        ),
        case(
            "content-not-of-its-deposit-s-root",
            "content",
            deposited(|values| {
                values[slot::CONTENT_ROOT] = json!(sha256(&[b"other"]));
            }),
        ),
        case(
            "content-with-other-tree-key",
            "content",
            tree(&[1; 32], 1, 0),
        ),
        case(
            "content-with-tree-of-records",
            "content",
            tree(key.as_bytes(), 2, 0),
        ),
        case(
            "content-with-tree-number-1",
            "content",
            tree(key.as_bytes(), 1, 1),
        ),
        case(
            "content-without-tree-key",
            "content",
            whole(|_, draft| {
                draft.files.remove("content/tree.json");
            }),
        ),
        case(
            "content-tree-key-without-item",
            "content",
            whole(|_, draft| {
                draft.files.remove("content/item");
            }),
        ),
        case(
            "content-whose-hash-is-withheld",
            "content",
            hidden(slot::SHA256),
        ),
        case(
            "content-whose-root-is-withheld",
            "content",
            hidden(slot::CONTENT_ROOT),
        ),
        case(
            "content-whole-and-in-leaves",
            "content",
            whole(|_, draft| {
                draft.put(&Place::Leaf(0), "x");
            }),
        ),
        case(
            "excerpt-of-other-bytes",
            "content",
            excerpt(|_, draft, _| {
                draft.file(&Place::Leaf(2))[0] ^= 1;
            }),
        ),
        case(
            "excerpt-with-spare-leaf",
            "content",
            excerpt(|_, draft, _| {
                draft.put(&Place::Leaf(1), "x");
            }),
        ),
        case(
            "excerpt-without-proof",
            "content",
            excerpt(|_, draft, _| {
                draft.files.remove("content/proof.json");
            }),
        ),
        case(
            "excerpt-of-leaf-not-there",
            "content",
            proof(&[1], TreeKind::Content),
        ),
        case(
            "excerpt-of-records",
            "content",
            proof(&[2], TreeKind::Records),
        ),
        case(
            "excerpt-with-spare-hash",
            "content",
            excerpt(|_, draft, _| {
                let place = Place::ContentProof;
                let mut proof: Value = serde_json::from_slice(draft.file(&place)).expect("JSON");
                let hash = proof["hashes"][0].clone();
                proof["hashes"].as_array_mut().expect("an array").push(hash);
                draft.put_json(&place, &proof);
            }),
        ),
        case(
            "excerpt-of-other-count",
            "content",
            excerpt(|_, draft, _| {
                let place = Place::ContentProof;
                let mut proof: Value = serde_json::from_slice(draft.file(&place)).expect("JSON");
                proof["n"] = json!(4);
                draft.put_json(&place, &proof);
            }),
        ),
        case(
            "excerpt-beside-the-whole-hash",
            "content",
            excerpt(|room, draft, _| {
                draft.entry(room, index(1), |slot| {
                    required(slot) || slot == slot::SHA256 || slot == slot::CONTENT_ROOT
                });
            }),
        ),
        case(
            "excerpt-beside-the-size",
            "content",
            excerpt(|room, draft, _| {
                draft.entry(room, index(1), |slot| {
                    required(slot) || slot == slot::SIZE || slot == slot::CONTENT_ROOT
                });
            }),
        ),
    ]
}

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
