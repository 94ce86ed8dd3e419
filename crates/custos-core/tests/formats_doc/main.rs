//! `docs/FORMATS.md` says what this program does: its examples are made anew and compared,
//! and its list of kinds is that of the code.
//!
//! `CUSTOS_WRITE_EXAMPLES=1 cargo test -p custos-core --test formats_doc` writes the examples
//! into the page; without it the test compares.

#[path = "../common/mod.rs"]
mod common;
mod log;
mod packed;
mod page;
mod sealed;

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use custos_core::event::kind;
use page::{Example, blocks, fill};

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/FORMATS.md")
}

fn page() -> String {
    fs::read_to_string(file()).expect("the page is committed")
}

fn examples() -> Vec<Example> {
    [sealed::examples(), log::examples(), packed::examples()].concat()
}

#[test]
fn examples_are_what_this_program_makes() {
    let examples = examples();
    if env::var_os("CUSTOS_WRITE_EXAMPLES").is_some() {
        fs::write(file(), fill(&page(), &examples)).expect("the page can be written");
    }
    let page = page();
    let made: BTreeMap<&str, &Example> = examples.iter().map(|e| (e.label, e)).collect();
    assert_eq!(made.len(), examples.len(), "a label stands twice");
    let mut found = BTreeMap::new();
    for (form, label, lines) in blocks(&page) {
        let example = made
            .get(label)
            .unwrap_or_else(|| panic!("nothing makes the example `{label}`"));
        assert_eq!(form, example.form, "{label}");
        assert_eq!(lines, example.lines, "{label}");
        assert!(found.insert(label, ()).is_none(), "`{label}` stands twice");
    }
    let missing: Vec<_> = made.keys().filter(|l| !found.contains_key(*l)).collect();
    assert!(missing.is_empty(), "the page lacks {missing:?}");
}

#[test]
fn a_changed_example_is_found() {
    let page = page();
    let examples = examples();
    let flipped = page.replacen("\nC = ", "\nC = 00", 1);
    assert!(flipped != page, "the page shows a commitment");
    assert!(fill(&page, &examples) == page);
    assert!(fill(&flipped, &examples) == page);
}

/// Kinds of the page's table, and whether it says that they are written.
fn kinds(page: &str) -> Vec<(&str, bool)> {
    let table = page.split("### Kinds").nth(1).expect("there is a table");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| {
        let (kind, rest) = row.split_once("` | ")?;
        let written = rest.split_once(" | ")?.0;
        match written {
            "yes" => Some((kind, true)),
            "no" => Some((kind, false)),
            _ => None,
        }
    })
    .collect()
}

#[test]
fn the_kinds_are_those_of_the_code() {
    let page = page();
    let listed: Vec<&str> = kinds(&page).iter().map(|(kind, _)| *kind).collect();
    assert_eq!(listed, kind::ALL);
    assert!(listed.is_sorted(), "kinds ascend");
    assert!(listed.iter().all(|kind| kind::is_known(kind)));
    assert!(!kind::is_known("opened"));
}
