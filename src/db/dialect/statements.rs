//! Statements that every command runs, so that the database keeps them prepared.
//!
//! Diesel's own `INSERT` builds its text anew for each row, a third of the time that a custody
//! entry takes; these have one text, known by its type.

#[cfg(feature = "postgres")]
use diesel::{PgConnection, pg::Pg};
use diesel::{
    QueryResult, RunQueryDsl, SqliteConnection,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::{BigInt, Binary, Bool, Nullable},
    sqlite::Sqlite,
};

use super::AnyConnection;
use crate::db::entries::EntryRow;

/// Statements without anything bound to them, for one database.
macro_rules! fixed {
    ($name:ident, $sql:literal, $database:ty, $connection:ty) => {
        impl QueryFragment<$database> for $name {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, $database>) -> QueryResult<()> {
                out.push_sql($sql);
                Ok(())
            }
        }

        impl RunQueryDsl<$connection> for $name {}
    };
}

/// Statements without anything bound to them, and the functions that run them.
macro_rules! fixed_statements {
    ($($(#[$doc:meta])* $run:ident, $name:ident = $sql:literal;)*) => {$(
        #[derive(QueryId)]
        struct $name;

        fixed!($name, $sql, Sqlite, SqliteConnection);
        #[cfg(feature = "postgres")]
        fixed!($name, $sql, Pg, PgConnection);

        $(#[$doc])*
        pub(super) fn $run(connection: &mut AnyConnection) -> QueryResult<()> {
            match connection {
                AnyConnection::Sqlite(sqlite) => $name.execute(sqlite).map(drop),
                #[cfg(feature = "postgres")]
                AnyConnection::Postgres(server) => $name.execute(server).map(drop),
            }
        }
    )*};
}

fixed_statements! {
    /// Begins a command's savepoint.
    savepoint, Savepoint = "SAVEPOINT command";
    /// Keeps what was done since.
    release, Release = "RELEASE command";
}

struct InsertEntry<'a>(&'a EntryRow);

impl QueryId for InsertEntry<'_> {
    type QueryId = InsertEntry<'static>;

    const HAS_STATIC_QUERY_ID: bool = true;
}

/// The statement for one database: the same text and columns for each.
macro_rules! insert_entry {
    ($database:ty, $connection:ty) => {
        impl QueryFragment<$database> for InsertEntry<'_> {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, $database>) -> QueryResult<()> {
                let row = self.0;
                out.push_sql(
                    "INSERT INTO entries (idx, id, leaf, scope_id, scope_nth, item_nth, \
                     subject_id, subject_nth, writes_rows, link, body) VALUES (",
                );
                out.push_bind_param::<BigInt, _>(&row.idx)?;
                out.push_sql(", ");
                out.push_bind_param::<Binary, _>(&row.id)?;
                out.push_sql(", ");
                out.push_bind_param::<Binary, _>(&row.leaf)?;
                out.push_sql(", ");
                out.push_bind_param::<Nullable<Binary>, _>(&row.scope_id)?;
                out.push_sql(", ");
                out.push_bind_param::<Nullable<BigInt>, _>(&row.scope_nth)?;
                out.push_sql(", ");
                out.push_bind_param::<Nullable<BigInt>, _>(&row.item_nth)?;
                out.push_sql(", ");
                out.push_bind_param::<Nullable<Binary>, _>(&row.subject_id)?;
                out.push_sql(", ");
                out.push_bind_param::<Nullable<BigInt>, _>(&row.subject_nth)?;
                out.push_sql(", ");
                out.push_bind_param::<Bool, _>(&row.writes_rows)?;
                out.push_sql(", ");
                out.push_bind_param::<Nullable<Binary>, _>(&row.link)?;
                out.push_sql(", ");
                out.push_bind_param::<Nullable<Binary>, _>(&row.body)?;
                out.push_sql(")");
                Ok(())
            }
        }

        impl RunQueryDsl<$connection> for InsertEntry<'_> {}
    };
}

insert_entry!(Sqlite, SqliteConnection);
#[cfg(feature = "postgres")]
insert_entry!(Pg, PgConnection);

/// Writes a custody entry's row.
///
/// # Errors
/// Its position in the log or in a chain is taken.
pub fn insert_entry(connection: &mut AnyConnection, row: &EntryRow) -> QueryResult<()> {
    match connection {
        AnyConnection::Sqlite(sqlite) => InsertEntry(row).execute(sqlite).map(drop),
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(server) => InsertEntry(row).execute(server).map(drop),
    }
}
