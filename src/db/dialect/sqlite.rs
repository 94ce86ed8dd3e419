//! SQLite: settings of a connection, and what it says of its own file.

use std::{
    thread,
    time::{Duration, Instant},
};

use diesel::{
    Connection as _, QueryableByName, RunQueryDsl, SqliteConnection, connection::SimpleConnection,
    sql_query, sql_types::Text,
};

use super::{AnyConnection, Cell, Depth, Work, raw};
use crate::db::DbError;

/// SQLite's first version without the WAL-reset bug that loses commits.
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);

/// How long a reader waits for the writer's lock, in milliseconds.
pub(super) const BUSY_TIMEOUT_MS: u32 = 10_000;

/// Pause before a database that is just being closed is tried again.
const CLOSING_PAUSE: Duration = Duration::from_millis(20);

/// What every connection must be set to before it is used, and reads back as.
const PRAGMAS: [(&str, &str, &str); 6] = [
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", "2"),
    ("secure_delete", "ON", "1"),
    // What a statement or savepoint sets aside stays in memory, not in a file of its own.
    ("temp_store", "MEMORY", "2"),
    ("trusted_schema", "OFF", "0"),
    ("foreign_keys", "ON", "1"),
];

/// Opens one connection to the file at `path`, sets it up and reads every setting back.
///
/// The last connection to a database holds it for a moment while it closes, and SQLite then
/// answers a new one "locked" without waiting; so this tries again for as long as a reader
/// would wait for the writer.
pub(super) fn connect(path: &str, work: Work) -> Result<SqliteConnection, DbError> {
    let mut sqlite = SqliteConnection::establish(path)?;
    let give_up = Instant::now() + Duration::from_millis(BUSY_TIMEOUT_MS.into());
    loop {
        match settle(&mut sqlite, work) {
            Err(DbError::Query(error)) if is_locked(&error) && Instant::now() < give_up => {
                thread::sleep(CLOSING_PAUSE);
            }
            settled => return settled.map(|()| sqlite),
        }
    }
}

fn is_locked(error: &diesel::result::Error) -> bool {
    matches!(
        error,
        diesel::result::Error::DatabaseError(_, information)
            if information.message().contains("database is locked")
    )
}

fn settle(sqlite: &mut SqliteConnection, work: Work) -> Result<(), DbError> {
    check_version(sqlite)?;
    sqlite.batch_execute(&format!("PRAGMA busy_timeout = {BUSY_TIMEOUT_MS};"))?;
    for (pragma, set, read) in PRAGMAS {
        // Setting the journal mode asks for a lock that a connection which is just closing
        // may hold, and does not wait for it; so it is set only where it is not yet.
        if pragma == "journal_mode" && setting(sqlite, pragma)? == read {
            continue;
        }
        sqlite.batch_execute(&format!("PRAGMA {pragma} = {set};"))?;
        let got = setting(sqlite, pragma)?;
        // A database in memory keeps no write-ahead log; only tests use one.
        if got != read && !(pragma == "journal_mode" && got == "memory") {
            return Err(DbError::Setting {
                name: pragma,
                wanted: set,
                got,
            });
        }
    }
    if work == Work::Serve {
        sqlite.batch_execute("PRAGMA query_only = ON")?;
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

/// What a setting reads as; the table-valued form names its column after the pragma.
fn setting(sqlite: &mut SqliteConnection, pragma: &str) -> Result<String, DbError> {
    let got: Setting = sql_query(format!(
        "SELECT CAST({pragma} AS TEXT) AS value FROM pragma_{pragma}"
    ))
    .get_result(sqlite)?;
    Ok(got.value)
}

pub(super) fn check_version(sqlite: &mut SqliteConnection) -> Result<(), DbError> {
    let version: Setting = sql_query("SELECT sqlite_version() AS value").get_result(sqlite)?;
    let mut parts = version
        .value
        .split('.')
        .map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    if (next(), next(), next()) < OLDEST_SQLITE {
        return Err(DbError::Version(version.value));
    }
    Ok(())
}

pub(super) fn faults(
    connection: &mut AnyConnection,
    depth: Depth,
    most: usize,
) -> Result<Vec<String>, DbError> {
    let check = match depth {
        Depth::Quick => "quick_check",
        Depth::Whole => "integrity_check",
    };
    let rows = raw(connection, &format!("PRAGMA {check}({most})"), &[])?;
    let said = rows.iter().map(|row| words(&row[0]));
    Ok(said.filter(|said| said != "ok").collect())
}

pub(super) fn journal(connection: &mut AnyConnection) -> Result<String, DbError> {
    let query = "SELECT journal_mode FROM pragma_journal_mode";
    let rows = raw(connection, query, &[])?;
    Ok(rows.first().map_or_else(String::new, |row| words(&row[0])))
}

pub(super) fn described(connection: &mut AnyConnection) -> Result<Vec<(String, String)>, DbError> {
    let query = "SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_schema";
    let rows = raw(connection, query, &[])?;
    let named = rows.iter().map(|row| (words(&row[0]), words(&row[1])));
    Ok(named.collect())
}

fn words(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    }
}
