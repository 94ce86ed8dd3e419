//! What must stay at home: private keys, and the names of machines.

use crate::{assert_none, read, tracked};

/// Marks of a private key. Split, so that this file does not carry them.
const KEY_MARKS: &[&str] = &[
    concat!("PRIVATE", " KEY-----"),
    concat!("PRIVATE", "+KEY+"),
    concat!("AGE-SECRET", "-KEY-1"),
];
const KEY_SUFFIXES: &[&str] = &[".key", ".p12", ".pfx", ".jks", ".keystore"];

/// Signs that the tracked `file` is or carries a private key.
fn private_keys(file: &str, text: &str) -> Vec<String> {
    let by_name = file.starts_with("keys/local/") || KEY_SUFFIXES.iter().any(|s| file.ends_with(s));
    let by_text = KEY_MARKS.iter().any(|mark| text.contains(mark));
    if by_name || by_text {
        return vec![format!("{file}: looks like a private key")];
    }
    Vec::new()
}

/// Folders of build machines, as absolute paths. Split for the same reason.
const MACHINE_PATHS: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("/works", "pace/"),
    concat!("/bui", "lds/"),
];
/// Settings that point a package manager at another registry.
const REGISTRY_SETTINGS: &[&str] = &[
    concat!("replace", "-with"),
    concat!("--index", "-url"),
    concat!("--extra-index", "-url"),
    concat!("index-url", " ="),
    concat!("npm_config", "_registry"),
    concat!("GOPROXY", "="),
];
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";
const NPM: &str = "https://registry.npmjs.org/";

/// Lines of the tracked `file` that name a folder of a build machine or a registry host.
fn traces_of_a_machine(file: &str, text: &str) -> Vec<String> {
    let name = file.rsplit('/').next().unwrap_or(file);
    let foreign_source = |line: &str| match name {
        "Cargo.lock" => line.starts_with("source = ") && !line.contains(CRATES_IO),
        "package-lock.json" => line.contains("\"resolved\": \"http") && !line.contains(NPM),
        ".npmrc" => line.contains("registry"),
        _ => REGISTRY_SETTINGS
            .iter()
            .any(|setting| line.contains(setting)),
    };
    text.lines()
        .enumerate()
        .filter(|(_, line)| foreign_source(line) || MACHINE_PATHS.iter().any(|p| at_start(line, p)))
        .map(|(at, _)| format!("{file}:{}: names a machine or a registry", at + 1))
        .collect()
}

/// Whether `path` begins a path in `line`, and is not the middle of a longer one or of a URL.
fn at_start(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !"_-./~$}{*>)".contains(c))
    })
}

#[test]
fn no_private_key_is_committed() {
    assert_none(&over_tracked(private_keys));
}

#[test]
fn no_machine_is_named() {
    assert_none(&over_tracked(traces_of_a_machine));
}

#[test]
fn a_private_key_is_caught() {
    for mark in KEY_MARKS {
        assert!(!private_keys("notes.txt", &format!("-----BEGIN {mark}")).is_empty());
    }
    assert!(!private_keys("keys/local/root", "").is_empty());
    assert!(!private_keys("tests/server.key", "").is_empty());
    assert!(private_keys("keys/README.md", "public keys only").is_empty());
}

#[test]
fn a_machine_is_caught() {
    let caught = |file: &str, text: &str| !traces_of_a_machine(file, text).is_empty();
    for path in MACHINE_PATHS {
        assert!(caught("notes.md", &format!("see `{path}x`")));
        assert!(!caught(
            "notes.md",
            &format!("see https://example.org{path}x")
        ));
    }
    for setting in REGISTRY_SETTINGS {
        assert!(caught("tool.sh", setting));
    }
    assert!(caught(
        "Cargo.lock",
        "source = \"registry+https://mirror.example/index\""
    ));
    assert!(caught(
        "package-lock.json",
        "  \"resolved\": \"https://mirror.example/a.tgz\","
    ));
    assert!(!caught("Cargo.lock", &format!("source = \"{CRATES_IO}\"")));
}

fn over_tracked(check: fn(&str, &str) -> Vec<String>) -> Vec<String> {
    let files = tracked();
    assert!(
        files.contains(&"Cargo.toml".to_owned()),
        "git lists no files"
    );
    files
        .iter()
        .flat_map(|file| check(file, &read(file)))
        .collect()
}
