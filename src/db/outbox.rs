//! Notices: what people and endpoints are told, written in the transaction of what it tells of.
//!
//! A row names ids alone, and carries an HMAC ([`mac`]): one that this room did not write is
//! never sent. Whether its recipient may know of what it is about is decided by whoever writes
//! it, sends it or shows it; nothing here asks.

use std::collections::BTreeSet;

use custos_core::{
    ids::{AccountId, Id, RowId, Timestamp},
    keys::SessionKey,
};
use diesel::prelude::*;
use serde::Serialize;
use tracing::warn;

use super::{
    Connection, DbError,
    mac::{self, Authenticated},
    rows::{id, time},
    schema::notices,
};

/// It is told in the room, and nowhere else.
pub const KEPT: &str = "kept";
/// It is also to be sent.
pub const WAITING: &str = "waiting";
/// It was handed over.
pub const SENT: &str = "sent";
/// It was not sent, because its recipient may not know of it any more, or nobody is there.
pub const DROPPED: &str = "dropped";
/// It could not be handed over, and is not tried again.
pub const UNDELIVERED: &str = "undelivered";
/// The endpoint answered that it is gone for good; nothing goes to it any more.
pub const GONE: &str = "gone";

/// One notice to one recipient.
#[derive(Debug, Clone, Serialize)]
pub struct NoticeRow {
    /// Its id, which a letter and a webhook carry.
    pub id: RowId,
    /// The account it is for; none where it is for an endpoint.
    pub account_id: Option<AccountId>,
    /// The name of the endpoint that it is for.
    pub endpoint: Option<String>,
    /// What happened, by a name of the closed list.
    pub kind: String,
    /// What it is about; of which kind of thing follows from `kind`.
    pub about_id: Id,
    /// The address that it goes to, where that is not the account's present one.
    pub address_id: Option<RowId>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When its recipient marked it as read.
    pub read_at: Option<Timestamp>,
    /// One of the states above.
    pub state: String,
    /// How often it was tried to be sent.
    pub attempts: u32,
    /// When it is to be tried next; none where nothing is to be sent any more.
    pub next_at: Option<Timestamp>,
    /// Why it was dropped, or what the other side answered last; short, without secrets.
    pub told: Option<String>,
}

impl Authenticated for NoticeRow {
    const TABLE: &'static str = "notices";

    fn shown(&self) -> String {
        self.id.to_string()
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = notices)]
struct Raw {
    id: Vec<u8>,
    account_id: Option<Vec<u8>>,
    endpoint: Option<String>,
    kind: String,
    about_id: Vec<u8>,
    address_id: Option<Vec<u8>>,
    created_at: i64,
    read_at: Option<i64>,
    state: String,
    attempts: i64,
    next_at: Option<i64>,
    told: Option<String>,
    mac: Vec<u8>,
}

/// Which notices are looked for among those that wait.
#[derive(Debug, Clone, Copy)]
pub enum Way<'a> {
    /// Letters.
    Mail,
    /// Those for the endpoint of this name.
    Endpoint(&'a str),
}

/// Writes a new notice; what it tells of commits with it.
///
/// # Errors
/// The row can't be written.
pub fn insert(
    connection: &mut Connection,
    key: &SessionKey,
    row: &NoticeRow,
) -> Result<(), DbError> {
    diesel::insert_into(notices::table)
        .values(Raw {
            id: row.id.as_bytes().to_vec(),
            account_id: row.account_id.map(|id| id.as_bytes().to_vec()),
            endpoint: row.endpoint.clone(),
            kind: row.kind.clone(),
            about_id: row.about_id.as_bytes().to_vec(),
            address_id: row.address_id.map(|id| id.as_bytes().to_vec()),
            created_at: row.created_at.micros(),
            read_at: row.read_at.map(Timestamp::micros),
            state: row.state.clone(),
            attempts: row.attempts.into(),
            next_at: row.next_at.map(Timestamp::micros),
            told: row.told.clone(),
            mac: mac::mac(key, row).to_vec(),
        })
        .execute(connection)?;
    Ok(())
}

/// Writes what became of a notice: read, tried, sent, dropped.
///
/// # Errors
/// The row can't be written.
pub fn update(
    connection: &mut Connection,
    key: &SessionKey,
    row: &NoticeRow,
) -> Result<(), DbError> {
    diesel::update(notices::table.find(row.id.as_bytes().to_vec()))
        .set((
            notices::read_at.eq(row.read_at.map(Timestamp::micros)),
            notices::state.eq(&row.state),
            notices::attempts.eq(i64::from(row.attempts)),
            notices::next_at.eq(row.next_at.map(Timestamp::micros)),
            notices::told.eq(&row.told),
            notices::mac.eq(mac::mac(key, row).to_vec()),
        ))
        .execute(connection)?;
    Ok(())
}

