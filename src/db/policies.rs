//! Policy sets, of which one is in force.

use custos_core::{
    hash::Hash,
    ids::{Id, RowId, ScopeId},
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    Connection, DbError,
    bound::{self, Binding, Bound},
    keys,
    rows::{id, rev, revision},
    schema::policies,
    value::Place,
};
use crate::{ambient::Ambient, keyring::Keyring};

/// A policy set.
#[derive(Debug, Clone, Serialize)]
pub struct PolicyRow {
    /// Its id.
    pub id: RowId,
    /// Revision of the row.
    pub rev: u64,
    /// Hash of its text; slot 17 of the entries that it decides.
    pub set_hash: Hash,
    /// `in_force` or `past`.
    pub status: String,
    /// What is encrypted.
    pub details: PolicyText,
}

/// The text of a policy set.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PolicyText {
    /// The schema.
    pub schema: String,
    /// Names and texts of the files, ascending by name.
    pub files: Vec<(String, String)>,
}

impl Bound for PolicyRow {
    const TABLE: &'static str = "policies";

    fn id(&self) -> Id {
        self.id.id()
    }

    fn rev(&self) -> u64 {
        self.rev
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = policies)]
struct Raw {
    id: Vec<u8>,
    rev: i64,
    salt: Vec<u8>,
    entry: Vec<u8>,
    set_hash: Vec<u8>,
    status: String,
    details: Vec<u8>,
}

/// Puts a policy set into force in the place of the one that was: whoever holds the root key does it
/// on a room that is stopped, so there is no permit.
///
/// # Errors
/// [`DbError::Damaged`] when the set before is not of the revision that `past` follows.
pub fn replace(
    connection: &mut Connection,
    of: (&Keyring, &Ambient, ScopeId),
    past: (&PolicyRow, &Binding),
    new: (&PolicyRow, &Binding),
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let (row, binding) = past;
    let changed = diesel::update(policies::table.find(row.id.as_bytes().to_vec()))
        .filter(policies::rev.eq(rev(row.rev) - 1))
        .set((
            policies::rev.eq(rev(row.rev)),
            policies::salt.eq(binding.salt.to_vec()),
            policies::entry.eq(entry.to_vec()),
            policies::status.eq(&row.status),
        ))
        .execute(connection)?;
    if changed != 1 {
        return Err(DbError::damaged(
            "policies",
            row.id,
            "it is not of the revision before",
        ));
    }
    found(connection, of, new.0, new.1, entry)
}

/// Writes a policy set that is in force; the first one when the room is founded.
///
/// # Errors
/// The row can't be written.
pub fn found(
    connection: &mut Connection,
    (keyring, ambient, room): (&Keyring, &Ambient, ScopeId),
    row: &PolicyRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let keys = keys::scope(connection, keyring, room)?;
    let details = place(row.id()).seal_json(keys.value.as_bytes(), ambient, &row.details);
    diesel::insert_into(policies::table)
        .values(Raw {
            id: row.id.as_bytes().to_vec(),
            rev: rev(row.rev),
            salt: binding.salt.to_vec(),
            entry: entry.to_vec(),
            set_hash: row.set_hash.as_bytes().to_vec(),
            status: row.status.clone(),
            details,
        })
        .execute(connection)?;
    Ok(())
}

/// The policy set in force.
///
/// # Errors
/// [`DbError::Damaged`] when there is none, or more than one, or it is not what its entry says.
pub fn in_force(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
) -> Result<PolicyRow, DbError> {
    let mut raw: Vec<Raw> = policies::table
        .filter(policies::status.eq("in_force"))
        .select(Raw::as_select())
        .load(connection)?;
    let (Some(raw), true) = (raw.pop(), raw.is_empty()) else {
        return Err(DbError::damaged(
            "policies",
            "?",
            "not exactly one set is in force",
        ));
    };
    let keys = keys::scope(connection, keyring, room)?;
    let row_id: RowId = id("policies", &raw.id)?;
    let set_hash = raw
        .set_hash
        .as_slice()
        .try_into()
        .map_err(|_| DbError::damaged("policies", row_id, "its hash is not 32 bytes"))?;
    let row = PolicyRow {
        id: row_id,
        rev: revision("policies", raw.rev)?,
        set_hash: Hash::from_bytes(set_hash),
        status: raw.status,
        details: place(row_id.id()).open_json(keys.value.as_bytes(), &raw.details)?,
    };
    bound::check(connection, keyring, &row, &raw.salt, &raw.entry)?;
    Ok(row)
}

fn place(row: Id) -> Place {
    Place {
        table: "policies",
        row,
        column: "details",
    }
}
