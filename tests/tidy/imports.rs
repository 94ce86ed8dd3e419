//! Who may import whom, and what the ground may use.

use crate::{
    assert_none,
    paths::{paths_after, starts_with, without_comments},
    read, rust_files,
};

/// A floor of the server, and the floors that it may import. `a::b` allows that part of `a` only.
/// The order is that of the house: what stands above may know what stands below.
const FLOORS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("lib", &[]),
    (
        "cli",
        &[
            "http",
            "jobs",
            "app",
            "content",
            "db",
            "policy",
            "peers",
            "store",
            "keyring",
            "config",
            "telemetry",
            "client",
            "demo",
            "sandbox",
            "witness",
        ],
    ),
    ("telemetry", &["config"]),
    ("config", &[]),
    ("demo", &["app", "client"]),
    ("client", &[]),
    ("witness", &[]),
    ("http", &["app"]),
    ("jobs", &["app"]),
    (
        "app",
        &[
            "content", "db", "policy", "peers", "sandbox", "store", "keyring",
        ],
    ),
    ("content", &["store", "keyring"]),
    (
        "db",
        &[
            "policy::Permit",
            "policy::action",
            "policy::facts",
            "policy::permit",
            "keyring",
        ],
    ),
    ("policy", &["keyring"]),
    ("peers", &["keyring"]),
    ("sandbox", &[]),
    ("store", &[]),
    ("keyring", &[]),
    (AMBIENT, &[]),
];

/// Time and randomness of the process: passed down to every floor, so every floor names it.
const AMBIENT: &str = "ambient";

/// Parts of one floor that are strangers to each other.
const STRANGERS: &[(&str, &str)] = &[
    ("http::room::api", "http::room::web"),
    ("http::room", "http::content"),
    ("http::room", "http::log"),
    ("http::content", "http::log"),
];

/// The module path of a file below `src`: `db/pool.rs` and `db/pool/mod.rs` are `db::pool`.
fn module_of(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    stem.split('/')
        .filter(|part| *part != "mod")
        .map(str::to_owned)
        .collect()
}

/// Imports in `text`, the file `src/<file>`, that the tables forbid.
fn import_breaches(file: &str, text: &str) -> Vec<String> {
    let module = module_of(file);
    let floor = module[0].as_str();
    let Some((_, allowed)) = FLOORS.iter().find(|(name, _)| *name == floor) else {
        return vec![format!("src/{file}: `{floor}` is not in the import table")];
    };
    let code = without_comments(text);
    let root = if floor == "main" { "custos" } else { "crate" };
    let mut imports = paths_after(&code, root);
    imports.extend(relative_imports(&code, &module));
    imports
        .into_iter()
        .filter(|path| {
            FLOORS
                .iter()
                .any(|(name, _)| path.first().is_some_and(|p| p == name))
        })
        .filter(|path| {
            let same_floor = path[0] == floor || path[0] == AMBIENT;
            let in_table = allowed.iter().any(|rule| starts_with(path, rule));
            let strangers = STRANGERS.iter().any(|(a, b)| {
                (starts_with(&module, a) && starts_with(path, b))
                    || (starts_with(&module, b) && starts_with(path, a))
            });
            strangers || !(same_floor || in_table)
        })
        .map(|path| format!("src/{file}: `{floor}` may not import `{}`", path.join("::")))
        .collect()
}

/// What `super::` leads to. In a nested module the answer is one level too high, which stays on
/// the same floor or leaves the tree; both are harmless here.
fn relative_imports(code: &str, module: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for path in paths_after(code, "super") {
        let ups = 1 + path.iter().take_while(|part| *part == "super").count();
        let mut absolute = module[..module.len().saturating_sub(ups)].to_vec();
        absolute.extend(path.into_iter().skip(ups - 1));
        found.push(absolute);
    }
    found
}

#[test]
fn floors_import_only_what_stands_below() {
    let mut breaches = Vec::new();
    for file in rust_files("src") {
        let below_src = file.strip_prefix("src/").expect("it was listed there");
        breaches.extend(import_breaches(below_src, &read(&file)));
    }
    assert_none(&breaches);
}

