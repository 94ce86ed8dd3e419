//! The valid bundles that the vectors begin with.

use custos_core::{
    bundle::{Part, Place},
    content::{
        ContentHasher, LEAF_BYTES, MultiProof, ShownLeaf, TreeKey, TreeKind, leaf_hash, leaf_salt,
        logged_root, root,
    },
    event::{ControlKind, kind, slot},
    hash::{Hash, sha256},
    ids::LeafIndex,
};
use serde_json::{Value, json};

use crate::{
    draft::{Draft, required, shown},
    room::{Event, Room, id, index, seed},
};

pub const CASE_SCOPE: &str = "open scope";
pub const ITEM: &str = "statement";
pub const TEXT: &str = "Exhibit JS/1. The statement of a witness, who says nothing of weight.\n";

/// Detail of an adding entry for these bytes.
pub fn added(name: &str, bytes: &[u8]) -> Vec<(usize, Value)> {
    let mut hasher = ContentHasher::new(tree_key(name));
    hasher.update(bytes);
    let root = hasher.finish().logged_root(TreeKind::Content);
    vec![
        (slot::SIZE, json!(bytes.len())),
        (slot::SHA256, json!(sha256(&[bytes]))),
        (slot::CONTENT_ROOT, json!(root)),
        (slot::MEDIA_TYPE, json!("text/plain")),
        (
            slot::STORED,
            json!({"object": id("object"), "suite": 1, "segments": 1, "size": bytes.len(),
                "heads": sha256(&[b"heads"]), "blake3": sha256(&[b"blake3"])}),
        ),
    ]
}

pub fn tree_key(name: &str) -> TreeKey {
    TreeKey::from_bytes(seed(&format!("tree key of {name}")))
}

pub fn event<'a>(kind: &'a str, item: &'a str) -> Event<'a> {
    Event {
        kind,
        scope: CASE_SCOPE,
        subject: ("item", item),
        detail: Vec::new(),
    }
}

pub fn deposit<'a>(item: &'a str, bytes: &[u8]) -> Event<'a> {
    Event {
        detail: added(item, bytes),
        ..event(kind::DEPOSIT, item)
    }
}

/// A room with one statement, deposited, looked at and exported: entries 1, 2 and 5; 3 is of
/// another item, 4 a control entry. The log goes on for one entry more.
pub fn room() -> Room {
    let mut room = Room::new("room");
    room.append(&deposit(ITEM, TEXT.as_bytes()));
    room.append(&event("view", ITEM));
    room.append(&deposit("another", b"another"));
    room.control(ControlKind::Keys);
    room.append(&event(kind::BUNDLE, ITEM));
    room.append(&event("view", "another"));
    room
}

/// The bundle of a whole item.
pub fn whole(room: &Room) -> Draft {
    let mut draft = Draft::new(("item", ITEM), CASE_SCOPE, 7);
    draft.control = 4;
    draft.checkpoints(room, &[3, 7]);
    draft.control(room, index(4));
    for at in [1, 2, 5] {
        draft.entry(room, index(at), shown);
    }
    put_item(&mut draft, ITEM, TEXT.as_bytes());
    draft.put(&Place::Readme, "Check the files with sha256sum.\n");
    let key = room.bundle_key.verifier_key().to_string();
    draft.put(
        &Place::Key("keys/bundle.vkey".parse().expect("a good name")),
        key,
    );
    draft
}

