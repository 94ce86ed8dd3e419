//! The only place that knows which database this is.

mod copy;
#[cfg(test)]
pub(crate) mod faults;
mod raw;
mod statements;

use std::{
    thread,
    time::{Duration, Instant},
};

use diesel::{
    Connection as _, QueryableByName, RunQueryDsl, connection::SimpleConnection, sql_query,
    sql_types::Text,
};

pub use copy::{Others, connect_to_read, copy_into};
pub use raw::{Cell, Given, raw, snapshot};
pub use statements::insert_entry;
use statements::{Release, Savepoint};

use super::DbError;

/// A connection to the room's database.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    /// The embedded default.
    Sqlite(diesel::SqliteConnection),
}

/// SQLite's first version without the WAL-reset bug that loses commits.
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);

/// How long a reader waits for the writer's lock, in milliseconds.
const BUSY_TIMEOUT_MS: u32 = 10_000;

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

/// Sets a new connection up and reads every setting back.
///
/// The last connection to a database holds it for a moment while it closes, and SQLite then
/// answers a new one "locked" without waiting; so this tries again for as long as a reader
/// would wait for the writer.
///
/// # Errors
/// [`DbError::Setting`] names what the database does not keep; [`DbError::Version`] a library
/// that is too old.
pub fn prepare(connection: &mut AnyConnection) -> Result<(), DbError> {
    let give_up = Instant::now() + Duration::from_millis(BUSY_TIMEOUT_MS.into());
    loop {
        match settle(connection) {
            Err(DbError::Query(error)) if is_locked(&error) && Instant::now() < give_up => {
                thread::sleep(CLOSING_PAUSE);
            }
            settled => return settled,
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

fn settle(connection: &mut AnyConnection) -> Result<(), DbError> {
    let AnyConnection::Sqlite(sqlite) = connection;
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
    Ok(())
}

/// Runs `change` in a transaction that takes the write lock with its first statement.
///
/// # Errors
/// Those of `change`, and those of beginning and committing.
pub fn write<T, E: From<diesel::result::Error>>(
    connection: &mut AnyConnection,
    change: impl FnOnce(&mut AnyConnection) -> Result<T, E>,
) -> Result<T, E> {
    let AnyConnection::Sqlite(sqlite) = connection;
    sqlite.batch_execute("BEGIN IMMEDIATE")?;
    let result = change(connection).and_then(|value| {
        // A crash before this line leaves nothing of the batch; after it, all of it.
        commit(connection)?;
        Ok(value)
    });
    if result.is_err()
        && let Err(rollback) = finish(connection, "ROLLBACK")
    {
        // The first error is the one to tell. Where the database gave the transaction up by
        // itself, as on a full disk, there is nothing left to roll back.
        tracing::warn!(error = %rollback, "there was no batch left to roll back");
    }
    result
}

#[cfg(not(test))]
fn commit(connection: &mut AnyConnection) -> Result<(), diesel::result::Error> {
    finish(connection, "COMMIT")
}

#[cfg(test)]
use faults::commit;

fn finish(connection: &mut AnyConnection, statement: &str) -> Result<(), diesel::result::Error> {
    let AnyConnection::Sqlite(sqlite) = connection;
    sqlite.batch_execute(statement)
}

/// What was undone when a savepoint failed.
#[derive(Debug)]
pub enum Undone<E> {
    /// What was done in it, and nothing else.
    Savepoint(E),
    /// Maybe the transaction around it: the database may have given that up by itself, and then
    /// what follows would each be a transaction of its own.
    Transaction(E),
}

/// Runs `change` in a savepoint: rolled back alone when it fails.
///
/// # Errors
/// Those of `change`, and those of the savepoint; after [`Undone::Transaction`] the transaction
/// may not go on.
pub fn savepoint<T, E: From<diesel::result::Error>>(
    connection: &mut AnyConnection,
    change: impl FnOnce(&mut AnyConnection) -> Result<T, E>,
) -> Result<T, Undone<E>> {
    let lost = |error: diesel::result::Error| Undone::Transaction(E::from(error));
    let AnyConnection::Sqlite(sqlite) = connection;
    Savepoint.execute(sqlite).map_err(lost)?;
    match change(connection) {
        Ok(value) => {
            let AnyConnection::Sqlite(sqlite) = connection;
            Release.execute(sqlite).map_err(lost)?;
            Ok(value)
        }
        // A savepoint can be rolled back exactly while its transaction is there.
        Err(error) => match finish(connection, "ROLLBACK TO command; RELEASE command") {
            Ok(()) => Err(Undone::Savepoint(error)),
            Err(_) => Err(Undone::Transaction(error)),
        },
    }
}

/// Opens one connection to the database at `url`.
///
/// # Errors
/// It can't be opened, or [`prepare`] refuses it.
pub fn connect(url: &str) -> Result<AnyConnection, DbError> {
    let sqlite = diesel::SqliteConnection::establish(url)?;
    let mut connection = AnyConnection::Sqlite(sqlite);
    prepare(&mut connection)?;
    Ok(connection)
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

/// What a setting reads as; the table-valued form names its column after the pragma.
fn setting(sqlite: &mut diesel::SqliteConnection, pragma: &str) -> Result<String, DbError> {
    let got: Setting = sql_query(format!(
        "SELECT CAST({pragma} AS TEXT) AS value FROM pragma_{pragma}"
    ))
    .get_result(sqlite)?;
    Ok(got.value)
}

fn check_version(sqlite: &mut diesel::SqliteConnection) -> Result<(), DbError> {
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
