//! What the audit reads: every row as it lies there, without a permit and without trust.
//!
//! Nothing here is given to people. The audit compares it with what the custody log says and
//! tells places and verdicts, never values.

mod controls;
mod rows;
mod schema;
pub mod tables;

use custos_core::{
    hash::Hash,
    ids::{Id, KeyId, ScopeId},
    keys::Purpose,
};

pub use controls::{controls, first_leaf};
pub use rows::{Opened, RawRow, Unseal, rows, rows_with};
use rows::{id_of, scope_of, shown};
pub use schema::{Objects, faults, migrations, wanted};

use super::{
    Connection, DbError,
    dialect::{Cell, Given, is_integer, raw},
    entries::EntryRow,
};
use crate::keyring::Wrapped;

/// Rows without a number that are named.
const MAX_ODD_ROWS: usize = 1_000;

/// The head of the log as it lies there; `None` for what is not of its column's type.
#[derive(Debug, Clone, Default)]
pub struct RawHead {
    /// The row's id, which is 1.
    pub id: Option<u64>,
    /// The log's origin.
    pub origin: Option<String>,
    /// The room.
    pub room: Option<ScopeId>,
    /// Entries in the log.
    pub size: Option<u64>,
    /// Root of the tree.
    pub root: Option<Hash>,
    /// Right edge of the tree.
    pub edge: Option<Vec<u8>>,
    /// Time of the newest entry.
    pub time: Option<i64>,
    /// Size of the newest published checkpoint.
    pub published: Option<u64>,
}

/// The rows in which heads are kept; a room has one.
///
/// # Errors
/// The table can't be read.
pub fn heads(connection: &mut Connection) -> Result<Vec<RawHead>, DbError> {
    let query = "SELECT origin, room_id, size, root, edge, time, published, id FROM log_head";
    let rows = raw(connection, query, &[])?;
    Ok(rows
        .iter()
        .map(|row| RawHead {
            origin: text(&row[0]),
            room: scope_of(&row[1]),
            size: number(&row[2]),
            root: hash(&row[3]),
            edge: bytes(&row[4]),
            time: integer(&row[5]),
            published: number(&row[6]),
            id: number(&row[7]),
        })
        .collect())
}

/// A custody entry's row, and which of its columns are not of their type.
#[derive(Debug, Clone)]
pub struct RawEntry {
    /// The row; what is not of its column's type is left out of it.
    pub row: EntryRow,
    /// Those columns.
    pub odd: Vec<&'static str>,
}

/// Entries behind the index `after`, at most `limit`, in the order of their indices.
///
/// # Errors
/// The table can't be read.
pub fn entries(
    connection: &mut Connection,
    after: i64,
    limit: i64,
) -> Result<Vec<RawEntry>, DbError> {
    let query = format!(
        "SELECT idx, id, leaf, scope_id, scope_nth, item_nth, subject_id, subject_nth, link, body, \
         writes_rows FROM entries WHERE idx > ? AND {} ORDER BY idx LIMIT ?",
        is_integer(connection, "idx")
    );
    let given = [Given::Integer(after), Given::Integer(limit)];
    Ok(raw(connection, &query, &given)?
        .iter()
        .map(|row| entry(row))
        .collect())
}

fn entry(cells: &[Cell]) -> RawEntry {
    let mut odd = Vec::new();
    let mut blob = |nth: usize, name: &'static str, optional: bool| match &cells[nth] {
        Cell::Blob(bytes) => Some(bytes.clone()),
        Cell::Null if optional => None,
        _ => {
            odd.push(name);
            None
        }
    };
    let id = blob(1, "id", false).unwrap_or_default();
    let leaf = blob(2, "leaf", false).unwrap_or_default();
    let scope_id = blob(3, "scope_id", true);
    let subject_id = blob(6, "subject_id", true);
    let link = blob(8, "link", true);
    let body = blob(9, "body", true);
    let mut number = |nth: usize, name: &'static str| match cells[nth] {
        Cell::Integer(number) => Some(number),
        Cell::Null => None,
        _ => {
            odd.push(name);
            None
        }
    };
    let writes_rows = number(10, "writes_rows");
    let row = EntryRow {
        idx: number(0, "idx").unwrap_or_default(),
        id,
        leaf,
        scope_id,
        scope_nth: number(4, "scope_nth"),
        item_nth: number(5, "item_nth"),
        subject_id,
        subject_nth: number(7, "subject_nth"),
        writes_rows: writes_rows == Some(1),
        link,
        body,
    };
    if !matches!(writes_rows, Some(0 | 1)) {
        odd.push("writes_rows");
    }
    RawEntry { row, odd }
}

