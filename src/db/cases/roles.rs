//! Roles of people, on a case or in the room.

use custos_core::ids::{CaseId, Id, PartyId, PersonId, RowId, Timestamp};
use diesel::prelude::*;
use serde::Serialize;

use super::revised;
use crate::{
    db::{
        Connection, DbError,
        bound::{self, Binding, Bound},
        rows::{id, rev, revision},
        schema::roles,
    },
    keyring::Keyring,
    policy::{
        action::{ActionKind, AddPerson, EndRole, ManagePeople, ReadCase},
        permit::Permit,
    },
};

/// A role of a person, on a case or, without one, in the room.
#[derive(Debug, Clone, Serialize)]
pub struct RoleRow {
    /// Its id.
    pub id: RowId,
    /// Revision of the row.
    pub rev: u64,
    /// Who has it.
    pub person_id: PersonId,
    /// On which case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case_id: Option<CaseId>,
    /// On whose side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub party_id: Option<PartyId>,
    /// Its name in the policy set.
    pub role: String,
    /// `active`, `ended`, or `left` with the person.
    pub status: String,
}

impl Bound for RoleRow {
    const TABLE: &'static str = "roles";

    fn id(&self) -> Id {
        self.id.id()
    }

    fn rev(&self) -> u64 {
        self.rev
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = roles)]
struct RawRole {
    id: Vec<u8>,
    rev: i64,
    salt: Vec<u8>,
    entry: Vec<u8>,
    person_id: Vec<u8>,
    case_id: Option<Vec<u8>>,
    party_id: Option<Vec<u8>>,
    role: String,
    status: String,
}

/// Gives a person a role on a case.
///
/// # Errors
/// The row can't be written.
pub fn insert_role(
    connection: &mut Connection,
    _permit: &Permit<AddPerson>,
    row: &RoleRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    write_role(connection, row, binding, entry)
}

/// Gives a person a role in the room.
///
/// # Errors
/// The row can't be written.
pub fn insert_room_role(
    connection: &mut Connection,
    _permit: &Permit<ManagePeople>,
    row: &RoleRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    write_role(connection, row, binding, entry)
}

/// Writes a role; the callers hold the permit, or found the room.
pub(in crate::db) fn write_role(
    connection: &mut Connection,
    row: &RoleRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    diesel::insert_into(roles::table)
        .values(RawRole {
            id: row.id.as_bytes().to_vec(),
            rev: rev(row.rev),
            salt: binding.salt.to_vec(),
            entry: entry.to_vec(),
            person_id: row.person_id.as_bytes().to_vec(),
            case_id: row.case_id.map(|id| id.as_bytes().to_vec()),
            party_id: row.party_id.map(|id| id.as_bytes().to_vec()),
            role: row.role.clone(),
            status: row.status.clone(),
        })
        .execute(connection)?;
    Ok(())
}

/// Permission to end a role.
pub trait EndsRoles: ActionKind {}
impl EndsRoles for EndRole {}
impl EndsRoles for ManagePeople {}

/// Ends a role: its next revision.
///
/// # Errors
/// [`DbError::Damaged`] when the row is not at the revision before.
pub fn end_role<A: EndsRoles>(
    connection: &mut Connection,
    _permit: &Permit<A>,
    row: &RoleRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let changed = diesel::update(roles::table.find(row.id.as_bytes().to_vec()))
        .filter(roles::rev.eq(rev(row.rev) - 1))
        .set((
            roles::rev.eq(rev(row.rev)),
            roles::salt.eq(binding.salt.to_vec()),
            roles::entry.eq(entry.to_vec()),
            roles::status.eq(&row.status),
        ))
        .execute(connection)?;
    revised("roles", row.id.id(), changed)
}

