//! What was served to whom.

use std::collections::BTreeSet;

use custos_core::ids::{CaseId, Id, ItemId, PartyId, RowId};
use diesel::prelude::*;
use serde::Serialize;

use super::{
    Connection, DbError,
    bound::{self, Binding, Bound},
    rows::{id, rev, revision},
    schema::servings,
};
use crate::{
    keyring::Keyring,
    policy::{action::Serve, permit::Permit},
};

/// One item served to one party. What was served stays served.
#[derive(Debug, Clone, Serialize)]
pub struct ServingRow {
    /// Its id.
    pub id: RowId,
    /// Revision of the row.
    pub rev: u64,
    /// The case.
    pub case_id: CaseId,
    /// What was served.
    pub item_id: ItemId,
    /// To whom.
    pub party_id: PartyId,
    /// `served`.
    pub status: String,
}

impl Bound for ServingRow {
    const TABLE: &'static str = "servings";

    fn id(&self) -> Id {
        self.id.id()
    }

    fn rev(&self) -> u64 {
        self.rev
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = servings)]
pub(super) struct Raw {
    id: Vec<u8>,
    pub(super) rev: i64,
    pub(super) salt: Vec<u8>,
    pub(super) entry: Vec<u8>,
    case_id: Vec<u8>,
    pub(super) item_id: Vec<u8>,
    party_id: Vec<u8>,
    status: String,
}

impl Raw {
    /// Its columns as they lie there.
    pub(super) fn parts(&self) -> [&[u8]; 7] {
        [
            &self.id,
            &self.salt,
            &self.entry,
            &self.case_id,
            &self.item_id,
            &self.party_id,
            self.status.as_bytes(),
        ]
    }

    /// The row, not checked yet.
    pub(super) fn row(&self) -> Result<ServingRow, DbError> {
        Ok(ServingRow {
            id: id("servings", &self.id)?,
            rev: revision("servings", self.rev)?,
            case_id: id("servings", &self.case_id)?,
            item_id: id("servings", &self.item_id)?,
            party_id: id("servings", &self.party_id)?,
            status: self.status.clone(),
        })
    }
}

/// Writes that an item was served to a party.
///
/// # Errors
/// The row can't be written; it was served to that party before.
pub fn insert(
    connection: &mut Connection,
    _permit: &Permit<Serve>,
    row: &ServingRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    diesel::insert_into(servings::table)
        .values(Raw {
            id: row.id.as_bytes().to_vec(),
            rev: rev(row.rev),
            salt: binding.salt.to_vec(),
            entry: entry.to_vec(),
            case_id: row.case_id.as_bytes().to_vec(),
            item_id: row.item_id.as_bytes().to_vec(),
            party_id: row.party_id.as_bytes().to_vec(),
            status: row.status.clone(),
        })
        .execute(connection)?;
    Ok(())
}

/// To whom an item was served, checked; for decisions.
pub(super) fn served_to(
    connection: &mut Connection,
    keyring: &Keyring,
    item: ItemId,
) -> Result<BTreeSet<PartyId>, DbError> {
    let raw: Vec<Raw> = servings::table
        .filter(servings::item_id.eq(item.as_bytes().to_vec()))
        .filter(servings::status.eq("served"))
        .select(Raw::as_select())
        .load(connection)?;
    let mut parties = BTreeSet::new();
    for raw in raw {
        let row = raw.row()?;
        bound::check(connection, keyring, &row, &raw.salt, &raw.entry)?;
        parties.insert(row.party_id);
    }
    Ok(parties)
}
