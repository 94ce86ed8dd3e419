//! Requests: what needs a second person, who asked for it, and who approved exactly that.

use custos_core::{
    hash::Hash,
    ids::{CaseId, Id, PersonId, RowId, ScopeId, Timestamp},
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Connection, DbError,
    bound::{self, Binding, Bound},
    keys,
    rows::{id, rev, revision, time},
    schema::requests,
    value::Place,
};
use crate::{
    ambient::Ambient,
    keyring::Keyring,
    policy::{
        action::{ActionKind, Approve, AskApproval, RecoverAccount, TransferCase},
        permit::Permit,
    },
};

const TABLE: &str = "requests";

/// Waits for a second person.
pub const ASKED: &str = "asked";
/// A second person approved it; it can be carried out once.
pub const APPROVED: &str = "approved";
/// It was carried out.
pub const DONE: &str = "done";
/// The asker took it back.
pub const WITHDRAWN: &str = "withdrawn";
/// A second person refused it.
pub const DECLINED: &str = "declined";

/// A request.
#[derive(Debug, Clone, Serialize)]
pub struct RequestRow {
    /// Its id.
    pub id: RowId,
    /// Revision of the row.
    pub rev: u64,
    /// The scope in which it is entered: the case's, or the room's.
    pub scope_id: ScopeId,
    /// The case that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case_id: Option<CaseId>,
    /// The name of what is asked for.
    pub asked_for: String,
    /// Hash of exactly what is asked for; the approval covers it.
    pub asked_hash: Hash,
    /// Who asked.
    pub asker_id: PersonId,
    /// Who approved or declined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approver_id: Option<PersonId>,
    /// `asked`, `approved`, `done`, `withdrawn` or `declined`.
    pub status: String,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// When it can be neither approved nor carried out any more.
    pub expires_at: Timestamp,
    /// What is encrypted.
    pub details: RequestDetails,
    /// `C` of the entry that wrote this revision; of an approved one, its approval.
    #[serde(skip)]
    pub entry: Hash,
}

/// What is encrypted of a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RequestDetails {
    /// Exactly what is asked for, with all its parameters.
    pub asked: Value,
    /// Why.
    pub reason: String,
}

impl Bound for RequestRow {
    const TABLE: &'static str = TABLE;

    fn id(&self) -> Id {
        self.id.id()
    }

    fn rev(&self) -> u64 {
        self.rev
    }
}

/// Permission to move a request on.
pub trait MovesRequest: ActionKind {}
impl MovesRequest for AskApproval {}
impl MovesRequest for Approve {}
impl MovesRequest for TransferCase {}
impl MovesRequest for RecoverAccount {}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = requests)]
struct Raw {
    id: Vec<u8>,
    rev: i64,
    salt: Vec<u8>,
    entry: Vec<u8>,
    scope_id: Vec<u8>,
    case_id: Option<Vec<u8>>,
    asked_for: String,
    asked_hash: Vec<u8>,
    asker_id: Vec<u8>,
    approver_id: Option<Vec<u8>>,
    status: String,
    asked_at: i64,
    expires_at: i64,
    details: Vec<u8>,
}

/// Writes a new request.
///
/// # Errors
/// The row can't be written.
pub fn insert(
    connection: &mut Connection,
    _permit: &Permit<AskApproval>,
    (keyring, ambient): (&Keyring, &Ambient),
    row: &RequestRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let keys = keys::scope(connection, keyring, row.scope_id)?;
    diesel::insert_into(requests::table)
        .values(Raw {
            id: row.id.as_bytes().to_vec(),
            rev: rev(row.rev),
            salt: binding.salt.to_vec(),
            entry: entry.to_vec(),
            scope_id: row.scope_id.as_bytes().to_vec(),
            case_id: row.case_id.map(|case| case.as_bytes().to_vec()),
            asked_for: row.asked_for.clone(),
            asked_hash: row.asked_hash.as_bytes().to_vec(),
            asker_id: row.asker_id.as_bytes().to_vec(),
            approver_id: None,
            status: row.status.clone(),
            asked_at: row.asked_at.micros(),
            expires_at: row.expires_at.micros(),
            details: place(row.id).seal_json(keys.value.as_bytes(), ambient, &row.details),
        })
        .execute(connection)?;
    Ok(())
}

