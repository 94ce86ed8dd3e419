//! The frozen vectors: `tests/vectors/bundle/`, written by this file and read by every verifier.
//!
//! `CUSTOS_WRITE_VECTORS=1 cargo test -p custos-core --test bundle vectors` writes them anew;
//! without it the test compares, byte for byte, and verifies what is committed.

use std::{fs, path::PathBuf};

use custos_core::{checkpoint::TrustPolicy, receipt::Receipt};
use serde_json::{Value, json};

use crate::{defects, room::Room, samples, valid::step};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/bundle")
}

/// Every file of the folder by name.
fn files() -> Vec<(String, Vec<u8>)> {
    let mut files = vec![(
        "trust.policy".into(),
        Room::new("any").policy_file().into_bytes(),
    )];
    let mut cases = Vec::new();
    let mut add = |name: &str, bytes: Vec<u8>, held: &[(&str, Receipt)], step: Option<&str>| {
        let names: Vec<String> = held
            .iter()
            .map(|(name, _)| format!("{name}.receipt"))
            .collect();
        cases.push(json!({"file": format!("{name}.zip"), "held": names, "step": step}));
        files.push((format!("{name}.zip"), bytes));
        for (held, receipt) in held {
            files.push((format!("{held}.receipt"), receipt.to_bytes()));
        }
    };
    for (name, bytes) in samples::all() {
        add(name, bytes, &[], None);
    }
    let room = samples::room();
    let receipts = [("receipt-of-entry-1", room.receipt(crate::room::index(1), 3))];
    add(
        "valid-with-receipt",
        samples::whole(&room).seal(&room),
        &receipts,
        None,
    );
    for case in defects::all() {
        add(case.name, case.bytes, &case.held, Some(case.step));
    }
    let index = json!({"policy": "trust.policy", "cases": cases});
    let index = serde_json::to_string_pretty(&index).expect("JSON") + "\n";
    files.push(("index.json".into(), index.into_bytes()));
    files
}

#[test]
fn vectors_are_frozen() {
    let folder = folder();
    let files = files();
    if std::env::var_os("CUSTOS_WRITE_VECTORS").is_some() {
        fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in &files {
            fs::write(folder.join(name), bytes).unwrap();
        }
    }
    for (name, bytes) in &files {
        let committed = fs::read(folder.join(name)).expect(name);
        // The order of members in the index is serde_json's, which other crates of the same
        // build can change by a feature; everything else is compared byte for byte.
        let same = if name == "index.json" {
            let read = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
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
    assert!(cases.len() > 100);
}
