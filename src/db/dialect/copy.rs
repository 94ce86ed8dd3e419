//! Looking at a database, or copying it, without writing in it.

use std::path::Path;

use diesel::{Connection as _, RunQueryDsl, connection::SimpleConnection, sql_query, sql_types};

use super::{
    AnyConnection,
    sqlite::{BUSY_TIMEOUT_MS, check_version},
};
use crate::db::DbError;

/// What a connection that only reads is set to.
const SETTINGS: &str = "PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;";

/// Who else may be at work in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// A room may write to it meanwhile.
    MayWrite,
    /// Nobody: it is a finished copy. SQLite then takes no lock and leaves nothing beside it.
    None,
}

/// Opens the database file `path` so that nothing can be written in it.
///
/// # Errors
/// It is not there, its path is not UTF-8, or it can't be opened.
pub fn connect_to_read(path: &Path, others: Others) -> Result<AnyConnection, DbError> {
    if !path.is_file() {
        return Err(DbError::Pool("its file is not there".into()));
    }
    let path = path
        .to_str()
        .ok_or_else(|| DbError::Pool("its path is not UTF-8".into()))?;
    let immutable = match others {
        Others::MayWrite => "",
        Others::None => "&immutable=1",
    };
    let url = format!("file:{}?mode=ro{immutable}", escaped(path));
    let mut sqlite = diesel::SqliteConnection::establish(&url)?;
    check_version(&mut sqlite)?;
    sqlite.batch_execute(&format!("PRAGMA busy_timeout = {BUSY_TIMEOUT_MS};"))?;
    sqlite.batch_execute(SETTINGS)?;
    Ok(AnyConnection::Sqlite(sqlite))
}

/// Copies one moment of the database, without its free pages, to the file `to`, which is not
/// there yet or empty. Others may write to the database meanwhile. The copy is not durable
/// before its caller has synced it.
///
/// Source: SQLite, `VACUUM INTO`. Its online backup starts again whenever another process
/// writes, and so would never end under load.
///
/// # Errors
/// The database can't be read to its end, or the copy can't be written; [`DbError::NoFile`] of
/// a server, whose own tools copy it.
pub fn copy_into(connection: &mut AnyConnection, to: &Path) -> Result<(), DbError> {
    let to = to
        .to_str()
        .ok_or_else(|| DbError::Pool("the path of its copy is not UTF-8".into()))?;
    match connection {
        AnyConnection::Sqlite(sqlite) => {
            sql_query("VACUUM INTO ?")
                .bind::<sql_types::Text, _>(to)
                .execute(sqlite)?;
            Ok(())
        }
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(_) => Err(DbError::NoFile),
    }
}

/// A path inside a `file:` address: everything but plain characters as `%xx`.
fn escaped(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::dialect::connect;

    fn run(connection: &mut AnyConnection, statements: &str) -> diesel::QueryResult<()> {
        connection.batch_execute(statements)
    }

    #[test]
    fn a_connection_that_reads_writes_nothing_and_copies() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("50% of what? #1.db");
        let mut writer = connect(&path.as_path().into()).expect("made");
        run(&mut writer, "CREATE TABLE t (x); INSERT INTO t VALUES (7);").expect("written");
        let mut reader = connect_to_read(&path, Others::MayWrite).expect("opens");
        for change in ["INSERT INTO t VALUES (8)", "DROP TABLE t"] {
            run(&mut reader, change).expect_err("it may only read");
        }
        let copy = folder.path().join("copy");
        copy_into(&mut reader, &copy).expect("copied");
        run(&mut reader, "DELETE FROM t").expect_err("still");
        run(&mut writer, "INSERT INTO t VALUES (9)").expect("nobody is in its way");
        let mut copy = connect_to_read(&copy, Others::None).expect("opens");
        let rows = crate::db::dialect::raw(&mut copy, "SELECT x FROM t", &[]).expect("read");
        assert_eq!(rows.len(), 1);
        let named: Vec<_> = std::fs::read_dir(folder.path())
            .expect("a folder")
            .collect();
        assert_eq!(named.len(), 4, "{named:?}");
    }

    #[test]
    fn what_is_not_there_is_not_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("none.db");
        connect_to_read(&path, Others::MayWrite)
            .err()
            .expect("refused");
        assert!(!path.exists());
    }
}