/// Writes the next revision of a request: approved, done or ended.
///
/// # Errors
/// [`DbError::Damaged`] when the row is not at the revision before.
pub fn revise<A: MovesRequest>(
    connection: &mut Connection,
    _permit: &Permit<A>,
    row: &RequestRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let changed = diesel::update(requests::table.find(row.id.as_bytes().to_vec()))
        .filter(requests::rev.eq(rev(row.rev) - 1))
        .set((
            requests::rev.eq(rev(row.rev)),
            requests::salt.eq(binding.salt.to_vec()),
            requests::entry.eq(entry.to_vec()),
            requests::approver_id.eq(row.approver_id.map(|person| person.as_bytes().to_vec())),
            requests::status.eq(&row.status),
        ))
        .execute(connection)?;
    if changed == 1 {
        Ok(())
    } else {
        Err(DbError::damaged(
            TABLE,
            row.id,
            "it is not at the revision before",
        ))
    }
}

/// A request by its id, checked; for decisions.
pub(super) fn find(
    connection: &mut Connection,
    keyring: &Keyring,
    request: RowId,
) -> Result<Option<RequestRow>, DbError> {
    let raw: Option<Raw> = requests::table
        .find(request.as_bytes().to_vec())
        .select(Raw::as_select())
        .first(connection)
        .optional()?;
    raw.map(|raw| row(connection, keyring, raw)).transpose()
}

/// The requests asked since a moment, newest first and `most` of them; for decisions.
pub(super) fn since(
    connection: &mut Connection,
    keyring: &Keyring,
    moment: Timestamp,
    most: u16,
) -> Result<Vec<RequestRow>, DbError> {
    let raw: Vec<Raw> = requests::table
        .filter(requests::asked_at.ge(moment.micros()))
        .order((requests::asked_at.desc(), requests::id))
        .limit(most.into())
        .select(Raw::as_select())
        .load(connection)?;
    raw.into_iter()
        .map(|raw| row(connection, keyring, raw))
        .collect()
}

fn row(connection: &mut Connection, keyring: &Keyring, raw: Raw) -> Result<RequestRow, DbError> {
    let request: RowId = id(TABLE, &raw.id)?;
    let scope_id = id(TABLE, &raw.scope_id)?;
    let hash = |bytes: &[u8]| {
        let bytes = bytes
            .try_into()
            .map_err(|_| DbError::damaged(TABLE, request, "a hash is not 32 bytes"))?;
        Ok::<_, DbError>(Hash::from_bytes(bytes))
    };
    let keys = keys::scope(connection, keyring, scope_id)?;
    let row = RequestRow {
        id: request,
        rev: revision(TABLE, raw.rev)?,
        scope_id,
        case_id: raw.case_id.map(|case| id(TABLE, &case)).transpose()?,
        asked_for: raw.asked_for,
        asked_hash: hash(&raw.asked_hash)?,
        asker_id: id(TABLE, &raw.asker_id)?,
        approver_id: raw
            .approver_id
            .map(|person| id(TABLE, &person))
            .transpose()?,
        status: raw.status,
        asked_at: time(TABLE, raw.asked_at)?,
        expires_at: time(TABLE, raw.expires_at)?,
        details: place(request).open_json(keys.value.as_bytes(), &raw.details)?,
        entry: hash(&raw.entry)?,
    };
    bound::check(connection, keyring, &row, &raw.salt, &raw.entry)?;
    Ok(row)
}

fn place(row: RowId) -> Place {
    Place {
        table: TABLE,
        row: row.id(),
        column: "details",
    }
}