/// Who has a role on a case, in the order of the roles' ids.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn roles(
    connection: &mut Connection,
    keyring: &Keyring,
    permit: &Permit<ReadCase>,
) -> Result<Vec<RoleRow>, DbError> {
    let raw: Vec<RawRole> = roles::table
        .filter(roles::case_id.eq(permit.resource().id.as_bytes().to_vec()))
        .order(roles::id)
        .select(RawRole::as_select())
        .load(connection)?;
    raw.into_iter()
        .map(|raw| role(connection, keyring, raw))
        .collect()
}

/// Every active role of a person, checked; for decisions.
pub(in crate::db) fn roles_of(
    connection: &mut Connection,
    keyring: &Keyring,
    person: PersonId,
) -> Result<Vec<RoleRow>, DbError> {
    let raw: Vec<RawRole> = roles::table
        .filter(roles::person_id.eq(person.as_bytes().to_vec()))
        .filter(roles::status.eq("active"))
        .order(roles::id)
        .select(RawRole::as_select())
        .load(connection)?;
    raw.into_iter()
        .map(|raw| role(connection, keyring, raw))
        .collect()
}

/// Every active role of a person in the room with the time of the entry that gave it, checked;
/// for decisions.
pub(in crate::db) fn room_roles_since(
    connection: &mut Connection,
    keyring: &Keyring,
    person: PersonId,
) -> Result<Vec<(RoleRow, Timestamp)>, DbError> {
    let raw: Vec<RawRole> = roles::table
        .filter(roles::person_id.eq(person.as_bytes().to_vec()))
        .filter(roles::case_id.is_null())
        .filter(roles::status.eq("active"))
        .order(roles::id)
        .select(RawRole::as_select())
        .load(connection)?;
    raw.into_iter()
        .map(|raw| {
            let entry = raw.entry.clone();
            let row = role(connection, keyring, raw)?;
            let since = bound::written_at(connection, keyring, &row, &entry)?;
            Ok((row, since))
        })
        .collect()
}

/// Every active role on a case, checked; for decisions. A row that its entry does not vouch for
/// names nobody; its check raised the alarm.
pub(in crate::db) fn active_roles(
    connection: &mut Connection,
    keyring: &Keyring,
    case: CaseId,
) -> Result<Vec<RoleRow>, DbError> {
    let raw: Vec<RawRole> = roles::table
        .filter(roles::case_id.eq(case.as_bytes().to_vec()))
        .filter(roles::status.eq("active"))
        .order(roles::id)
        .select(RawRole::as_select())
        .load(connection)?;
    vouched_for(connection, keyring, raw)
}

/// The same of the room.
pub(in crate::db) fn active_room_roles(
    connection: &mut Connection,
    keyring: &Keyring,
) -> Result<Vec<RoleRow>, DbError> {
    let raw: Vec<RawRole> = roles::table
        .filter(roles::case_id.is_null())
        .filter(roles::status.eq("active"))
        .order(roles::id)
        .select(RawRole::as_select())
        .load(connection)?;
    vouched_for(connection, keyring, raw)
}

fn vouched_for(
    connection: &mut Connection,
    keyring: &Keyring,
    raw: Vec<RawRole>,
) -> Result<Vec<RoleRow>, DbError> {
    raw.into_iter()
        .map(|raw| role(connection, keyring, raw))
        .filter(|row| !matches!(row, Err(DbError::Damaged { .. })))
        .collect()
}

fn role(connection: &mut Connection, keyring: &Keyring, raw: RawRole) -> Result<RoleRow, DbError> {
    let row = RoleRow {
        id: id("roles", &raw.id)?,
        rev: revision("roles", raw.rev)?,
        person_id: id("roles", &raw.person_id)?,
        case_id: raw.case_id.map(|case| id("roles", &case)).transpose()?,
        party_id: raw.party_id.map(|party| id("roles", &party)).transpose()?,
        role: raw.role,
        status: raw.status,
    };
    bound::check(connection, keyring, &row, &raw.salt, &raw.entry)?;
    Ok(row)
}
