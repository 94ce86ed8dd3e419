//! Tokens: what a program shows instead of a person.

use custos_core::{
    hash::Hash,
    ids::{AccountId, Id, ScopeId, Timestamp, TokenId},
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{InRoom, one_changed};
use crate::{
    ambient::Ambient,
    db::{
        Connection, DbError,
        bound::{self, Binding, Bound},
        keys,
        rows::{id, rev, revision, time},
        schema::tokens,
        sessions::EnrolmentRow,
        value::Place,
    },
    keyring::Keyring,
    policy::{
        action::{ManagePeople, ManageTokens},
        permit::Permit,
    },
};

/// What a token may be used for, within what its person may do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// To list, read, view and take proofs.
    Read,
    /// To deposit.
    Deposit,
}

impl Right {
    /// Every right.
    pub const ALL: [Self; 2] = [Self::Read, Self::Deposit];

    /// The name in rows, entries and requests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Deposit => "deposit",
        }
    }

    /// The right of this name, if there is one.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.name() == name)
    }
}

/// A token.
#[derive(Debug, Clone, Serialize)]
pub struct TokenRow {
    /// Its id.
    pub id: TokenId,
    /// Revision of the row.
    pub rev: u64,
    /// Whose it is.
    pub account_id: AccountId,
    /// SHA-256 of its secret.
    pub secret_hash: Hash,
    /// What it may be used for, in the order in which it was written.
    pub rights: Vec<Right>,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// `active` or `ended`.
    pub status: String,
    /// What is encrypted.
    pub details: TokenDetails,
}

/// What is encrypted of a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenDetails {
    /// What its owner calls it.
    pub label: String,
    /// When it was issued.
    pub created_at: Timestamp,
}

impl Bound for TokenRow {
    const TABLE: &'static str = "tokens";

    fn id(&self) -> Id {
        self.id.id()
    }

    fn rev(&self) -> u64 {
        self.rev
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = tokens)]
struct Raw {
    id: Vec<u8>,
    rev: i64,
    salt: Vec<u8>,
    entry: Vec<u8>,
    account_id: Vec<u8>,
    secret_hash: Vec<u8>,
    rights: String,
    expires_at: i64,
    status: String,
    details: Vec<u8>,
}

/// Writes a new token of one's own.
///
/// # Errors
/// The row can't be written.
pub fn insert(
    connection: &mut Connection,
    _permit: &Permit<ManageTokens>,
    (keyring, ambient, room): InRoom<'_>,
    row: &TokenRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let keys = keys::scope(connection, keyring, room)?;
    diesel::insert_into(tokens::table)
        .values(Raw {
            id: row.id.as_bytes().to_vec(),
            rev: rev(row.rev),
            salt: binding.salt.to_vec(),
            entry: entry.to_vec(),
            account_id: row.account_id.as_bytes().to_vec(),
            secret_hash: row.secret_hash.as_bytes().to_vec(),
            rights: serde_json::to_string(&row.rights).expect("names serialize into JSON"),
            expires_at: row.expires_at.micros(),
            status: row.status.clone(),
            details: place(row.id()).seal_json(keys.value.as_bytes(), ambient, &row.details),
        })
        .execute(connection)?;
    Ok(())
}

/// The tokens of the account for which the permit is, in the order of their ids.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn list(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    permit: &Permit<ManageTokens>,
) -> Result<Vec<TokenRow>, DbError> {
    let account = AccountId::from(permit.resource().id);
    of_account(connection, keyring, room, account)
}

/// The tokens of someone who is managed.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn list_managed(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    _permit: &Permit<ManagePeople>,
    account: AccountId,
) -> Result<Vec<TokenRow>, DbError> {
    of_account(connection, keyring, room, account)
}

/// The tokens of the account that sets a password with the link.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn list_enrolling(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    link: &EnrolmentRow,
) -> Result<Vec<TokenRow>, DbError> {
    of_account(connection, keyring, room, link.account_id)
}

