//! Small conversions between columns and types.

use custos_core::ids::{Id, Timestamp};

use super::DbError;

/// An id from its column.
///
/// # Errors
/// [`DbError::Damaged`] unless it is 16 bytes.
pub fn id<T: From<Id>>(table: &'static str, bytes: &[u8]) -> Result<T, DbError> {
    let raw = bytes
        .try_into()
        .map_err(|_| DbError::damaged(table, hex::encode(bytes), "an id is not 16 bytes"))?;
    Ok(Id::from_bytes(raw).into())
}

/// A revision from its column.
///
/// # Errors
/// [`DbError::Damaged`] when it is negative.
pub fn revision(table: &'static str, rev: i64) -> Result<u64, DbError> {
    u64::try_from(rev).map_err(|_| DbError::damaged(table, rev, "a revision is negative"))
}

/// A revision for its column.
///
/// # Panics
/// Never: no row is written 2^63 times.
pub fn rev(rev: u64) -> i64 {
    i64::try_from(rev).expect("no row is written 2^63 times")
}

/// A time from its column.
///
/// # Errors
/// [`DbError::Damaged`] when it is out of range.
pub fn time(table: &'static str, micros: i64) -> Result<Timestamp, DbError> {
    Timestamp::from_micros(micros)
        .map_err(|_| DbError::damaged(table, micros, "a time is out of range"))
}
