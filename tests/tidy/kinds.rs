//! The kinds of custody entries: those that the server writes are those that docs/FORMATS.md
//! says it writes.

use std::collections::BTreeSet;

use crate::{assert_none, paths::without_comments, read, rust_files};

/// What a kind's literal stands behind.
const MAKERS: &[&str] = &[
    "Draft::of_room(",
    "Draft::new(",
    "of_case(",
    "of_item(",
    "draft.kind = ",
];

/// Literals in code that make an entry of that kind.
fn made(code: &str) -> Vec<&str> {
    let after = MAKERS.iter().flat_map(|maker| code.split(maker).skip(1));
    let literals = after.filter_map(|rest| rest.trim_start().strip_prefix('"'));
    literals.filter_map(|rest| rest.split('"').next()).collect()
}

/// Kinds of the page's table, and whether it says that they are written.
fn listed(page: &str) -> Vec<(&str, bool)> {
    let table = page.split("### Kinds").nth(1).unwrap_or_default();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| {
        let (kind, rest) = row.split_once("` | ")?;
        Some((kind, rest.starts_with("yes |")))
    })
    .collect()
}

/// Where code and page disagree.
fn disagreements(code: &str, page: &str) -> Vec<String> {
    let listed = listed(page);
    let unlisted = made(code)
        .into_iter()
        .filter(|kind| !listed.contains(&(*kind, true)))
        .map(|kind| format!("`{kind}` is written, and docs/FORMATS.md does not say so"));
    // A kind may be chosen before it is handed over, so any literal of it counts.
    let unused = listed.iter().filter(|(kind, written)| {
        let literal = format!("\"{kind}\"");
        let constant = format!("kind::{}", kind.to_uppercase());
        *written && !code.contains(&literal) && !code.contains(&constant)
    });
    let unused = unused.map(|(kind, _)| format!("docs/FORMATS.md says that `{kind}` is written"));
    unlisted.chain(unused).collect()
}

#[test]
fn the_kinds_that_are_written_are_listed() {
    let mut files = rust_files("src/app");
    files.retain(|file| !file.contains("/tests"));
    let code: Vec<String> = files
        .iter()
        .map(|file| without_comments(&read(file)))
        .collect();
    let (code, page) = (code.concat(), read("docs/FORMATS.md"));
    let kinds: BTreeSet<&str> = made(&code).into_iter().collect();
    assert!(kinds.len() > 10, "only {kinds:?} were found");
    assert_none(&disagreements(&code, &page));
}

#[test]
fn a_kind_that_is_not_listed_is_caught() {
    let page = "### Kinds\n\n| `read` | yes | item | none |\n| `cover` | no | room | none |\n";
    let caught = |code| !disagreements(code, page).is_empty();
    assert!(!caught("of_item(\"read\", x)"));
    assert!(caught("of_item(\"read\", x); Draft::of_room(\"cover\", y)"));
    assert!(caught("of_item(\"read\", x); draft.kind = \"opened\";"));
    assert!(caught(
        "of_item(\"read\", x); Draft::new(\n    \"opened\", y)"
    ));
    assert!(caught("of_item(other, x)"));
}