/// Those of the rows that still hold, as they will be when they have ended.
pub fn to_end(rows: Vec<TokenRow>, ambient: &Ambient, now: Timestamp) -> Vec<(TokenRow, Binding)> {
    let holding = rows
        .into_iter()
        .filter(|row| row.status == "active" && now < row.expires_at);
    holding
        .map(|mut row| {
            row.status = "ended".into();
            row.rev += 1;
            let binding = bound::bind(&row, ambient);
            (row, binding)
        })
        .collect()
}

/// Ends a token of whoever sets a password with the link; the row is of the revision after the
/// stored one.
///
/// # Errors
/// [`DbError::Damaged`] when the stored row is not of the revision before.
pub fn end_enrolling(
    connection: &mut Connection,
    _link: &EnrolmentRow,
    row: &TokenRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    set_status(connection, row, binding, entry)
}

/// Ends a token of one's own; the row is of the revision after the stored one.
///
/// # Errors
/// [`DbError::Damaged`] when the stored row is not of the revision before.
pub fn revoke(
    connection: &mut Connection,
    _permit: &Permit<ManageTokens>,
    row: &TokenRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    set_status(connection, row, binding, entry)
}

/// Ends a token of someone who is suspended; the row is of the revision after the stored one.
///
/// # Errors
/// [`DbError::Damaged`] when the stored row is not of the revision before.
pub fn end_managed(
    connection: &mut Connection,
    _permit: &Permit<ManagePeople>,
    row: &TokenRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    set_status(connection, row, binding, entry)
}

fn set_status(
    connection: &mut Connection,
    row: &TokenRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let changed = diesel::update(tokens::table.find(row.id.as_bytes().to_vec()))
        .filter(tokens::rev.eq(rev(row.rev) - 1))
        .set((
            tokens::rev.eq(rev(row.rev)),
            tokens::salt.eq(binding.salt.to_vec()),
            tokens::entry.eq(entry.to_vec()),
            tokens::status.eq(&row.status),
        ))
        .execute(connection)?;
    one_changed(changed, "tokens", row.id())
}

/// The token of a secret, checked; it recognises whoever asks.
pub(in crate::db) fn find(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    secret_hash: &Hash,
) -> Result<Option<TokenRow>, DbError> {
    let raw: Option<Raw> = tokens::table
        .filter(tokens::secret_hash.eq(secret_hash.as_bytes().to_vec()))
        .select(Raw::as_select())
        .first(connection)
        .optional()?;
    raw.map(|raw| opened(connection, keyring, room, raw))
        .transpose()
}

/// A token by its id, checked, whether it still holds or not.
pub(in crate::db) fn get(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    token: TokenId,
) -> Result<Option<TokenRow>, DbError> {
    let raw: Option<Raw> = tokens::table
        .find(token.as_bytes().to_vec())
        .select(Raw::as_select())
        .first(connection)
        .optional()?;
    raw.map(|raw| opened(connection, keyring, room, raw))
        .transpose()
}

fn of_account(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    account: AccountId,
) -> Result<Vec<TokenRow>, DbError> {
    let raw: Vec<Raw> = tokens::table
        .filter(tokens::account_id.eq(account.as_bytes().to_vec()))
        .order(tokens::id)
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
) -> Result<TokenRow, DbError> {
    let keys = keys::scope(connection, keyring, room)?;
    let token: TokenId = id("tokens", &raw.id)?;
    let damaged = |what| DbError::damaged("tokens", token, what);
    let secret_hash = raw
        .secret_hash
        .as_slice()
        .try_into()
        .map_err(|_| damaged("its secret's hash is not 32 bytes"))?;
    let row = TokenRow {
        id: token,
        rev: revision("tokens", raw.rev)?,
        account_id: id("tokens", &raw.account_id)?,
        secret_hash: Hash::from_bytes(secret_hash),
        rights: serde_json::from_str(&raw.rights).map_err(|_| damaged("its rights are unknown"))?,
        expires_at: time("tokens", raw.expires_at)?,
        status: raw.status,
        details: place(token.id()).open_json(keys.value.as_bytes(), &raw.details)?,
    };
    bound::check(connection, keyring, &row, &raw.salt, &raw.entry)?;
    Ok(row)
}

fn place(row: Id) -> Place {
    Place {
        table: "tokens",
        row,
        column: "details",
    }
}
