//! Checking rows of many items against the entries that wrote them, on every core.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    num::NonZero,
    thread,
};

use custos_core::{event::leaf_data, hash::Hash, ids::ItemId};
use diesel::prelude::*;

use super::{
    Checked, TOGETHER,
    lying::{Lying, Vouched},
};
use crate::{
    db::{
        Connection, DbError,
        bound::{self, Bound, NO_ENTRY},
        decide::CaseFacts,
        disclosures::Raw as RawServing,
        entries::{EntryRow, LINKED, Link, Linked, linked},
        evidence::{RawItem, RawState},
        filings::{self, Correction, Raw as RawFiling},
        keys,
        rows::id,
        schema::{entries as entries_table, servings},
    },
    keyring::{Keyring, ScopeKeys},
};

/// Rows below which a second thread does not pay.
const ALONE: usize = 128;
/// Threads that check rows of one case at a time.
const MAX_THREADS: usize = 4;

/// Entries by their `C`.
type Entries = HashMap<Vec<u8>, EntryRow>;

/// Rows of some items, as they were read, and the entries that wrote them.
pub(super) struct Read {
    lying: Vec<Lying>,
    entries: Entries,
}

impl Read {
    /// What stands beside these items, and who wrote all of it.
    pub(super) fn of(
        connection: &mut Connection,
        keyring: &Keyring,
        case: &CaseFacts,
        raw: Vec<(RawItem, Option<RawState>)>,
    ) -> Result<Self, DbError> {
        let lying = beside(connection, raw)?;
        let entries = entries_of(connection, keyring, case, &lying)?;
        Ok(Self { lying, entries })
    }

    pub(super) fn len(&self) -> usize {
        self.lying.len()
    }
}

/// Checks rows of a case while others are read.
pub(super) struct Checking<'a, P> {
    keyring: &'a Keyring,
    case: &'a CaseFacts,
    prepare: P,
}

impl<'a, P> Checking<'a, P> {
    /// What was checked is handed to `prepare` on the thread that checked it.
    pub(super) fn new(keyring: &'a Keyring, case: &'a CaseFacts, prepare: P) -> Self {
        Self {
            keyring,
            case,
            prepare,
        }
    }

    /// Checks all that `next` reads until it reads nothing, and hands it over in its order.
    ///
    /// # Errors
    /// Those of `next`. What is wrong with one item is handed over in its place.
    pub(super) fn all<T: Send>(
        &self,
        mut next: impl FnMut() -> Result<Option<Read>, DbError>,
        mut take: impl FnMut(ItemId, Result<T, DbError>),
    ) -> Result<(), DbError>
    where
        P: Fn(Checked) -> T + Sync,
    {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let mut hand_over = |found: Vec<(ItemId, Result<T, DbError>)>| {
            found
                .into_iter()
                .for_each(|(item, checked)| take(item, checked));
        };
        thread::scope(|scope| {
            let mut running = VecDeque::new();
            while let Some(read) = next()? {
                if running.is_empty() && read.len() < ALONE {
                    hand_over(self.some(read));
                    continue;
                }
                if running.len() == cores.min(MAX_THREADS) {
                    running.pop_front().map(join).map(&mut hand_over);
                }
                running.push_back(scope.spawn(move || self.some(read)));
            }
            running.into_iter().map(join).for_each(hand_over);
            Ok(())
        })
    }

    fn some<T>(&self, read: Read) -> Vec<(ItemId, Result<T, DbError>)>
    where
        P: Fn(Checked) -> T,
    {
        let Read { lying, entries } = read;
        let keys = self.keyring.scope(self.case.scope);
        let mut found = Vec::with_capacity(lying.len());
        for lying in lying {
            // The query went by the id, so it is one.
            let Ok(item) = id("items", &lying.item.id) else {
                continue;
            };
            let checked = self.one((item, &lying), keys.as_deref(), &entries);
            found.push((item, checked.map(&self.prepare)));
        }
        found
    }