/// A kept checkpoint as it lies there.
#[derive(Debug, Clone)]
pub struct RawCheckpoint {
    /// The size under which it is kept.
    pub size: i64,
    /// The signed note.
    pub note: Option<Vec<u8>>,
    /// When it was published.
    pub time: Option<i64>,
}

/// Kept checkpoints of sizes above `above`, at most `limit`, in the order of their sizes.
///
/// # Errors
/// The table can't be read.
pub fn checkpoints(
    connection: &mut Connection,
    above: i64,
    limit: i64,
) -> Result<Vec<RawCheckpoint>, DbError> {
    let whole = is_integer(connection, "size");
    let query = format!(
        "SELECT size, note, time FROM checkpoints WHERE size > ? AND {whole} ORDER BY size LIMIT ?"
    );
    let given = [Given::Integer(above), Given::Integer(limit)];
    let rows = raw(connection, &query, &given)?;
    Ok(rows
        .iter()
        .filter_map(|row| {
            Some(RawCheckpoint {
                size: integer(&row[0])?,
                note: bytes(&row[1]),
                time: integer(&row[2]),
            })
        })
        .collect())
}

/// The newest kept checkpoint.
///
/// # Errors
/// The table can't be read.
pub fn newest_checkpoint(connection: &mut Connection) -> Result<Option<RawCheckpoint>, DbError> {
    let whole = is_integer(connection, "size");
    let query = format!("SELECT max(size) FROM checkpoints WHERE {whole}");
    let rows = raw(connection, &query, &[])?;
    let Some(size) = rows.first().and_then(|row| integer(&row[0])) else {
        return Ok(None);
    };
    Ok(checkpoints(connection, size.saturating_sub(1), 1)?.pop())
}

/// How many rows of `table`, a name of this program, there are.
///
/// # Errors
/// The table can't be read.
pub fn count(connection: &mut Connection, table: &'static str) -> Result<u64, DbError> {
    let rows = raw(connection, &format!("SELECT count(*) FROM {table}"), &[])?;
    Ok(rows.first().and_then(|row| number(&row[0])).unwrap_or(0))
}

/// Rows whose number, by which they are found, is no integer: table, and what stands there.
///
/// # Errors
/// A table can't be read.
pub fn unnumbered(
    connection: &mut Connection,
) -> Result<Vec<(&'static str, &'static str, String)>, DbError> {
    let mut found = Vec::new();
    for (table, column) in [("entries", "idx"), ("checkpoints", "size")] {
        let query = format!(
            "SELECT {column} FROM {table} WHERE NOT ({}) LIMIT {MAX_ODD_ROWS}",
            is_integer(connection, column)
        );
        let rows = raw(connection, &query, &[])?;
        found.extend(rows.iter().map(|row| (table, column, shown(&row[0]))));
    }
    Ok(found)
}

/// A scope as it lies there.
#[derive(Debug, Clone)]
pub struct RawScope {
    /// Its id in hex, whatever it is.
    pub shown: String,
    /// Its id.
    pub id: Option<ScopeId>,
    /// What it is of.
    pub kind: Option<String>,
    /// The case, unless it is the room's; `Err` when it is no id.
    pub case: Result<Option<Id>, ()>,
}

/// All scopes.
///
/// # Errors
/// The table can't be read.
pub fn scopes(connection: &mut Connection) -> Result<Vec<RawScope>, DbError> {
    let rows = raw(connection, "SELECT id, kind, case_id FROM scopes", &[])?;
    Ok(rows
        .iter()
        .map(|row| RawScope {
            shown: shown(&row[0]),
            id: scope_of(&row[0]),
            kind: text(&row[1]),
            case: match &row[2] {
                Cell::Null => Ok(None),
                cell => id_of(cell).map(Some).ok_or(()),
            },
        })
        .collect())
}

/// A case, and the scopes of those who work on it and of its court, where they are ids.
pub type CaseScopes = (Id, Option<ScopeId>, Option<ScopeId>);

