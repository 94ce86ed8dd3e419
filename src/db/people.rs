//! People, and the accounts with which they sign in.

pub mod addresses;
pub mod credentials;
pub mod tokens;

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
        action::{
            ActionKind, Approve, AskApproval, ExportCustody, ManagePeople, ReadCase, ReadHistory,
            ReadItem,
        },
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
    /// Who was named to follow them, when they left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<PersonId>,
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

/// Writes a new person with their account.
///
/// # Errors
/// The rows can't be written.
pub fn insert(
    connection: &mut Connection,
    _permit: &Permit<ManagePeople>,
    room: InRoom<'_>,
    person: (&PersonRow, &Binding),
    account: (&AccountRow, &Binding),
    entry: &[u8; 32],
) -> Result<(), DbError> {
    write(connection, room, person, account, entry)
}

/// Writes a person's new status, with the revision after the one that is stored.
///
/// # Errors
/// [`DbError::Damaged`] when the stored row is not of the revision before.
pub fn set_person_status(
    connection: &mut Connection,
    _permit: &Permit<ManagePeople>,
    row: &PersonRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let changed = diesel::update(people::table.find(row.id.as_bytes().to_vec()))
        .filter(people::rev.eq(rev(row.rev) - 1))
        .set((
            people::rev.eq(rev(row.rev)),
            people::salt.eq(binding.salt.to_vec()),
            people::entry.eq(entry.to_vec()),
            people::status.eq(&row.status),
        ))
        .execute(connection)?;
    one_changed(changed, "people", row.id.id())
}

/// Writes that a person has left, and who was named to follow them.
///
/// # Errors
/// [`DbError::Damaged`] when the stored row is not of the revision before.
pub fn leave(
    connection: &mut Connection,
    permit: &Permit<ManagePeople>,
    (keyring, ambient, room): (&Keyring, &Ambient, ScopeId),
    (row, binding): (&PersonRow, &Binding),
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let keys = keys::scope(connection, keyring, room)?;
    let details =
        place("people", row.id.id()).seal_json(keys.value.as_bytes(), ambient, &row.details);
    set_person_status(connection, permit, row, binding, entry)?;
    diesel::update(people::table.find(row.id.as_bytes().to_vec()))
        .set(people::details.eq(details))
        .execute(connection)?;
    Ok(())
}

/// Writes an account's new status, with the revision after the one that is stored.
///
/// # Errors
/// [`DbError::Damaged`] when the stored row is not of the revision before.
pub fn set_account_status(
    connection: &mut Connection,
    _permit: &Permit<ManagePeople>,
    row: &AccountRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let changed = diesel::update(accounts::table.find(row.id.as_bytes().to_vec()))
        .filter(accounts::rev.eq(rev(row.rev) - 1))
        .set((
            accounts::rev.eq(rev(row.rev)),
            accounts::salt.eq(binding.salt.to_vec()),
            accounts::entry.eq(entry.to_vec()),
            accounts::status.eq(&row.status),
        ))
        .execute(connection)?;
    one_changed(changed, "accounts", row.id.id())
}

/// Everyone, in the order of their ids, each with their accounts.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn list(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    permit: &Permit<ManagePeople>,
) -> Result<Vec<(PersonRow, Vec<AccountRow>)>, DbError> {
    let ids: Vec<Vec<u8>> = people::table
        .select(people::id)
        .order(people::id)
        .load(connection)?;
    ids.iter()
        .map(|raw| {
            let person: PersonId = id("people", raw)?;
            let row = find(connection, keyring, room, person)?
                .ok_or_else(|| DbError::damaged("people", person, "it is missing"))?;
            let accounts = accounts_of(connection, keyring, room, permit, person)?;
            Ok((row, accounts))
        })
        .collect()
}

/// The accounts of a person, in the order of their ids.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn accounts_of(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    _permit: &Permit<ManagePeople>,
    person: PersonId,
) -> Result<Vec<AccountRow>, DbError> {
    let raw: Vec<RawAccount> = accounts::table
        .filter(accounts::person_id.eq(person.as_bytes().to_vec()))
        .order(accounts::id)
        .select(RawAccount::as_select())
        .load(connection)?;
    raw.into_iter()
        .map(|raw| opened(connection, keyring, room, raw))
        .collect()
}

/// The ids of a person's accounts, in their order; for decisions.
pub(super) fn account_ids(
    connection: &mut Connection,
    person: PersonId,
) -> Result<Vec<AccountId>, DbError> {
    let ids: Vec<Vec<u8>> = accounts::table
        .filter(accounts::person_id.eq(person.as_bytes().to_vec()))
        .order(accounts::id)
        .select(accounts::id)
        .load(connection)?;
    ids.iter().map(|raw| id("accounts", raw)).collect()
}

/// Permission to read something that names people.
pub trait NamesPeople: ActionKind {}
impl NamesPeople for ReadCase {}
impl NamesPeople for ReadItem {}
impl NamesPeople for ReadHistory {}
impl NamesPeople for AskApproval {}
impl NamesPeople for Approve {}
impl NamesPeople for ExportCustody {}

/// The name of someone whom something names that may be read.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn told_name<A: NamesPeople>(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    _permit: &Permit<A>,
    person: PersonId,
) -> Result<String, DbError> {
    name(connection, keyring, room, person)
}

/// Who was named to follow someone who left, with their name.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn successor_on_case(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    _permit: &Permit<ReadCase>,
    left: PersonId,
) -> Result<Option<(PersonId, String)>, DbError> {
    let person = find(connection, keyring, room, left)?;
    let successor = person.and_then(|person| person.details.successor);
    successor
        .map(|successor| Ok((successor, name(connection, keyring, room, successor)?)))
        .transpose()
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

/// The account of a login name's blind index, checked; for sign-in.
pub(super) fn find_login(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    login_index: &[u8; 32],
) -> Result<Option<AccountRow>, DbError> {
    let raw: Option<RawAccount> = accounts::table
        .filter(accounts::login_index.eq(login_index.to_vec()))
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

/// A bound row is written under the revision that was read, or not at all.
fn one_changed(changed: usize, table: &'static str, row: Id) -> Result<(), DbError> {
    if changed == 1 {
        Ok(())
    } else {
        Err(DbError::damaged(
            table,
            row,
            "it is not of the revision that was read",
        ))
    }
}

fn place(table: &'static str, row: Id) -> Place {
    Place {
        table,
        row,
        column: "details",
    }
}
