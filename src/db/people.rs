//! People, and the accounts with which they sign in.

use custos_core::ids::{AccountId, Id, PersonId, ScopeId};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    Connection, DbError,
    bound::{self, Binding, Bound},
    keys,
    rows::{id, rev, revision},
    schema::{accounts, people},
    value::Place,
};
use crate::{
    ambient::Ambient,
    keyring::Keyring,
    policy::{
        action::{ReadCase, ReadHistory, ReadItem},
        permit::Permit,
    },
};

/// A human being.
#[derive(Debug, Clone, Serialize)]
pub struct PersonRow {
    /// Their id.
    pub id: PersonId,
    /// Revision of the row.
    pub rev: u64,
    /// `active` or `suspended`.
    pub status: String,
    /// What is encrypted.
    pub details: PersonDetails,
}

/// What is encrypted of a person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PersonDetails {
    /// Their name.
    pub name: String,
    /// Rank, office, chambers.
    pub office: String,
}

impl Bound for PersonRow {
    const TABLE: &'static str = "people";

    fn id(&self) -> Id {
        self.id.id()
    }

    fn rev(&self) -> u64 {
        self.rev
    }
}

/// Something that signs in as a person.
#[derive(Debug, Clone, Serialize)]
pub struct AccountRow {
    /// Its id.
    pub id: AccountId,
    /// Revision of the row.
    pub rev: u64,
    /// Whose it is.
    pub person_id: PersonId,
    /// Blind index of the login name.
    #[serde(with = "hex")]
    pub login_index: Vec<u8>,
    /// `active` or `suspended`.
    pub status: String,
    /// What is encrypted.
    pub details: AccountDetails,
}

/// What is encrypted of an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccountDetails {
    /// The name to sign in with.
    pub login: String,
}

impl Bound for AccountRow {
    const TABLE: &'static str = "accounts";

    fn id(&self) -> Id {
        self.id.id()
    }

    fn rev(&self) -> u64 {
        self.rev
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = people)]
struct RawPerson {
    id: Vec<u8>,
    rev: i64,
    salt: Vec<u8>,
    entry: Vec<u8>,
    status: String,
    details: Vec<u8>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = accounts)]
struct RawAccount {
    id: Vec<u8>,
    rev: i64,
    salt: Vec<u8>,
    entry: Vec<u8>,
    person_id: Vec<u8>,
    login_index: Vec<u8>,
    status: String,
    details: Vec<u8>,
}

/// Where the rows of people are encrypted: under the room's value key.
pub type InRoom<'a> = (&'a Keyring, &'a Ambient, ScopeId);

/// Writes a new person with their account; the callers hold the permit, or found the room.
pub(super) fn write(
    connection: &mut Connection,
    (keyring, ambient, room): InRoom<'_>,
    (person, person_binding): (&PersonRow, &Binding),
    (account, account_binding): (&AccountRow, &Binding),
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let keys = keys::scope(connection, keyring, room)?;
    let key = keys.value.as_bytes();
    diesel::insert_into(people::table)
        .values(RawPerson {
            id: person.id.as_bytes().to_vec(),
            rev: rev(person.rev),
            salt: person_binding.salt.to_vec(),
            entry: entry.to_vec(),
            status: person.status.clone(),
            details: place("people", person.id()).seal_json(key, ambient, &person.details),
        })
        .execute(connection)?;
    diesel::insert_into(accounts::table)
        .values(RawAccount {
            id: account.id.as_bytes().to_vec(),
            rev: rev(account.rev),
            salt: account_binding.salt.to_vec(),
            entry: entry.to_vec(),
            person_id: account.person_id.as_bytes().to_vec(),
            login_index: account.login_index.clone(),
            status: account.status.clone(),
            details: place("accounts", account.id()).seal_json(key, ambient, &account.details),
        })
        .execute(connection)?;
    Ok(())
}

/// The name of someone who has a role on a case that may be read.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn name_on_case(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    _permit: &Permit<ReadCase>,
    person: PersonId,
) -> Result<String, DbError> {
    name(connection, keyring, room, person)
}

/// The name of whoever deposited an item that may be read.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn depositor_name(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    _permit: &Permit<ReadItem>,
    person: PersonId,
) -> Result<String, DbError> {
    name(connection, keyring, room, person)
}

/// The name of someone who acted, where the history may be read.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn actor_name(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    _permit: &Permit<ReadHistory>,
    person: PersonId,
) -> Result<String, DbError> {
    name(connection, keyring, room, person)
}

fn name(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    person: PersonId,
) -> Result<String, DbError> {
    find(connection, keyring, room, person)?
        .map(|row| row.details.name)
        .ok_or_else(|| DbError::damaged("people", person, "it is missing"))
}

/// A person, checked; for decisions.
pub(super) fn find(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    person: PersonId,
) -> Result<Option<PersonRow>, DbError> {
    let raw: Option<RawPerson> = people::table
        .find(person.as_bytes().to_vec())
        .select(RawPerson::as_select())
        .first(connection)
        .optional()?;
    let Some(raw) = raw else { return Ok(None) };
    let keys = keys::scope(connection, keyring, room)?;
    let row = PersonRow {
        id: person,
        rev: revision("people", raw.rev)?,
        status: raw.status,
        details: place("people", person.id()).open_json(keys.value.as_bytes(), &raw.details)?,
    };
    bound::check(connection, keyring, &row, &raw.salt, &raw.entry)?;
    Ok(Some(row))
}

/// An account, checked; for decisions.
pub(super) fn find_account(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    account: AccountId,
) -> Result<Option<AccountRow>, DbError> {
    let raw: Option<RawAccount> = accounts::table
        .find(account.as_bytes().to_vec())
        .select(RawAccount::as_select())
        .first(connection)
        .optional()?;
    raw.map(|raw| opened(connection, keyring, room, raw))
        .transpose()
}

fn opened(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    raw: RawAccount,
) -> Result<AccountRow, DbError> {
    let keys = keys::scope(connection, keyring, room)?;
    let account: AccountId = id("accounts", &raw.id)?;
    let row = AccountRow {
        id: account,
        rev: revision("accounts", raw.rev)?,
        person_id: id("accounts", &raw.person_id)?,
        login_index: raw.login_index,
        status: raw.status,
        details: place("accounts", account.id()).open_json(keys.value.as_bytes(), &raw.details)?,
    };
    bound::check(connection, keyring, &row, &raw.salt, &raw.entry)?;
    Ok(row)
}

fn place(table: &'static str, row: Id) -> Place {
    Place {
        table,
        row,
        column: "details",
    }
}
