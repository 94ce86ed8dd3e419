//! Answers that were given to changes asked for with a key of their own.

use custos_core::{
    hash::Hash,
    ids::{AccountId, Id, RowId, Timestamp},
    keys::SessionKey,
};
use diesel::prelude::*;
use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    Connection, DbError,
    mac::{self, Authenticated},
    rows::{id, time},
    schema::replies,
    value::Place,
};
use crate::ambient::Ambient;

/// One answer.
#[derive(Debug, Clone, Serialize)]
pub struct ReplyRow {
    /// Follows from the key under which the change was asked for.
    pub id: RowId,
    /// Who asked.
    pub account_id: AccountId,
    /// Hash of what was asked, so that one key is not taken for two requests.
    pub request: Hash,
    /// When.
    pub created_at: Timestamp,
    /// The answer, encrypted, in hex.
    pub answer: String,
}

impl Authenticated for ReplyRow {
    const TABLE: &'static str = "replies";

    fn shown(&self) -> String {
        self.id.to_string()
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = replies)]
struct Raw {
    id: Vec<u8>,
    account_id: Vec<u8>,
    request: Vec<u8>,
    created_at: i64,
    answer: Vec<u8>,
    mac: Vec<u8>,
}

/// What names an answer, and the key under which it is encrypted.
pub struct Named {
    /// The row's id.
    pub id: RowId,
    /// The answer's key.
    pub key: Zeroizing<[u8; 32]>,
}

/// Keeps an answer; the change that it answers commits with it.
///
/// # Errors
/// The row can't be written.
pub fn insert(
    connection: &mut Connection,
    (session_key, ambient): (&SessionKey, &Ambient),
    named: &Named,
    (account, request, now): (AccountId, Hash, Timestamp),
    answer: &[u8],
) -> Result<(), DbError> {
    let sealed = place(named.id.id()).seal(&named.key, ambient, answer);
    let row = ReplyRow {
        id: named.id,
        account_id: account,
        request,
        created_at: now,
        answer: hex::encode(&sealed),
    };
    diesel::insert_into(replies::table)
        .values(Raw {
            id: row.id.as_bytes().to_vec(),
            account_id: account.as_bytes().to_vec(),
            request: request.as_bytes().to_vec(),
            created_at: now.micros(),
            answer: sealed,
            mac: mac::mac(session_key, &row).to_vec(),
        })
        .execute(connection)?;
    Ok(())
}

/// What was asked, and what was answered.
pub struct Reply {
    /// Hash of what was asked.
    pub request: Hash,
    /// The answer, decrypted.
    pub answer: Zeroizing<Vec<u8>>,
}

/// The answer of this name.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn find(
    connection: &mut Connection,
    session_key: &SessionKey,
    named: &Named,
) -> Result<Option<Reply>, DbError> {
    let raw: Option<Raw> = replies::table
        .find(named.id.as_bytes().to_vec())
        .select(Raw::as_select())
        .first(connection)
        .optional()?;
    let Some(raw) = raw else { return Ok(None) };
    let request = raw
        .request
        .as_slice()
        .try_into()
        .map_err(|_| DbError::damaged("replies", named.id, "what was asked is no hash"))?;
    let row = ReplyRow {
        id: named.id,
        account_id: id("replies", &raw.account_id)?,
        request: Hash::from_bytes(request),
        created_at: time("replies", raw.created_at)?,
        answer: hex::encode(&raw.answer),
    };
    mac::check(session_key, &row, &raw.mac)?;
    Ok(Some(Reply {
        request: row.request,
        answer: place(named.id.id()).open(&named.key, &raw.answer)?,
    }))
}

/// Deletes the answers given before `moment`, and says how many.
///
/// # Errors
/// The rows can't be written.
pub fn expire(connection: &mut Connection, moment: Timestamp) -> Result<usize, DbError> {
    Ok(
        diesel::delete(replies::table.filter(replies::created_at.lt(moment.micros())))
            .execute(connection)?,
    )
}

fn place(row: Id) -> Place {
    Place {
        table: "replies",
        row,
        column: "answer",
    }
}