pub fn put_item(draft: &mut Draft, name: &str, bytes: &[u8]) {
    draft.put(&Place::Item, bytes);
    let key = hex(tree_key(name).as_bytes());
    draft.put_json(
        &Place::Tree,
        &json!({"kind": 1, "number": 0, "tree_key": key}),
    );
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A room in which a long file was deposited as entry 1 and exported as entry 2.
pub fn excerpt_room() -> (Room, Vec<u8>) {
    let mut room = Room::new("excerpt");
    let bytes: Vec<u8> = (0..2 * LEAF_BYTES + 500).map(|i| (i % 251) as u8).collect();
    room.append(&deposit("film", &bytes));
    room.append(&event(kind::BUNDLE, "film"));
    (room, bytes)
}

/// The last leaf of three, with what confirms no guess at the others.
pub fn excerpt(room: &Room, bytes: &[u8]) -> Draft {
    let mut draft = Draft::new(("item", "film"), CASE_SCOPE, 3);
    draft.checkpoints(room, &[3]);
    draft.control(room, index(0));
    let partly = |slot| required(slot) || matches!(slot, slot::TIME | slot::CONTENT_ROOT);
    draft.entry(room, index(1), partly);
    draft.entry(room, index(2), partly);
    let leaves: Vec<&[u8]> = bytes.chunks(LEAF_BYTES).collect();
    let proof = prove(&tree_key("film"), TreeKind::Content, &leaves, &[2]);
    draft.put(&Place::ContentProof, proof.to_jcs().expect("short"));
    draft.put(&Place::Leaf(2), leaves[2]);
    draft.withheld = vec![Part::Content];
    draft
}

/// The multi-proof of some of the leaves.
pub fn prove(key: &TreeKey, kind: TreeKind, leaves: &[&[u8]], of: &[u64]) -> MultiProof {
    let hashes = leaf_hashes(key, kind, leaves);
    let shown = of.iter().map(|i| ShownLeaf {
        index: *i,
        length: leaves[*i as usize].len() as u32,
        salt: leaf_salt(key, *i),
    });
    MultiProof::from_leaves(&hashes, shown.collect()).expect("in order")
}

pub fn leaf_hashes(key: &TreeKey, kind: TreeKind, leaves: &[&[u8]]) -> Vec<Hash> {
    let salted = leaves.iter().zip(0..);
    salted
        .map(|(bytes, i)| leaf_hash(kind, &leaf_salt(key, i), bytes))
        .collect()
}

/// The words of a statement of which some are withheld.
pub const WORDS: [&str; 8] = [
    "My ", "name ", "is ", "Anna ", "Bell ", "and ", "I ", "saw.",
];
pub const REDACTED: &str = "My name is [withheld W.1]and I [withheld S2]";
/// Records shown of [`WORDS`].
pub const SHOWN_WORDS: [u64; 5] = [0, 1, 2, 5, 6];

pub fn runs() -> Value {
    json!([{"first": 3, "last": 4, "code": "W.1"}, {"first": 7, "last": 7, "code": "S2"}])
}

/// Entry 1 adds the original, 2 its record tree, 3 the redacted copy, 4 exports the copy.
pub fn redaction_room() -> Room {
    redaction_room_with(&runs(), REDACTED)
}

pub fn redaction_room_with(runs: &Value, copy: &str) -> Room {
    let mut room = Room::new("redaction");
    room.append(&deposit("original", WORDS.concat().as_bytes()));
    let words: Vec<&[u8]> = WORDS.iter().map(|word| word.as_bytes()).collect();
    let hashes = leaf_hashes(&words_key(), TreeKind::Records, &words);
    let root = logged_root(TreeKind::Records, 8, &root(&hashes).expect("eight records"));
    let tree = room.append(&Event {
        detail: vec![(
            slot::RECORD_TREE,
            json!({"number": 1, "rule": "words", "n": 8, "root": root}),
        )],
        ..event(kind::RECORD_TREE, "original")
    });
    let derivation = json!({
        "sources": [room.c(index(1))], "tool": "custos", "version": "1", "operator": id("actor"),
        "reason": "disclosure", "parameters": {"tree": room.c(tree), "runs": runs},
    });
    let mut detail = added("copy", copy.as_bytes());
    detail.push((slot::DERIVATION, derivation));
    room.append(&Event {
        detail,
        ..event(kind::DERIVE, "copy")
    });
    room.append(&event(kind::BUNDLE, "copy"));
    room
}

pub fn words_key() -> TreeKey {
    TreeKey::from_bytes(seed("tree key of words"))
}

/// The redacted copy with the proof of what it shows.
pub fn redaction(room: &Room) -> Draft {
    redaction_of(room, REDACTED, &SHOWN_WORDS)
}

pub fn redaction_of(room: &Room, copy: &str, words: &[u64]) -> Draft {
    let mut draft = Draft::new(("item", "copy"), CASE_SCOPE, 5);
    draft.checkpoints(room, &[5]);
    draft.control(room, index(0));
    draft.entry(room, index(1), |slot| slot < 3 || required(slot));
    draft.entry(room, index(2), |slot| {
        required(slot) || slot == slot::RECORD_TREE
    });
    draft.entry(room, index(3), shown);
    draft.entry(room, index(4), shown);
    put_item(&mut draft, "copy", copy.as_bytes());
    let all: Vec<&[u8]> = WORDS.iter().map(|word| word.as_bytes()).collect();
    let proof = prove(&words_key(), TreeKind::Records, &all, words);
    draft.put(&Place::Redaction, proof.to_jcs().expect("short"));
    draft
}

/// Items of the register and their states, in the order in which they were added.
pub const REGISTERED: [(&str, &str); 4] = [
    ("one", "served"),
    ("two", "withheld:PII.1"),
    ("three", "expunged"),
    ("four", "served"),
];

pub fn leaf_key(which: &str, item: &str) -> [u8; 32] {
    seed(&format!("{which} of {item}"))
}

pub fn register_leaf(item: &str, state: &str, open: bool) -> (Hash, Hash, Value) {
    let (ka, kb) = (leaf_key("ka", item), leaf_key("kb", item));
    let a = sha256(&[b"custos/register-id/v1\0", &ka, id(item).as_bytes()]);
    let b = sha256(&[b"custos/register-state/v1\0", &kb, state.as_bytes()]);
    let leaf = sha256(&[b"\0custos/register/v1\0", a.as_bytes(), b.as_bytes()]);
    let value = if open {
        json!({"ka": hex(&ka), "id": id(item), "kb": hex(&kb), "state": state})
    } else {
        json!({"a": a, "kb": hex(&kb), "state": state})
    };
    (a, leaf, value)
}

/// The register of these items and states: its leaves in order, and its root.
pub fn register_of(items: &[(&str, &str)], open: impl Fn(&str) -> bool) -> (Value, Hash) {
    let mut leaves: Vec<_> = items
        .iter()
        .map(|(item, state)| register_leaf(item, state, open(state)))
        .collect();
    leaves.sort_by_key(|(a, _, _)| *a);
    let hashes: Vec<Hash> = leaves.iter().map(|(_, leaf, _)| *leaf).collect();
    let values: Vec<Value> = leaves.into_iter().map(|(_, _, value)| value).collect();
    (json!(values), root(&hashes).expect("there are items"))
}

/// Four items, one expunged; a register of them as entry 6; its set exported as entry 7.
pub fn register_room(registered: &[(&str, &str)]) -> Room {
    let mut room = items_room(3);
    append_register(&mut room, registered, index(4));
    room.append(&set(kind::BUNDLE));
    room
}

/// Four items as entries 1 to 4; entry 5 expunges the third, and names that entry for it.
pub fn items_room(named: u64) -> Room {
    let mut room = Room::new("register");
    for (item, _) in REGISTERED {
        room.append(&deposit(item, item.as_bytes()));
    }
    room.append(&Event {
        detail: vec![(
            slot::DETAIL,
            json!({"item": id("three"), "adding": room.c(index(named))}),
        )],
        ..event(kind::EXPUNGE, "three")
    });
    room
}

/// An event of the set that a register is about.
pub fn set(kind: &str) -> Event<'_> {
    Event {
        subject: ("set", "set"),
        ..event(kind, "")
    }
}

