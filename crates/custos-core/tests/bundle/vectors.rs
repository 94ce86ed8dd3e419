//! The frozen vectors: `tests/vectors/bundle/`, written by this file and read by every verifier.
//!
//! `CUSTOS_WRITE_VECTORS=1 cargo test -p custos-core --test bundle vectors` writes them anew;
//! without it the test compares, byte for byte, and verifies what is committed.

use std::{fs, path::PathBuf};

use custos_core::{checkpoint::TrustPolicy, receipt::Receipt};
use serde_json::{Value, json};

use crate::{
    defects::{self, Case, case},
    room::Room,
    samples,
    valid::step,
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/bundle")
}

/// Every file of the folder by name.
fn files() -> Vec<(String, Vec<u8>)> {
    let mut files = vec![
        (
            "trust.policy".into(),
            Room::new("any").policy_file().into_bytes(),
        ),
        (
            "authorities.json".into(),
            defects::trust_json().into_bytes(),
        ),
    ];
    let mut cases = Vec::new();
    let mut add = |case: Case, step: Option<&str>| {
        let (name, held, bytes) = (case.name, &case.held, case.bytes);
        let names: Vec<String> = held
            .iter()
            .map(|(name, _)| format!("{name}.receipt"))
            .collect();
        let trust = case.authorities.then_some("authorities.json");
        let file = format!("{name}.zip");
        cases.push(json!({"file": file, "held": names, "step": step, "trust": trust}));
        files.push((format!("{name}.zip"), bytes));
        for (held, receipt) in held {
            files.push((format!("{held}.receipt"), receipt.to_bytes()));
        }
    };
    // Of a valid one no step fails.
    for (name, bytes) in samples::all() {
        add(case(name, "", bytes), None);
    }
    let room = samples::room();
    let receipt = ("receipt-of-entry-1", room.receipt(crate::room::index(1), 3));
    let held = Case {
        held: vec![receipt],
        ..case("valid-with-receipt", "", samples::whole(&room).seal(&room))
    };
    add(held, None);
    let stamped = Case {
        authorities: true,
        ..case("valid-with-timestamps", "", defects::stamped())
    };
    add(stamped, None);
    let strange = defects::strange();
    add(case("valid-with-strange-timestamp", "", strange), None);
    for case in defects::all() {
        let step = case.step;
        add(case, Some(step));
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
        let named = match case["trust"].as_str() {
            Some(name) => trust.clone().with_trust_json(&read(name)).unwrap(),
            None => trust.clone(),
        };
        let found = step(&read(file), &named, &held);
        if found.as_deref() != case["step"].as_str() {
            wrong.push(format!("{file}: {found:?}, not {}", case["step"]));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(cases.len() > 100);
}