    fn one(
        &self,
        (item, lying): (ItemId, &Lying),
        keys: Option<&ScopeKeys>,
        entries: &Entries,
    ) -> Result<Checked, DbError> {
        let damaged = |what| DbError::damaged("items", item, what);
        let (case, scope) = (self.case.case.id, self.case.scope);
        if lying.item.scope_id != scope.as_bytes() || lying.item.case_id != case.as_bytes() {
            return Err(damaged("it lies in another scope than its case"));
        }
        let keys = keys.ok_or_else(|| damaged("its scope has no keys"))?;
        let mut vouching = Vouching {
            keyring: self.keyring,
            entries,
            opened: Vec::new(),
        };
        lying.read(lying.mark(), keys, &mut |(row, salt, entry)| match row {
            Vouched::Item(row) => vouching.check(row, salt, entry),
            Vouched::State(row) => vouching.check(row, salt, entry),
            Vouched::Serving(row) => vouching.check(row, salt, entry),
            Vouched::Correction(row) => vouching.check(row, salt, entry),
        })
    }
}

fn join<T>(running: thread::ScopedJoinHandle<'_, T>) -> T {
    running.join().expect("checking rows does not panic")
}

/// Reads what else stands beside these items and their states.
pub(super) fn beside(
    connection: &mut Connection,
    raw: Vec<(RawItem, Option<RawState>)>,
) -> Result<Vec<Lying>, DbError> {
    let ids: Vec<&[u8]> = raw.iter().map(|(item, _)| item.id.as_slice()).collect();
    let served: Vec<RawServing> = servings::table
        .filter(servings::item_id.eq_any(&ids))
        .filter(servings::status.eq("served"))
        .order(servings::id)
        .select(RawServing::as_select())
        .load(connection)?;
    let corrected = filings::of_items::<Correction>(connection, &ids)?;
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
    let lying = |(item, state): (RawItem, Option<RawState>)| Lying {
        state,
        servings: servings.remove(&item.id).unwrap_or_default(),
        corrections: corrections.remove(&item.id).unwrap_or_default(),
        item,
    };
    Ok(raw.into_iter().map(lying).collect())
}

/// The entries that wrote these rows, and the keys of their scopes in the keyring.
fn entries_of(
    connection: &mut Connection,
    keyring: &Keyring,
    case: &CaseFacts,
    lying: &[Lying],
) -> Result<Entries, DbError> {
    keys::scope(connection, keyring, case.scope)?;
    let mut named: BTreeSet<&[u8]> = BTreeSet::new();
    for one in lying {
        named.insert(&one.item.entry);
        named.extend(one.state.iter().map(|state| state.entry.as_slice()));
        named.extend(one.servings.iter().map(|serving| serving.entry.as_slice()));
        named.extend(one.corrections.iter().map(|filing| filing.entry.as_slice()));
    }
    let mut entries = HashMap::with_capacity(named.len());
    let numbers = lying.iter().map(|one| one.item.nth);
    let (first, last) = (numbers.clone().min(), numbers.max());
    // Those that added the items lie one behind the other, which is faster than to look each up.
    if let (Some(first), Some(last)) = (first, last)
        && usize::try_from(last - first).is_ok_and(|apart| apart <= 2 * lying.len())
    {
        let adding: Vec<Linked> = entries_table::table
            .filter(entries_table::scope_id.eq(case.scope.as_bytes().to_vec()))
            .filter(entries_table::item_nth.between(first, last))
            .filter(entries_table::writes_rows)
            .select(LINKED)
            .load(connection)?;
        keep(connection, keyring, adding, &mut entries)?;
    }
    let leaves: Vec<Vec<u8>> = named
        .into_iter()
        .filter(|c| !entries.contains_key(*c))
        .filter_map(|c| c.try_into().ok())
        .map(|c| leaf_data(&Hash::from_bytes(c)).to_vec())
        .collect();
    for leaves in leaves.chunks(TOGETHER) {
        let found: Vec<Linked> = entries_table::table
            .filter(entries_table::leaf.eq_any(leaves))
            .filter(entries_table::writes_rows)
            .select(LINKED)
            .load(connection)?;
        keep(connection, keyring, found, &mut entries)?;
    }
    Ok(entries)
}

fn keep(
    connection: &mut Connection,
    keyring: &Keyring,
    found: Vec<Linked>,
    entries: &mut Entries,
) -> Result<(), DbError> {
    for entry in found.into_iter().map(linked) {
        if let Some(scope) = entry.scope()? {
            keys::scope(connection, keyring, scope)?;
        }
        if let Some((_, c)) = entry.leaf.split_first() {
            entries.insert(c.to_vec(), entry);
        }
    }
    Ok(())
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
