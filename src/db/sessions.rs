//! What recognises whoever asks: sessions and single-use links, before any permit can be
//! asked for.
//!
//! Neither has a custody entry that binds its row; each row carries an HMAC under the session
//! key ([`mac`]). Secrets never come here, only their SHA-256.

use custos_core::{
    hash::Hash,
    ids::{AccountId, Id, RowId, ScopeId, SessionId, Timestamp, TokenId},
    keys::SessionKey,
};
use diesel::prelude::*;
use serde::Serialize;

use super::{
    Connection, DbError,
    mac::{self, Authenticated},
    people::{
        self, AccountRow, PersonRow,
        credentials::{self, CredentialRow},
        tokens::{self, TokenRow},
    },
    rows::{id, time},
    schema::{enrolments, sessions},
};
use crate::{
    keyring::Keyring,
    policy::{
        action::{ActionKind, ManagePeople, ManageTokens, RecoverAccount},
        permit::Permit,
    },
};

/// A session.
#[derive(Debug, Clone, Serialize)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// Who signed in.
    pub account_id: AccountId,
    /// SHA-256 of the cookie's secret.
    pub secret_hash: Hash,
    /// How they were recognised.
    pub means: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub seen_at: Timestamp,
    /// When it was ended, if it was.
    pub ended_at: Option<Timestamp>,
}

impl Authenticated for SessionRow {
    const TABLE: &'static str = "sessions";

    fn shown(&self) -> String {
        self.id.to_string()
    }
}

/// A single-use link.
#[derive(Debug, Clone, Serialize)]
pub struct EnrolmentRow {
    /// Its id.
    pub id: RowId,
    /// The account it is for.
    pub account_id: AccountId,
    /// What it allows.
    pub purpose: String,
    /// SHA-256 of its secret.
    pub secret_hash: Hash,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When it was used or withdrawn, if it was.
    pub used_at: Option<Timestamp>,
}

impl Authenticated for EnrolmentRow {
    const TABLE: &'static str = "enrolments";

    fn shown(&self) -> String {
        self.id.to_string()
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions)]
struct RawSession {
    id: Vec<u8>,
    account_id: Vec<u8>,
    secret_hash: Vec<u8>,
    means: String,
    created_at: i64,
    seen_at: i64,
    ended_at: Option<i64>,
    mac: Vec<u8>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = enrolments)]
struct RawEnrolment {
    id: Vec<u8>,
    account_id: Vec<u8>,
    purpose: String,
    secret_hash: Vec<u8>,
    expires_at: i64,
    used_at: Option<i64>,
    mac: Vec<u8>,
}

/// Writes a new session.
///
/// # Errors
/// The row can't be written.
pub fn insert(
    connection: &mut Connection,
    key: &SessionKey,
    row: &SessionRow,
) -> Result<(), DbError> {
    diesel::insert_into(sessions::table)
        .values(RawSession {
            id: row.id.as_bytes().to_vec(),
            account_id: row.account_id.as_bytes().to_vec(),
            secret_hash: row.secret_hash.as_bytes().to_vec(),
            means: row.means.clone(),
            created_at: row.created_at.micros(),
            seen_at: row.seen_at.micros(),
            ended_at: row.ended_at.map(Timestamp::micros),
            mac: mac::mac(key, row).to_vec(),
        })
        .execute(connection)?;
    Ok(())
}

/// The session of a secret, whether it still holds or not.
///
/// # Errors
/// [`DbError::Damaged`] for a row that this room did not write.
pub fn find(
    connection: &mut Connection,
    key: &SessionKey,
    secret_hash: &Hash,
) -> Result<Option<SessionRow>, DbError> {
    let raw: Option<RawSession> = sessions::table
        .filter(sessions::secret_hash.eq(secret_hash.as_bytes().to_vec()))
        .select(RawSession::as_select())
        .first(connection)
        .optional()?;
    raw.map(|raw| session(key, raw)).transpose()
}

/// A session by its id, whether it still holds or not.
///
/// # Errors
/// [`DbError::Damaged`] for a row that this room did not write.
pub fn get(
    connection: &mut Connection,
    key: &SessionKey,
    id: SessionId,
) -> Result<Option<SessionRow>, DbError> {
    let raw: Option<RawSession> = sessions::table
        .find(id.as_bytes().to_vec())
        .select(RawSession::as_select())
        .first(connection)
        .optional()?;
    raw.map(|raw| session(key, raw)).transpose()
}

/// Writes when a session was last used, and when it ended.
///
/// # Errors
/// The row can't be written.
pub fn update(
    connection: &mut Connection,
    key: &SessionKey,
    row: &SessionRow,
) -> Result<(), DbError> {
    diesel::update(sessions::table.find(row.id.as_bytes().to_vec()))
        .set((
            sessions::seen_at.eq(row.seen_at.micros()),
            sessions::ended_at.eq(row.ended_at.map(Timestamp::micros)),
            sessions::mac.eq(mac::mac(key, row).to_vec()),
        ))
        .execute(connection)?;
    Ok(())
}

