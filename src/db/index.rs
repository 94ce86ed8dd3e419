//! Rows of many items at once: for the index of a case, and for the rows of a list.
//!
//! The index reads everything that is in a case, without a permit; what it holds is given out
//! under one only. Every row is checked against its entry, as when it is read alone.

pub mod cases;
mod checking;
mod lying;

use std::collections::{BTreeSet, HashMap};

use custos_core::{
    event::slot,
    ids::{CaseId, ItemId, LeafIndex, ScopeId},
};
use diesel::prelude::*;
use zeroize::Zeroizing;

use checking::{Checking, Read, beside};
use lying::Lying;

use super::{
    Connection, DbError,
    decide::CaseFacts,
    entries::{self, Chain, LINKED, Linked, linked},
    evidence::{ItemRow, RawItem, RawState},
    filings::{Correction, Filed},
    head::signed,
    keys,
    rows::id,
    schema::{entries as entries_table, filings as filings_table, items, servings, states},
};
use crate::{
    keyring::Keyring,
    policy::{action::ReadItem, facts, permit::ClassPermit},
};

/// Rows of items that are read and decrypted together.
const TOGETHER: usize = 1_000;

/// An item as its rows tell, all of them checked.
pub struct Checked {
    /// Its row.
    pub row: ItemRow,
    /// What policy sees of it.
    pub facts: facts::Item,
    /// Descriptions by which it was corrected, oldest first.
    pub corrected: Vec<Zeroizing<String>>,
    /// Over its rows as they lay there when they were checked.
    pub mark: Mark,
}

impl Checked {
    /// What the item is, as it was told last.
    pub fn description(&self) -> &str {
        let told_first = &self.row.details.description;
        self.corrected.last().map_or(told_first, |last| last)
    }
}

/// The first bytes of a SHA-256 over rows as they lie there. Rows of the same mark were checked
/// against their entries before, and need not be again.
pub type Mark = [u8; 16];

/// An item with what its rows tell, or what is wrong with them.
pub type Found = (ItemId, Result<Checked, DbError>);

/// How far a scope's entries go.
///
/// # Errors
/// The rows can't be read.
pub fn last_entry(connection: &mut Connection, scope: ScopeId) -> Result<u64, DbError> {
    let head = entries::chain_head(connection, Chain::Scope(scope))?;
    Ok(head.map_or(0, |head| head.nth))
}

/// Whether an entry behind `index` wrote rows that may decide something. Where none did, facts
/// that were read with the entry at `index` are those of now.
///
/// # Errors
/// The rows can't be read.
pub fn changed_since(connection: &mut Connection, index: LeafIndex) -> Result<bool, DbError> {
    let later = entries_table::table
        .filter(entries_table::idx.gt(signed(index.get())))
        .filter(entries_table::writes_rows);
    Ok(diesel::select(diesel::dsl::exists(later)).get_result(connection)?)
}

/// The index of the log's newest entry; -1 before its first.
///
/// # Errors
/// The rows can't be read.
pub fn end(connection: &mut Connection) -> Result<i64, DbError> {
    let newest = entries_table::table
        .order(entries_table::idx.desc())
        .select(entries_table::idx)
        .first(connection)
        .optional()?;
    Ok(newest.unwrap_or(-1))
}

/// The items of which a scope's entries behind the `after`-th wrote rows.
///
/// It goes by what the entries say that they wrote. INVARIANT: whatever narrows or widens who
/// may know of an item is a row of `items`, `states` or `servings`, and whatever else changes
/// what is listed and searched of it is a correction among `filings`; each is written by an
/// entry in the item's own scope.
///
/// # Errors
/// [`DbError::Damaged`]: an entry can't be opened.
pub fn touched(
    connection: &mut Connection,
    keyring: &Keyring,
    scope: ScopeId,
    after: u64,
) -> Result<BTreeSet<ItemId>, DbError> {
    let mut touched = BTreeSet::new();
    let (mut served, mut filed) = (Vec::new(), Vec::new());
    let mut after = signed(after);
    loop {
        let found: Vec<(Option<i64>, Linked)> = entries_table::table
            .filter(entries_table::scope_id.eq(scope.as_bytes().to_vec()))
            .filter(entries_table::scope_nth.gt(after))
            .filter(entries_table::writes_rows)
            .order(entries_table::scope_nth)
            .limit(signed(TOGETHER as u64))
            .select((entries_table::scope_nth, LINKED))
            .load(connection)?;
        let Some((Some(last), _)) = found.last() else {
            break;
        };
        after = *last;
        for (_, entry) in found {
            let keys = keys::scope(connection, keyring, scope)?;
            let link = linked(entry).open_link(keys.value.as_bytes())?;
            let written = link.value(slot::ROWS)["rows"].as_array();
            for row in written.into_iter().flatten() {
                let named = row["id"].as_str().unwrap_or_default();
                match row["table"].as_str() {
                    Some("items" | "states") => touched.extend(named.parse::<ItemId>()),
                    Some("servings") => served.extend(hex::decode(named)),
                    Some("filings") => filed.extend(hex::decode(named)),
                    _ => {}
                }
            }
        }
    }
    for served in served.chunks(TOGETHER) {
        let items: Vec<Vec<u8>> = servings::table
            .filter(servings::id.eq_any(served))
            .select(servings::item_id)
            .load(connection)?;
        for raw in &items {
            touched.insert(id("servings", raw)?);
        }
    }
    for filed in filed.chunks(TOGETHER) {
        let items: Vec<Option<Vec<u8>>> = filings_table::table
            .filter(filings_table::id.eq_any(filed))
            .filter(filings_table::kind.eq(Correction::KIND))
            .select(filings_table::item_id)
            .load(connection)?;
        for raw in items.iter().flatten() {
            touched.insert(id("filings", raw)?);
        }
    }
    Ok(touched)
}

