//! Databases for tests on a server: each copied from one that the migrations made, and dropped
//! once the folder of its test is gone.

use std::{
    collections::HashMap,
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
};

use custos_core::hash::sha256;
use diesel::{Connection as _, PgConnection, connection::SimpleConnection};

use crate::db::{Connection, Location, dialect, pool};

/// A key of the server's advisory locks, under which the copied database is made once.
const MAKING: i64 = 0x6375_7374_6f73_0002;
/// How often it is tried again while the copied database is still being left.
const TRIES: u32 = 200;

/// Folders of tests by the names of their databases.
type Made = HashMap<String, PathBuf>;

fn made() -> &'static Mutex<Made> {
    static MADE: OnceLock<Mutex<Made>> = OnceLock::new();
    MADE.get_or_init(Mutex::default)
}

/// The database of a folder's test, made when it is first asked for.
pub(super) fn database(server: &str, folder: &Path) -> Location {
    let name = format!("custos_{}", &hash(&folder.to_string_lossy())[..24]);
    let mut made = made().lock().unwrap_or_else(PoisonError::into_inner);
    if !made.contains_key(&name) {
        let mut maker = connect(server);
        drop_left(&mut maker, &mut made);
        let template = template(server, &mut maker);
        create(&mut maker, &name, &template);
        made.insert(name.clone(), folder.to_owned());
    }
    Location::Server(named(server, &name))
}

/// Makes the database at `to` a copy of the one at `from`.
pub(super) fn copy(from: &str, to: &str) {
    let (from_name, to_name) = (name(from), name(to));
    let mut maker = connect(&named(from, "postgres"));
    let drop_old = format!("DROP DATABASE IF EXISTS {to_name} WITH (FORCE)");
    maker.batch_execute(&drop_old).expect("it is dropped");
    create(&mut maker, to_name, from_name);
}

fn connect(url: &str) -> PgConnection {
    PgConnection::establish(url).unwrap_or_else(|error| panic!("{}: {error}", super::SERVER))
}

/// Drops the databases of tests that are over.
fn drop_left(maker: &mut PgConnection, made: &mut Made) {
    let left: Vec<String> = made
        .iter()
        .filter(|(_, folder)| !folder.exists())
        .map(|(name, _)| name.clone())
        .collect();
    for name in left {
        let dropping = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        maker.batch_execute(&dropping).expect("it is dropped");
        made.remove(&name);
    }
}

/// The database from which others are copied, made by whoever comes first.
fn template(server: &str, maker: &mut PgConnection) -> String {
    let versions = pool::known().expect("this program's migrations").join(" ");
    let name = format!("custos_template_{}", &hash(&versions)[..16]);
    let locked = |locking| format!("SELECT pg_advisory_{locking}({MAKING})");
    maker.batch_execute(&locked("lock")).expect("it is locked");
    // Where it is there already, this fails; where it was left half made, migrations go on.
    let is_new = maker
        .batch_execute(&format!("CREATE DATABASE {name}"))
        .is_ok();
    if is_new {
        let at = Location::Server(named(server, &name));
        let mut connection: Connection = dialect::connect(&at).expect("it connects");
        pool::migrate(&mut connection).expect("it is migrated");
    }
    maker
        .batch_execute(&locked("unlock"))
        .expect("it is unlocked");
    name
}

fn create(maker: &mut PgConnection, name: &str, template: &str) {
    let creating = format!("CREATE DATABASE {name} TEMPLATE {template}");
    for _ in 0..TRIES {
        match maker.batch_execute(&creating) {
            Ok(()) => return,
            // Whoever was connected to it last may still be leaving.
            Err(error) if error.to_string().contains("being accessed") => {
                std::thread::sleep(std::time::Duration::from_millis(25));
            }
            Err(error) => panic!("`{name}` can't be made: {error}"),
        }
    }
    panic!("`{template}` is always in use");
}

/// The URL with another database.
fn named(url: &str, name: &str) -> String {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let (server, _) = base.rsplit_once('/').expect("a URL names a database");
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{server}/{name}{mark}{query}")
}

fn name(url: &str) -> &str {
    let base = url.split_once('?').map_or(url, |(base, _)| base);
    base.rsplit_once('/').expect("a URL names a database").1
}

fn hash(text: &str) -> String {
    sha256(&[text.as_bytes()]).to_string()
}

/// SQLite's words in PostgreSQL's: bytes, and what has no name of its own there.
pub(super) fn translated(statements: &str) -> String {
    let mut text = statements.replace(
        "PRAGMA foreign_keys = OFF",
        "SET session_replication_role = replica",
    );
    for (word, open) in [
        ("zeroblob(", "decode(repeat('00', "),
        ("randomblob(", RANDOM),
    ] {
        while let Some(at) = text.find(word) {
            let begin = at + word.len();
            let end = begin + closing(&text[begin..]);
            let inner = text[begin..end].to_owned();
            text.replace_range(at..=end, &format!("{open}({inner})::int), 'hex')"));
        }
    }
    let mut parts = text.split("x'");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('\'') {
            // A word that ends in `x` before a quote is none of bytes.
            Some((hex, rest)) if is_hex(hex) && !out.ends_with(char::is_alphanumeric) => {
                write!(out, "'\\x{hex}'::bytea{rest}").expect("text takes text");
            }
            _ => {
                out.push_str("x'");
                out.push_str(part);
            }
        }
    }
    out
}

/// As many random bytes as are asked for, which are 16 or 32 in tests, in hex.
const RANDOM: &str = "decode(substr(replace(gen_random_uuid()::text || gen_random_uuid()::text, \
                      '-', ''), 1, 2 * ";

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Where the bracket closes that was opened before `text`.
fn closing(text: &str) -> usize {
    let mut depth = 1;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    panic!("a bracket is not closed in `{text}`");
}

/// A server that has no space left can't be had for a test; one whose table of entries says so
/// can. Four entries take about a page.
pub(super) fn filling(pages: Option<i64>) -> String {
    let off = "DROP TRIGGER IF EXISTS full_disk ON entries; DROP FUNCTION IF EXISTS full_disk";
    match pages {
        None => off.into(),
        Some(pages) => format!(
            "{off};
             CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF NEW.idx >= TG_ARGV[0]::bigint THEN
                     RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100';
                 END IF;
                 RETURN NEW;
             END $$;
             DO $$ BEGIN EXECUTE format('CREATE TRIGGER full_disk BEFORE INSERT ON entries \
                 FOR EACH ROW EXECUTE FUNCTION full_disk(%s)', (SELECT size + {} FROM log_head));
             END $$",
            pages.saturating_mul(4).min(1 << 40)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_translated() {
        for (sqlite, server) in [
            ("SET id = x'0a'", "SET id = '\\x0a'::bytea"),
            ("SET mac = x''", "SET mac = '\\x'::bytea"),
            (
                "zeroblob(length(edge))",
                "decode(repeat('00', (length(edge))::int), 'hex')",
            ),
            ("SET status = 'past'", "SET status = 'past'"),
        ] {
            assert_eq!(translated(sqlite), server);
        }
        assert_eq!(
            named("postgres://h:1/postgres?a=b", "t"),
            "postgres://h:1/t?a=b"
        );
        assert_eq!(name("postgres://h:1/t?a=b"), "t");
    }
}
