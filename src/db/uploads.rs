//! What was announced before its bytes came.

use custos_core::{
    ids::{CaseId, ItemId, PersonId, ScopeId, Timestamp, UploadId},
    keys::SessionKey,
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Connection, DbError,
    evidence::{AddsItem, Derived},
    keys,
    mac::{self, Authenticated},
    rows::{id, time},
    schema::uploads,
    value::Place,
};
use crate::{ambient::Ambient, keyring::Keyring, policy::permit::Permit};

/// An announced deposit.
#[derive(Debug, Clone, Serialize)]
pub struct UploadRow {
    /// Its id.
    pub id: UploadId,
    /// The case.
    pub case_id: CaseId,
    /// Who announced it; nobody else sends its bytes.
    pub person_id: PersonId,
    /// When.
    pub created_at: Timestamp,
    /// The item that it became.
    pub item_id: Option<ItemId>,
    /// What is encrypted.
    pub details: UploadDetails,
}

/// What is encrypted of an announced deposit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UploadDetails {
    /// Exhibit reference.
    pub reference: String,
    /// What it is.
    pub description: String,
    /// The original file name: text, or `{"hex"}`.
    pub file_name: Value,
    /// Hashes taken before, by algorithm.
    pub declared: Vec<(String, String)>,
    /// Who, when, where, device, tool; slot 30.
    pub provenance: Value,
    /// Whether it is restricted from the start.
    pub restricted: bool,
    /// How it was made from other items, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived: Option<Derived>,
}

impl Authenticated for UploadRow {
    const TABLE: &'static str = "uploads";

    fn shown(&self) -> String {
        self.id.to_string()
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = uploads)]
struct Raw {
    id: Vec<u8>,
    case_id: Vec<u8>,
    person_id: Vec<u8>,
    created_at: i64,
    item_id: Option<Vec<u8>>,
    details: Vec<u8>,
    mac: Vec<u8>,
}

/// Writes what was announced.
///
/// # Errors
/// The row can't be written.
pub fn insert<A: AddsItem>(
    connection: &mut Connection,
    _permit: &Permit<A>,
    (keyring, ambient, key): (&Keyring, &Ambient, &SessionKey),
    scope: ScopeId,
    row: &UploadRow,
) -> Result<(), DbError> {
    let keys = keys::scope(connection, keyring, scope)?;
    diesel::insert_into(uploads::table)
        .values(Raw {
            id: row.id.as_bytes().to_vec(),
            case_id: row.case_id.as_bytes().to_vec(),
            person_id: row.person_id.as_bytes().to_vec(),
            created_at: row.created_at.micros(),
            item_id: None,
            details: place(row.id).seal_json(keys.value.as_bytes(), ambient, &row.details),
            mac: mac::mac(key, row).to_vec(),
        })
        .execute(connection)?;
    Ok(())
}

/// Notes the item that the upload became; no other upload of it is taken after that.
///
/// # Errors
/// [`DbError::Damaged`] when it became one already.
pub fn finish<A: AddsItem>(
    connection: &mut Connection,
    _permit: &Permit<A>,
    key: &SessionKey,
    row: &UploadRow,
) -> Result<(), DbError> {
    let changed = diesel::update(uploads::table.find(row.id.as_bytes().to_vec()))
        .filter(uploads::item_id.is_null())
        .set((
            uploads::item_id.eq(row.item_id.map(|item| item.as_bytes().to_vec())),
            uploads::mac.eq(mac::mac(key, row).to_vec()),
        ))
        .execute(connection)?;
    if changed == 1 {
        Ok(())
    } else {
        Err(DbError::damaged(
            "uploads",
            row.id,
            "it became an item already",
        ))
    }
}

/// What was announced under this id, by this person. The scope is that of its case.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn of_person(
    connection: &mut Connection,
    (keyring, key): (&Keyring, &SessionKey),
    upload: UploadId,
    person: PersonId,
) -> Result<Option<UploadRow>, DbError> {
    let raw: Option<Raw> = uploads::table
        .find(upload.as_bytes().to_vec())
        .filter(uploads::person_id.eq(person.as_bytes().to_vec()))
        .select(Raw::as_select())
        .first(connection)
        .optional()?;
    let Some(raw) = raw else { return Ok(None) };
    let case_id: CaseId = id("uploads", &raw.case_id)?;
    let case = super::cases::find(connection, keyring, case_id)?
        .ok_or_else(|| DbError::damaged("uploads", upload, "its case is missing"))?;
    let keys = keys::scope(connection, keyring, case.scope_id)?;
    let row = UploadRow {
        id: upload,
        case_id,
        person_id: person,
        created_at: time("uploads", raw.created_at)?,
        item_id: raw.item_id.map(|item| id("uploads", &item)).transpose()?,
        details: place(upload).open_json(keys.value.as_bytes(), &raw.details)?,
    };
    mac::check(key, &row, &raw.mac)?;
    Ok(Some(row))
}

fn place(upload: UploadId) -> Place {
    Place {
        table: "uploads",
        row: upload.id(),
        column: "details",
    }
}
