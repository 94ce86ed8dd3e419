//! What each round of the room's audit of itself came to, bound to its entry.

use custos_core::ids::{Id, ScopeId, Timestamp};
use diesel::{dsl::max, prelude::*};
use serde::{Deserialize, Serialize};

use super::{
    Connection, DbError,
    bound::{self, Binding, Bound},
    keys,
    people::InRoom,
    rows::{id, rev, revision, time},
    schema::audits,
    value::Place,
};
use crate::{
    keyring::Keyring,
    policy::{action::ReadAudit, permit::Permit},
};

const TABLE: &str = "audits";

/// A round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditRow {
    /// The round's id.
    pub id: Id,
    /// Revision of the row: a round of which a crash left no more than its entry is written anew.
    pub rev: u64,
    /// Its number among the rounds, in the order of their entries.
    pub nth: u64,
    /// When it began.
    pub began_at: Timestamp,
    /// When it was entered.
    pub ended_at: Timestamp,
    /// How much is not what it should be.
    pub findings: u64,
    /// What is encrypted.
    pub details: AuditDetails,
}

/// What is encrypted of a round.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditDetails {
    /// Custody entries that were compared.
    pub entries: u64,
    /// Rows.
    pub rows: u64,
    /// Items.
    pub items: u64,
    /// Stored bytes.
    pub stored_bytes: u64,
    /// Things that could not be checked because of a finding elsewhere.
    pub unchecked: u64,
    /// The first findings, in the order in which they were found.
    pub found: Vec<FoundDetails>,
}

/// A finding: where, without the id of a case, an item or a person, and what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundDetails {
    /// What kind of place it is.
    pub place: String,
    /// The object, or the key, by the id under which it is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The segment of an object, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<u64>,
    /// The chunk within the segment, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk: Option<u64>,
    /// Index of an entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
    /// Path of a published file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Which hash or entry in it, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// Size under which a checkpoint is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Table of a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// What stands for the row's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<String>,
    /// The column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is wrong.
    pub what: String,
}

impl Bound for AuditRow {
    const TABLE: &'static str = TABLE;

    fn id(&self) -> Id {
        self.id
    }

    fn rev(&self) -> u64 {
        self.rev
    }
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = audits)]
struct Raw {
    id: Vec<u8>,
    rev: i64,
    salt: Vec<u8>,
    entry: Vec<u8>,
    nth: i64,
    began_at: i64,
    ended_at: i64,
    findings: i64,
    details: Vec<u8>,
}

/// The revision in which a round is written next: 1 for one that was not. What is stored of it
/// is not looked at, so that damage to it keeps nobody from writing it anew.
///
/// # Errors
/// The row can't be read.
pub fn next_rev(connection: &mut Connection, round: Id) -> Result<u64, DbError> {
    let found: Option<i64> = audits::table
        .find(round.as_bytes().to_vec())
        .select(audits::rev)
        .first(connection)
        .optional()?;
    Ok(found.map_or(1, |rev| {
        u64::try_from(rev).unwrap_or(0).saturating_add(1).max(1)
    }))
}

/// The number of the next round that is written.
///
/// # Errors
/// The rows can't be read.
pub fn next_nth(connection: &mut Connection) -> Result<u64, DbError> {
    let newest: Option<i64> = audits::table.select(max(audits::nth)).first(connection)?;
    let newest = newest.and_then(|nth| u64::try_from(nth).ok());
    Ok(newest.unwrap_or(0).saturating_add(1))
}