/// Has a row that this room did not write wait no longer. Its HMAC stays as wrong as it was.
///
/// # Errors
/// The row can't be written.
pub fn put_aside(connection: &mut Connection, notice: RowId) -> Result<(), DbError> {
    diesel::update(notices::table.find(notice.as_bytes().to_vec()))
        .set(notices::next_at.eq(None::<i64>))
        .execute(connection)?;
    Ok(())
}

/// A notice by its id.
///
/// # Errors
/// [`DbError::Damaged`] for a row that this room did not write.
pub fn get(
    connection: &mut Connection,
    key: &SessionKey,
    notice: RowId,
) -> Result<Option<NoticeRow>, DbError> {
    let raw: Option<Raw> = notices::table
        .find(notice.as_bytes().to_vec())
        .select(Raw::as_select())
        .first(connection)
        .optional()?;
    raw.map(|raw| read(key, raw)).transpose()
}

/// The ids of notices that wait on a way, those that are due at `now` or all, those that wait
/// longest first. They are looked at closely when they are taken up.
///
/// # Errors
/// The rows can't be read.
pub fn due(
    connection: &mut Connection,
    way: Way<'_>,
    now: Option<Timestamp>,
    limit: i64,
) -> Result<Vec<RowId>, DbError> {
    let due = notices::table
        .filter(notices::next_at.le(now.map_or(i64::MAX, Timestamp::micros)))
        .order((notices::next_at, notices::id))
        .limit(limit)
        .select(notices::id);
    let ids: Vec<Vec<u8>> = match way {
        Way::Mail => due
            .filter(notices::account_id.is_not_null())
            .load(connection)?,
        Way::Endpoint(name) => due.filter(notices::endpoint.eq(name)).load(connection)?,
    };
    let ids = ids.iter().map(|raw| id("notices", raw));
    // One whose id is none can't be taken up, and holds up nobody else.
    Ok(ids
        .filter_map(|id| {
            id.inspect_err(|error| warn!(%error, "a notice is left out"))
                .ok()
        })
        .collect())
}

/// Whether a letter of one of these kinds waits for an account.
///
/// # Errors
/// The rows can't be read.
pub fn has_waiting(
    connection: &mut Connection,
    account: AccountId,
    kinds: &[&str],
) -> Result<bool, DbError> {
    let waiting = notices::table
        .filter(notices::account_id.eq(account.as_bytes().to_vec()))
        .filter(notices::next_at.is_not_null())
        .filter(notices::kind.eq_any(kinds));
    Ok(diesel::select(diesel::dsl::exists(waiting)).get_result(connection)?)
}

/// The newest notice of these kinds that an account got since `moment`, has not read, and to
/// which no letter went.
///
/// # Errors
/// The rows can't be read.
pub fn newest_kept(
    connection: &mut Connection,
    key: &SessionKey,
    (account, moment): (AccountId, Timestamp),
    kinds: &[&str],
) -> Result<Option<NoticeRow>, DbError> {
    let raw = notices::table
        .filter(notices::account_id.eq(account.as_bytes().to_vec()))
        .filter(notices::created_at.ge(moment.micros()))
        .filter(notices::state.eq(KEPT))
        .filter(notices::read_at.is_null())
        .filter(notices::kind.eq_any(kinds))
        .order((notices::created_at.desc(), notices::id.desc()))
        .limit(1)
        .select(Raw::as_select())
        .load(connection)?;
    Ok(whole(key, raw).pop())
}

/// Names of the endpoints for which notices wait.
///
/// # Errors
/// The rows can't be read.
pub fn waiting_endpoints(connection: &mut Connection) -> Result<BTreeSet<String>, DbError> {
    let names: Vec<Option<String>> = notices::table
        .filter(notices::next_at.is_not_null())
        .filter(notices::endpoint.is_not_null())
        .select(notices::endpoint)
        .distinct()
        .load(connection)?;
    Ok(names.into_iter().flatten().collect())
}

