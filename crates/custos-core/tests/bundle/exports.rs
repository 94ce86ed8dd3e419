//! Exports of the custody log: what valid ones show, each defect at its step, the frozen
//! vectors in `tests/vectors/export/`, and every byte.
//!
//! `CUSTOS_WRITE_VECTORS=1 cargo test -p custos-core --test bundle exports` writes them anew;
//! without it the test compares, byte for byte, and verifies what is committed.

mod defects;
mod draft;

use std::{fs, path::PathBuf};

use custos_core::{
    checkpoint::TrustPolicy,
    event::slot,
    export::{Field, MAX_EXPORT_LINE_BYTES, Reader},
    receipt::Receipt,
    verify::{HeldOutcome, VerifiedExport, VerifyError, verify_export},
};
use serde_json::{Value, json};

use crate::{
    room::{Room, id, index},
    valid::now,
};
use draft::{Draft, asked_case, exported, room};

/// An export, the receipts held against it, and the step that fails.
pub struct Case {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    pub held: Vec<(&'static str, Receipt)>,
    pub step: Option<&'static str>,
}

fn check(
    bytes: &[u8],
    trust: &TrustPolicy,
    held: &[Receipt],
) -> Result<VerifiedExport, VerifyError> {
    verify_export(bytes, trust, held, now())
}

fn step(bytes: &[u8], trust: &TrustPolicy, held: &[Receipt]) -> Option<String> {
    match check(bytes, trust, held) {
        Ok(_) => None,
        Err(VerifyError::Failed(failure)) => Some(failure.step.word().into()),
        Err(VerifyError::Io(error)) => panic!("reading memory failed: {error}"),
    }
}

/// The valid ones, each with what it shows more than the others.
fn samples() -> Vec<Case> {
    let room = room();
    let valid = |name, draft: Draft| Case {
        name,
        bytes: draft.bytes(),
        held: Vec::new(),
        step: None,
    };
    let person = json!({"case": null, "from": null, "item": null, "person": id("other"),
        "to": null});
    let span = json!({"case": id("case"), "from": draft::time(2), "item": null, "person": null,
        "to": draft::time(4)});
    let item = json!({"case": null, "from": null, "item": id("statement"), "person": null,
        "to": null});
    let mut held = valid(
        "valid-with-receipt",
        exported(&room, &asked_case(), &[], &[1, 2, 3, 5]),
    );
    held.held = vec![("receipt-of-entry-1", room.receipt(index(1), room.size()))];
    vec![
        valid(
            "valid",
            exported(
                &room,
                &asked_case(),
                &[Field::Actor, Field::Fingerprints, Field::Policy],
                &[1, 2, 3, 5],
            ),
        ),
        valid("valid-of-an-item", exported(&room, &item, &[], &[1, 2])),
        valid("valid-of-a-person", exported(&room, &person, &[], &[2])),
        valid("valid-of-a-span", exported(&room, &span, &[], &[2, 3])),
        valid("valid-of-no-entry", exported(&room, &person, &[], &[])),
        valid(
            "valid-with-every-field-withheld",
            exported(&room, &asked_case(), Field::ALL, &[1, 2, 3, 5]),
        ),
        held,
    ]
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/export")
}

/// Every file of the folder by name.
fn files() -> Vec<(String, Vec<u8>)> {
    let policy = Room::new("any").policy_file().into_bytes();
    let mut files = vec![("trust.policy".into(), policy)];
    let mut cases = Vec::new();
    for case in samples().into_iter().chain(defects::all()) {
        let names: Vec<String> = case
            .held
            .iter()
            .map(|(name, _)| format!("{name}.receipt"))
            .collect();
        let file = format!("{}.jsonl", case.name);
        cases.push(json!({"file": file, "held": names, "step": case.step}));
        files.push((file, case.bytes));
        for (name, receipt) in &case.held {
            files.push((format!("{name}.receipt"), receipt.to_bytes()));
        }
    }
    let index = json!({"policy": "trust.policy", "cases": cases});
    let index = serde_json::to_string_pretty(&index).expect("JSON") + "\n";
    files.push(("index.json".into(), index.into_bytes()));
    files
}

#[test]
fn vectors_are_frozen() {
    let (folder, files) = (folder(), files());
    if std::env::var_os("CUSTOS_WRITE_VECTORS").is_some() {
        fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in &files {
            fs::write(folder.join(name), bytes).unwrap();
        }
    }
    for (name, bytes) in &files {
        let committed = fs::read(folder.join(name)).expect(name);
        let same = if name == "index.json" {
            let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
            read(&committed) == read(bytes)
        } else {
            committed == *bytes
        };
        assert!(same, "`{name}` is not what this program makes");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), files.len());
}