/// How many items a case has.
///
/// # Errors
/// The rows can't be read.
pub fn count(connection: &mut Connection, case: CaseId) -> Result<usize, DbError> {
    let count: i64 = items::table
        .filter(items::case_id.eq(case.as_bytes().to_vec()))
        .count()
        .get_result(connection)?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Every item of a case, handed over in the order of their numbers, each as `prepare` made it on
/// the thread that checked it.
///
/// # Errors
/// The rows can't be read. What is wrong with one item is handed over in its place.
pub fn every<T: Send>(
    connection: &mut Connection,
    keyring: &Keyring,
    case: &CaseFacts,
    prepare: impl Fn(Checked) -> T + Sync,
    take: impl FnMut(ItemId, Result<T, DbError>),
) -> Result<(), DbError> {
    let (mut after, mut handed) = (0, 0);
    let next = || {
        let raw: Vec<(RawItem, Option<RawState>)> = items::table
            .left_join(states::table.on(states::id.eq(items::id)))
            .filter(items::scope_id.eq(case.scope.as_bytes().to_vec()))
            .filter(items::nth.gt(after))
            .order(items::nth)
            .limit(signed(TOGETHER as u64))
            .select((RawItem::as_select(), Option::<RawState>::as_select()))
            .load(connection)?;
        let Some((last, _)) = raw.last() else {
            return Ok(None);
        };
        after = last.nth;
        handed += raw.len();
        Read::of(connection, keyring, case, raw).map(Some)
    };
    Checking::new(keyring, case, prepare).all(next, take)?;
    if handed == count(connection, case.case.id)? {
        return Ok(());
    }
    Err(DbError::damaged("cases", case.case.id, ELSEWHERE))
}

/// What is wrong with an item whose changes its case's scope does not tell.
const ELSEWHERE: &str = "an item of it lies in another scope";

/// These items of a case, in the order in which they are named; those that it has not are left
/// out.
///
/// # Errors
/// The rows can't be read. What is wrong with one item is handed over in its place.
pub fn some(
    connection: &mut Connection,
    keyring: &Keyring,
    case: &CaseFacts,
    named: &[ItemId],
) -> Result<Vec<Found>, DbError> {
    let mut found = HashMap::new();
    let mut chunks = named.chunks(TOGETHER);
    let next = || {
        let Some(named) = chunks.next() else {
            return Ok(None);
        };
        let named: Vec<&[u8]> = named.iter().map(|id| id.as_bytes().as_slice()).collect();
        let raw = items::table
            .left_join(states::table.on(states::id.eq(items::id)))
            .filter(items::id.eq_any(named))
            .filter(items::case_id.eq(case.case.id.as_bytes().to_vec()))
            .select((RawItem::as_select(), Option::<RawState>::as_select()))
            .load(connection)?;
        Read::of(connection, keyring, case, raw).map(Some)
    };
    Checking::new(keyring, case, |checked| checked).all(next, |item, checked| {
        found.insert(item, checked);
    })?;
    let named = named.iter();
    Ok(named
        .filter_map(|id| Some((*id, found.remove(id)?)))
        .collect())
}

/// These items of a case, each under a permit on its class as it is now.
///
/// # Errors
/// [`DbError::Damaged`]: the rows of one are not those that were checked, as their marks say, or
/// it is of a class on which nobody decided, which no entry can have brought about.
pub fn listed(
    connection: &mut Connection,
    keyring: &Keyring,
    case: &CaseFacts,
    permits: &[ClassPermit<ReadItem>],
    named: &[(ItemId, Mark)],
) -> Result<Vec<Checked>, DbError> {
    let keys = keys::scope(connection, keyring, case.scope)?;
    let ids: Vec<Vec<u8>> = named.iter().map(|(id, _)| id.as_bytes().to_vec()).collect();
    let raw = items::table
        .left_join(states::table.on(states::id.eq(items::id)))
        .filter(items::id.eq_any(ids))
        .select((RawItem::as_select(), Option::<RawState>::as_select()))
        .load(connection)?;
    let mut lying: HashMap<Vec<u8>, Lying> = beside(connection, raw)?
        .into_iter()
        .map(|lying| (lying.item.id.clone(), lying))
        .collect();
    let one = |(id, mark): &(ItemId, Mark)| {
        let damaged = || DbError::damaged("items", id, "its rows changed without an entry");
        let lying = lying.remove(id.as_bytes().as_slice()).ok_or_else(damaged)?;
        if lying.mark() != *mark {
            return Err(damaged());
        }
        let read = lying.read(*mark, &keys, &mut |_| Ok(()))?;
        let is_permitted = permits.iter().any(|permit| permit.covers(&read.facts));
        is_permitted.then_some(read).ok_or_else(damaged)
    };
    named.iter().map(one).collect()
}
