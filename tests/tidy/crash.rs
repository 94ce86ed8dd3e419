//! Every file that makes something durable says what a crash leaves there.

use crate::{assert_none, paths::without_comments, read, rust_files};

/// Steps after which something is durable that was not.
const STEPS: &[&str] = &[
    "sync_all(",
    "sync_data(",
    "fs::rename(",
    ".persist(",
    ".persist_noclobber(",
    ".complete()",
    "put_public(",
    "\"COMMIT\"",
    "run_pending_migrations(",
];

/// The breach of a file that has such a step and does not say it.
fn silent(file: &str, text: &str) -> Option<String> {
    // Tests at the end of a file write what they like.
    let text = text.split("#[cfg(test)]\nmod tests").next()?;
    let code = without_comments(text);
    let step = STEPS.iter().find(|step| code.contains(**step))?;
    let says = text.lines().any(|line| {
        let line = line.trim_start();
        line.starts_with("//") && line.to_lowercase().contains("crash")
    });
    (!says).then(|| format!("{file}: `{step}`, and no comment says what a crash leaves"))
}

/// Whether a file is of the tests alone.
fn is_of_tests(file: &str) -> bool {
    ["/tests/", "/tests.rs", "/faults.rs"]
        .iter()
        .any(|part| file.contains(part))
}

#[test]
fn every_durable_step_says_what_a_crash_leaves() {
    let files = rust_files("src").into_iter().filter(|f| !is_of_tests(f));
    let breaches: Vec<_> = files.filter_map(|f| silent(&f, &read(&f))).collect();
    assert_none(&breaches);
}

#[test]
fn a_silent_step_is_caught() {
    let step = "fn keep() {\n    file.sync_all()?;\n}\n";
    assert!(silent("planted.rs", step).is_some());
    let said = format!("// A crash before this leaves nothing.\n{step}");
    assert!(silent("planted.rs", &said).is_none());
    assert!(silent("planted.rs", "fn read() {}\n").is_none());
    let tested = format!("fn read() {{}}\n\n#[cfg(test)]\nmod tests {{\n{step}}}\n");
    assert!(silent("planted.rs", &tested).is_none());
}
