//! Rows that may decide something, bound to the entry that last wrote them
//! (formats, section 10).
//!
//! A row carries `rev`, `salt` and the `C` of its entry; the entry's slot 31 carries the row's
//! hash. A forged or inserted row is refused here, when it is used; a rolled-back or removed
//! one is found by the audit.

use custos_core::{
    event::slot,
    hash::Hash,
    ids::{Id, Timestamp},
    row::{self, BoundRow},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    Connection, DbError,
    entries::{self, Link},
    keys,
};
use crate::{ambient::Ambient, keyring::Keyring};

/// A row of a bound table, decrypted: it serializes into its columns by name, all but `salt`
/// and `entry`, absent ones omitted.
pub trait Bound: Serialize {
    /// The table's name.
    const TABLE: &'static str;

    /// The row's id.
    fn id(&self) -> Id;

    /// 1 when first written, one more at each write.
    fn rev(&self) -> u64;
}

/// What binds a row's present content: its salt goes into the row, the rest into slot 31.
#[derive(Debug, Clone)]
pub struct Binding {
    /// Fresh at each write.
    pub salt: [u8; 16],
    /// For the entry's slot 31.
    pub slot: BoundRow,
}

/// Binds what is about to be written.
pub fn bind<T: Bound>(row: &T, ambient: &Ambient) -> Binding {
    let salt = ambient.bytes();
    Binding {
        salt,
        slot: BoundRow {
            table: T::TABLE.into(),
            id: row.id(),
            rev: row.rev(),
            hash: hash(row, &salt),
        },
    }
}

/// Checks that a row is what its entry says.
///
/// # Errors
/// [`DbError::Damaged`] names the row; the caller refuses to use it.
pub fn check<T: Bound>(
    connection: &mut Connection,
    keyring: &Keyring,
    row: &T,
    salt: &[u8],
    entry: &[u8],
) -> Result<(), DbError> {
    let damaged = |what| DbError::damaged(T::TABLE, row.id(), what);
    let c = entry
        .try_into()
        .map_err(|_| damaged("its entry is no hash"))?;
    let c = Hash::from_bytes(c);
    let hash = hash(row, &salt_of(row, salt)?);
    if keyring.vouched.has(c, hash) {
        return Ok(());
    }
    let entry = entries::that_wrote(connection, &c)?.ok_or_else(|| damaged(NO_ENTRY))?;
    let scope = entry.scope()?.ok_or_else(|| damaged(NO_ENTRY))?;
    let keys = keys::scope(connection, keyring, scope)?;
    names(&entry.open_link(keys.value.as_bytes())?, row, &hash)?;
    keyring.vouched.add(c, hash);
    Ok(())
}

/// When the entry was made that wrote this revision of a row which was checked; slot 3.
///
/// # Errors
/// [`DbError::Damaged`].
pub(super) fn written_at<T: Bound>(
    connection: &mut Connection,
    keyring: &Keyring,
    row: &T,
    entry: &[u8],
) -> Result<Timestamp, DbError> {
    let damaged = || DbError::damaged(T::TABLE, row.id(), NO_ENTRY);
    let c = entry.try_into().map_err(|_| damaged())?;
    let entry = entries::that_wrote(connection, &Hash::from_bytes(c))?.ok_or_else(damaged)?;
    let scope = entry.scope()?.ok_or_else(damaged)?;
    let keys = keys::scope(connection, keyring, scope)?;
    let link = entry.open_link(keys.value.as_bytes())?;
    let micros = link.value(slot::TIME).as_i64().ok_or_else(damaged)?;
    Timestamp::from_micros(micros).map_err(|_| damaged())
}

/// What is wrong with a row whose entry can't be found.
pub(super) const NO_ENTRY: &str = "no custody entry wrote it";

/// Checks that a row is what the entry says that it names, of which the link part is open.
///
/// # Errors
/// [`DbError::Damaged`] names the row; the caller refuses to use it.
pub(super) fn check_in<T: Bound>(link: &Link, row: &T, salt: &[u8]) -> Result<(), DbError> {
    names(link, row, &hash(row, &salt_of(row, salt)?))
}

fn salt_of<T: Bound>(row: &T, salt: &[u8]) -> Result<[u8; 16], DbError> {
    let damaged = |_| DbError::damaged(T::TABLE, row.id(), "its salt is not 16 bytes");
    salt.try_into().map_err(damaged)
}

fn names<T: Bound>(link: &Link, row: &T, hash: &Hash) -> Result<(), DbError> {
    let damaged = |what| DbError::damaged(T::TABLE, row.id(), what);
    let names_it = |written: &Value| {
        written["table"] == T::TABLE && written["id"].as_str() == Some(&row.id().to_string())
    };
    let written = link.value(slot::ROWS)["rows"].as_array();
    let written = written.and_then(|rows| rows.iter().find(|written| names_it(written)));
    // A row stands there once. What names it says four things of it, and nothing else.
    let is_as_written = written.is_some_and(|written| {
        written
            .as_object()
            .is_some_and(|members| members.len() == 4)
            && written["rev"].as_u64() == Some(row.rev())
            && written["hash"].as_str() == Some(&hash.to_string())
    });
    if is_as_written {
        Ok(())
    } else {
        Err(damaged(
            "it is not what its custody entry says; it was not used",
        ))
    }
}

/// `SHA-256("custos/row/v1" 0x00 | salt | lp(table) | JCS(columns))`.
pub fn hash<T: Bound>(row: &T, salt: &[u8; 16]) -> Hash {
    row::row_hash_of(salt, T::TABLE, row).expect("columns are JSON of the formats")
}
