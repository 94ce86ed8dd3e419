//! The only place that knows which database this is.

#[cfg(feature = "postgres")]
mod catalog;
mod copy;
#[cfg(test)]
pub(crate) mod faults;
#[cfg(feature = "postgres")]
mod postgres;
mod raw;
mod sqlite;
mod statements;

use std::sync::OnceLock;

use custos_core::ids::Timestamp;
use diesel::connection::SimpleConnection;

pub use copy::{Others, connect_to_read, copy_into};
#[cfg(feature = "postgres")]
pub use postgres::alone;
pub use raw::{Cell, Given, raw};
pub use statements::insert_entry;

use super::{DbError, location::Location, pool};

/// A connection to the room's database.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    /// The embedded default.
    Sqlite(diesel::SqliteConnection),
    /// A server.
    #[cfg(feature = "postgres")]
    Postgres(diesel::PgConnection),
}

/// What a connection is for: how long a server lets it take, and be silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Requests: a reader of the pool, which can't write.
    Serve,
    /// The writer.
    Write,
    /// What reads everything, like an audit, and what brings the schema up to date.
    Examine,
}

/// How closely the database's own file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Tables alone.
    Quick,
    /// Tables and indexes.
    Whole,
}

/// Opens one connection for what reads everything.
///
/// # Errors
/// As [`connect_for`].
pub fn connect(at: &Location) -> Result<AnyConnection, DbError> {
    connect_for(at, Work::Examine)
}

/// Opens one connection, sets it up and reads every setting back.
///
/// # Errors
/// It can't be opened; [`DbError::Setting`] names what the database does not keep,
/// [`DbError::Version`] and [`DbError::Server`] one that is too old; [`DbError::NoServers`] when
/// this program was built without servers.
pub fn connect_for(at: &Location, work: Work) -> Result<AnyConnection, DbError> {
    match at {
        Location::File(path) => {
            let path = path
                .to_str()
                .ok_or_else(|| DbError::Pool("its path is not UTF-8".into()))?;
            sqlite::connect(path, work).map(AnyConnection::Sqlite)
        }
        #[cfg(feature = "postgres")]
        Location::Server(url) => postgres::connect(url, work).map(AnyConnection::Postgres),
        #[cfg(not(feature = "postgres"))]
        Location::Server(_) => {
            let _ = work;
            Err(DbError::NoServers)
        }
    }
}

/// Runs `change` in a transaction that takes the writers' lock with its first statement.
///
/// # Errors
/// Those of `change`, and those of beginning and committing.
pub fn write<T, E: From<diesel::result::Error>>(
    connection: &mut AnyConnection,
    change: impl FnOnce(&mut AnyConnection) -> Result<T, E>,
) -> Result<T, E> {
    match connection {
        AnyConnection::Sqlite(sqlite) => sqlite.batch_execute("BEGIN IMMEDIATE")?,
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(server) => postgres::begin(server)?,
    }
    let result = change(connection).and_then(|value| {
        // A crash before this line leaves nothing of the batch; after it, all of it.
        commit(connection)?;
        Ok(value)
    });
    if result.is_err()
        && let Err(rollback) = connection.batch_execute("ROLLBACK")
    {
        // The first error is the one to tell. Where the database gave the transaction up by
        // itself, as on a full disk, there is nothing left to roll back.
        tracing::warn!(error = %rollback, "there was no batch left to roll back");
    }
    result
}

#[cfg(not(test))]
fn commit(connection: &mut AnyConnection) -> Result<(), diesel::result::Error> {
    committing(connection)
}

#[cfg(test)]
use faults::commit;

fn committing(connection: &mut AnyConnection) -> Result<(), diesel::result::Error> {
    connection.batch_execute(match connection {
        AnyConnection::Sqlite(_) => "COMMIT",
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(_) => postgres::COMMIT,
    })
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
    statements::savepoint(connection).map_err(lost)?;
    match change(connection) {
        Ok(value) => {
            statements::release(connection).map_err(lost)?;
            Ok(value)
        }
        // A savepoint can be rolled back exactly while its transaction is there.
        Err(error) => match connection.batch_execute("ROLLBACK TO command; RELEASE command") {
            Ok(()) => Err(Undone::Savepoint(error)),
            Err(_) => Err(Undone::Transaction(error)),
        },
    }
}

