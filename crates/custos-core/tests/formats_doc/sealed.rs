//! Examples of the conventions and of sections 1 to 3, and of section 10.

use custos_core::{
    cipher::{self, Salt, SegmentKind, object_context, value_context},
    content::{
        ContentHasher, LEAF_BYTES, MultiProof, ShownLeaf, TreeKind, leaf_hash, leaf_salt,
        logged_root, root, tree_key,
    },
    hash::Hash,
    ids::{Id, ItemId, KeyId, ObjectId},
    json,
    keys::{Purpose, SaltKey},
    object::{StoredObject, heads},
    row::row_hash,
    wrap,
};
use serde_json::{Value, json};

use crate::{
    common::{array, bytes, cases, generated, number, text, vectors},
    page::{Example, fields, hex, json as json_block, json_of, words},
};

const CONTENT_BYTES: u64 = 131_077;
const RECORDS: [&str; 3] = ["line 0\n", "line 1\n", "line 2\n"];

pub fn examples() -> Vec<Example> {
    let mut all = vec![jcs(), message()];
    all.extend(object());
    all.extend([contexts(), value(), wrapped(), keys(), content()]);
    all.extend(records());
    all.push(row());
    all
}

fn named<'a>(vectors: &'a Value, list: &str, name: &str) -> &'a Value {
    let found = cases(vectors, list).iter().find(|c| c["name"] == name);
    found.expect("the vectors have this case")
}

fn jcs() -> Example {
    let value = json!({"\u{20ac}": [1, -7, null, true], "a": "é \" \\ / \n \u{7} \u{1f4c4}"});
    let jcs = json::canonical(&value).expect("JSON of the formats");
    fields(
        "jcs",
        &[
            ("text", String::from_utf8(jcs.clone()).expect("UTF-8")),
            ("bytes", hex(&jcs)),
        ],
    )
}

fn message() -> Example {
    let vectors = vectors("cipher");
    let context = bytes(named(&vectors, "contexts", "object_content_0"), "context");
    let key: [u8; 32] = array(named(&vectors, "valid", "short"), "key");
    let salt: [u8; 24] = array(named(&vectors, "valid", "short"), "salt");
    let plain = b"testimony";
    let message = cipher::seal(&key, &Salt::from_bytes(salt), &context, plain);
    let opened = cipher::open(&key, &context, &message).expect("its own message");
    assert_eq!(opened.as_slice(), plain);
    fields(
        "message",
        &[
            ("input key", hex(key)),
            ("salt", hex(salt)),
            ("context", hex(context)),
            ("plaintext", hex(plain)),
            ("commitment", hex(&message[24..56])),
            ("message", hex(message)),
        ],
    )
}

fn object() -> Vec<Example> {
    let vectors = vectors("object");
    let case = named(&vectors, "valid", "three_segments");
    let commitments: Vec<[u8; 32]> = case["commitments"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|c| c.as_str().and_then(|c| c.parse::<Hash>().ok()))
        .map(|c| *c.expect("a commitment").as_bytes())
        .collect();
    let slot = json::parse(text(case, "slot").as_bytes()).expect("JCS");
    let stored = StoredObject::from_value(&slot).expect("slot 27");
    assert_eq!(*stored.heads(), heads(commitments.iter().copied()));
    vec![
        json_of("object", &stored.to_value()),
        fields(
            "object-heads",
            &[
                ("commitment 0", hex(commitments[0])),
                ("commitment 1", hex(commitments[1])),
                ("commitment 2", hex(commitments[2])),
                ("heads", stored.heads().to_string()),
                ("stored bytes", stored.layout().stored_len().to_string()),
            ],
        ),
    ]
}

fn contexts() -> Example {
    let vectors = vectors("cipher");
    let case = named(&vectors, "contexts", "object_staged_3");
    let (item, object) = (array(case, "item"), array(case, "object"));
    let segment = number(case, "segment");
    let context = object_context(
        &ItemId::from_bytes(item),
        &ObjectId::from_bytes(object),
        SegmentKind::Staged,
        segment,
    );
    fields(
        "object-context",
        &[
            ("item", hex(item)),
            ("object", hex(object)),
            ("kind", "staged".into()),
            ("segment", segment.to_string()),
            ("context", hex(context)),
        ],
    )
}

fn value() -> Example {
    let row = Id::from_bytes([0xc2; 16]);
    fields(
        "value-context",
        &[
            ("table", "people".into()),
            ("row", row.to_string()),
            ("column", "details".into()),
            ("context", hex(value_context("people", &row, "details"))),
        ],
    )
}