/// The register of these items, of which the last came in as entry `last`.
pub fn append_register(room: &mut Room, registered: &[(&str, &str)], last: LeafIndex) {
    let (_, root) = register_of(registered, |_| true);
    let n = registered.len();
    let last = room.c(last);
    room.append(&Event {
        detail: vec![(
            slot::DETAIL,
            json!({"recipient": id("party"), "n": n, "root": root, "last_item_nth": n,
                "last_item": last}),
        )],
        ..set(kind::REGISTER)
    });
}

/// The recipient's view of the register: served leaves are open.
pub fn register(room: &Room) -> Draft {
    register_with(room, &REGISTERED, |state| state == "served")
}

pub fn register_with(room: &Room, items: &[(&str, &str)], open: impl Fn(&str) -> bool) -> Draft {
    register_at(room, 6, items, open)
}

/// A register that is entry `at`, the last but one; what stands between it and entry 5 is
/// shown too.
pub fn register_at(
    room: &Room,
    at: u64,
    items: &[(&str, &str)],
    open: impl Fn(&str) -> bool,
) -> Draft {
    let mut draft = Draft::new(("set", "set"), CASE_SCOPE, room.size());
    draft.checkpoints(room, &[5, room.size()]);
    draft.control(room, index(0));
    let walk = |slot| matches!(slot, 0 | 1 | slot::SCOPE | slot::ITEM_NTH | slot::ITEM_PREV);
    for (at, (_, state)) in (1..).zip(REGISTERED) {
        let whole = state != "expunged" && open(state);
        draft.entry(room, index(at), |slot| {
            walk(slot) || (whole && slot == slot::SUBJECT)
        });
    }
    let expunge = |slot| required(slot) || slot == slot::DETAIL;
    draft.entry(room, index(5), expunge);
    for more in 6..=at + 1 {
        draft.entry(room, index(more), shown);
    }
    let (leaves, _) = register_of(items, open);
    draft.put_json(&Place::Register, &json!({"entry": at, "leaves": leaves}));
    draft
}

/// An item that left the scope, came back as entry 6, and is counted once.
pub fn came_back_room(item: &str) -> Room {
    let mut room = items_room(3);
    let detail = added(item, item.as_bytes());
    let back = Event {
        detail,
        ..event(kind::MOVE_IN, item)
    };
    room.append_with(&back, |values| {
        values[slot::ITEM_NTH] = Value::Null;
        values[slot::ITEM_PREV] = Value::Null;
    });
    append_register(&mut room, &REGISTERED, index(4));
    room.append(&set(kind::BUNDLE));
    room
}

pub fn came_back(room: &Room) -> Draft {
    register_at(room, 7, &REGISTERED, |_| true)
}

/// Every valid bundle by name.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    let (film, bytes) = excerpt_room();
    let words = redaction_room();
    let counted = register_room(&REGISTERED);
    let statement = room();
    let back = came_back_room("one");
    vec![
        ("valid", whole(&statement).seal(&statement)),
        ("valid-excerpt", excerpt(&film, &bytes).seal(&film)),
        ("valid-redaction", redaction(&words).seal(&words)),
        ("valid-register", register(&counted).seal(&counted)),
        (
            "valid-register-for-the-court",
            register_with(&counted, &REGISTERED, |_| true).seal(&counted),
        ),
        (
            "valid-register-with-item-that-came-back",
            came_back(&back).seal(&back),
        ),
    ]
}