/// The sessions of an account that began after `since` and were not ended, in the order of
/// their ids; a row that this room did not write is left out, as it is refused whenever it is used.
///
/// # Errors
/// The rows can't be read.
pub fn of_account(
    connection: &mut Connection,
    key: &SessionKey,
    permit: &Permit<ManageTokens>,
    since: Timestamp,
) -> Result<Vec<SessionRow>, DbError> {
    let raw: Vec<RawSession> = sessions::table
        .filter(sessions::account_id.eq(permit.resource().id.as_bytes().to_vec()))
        .filter(sessions::ended_at.is_null())
        .filter(sessions::created_at.gt(since.micros()))
        .order(sessions::id)
        .select(RawSession::as_select())
        .load(connection)?;
    // The check raises its alarm.
    let checked = raw.into_iter().map(|raw| session(key, raw));
    Ok(checked.filter_map(Result::ok).collect())
}

/// Ends the sessions of an account that began after `since`, all but `kept`; returns how many.
///
/// A row that this room did not write is left as it is: it is refused whenever it is used, and
/// must not keep the others alive.
///
/// # Errors
/// The rows can't be read or written.
pub fn end_all(
    connection: &mut Connection,
    key: &SessionKey,
    account: AccountId,
    (since, now): (Timestamp, Timestamp),
    kept: Option<SessionId>,
) -> Result<usize, DbError> {
    let raw: Vec<RawSession> = sessions::table
        .filter(sessions::account_id.eq(account.as_bytes().to_vec()))
        .filter(sessions::ended_at.is_null())
        .filter(sessions::created_at.gt(since.micros()))
        .select(RawSession::as_select())
        .load(connection)?;
    let mut ended = 0;
    for raw in raw {
        // The check raised its alarm.
        let Ok(mut row) = session(key, raw) else {
            continue;
        };
        if Some(row.id) == kept {
            continue;
        }
        row.ended_at = Some(now);
        update(connection, key, &row)?;
        ended += 1;
    }
    Ok(ended)
}

/// Writes a new single-use link.
///
/// # Errors
/// The row can't be written.
pub fn insert_enrolment<A: IssuesLinks>(
    connection: &mut Connection,
    key: &SessionKey,
    _permit: &Permit<A>,
    row: &EnrolmentRow,
) -> Result<(), DbError> {
    write_enrolment(connection, key, row)
}

/// Permission to issue a link.
pub trait IssuesLinks: ActionKind {}
impl IssuesLinks for ManagePeople {}
impl IssuesLinks for RecoverAccount {}

/// Writes a link; the callers hold the permit, or found the room.
pub(super) fn write_enrolment(
    connection: &mut Connection,
    key: &SessionKey,
    row: &EnrolmentRow,
) -> Result<(), DbError> {
    diesel::insert_into(enrolments::table)
        .values(RawEnrolment {
            id: row.id.as_bytes().to_vec(),
            account_id: row.account_id.as_bytes().to_vec(),
            purpose: row.purpose.clone(),
            secret_hash: row.secret_hash.as_bytes().to_vec(),
            expires_at: row.expires_at.micros(),
            used_at: row.used_at.map(Timestamp::micros),
            mac: mac::mac(key, row).to_vec(),
        })
        .execute(connection)?;
    Ok(())
}

/// The link of a secret, whether it still holds or not.
///
/// # Errors
/// [`DbError::Damaged`] for a row that this room did not write.
pub fn find_enrolment(
    connection: &mut Connection,
    key: &SessionKey,
    secret_hash: &Hash,
) -> Result<Option<EnrolmentRow>, DbError> {
    let raw: Option<RawEnrolment> = enrolments::table
        .filter(enrolments::secret_hash.eq(secret_hash.as_bytes().to_vec()))
        .select(RawEnrolment::as_select())
        .first(connection)
        .optional()?;
    raw.map(|raw| enrolment(key, raw)).transpose()
}

/// Marks a link as used at `now`.
///
/// # Errors
/// [`DbError::Damaged`] when it was used already: two uses never both succeed.
pub fn use_enrolment(
    connection: &mut Connection,
    key: &SessionKey,
    row: &EnrolmentRow,
    now: Timestamp,
) -> Result<EnrolmentRow, DbError> {
    let used = EnrolmentRow {
        used_at: Some(now),
        ..row.clone()
    };
    let changed = diesel::update(enrolments::table.find(row.id.as_bytes().to_vec()))
        .filter(enrolments::used_at.is_null())
        .set((
            enrolments::used_at.eq(now.micros()),
            enrolments::mac.eq(mac::mac(key, &used).to_vec()),
        ))
        .execute(connection)?;
    if changed == 1 {
        Ok(used)
    } else {
        Err(DbError::damaged("enrolments", row.id, "it was used before"))
    }
}

