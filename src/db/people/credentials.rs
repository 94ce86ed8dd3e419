//! What an account proves itself with. Today a password; a passkey, a one-time code and an
//! identity provider's subject are further kinds of the same row.

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
        schema::credentials,
        sessions::EnrolmentRow,
        value::Place,
    },
    keyring::Keyring,
    policy::{action::ManageTokens, permit::Permit},
};

/// The kind of a credential that is a password.
pub const PASSWORD: &str = "password";

/// Something that an account proves itself with.
#[derive(Debug, Clone, Serialize)]
pub struct CredentialRow {
    /// Its id.
    pub id: RowId,
    /// Revision of the row.
    pub rev: u64,
    /// Whose it is.
    pub account_id: AccountId,
    /// [`PASSWORD`].
    pub kind: String,
    /// `active` or `ended`.
    pub status: String,
    /// What is encrypted.
    pub details: CredentialDetails,
}

/// What is encrypted of a credential.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CredentialDetails {
    /// The password's Argon2id hash as a PHC string.
    pub phc: String,
}

impl Bound for CredentialRow {
    const TABLE: &'static str = "credentials";

    fn id(&self) -> Id {
        self.id.id()
    }

    fn rev(&self) -> u64 {
        self.rev
    }
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = credentials)]
struct Raw {
    id: Vec<u8>,
    rev: i64,
    salt: Vec<u8>,
    entry: Vec<u8>,
    account_id: Vec<u8>,
    kind: String,
    status: String,
    details: Vec<u8>,
}

/// Writes the credential that a single-use link allows to set: a first revision, or the one
/// after the stored one.
///
/// # Errors
/// [`DbError::Damaged`] when the link is another account's, or the stored row is not of the
/// revision before.
pub fn enrol(
    connection: &mut Connection,
    link: &EnrolmentRow,
    room: InRoom<'_>,
    row: &CredentialRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    if link.account_id != row.account_id {
        return Err(DbError::damaged(
            "enrolments",
            link.id,
            "it is another account's",
        ));
    }
    write(connection, room, row, binding, entry)
}

/// Writes one's own changed credential.
///
/// # Errors
/// [`DbError::Damaged`] when the stored row is not of the revision before.
pub fn change(
    connection: &mut Connection,
    _permit: &Permit<ManageTokens>,
    room: InRoom<'_>,
    row: &CredentialRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    write(connection, room, row, binding, entry)
}

fn write(
    connection: &mut Connection,
    (keyring, ambient, room): InRoom<'_>,
    row: &CredentialRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let keys = keys::scope(connection, keyring, room)?;
    let raw = Raw {
        id: row.id.as_bytes().to_vec(),
        rev: rev(row.rev),
        salt: binding.salt.to_vec(),
        entry: entry.to_vec(),
        account_id: row.account_id.as_bytes().to_vec(),
        kind: row.kind.clone(),
        status: row.status.clone(),
        details: place(row.id()).seal_json(keys.value.as_bytes(), ambient, &row.details),
    };
    let changed = if row.rev == 1 {
        diesel::insert_into(credentials::table)
            .values(raw)
            .execute(connection)?
    } else {
        diesel::update(credentials::table.find(row.id.as_bytes().to_vec()))
            .filter(credentials::rev.eq(rev(row.rev) - 1))
            .set(raw)
            .execute(connection)?
    };
    one_changed(changed, "credentials", row.id())
}

/// The password of an account, checked; for sign-in.
///
/// An account has one row of this kind at most, so that none can hide behind another.
pub(in crate::db) fn find_password(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    account: AccountId,
) -> Result<Option<CredentialRow>, DbError> {
    let mut raw: Vec<Raw> = credentials::table
        .filter(credentials::account_id.eq(account.as_bytes().to_vec()))
        .filter(credentials::kind.eq(PASSWORD))
        .select(Raw::as_select())
        .limit(2)
        .load(connection)?;
    let Some(first) = raw.pop() else {
        return Ok(None);
    };
    if !raw.is_empty() {
        return Err(DbError::damaged(
            "credentials",
            hex::encode(&first.id),
            "its account has another password",
        ));
    }
    opened(connection, keyring, room, first).map(Some)
}

/// Whether anyone has ever set a credential; for founding.
pub(in crate::db) fn any(connection: &mut Connection) -> Result<bool, DbError> {
    let count: i64 = credentials::table.count().get_result(connection)?;
    Ok(count != 0)
}

fn opened(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    raw: Raw,
) -> Result<CredentialRow, DbError> {
    let keys = keys::scope(connection, keyring, room)?;
    let row_id: RowId = id("credentials", &raw.id)?;
    let row = CredentialRow {
        id: row_id,
        rev: revision("credentials", raw.rev)?,
        account_id: id("credentials", &raw.account_id)?,
        kind: raw.kind,
        status: raw.status,
        details: place(row_id.id()).open_json(keys.value.as_bytes(), &raw.details)?,
    };
    bound::check(connection, keyring, &row, &raw.salt, &raw.entry)?;
    Ok(row)
}

fn place(row: Id) -> Place {
    Place {
        table: "credentials",
        row,
        column: "details",
    }
}
