//! Rows as they lie there, whatever their columns should be: for the audit, which must not
//! stop at a column that holds something else.

use diesel::{
    QueryableByName, RunQueryDsl, SqliteConnection, deserialize,
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
    /// An integer, or a flag as 0 or 1.
    Integer(i64),
    /// A number with a fraction, or anything else that no column of ours holds.
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
    match connection {
        AnyConnection::Sqlite(sqlite) => embedded(sqlite, query, given),
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(server) => server::raw(server, query, given),
    }
}

fn embedded(
    sqlite: &mut SqliteConnection,
    query: &str,
    given: &[Given<'_>],
) -> Result<Vec<Vec<Cell>>, DbError> {
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

#[cfg(feature = "postgres")]
pub(super) mod server {
    //! The same of a server.

    use diesel::{
        PgConnection,
        pg::{Pg, PgValue},
    };

    use super::*;

    impl QueryableByName<Pg> for Cells {
        fn build<'a>(row: &impl NamedRow<'a, Pg>) -> deserialize::Result<Self> {
            let cells = (0..row.field_count())
                .map(|index| Row::get(row, index).map_or(Cell::Null, |field| cell(field.value())));
            Ok(Self(cells.collect()))
        }
    }

    /// Types by their numbers in `pg_type`, which never change; values come in binary form.
    fn cell(value: Option<PgValue<'_>>) -> Cell {
        let Some(value) = value else {
            return Cell::Null;
        };
        let bytes = value.as_bytes();
        let whole = |number: Option<i64>| number.map_or(Cell::Real, Cell::Integer);
        match value.get_oid().get() {
            16 => whole(bytes.first().map(|flag| i64::from(*flag))),
            17 => Cell::Blob(bytes.to_vec()),
            20 => whole(bytes.try_into().ok().map(i64::from_be_bytes)),
            21 => whole(bytes.try_into().ok().map(|b| i16::from_be_bytes(b).into())),
            23 => whole(bytes.try_into().ok().map(|b| i32::from_be_bytes(b).into())),
            19 | 25 | 1042 | 1043 => Cell::Text(bytes.to_vec()),
            _ => Cell::Real,
        }
    }

    /// As [`super::raw`].
    pub(in crate::db::dialect) fn raw(
        server: &mut PgConnection,
        query: &str,
        given: &[Given<'_>],
    ) -> Result<Vec<Vec<Cell>>, DbError> {
        let mut query = sql_query(numbered(query)).into_boxed::<Pg>();
        for value in given {
            query = match *value {
                Given::Integer(number) => query.bind::<BigInt, _>(number),
                Given::Blob(bytes) => query.bind::<Binary, _>(bytes.to_vec()),
            };
        }
        let rows: Vec<Cells> = query.load(server)?;
        Ok(rows.into_iter().map(|row| row.0).collect())
    }

    /// `?` and `?1` as a server knows them: `$1`.
    fn numbered(query: &str) -> String {
        let mut text = String::with_capacity(query.len() + 8);
        let mut next = 1;
        let mut rest = query.chars().peekable();
        while let Some(letter) = rest.next() {
            if letter != '?' {
                text.push(letter);
                continue;
            }
            text.push('$');
            if !rest.peek().is_some_and(char::is_ascii_digit) {
                text.push_str(&next.to_string());
                next += 1;
            }
        }
        text
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn places_are_numbered() {
            assert_eq!(numbered("a = ? AND b > ?"), "a = $1 AND b > $2");
            assert_eq!(
                numbered("a = ?1 OR b = ?1 LIMIT ?2"),
                "a = $1 OR b = $1 LIMIT $2"
            );
        }
    }
}