/// The two scopes of every case, as the cases' rows name them: case, scope, court.
///
/// # Errors
/// The table can't be read.
pub fn case_scopes(connection: &mut Connection) -> Result<Vec<CaseScopes>, DbError> {
    let rows = raw(
        connection,
        "SELECT id, scope_id, court_scope_id FROM cases",
        &[],
    )?;
    Ok(rows
        .iter()
        .filter_map(|row| Some((id_of(&row[0])?, scope_of(&row[1]), scope_of(&row[2]))))
        .collect())
}

/// A wrapped key's row as it lies there.
#[derive(Debug, Clone)]
pub struct RawKey {
    /// Where it lies.
    pub rowid: i64,
    /// Its id in hex, whatever it is.
    pub shown: String,
    /// The key, or the column that is not what it should be.
    pub key: Result<Wrapped, &'static str>,
}

const KEY_COLUMNS: &str = "rowid, id, parent_id, purpose, scope_id, owner_id, wrapped";

/// Wrapped keys behind `after`, at most `limit`, in the order in which they lie.
///
/// # Errors
/// The table can't be read.
pub fn keys(connection: &mut Connection, after: i64, limit: i64) -> Result<Vec<RawKey>, DbError> {
    let query =
        format!("SELECT {KEY_COLUMNS} FROM wrapped_keys WHERE rowid > ? ORDER BY rowid LIMIT ?");
    let given = [Given::Integer(after), Given::Integer(limit)];
    let rows = raw(connection, &query, &given)?;
    Ok(rows.iter().map(|row| key(row)).collect())
}

/// A key of `owner` in a scope, if there is one of the right form.
///
/// # Errors
/// The table can't be read.
pub fn key_of(
    connection: &mut Connection,
    scope: ScopeId,
    owner: Id,
    purpose: Purpose,
) -> Result<Option<Wrapped>, DbError> {
    let query = format!(
        "SELECT {KEY_COLUMNS} FROM wrapped_keys WHERE scope_id = ? AND owner_id = ? \
         AND purpose = '{}'",
        purpose.as_str()
    );
    let given = [Given::Blob(scope.as_bytes()), Given::Blob(owner.as_bytes())];
    let rows = raw(connection, &query, &given)?;
    Ok(rows.first().and_then(|row| key(row).key.ok()))
}

fn key(cells: &[Cell]) -> RawKey {
    let key = || {
        Ok(Wrapped {
            id: id_of(&cells[1]).map(KeyId::from).ok_or("id")?,
            parent: id_of(&cells[2]).map(KeyId::from).ok_or("parent_id")?,
            purpose: text(&cells[3])
                .and_then(|purpose| purpose.parse().ok())
                .ok_or("purpose")?,
            scope: scope_of(&cells[4]).ok_or("scope_id")?,
            owner: id_of(&cells[5]).ok_or("owner_id")?,
            bytes: bytes(&cells[6]).ok_or("wrapped")?,
        })
    };
    RawKey {
        rowid: integer(&cells[0]).unwrap_or(i64::MAX),
        shown: shown(&cells[1]),
        key: key(),
    }
}

/// Keys that nobody owns: their ids in hex and their purposes.
///
/// # Errors
/// A table can't be read.
pub fn spare_keys(
    connection: &mut Connection,
    room: ScopeId,
) -> Result<Vec<(String, Option<Purpose>)>, DbError> {
    let query = "SELECT k.id, k.purpose FROM wrapped_keys k WHERE
          (k.purpose IN ('scope', 'value') AND NOT (k.owner_id = k.scope_id
            AND EXISTS (SELECT 1 FROM scopes s WHERE s.id = k.scope_id)))
       OR (k.purpose IN ('log', 'bundle', 'session', 'index')
            AND NOT (k.scope_id = ?1 AND k.owner_id = ?1)
            AND NOT (k.scope_id = ?1 AND k.owner_id = k.id AND k.purpose = 'log'))
       OR (k.purpose IN ('data', 'salt') AND NOT EXISTS
            (SELECT 1 FROM items i WHERE i.id = k.owner_id AND i.scope_id = k.scope_id))
       OR (k.purpose = 'entry' AND NOT EXISTS
            (SELECT 1 FROM entries e WHERE e.scope_id = k.scope_id AND e.subject_id = k.owner_id))";
    let rows = raw(connection, query, &[Given::Blob(room.as_bytes())])?;
    Ok(rows
        .iter()
        .map(|row| {
            let purpose = text(&row[1]).and_then(|purpose| purpose.parse().ok());
            (shown(&row[0]), purpose)
        })
        .collect())
}

