//! The demo case fits its files.

use std::collections::BTreeSet;

use custos_core::hash;
use serde_json::Value;

use crate::{assert_none, root, tracked};

const FOLDER: &str = "src/demo/files/";
/// Most that the demo's files may add to a clone, in bytes.
const MAX_DEMO_BYTES: usize = 1_500_000;

/// What does not fit between the case and its files, which `content` gives by name.
fn misfits(case: &Value, content: impl Fn(&str) -> Option<Vec<u8>>) -> Vec<String> {
    let keys = |list: &str| -> BTreeSet<String> {
        let members = case[list].as_array().expect("a list").iter();
        members.map(|member| text(&member["key"])).collect()
    };
    let (people, parties) = (keys("people"), keys("parties"));
    let mut found = Vec::new();
    for entry in case["items"].as_array().expect("a list") {
        let file = text(&entry["file"]);
        let mut misfit = |what: &str| found.push(format!("case.json: `{file}`: {what}"));
        let served = entry["served_to"].as_array().expect("a list");
        if !people.contains(&text(&entry["by"])) {
            misfit("its depositor is unknown");
        }
        if !served.iter().all(|party| parties.contains(&text(party))) {
            misfit("it is served to an unknown party");
        }
        match content(&file) {
            None => misfit("there is no such file"),
            Some(bytes) if fits(entry, &bytes) == (entry["quarantined"] == true) => {
                misfit("its declared SHA-256 and `quarantined` do not fit");
            }
            Some(_) => {}
        }
    }
    found
}

/// Whether the declared SHA-256 of the item is that of `bytes`.
fn fits(entry: &Value, bytes: &[u8]) -> bool {
    let declared = entry["item"]["declared"].as_array().expect("a list").iter();
    let sha256 = hash::sha256(&[bytes]).to_string();
    declared
        .filter(|hash| hash["algorithm"] == "sha256")
        .any(|hash| hash["value"] == sha256.as_str())
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn case() -> Value {
    let json = std::fs::read(root().join("src/demo/case.json")).expect("the demo case");
    serde_json::from_slice(&json).expect("JSON")
}

fn content(file: &str) -> Option<Vec<u8>> {
    std::fs::read(root().join(FOLDER).join(file)).ok()
}

#[test]
fn the_demo_case_fits_its_files() {
    let case = case();
    assert_none(&misfits(&case, content));

    let items = case["items"].as_array().expect("a list").iter();
    let named: BTreeSet<_> = items.map(|entry| text(&entry["file"])).collect();
    let kept = tracked();
    let kept = kept.iter().filter_map(|file| file.strip_prefix(FOLDER));
    let kept: BTreeSet<_> = kept.map(str::to_owned).collect();
    assert_eq!(named, kept, "the case names all files, and only those");
    let bytes: usize = kept
        .iter()
        .filter_map(|file| content(file))
        .map(|b| b.len())
        .sum();
    assert!(bytes <= MAX_DEMO_BYTES, "{bytes} bytes");
}

#[test]
fn a_misfit_of_the_demo_case_is_caught() {
    let case = case();
    let flipped = |file: &str| {
        content(file).map(|mut bytes| {
            bytes[0] ^= 1;
            bytes
        })
    };
    let sound = case["items"].as_array().expect("a list").iter();
    let sound = sound.filter(|entry| entry["quarantined"] == false).count();
    assert!(sound > 0);
    assert_eq!(misfits(&case, flipped).len(), sound);
    assert!(!misfits(&case, |_| None).is_empty());
    let mut unknown = case.clone();
    unknown["items"][0]["served_to"][0] = "nobody".into();
    assert_eq!(misfits(&unknown, content).len(), 1);
}
