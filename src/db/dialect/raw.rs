//! Rows as they lie there, whatever their columns should be: for the audit, which must not
//! stop at a column that holds something else.

use diesel::{
    QueryableByName, RunQueryDsl,
    connection::SimpleConnection,
    deserialize,
    row::{Field, NamedRow, Row},
    sql_query,
    sql_types::{BigInt, Binary},
    sqlite::{Sqlite, SqliteType},
};

use super::AnyConnection;
use crate::db::DbError;

/// What a column holds, by the type it was stored with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// An integer.
    Integer(i64),
    /// A number with a fraction, which no column of ours holds.
    Real,
    /// Text, whether it is UTF-8 or not.
    Text(Vec<u8>),
    /// Bytes.
    Blob(Vec<u8>),
}

/// What a query is given in place of `?`.
#[derive(Debug, Clone, Copy)]
pub enum Given<'a> {
    /// An integer.
    Integer(i64),
    /// Bytes.
    Blob(&'a [u8]),
}

struct Cells(Vec<Cell>);

impl QueryableByName<Sqlite> for Cells {
    fn build<'a>(row: &impl NamedRow<'a, Sqlite>) -> deserialize::Result<Self> {
        let cells = (0..row.field_count())
            .map(|index| Row::get(row, index).map_or(Cell::Null, |field| cell(field.value())));
        Ok(Self(cells.collect()))
    }
}

fn cell(value: Option<diesel::sqlite::SqliteValue<'_, '_, '_>>) -> Cell {
    let Some(mut value) = value else {
        return Cell::Null;
    };
    match value.value_type() {
        None => Cell::Null,
        Some(SqliteType::Long | SqliteType::Integer | SqliteType::SmallInt) => {
            Cell::Integer(value.read_long())
        }
        Some(SqliteType::Float | SqliteType::Double) => Cell::Real,
        Some(SqliteType::Text) => Cell::Text(value.read_blob().to_vec()),
        Some(SqliteType::Binary) => Cell::Blob(value.read_blob().to_vec()),
    }
}

/// The rows of a query that is a constant of this program, cells in the order of its columns.
///
/// # Errors
/// The database does not answer it.
pub fn raw(
    connection: &mut AnyConnection,
    query: &str,
    given: &[Given<'_>],
) -> Result<Vec<Vec<Cell>>, DbError> {
    let AnyConnection::Sqlite(sqlite) = connection;
    let mut query = sql_query(query).into_boxed::<Sqlite>();
    for value in given {
        query = match *value {
            Given::Integer(number) => query.bind::<BigInt, _>(number),
            Given::Blob(bytes) => query.bind::<Binary, _>(bytes.to_vec()),
        };
    }
    let rows: Vec<Cells> = query.load(sqlite)?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// Runs `read` on one moment of the database, and lets it write nothing.
///
/// # Errors
/// The moment can't be fixed, or given up.
pub fn snapshot<T>(
    connection: &mut AnyConnection,
    read: impl FnOnce(&mut AnyConnection) -> T,
) -> Result<T, DbError> {
    batch(connection, "SAVEPOINT snapshot; PRAGMA query_only = ON;")?;
    let value = read(connection);
    batch(connection, "PRAGMA query_only = OFF; RELEASE snapshot;")?;
    Ok(value)
}

fn batch(connection: &mut AnyConnection, statements: &str) -> Result<(), DbError> {
    let AnyConnection::Sqlite(sqlite) = connection;
    Ok(sqlite.batch_execute(statements)?)
}
