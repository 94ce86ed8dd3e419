//! Rows of many items at once: for the index of a case, and for the rows of a list.
//!
//! The index reads everything that is in a case, without a permit; what it holds is given out
//! under one only. Every row is checked against its entry, as when it is read alone.

pub mod cases;
mod lying;

use std::{
    collections::{BTreeSet, HashMap},
    num::NonZero,
    thread,
};

use custos_core::{
    event::{leaf_data, slot},
    hash::Hash,
    ids::{CaseId, ItemId, LeafIndex, ScopeId},
};
use diesel::prelude::*;
use zeroize::Zeroizing;

use lying::{Lying, Vouched};

use super::{
    Connection, DbError,
    bound::{self, Bound, NO_ENTRY},
    decide::CaseFacts,
    disclosures::Raw as RawServing,
    entries::{self, Chain, EntryRow, Link},
    evidence::{ItemRow, RawItem, RawState},
    filings::{self, Correction, Filed, Raw as RawFiling},
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
/// Rows below which a second thread does not pay.
const ALONE: usize = 128;
/// Threads that decrypt rows of one case at a time.
const MAX_THREADS: usize = 4;

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

/// Every item of a case, handed over in the order of their numbers.
///
/// # Errors
/// The rows can't be read. What is wrong with one item is handed over in its place.
pub fn every(
    connection: &mut Connection,
    keyring: &Keyring,
    case: &CaseFacts,
    mut take: impl FnMut(Found),
) -> Result<(), DbError> {
    let (mut after, mut handed) = (0, 0);
    loop {
        let raw: Vec<RawItem> = items::table
            .filter(items::scope_id.eq(case.scope.as_bytes().to_vec()))
            .filter(items::nth.gt(after))
            .order(items::nth)
            .limit(signed(TOGETHER as u64))
            .select(RawItem::as_select())
            .load(connection)?;
        let Some(last) = raw.last() else { break };
        after = last.nth;
        handed += raw.len();
        check(connection, keyring, case, raw)?
            .into_iter()
            .for_each(&mut take);
    }
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
    for named in named.chunks(TOGETHER) {
        let named: Vec<Vec<u8>> = named.iter().map(|id| id.as_bytes().to_vec()).collect();
        let raw: Vec<RawItem> = items::table
            .filter(items::id.eq_any(named))
            .filter(items::case_id.eq(case.case.id.as_bytes().to_vec()))
            .select(RawItem::as_select())
            .load(connection)?;
        found.extend(check(connection, keyring, case, raw)?);
    }
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
    let raw: Vec<RawItem> = items::table
        .filter(items::id.eq_any(ids))
        .select(RawItem::as_select())
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
        let read = lying.read(&keys, &mut |_| Ok(()))?;
        let is_permitted = permits.iter().any(|permit| permit.covers(&read.facts));
        is_permitted.then_some(read).ok_or_else(damaged)
    };
    named.iter().map(one).collect()
}

/// Entries by their `C`.
type Entries = HashMap<Vec<u8>, EntryRow>;

