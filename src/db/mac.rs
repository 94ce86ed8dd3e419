//! Rows that live for minutes or hours and have no custody entry of their own: sessions,
//! enrolments, uploads, views. Each carries an HMAC under the session key, so that a row
//! which was forged or changed in the database is refused when it is used.

use custos_core::{
    hash::{hmac_sha256, lp},
    json,
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
    let mut prefix = b"custos/row-mac/v1\0".to_vec();
    lp(&mut prefix, T::TABLE.as_bytes());
    let columns: Value = serde_json::to_value(row).expect("a row serializes into JSON");
    let jcs = json::canonical(&columns).expect("columns are JSON of the formats");
    hmac_sha256(key.as_bytes(), &[&prefix, &jcs])
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
