//! PostgreSQL: what a server must keep, how long it waits, and the writers' lock.

use diesel::{
    Connection as _, ConnectionError, PgConnection, connection::SimpleConnection,
    result::Error as Query,
};

use super::{Cell, Work, raw::server::raw};
use crate::db::DbError;

/// The first version that ends a connection which is silent within a transaction, and one which
/// is silent at all.
const OLDEST: i64 = 140_000;

/// What a server must say, so that what it acknowledged survives a loss of power. A stronger
/// `synchronous_commit` waits for another server, too, and is kept.
const SETTINGS: [(&str, &str, &[&str]); 5] = [
    ("fsync", "on", &["on"]),
    ("full_page_writes", "on", &["on"]),
    ("synchronous_commit", "on", &["on", "remote_apply"]),
    ("server_encoding", "UTF8", &["UTF8"]),
    ("standard_conforming_strings", "on", &["on"]),
];

/// How long a connection is waited for, in seconds, unless the URL says it.
const CONNECT_SECONDS: &str = "5";

/// Ends the transaction. Of one that the server gave up `COMMIT` alone would make a rollback, and
/// call it done; the statement before it fails there.
pub(super) const COMMIT: &str = "SELECT 1; COMMIT";

/// A key of the server's advisory locks: "custos", migrations.
const MIGRATIONS_LOCK: i64 = 0x6375_7374_6f73_0001;

/// Opens one connection, looks at what the server keeps, and bounds how long it may take.
pub(super) fn connect(url: &str, work: Work) -> Result<PgConnection, DbError> {
    let mut server = PgConnection::establish(&bounded(url)).map_err(unsaid)?;
    check(&mut server)?;
    settle(&mut server, work)?;
    Ok(server)
}

/// The URL with a bound of the time in which the server must answer, and with a look at whether
/// the other side still lives.
fn bounded(url: &str) -> String {
    let mut text = url.to_owned();
    for (name, value) in [
        ("connect_timeout", CONNECT_SECONDS),
        ("keepalives_idle", "5"),
        ("keepalives_interval", "2"),
        ("keepalives_count", "3"),
        ("tcp_user_timeout", "15000"),
        ("application_name", "custos"),
    ] {
        if !url.contains(&format!("{name}=")) {
            text.push(if text.contains('?') { '&' } else { '?' });
            text.push_str(&format!("{name}={value}"));
        }
    }
    text
}

/// What libpq says of a URL that it can't read may show a part of it, which may be a password.
fn unsaid(error: ConnectionError) -> DbError {
    let said = error.to_string();
    let of_the_url = [
        "URI",
        "connection info string",
        "percent-encoded",
        "connection option",
    ];
    if of_the_url.iter().any(|words| said.contains(words)) {
        return DbError::Url;
    }
    DbError::Open(error)
}

fn check(server: &mut PgConnection) -> Result<(), DbError> {
    let query = "SELECT current_setting('server_version_num')::int8, \
                 current_setting('server_version')";
    let row = one(server, query)?;
    if !matches!(row.first(), Some(Cell::Integer(number)) if *number >= OLDEST) {
        return Err(DbError::Server(row.get(1).map_or_else(String::new, words)));
    }
    let asked: Vec<String> = SETTINGS
        .iter()
        .map(|(name, _, _)| format!("current_setting('{name}')"))
        .collect();
    let row = one(server, &format!("SELECT {}", asked.join(", ")))?;
    for ((name, wanted, good), cell) in SETTINGS.into_iter().zip(&row) {
        let got = words(cell);
        if !good.contains(&got.as_str()) {
            return Err(DbError::Setting { name, wanted, got });
        }
    }
    Ok(())
}

/// Fixes for this connection what a server's operator may change under it, and bounds it. A
/// process that is held up within a transaction loses it and its lock: others go on, and it
/// finds its connection gone.
fn settle(server: &mut PgConnection, work: Work) -> Result<(), DbError> {
    let (statement, lock, idle) = match work {
        Work::Serve => ("60s", "12s", "10min"),
        // The lock is waited for a little longer than a silent holder keeps it.
        Work::Write => ("60s", "12s", "10s"),
        Work::Examine => ("6h", "60s", "1h"),
    };
    let read_only = if work == Work::Serve { "on" } else { "off" };
    let query = format!(
        "SELECT set_config('synchronous_commit', current_setting('synchronous_commit'), false), \
         set_config('search_path', quote_ident(current_schema()), false), \
         set_config('statement_timeout', '{statement}', false), \
         set_config('lock_timeout', '{lock}', false), \
         set_config('idle_in_transaction_session_timeout', '{idle}', false), \
         set_config('default_transaction_isolation', 'read committed', false), \
         set_config('default_transaction_read_only', '{read_only}', false), \
         set_config('bytea_output', 'hex', false)"
    );
    let row = one(server, &query)?;
    if matches!(row.get(1), Some(Cell::Text(_))) {
        Ok(())
    } else {
        Err(DbError::Setting {
            name: "search_path",
            wanted: "a schema that there is",
            got: "none".into(),
        })
    }
}

/// Begins the transaction of a writer. The lock of the head's row is its first statement: what is
/// read after it, of the head and of all chains, nobody else changes before it ends.
pub(super) fn begin(server: &mut PgConnection) -> Result<(), Query> {
    server.batch_execute(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
         SELECT size FROM log_head WHERE id = 1 FOR UPDATE",
    )
}

/// The server's clock, in microseconds since 1970.
pub(super) fn clock(server: &mut PgConnection) -> Result<i64, DbError> {
    let query = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8";
    match one(server, query)?.first() {
        Some(Cell::Integer(now)) => Ok(*now),
        _ => Err(DbError::Pool(
            "the server does not say what time it is".into(),
        )),
    }
}

/// Runs `work` while no other process does the like.
///
/// # Errors
/// Those of `work`; the lock can't be had.
pub fn alone(
    server: &mut PgConnection,
    work: impl FnOnce(&mut PgConnection) -> Result<(), DbError>,
) -> Result<(), DbError> {
    server.batch_execute(&format!("SELECT pg_advisory_lock({MIGRATIONS_LOCK})"))?;
    let done = work(server);
    server.batch_execute(&format!("SELECT pg_advisory_unlock({MIGRATIONS_LOCK})"))?;
    done
}

fn one(server: &mut PgConnection, query: &str) -> Result<Vec<Cell>, DbError> {
    Ok(raw(server, query, &[])?.pop().unwrap_or_default())
}

fn words(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_bounded_once() {
        let bounded_once = bounded("postgres://h/d");
        assert!(bounded_once.starts_with("postgres://h/d?connect_timeout=5&"));
        assert_eq!(bounded(&bounded_once), bounded_once);
        let own = bounded("postgres://h/d?connect_timeout=9");
        assert!(own.contains("connect_timeout=9") && !own.contains("connect_timeout=5"));
    }

    #[test]
    fn a_url_that_can_not_be_read_is_not_shown() {
        for url in [
            "postgres://u:secret%zz@127.0.0.1/room",
            "postgres://u:p@127.0.0.1/room?secret=1",
            "postgres://u:p@127.0.0.1/room?secret",
        ] {
            let failed = connect(url, Work::Serve).err().expect("refused");
            let said = format!("{failed} {failed:?}");
            assert!(!said.contains("secret"), "{said}");
        }
    }
}
