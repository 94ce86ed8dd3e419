//! Rows that live for minutes or hours and have no custody entry of their own: sessions,
//! enrolments, uploads, views. Each carries an HMAC under the session key, so that a row
//! which was forged or changed in the database is refused when it is used.

use custos_core::{
    hash::{hmac_sha256, lp},
    json::{self, JsonError},
    keys::SessionKey,
};
use serde::Serialize;
use serde_json::Value;
use subtle::ConstantTimeEq;
use tracing::error;

use super::DbError;

/// A row with an HMAC: it serializes into its columns by name, all but `mac`, absent ones null.
pub trait Authenticated: Serialize {
    /// The table's name.
    const TABLE: &'static str;

    /// The row's id as it is shown.
    fn shown(&self) -> String;
}

/// `HMAC-SHA-256(session key, "custos/row-mac/v1" 0x00 | lp(table) | JCS(columns))`.
pub fn mac<T: Authenticated>(key: &SessionKey, row: &T) -> [u8; 32] {
    let columns: Value = serde_json::to_value(row).expect("a row serializes into JSON");
    of_columns(key, T::TABLE, &columns).expect("columns are JSON of the formats")
}

/// The same of columns that were read without a type.
///
/// # Errors
/// A column is not JSON of the formats.
pub fn of_columns(key: &SessionKey, table: &str, columns: &Value) -> Result<[u8; 32], JsonError> {
    let mut prefix = b"custos/row-mac/v1\0".to_vec();
    lp(&mut prefix, table.as_bytes());
    let jcs = json::canonical(columns)?;
    Ok(hmac_sha256(key.as_bytes(), &[&prefix, &jcs]))
}

/// Checks a row that was read.
///
/// # Errors
/// [`DbError::Damaged`]; the alarm is raised here.
pub fn check<T: Authenticated>(key: &SessionKey, row: &T, found: &[u8]) -> Result<(), DbError> {
    if bool::from(mac(key, row).ct_eq(found)) {
        return Ok(());
    }
    let damaged = DbError::damaged(
        T::TABLE,
        row.shown(),
        "it was not written by this room; it was not used",
    );
    error!(alarm = "forged_row", error = %damaged, "a row was refused");
    Err(damaged)
}