/// Withdraws the unused links of an account, those of one purpose or all; returns how many.
///
/// # Errors
/// The rows can't be read or written.
pub fn withdraw_enrolments(
    connection: &mut Connection,
    key: &SessionKey,
    account: AccountId,
    purpose: Option<&str>,
    now: Timestamp,
) -> Result<usize, DbError> {
    let raw: Vec<RawEnrolment> = enrolments::table
        .filter(enrolments::account_id.eq(account.as_bytes().to_vec()))
        .filter(enrolments::used_at.is_null())
        .filter(enrolments::expires_at.gt(now.micros()))
        .select(RawEnrolment::as_select())
        .load(connection)?;
    let mut withdrawn = 0;
    for raw in raw {
        // As with sessions: refused whenever it is used, and no hindrance here.
        let Ok(row) = enrolment(key, raw) else {
            continue;
        };
        if purpose.is_none_or(|purpose| purpose == row.purpose) {
            use_enrolment(connection, key, &row, now)?;
            withdrawn += 1;
        }
    }
    Ok(withdrawn)
}

/// An account with its person, each checked.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn account(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    account: AccountId,
) -> Result<Option<(AccountRow, PersonRow)>, DbError> {
    let found = people::find_account(connection, keyring, room, account)?;
    with_person(connection, keyring, room, found)
}

/// The account of a login name's blind index, with its person, each checked.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn account_of_login(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    login_index: &[u8; 32],
) -> Result<Option<(AccountRow, PersonRow)>, DbError> {
    let found = people::find_login(connection, keyring, room, login_index)?;
    with_person(connection, keyring, room, found)
}

/// A person, checked.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn person(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    person: custos_core::ids::PersonId,
) -> Result<Option<PersonRow>, DbError> {
    people::find(connection, keyring, room, person)
}

/// The password of an account, checked.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn password(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    account: AccountId,
) -> Result<Option<CredentialRow>, DbError> {
    credentials::find_password(connection, keyring, room, account)
}

/// Whether anyone has ever set a credential.
///
/// # Errors
/// The rows can't be read.
pub fn anyone_enrolled(connection: &mut Connection) -> Result<bool, DbError> {
    credentials::any(connection)
}

/// The token of a secret, checked, whether it still holds or not.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn token(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    secret_hash: &Hash,
) -> Result<Option<TokenRow>, DbError> {
    tokens::find(connection, keyring, room, secret_hash)
}

/// A token by its id, checked, whether it still holds or not.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn token_by_id(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    token: TokenId,
) -> Result<Option<TokenRow>, DbError> {
    tokens::get(connection, keyring, room, token)
}

fn with_person(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    account: Option<AccountRow>,
) -> Result<Option<(AccountRow, PersonRow)>, DbError> {
    let Some(account) = account else {
        return Ok(None);
    };
    let person = people::find(connection, keyring, room, account.person_id)?
        .ok_or_else(|| DbError::damaged("people", account.person_id, "it is missing"))?;
    Ok(Some((account, person)))
}

fn session(key: &SessionKey, raw: RawSession) -> Result<SessionRow, DbError> {
    let row = SessionRow {
        id: id("sessions", &raw.id)?,
        account_id: id("sessions", &raw.account_id)?,
        secret_hash: hash("sessions", &raw.id, &raw.secret_hash)?,
        means: raw.means,
        created_at: time("sessions", raw.created_at)?,
        seen_at: time("sessions", raw.seen_at)?,
        ended_at: raw.ended_at.map(|at| time("sessions", at)).transpose()?,
    };
    mac::check(key, &row, &raw.mac)?;
    Ok(row)
}

fn enrolment(key: &SessionKey, raw: RawEnrolment) -> Result<EnrolmentRow, DbError> {
    let row = EnrolmentRow {
        id: id("enrolments", &raw.id)?,
        account_id: id("enrolments", &raw.account_id)?,
        purpose: raw.purpose,
        secret_hash: hash("enrolments", &raw.id, &raw.secret_hash)?,
        expires_at: time("enrolments", raw.expires_at)?,
        used_at: raw.used_at.map(|at| time("enrolments", at)).transpose()?,
    };
    mac::check(key, &row, &raw.mac)?;
    Ok(row)
}

fn hash(table: &'static str, row: &[u8], bytes: &[u8]) -> Result<Hash, DbError> {
    let bytes = bytes.try_into().map_err(|_| {
        let row = id(table, row).map_or_else(|_| String::from("?"), |id: Id| id.to_string());
        DbError::damaged(table, row, "its secret's hash is not 32 bytes")
    })?;
    Ok(Hash::from_bytes(bytes))
}
