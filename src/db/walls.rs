//! Walls: who is kept from a case, whatever role they have.

use std::collections::BTreeSet;

use custos_core::ids::{CaseId, Id, PersonId, RowId};
use diesel::prelude::*;
use serde::Serialize;

use super::{
    Connection, DbError,
    bound::{self, Binding, Bound},
    rows::{id, rev, revision},
    schema::walls,
};
use crate::{
    keyring::Keyring,
    policy::{action::KeepWalls, permit::Permit},
};

/// A wall between a person and a case.
#[derive(Debug, Clone, Serialize)]
pub struct WallRow {
    /// Its id.
    pub id: RowId,
    /// Revision of the row.
    pub rev: u64,
    /// Who is kept out.
    pub person_id: PersonId,
    /// Of which case.
    pub case_id: CaseId,
    /// `up` or `down`.
    pub status: String,
}

impl Bound for WallRow {
    const TABLE: &'static str = "walls";

    fn id(&self) -> Id {
        self.id.id()
    }

    fn rev(&self) -> u64 {
        self.rev
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = walls)]
struct Raw {
    id: Vec<u8>,
    rev: i64,
    salt: Vec<u8>,
    entry: Vec<u8>,
    person_id: Vec<u8>,
    case_id: Vec<u8>,
    status: String,
}

/// Writes a wall: a new one, or the next revision of one that stood before.
///
/// # Errors
/// [`DbError::Damaged`] when the row is not at the revision before.
pub fn write(
    connection: &mut Connection,
    _permit: &Permit<KeepWalls>,
    row: &WallRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let raw = Raw {
        id: row.id.as_bytes().to_vec(),
        rev: rev(row.rev),
        salt: binding.salt.to_vec(),
        entry: entry.to_vec(),
        person_id: row.person_id.as_bytes().to_vec(),
        case_id: row.case_id.as_bytes().to_vec(),
        status: row.status.clone(),
    };
    if row.rev == 1 {
        diesel::insert_into(walls::table)
            .values(raw)
            .execute(connection)?;
        return Ok(());
    }
    let changed = diesel::update(walls::table.find(raw.id))
        .filter(walls::rev.eq(raw.rev - 1))
        .set((
            walls::rev.eq(raw.rev),
            walls::salt.eq(raw.salt),
            walls::entry.eq(raw.entry),
            walls::status.eq(raw.status),
        ))
        .execute(connection)?;
    if changed == 1 {
        Ok(())
    } else {
        Err(DbError::damaged(
            "walls",
            row.id,
            "it is not at the revision before",
        ))
    }
}

/// The walls around a case, up or down, in the order of their ids.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn of_case(
    connection: &mut Connection,
    keyring: &Keyring,
    permit: &Permit<KeepWalls>,
) -> Result<Vec<WallRow>, DbError> {
    let raw: Vec<Raw> = walls::table
        .filter(walls::case_id.eq(permit.resource().id.as_bytes().to_vec()))
        .order(walls::id)
        .select(Raw::as_select())
        .load(connection)?;
    raw.into_iter()
        .map(|raw| row(connection, keyring, raw))
        .collect()
}

/// The cases that a wall keeps a person from, checked; for decisions. A row that is not what
/// its entry says stops the decision, so a wall is not lowered by an edit of its column.
pub(super) fn of_person(
    connection: &mut Connection,
    keyring: &Keyring,
    person: PersonId,
) -> Result<BTreeSet<CaseId>, DbError> {
    let raw: Vec<Raw> = walls::table
        .filter(walls::person_id.eq(person.as_bytes().to_vec()))
        .select(Raw::as_select())
        .load(connection)?;
    let mut cases = BTreeSet::new();
    for raw in raw {
        let row = row(connection, keyring, raw)?;
        match row.status.as_str() {
            "up" => {
                cases.insert(row.case_id);
            }
            "down" => {}
            _ => return Err(DbError::damaged("walls", row.id, "its status is unknown")),
        }
    }
    Ok(cases)
}

/// The wall between a person and a case, checked; for decisions.
pub(super) fn between(
    connection: &mut Connection,
    keyring: &Keyring,
    person: PersonId,
    case: CaseId,
) -> Result<Option<WallRow>, DbError> {
    let raw: Option<Raw> = walls::table
        .filter(walls::person_id.eq(person.as_bytes().to_vec()))
        .filter(walls::case_id.eq(case.as_bytes().to_vec()))
        .select(Raw::as_select())
        .first(connection)
        .optional()?;
    raw.map(|raw| row(connection, keyring, raw)).transpose()
}

fn row(connection: &mut Connection, keyring: &Keyring, raw: Raw) -> Result<WallRow, DbError> {
    let row = WallRow {
        id: id("walls", &raw.id)?,
        rev: revision("walls", raw.rev)?,
        person_id: id("walls", &raw.person_id)?,
        case_id: id("walls", &raw.case_id)?,
        status: raw.status,
    };
    bound::check(connection, keyring, &row, &raw.salt, &raw.entry)?;
    Ok(row)
}