#[test]
fn a_forbidden_import_is_caught() {
    let caught = |file: &str, text: &str| !import_breaches(file, text).is_empty();
    assert!(caught("db/items.rs", "use crate::store::Blobs;"));
    assert!(caught(
        "db/items.rs",
        "use crate::{db::pool, policy::engine::Engine};"
    ));
    assert!(caught("http/log.rs", "use super::super::db;"));
    assert!(caught(
        "store.rs",
        "fn f() -> crate::keyring::Key { todo!() }"
    ));
    assert!(caught(
        "app/items.rs",
        "use crate::{\n    db,\n    config::{self as c},\n};"
    ));
    assert!(caught(
        "http/room/api/items.rs",
        "use super::super::web::Page;"
    ));
    assert!(caught("main.rs", "use custos::{db};"));
    assert!(caught("misc.rs", ""), "a floor that is not in the table");

    assert!(!caught(
        "db/items.rs",
        "use crate::policy::permit::Permit; // crate::app"
    ));
    assert!(!caught(
        "app/items.rs",
        "use super::context; use crate::{db, store::{A, B}};"
    ));
    assert!(!caught("store.rs", "use crate::ambient::Ambient;"));
    assert!(caught("ambient.rs", "use crate::config;"));
    assert!(!caught("store.rs", "mod tests { use super::*; }"));
    assert!(!caught(
        "cli/serve.rs",
        "use crate::{config::Config, http, jobs};"
    ));
}

/// What would let the ground read a file, a clock or a source of randomness, wait, or print.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "std::time::SystemTime",
    "std::time::Instant",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "ring::rand",
    "rand",
    "rand_core",
    "getrandom",
    "tokio",
    "futures",
];
/// Files that may use a second core: a court checks gigabytes while it waits. They read what they
/// are given there and hash it, and nothing else, so the answer depends on their arguments alone.
const MAY_USE_THREADS: [&str; 2] = [
    "crates/custos-core/src/verify/stream.rs",
    "crates/custos-core/src/verify/whole.rs",
];
/// The same for what is named without a path.
const IMPURE_WORDS: &[&str] = &[
    "SystemRandom",
    "OsRng",
    "async fn",
    ".await",
    "println!",
    "dbg!",
];

/// Uses in `text` of what the ground may not use; the unit tests at its end are free.
fn impurities(file: &str, text: &str) -> Vec<String> {
    let code = without_comments(text);
    let code = code
        .split_once("#[cfg(test)]\nmod tests {")
        .map_or(code.as_str(), |(above, _)| above);
    let mut found = Vec::new();
    let rules = IMPURE.iter();
    let threads = |rule: &str| rule == "std::thread" && MAY_USE_THREADS.contains(&file);
    for rule in rules.filter(|rule| !threads(rule)) {
        let root = rule.split("::").next().expect("a split has a first part");
        for path in paths_after(code, root) {
            let path: Vec<_> = [root.to_owned()].into_iter().chain(path).collect();
            if starts_with(&path, rule) {
                found.push(format!(
                    "{file}: the ground may not use `{}`",
                    path.join("::")
                ));
            }
        }
    }
    for word in IMPURE_WORDS.iter().filter(|word| code.contains(**word)) {
        found.push(format!("{file}: the ground may not use `{word}`"));
    }
    found
}

#[test]
fn the_ground_is_pure() {
    let mut breaches = Vec::new();
    for file in rust_files("crates/custos-core/src") {
        if !file.ends_with("/tests.rs") {
            breaches.extend(impurities(&file, &read(&file)));
        }
    }
    assert_none(&breaches);
}

#[test]
fn an_impurity_is_caught() {
    let caught = |text: &str| !impurities("planted.rs", text).is_empty();
    assert!(caught("use std::{fmt, fs::File};"));
    assert!(caught("let now = std::time::SystemTime::now();"));
    assert!(caught("use ring::{digest, rand};"));
    assert!(caught("use rand::Rng;"));
    assert!(caught("pub async fn f() {}"));
    assert!(caught("use std::thread;"));
    for file in MAY_USE_THREADS {
        assert!(impurities(file, "use std::thread;").is_empty());
        assert!(!impurities(file, "use std::fs;").is_empty());
    }
    assert!(caught("#[cfg(test)]\nmod tests;\nuse std::net::TcpStream;"));
    assert!(!caught(
        "use std::{fmt, io::Read, time::Duration}; // std::fs"
    ));
    assert!(!caught("#[cfg(test)]\nmod tests {\n    use std::fs;\n}"));
}