/// Some of the notices of an account, newest first, from those that were not read yet or from all:
/// at most `limit` behind the first `passed`, and whether there may be more. A row that this room
/// did not write is left out; its check raised the alarm.
///
/// # Errors
/// The rows can't be read.
pub fn of_account(
    connection: &mut Connection,
    key: &SessionKey,
    account: AccountId,
    unread_only: bool,
    (passed, limit): (i64, i64),
) -> Result<(Vec<NoticeRow>, bool), DbError> {
    let mut query = notices::table
        .filter(notices::account_id.eq(account.as_bytes().to_vec()))
        .order((notices::created_at.desc(), notices::id.desc()))
        .offset(passed)
        .limit(limit)
        .select(Raw::as_select())
        .into_boxed();
    if unread_only {
        query = query.filter(notices::read_at.is_null());
    }
    let raw = query.load(connection)?;
    let more = i64::try_from(raw.len()).is_ok_and(|length| length == limit);
    Ok((whole(key, raw), more))
}

/// The newest notices that could not be handed over.
///
/// # Errors
/// The rows can't be read.
pub fn undelivered(
    connection: &mut Connection,
    key: &SessionKey,
    limit: i64,
) -> Result<Vec<NoticeRow>, DbError> {
    let raw = notices::table
        .filter(notices::state.eq_any([UNDELIVERED, GONE]))
        .order((notices::created_at.desc(), notices::id.desc()))
        .limit(limit)
        .select(Raw::as_select())
        .load(connection)?;
    Ok(whole(key, raw))
}

/// Whether an endpoint once answered that it is gone.
///
/// # Errors
/// The rows can't be read.
pub fn is_gone(
    connection: &mut Connection,
    key: &SessionKey,
    endpoint: &str,
) -> Result<bool, DbError> {
    let raw = notices::table
        .filter(notices::state.eq(GONE))
        .filter(notices::endpoint.eq(endpoint))
        .limit(1)
        .select(Raw::as_select())
        .load(connection)?;
    Ok(!whole(key, raw).is_empty())
}

/// Whether anybody was told this of that already.
///
/// # Errors
/// The rows can't be read.
pub fn is_told(connection: &mut Connection, kind: &str, about: Id) -> Result<bool, DbError> {
    let found: Option<Vec<u8>> = notices::table
        .filter(notices::kind.eq(kind))
        .filter(notices::about_id.eq(about.as_bytes().to_vec()))
        .select(notices::id)
        .first(connection)
        .optional()?;
    Ok(found.is_some())
}

/// How many notices of a kind an account got since `moment`.
///
/// # Errors
/// The rows can't be read.
pub fn count_since(
    connection: &mut Connection,
    account: AccountId,
    kind: &str,
    moment: Timestamp,
) -> Result<i64, DbError> {
    Ok(notices::table
        .filter(notices::account_id.eq(account.as_bytes().to_vec()))
        .filter(notices::kind.eq(kind))
        .filter(notices::created_at.gt(moment.micros()))
        .count()
        .get_result(connection)?)
}

/// Deletes the notices written before `moment`, but those that say that an endpoint is gone;
/// returns how many.
///
/// # Errors
/// The rows can't be written.
pub fn forget(connection: &mut Connection, moment: Timestamp) -> Result<usize, DbError> {
    Ok(diesel::delete(
        notices::table
            .filter(notices::created_at.lt(moment.micros()))
            .filter(notices::next_at.is_null())
            .filter(notices::state.ne(GONE)),
    )
    .execute(connection)?)
}

/// Those of the rows that this room wrote.
fn whole(key: &SessionKey, raw: Vec<Raw>) -> Vec<NoticeRow> {
    let checked = raw.into_iter().map(|raw| read(key, raw));
    checked
        .filter_map(|row| {
            row.inspect_err(|error| warn!(%error, "a notice is left out"))
                .ok()
        })
        .collect()
}

fn read(key: &SessionKey, raw: Raw) -> Result<NoticeRow, DbError> {
    const TABLE: &str = "notices";
    let attempts = u32::try_from(raw.attempts)
        .map_err(|_| DbError::damaged(TABLE, hex::encode(&raw.id), "its attempts are no number"))?;
    let row = NoticeRow {
        id: id(TABLE, &raw.id)?,
        account_id: raw.account_id.map(|raw| id(TABLE, &raw)).transpose()?,
        endpoint: raw.endpoint,
        kind: raw.kind,
        about_id: id(TABLE, &raw.about_id)?,
        address_id: raw.address_id.map(|raw| id(TABLE, &raw)).transpose()?,
        created_at: time(TABLE, raw.created_at)?,
        read_at: raw.read_at.map(|at| time(TABLE, at)).transpose()?,
        state: raw.state,
        attempts,
        next_at: raw.next_at.map(|at| time(TABLE, at)).transpose()?,
        told: raw.told,
    };
    mac::check(key, &row, &raw.mac)?;
    Ok(row)
}
