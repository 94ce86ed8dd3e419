//! Items, their states, and the commitments of what is stored of them.

use custos_core::{
    hash::Hash,
    ids::{CaseId, Id, ItemId, ObjectId, PersonId, ScopeId, Timestamp},
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use zeroize::{Zeroize, Zeroizing};

use super::{
    Connection, DbError,
    bound::{self, Binding, Bound},
    filings::{Derivative, Files},
    keys,
    rows::{id, rev, revision},
    schema::{items, objects, states},
    value::Place,
};
use crate::{
    ambient::Ambient,
    keyring::{Keyring, ScopeKeys},
    policy::{
        action::{
            ActionKind, Deposit, Derive, Download, LiftRestriction, OpenView, ReadItem, Restrict,
        },
        permit::Permit,
    },
};

/// An item, as it was deposited; it never changes.
#[derive(Debug, Clone, Serialize)]
pub struct ItemRow {
    /// Its id.
    pub id: ItemId,
    /// Always 1.
    pub rev: u64,
    /// The case.
    pub case_id: CaseId,
    /// The scope it was added to.
    pub scope_id: ScopeId,
    /// Number among the scope's items.
    pub nth: u64,
    /// What is stored of it.
    pub object_id: ObjectId,
    /// HMAC of its reference within its compartment, in hex; absent in items that are older
    /// than the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_index: Option<String>,
    /// What is encrypted.
    pub details: ItemDetails,
}

/// What is encrypted of an item.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ItemDetails {
    /// Exhibit reference, `JS/1`.
    pub reference: String,
    /// What it is, in a sentence.
    pub description: String,
    /// The original file name: text, or `{"hex"}` where it was not UTF-8.
    pub file_name: Value,
    /// As the room found it by looking at the bytes.
    pub media_type: String,
    /// Bytes.
    pub size: u64,
    /// Fingerprint of the whole.
    pub sha256: String,
    /// Logged content root.
    pub content_root: String,
    /// Leaves of the content tree.
    pub leaves: u64,
    /// CRC-32 of the whole, which a bundle's ZIP needs before the bytes.
    pub crc32: u32,
    /// Slot 27.
    pub stored: Value,
    /// Slot 26: declared hashes, and what they were found to be.
    pub declared: Value,
    /// Slot 30: who, when, where, device, tool.
    pub provenance: Value,
    /// Who deposited it.
    pub depositor: PersonId,
    /// When its last byte was received.
    pub received_at: Timestamp,
    /// How it was made from other items, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived: Option<Derived>,
}