/// Writes a round, in the place of what was written of the same one. The room does it by itself,
/// so there is no permit.
///
/// # Errors
/// The row can't be written.
pub fn put(
    connection: &mut Connection,
    (keyring, ambient, room): InRoom<'_>,
    row: &AuditRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let keys = keys::scope(connection, keyring, room)?;
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let raw = Raw {
        id: row.id.as_bytes().to_vec(),
        rev: rev(row.rev),
        salt: binding.salt.to_vec(),
        entry: entry.to_vec(),
        nth: count(row.nth),
        began_at: row.began_at.micros(),
        ended_at: row.ended_at.micros(),
        findings: count(row.findings),
        details: place(row.id).seal_json(keys.value.as_bytes(), ambient, &row.details),
    };
    if row.rev == 1 {
        diesel::insert_into(audits::table)
            .values(raw)
            .execute(connection)?;
    } else {
        diesel::update(audits::table.find(raw.id.clone()))
            .set(raw)
            .execute(connection)?;
    }
    Ok(())
}

/// The newest rounds, newest first, and how many of them are not what their entry says: one that
/// is damaged must not hide the others.
///
/// # Errors
/// The rows can't be read.
pub fn list(
    connection: &mut Connection,
    (keyring, room): (&Keyring, ScopeId),
    _permit: &Permit<ReadAudit>,
    limit: i64,
) -> Result<(Vec<AuditRow>, u64), DbError> {
    let raw: Vec<Raw> = audits::table
        .order(audits::nth.desc())
        .limit(limit)
        .select(Raw::as_select())
        .load(connection)?;
    let (mut rows, mut damaged) = (Vec::with_capacity(raw.len()), 0);
    for raw in raw {
        match opened(connection, keyring, room, &raw) {
            Ok(row) => rows.push(row),
            Err(DbError::Damaged { .. }) => damaged += 1,
            Err(error) => return Err(error),
        }
    }
    Ok((rows, damaged))
}

/// One round.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn get(
    connection: &mut Connection,
    (keyring, room): (&Keyring, ScopeId),
    _permit: &Permit<ReadAudit>,
    round: Id,
) -> Result<Option<AuditRow>, DbError> {
    let raw: Option<Raw> = audits::table
        .find(round.as_bytes().to_vec())
        .select(Raw::as_select())
        .first(connection)
        .optional()?;
    raw.map(|raw| opened(connection, keyring, room, &raw))
        .transpose()
}

/// How many findings the newest round had, and when it ended. A row that is not what its entry
/// says counts as a finding: it is for what the room says of itself, and decides nothing.
///
/// # Errors
/// The row can't be read.
pub fn newest(
    connection: &mut Connection,
    (keyring, room): (&Keyring, ScopeId),
) -> Result<Option<(u64, Timestamp)>, DbError> {
    let raw: Option<Raw> = audits::table
        .order(audits::nth.desc())
        .select(Raw::as_select())
        .first(connection)
        .optional()?;
    let Some(raw) = raw else {
        return Ok(None);
    };
    let ended_at = time(TABLE, raw.ended_at);
    match opened(connection, keyring, room, &raw) {
        Ok(row) => Ok(Some((row.findings, row.ended_at))),
        Err(DbError::Damaged { .. }) => Ok(Some((1, ended_at?))),
        Err(error) => Err(error),
    }
}

fn opened(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    raw: &Raw,
) -> Result<AuditRow, DbError> {
    let keys = keys::scope(connection, keyring, room)?;
    let round: Id = id(TABLE, &raw.id)?;
    let count = |number: i64| {
        u64::try_from(number).map_err(|_| DbError::damaged(TABLE, round, "a count is negative"))
    };
    let row = AuditRow {
        id: round,
        rev: revision(TABLE, raw.rev)?,
        nth: count(raw.nth)?,
        began_at: time(TABLE, raw.began_at)?,
        ended_at: time(TABLE, raw.ended_at)?,
        findings: count(raw.findings)?,
        details: place(round).open_json(keys.value.as_bytes(), &raw.details)?,
    };
    bound::check(connection, keyring, &row, &raw.salt, &raw.entry)?;
    Ok(row)
}

fn place(row: Id) -> Place {
    Place {
        table: TABLE,
        row,
        column: "details",
    }
}