/// Runs `read` on one moment of the database; nothing that it writes is kept. Not within another.
///
/// # Errors
/// The moment can't be fixed, or given up.
pub fn snapshot<T>(
    connection: &mut AnyConnection,
    read: impl FnOnce(&mut AnyConnection) -> T,
) -> Result<T, DbError> {
    fix_moment(connection)?;
    let value = read(connection);
    leave_moment(connection)?;
    Ok(value)
}

/// Fixes one moment of the database for what `connection` reads from here on. What it writes does
/// not outlast it.
///
/// # Errors
/// It can't be fixed.
pub fn fix_moment(connection: &mut AnyConnection) -> Result<(), DbError> {
    Ok(connection.batch_execute(match connection {
        // A statement that was prepared outlives it; to turn `query_only` on and off here would
        // have each prepared anew.
        AnyConnection::Sqlite(_) => "SAVEPOINT snapshot",
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    })?)
}

/// Gives the moment up that [`fix_moment`] fixed.
///
/// # Errors
/// The connection is lost.
pub fn leave_moment(connection: &mut AnyConnection) -> Result<(), DbError> {
    Ok(connection.batch_execute(match connection {
        AnyConnection::Sqlite(_) => "ROLLBACK TO snapshot; RELEASE snapshot",
        // Also after a query that failed, which is told by that query.
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(_) => "COMMIT",
    })?)
}

/// Whether there is a table of this name, a constant of this program.
///
/// # Errors
/// The database does not say.
pub fn has_table(connection: &mut AnyConnection, name: &'static str) -> Result<bool, DbError> {
    let query = match connection {
        AnyConnection::Sqlite(_) => {
            format!("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '{name}'")
        }
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(_) => {
            format!("SELECT 1 WHERE to_regclass('{name}') IS NOT NULL")
        }
    };
    Ok(!raw(connection, &query, &[])?.is_empty())
}

/// The condition that the column `column` holds an integer, whatever else may lie there.
pub fn is_integer(connection: &AnyConnection, column: &'static str) -> String {
    match connection {
        AnyConnection::Sqlite(_) => format!("typeof({column}) = 'integer'"),
        // A server's columns hold what they are declared as.
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(_) => format!("{column} IS NOT NULL"),
    }
}

/// What the database finds wrong with its own file, at most so many; empty where it finds
/// nothing, and on a server, whose operator looks at its files.
///
/// # Errors
/// It can't be read at all.
pub fn faults(
    connection: &mut AnyConnection,
    depth: Depth,
    most: usize,
) -> Result<Vec<String>, DbError> {
    match connection {
        AnyConnection::Sqlite(_) => sqlite::faults(connection, depth, most),
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(_) => Ok(Vec::new()),
    }
}

/// How the database keeps its journal, where that is to be asked: `wal` in a room's register.
///
/// # Errors
/// It can't be read.
pub fn journal(connection: &mut AnyConnection) -> Result<Option<String>, DbError> {
    match connection {
        AnyConnection::Sqlite(_) => sqlite::journal(connection).map(Some),
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(_) => Ok(None),
    }
}

/// Name and definition of everything in the register's schema.
///
/// # Errors
/// It can't be read.
pub fn described(connection: &mut AnyConnection) -> Result<Vec<(String, String)>, DbError> {
    match connection {
        AnyConnection::Sqlite(_) => sqlite::described(connection),
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(server) => catalog::described(server),
    }
}

/// The same of what the migrations make of an empty database of that kind; nothing is kept of
/// it. Not within a moment or a transaction.
///
/// # Errors
/// The migrations can't be run.
pub fn wanted(connection: &mut AnyConnection) -> Result<Vec<(String, String)>, DbError> {
    static EMBEDDED: OnceLock<Vec<(String, String)>> = OnceLock::new();
    match connection {
        AnyConnection::Sqlite(_) => {
            if let Some(wanted) = EMBEDDED.get() {
                return Ok(wanted.clone());
            }
            let mut empty = connect(&Location::File(":memory:".into()))?;
            pool::migrate(&mut empty)?;
            let made = described(&mut empty)?;
            Ok(EMBEDDED.get_or_init(|| made).clone())
        }
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(server) => catalog::wanted(server),
    }
}

/// The time of the clock that all processes at the database have in common, in microseconds
/// since 1970: a server's own, else the one that is given.
///
/// # Errors
/// The server does not say.
pub fn clock(connection: &mut AnyConnection, own: Timestamp) -> Result<i64, DbError> {
    match connection {
        AnyConnection::Sqlite(_) => Ok(own.micros()),
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(server) => postgres::clock(server),
    }
}