/// Who has no key of a purpose that they must have: purpose, and the owner's id in hex.
///
/// # Errors
/// A table can't be read.
pub fn missing_keys(
    connection: &mut Connection,
    room: ScopeId,
) -> Result<Vec<(Purpose, String)>, DbError> {
    let has = |owner: &str, scope: &str, purpose: Purpose| {
        format!(
            "EXISTS (SELECT 1 FROM wrapped_keys k WHERE k.scope_id = {scope} \
             AND k.owner_id = {owner} AND k.purpose = '{}')",
            purpose.as_str()
        )
    };
    let mut missing = Vec::new();
    for (owners, owner, scope, purposes) in [
        ("scopes", "id", "id", &[Purpose::Scope, Purpose::Value][..]),
        ("items", "id", "scope_id", &[Purpose::Data, Purpose::Salt]),
        ("entries", "subject_id", "scope_id", &[Purpose::Entry]),
        (
            "(SELECT ?1 AS id)",
            "id",
            "id",
            &[
                Purpose::Log,
                Purpose::Bundle,
                Purpose::Session,
                Purpose::Index,
            ],
        ),
    ] {
        for purpose in purposes {
            let query = format!(
                "SELECT DISTINCT o.{owner} FROM {owners} o WHERE ?1 IS NOT NULL \
                 AND o.{owner} IS NOT NULL AND NOT {}",
                has(&format!("o.{owner}"), &format!("o.{scope}"), *purpose)
            );
            let rows = raw(connection, &query, &[Given::Blob(room.as_bytes())])?;
            missing.extend(rows.iter().map(|row| (*purpose, shown(&row[0]))));
        }
    }
    Ok(missing)
}

/// The row of `objects` for an object: item, scope, encrypted commitments.
#[derive(Debug, Clone)]
pub struct RawObject {
    /// The item.
    pub item: Option<Id>,
    /// The scope.
    pub scope: Option<ScopeId>,
    /// Commitments of its segments, encrypted.
    pub heads: Option<Vec<u8>>,
}

/// The row of an object.
///
/// # Errors
/// The table can't be read.
pub fn object(connection: &mut Connection, object: Id) -> Result<Option<RawObject>, DbError> {
    let query = "SELECT item_id, scope_id, heads FROM objects WHERE id = ?";
    let rows = raw(connection, query, &[Given::Blob(object.as_bytes())])?;
    Ok(rows.first().map(|row| RawObject {
        item: id_of(&row[0]),
        scope: scope_of(&row[1]),
        heads: bytes(&row[2]),
    }))
}

/// Ids, in hex, of rows of `objects` that no item names.
///
/// # Errors
/// A table can't be read.
pub fn spare_objects(connection: &mut Connection) -> Result<Vec<String>, DbError> {
    let query = "SELECT o.id FROM objects o WHERE NOT EXISTS \
                 (SELECT 1 FROM items i WHERE i.object_id = o.id)";
    let rows = raw(connection, query, &[])?;
    Ok(rows.iter().map(|row| shown(&row[0])).collect())
}

/// The scope of a case, as its row says.
///
/// # Errors
/// The table can't be read.
pub fn scope_of_case(connection: &mut Connection, case: Id) -> Result<Option<ScopeId>, DbError> {
    let query = "SELECT scope_id FROM cases WHERE id = ?";
    let rows = raw(connection, query, &[Given::Blob(case.as_bytes())])?;
    Ok(rows.first().and_then(|row| scope_of(&row[0])))
}

fn text(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Text(text) => String::from_utf8(text.clone()).ok(),
        _ => None,
    }
}

fn bytes(cell: &Cell) -> Option<Vec<u8>> {
    match cell {
        Cell::Blob(bytes) => Some(bytes.clone()),
        _ => None,
    }
}

fn integer(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Integer(number) => Some(*number),
        _ => None,
    }
}

fn number(cell: &Cell) -> Option<u64> {
    integer(cell).and_then(|number| u64::try_from(number).ok())
}

fn hash(cell: &Cell) -> Option<Hash> {
    let Cell::Blob(bytes) = cell else { return None };
    bytes.as_slice().try_into().ok().map(Hash::from_bytes)
}
