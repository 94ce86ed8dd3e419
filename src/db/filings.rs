//! What the register says beside cases and items: corrections, transfers of the physical thing,
//! orders, exhibits. Nothing filed is edited; an exhibit's status moves on by revisions, each
//! with its entry.

use std::collections::HashMap;

use custos_core::{
    event::leaf_data,
    hash::Hash,
    ids::{CaseId, Id, ItemId, PersonId, RowId, ScopeId, Timestamp},
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Connection, DbError,
    bound::{self, Binding, Bound},
    keys,
    rows::{id, rev, revision, time},
    schema::{entries, filings},
    value::Place,
};
use crate::{
    ambient::Ambient,
    keyring::{Keyring, ScopeKeys},
    policy::{
        action::{
            ActionKind, Correct, Deposit, Derive, MakeOrder, OfferExhibit, ReadHistory, ReadItem,
            RecordTransfer, RuleOnExhibit,
        },
        permit::Permit,
    },
};

/// Entries that are looked up together.
const TOGETHER: usize = 1_000;

/// What is filed: a kind, and what is encrypted of it.
pub trait Filed: Serialize + DeserializeOwned + Clone {
    /// The word in the column `kind`.
    const KIND: &'static str;
}

/// A correction of what was told of an item. What was told stays beside it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Correction {
    /// What is corrected: `description`, or a member of what was told of its origin.
    pub field: String,
    /// What it should say.
    pub value: Value,
    /// Why.
    pub reason: String,
    /// Who corrects.
    pub by: PersonId,
}

/// The physical thing, of which an item is made or which it shows, changed hands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Transfer {
    /// Who gave it out of their hands.
    pub released_by: String,
    /// Who took it.
    pub received_by: String,
    /// When, by the clock of whoever noted it.
    pub at: Timestamp,
    /// Offset of that clock, in minutes east of UTC.
    pub offset_minutes: i16,
    /// Where.
    pub place: String,
    /// Why.
    pub reason: String,
    /// Number of the seal; empty where there is none.
    pub seal: String,
    /// `intact`, `broken`, `replaced` or `none`.
    pub seal_state: String,
    /// Who records it.
    pub by: PersonId,
}

/// An order of the court. Entries made under it name it as their authority.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// Its number, as the court gives it.
    pub number: String,
    /// What it orders: `protective_measure`, `admit`, ...
    pub orders: String,
    /// In its own words.
    pub text: String,
    /// The judge.
    pub by: PersonId,
}

/// An item offered to the court.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Exhibit {
    /// Its number in court, as the side or the court gives it.
    pub number: String,
    /// `prosecution` or `defence`.
    pub side: String,
    /// The order that ruled on it.
    pub order: Option<RowId>,
    /// Reasons of the ruling, or of the offer while there is none.
    pub note: String,
    /// Who offered it, then who ruled.
    pub by: PersonId,
}

/// Another item was made from this one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Derivative {
    /// The other item.
    pub item: ItemId,
    /// Who took it in.
    pub by: PersonId,
}

impl Filed for Derivative {
    const KIND: &'static str = "derivative";
}

impl Filed for Correction {
    const KIND: &'static str = "correction";
}

impl Filed for Transfer {
    const KIND: &'static str = "transfer";
}

impl Filed for Order {
    const KIND: &'static str = "order";
}

impl Filed for Exhibit {
    const KIND: &'static str = "exhibit";
}

/// One filing.
#[derive(Debug, Clone, Serialize)]
pub struct FilingRow<T> {
    /// Its id.
    pub id: RowId,
    /// Revision of the row.
    pub rev: u64,
    /// The case.
    pub case_id: CaseId,
    /// The item that it is about; none for an order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item_id: Option<ItemId>,
    /// The kind; always [`Filed::KIND`].
    pub kind: &'static str,
    /// `filed`; of an exhibit `offered`, `admitted`, `rejected`, `withdrawn`.
    pub status: String,
    /// When it was first filed.
    pub filed_at: Timestamp,
    /// What is encrypted.
    pub details: T,
}

impl<T: Filed> Bound for FilingRow<T> {
    const TABLE: &'static str = "filings";

    fn id(&self) -> Id {
        self.id.id()
    }

    fn rev(&self) -> u64 {
        self.rev
    }
}

/// Permission to file something of one kind.
pub trait Files<T>: ActionKind {}
impl Files<Correction> for Correct {}
impl Files<Transfer> for RecordTransfer {}
impl Files<Order> for MakeOrder {}
impl Files<Exhibit> for OfferExhibit {}
impl Files<Derivative> for Derive {}
impl Files<Derivative> for Deposit {}

