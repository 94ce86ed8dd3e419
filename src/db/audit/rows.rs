//! Rows of authenticated tables, read without their types and opened column by column.

use custos_core::{
    hash::Hash,
    ids::{Id, ScopeId},
    keys::SessionKey,
    row::{ROW_SALT_BYTES, row_hash},
};
use serde_json::{Map, Value, json};

use super::tables::{Column, Guard, Kind, Table};
use crate::db::{
    Connection, DbError,
    dialect::{Cell, Given, raw},
    mac,
    value::Place,
};

/// A row as it lies there.
#[derive(Debug, Clone)]
pub struct RawRow {
    /// Where it lies; the next read goes on behind it.
    pub rowid: i64,
    /// The columns of the table, then those of its guard.
    cells: Vec<Cell>,
}

/// The key of a row's encrypted columns.
#[derive(Clone, Copy)]
pub enum Unseal<'a> {
    /// The value key.
    Key(&'a [u8; 32]),
    /// It does not unwrap, which is said elsewhere.
    Unusable,
    /// The column that names the scope names none.
    NoScope(&'static str),
}

/// A row after its columns were opened.
#[derive(Debug)]
pub struct Opened {
    /// The columns by name, decrypted.
    pub columns: Map<String, Value>,
    /// Columns that are not what such columns hold, and why.
    pub odd: Vec<(&'static str, &'static str)>,
    /// Whether a column could not be opened for want of a key.
    pub incomplete: bool,
}

/// Rows of a table behind `after`, at most `limit`, in the order in which they lie.
///
/// # Errors
/// The table can't be read.
pub fn rows(
    connection: &mut Connection,
    table: &Table,
    after: i64,
    limit: i64,
) -> Result<Vec<RawRow>, DbError> {
    let guard = match table.guard {
        Guard::Entry => ", salt, entry",
        Guard::Mac => ", mac",
    };
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let query = format!(
        "SELECT rowid, {}{guard} FROM {} WHERE rowid > ? ORDER BY rowid LIMIT ?",
        columns.join(", "),
        table.name
    );
    let given = [Given::Integer(after), Given::Integer(limit)];
    let rows = raw(connection, &query, &given)?;
    Ok(rows.into_iter().filter_map(raw_row).collect())
}

/// The rows of `table` whose column `column`, a name of this program, holds this id.
///
/// # Errors
/// The table can't be read.
pub fn rows_with(
    connection: &mut Connection,
    table: &Table,
    column: &'static str,
    id: Id,
) -> Result<Vec<RawRow>, DbError> {
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let query = format!(
        "SELECT rowid, {} FROM {} WHERE {column} = ?",
        columns.join(", "),
        table.name
    );
    let rows = raw(connection, &query, &[Given::Blob(id.as_bytes())])?;
    Ok(rows.into_iter().filter_map(raw_row).collect())
}

fn raw_row(mut cells: Vec<Cell>) -> Option<RawRow> {
    let rest = cells.split_off(1.min(cells.len()));
    match cells.first() {
        Some(Cell::Integer(rowid)) => Some(RawRow {
            rowid: *rowid,
            cells: rest,
        }),
        _ => None,
    }
}

impl RawRow {
    /// The id, if it is one.
    pub fn id(&self) -> Option<Id> {
        id_of(self.cells.first()?)
    }

    /// What lies in the column of the id, bytes in hex.
    pub fn shown(&self) -> String {
        self.cells.first().map_or_else(String::new, shown)
    }

    /// An id in another column.
    pub fn id_in(&self, table: &Table, column: &str) -> Option<Id> {
        id_of(self.cells.get(table.position(column)?)?)
    }

    /// The revision, if it is one.
    pub fn rev(&self, table: &Table) -> Option<u64> {
        match self.cells.get(table.position("rev")?)? {
            Cell::Integer(rev) => u64::try_from(*rev).ok(),
            _ => None,
        }
    }

    /// The `C` of the entry that the row names.
    pub fn entry(&self, table: &Table) -> Option<Hash> {
        match self.guard(table, 1)? {
            Cell::Blob(c) => c.as_slice().try_into().ok().map(Hash::from_bytes),
            _ => None,
        }
    }

    /// The row's hash with the columns that were opened, `None` when the salt is not of its
    /// form or a column is no JSON of the formats.
    pub fn hash(&self, table: &Table, columns: &Map<String, Value>) -> Option<Hash> {
        let Cell::Blob(salt) = self.guard(table, 0)? else {
            return None;
        };
        let salt: &[u8; ROW_SALT_BYTES] = salt.as_slice().try_into().ok()?;
        row_hash(salt, table.name, columns).ok()
    }

    /// Whether the row's HMAC is that of the columns that were opened.
    pub fn has_mac(&self, table: &Table, key: &SessionKey, columns: &Map<String, Value>) -> bool {
        let Some(Cell::Blob(found)) = self.guard(table, 0) else {
            return false;
        };
        let columns = Value::Object(columns.clone());
        mac::of_columns(key, table.name, &columns).is_ok_and(|mac| mac[..] == found[..])
    }

    /// Opens every column.
    pub fn open(&self, table: &Table, key: Unseal<'_>) -> Opened {
        let mut opened = Opened {
            columns: Map::new(),
            odd: Vec::new(),
            incomplete: false,
        };
        for (column, cell) in table.columns.iter().zip(&self.cells) {
            match self.value(table, column, cell, key) {
                Ok(Some(value)) => {
                    opened.columns.insert(column.name.into(), value);
                }
                Ok(None) => opened.incomplete = true,
                Err((name, what)) => opened.odd.push((name, what)),
            }
        }
        opened
    }

    /// A column's value; `None` without its key.
    fn value(
        &self,
        table: &Table,
        column: &Column,
        cell: &Cell,
        key: Unseal<'_>,
    ) -> Result<Option<Value>, (&'static str, &'static str)> {
        let odd = (column.name, "it is not what this column holds");
        let value = match (column.kind, cell) {
            (_, Cell::Null) if column.optional => Value::Null,
            (Kind::Id, cell) => json!(id_of(cell).ok_or(odd)?),
            (Kind::Bytes, Cell::Blob(bytes)) => json!(hex::encode(bytes)),
            (Kind::Text, Cell::Text(text)) => json!(std::str::from_utf8(text).map_err(|_| odd)?),
            (Kind::Json, Cell::Text(text)) => {
                let value: Value = serde_json::from_slice(text).map_err(|_| odd)?;
                if serde_json::to_vec(&value).ok().as_ref() != Some(text) {
                    return Err(odd);
                }
                value
            }
            (Kind::Integer, Cell::Integer(number)) => json!(number),
            (Kind::Flag, Cell::Integer(0)) => json!(false),
            (Kind::Flag, Cell::Integer(1)) => json!(true),
            (Kind::Sealed, Cell::Blob(sealed)) => {
                return self.unsealed(table, column, sealed, key);
            }
            _ => return Err(odd),
        };
        Ok(Some(value))
    }

    fn unsealed(
        &self,
        table: &Table,
        column: &Column,
        sealed: &[u8],
        key: Unseal<'_>,
    ) -> Result<Option<Value>, (&'static str, &'static str)> {
        let key = match key {
            Unseal::Key(key) => key,
            Unseal::Unusable => return Ok(None),
            Unseal::NoScope(name) => return Err((name, "it names no scope that there is")),
        };
        let row = self.id().ok_or(("id", "it is no id"))?;
        let place = Place {
            table: named(table),
            row,
            column: column.name,
        };
        match place.open_json(key, sealed) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err((column.name, "it does not decrypt")),
        }
    }

    fn guard(&self, table: &Table, nth: usize) -> Option<&Cell> {
        self.cells.get(table.columns.len() + nth)
    }
}

fn named(table: &Table) -> &'static str {
    table.name
}

/// What lies in a cell that names its row: bytes in hex, a number, or `?`.
pub(super) fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Blob(bytes) | Cell::Text(bytes) => hex::encode(bytes),
        Cell::Integer(number) => number.to_string(),
        Cell::Null | Cell::Real => "?".into(),
    }
}

pub(super) fn id_of(cell: &Cell) -> Option<Id> {
    match cell {
        Cell::Blob(bytes) => bytes.as_slice().try_into().ok().map(Id::from_bytes),
        _ => None,
    }
}

/// A scope in a column.
pub(super) fn scope_of(cell: &Cell) -> Option<ScopeId> {
    id_of(cell).map(ScopeId::from)
}
