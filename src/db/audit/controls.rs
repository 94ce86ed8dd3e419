//! Control entries, which are of no scope and which everybody may read.

use custos_core::checkpoint::MAX_CONTROLS;

use super::{bytes, integer};
use crate::db::{
    Connection, DbError,
    dialect::{Cell, is_integer, raw},
};

/// The leaves of control entries with their indices, in their order, at most one more than a
/// reader takes.
///
/// # Errors
/// The table can't be read.
pub fn controls(connection: &mut Connection) -> Result<Vec<(i64, Vec<u8>)>, DbError> {
    let query = format!(
        "SELECT idx, leaf, scope_id FROM entries WHERE length(leaf) > 33 AND {} \
         ORDER BY idx LIMIT {}",
        is_integer(connection, "idx"),
        MAX_CONTROLS + 1
    );
    let rows = raw(connection, &query, &[])?;
    let rows = rows
        .iter()
        .filter(|row| row.get(2) == Some(&Cell::Null))
        .filter_map(|row| Some((integer(&row[0])?, bytes(&row[1])?)));
    Ok(rows.collect())
}

/// The leaf of the first entry.
///
/// # Errors
/// The table can't be read.
pub fn first_leaf(connection: &mut Connection) -> Result<Option<Vec<u8>>, DbError> {
    let rows = raw(connection, "SELECT leaf FROM entries WHERE idx = 0", &[])?;
    Ok(rows.first().and_then(|row| bytes(&row[0])))
}
