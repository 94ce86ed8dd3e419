//! Whether the database file is whole, and its tables are those that the migrations make.

use std::{collections::BTreeSet, sync::OnceLock};

use crate::db::{
    Connection, DbError,
    dialect::{self, Cell, raw},
    pool,
};

/// Faults of the file that are named; more are seldom told apart.
const MAX_FAULTS: usize = 100;

/// What the database says of its own file, and where its schema is not that of this program.
///
/// # Errors
/// It can't be read at all.
pub fn faults(connection: &mut Connection) -> Result<Vec<String>, DbError> {
    let query = format!("PRAGMA integrity_check({MAX_FAULTS})");
    let mut faults: Vec<String> = raw(connection, &query, &[])?
        .iter()
        .map(|row| words(&row[0]))
        .filter(|said| said != "ok")
        .collect();
    let wanted = wanted()?;
    let found = objects(connection)?;
    for (name, _) in wanted.difference(&found) {
        faults.push(format!(
            "`{name}` is missing, or not as the migrations make it"
        ));
    }
    for (name, _) in found.difference(wanted) {
        if !wanted.iter().any(|(known, _)| known == name) {
            faults.push(format!("`{name}` is not of this program"));
        }
    }
    Ok(faults)
}

/// Migrations that this program does not know, and those that were not applied yet.
///
/// # Errors
/// They can't be read.
pub fn migrations(connection: &mut Connection) -> Result<(Vec<String>, Vec<String>), DbError> {
    pool::behind(connection)
}

/// Name and definition of everything in a schema.
type Objects = BTreeSet<(String, String)>;

fn objects(connection: &mut Connection) -> Result<Objects, DbError> {
    let query = "SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_schema";
    let rows = raw(connection, query, &[])?;
    Ok(rows
        .iter()
        .map(|row| (words(&row[0]), words(&row[1])))
        .collect())
}

/// What the migrations make of an empty database.
fn wanted() -> Result<&'static Objects, DbError> {
    static WANTED: OnceLock<Objects> = OnceLock::new();
    if let Some(wanted) = WANTED.get() {
        return Ok(wanted);
    }
    let mut empty = dialect::connect(":memory:")?;
    pool::migrate(&mut empty)?;
    let made = objects(&mut empty)?;
    Ok(WANTED.get_or_init(|| made))
}

fn words(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    }
}