/// Reads what stands beside these items, and checks it all; in parts, if there is much of it.
fn check(
    connection: &mut Connection,
    keyring: &Keyring,
    case: &CaseFacts,
    raw: Vec<RawItem>,
) -> Result<Vec<Found>, DbError> {
    let mut lying = beside(connection, raw)?;
    let entries = entries_of(connection, keyring, &lying)?;
    keys::scope(connection, keyring, case.scope)?;
    let look = |lying: Vec<Lying>| -> Vec<Found> {
        let one = |lying: Lying| {
            // The query went by the id, so it is one.
            let item = id("items", &lying.item.id).ok()?;
            Some((item, check_one(keyring, case, &entries, &lying)))
        };
        lying.into_iter().filter_map(one).collect()
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let parts = cores.min(MAX_THREADS).min(lying.len() / ALONE).max(1);
    let each = lying.len().div_ceil(parts).max(1);
    thread::scope(|scope| {
        let look = &look;
        let mut others = Vec::new();
        while lying.len() > each {
            let part = lying.split_off(lying.len() - each);
            others.push(scope.spawn(move || look(part)));
        }
        let mut found = look(lying);
        for other in others.into_iter().rev() {
            found.extend(other.join().expect("checking rows does not panic"));
        }
        Ok(found)
    })
}

fn beside(connection: &mut Connection, raw: Vec<RawItem>) -> Result<Vec<Lying>, DbError> {
    let ids: Vec<&[u8]> = raw.iter().map(|item| item.id.as_slice()).collect();
    let states: Vec<RawState> = states::table
        .filter(states::id.eq_any(&ids))
        .select(RawState::as_select())
        .load(connection)?;
    let served: Vec<RawServing> = servings::table
        .filter(servings::item_id.eq_any(&ids))
        .filter(servings::status.eq("served"))
        .order(servings::id)
        .select(RawServing::as_select())
        .load(connection)?;
    let corrected = filings::of_items::<Correction>(connection, &ids)?;
    let mut states: HashMap<Vec<u8>, RawState> = states
        .into_iter()
        .map(|state| (state.id.clone(), state))
        .collect();
    let mut servings: HashMap<Vec<u8>, Vec<RawServing>> = HashMap::new();
    for serving in served {
        let of_item = servings.entry(serving.item_id.clone());
        of_item.or_default().push(serving);
    }
    let mut corrections: HashMap<Vec<u8>, Vec<RawFiling>> = HashMap::new();
    for correction in corrected {
        if let Some(item) = &correction.item_id {
            let of_item = corrections.entry(item.clone());
            of_item.or_default().push(correction);
        }
    }
    let lying = |item: RawItem| Lying {
        state: states.remove(&item.id),
        servings: servings.remove(&item.id).unwrap_or_default(),
        corrections: corrections.remove(&item.id).unwrap_or_default(),
        item,
    };
    Ok(raw.into_iter().map(lying).collect())
}

/// The columns of an entry from which its link part is opened.
const LINKED: (
    entries_table::idx,
    entries_table::id,
    entries_table::leaf,
    entries_table::scope_id,
    entries_table::link,
) = (
    entries_table::idx,
    entries_table::id,
    entries_table::leaf,
    entries_table::scope_id,
    entries_table::link,
);

type Linked = (i64, Vec<u8>, Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>);

fn linked((idx, id, leaf, scope_id, link): Linked) -> EntryRow {
    EntryRow {
        idx,
        id,
        leaf,
        scope_id,
        scope_nth: None,
        item_nth: None,
        subject_id: None,
        subject_nth: None,
        writes_rows: true,
        link,
        body: None,
    }
}

/// The entries that wrote these rows, and the keys of their scopes in the keyring.
fn entries_of(
    connection: &mut Connection,
    keyring: &Keyring,
    lying: &[Lying],
) -> Result<Entries, DbError> {
    let mut named: BTreeSet<&[u8]> = BTreeSet::new();
    for one in lying {
        named.insert(&one.item.entry);
        named.extend(one.state.iter().map(|state| state.entry.as_slice()));
        named.extend(one.servings.iter().map(|serving| serving.entry.as_slice()));
        named.extend(one.corrections.iter().map(|filing| filing.entry.as_slice()));
    }
    let leaves: Vec<Vec<u8>> = named
        .into_iter()
        .filter_map(|c| c.try_into().ok())
        .map(|c| leaf_data(&Hash::from_bytes(c)).to_vec())
        .collect();
    let mut entries = HashMap::with_capacity(leaves.len());
    for leaves in leaves.chunks(TOGETHER) {
        let found: Vec<Linked> = entries_table::table
            .filter(entries_table::leaf.eq_any(leaves))
            .filter(entries_table::writes_rows)
            .select(LINKED)
            .load(connection)?;
        for entry in found.into_iter().map(linked) {
            if let Some(scope) = entry.scope()? {
                keys::scope(connection, keyring, scope)?;
            }
            entries.insert(entry.leaf[1..].to_vec(), entry);
        }
    }
    Ok(entries)
}

/// Link parts that were opened for one item: most of its rows are of one entry.
struct Vouching<'a> {
    keyring: &'a Keyring,
    entries: &'a Entries,
    opened: Vec<(&'a [u8], Link)>,
}

impl<'a> Vouching<'a> {
    fn check<T: Bound>(&mut self, row: &T, salt: &[u8], c: &'a [u8]) -> Result<(), DbError> {
        let unknown = || DbError::damaged(T::TABLE, row.id(), NO_ENTRY);
        if let Some((_, link)) = self.opened.iter().find(|(opened, _)| *opened == c) {
            return bound::check_in(link, row, salt);
        }
        let entry = self.entries.get(c).ok_or_else(unknown)?;
        let scope = entry.scope()?.ok_or_else(unknown)?;
        let keys = self.keyring.scope(scope).ok_or_else(unknown)?;
        let link = entry.open_link(keys.value.as_bytes())?;
        bound::check_in(&link, row, salt)?;
        self.opened.push((c, link));
        Ok(())
    }
}

fn check_one(
    keyring: &Keyring,
    case: &CaseFacts,
    entries: &Entries,
    lying: &Lying,
) -> Result<Checked, DbError> {
    let item: ItemId = id("items", &lying.item.id)?;
    let damaged = |what| DbError::damaged("items", item, what);
    let scope: ScopeId = id("items", &lying.item.scope_id)?;
    if scope != case.scope || lying.item.case_id != case.case.id.as_bytes() {
        return Err(damaged("it lies in another scope than its case"));
    }
    let keys = keyring
        .scope(scope)
        .ok_or_else(|| damaged("its scope has no keys"))?;
    let mut vouching = Vouching {
        keyring,
        entries,
        opened: Vec::new(),
    };
    lying.read(&keys, &mut |(row, salt, entry)| match row {
        Vouched::Item(row) => vouching.check(row, salt, entry),
        Vouched::State(row) => vouching.check(row, salt, entry),
        Vouched::Serving(row) => vouching.check(row, salt, entry),
        Vouched::Correction(row) => vouching.check(row, salt, entry),
    })
}