fn wrapped() -> Example {
    let vectors = vectors("wrap");
    let case = named(&vectors, "valid", "data");
    let (parent, child): ([u8; 32], [u8; 32]) = (array(case, "parent"), array(case, "child"));
    let (parent_id, child_id) = (array(case, "parent_id"), array(case, "child_id"));
    let salt: [u8; 24] = array(case, "salt");
    let wrapped = wrap::wrap(
        &parent,
        &KeyId::from_bytes(parent_id),
        &KeyId::from_bytes(child_id),
        Purpose::Data,
        &Salt::from_bytes(salt),
        &child,
    );
    fields(
        "wrapped-key",
        &[
            ("parent", hex(parent)),
            ("parent id", hex(parent_id)),
            ("child", hex(child)),
            ("child id", hex(child_id)),
            ("purpose", Purpose::Data.to_string()),
            ("salt", hex(salt)),
            ("wrapped", hex(wrapped)),
        ],
    )
}

fn salt_key() -> SaltKey {
    SaltKey::from_bytes(array(&vectors("content"), "salt_key"))
}

fn keys() -> Example {
    let (salt_key, content, records) = (salt_key(), TreeKind::Content, TreeKind::Records);
    let content = tree_key(&salt_key, content, 0).expect("the content tree");
    let records = tree_key(&salt_key, records, 1).expect("record tree 1");
    fields(
        "tree-keys",
        &[
            ("salt key", hex(salt_key.as_bytes())),
            ("tree key of kind 1, number 0", hex(content.as_bytes())),
            ("its salt of leaf 0", hex(leaf_salt(&content, 0))),
            ("its salt of leaf 2", hex(leaf_salt(&content, 2))),
            ("tree key of kind 2, number 1", hex(records.as_bytes())),
        ],
    )
}

fn content() -> Example {
    let key = tree_key(&salt_key(), TreeKind::Content, 0).expect("the content tree");
    let bytes = generated(0..CONTENT_BYTES);
    let leaves: Vec<Hash> = bytes
        .chunks(LEAF_BYTES)
        .enumerate()
        .map(|(i, leaf)| leaf_hash(TreeKind::Content, &leaf_salt(&key, i as u64), leaf))
        .collect();
    let mut hasher = ContentHasher::new(key);
    hasher.update(&bytes);
    let tree = hasher.finish();
    assert_eq!(root(&leaves), Some(*tree.root()));
    fields(
        "content-tree",
        &[
            ("n", tree.n().to_string()),
            ("leaf 0", leaves[0].to_string()),
            ("leaf 1", leaves[1].to_string()),
            ("leaf 2", leaves[2].to_string()),
            ("root", tree.root().to_string()),
            (
                "logged root",
                tree.logged_root(TreeKind::Content).to_string(),
            ),
        ],
    )
}

fn records() -> [Example; 2] {
    let kind = TreeKind::Records;
    let key = tree_key(&salt_key(), kind, 1).expect("record tree 1");
    let leaves: Vec<Hash> = (0..)
        .zip(RECORDS)
        .map(|(i, record)| leaf_hash(kind, &leaf_salt(&key, i), record.as_bytes()))
        .collect();
    let root = root(&leaves).expect("there are leaves");
    let logged = logged_root(kind, 3, &root);
    let shown = ShownLeaf {
        index: 1,
        length: 7,
        salt: leaf_salt(&key, 1),
    };
    let proof = MultiProof::from_leaves(&leaves, vec![shown]).expect("leaf 1 of 3");
    proof.verify(kind, &logged, [RECORDS[1]]).expect("it holds");
    [
        fields(
            "record-tree",
            &[
                ("n", "3".into()),
                ("leaf 0", leaves[0].to_string()),
                ("leaf 1", leaves[1].to_string()),
                ("leaf 2", leaves[2].to_string()),
                ("root", root.to_string()),
                ("logged root", logged.to_string()),
            ],
        ),
        json_block("multi-proof", &proof.to_jcs().expect("short")),
    ]
}

fn row() -> Example {
    let columns = json!({
        "case_id": "cacacacacacacacacacacacacacacaca",
        "id": "01010101010101010101010101010101",
        "party_id": null,
        "person_id": "acacacacacacacacacacacacacacacac",
        "rev": 1,
        "role": "investigator",
        "status": "active",
    });
    let columns = columns.as_object().expect("an object");
    let hash = row_hash(&[0x5a; 16], "roles", columns).expect("JSON of the formats");
    let mut present = columns.clone();
    present.retain(|_, value| !value.is_null());
    let jcs = json::canonical(&Value::Object(present)).expect("JSON of the formats");
    fields(
        "row",
        &[
            ("salt", hex([0x5a; 16])),
            ("table", "roles".into()),
            ("null columns", words(["party_id"])),
            ("JCS", String::from_utf8(jcs).expect("UTF-8")),
            ("hash", hash.to_string()),
        ],
    )
}
