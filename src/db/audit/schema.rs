//! Whether the database file is whole, and its tables are those that the migrations make.

use std::collections::BTreeSet;

use crate::db::{
    Connection, DbError,
    dialect::{self, Depth},
    pool,
};

/// Faults of the file that are named; more are seldom told apart.
const MAX_FAULTS: usize = 100;

/// Name and definition of everything in a schema.
pub type Objects = BTreeSet<(String, String)>;

/// What the migrations make of an empty database. Not within a moment of the register.
///
/// # Errors
/// They can't be run.
pub fn wanted(connection: &mut Connection) -> Result<Objects, DbError> {
    Ok(dialect::wanted(connection)?.into_iter().collect())
}

/// What the database says of its own file, and where its schema is not the one that is `wanted`.
///
/// # Errors
/// It can't be read at all.
pub fn faults(connection: &mut Connection, wanted: &Objects) -> Result<Vec<String>, DbError> {
    let mut faults = dialect::faults(connection, Depth::Whole, MAX_FAULTS)?;
    let found: Objects = dialect::described(connection)?.into_iter().collect();
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
