//! Defects of content and excerpts.

use custos_core::{
    bundle::Place,
    content::{LEAF_BYTES, TreeKind},
    event::{kind, slot},
    hash::sha256,
    ids::LeafIndex,
};
use serde_json::{Value, json};

use super::{Case, case};
use crate::{
    draft::{Draft, required, shown},
    room::{Event, Room, index},
    samples::{self, CASE_SCOPE, ITEM, TEXT, event, hex, put_item, tree_key},
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
        case("excerpt-beside-its-restored-object", "content", {
            beside_excerpt(kind::RESTORED, CASE_SCOPE, slot::STORED)
        }),
        case("excerpt-beside-the-size-in-another-scope", "content", {
            beside_excerpt(kind::MOVE_IN, "another scope", slot::SIZE)
        }),
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

/// An entry of the whole item, of this kind and scope, with one of its slots open.
pub(super) fn shows(room: &mut Room, of: (&str, &[u8]), kind: &str, scope: &str) -> LeafIndex {
    let added = samples::added(of.0, of.1).into_iter();
    let detail = added.filter(|(slot, _)| kind != kind::RESTORED || *slot == slot::STORED);
    room.append(&Event {
        scope,
        detail: detail.collect(),
        ..event(kind, of.0)
    })
}

fn beside_excerpt(kind: &str, scope: &str, slot: usize) -> Vec<u8> {
    let (mut room, bytes) = samples::excerpt_room();
    let at = shows(&mut room, ("film", &bytes), kind, scope);
    let own = room.append(&event(kind::BUNDLE, "film"));
    let mut draft = samples::excerpt(&room, &bytes);
    draft.files.retain(|name, _| name.starts_with("content/"));
    draft.checkpoint = room.size();
    draft.checkpoints(&room, &[room.size()]);
    draft.control(&room, index(0));
    draft.entry(&room, index(1), |s| required(s) || s == slot::CONTENT_ROOT);
    draft.entry(&room, index(2), required);
    draft.entry(&room, at, |s| required(s) || s == slot);
    draft.entry(&room, own, required);
    draft.seal(&room)
}
