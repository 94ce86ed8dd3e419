//! Statements that every command runs, so that the database keeps them prepared.
//!
//! Diesel's own `INSERT` builds its text anew for each row, a third of the time that a custody
//! entry takes; these have one text, known by its type.

use diesel::{
    QueryResult, RunQueryDsl, SqliteConnection,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::{BigInt, Binary, Bool, Nullable},
    sqlite::Sqlite,
};

use super::AnyConnection;
use crate::db::entries::EntryRow;

/// Statements without anything bound to them.
macro_rules! fixed_statements {
    ($($(#[$doc:meta])* $name:ident = $sql:literal;)*) => {$(
        $(#[$doc])*
        #[derive(QueryId)]
        pub(super) struct $name;

        impl QueryFragment<Sqlite> for $name {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
                out.push_sql($sql);
                Ok(())
            }
        }

        impl RunQueryDsl<SqliteConnection> for $name {}
    )*};
}

fixed_statements! {
    /// Begins a command's savepoint.
    Savepoint = "SAVEPOINT command";
    /// Keeps what was done since.
    Release = "RELEASE command";
}

struct InsertEntry<'a>(&'a EntryRow);

impl QueryId for InsertEntry<'_> {
    type QueryId = InsertEntry<'static>;

    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Sqlite> for InsertEntry<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let row = self.0;
        out.push_sql(
            "INSERT INTO entries (idx, id, leaf, scope_id, scope_nth, item_nth, subject_id, \
             subject_nth, writes_rows, link, body) VALUES (",
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

impl RunQueryDsl<SqliteConnection> for InsertEntry<'_> {}

/// Writes a custody entry's row.
///
/// # Errors
/// Its position in the log or in a chain is taken.
pub fn insert_entry(connection: &mut AnyConnection, row: &EntryRow) -> QueryResult<()> {
    let AnyConnection::Sqlite(sqlite) = connection;
    InsertEntry(row).execute(sqlite).map(drop)
}