impl ItemDetails {
    /// Wipes what was told of the item, where nobody needs it any more.
    pub fn wipe(&mut self) {
        self.reference.zeroize();
        self.description.zeroize();
        for value in [&mut self.file_name, &mut self.provenance] {
            match value {
                Value::String(text) => text.zeroize(),
                Value::Object(members) => {
                    for member in members.values_mut() {
                        if let Value::String(text) = member {
                            text.zeroize();
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

/// How an item was made from others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Derived {
    /// The items that it was made from.
    #[schema(value_type = Vec<String>)]
    pub sources: Vec<ItemId>,
    /// By which tool.
    pub tool: String,
    /// Its version.
    pub version: String,
    /// How the tool was set.
    pub parameters: String,
    /// Who ran it.
    pub operator: String,
    /// Why.
    pub reason: String,
}

/// Permission to add an item to a case.
pub trait AddsItem: ActionKind + Files<Derivative> {}
impl AddsItem for Deposit {}
impl AddsItem for Derive {}

impl Bound for ItemRow {
    const TABLE: &'static str = "items";

    fn id(&self) -> Id {
        self.id.id()
    }

    fn rev(&self) -> u64 {
        self.rev
    }
}

/// What narrows the use of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StateRow {
    /// The item's id.
    pub id: ItemId,
    /// Revision of the row.
    pub rev: u64,
    /// Names of the states that hold, ascending, with commas between; empty when normal.
    pub state: String,
}

impl Bound for StateRow {
    const TABLE: &'static str = "states";

    fn id(&self) -> Id {
        self.id.id()
    }

    fn rev(&self) -> u64 {
        self.rev
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = items)]
pub(super) struct RawItem {
    pub(super) id: Vec<u8>,
    pub(super) rev: i64,
    pub(super) salt: Vec<u8>,
    pub(super) entry: Vec<u8>,
    pub(super) case_id: Vec<u8>,
    pub(super) scope_id: Vec<u8>,
    pub(super) nth: i64,
    pub(super) object_id: Vec<u8>,
    pub(super) details: Vec<u8>,
    pub(super) reference_index: Option<Vec<u8>>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = states)]
pub(super) struct RawState {
    pub(super) id: Vec<u8>,
    pub(super) rev: i64,
    pub(super) salt: Vec<u8>,
    pub(super) entry: Vec<u8>,
    pub(super) state: String,
}

impl RawItem {
    /// The row, decrypted under its scope's keys, not checked yet.
    pub(super) fn row(&self, keys: &ScopeKeys) -> Result<ItemRow, DbError> {
        let item: ItemId = id("items", &self.id)?;
        Ok(ItemRow {
            id: item,
            rev: revision("items", self.rev)?,
            case_id: id("items", &self.case_id)?,
            scope_id: id("items", &self.scope_id)?,
            nth: revision("items", self.nth)?,
            object_id: id("items", &self.object_id)?,
            reference_index: self.reference_index.as_ref().map(hex::encode),
            details: place("items", "details", item.id())
                .open_json(keys.value.as_bytes(), &self.details)?,
        })
    }
}

impl RawState {
    /// The row, not checked yet.
    pub(super) fn row(&self) -> Result<StateRow, DbError> {
        Ok(StateRow {
            id: id("states", &self.id)?,
            rev: revision("states", self.rev)?,
            state: self.state.clone(),
        })
    }
}

/// Writes a new item with its state and the commitments of its segments.
///
/// # Errors
/// The rows can't be written.
pub fn insert<A: AddsItem>(
    connection: &mut Connection,
    _permit: &Permit<A>,
    (keyring, ambient): (&Keyring, &Ambient),
    (row, binding): (&ItemRow, &Binding),
    (state, state_binding): (&StateRow, &Binding),
    heads: &[u8],
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let keys = keys::scope(connection, keyring, row.scope_id)?;
    let details =
        place("items", "details", row.id()).seal_json(keys.value.as_bytes(), ambient, &row.details);
    diesel::insert_into(items::table)
        .values(RawItem {
            id: row.id.as_bytes().to_vec(),
            rev: rev(row.rev),
            salt: binding.salt.to_vec(),
            entry: entry.to_vec(),
            case_id: row.case_id.as_bytes().to_vec(),
            scope_id: row.scope_id.as_bytes().to_vec(),
            nth: rev(row.nth),
            object_id: row.object_id.as_bytes().to_vec(),
            details,
            reference_index: row
                .reference_index
                .as_ref()
                .map(|index| hex::decode(index).expect("an index is made in hex")),
        })
        .execute(connection)?;
    diesel::insert_into(states::table)
        .values(RawState {
            id: state.id.as_bytes().to_vec(),
            rev: rev(state.rev),
            salt: state_binding.salt.to_vec(),
            entry: entry.to_vec(),
            state: state.state.clone(),
        })
        .execute(connection)?;
    let sealed =
        place("objects", "heads", row.object_id.id()).seal(keys.value.as_bytes(), ambient, heads);
    diesel::insert_into(objects::table)
        .values((
            objects::id.eq(row.object_id.as_bytes().to_vec()),
            objects::item_id.eq(row.id.as_bytes().to_vec()),
            objects::scope_id.eq(row.scope_id.as_bytes().to_vec()),
            objects::heads.eq(sealed),
        ))
        .execute(connection)?;
    Ok(())
}

/// Whether an item has this reference index.
///
/// # Errors
/// The rows can't be read.
pub fn is_reference_taken<A: AddsItem>(
    connection: &mut Connection,
    _permit: &Permit<A>,
    index: &[u8; 32],
) -> Result<bool, DbError> {
    let found: i64 = items::table
        .filter(items::reference_index.eq(index.to_vec()))
        .count()
        .get_result(connection)?;
    Ok(found > 0)
}

/// The C of the entry that added an item from which another is made.
///
/// # Errors
/// [`DbError::Damaged`]: the item is not there, or its entry is no hash.
pub fn adding(connection: &mut Connection, permit: &Permit<Derive>) -> Result<Hash, DbError> {
    let item = permit.resource().id;
    let entry: Option<Vec<u8>> = items::table
        .find(item.as_bytes().to_vec())
        .select(items::entry)
        .first(connection)
        .optional()?;
    let c = entry.and_then(|entry| <[u8; 32]>::try_from(entry).ok());
    c.map(Hash::from_bytes)
        .ok_or_else(|| DbError::damaged("items", item, "its entry is no hash"))
}

/// Permission to change what narrows the use of an item.
pub trait ChangesState: ActionKind {}
impl ChangesState for Restrict {}
impl ChangesState for LiftRestriction {}

/// Writes the next revision of an item's state.
///
/// # Errors
/// [`DbError::Damaged`] when the row is not at the revision before.
pub fn set_state<A: ChangesState>(
    connection: &mut Connection,
    _permit: &Permit<A>,
    row: &StateRow,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let changed = diesel::update(states::table.find(row.id.as_bytes().to_vec()))
        .filter(states::rev.eq(rev(row.rev) - 1))
        .set((
            states::rev.eq(rev(row.rev)),
            states::salt.eq(binding.salt.to_vec()),
            states::entry.eq(entry.to_vec()),
            states::state.eq(&row.state),
        ))
        .execute(connection)?;
    if changed == 1 {
        Ok(())
    } else {
        Err(DbError::damaged(
            "states",
            row.id,
            "it is not at the revision before",
        ))
    }
}

/// An item's metadata.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn get(
    connection: &mut Connection,
    keyring: &Keyring,
    permit: &Permit<ReadItem>,
) -> Result<Option<ItemRow>, DbError> {
    find(connection, keyring, permit.resource().id.into())
}

/// What is needed to read an item's content: its metadata, its data key, and the commitments
/// of its segments.
///
/// # Errors
/// [`DbError::Damaged`], or the key was destroyed.
pub fn content(
    connection: &mut Connection,
    keyring: &Keyring,
    permit: &Permit<OpenView>,
) -> Result<Option<Content>, DbError> {
    find_content(connection, keyring, permit.resource().id.into())
}

/// The same for a copy that is taken away.
///
/// # Errors
/// [`DbError::Damaged`], or the key was destroyed.
pub fn downloaded(
    connection: &mut Connection,
    keyring: &Keyring,
    permit: &Permit<Download>,
) -> Result<Option<Content>, DbError> {
    find_content(connection, keyring, permit.resource().id.into())
}

/// What is needed to read an item's content.
pub struct Content {
    /// The item.
    pub item: ItemRow,
    /// Its data key.
    pub data_key: Zeroizing<[u8; 32]>,
    /// Its salt key, from which the tree key follows.
    pub salt_key: Zeroizing<[u8; 32]>,
    /// Commitments of its segments, 32 bytes each.
    pub heads: Vec<u8>,
}

/// Whether an item's row names this object; says nothing about which.
///
/// # Errors
/// The rows can't be read.
pub fn names_object(connection: &mut Connection, object: ObjectId) -> Result<bool, DbError> {
    let found: i64 = items::table
        .filter(items::object_id.eq(object.as_bytes().to_vec()))
        .count()
        .get_result(connection)?;
    Ok(found > 0)
}

/// An item by its id, checked; for decisions.
pub(super) fn find(
    connection: &mut Connection,
    keyring: &Keyring,
    item: ItemId,
) -> Result<Option<ItemRow>, DbError> {
    let raw: Option<RawItem> = items::table
        .find(item.as_bytes().to_vec())
        .select(RawItem::as_select())
        .first(connection)
        .optional()?;
    let Some(raw) = raw else { return Ok(None) };
    let keys = keys::scope(connection, keyring, id("items", &raw.scope_id)?)?;
    let row = raw.row(&keys)?;
    bound::check(connection, keyring, &row, &raw.salt, &raw.entry)?;
    Ok(Some(row))
}

/// What narrows an item's use, checked; for decisions.
pub(super) fn state(
    connection: &mut Connection,
    keyring: &Keyring,
    item: ItemId,
) -> Result<Option<StateRow>, DbError> {
    let raw: Option<RawState> = states::table
        .find(item.as_bytes().to_vec())
        .select(RawState::as_select())
        .first(connection)
        .optional()?;
    let Some(raw) = raw else { return Ok(None) };
    let row = raw.row()?;
    bound::check(connection, keyring, &row, &raw.salt, &raw.entry)?;
    Ok(Some(row))
}

/// The content of an item, whoever asks; the audit reads it too.
pub(super) fn find_content(
    connection: &mut Connection,
    keyring: &Keyring,
    item: ItemId,
) -> Result<Option<Content>, DbError> {
    use custos_core::keys::Purpose;

    let Some(row) = find(connection, keyring, item)? else {
        return Ok(None);
    };
    let sealed: Option<Vec<u8>> = objects::table
        .find(row.object_id.as_bytes().to_vec())
        .select(objects::heads)
        .first(connection)
        .optional()?;
    let sealed =
        sealed.ok_or_else(|| DbError::damaged("objects", row.object_id, "it is missing"))?;
    let keys = keys::scope(connection, keyring, row.scope_id)?;
    let heads =
        place("objects", "heads", row.object_id.id()).open(keys.value.as_bytes(), &sealed)?;
    Ok(Some(Content {
        data_key: keys::get(connection, &keys, item.id(), Purpose::Data)?,
        salt_key: keys::get(connection, &keys, item.id(), Purpose::Salt)?,
        heads: heads.to_vec(),
        item: row,
    }))
}

fn place(table: &'static str, column: &'static str, row: Id) -> Place {
    Place { table, row, column }
}
