//! The program as a court's expert runs it, on the frozen vectors.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use custos_core::{
    checkpoint::{Checkpoint, NoteSigner, SignedCheckpoint},
    event::{Control, ControlKind, Previous, leaf_data},
    hash::sha256,
    merkle::{MemoryLog, TileSource, leaf_hash},
    tile::{Level, tiles_between, write_entry_bundle, write_hash_tile},
};
use serde_json::{Value, json};

fn vector(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/vectors/bundle")
        .join(name)
}

fn export(name: &str) -> PathBuf {
    vector("..").join("export").join(name)
}

fn run(arguments: &[&Path]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_custos-verify"));
    command.args(arguments).output().unwrap()
}

/// Runs it on a vector with the vectors' policy and more arguments.
fn check(file: &str, more: &[&Path]) -> Output {
    let (bundle, policy) = (vector(file), vector("trust.policy"));
    let trust = Path::new("--trust");
    run(&[&[bundle.as_path(), trust, &policy], more].concat())
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn read(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_valid_bundle_is_told_in_sentences() {
    let output = check("valid.zip", &[]);
    assert_eq!(output.status.code(), Some(0));
    let text = text(&output);
    for expected in [
        "VERIFIED\n\n1. The file is unchanged since its deposit as entry 1",
        "\n2. These 3 entries, without a gap",
        "\n3. The log was never rewritten between the 2 checkpoints",
        "\n4. The newest checkpoint is confirmed by these witnesses: `w1`",
        "\nNot proven:\n- that the content is true\n",
        "\nHistory:\n         1  2026-09-21 14:14:20 UTC  deposit ",
    ] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    assert!(output.stderr.is_empty());
}

#[test]
fn a_register_is_bound_to_its_recipient_and_scope() {
    let output = check("valid-register.zip", &[Path::new("--json")]);
    let found = read(&output);
    assert_eq!(found["register"]["scope"], found["scope"]);
    let recipient = found["register"]["recipient"].as_str().unwrap();
    assert_eq!(recipient.len(), 32);
    let expected = format!("The register, made for {recipient}, states: every item entered in");
    let text = text(&check("valid-register.zip", &[]));
    assert!(text.contains(&expected), "{text}");
}

#[test]
fn what_is_withheld_is_told_from_what_is_null() {
    let found = read(&check("valid-register.zip", &[Path::new("--json")]));
    let (own, other) = (&found["history"][0], &found["others"][0]);
    assert_eq!(own["withheld"], json!([]));
    assert_eq!(other["actor"], Value::Null);
    assert_eq!(other["withheld"], json!(["time", "kind", "actor", "role"]));
    let text = text(&check("valid-register.zip", &[]));
    assert!(text.contains("(withheld) (role withheld)"), "{text}");
}

#[test]
fn every_vector_has_its_exit_code() {
    let index: Value = serde_json::from_slice(&fs::read(vector("index.json")).unwrap()).unwrap();
    for case in index["cases"].as_array().unwrap() {
        let held: Vec<PathBuf> = case["held"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| vector(name.as_str().unwrap()))
            .collect();
        let mut more: Vec<&Path> = vec![Path::new("--json")];
        if !held.is_empty() {
            more.push(Path::new("--held"));
            more.extend(held.iter().map(PathBuf::as_path));
        }
        let file = case["file"].as_str().unwrap();
        // The file with more than a policy can say has its name and stands beside it.
        let folder = tempfile::tempdir().unwrap();
        let policy = folder.path().join("trust.policy");
        fs::copy(vector("trust.policy"), &policy).unwrap();
        if let Some(name) = case["trust"].as_str() {
            fs::copy(vector(name), folder.path().join("trust.json")).unwrap();
        }
        let bundle = vector(file);
        let output = run(&[&[&bundle, Path::new("--trust"), &policy], &more[..]].concat());
        let code = if case["step"].is_null() { 0 } else { 3 };
        assert_eq!(output.status.code(), Some(code), "{file}");
        assert_eq!(read(&output)["step"], case["step"], "{file}");
    }
}

#[test]
fn an_export_is_recognised_and_told_in_sentences() {
    let trust = [Path::new("--trust"), &export("trust.policy")].map(Path::to_path_buf);
    let of = |file: &str, more: &[&str]| {
        let file = export(file);
        let mut arguments = vec![file.as_path(), &trust[0], &trust[1]];
        arguments.extend(more.iter().map(Path::new));
        run(&arguments)
    };
    let output = of("valid.jsonl", &[]);
    assert_eq!(output.status.code(), Some(0));
    let text = text(&output);
    for expected in [
        "VERIFIED\n\n1. These 4 entries are exactly what the room `room.example/log` exported",
        "\n3. Whoever made this export withheld these fields of every entry: actor, fingerprints",
        "\n4. The checkpoint is confirmed by these witnesses: `w1`",
        "\nNot proven:\n- that these are all entries about what was asked for",
        "\nEntries:\n         1  2026-09-21 14:14:20 UTC  deposit           (withheld)",
        "\nThe entry of this export:\n         6  ",
    ] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    let found = read(&of("valid.jsonl", &["--json"]));
    assert_eq!(
        found["withheld"],
        json!(["actor", "fingerprints", "policy"])
    );
    assert_eq!(found["entries"].as_array().unwrap().len(), 4);
    assert_eq!(found["made"][0]["kind"], "export");
}

#[test]
fn every_export_has_its_exit_code() {
    let index = fs::read(export("index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    for case in index["cases"].as_array().unwrap() {
        let file = case["file"].as_str().unwrap();
        let mut arguments = vec![
            export(file),
            "--json".into(),
            "--trust".into(),
            export("trust.policy"),
        ];
        for held in case["held"].as_array().unwrap() {
            arguments.push("--held".into());
            arguments.push(export(held.as_str().unwrap()));
        }
        let arguments: Vec<&Path> = arguments.iter().map(PathBuf::as_path).collect();
        let output = run(&arguments);
        // What does not begin as an export is taken for a bundle, and is none.
        let step = match file {
            "of-no-byte.jsonl" => json!("zip"),
            _ => case["step"].clone(),
        };
        let code = if step.is_null() { 0 } else { 3 };
        assert_eq!(output.status.code(), Some(code), "{file}");
        assert_eq!(read(&output)["step"], step, "{file}");
    }
}

#[test]
fn a_failed_step_is_named_with_what_is_safe() {
    let output = check("chain-with-gap.zip", &[]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        text(&output),
        "NOT VERIFIED\n\nStep `chain` failed: entry 3: the subject's history has a gap before it\n\n\
         Do not rely on this file. Keep it unchanged, and ask the room for a new one; if that \
         fails in the same way, tell the court.\n"
    );
}

#[test]
fn errors_and_usage_are_told_apart() {
    assert_eq!(check("not-there.zip", &[]).status.code(), Some(1));
    assert_eq!(run(&[&vector("valid.zip")]).status.code(), Some(2));
    assert_eq!(
        check("valid.zip", &[Path::new("--more")]).status.code(),
        Some(2)
    );
    let receipt = vector("receipt-of-entry-1.receipt");
    let both = check("valid.zip", &[Path::new("--receipt"), &receipt]);
    assert_eq!(both.status.code(), Some(2));
    let not_a_policy = vector("valid.zip");
    let bad = run(&[&vector("valid.zip"), Path::new("--trust"), &not_a_policy]);
    assert_eq!(bad.status.code(), Some(1));
    assert!(
        String::from_utf8(bad.stderr)
            .unwrap()
            .starts_with("error: `")
    );
    let not_a_receipt = check("valid.zip", &[Path::new("--held"), &not_a_policy]);
    assert_eq!(not_a_receipt.status.code(), Some(1));
    let missing = check("not-there.zip", &[Path::new("--json")]);
    assert_eq!(read(&missing)["result"], "error");
}

#[test]
fn one_receipt_can_be_checked_alone() {
    let (receipt, policy) = (vector("receipt-of-entry-1.receipt"), vector("trust.policy"));
    let of = |receipt: &Path| {
        run(&[
            Path::new("--receipt"),
            receipt,
            Path::new("--trust"),
            &policy,
        ])
    };
    let good = of(&receipt);
    assert_eq!(good.status.code(), Some(0));
    assert!(
        text(&good).contains("Entry 1 of the log `room.example/log` is a `deposit` of the item")
    );
    assert!(text(&good).contains("The witness `w1` confirms that log."));

    let folder = tempfile::tempdir().unwrap();
    let changed = folder.path().join("changed.receipt");
    let spoilt = fs::read_to_string(&receipt)
        .unwrap()
        .replacen("index 1\n", "index 2\n", 1);
    fs::write(&changed, spoilt).unwrap();
    let bad = of(&changed);
    assert_eq!(bad.status.code(), Some(3));
    assert!(text(&bad).starts_with("NOT VERIFIED\n\nThe receipt does not hold: "));
}

#[test]
fn trust_json_beside_the_policy_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy");
    fs::copy(vector("trust.policy"), &policy).unwrap();
    let bundle = vector("valid.zip");
    let check = || run(&[&bundle, Path::new("--trust"), &policy]).status.code();
    assert_eq!(check(), Some(0));
    let key = fs::read_to_string(&policy).unwrap();
    let key = key.split_whitespace().nth(1).unwrap();
    let write = |to: &str| {
        let text = format!(
            r#"{{"v":1,"log_keys":[{{"vkey":"{key}","from":1,"to":{to}}}],"bundle_keys":[],"time_authorities":[]}}"#
        );
        fs::write(folder.path().join("trust.json"), text).unwrap();
    };
    write("7");
    assert_eq!(check(), Some(0));
    write("6");
    assert_eq!(check(), Some(3));
    fs::write(folder.path().join("trust.json"), "{").unwrap();
    assert_eq!(check(), Some(1));
}

/// The log that is made here.
const ORIGIN: &str = "room.example/log";

fn signer(origin: &str, seed: u8) -> NoteSigner {
    NoteSigner::from_seed(origin, &[seed; 32]).unwrap()
}

fn control(kind: ControlKind, key: &NoteSigner, previous: Option<Previous>) -> Vec<u8> {
    let control = Control {
        kind,
        origin: ORIGIN.into(),
        log_keys: vec![key.verifier_key().to_string()],
        bundle_keys: vec![],
        previous,
    };
    control.to_leaf().unwrap()
}

/// A log of 300 made-up entries in a folder, with its policy beside it.
fn published(folder: &Path) {
    let signer = signer(ORIGIN, 7);
    let open = control(ControlKind::Open, &signer, None);
    published_with(folder, &[(0, open)], &signer);
    let policy = format!("log {}\nquorum none\n", signer.verifier_key());
    fs::write(folder.join("trust.policy"), policy).unwrap();
}

/// The same with these control entries, signed by this key.
fn published_with(folder: &Path, controls: &[(usize, Vec<u8>)], signer: &NoteSigner) {
    let mut leaves: Vec<Vec<u8>> = (0..300_u64)
        .map(|n| leaf_data(&sha256(&[&n.to_be_bytes()])).to_vec())
        .collect();
    for (index, control) in controls {
        leaves[*index].clone_from(control);
    }
    let log: MemoryLog = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    for path in tiles_between(0, 300) {
        let bytes = match path.level() {
            Level::Entries => {
                let first = path.index() as usize * 256;
                write_entry_bundle(&leaves[first..first + usize::from(path.width())]).unwrap()
            }
            Level::Hashes(level) => {
                let tile = log.tile(level, path.index(), path.width()).unwrap();
                write_hash_tile(tile.hashes()).unwrap()
            }
        };
        let place = folder.join(path.to_string());
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, bytes).unwrap();
    }
    let checkpoint = Checkpoint::new(ORIGIN, 300, log.root()).unwrap();
    let signed = SignedCheckpoint::sign(checkpoint, &[signer]).unwrap();
    fs::write(folder.join("checkpoint"), signed.as_bytes()).unwrap();
}

fn check_log(folder: &Path) -> Output {
    let policy = folder.join("trust.policy");
    run(&[Path::new("--trust"), &policy, Path::new("--log"), folder])
}

#[test]
fn a_log_whose_key_was_rotated_is_signed_by_the_newer_one() {
    let (old, new) = (signer(ORIGIN, 1), signer(ORIGIN, 2));
    let controls = [
        (0, control(ControlKind::Open, &old, None)),
        (99, control(ControlKind::Keys, &new, None)),
    ];
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let (first, second) = (old.verifier_key(), new.verifier_key());
    let policy = format!("log {first}\nlog {second}\nquorum none\n");
    fs::write(place.join("trust.policy"), &policy).unwrap();
    let sizes = |from: u64, to: &str| {
        let text = format!(
            r#"{{"v":1,"log_keys":[{{"vkey":"{first}","from":{from},"to":{to}}}],"bundle_keys":[],"time_authorities":[]}}"#
        );
        fs::write(place.join("trust.json"), text).unwrap();
    };

    published_with(place, &controls, &new);
    let good = check_log(place);
    let told = text(&good);
    assert_eq!(good.status.code(), Some(0), "{told}");
    assert!(told.contains("From entry 99 on (keys)"), "{told}");
    let retired = format!("The key {first} was retired: it signs nothing beyond the log of 100");
    assert!(told.contains(&retired), "{told}");
    sizes(1, "100");
    assert_eq!(check_log(place).status.code(), Some(0));

    // Whoever has the old key signs a larger log: by the log's own word it may not, and by sizes
    // from outside neither.
    published_with(place, &controls, &old);
    let forged = check_log(place);
    assert_eq!(forged.status.code(), Some(3), "{}", text(&forged));
    assert!(text(&forged).contains("no key of the log that is valid"));
    fs::remove_file(place.join("trust.json")).unwrap();
    let forged = check_log(place);
    assert_eq!(forged.status.code(), Some(3), "{}", text(&forged));
    assert!(
        text(&forged).contains("it was retired"),
        "{}",
        text(&forged)
    );
    // Sizes that a verifier names decide, and that is told.
    sizes(1, "null");
    let trusted = check_log(place);
    assert_eq!(trusted.status.code(), Some(0), "{}", text(&trusted));
    assert!(text(&trusted).contains("rests on your `trust.json` alone"));
    // An old policy alone knows nothing of the new key.
    fs::remove_file(place.join("trust.json")).unwrap();
    fs::write(
        place.join("trust.policy"),
        format!("log {first}\nquorum none\n"),
    )
    .unwrap();
    published_with(place, &controls, &new);
    assert_eq!(check_log(place).status.code(), Some(3));
}

#[test]
fn a_log_that_continues_another_one_says_so() {
    const OLD: &str = "old.example/log";
    let (key, before) = (signer(ORIGIN, 7), signer(OLD, 1));
    let last = Checkpoint::new(OLD, 42, sha256(&[b"root"])).unwrap();
    let last = SignedCheckpoint::sign(last, &[&before]).unwrap();
    let succeed = |origin: &str, checkpoint: &[u8]| {
        let previous = Previous {
            origin: origin.into(),
            checkpoint: String::from_utf8(checkpoint.to_vec()).unwrap(),
        };
        [(0, control(ControlKind::Succeed, &key, Some(previous)))]
    };
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let trust = |more: &str| {
        let policy = format!("log {}\n{more}quorum none\n", key.verifier_key());
        fs::write(place.join("trust.policy"), policy).unwrap();
    };
    published_with(place, &succeed(OLD, last.as_bytes()), &key);
    trust("");
    let good = check_log(place);
    assert_eq!(good.status.code(), Some(0), "{}", text(&good));
    let said = "It continues the log `old.example/log`, which ended with 42 entries";
    assert!(text(&good).contains(said), "{}", text(&good));
    assert!(text(&good).contains("by its own word: the trust policy names no key"));
    trust(&format!("log {}\n", before.verifier_key()));
    let good = check_log(place);
    assert!(
        text(&good).contains("the trust policy vouches for that"),
        "{}",
        text(&good)
    );
    // Another key of that log is trusted than the one that signed.
    trust(&format!("log {}\n", signer(OLD, 2).verifier_key()));
    let bad = check_log(place);
    assert_eq!(bad.status.code(), Some(3), "{}", text(&bad));
    assert!(text(&bad).contains("that it says it continues does not hold"));
    // What it names is no checkpoint of that origin.
    trust("");
    for (origin, checkpoint) in [("third.example/log", last.as_bytes()), (OLD, b"?")] {
        published_with(place, &succeed(origin, checkpoint), &key);
        let bad = check_log(place);
        assert_eq!(bad.status.code(), Some(3), "{}", text(&bad));
        assert!(text(&bad).contains("entry 0 is of a log whose predecessor"));
    }
}

#[test]
fn a_copy_of_a_whole_log_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    published(folder.path());
    let policy = folder.path().join("trust.policy");
    let check = |more: &[&str]| {
        let more: Vec<&Path> = more.iter().map(Path::new).collect();
        let named = [
            Path::new("--trust"),
            &policy,
            Path::new("--log"),
            folder.path(),
        ];
        run(&[&named, more.as_slice()].concat())
    };
    let output = check(&[]);
    let told = text(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains("`room.example/log` has 300 entries"),
        "{told}"
    );
    assert!(told.contains("From entry 0 on (open)"), "{told}");
    let found = read(&check(&["--json"]));
    assert_eq!(
        (&found["result"], &found["size"]),
        (&json!("verified"), &json!(300))
    );
    assert_eq!(found["tiles"], 3);

    let tile = folder.path().join("tile/0/000");
    let sound = fs::read(&tile).unwrap();
    let mut changed = sound.clone();
    changed[100] ^= 1;
    fs::write(&tile, changed).unwrap();
    let output = check(&[]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output).contains("`tile/0/000` is not what the entries make"));
    assert_eq!(read(&check(&["--json"]))["result"], "not verified");
    fs::write(&tile, sound).unwrap();

    let others = format!("log {}\nquorum none\n", {
        let signer = custos_core::checkpoint::NoteSigner::from_seed("room.example/log", &[8; 32]);
        signer.unwrap().verifier_key().clone()
    });
    fs::write(&policy, others).unwrap();
    assert_eq!(check(&[]).status.code(), Some(3));
    fs::remove_file(folder.path().join("checkpoint")).unwrap();
    assert_eq!(check(&[]).status.code(), Some(1));
}