#[test]
fn vectors_fail_at_their_step() {
    let read = |name: &str| fs::read(folder().join(name)).expect(name);
    let index: Value = serde_json::from_slice(&read("index.json")).unwrap();
    let trust = TrustPolicy::parse(&read(index["policy"].as_str().unwrap())).unwrap();
    let mut wrong = Vec::new();
    let cases = index["cases"].as_array().unwrap();
    for case in cases {
        let file = case["file"].as_str().unwrap();
        let held = case["held"].as_array().unwrap().iter();
        let held: Vec<Receipt> = held
            .map(|name| Receipt::parse(&read(name.as_str().unwrap())).unwrap())
            .collect();
        let found = step(&read(file), &trust, &held);
        if found.as_deref() != case["step"].as_str() {
            wrong.push(format!("{file}: {found:?}, not {}", case["step"]));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(cases.len() > 50);
}

#[test]
fn a_verified_export_says_what_it_holds() {
    let room = room();
    let withheld = [Field::Actor, Field::Fingerprints];
    let bytes = exported(&room, &asked_case(), &withheld, &[1, 2, 3, 5]).bytes();
    let found = check(&bytes, &room.trust(), &[]).expect("verified");
    let indices: Vec<u64> = found.entries.iter().map(|line| line.index.get()).collect();
    assert_eq!(indices, [1, 2, 3, 5]);
    assert_eq!(found.made.kind.as_deref(), Some("export"));
    assert_eq!(found.size, room.size() + 2);
    let sentences = found.sentences();
    assert!(sentences[0].starts_with("These 4 entries are exactly what the room"));
    assert!(sentences[0].contains(&format!("entries of the case {}", id("case"))));
    assert!(
        sentences[2].contains("actor, fingerprints"),
        "{}",
        sentences[2]
    );
    assert!(sentences[3].contains("`w1` (2026-09-21"));
    assert!(found.not_proven()[0].contains("may not see"));
}

#[test]
fn a_held_receipt_of_an_older_tree_is_not_compared() {
    let room = room();
    let bytes = exported(&room, &asked_case(), &[], &[1, 2, 3, 5]).bytes();
    let held = [room.receipt(index(1), 3)];
    let found = check(&bytes, &room.trust(), &held).expect("verified");
    assert_eq!(found.held[0].outcome, HeldOutcome::NotCompared);
}

/// No byte can be changed, put in or left out.
#[test]
fn every_byte_counts() {
    let room = room();
    let trust = room.trust();
    let bytes = exported(&room, &asked_case(), &[Field::Actor], &[1]).bytes();
    assert_eq!(step(&bytes, &trust, &[]), None);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(step(&changed, &trust, &[]).is_some(), "byte {at}");
        if at % 13 == 0 {
            assert!(step(&bytes[..at], &trust, &[]).is_some(), "cut at {at}");
        }
    }
    let spare = [bytes.as_slice(), b"\n"].concat();
    assert_eq!(step(&spare, &trust, &[]).as_deref(), Some("export"));
}

#[test]
fn a_line_without_an_end_is_given_up() {
    let long = vec![b'['; MAX_EXPORT_LINE_BYTES + 100];
    let error = Reader::open(long.as_slice()).err().expect("too long");
    assert!(
        error.to_string().contains("longer than its limit"),
        "{error}"
    );
}

#[test]
fn what_is_withheld_is_nowhere_in_the_file() {
    let room = room();
    let bytes = exported(
        &room,
        &asked_case(),
        &[Field::Actor, Field::Fingerprints],
        &[1, 2],
    );
    let text = String::from_utf8(bytes.bytes()).expect("UTF-8");
    assert!(!text.contains(&id("actor").to_string()) && !text.contains(&id("other").to_string()));
    let sha256 = custos_core::hash::sha256(&[crate::samples::TEXT.as_bytes()]);
    assert!(!text.contains(&sha256.to_string()));
    assert!(room.entry(index(1), |_| true).value(slot::SHA256) == Some(&json!(sha256)));
}
