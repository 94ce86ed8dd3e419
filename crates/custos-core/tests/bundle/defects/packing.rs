//! Defects of the archive, of `bundle.note` and of the list of files.

use std::collections::BTreeMap;

use custos_core::bundle::Place;
use serde_json::json;

use super::{Case, case};
use crate::{
    draft::{Draft, pack, sign},
    room::Room,
    samples,
};

type Files = BTreeMap<String, Vec<u8>>;

fn base() -> (Room, Draft) {
    let room = samples::room();
    let draft = samples::whole(&room);
    (room, draft)
}

/// Replaces the only place where `from` stands.
pub fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(from))
        .collect();
    assert_eq!(at.len(), 1, "{:?}", String::from_utf8_lossy(from));
    [&bytes[..at[0]], to, &bytes[at[0] + from.len()..]].concat()
}

/// Where the headers of a file begin: the local one, the central one.
fn headers(bytes: &[u8], name: &str) -> [usize; 2] {
    let find = |signature: &[u8], before: usize| {
        (0..bytes.len() - before)
            .find(|at| {
                bytes[*at..].starts_with(signature)
                    && bytes[at + before..].starts_with(name.as_bytes())
            })
            .expect("the file is there")
    };
    [find(b"PK\x03\x04", 30), find(b"PK\x01\x02", 46)]
}

pub fn zip() -> Vec<Case> {
    let (room, draft) = base();
    let good = draft.seal(&room);
    let [local, central] = headers(&good, "README.txt");
    let set = |changes: &[(usize, u8)]| {
        let mut bytes = good.clone();
        for (at, byte) in changes {
            bytes[*at] = *byte;
        }
        bytes
    };
    let both = |field: usize, byte: u8| set(&[(local + field, byte), (central + field + 2, byte)]);
    let end = good.len() - 22;
    let mut swapped = good.clone();
    swapped[local + 30] = b'r';
    let renamed = |name: &[u8; 10]| {
        let mut bytes = good.clone();
        bytes[local + 30..local + 40].copy_from_slice(name);
        bytes[central + 46..central + 56].copy_from_slice(name);
        bytes
    };
    let mut with_comment = good.clone();
    with_comment[end + 20] = 2;
    with_comment.extend(b"hi");
    let between = [&good[..local], b"\0\0\0\0", &good[local..]].concat();
    let data = local + 30 + "README.txt".len();
    vec![
        case("zip-spare-byte-behind", "zip", [&good[..], b"\0"].concat()),
        case("zip-spare-byte-before", "zip", [b"\0", &good[..]].concat()),
        case("zip-spare-bytes-between", "zip", between),
        case("zip-cut-short", "zip", good[..good.len() - 1].to_vec()),
        case("zip-with-comment", "zip", with_comment),
        case("zip-two-names-for-one-file", "zip", swapped),
        case("zip-name-leads-outside", "zip", renamed(b"../DME.txt")),
        case("zip-out-of-order", "zip", renamed(b"zEADME.txt")),
        case("zip-compressed", "zip", both(8, 8)),
        case("zip-with-data-descriptor", "zip", both(6, 8)),
        case("zip-with-time", "zip", both(10, 1)),
        case("zip-executable", "zip", set(&[(central + 41, 0x81)])),
        case("zip-other-crc", "zip", both(14, good[local + 14] ^ 1)),
        case("zip-changed-byte", "zip", set(&[(data, good[data] ^ 1)])),
        case(
            "zip-other-count",
            "zip",
            set(&[(end + 8, good[end + 8] - 1)]),
        ),
    ]
}

pub fn note() -> Vec<Case> {
    let (room, draft) = base();
    let with = |member: &str, value| {
        let mut spoilt = draft.clone();
        spoilt.over.insert(member.into(), value);
        spoilt.seal(&room)
    };
    let texts = |from: &[u8], to: &[u8]| {
        let text = replace(&draft.text(), from, to);
        pack(&sign(&text, &room.bundle_key), &draft.files)
    };
    let note = sign(&draft.text(), &room.bundle_key);
    let unsigned = pack(&draft.text(), &draft.files);
    let spoilt_line = replace(&note, "\n— room".as_bytes(), b"\n- room");
    vec![
        case("note-of-version-2", "bundle.note", with("v", json!(2))),
        case(
            "note-with-spare-member",
            "bundle.note",
            with("more", json!(null)),
        ),
        case(
            "note-not-canonical",
            "bundle.note",
            texts(br#""v":1"#, br#""v": 1"#),
        ),
        case(
            "note-with-key-twice",
            "bundle.note",
            texts(br#""v":1"#, br#""v":1,"v":1"#),
        ),
        case(
            "note-with-large-number",
            "bundle.note",
            texts(br#""control":4"#, br#""control":9007199254740992"#),
        ),
        case(
            "note-with-checkpoint-0",
            "bundle.note",
            with("checkpoint", json!(0)),
        ),
        case(
            "note-includes-what-is-absent",
            "bundle.note",
            with(
                "included",
                json!([
                    "certificate",
                    "content",
                    "custody",
                    "history",
                    "instructions",
                    "keys"
                ]),
            ),
        ),
        case(
            "note-with-unknown-part",
            "bundle.note",
            with("withheld", json!(["more"])),
        ),
        case(
            "note-passes-over-a-part",
            "bundle.note",
            with("absent", json!([])),
        ),
        case("note-without-signature", "bundle.note", unsigned),
        case(
            "note-of-unknown-subject-type",
            "bundle.note",
            with("subject", json!({"id": "00".repeat(16), "type": "verdict"})),
        ),
        case(
            "note-with-odd-signature-line",
            "bundle.note",
            pack(&spoilt_line, &draft.files),
        ),
    ]
}

pub fn files() -> Vec<Case> {
    let (room, draft) = base();
    let note = sign(&draft.text(), &room.bundle_key);
    let packed = |change: &dyn Fn(&mut Files)| {
        let mut files = draft.files.clone();
        change(&mut files);
        pack(&note, &files)
    };
    let readme = Place::Readme.to_string();
    let mut spoilt = draft.clone();
    spoilt.files.insert("notes.txt".into(), b"more".to_vec());
    let unknown = spoilt.seal(&room);
    vec![
        case(
            "files-one-not-listed",
            "files",
            packed(&|files| {
                files.insert("certificate.pdf".into(), b"%PDF".to_vec());
            }),
        ),
        case(
            "files-one-missing",
            "files",
            packed(&|files| {
                files.remove(&readme);
            }),
        ),
        case(
            "files-one-of-other-length",
            "files",
            packed(&|files| {
                files.insert(readme.clone(), b"short".to_vec());
            }),
        ),
        case(
            "files-one-of-other-bytes",
            "files",
            packed(&|files| {
                files.get_mut(&readme).expect("it is there")[0] ^= 1;
            }),
        ),
        case(
            "files-item-of-other-bytes",
            "files",
            packed(&|files| {
                files.get_mut("content/item").expect("it is there")[0] ^= 1;
            }),
        ),
        case("files-one-without-place", "files", unknown),
    ]
}
