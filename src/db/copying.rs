//! What a backup and a doctor read of a register: without a permit, without keys, and on
//! connections that can't write.

use custos_core::ids::{Id, ObjectId, Timestamp};

use super::{
    Connection, DbError, Location,
    dialect::{self, Cell, Depth, Given, raw},
    head::{self, Head},
    pool,
};

pub use dialect::{Others, connect_to_read, copy_into};

/// Objects that are read at once.
const BATCH_OBJECTS: i64 = 4_096;
/// Faults of the file that are named.
const MAX_FAULTS: usize = 20;

/// The version of the register's schema: that of its newest migration.
///
/// # Errors
/// A migration is unknown to this program, so a newer one wrote the register; it is named.
pub fn schema(connection: &mut Connection) -> Result<String, DbError> {
    pool::refuse_newer(connection)?;
    let query = "SELECT max(version) FROM __diesel_schema_migrations";
    match raw(connection, query, &[])?.first().map(|row| &row[0]) {
        Some(Cell::Text(version)) => Ok(String::from_utf8_lossy(version).into_owned()),
        _ => Err(DbError::Migration("it names no version".into())),
    }
}

/// Migrations that this program knows and the register does not have yet.
///
/// # Errors
/// They can't be read.
pub fn pending(connection: &mut Connection) -> Result<Vec<String>, DbError> {
    Ok(pool::behind(connection)?.1)
}

/// What the database finds wrong with its file; empty when it is whole.
///
/// # Errors
/// It can't be read at all.
pub fn faults(connection: &mut Connection) -> Result<Vec<String>, DbError> {
    dialect::faults(connection, Depth::Quick, MAX_FAULTS)
}

/// How a database file keeps its journal: `wal` in a room's register.
///
/// # Errors
/// It can't be read.
pub fn journal(connection: &mut Connection) -> Result<Option<String>, DbError> {
    dialect::journal(connection)
}

/// The head of the log with the newest published checkpoint: its note and its time.
#[derive(Debug)]
pub struct Standing {
    /// The head.
    pub head: Head,
    /// The newest published checkpoint, as a signed note; none before the first.
    pub note: Option<Vec<u8>>,
    /// When it was published.
    pub published_at: Option<Timestamp>,
}

/// How the log stands, at one moment; `None` where no room was founded.
///
/// # Errors
/// [`DbError::Damaged`]: the head does not agree with itself, or its checkpoint is not there.
pub fn standing(connection: &mut Connection) -> Result<Option<Standing>, DbError> {
    dialect::snapshot(connection, |connection| {
        let Some(head) = head::read(connection)? else {
            return Ok(None);
        };
        let note = head::checkpoint(connection, head.published)?;
        if head.published > 0 && note.is_none() {
            let what = "the checkpoint that it names is not there";
            return Err(DbError::damaged("log_head", 1, what));
        }
        let published_at = published_at(connection, head.published)?;
        Ok(Some(Standing {
            head,
            note,
            published_at,
        }))
    })?
}

fn published_at(connection: &mut Connection, size: u64) -> Result<Option<Timestamp>, DbError> {
    let given = [Given::Integer(head::signed(size))];
    let rows = raw(
        connection,
        "SELECT time FROM checkpoints WHERE size = ?",
        &given,
    )?;
    Ok(match rows.first().map(|row| &row[0]) {
        Some(Cell::Integer(micros)) => Timestamp::from_micros(*micros).ok(),
        _ => None,
    })
}

/// Sizes of all published checkpoints, ascending.
///
/// # Errors
/// They can't be read.
pub fn published_sizes(connection: &mut Connection) -> Result<Vec<u64>, DbError> {
    let rows = raw(
        connection,
        "SELECT size FROM checkpoints ORDER BY size",
        &[],
    )?;
    rows.iter()
        .map(|row| match row[0] {
            Cell::Integer(size) => u64::try_from(size).ok(),
            _ => None,
        })
        .map(|size| size.ok_or_else(|| DbError::damaged("checkpoints", "?", "its size is odd")))
        .collect()
}

/// The published checkpoint of this size, as a signed note.
///
/// # Errors
/// It can't be read.
pub fn note(connection: &mut Connection, size: u64) -> Result<Option<Vec<u8>>, DbError> {
    head::checkpoint(connection, size)
}

/// Whether this program knows a version of the schema.
///
/// # Errors
/// The program's own migrations can't be read.
pub fn knows(schema: &str) -> Result<bool, DbError> {
    Ok(pool::known()?.iter().any(|known| known == schema))
}

/// All objects that a row names, ascending, each once.
///
/// # Errors
/// A row names what is no id.
pub fn objects(connection: &mut Connection) -> Result<Vec<ObjectId>, DbError> {
    let query = "SELECT object_id FROM items WHERE object_id > ?1 \
                 UNION SELECT id FROM objects WHERE id > ?1 ORDER BY 1 LIMIT ?2";
    let mut found = Vec::new();
    let mut after = Vec::new();
    loop {
        let given = [Given::Blob(&after), Given::Integer(BATCH_OBJECTS)];
        let rows = raw(connection, query, &given)?;
        let Some(last) = rows.last() else {
            return Ok(found);
        };
        let last = match &last[0] {
            Cell::Blob(bytes) => bytes.clone(),
            _ => return Err(odd()),
        };
        for row in &rows {
            let Cell::Blob(bytes) = &row[0] else {
                return Err(odd());
            };
            let bytes: [u8; Id::BYTES] = bytes.as_slice().try_into().map_err(|_| odd())?;
            found.push(ObjectId::from_bytes(bytes));
        }
        after = last;
    }
}

fn odd() -> DbError {
    DbError::damaged("items", "?", "it names an object that is no id")
}

/// Opens the register of a room that may be at work. A file is opened so that nothing can be
/// written in it.
///
/// # Errors
/// See [`connect_to_read`]; a server does not answer.
pub fn open(at: &Location) -> Result<Connection, DbError> {
    match at {
        Location::File(path) => connect_to_read(path, Others::MayWrite),
        Location::Server(_) => dialect::connect(at),
    }
}
