//! Registers for tests: a file in a folder of the test's own or, where `CUSTOS_TEST_DATABASE`
//! names a server, a database of its own there. Nothing else uses it.

#[cfg(feature = "postgres")]
mod server;

use std::path::Path;

use diesel::connection::SimpleConnection;

use super::{
    Connection, DbError, Location,
    dialect::{self, Cell, raw},
};

/// The variable that names a server on which databases may be made, as `postgres://...`.
pub const SERVER: &str = "CUSTOS_TEST_DATABASE";

/// The register of a test that has this folder: each time the same.
///
/// # Panics
/// The server that is named makes no database.
pub fn register(folder: &Path) -> Location {
    match std::env::var(SERVER) {
        #[cfg(feature = "postgres")]
        Ok(url) => server::database(&url, folder),
        _ => folder.join("register.db").into(),
    }
}

/// Whether a test's register lies on a server.
pub fn is_served() -> bool {
    cfg!(feature = "postgres") && std::env::var_os(SERVER).is_some()
}

/// Makes the register `to`, which is of another folder, equal to `from`. Nobody may be at work in
/// either.
///
/// # Panics
/// It can't be copied.
pub fn copy(from: &Location, to: &Location) {
    match (from, to) {
        (Location::File(from), Location::File(to)) => {
            std::fs::copy(from, to).expect("a register is copied");
        }
        #[cfg(feature = "postgres")]
        (Location::Server(from), Location::Server(to)) => server::copy(from, to),
        _ => panic!("registers of two kinds"),
    }
}

/// Does to a register what somebody does who has its file or its server. The words are SQLite's.
///
/// # Panics
/// It can't be done.
pub fn run(at: &Location, statements: &str) {
    let mut connection = dialect::connect(at).expect("it connects");
    run_on(&mut connection, statements).expect("it is done");
}

/// The same on a connection.
///
/// # Errors
/// It can't be done.
pub fn run_on(connection: &mut Connection, statements: &str) -> diesel::QueryResult<()> {
    match connection {
        Connection::Sqlite(sqlite) => sqlite.batch_execute(statements),
        #[cfg(feature = "postgres")]
        Connection::Postgres(server) => server.batch_execute(&server::translated(statements)),
    }
}

/// Holds the writers' lock for as long as the connection lives, or until it rolls back.
///
/// # Panics
/// It can't be had.
pub fn lock(at: &Location) -> Connection {
    let mut connection = dialect::connect(at).expect("it connects");
    let locking = match connection {
        Connection::Sqlite(_) => "BEGIN IMMEDIATE",
        #[cfg(feature = "postgres")]
        Connection::Postgres(_) => "BEGIN; SELECT size FROM log_head FOR UPDATE",
    };
    connection.batch_execute(locking).expect("it is locked");
    connection
}

/// Has the register be full once it has grown by about so many pages; `None` lets it grow.
///
/// # Errors
/// The database can't be told so.
pub fn fill(connection: &mut Connection, pages: Option<i64>) -> Result<(), DbError> {
    match connection {
        Connection::Sqlite(_) => {
            let most = match pages {
                Some(more) => {
                    let query = "SELECT page_count FROM pragma_page_count";
                    match raw(connection, query, &[])?.first().map(|row| &row[0]) {
                        Some(Cell::Integer(count)) => count + more,
                        _ => return Err(DbError::Pool("it has no pages".into())),
                    }
                }
                None => i64::from(u32::MAX - 1),
            };
            connection.batch_execute(&format!("PRAGMA max_page_count = {most}"))?;
            Ok(())
        }
        #[cfg(feature = "postgres")]
        Connection::Postgres(server) => Ok(server.batch_execute(&server::filling(pages))?),
    }
}