/// Permission to move an exhibit on.
pub trait MovesExhibit: ActionKind {}
impl MovesExhibit for OfferExhibit {}
impl MovesExhibit for RuleOnExhibit {}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = filings)]
pub(super) struct Raw {
    id: Vec<u8>,
    pub(super) rev: i64,
    pub(super) salt: Vec<u8>,
    pub(super) entry: Vec<u8>,
    case_id: Vec<u8>,
    pub(super) item_id: Option<Vec<u8>>,
    kind: String,
    status: String,
    pub(super) filed_at: i64,
    details: Vec<u8>,
}

impl Raw {
    /// Its columns as they lie there, but for the numbers.
    pub(super) fn parts(&self) -> [&[u8]; 8] {
        [
            &self.id,
            &self.salt,
            &self.entry,
            &self.case_id,
            self.item_id.as_deref().unwrap_or_default(),
            self.kind.as_bytes(),
            self.status.as_bytes(),
            &self.details,
        ]
    }

    /// The row, decrypted under its scope's keys, not checked yet.
    pub(super) fn row<T: Filed>(&self, keys: &ScopeKeys) -> Result<FilingRow<T>, DbError> {
        let filing: RowId = id("filings", &self.id)?;
        let item = self.item_id.as_ref();
        Ok(FilingRow {
            id: filing,
            rev: revision("filings", self.rev)?,
            case_id: id("filings", &self.case_id)?,
            item_id: item.map(|item| id("filings", item)).transpose()?,
            kind: T::KIND,
            status: self.status.clone(),
            filed_at: time("filings", self.filed_at)?,
            details: place(filing).open_json(keys.value.as_bytes(), &self.details)?,
        })
    }
}

/// Writes a new filing.
///
/// # Errors
/// The row can't be written.
pub fn insert<T: Filed, A: Files<T>>(
    connection: &mut Connection,
    _permit: &Permit<A>,
    (keyring, ambient, scope): (&Keyring, &Ambient, ScopeId),
    row: &FilingRow<T>,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let keys = keys::scope(connection, keyring, scope)?;
    let details = place(row.id).seal_json(keys.value.as_bytes(), ambient, &row.details);
    diesel::insert_into(filings::table)
        .values(Raw {
            id: row.id.as_bytes().to_vec(),
            rev: rev(row.rev),
            salt: binding.salt.to_vec(),
            entry: entry.to_vec(),
            case_id: row.case_id.as_bytes().to_vec(),
            item_id: row.item_id.map(|item| item.as_bytes().to_vec()),
            kind: T::KIND.into(),
            status: row.status.clone(),
            filed_at: row.filed_at.micros(),
            details,
        })
        .execute(connection)?;
    Ok(())
}

/// Writes the next revision of an exhibit.
///
/// # Errors
/// [`DbError::Damaged`] when the row is not at the revision before.
pub fn revise<A: MovesExhibit>(
    connection: &mut Connection,
    _permit: &Permit<A>,
    (keyring, ambient, scope): (&Keyring, &Ambient, ScopeId),
    row: &FilingRow<Exhibit>,
    binding: &Binding,
    entry: &[u8; 32],
) -> Result<(), DbError> {
    let keys = keys::scope(connection, keyring, scope)?;
    let details = place(row.id).seal_json(keys.value.as_bytes(), ambient, &row.details);
    let changed = diesel::update(filings::table.find(row.id.as_bytes().to_vec()))
        .filter(filings::rev.eq(rev(row.rev) - 1))
        .set((
            filings::rev.eq(rev(row.rev)),
            filings::salt.eq(binding.salt.to_vec()),
            filings::entry.eq(entry.to_vec()),
            filings::status.eq(&row.status),
            filings::details.eq(details),
        ))
        .execute(connection)?;
    if changed == 1 {
        Ok(())
    } else {
        Err(DbError::damaged(
            "filings",
            row.id,
            "it is not at the revision before",
        ))
    }
}

/// What was filed of one kind about an item, oldest first.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn of_item<T: Filed>(
    connection: &mut Connection,
    keyring: &Keyring,
    scope: ScopeId,
    permit: &Permit<ReadItem>,
) -> Result<Vec<FilingRow<T>>, DbError> {
    about(connection, keyring, scope, permit.resource().id.into())
}

/// The orders of a case, oldest first.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn orders(
    connection: &mut Connection,
    keyring: &Keyring,
    scope: ScopeId,
    permit: &Permit<ReadHistory>,
) -> Result<Vec<FilingRow<Order>>, DbError> {
    of_case(connection, keyring, scope, permit.resource().id.into())
}

/// What was filed of one kind about an item, oldest first; for decisions.
pub(super) fn about<T: Filed>(
    connection: &mut Connection,
    keyring: &Keyring,
    scope: ScopeId,
    item: ItemId,
) -> Result<Vec<FilingRow<T>>, DbError> {
    let raw = of_items::<T>(connection, &[item.as_bytes()])?;
    rows(connection, keyring, scope, &raw)
}

