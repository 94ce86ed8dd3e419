//! Where somebody wants letters to go.

use custos_core::ids::{AccountId, Id, RowId, ScopeId};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::{InRoom, one_changed};
use crate::{
    db::{
        Connection, DbError,
        bound::{self, Binding, Bound},
        keys,
        rows::{id, rev, revision},
        schema::addresses,
        value::Place,
    },
    keyring::Keyring,
    policy::{action::ManageTokens, permit::Permit},
};

/// Nothing but a confirmation goes to it.
pub const UNCONFIRMED: &str = "unconfirmed";
/// Its owner showed that they read what is sent to it.
pub const CONFIRMED: &str = "confirmed";
/// Another one took its place, or none.
pub const REMOVED: &str = "removed";

/// An address.
#[derive(Debug, Clone, Serialize)]
pub struct AddressRow {
    /// Its id.
    pub id: RowId,
    /// Revision of the row.
    pub rev: u64,
    /// Whose it is.
    pub account_id: AccountId,
    /// [`UNCONFIRMED`], [`CONFIRMED`] or [`REMOVED`].
    pub status: String,
    /// What is encrypted.
    pub details: AddressDetails,
}

/// What is encrypted of an address.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AddressDetails {
    /// `name@host`, in ASCII.
    pub mail: String,
}

impl Bound for AddressRow {
    const TABLE: &'static str = "addresses";

    fn id(&self) -> Id {
        self.id.id()
    }

    fn rev(&self) -> u64 {
        self.rev
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = addresses)]
struct Raw {
    id: Vec<u8>,
    rev: i64,
    salt: Vec<u8>,
    entry: Vec<u8>,
    account_id: Vec<u8>,
    status: String,
    details: Vec<u8>,
}

/// Writes a new address of one's own.
///
/// # Errors
/// The row can't be written.
pub fn insert(
    connection: &mut Connection,
    _permit: &Permit<ManageTokens>,
    (keyring, ambient, room): InRoom<'_>,
    row: &AddressRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let keys = keys::scope(connection, keyring, room)?;
    diesel::insert_into(addresses::table)
        .values(Raw {
            id: row.id.as_bytes().to_vec(),
            rev: rev(row.rev),
            salt: binding.salt.to_vec(),
            entry: entry.to_vec(),
            account_id: row.account_id.as_bytes().to_vec(),
            status: row.status.clone(),
            details: place(row.id()).seal_json(keys.value.as_bytes(), ambient, &row.details),
        })
        .execute(connection)?;
    Ok(())
}

/// Writes the new status of one's own address, with the revision after the one that is stored.
///
/// # Errors
/// [`DbError::Damaged`] when the stored row is not of the revision before.
pub fn set_status(
    connection: &mut Connection,
    _permit: &Permit<ManageTokens>,
    row: &AddressRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let changed = diesel::update(addresses::table.find(row.id.as_bytes().to_vec()))
        .filter(addresses::rev.eq(rev(row.rev) - 1))
        .set((
            addresses::rev.eq(rev(row.rev)),
            addresses::salt.eq(binding.salt.to_vec()),
            addresses::entry.eq(entry.to_vec()),
            addresses::status.eq(&row.status),
        ))
        .execute(connection)?;
    one_changed(changed, "addresses", row.id())
}

/// The addresses in use of the account for which the permit is, in the order of their ids.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn list(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    permit: &Permit<ManageTokens>,
) -> Result<Vec<AddressRow>, DbError> {
    let account = AccountId::from(permit.resource().id);
    in_use(connection, keyring, room, account)
}

/// The address to which letters for an account go; none where it has none that is confirmed.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn confirmed(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    account: AccountId,
) -> Result<Option<AddressRow>, DbError> {
    let rows = in_use(connection, keyring, room, account)?;
    Ok(rows.into_iter().find(|row| row.status == CONFIRMED))
}

/// An address by its id, in use or not: for a letter that goes to exactly this one.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn get(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    address: RowId,
) -> Result<Option<AddressRow>, DbError> {
    let raw: Option<Raw> = addresses::table
        .find(address.as_bytes().to_vec())
        .select(Raw::as_select())
        .first(connection)
        .optional()?;
    raw.map(|raw| opened(connection, keyring, room, raw))
        .transpose()
}

fn in_use(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    account: AccountId,
) -> Result<Vec<AddressRow>, DbError> {
    let raw: Vec<Raw> = addresses::table
        .filter(addresses::account_id.eq(account.as_bytes().to_vec()))
        .filter(addresses::status.ne(REMOVED))
        .order(addresses::id)
        .select(Raw::as_select())
        .load(connection)?;
    raw.into_iter()
        .map(|raw| opened(connection, keyring, room, raw))
        .collect()
}

fn opened(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    raw: Raw,
) -> Result<AddressRow, DbError> {
    let keys = keys::scope(connection, keyring, room)?;
    let address: RowId = id("addresses", &raw.id)?;
    let row = AddressRow {
        id: address,
        rev: revision("addresses", raw.rev)?,
        account_id: id("addresses", &raw.account_id)?,
        status: raw.status,
        details: place(address.id()).open_json(keys.value.as_bytes(), &raw.details)?,
    };
    bound::check(connection, keyring, &row, &raw.salt, &raw.entry)?;
    Ok(row)
}

fn place(row: Id) -> Place {
    Place {
        table: "addresses",
        row,
        column: "details",
    }
}
