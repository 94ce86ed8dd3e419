//! Cases, the parties to them, and who works on them.

mod roles;

use custos_core::ids::{CaseId, Id, PartyId, ScopeId};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroize;

use super::{
    Connection, DbError,
    bound::{self, Binding, Bound},
    keys,
    rows::{id, rev, revision},
    schema::{cases, parties},
    value::Place,
};
use crate::{
    ambient::Ambient,
    keyring::Keyring,
    policy::{
        action::{ActionKind, AddParty, ChangeStage, MergeCases, OpenCase, ReadCase, TransferCase},
        permit::Permit,
    },
};

pub use roles::{RoleRow, end_role, insert_role, insert_room_role, roles};
pub(super) use roles::{active_roles, active_room_roles, roles_of, room_roles_since, write_role};

/// A case.
#[derive(Debug, Clone, Serialize)]
pub struct CaseRow {
    /// Its id.
    pub id: CaseId,
    /// Revision of the row.
    pub rev: u64,
    /// Scope of those who work on it.
    pub scope_id: ScopeId,
    /// Scope of its court.
    pub court_scope_id: ScopeId,
    /// `open`, `closed`, `merged` or `transferred`.
    pub stage: String,
    /// What is encrypted.
    pub details: CaseDetails,
}

/// What is encrypted of a case.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CaseDetails {
    /// The agency's case number.
    pub number: String,
    /// A short title.
    pub title: String,
    /// What it is about.
    pub description: String,
    /// How it ended, or why it was opened again.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub outcome: String,
    /// The case that it was put into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<CaseId>,
    /// The cases that were put into this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<CaseId>,
    /// The authority that has it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handed_to: Option<HandedTo>,
}

impl CaseDetails {
    /// Wipes what was told of the case, where nobody needs it any more.
    pub fn wipe(&mut self) {
        self.number.zeroize();
        self.title.zeroize();
        self.description.zeroize();
        self.outcome.zeroize();
    }
}

/// To whom a case was handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HandedTo {
    /// The authority.
    pub authority: String,
    /// Its reference, or that of the request for legal assistance.
    pub reference: String,
}

/// Permission to move a case on.
pub trait MovesCase: ActionKind {}
impl MovesCase for ChangeStage {}
impl MovesCase for MergeCases {}
impl MovesCase for TransferCase {}

impl Bound for CaseRow {
    const TABLE: &'static str = "cases";

    fn id(&self) -> Id {
        self.id.id()
    }

    fn rev(&self) -> u64 {
        self.rev
    }
}

/// A party to a case.
#[derive(Debug, Clone, Serialize)]
pub struct PartyRow {
    /// Its id.
    pub id: PartyId,
    /// Revision of the row.
    pub rev: u64,
    /// The case.
    pub case_id: CaseId,
    /// `prosecution`, `defence` or `victim`.
    pub side: String,
    /// What is encrypted.
    pub details: PartyDetails,
}

/// What is encrypted of a party.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PartyDetails {
    /// Its name.
    pub name: String,
}

impl Bound for PartyRow {
    const TABLE: &'static str = "parties";

    fn id(&self) -> Id {
        self.id.id()
    }

    fn rev(&self) -> u64 {
        self.rev
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = cases)]
struct RawCase {
    id: Vec<u8>,
    rev: i64,
    salt: Vec<u8>,
    entry: Vec<u8>,
    scope_id: Vec<u8>,
    court_scope_id: Vec<u8>,
    stage: String,
    details: Vec<u8>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = parties)]
struct RawParty {
    id: Vec<u8>,
    rev: i64,
    salt: Vec<u8>,
    entry: Vec<u8>,
    case_id: Vec<u8>,
    side: String,
    details: Vec<u8>,
}

/// Writes a new case; its scopes exist already.
///
/// # Errors
/// The row can't be written.
pub fn insert(
    connection: &mut Connection,
    _permit: &Permit<OpenCase>,
    (keyring, ambient): (&Keyring, &Ambient),
    row: &CaseRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let keys = keys::scope(connection, keyring, row.scope_id)?;
    let details = place("cases", row.id()).seal_json(keys.value.as_bytes(), ambient, &row.details);
    diesel::insert_into(cases::table)
        .values(RawCase {
            id: row.id.as_bytes().to_vec(),
            rev: rev(row.rev),
            salt: binding.salt.to_vec(),
            entry: entry.to_vec(),
            scope_id: row.scope_id.as_bytes().to_vec(),
            court_scope_id: row.court_scope_id.as_bytes().to_vec(),
            stage: row.stage.clone(),
            details,
        })
        .execute(connection)?;
    Ok(())
}

/// Writes a new party.
///
/// # Errors
/// The row can't be written.
pub fn insert_party(
    connection: &mut Connection,
    _permit: &Permit<AddParty>,
    (keyring, ambient, scope): (&Keyring, &Ambient, ScopeId),
    row: &PartyRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let keys = keys::scope(connection, keyring, scope)?;
    let details =
        place("parties", row.id()).seal_json(keys.value.as_bytes(), ambient, &row.details);
    diesel::insert_into(parties::table)
        .values(RawParty {
            id: row.id.as_bytes().to_vec(),
            rev: rev(row.rev),
            salt: binding.salt.to_vec(),
            entry: entry.to_vec(),
            case_id: row.case_id.as_bytes().to_vec(),
            side: row.side.clone(),
            details,
        })
        .execute(connection)?;
    Ok(())
}

