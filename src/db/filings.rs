//! What the register says beside cases and items: corrections, transfers of the physical thing,
//! orders, exhibits. Nothing filed is edited; an exhibit's status moves on by revisions, each
//! with its entry.

use custos_core::ids::{CaseId, Id, ItemId, PersonId, RowId, ScopeId, Timestamp};
use diesel::prelude::*;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Connection, DbError,
    bound::{self, Binding, Bound},
    keys,
    rows::{id, rev, revision, time},
    schema::filings,
    value::Place,
};
use crate::{
    ambient::Ambient,
    keyring::Keyring,
    policy::{
        action::{
            ActionKind, Correct, Deposit, Derive, MakeOrder, OfferExhibit, ReadHistory, ReadItem,
            RecordTransfer, RuleOnExhibit,
        },
        permit::Permit,
    },
};

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
struct Raw {
    id: Vec<u8>,
    rev: i64,
    salt: Vec<u8>,
    entry: Vec<u8>,
    case_id: Vec<u8>,
    item_id: Option<Vec<u8>>,
    kind: String,
    status: String,
    filed_at: i64,
    details: Vec<u8>,
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
    let raw: Vec<Raw> = filings::table
        .filter(filings::item_id.eq(item.as_bytes().to_vec()))
        .filter(filings::kind.eq(T::KIND))
        .order((filings::filed_at, filings::id))
        .select(Raw::as_select())
        .load(connection)?;
    rows(connection, keyring, scope, raw)
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
    rows(connection, keyring, scope, raw)
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
    raw.map(|raw| row(connection, keyring, scope, raw))
        .transpose()
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
    raw: Vec<Raw>,
) -> Result<Vec<FilingRow<T>>, DbError> {
    raw.into_iter()
        .map(|raw| row(connection, keyring, scope, raw))
        .collect()
}

fn row<T: Filed>(
    connection: &mut Connection,
    keyring: &Keyring,
    scope: ScopeId,
    raw: Raw,
) -> Result<FilingRow<T>, DbError> {
    let keys = keys::scope(connection, keyring, scope)?;
    let filing: RowId = id("filings", &raw.id)?;
    let row = FilingRow {
        id: filing,
        rev: revision("filings", raw.rev)?,
        case_id: id("filings", &raw.case_id)?,
        item_id: raw.item_id.map(|item| id("filings", &item)).transpose()?,
        kind: T::KIND,
        status: raw.status,
        filed_at: time("filings", raw.filed_at)?,
        details: place(filing).open_json(keys.value.as_bytes(), &raw.details)?,
    };
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
