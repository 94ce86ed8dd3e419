//! The rules of the house that no compiler checks.
//!
//! Each rule is a function from text to breaches, one test that runs it over the repository,
//! and one that shows it catching a planted breach.

#[path = "tidy/crash.rs"]
mod crash;
#[path = "tidy/demo.rs"]
mod demo;
#[path = "tidy/home.rs"]
mod home;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/kinds.rs"]
mod kinds;
#[path = "tidy/migrations.rs"]
mod migrations;
#[path = "tidy/paths.rs"]
mod paths;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Longest Rust source file, in lines.
const MAX_FILE_LINES: usize = 500;

/// Most crates that `custos-verify` may be made of, itself counted, on one target.
///
/// An expert of the other side has to be able to read what verifies. 111 were there when this was
/// set; a quarter of them are the URL and Unicode crates that tlog_tiles asks for. The rest is
/// room for updates that split a crate, not for new features.
const MAX_VERIFIER_CRATES: usize = 116;

/// The breach of a file that is too long.
fn too_long(file: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > MAX_FILE_LINES).then(|| format!("{file}: {lines} lines, at most {MAX_FILE_LINES}"))
}

#[test]
fn files_are_short() {
    let files = [rust_files("src"), rust_files("crates"), rust_files("tests")].concat();
    let breaches: Vec<_> = files.iter().filter_map(|f| too_long(f, &read(f))).collect();
    assert_none(&breaches);
}

#[test]
fn a_long_file_is_caught() {
    assert!(too_long("planted.rs", &"x\n".repeat(MAX_FILE_LINES + 1)).is_some());
    assert!(too_long("planted.rs", &"x\n".repeat(MAX_FILE_LINES)).is_none());
}

/// Names that only one of the two migration sets has.
fn unpaired(sqlite: &[String], postgres: &[String]) -> Vec<String> {
    let (a, b): (BTreeSet<_>, BTreeSet<_>) = (sqlite.iter().collect(), postgres.iter().collect());
    a.symmetric_difference(&b)
        .map(|name| format!("migrations: `{name}` is in one set only"))
        .collect()
}

#[test]
fn both_databases_have_the_same_migrations() {
    let set = |name: &str| -> Vec<String> {
        let folder = format!("migrations/{name}/");
        tracked()
            .iter()
            .filter_map(|file| file.strip_prefix(&folder).map(str::to_owned))
            .collect()
    };
    let (sqlite, postgres) = (set("sqlite"), set("postgres"));
    // PostgreSQL comes second; until its first migration there is nothing to compare.
    if !postgres.is_empty() {
        assert_none(&unpaired(&sqlite, &postgres));
    }
}

#[test]
fn a_missing_migration_is_caught() {
    let names = ["0001_log/up.sql".to_owned(), "0002_items/up.sql".to_owned()];
    assert_eq!(unpaired(&names, &names[..1]).len(), 1);
    assert!(unpaired(&names, &names).is_empty());
}

/// Breaches in the names of the decisions: 0001, 0002, ... each once.
fn misnumbered(names: &[String]) -> Vec<String> {
    let mut names: Vec<_> = names.iter().filter(|name| *name != "README.md").collect();
    names.sort();
    let numbered = (1..).map(|n| format!("{n:04}-"));
    names
        .iter()
        .zip(numbered)
        .filter(|(name, number)| !(name.starts_with(number) && name.ends_with(".md")))
        .map(|(name, number)| format!("docs/decisions/{name}: expected `{number}*.md`"))
        .collect()
}

#[test]
fn decisions_are_numbered_without_gaps() {
    let names: Vec<_> = tracked()
        .iter()
        .filter_map(|file| file.strip_prefix("docs/decisions/").map(str::to_owned))
        .collect();
    assert!(!names.is_empty(), "no decisions found");
    assert_none(&misnumbered(&names));
}

#[test]
fn a_gap_in_the_decisions_is_caught() {
    let names = |list: &[&str]| list.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    assert!(!misnumbered(&names(&["0001-a.md", "0003-c.md"])).is_empty());
    assert!(!misnumbered(&names(&["0001-a.md", "0001-b.md"])).is_empty());
    assert!(misnumbered(&names(&["README.md", "0002-b.md", "0001-a.md"])).is_empty());
}

/// The number of different crates in the output of `cargo tree --prefix none`.
fn crates_in(tree: &str) -> usize {
    let crates: BTreeSet<_> = tree
        .lines()
        .map(|line| line.split(" (").next().unwrap_or(line))
        .filter(|line| !line.is_empty())
        .collect();
    crates.len()
}

#[test]
fn the_verifier_is_small() {
    let tree = output(Command::new(env!("CARGO")).args([
        "tree",
        "--locked",
        "--offline",
        "--package=custos-verify",
        "--edges=normal",
        "--prefix=none",
    ]));
    let crates = crates_in(&tree);
    assert!(crates > 1, "cargo tree listed nothing");
    assert!(
        crates <= MAX_VERIFIER_CRATES,
        "custos-verify is made of {crates} crates, at most {MAX_VERIFIER_CRATES}"
    );
}

#[test]
fn crates_are_counted_once() {
    let tree = "a v1.0.0 (path)\nb v2.0.0\nb v2.0.0 (*)\nb v3.0.0 (proc-macro)\n\n";
    assert_eq!(crates_in(tree), 3);
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: impl AsRef<Path>) -> String {
    let bytes = fs::read(root().join(file)).expect("a tracked file can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What `command` prints, run at the root; fails if it fails.
fn output(command: &mut Command) -> String {
    let out = command
        .current_dir(root())
        .output()
        .expect("the program is installed");
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).expect("its output is UTF-8")
}

/// Files that git tracks or would track, as far as they exist, by path from the root.
fn tracked() -> Vec<String> {
    // A clone in a container may belong to another user; these commands only read it.
    let list = output(Command::new("git").args([
        "-c",
        "safe.directory=*",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]));
    let files: BTreeSet<_> = list.split('\0').filter(|file| !file.is_empty()).collect();
    let files = files.into_iter().map(str::to_owned);
    files.filter(|file| root().join(file).is_file()).collect()
}

fn rust_files(folder: &str) -> Vec<String> {
    let below = format!("{folder}/");
    let mut files = tracked();
    files.retain(|file| file.starts_with(&below) && file.ends_with(".rs"));
    assert!(!files.is_empty(), "no Rust files in {folder}");
    files
}

fn assert_none(breaches: &[String]) {
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}