/// Writes the next revision of a case.
///
/// # Errors
/// [`DbError::Damaged`] when the row is not at the revision before.
pub fn set_stage<A: MovesCase>(
    connection: &mut Connection,
    _permit: &Permit<A>,
    (keyring, ambient): (&Keyring, &Ambient),
    row: &CaseRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let keys = keys::scope(connection, keyring, row.scope_id)?;
    let details = place("cases", row.id()).seal_json(keys.value.as_bytes(), ambient, &row.details);
    let changed = diesel::update(cases::table.find(row.id.as_bytes().to_vec()))
        .filter(cases::rev.eq(rev(row.rev) - 1))
        .set((
            cases::rev.eq(rev(row.rev)),
            cases::salt.eq(binding.salt.to_vec()),
            cases::entry.eq(entry.to_vec()),
            cases::stage.eq(&row.stage),
            cases::details.eq(details),
        ))
        .execute(connection)?;
    revised("cases", row.id(), changed)
}

fn revised(table: &'static str, row: Id, changed: usize) -> Result<(), DbError> {
    if changed == 1 {
        Ok(())
    } else {
        Err(DbError::damaged(
            table,
            row,
            "it is not at the revision before",
        ))
    }
}

/// A case whose stage is to be changed.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn staged<A: MovesCase>(
    connection: &mut Connection,
    keyring: &Keyring,
    permit: &Permit<A>,
) -> Result<Option<CaseRow>, DbError> {
    find(connection, keyring, permit.resource().id.into())
}

/// A case, with what is encrypted of it.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn get(
    connection: &mut Connection,
    keyring: &Keyring,
    permit: &Permit<ReadCase>,
) -> Result<Option<CaseRow>, DbError> {
    find(connection, keyring, permit.resource().id.into())
}

/// The ids of all cases, in their order; for decisions.
pub(super) fn ids(connection: &mut Connection) -> Result<Vec<CaseId>, DbError> {
    let ids: Vec<Vec<u8>> = cases::table
        .order(cases::id)
        .select(cases::id)
        .load(connection)?;
    ids.iter().map(|raw| id("cases", raw)).collect()
}

/// The parties to a case, in the order of their ids.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn parties(
    connection: &mut Connection,
    keyring: &Keyring,
    permit: &Permit<ReadCase>,
) -> Result<Vec<PartyRow>, DbError> {
    let case = CaseId::from(permit.resource().id);
    let Some(found) = find(connection, keyring, case)? else {
        return Ok(Vec::new());
    };
    let raw: Vec<RawParty> = parties::table
        .filter(parties::case_id.eq(case.as_bytes().to_vec()))
        .order(parties::id)
        .select(RawParty::as_select())
        .load(connection)?;
    raw.into_iter()
        .map(|raw| party(connection, keyring, found.scope_id, raw))
        .collect()
}

/// A case by its id, checked; for decisions.
pub(super) fn find(
    connection: &mut Connection,
    keyring: &Keyring,
    case: CaseId,
) -> Result<Option<CaseRow>, DbError> {
    let raw: Option<RawCase> = cases::table
        .find(case.as_bytes().to_vec())
        .select(RawCase::as_select())
        .first(connection)
        .optional()?;
    let Some(raw) = raw else { return Ok(None) };
    let scope_id = id("cases", &raw.scope_id)?;
    let keys = keys::scope(connection, keyring, scope_id)?;
    let row = CaseRow {
        id: case,
        rev: revision("cases", raw.rev)?,
        scope_id,
        court_scope_id: id("cases", &raw.court_scope_id)?,
        stage: raw.stage,
        details: place("cases", case.id()).open_json(keys.value.as_bytes(), &raw.details)?,
    };
    bound::check(connection, keyring, &row, &raw.salt, &raw.entry)?;
    Ok(Some(row))
}

/// One party of a case, checked; for decisions. One of another case is looked at no further: it
/// can be decrypted under no key of this one, and must be answered as one that is not there.
pub(super) fn find_party(
    connection: &mut Connection,
    keyring: &Keyring,
    (case, scope): (CaseId, ScopeId),
    party_id: PartyId,
) -> Result<Option<PartyRow>, DbError> {
    let raw: Option<RawParty> = parties::table
        .find(party_id.as_bytes().to_vec())
        .filter(parties::case_id.eq(case.as_bytes().to_vec()))
        .select(RawParty::as_select())
        .first(connection)
        .optional()?;
    raw.map(|raw| party(connection, keyring, scope, raw))
        .transpose()
}

fn party(
    connection: &mut Connection,
    keyring: &Keyring,
    scope: ScopeId,
    raw: RawParty,
) -> Result<PartyRow, DbError> {
    let keys = keys::scope(connection, keyring, scope)?;
    let party_id: PartyId = id("parties", &raw.id)?;
    let row = PartyRow {
        id: party_id,
        rev: revision("parties", raw.rev)?,
        case_id: id("parties", &raw.case_id)?,
        side: raw.side,
        details: place("parties", party_id.id()).open_json(keys.value.as_bytes(), &raw.details)?,
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