/// What was filed of one kind about these items, oldest first, as it lies there.
pub(super) fn of_items<T: Filed>(
    connection: &mut Connection,
    items: &[&[u8]],
) -> Result<Vec<Raw>, DbError> {
    let mut raw: Vec<Raw> = filings::table
        .filter(filings::item_id.eq_any(items))
        .filter(filings::kind.eq(T::KIND))
        .order((filings::filed_at, filings::id))
        .select(Raw::as_select())
        .load(connection)?;
    in_order_of_entries(connection, &mut raw)?;
    Ok(raw)
}

/// While the clock stands still, or behind the log's time, many filings have one time; their
/// entries tell which came first. INVARIANT: `raw` is in the order of the times already.
fn in_order_of_entries(connection: &mut Connection, raw: &mut [Raw]) -> Result<(), DbError> {
    let is_shared = |pair: &[Raw]| pair[0].filed_at == pair[1].filed_at;
    if !raw.windows(2).any(is_shared) {
        return Ok(());
    }
    let leaves = raw.iter().filter_map(|raw| {
        let c = raw.entry.as_slice().try_into().ok()?;
        Some(leaf_data(&Hash::from_bytes(c)).to_vec())
    });
    let leaves: Vec<Vec<u8>> = leaves.collect();
    let mut places: HashMap<Vec<u8>, i64> = HashMap::new();
    for leaves in leaves.chunks(TOGETHER) {
        let found: Vec<(Vec<u8>, i64)> = entries::table
            .filter(entries::leaf.eq_any(leaves))
            .filter(entries::writes_rows)
            .select((entries::leaf, entries::idx))
            .load(connection)?;
        places.extend(
            found
                .into_iter()
                .map(|(leaf, idx)| (leaf[1..].to_vec(), idx)),
        );
    }
    // One without an entry is refused when it is checked, wherever it stands.
    raw.sort_by_key(|raw| (raw.filed_at, places.get(&raw.entry).copied()));
    Ok(())
}

/// What was filed of one kind in a case, oldest first; for decisions.
pub(super) fn of_case<T: Filed>(
    connection: &mut Connection,
    keyring: &Keyring,
    scope: ScopeId,
    case: CaseId,
) -> Result<Vec<FilingRow<T>>, DbError> {
    let raw: Vec<Raw> = filings::table
        .filter(filings::case_id.eq(case.as_bytes().to_vec()))
        .filter(filings::kind.eq(T::KIND))
        .order((filings::filed_at, filings::id))
        .select(Raw::as_select())
        .load(connection)?;
    rows(connection, keyring, scope, &raw)
}

/// One filing of a kind, checked; for decisions.
pub(super) fn find<T: Filed>(
    connection: &mut Connection,
    keyring: &Keyring,
    scope: ScopeId,
    filing: RowId,
) -> Result<Option<FilingRow<T>>, DbError> {
    let raw: Option<Raw> = filings::table
        .find(filing.as_bytes().to_vec())
        .filter(filings::kind.eq(T::KIND))
        .select(Raw::as_select())
        .first(connection)
        .optional()?;
    raw.map(|raw| row(connection, keyring, scope, &raw))
        .transpose()
}

/// How many rows of a kind were filed about an item.
///
/// # Errors
/// The rows can't be read.
pub fn count_about<T: Filed, A: Files<T>>(
    connection: &mut Connection,
    _permit: &Permit<A>,
    item: ItemId,
) -> Result<i64, DbError> {
    Ok(filings::table
        .filter(filings::item_id.eq(item.as_bytes().to_vec()))
        .filter(filings::kind.eq(T::KIND))
        .count()
        .get_result(connection)?)
}

/// Whether a filing is of this case; its content can be decrypted under no other's key.
pub(super) fn is_of_case(
    connection: &mut Connection,
    case: CaseId,
    filing: RowId,
) -> Result<bool, DbError> {
    let found: i64 = filings::table
        .find(filing.as_bytes().to_vec())
        .filter(filings::case_id.eq(case.as_bytes().to_vec()))
        .count()
        .get_result(connection)?;
    Ok(found > 0)
}

fn rows<T: Filed>(
    connection: &mut Connection,
    keyring: &Keyring,
    scope: ScopeId,
    raw: &[Raw],
) -> Result<Vec<FilingRow<T>>, DbError> {
    raw.iter()
        .map(|raw| row(connection, keyring, scope, raw))
        .collect()
}

fn row<T: Filed>(
    connection: &mut Connection,
    keyring: &Keyring,
    scope: ScopeId,
    raw: &Raw,
) -> Result<FilingRow<T>, DbError> {
    let keys = keys::scope(connection, keyring, scope)?;
    let row = raw.row(&keys)?;
    bound::check(connection, keyring, &row, &raw.salt, &raw.entry)?;
    Ok(row)
}

fn place(row: RowId) -> Place {
    Place {
        table: "filings",
        row: row.id(),
        column: "details",
    }
}
