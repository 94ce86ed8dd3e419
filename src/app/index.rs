//! Indexes of cases: what is searched and sorted, decrypted, in memory and nowhere else.
//!
//! | module | what it is |
//! |---|---|
//! | [`case`] | the index of one case, by classes that policy can't tell apart |
//! | [`cases`] | the index of the room's cases, for the list of them |
//! | [`cut`] | one page of a list |
//! | [`items`] | what is kept of each item |
//! | `memory` | memory that is wiped |
//! | [`text`] | text as it is searched and sorted |
//!
//! An index is made when a case is first listed, and brought up to the log's present end each
//! time it is used, within the same moment of the register from which the rows of the page are
//! read. It decides nothing: it says which items there are and in which classes; policy is asked
//! about classes, and every row that is shown is read and checked again (decision 12).

pub mod case;
pub mod cases;
pub mod cut;
pub mod items;
mod memory;
#[cfg(test)]
mod tests;
pub mod text;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
};

use custos_core::ids::{CaseId, Timestamp};
use tracing::debug;

use self::{case::CaseIndex, cases::Cases, items::Ready};
use super::{context::Core, error::Error};
use crate::db::{
    Connection, DbError, Pool,
    decide::CaseFacts,
    dialect,
    index::{self as rows, Found},
};

/// An index that nobody used for so long is wiped, in microseconds: 10 minutes.
pub const IDLE_MICROS: i64 = 10 * 60 * 1_000_000;
/// Bytes that all indexes together may keep: 256 MiB. One that needs more is wiped after use.
pub const MAX_BYTES: usize = 256 << 20;

/// The indexes of a room's cases.
pub struct Indexes {
    /// Of the cases themselves.
    pub cases: Cases,
    /// Held for moments only.
    shelves: Mutex<HashMap<CaseId, Arc<Shelf>>>,
    max_bytes: usize,
}

/// The place of one case's index.
#[derive(Default)]
struct Shelf {
    /// Written while the index is made or brought up to date.
    held: RwLock<Option<Held>>,
    /// When it was last used, in microseconds since 1970.
    used: AtomicI64,
    /// Bytes that it takes.
    bytes: AtomicUsize,
}

struct Held {
    index: CaseIndex,
    /// Number of the scope's newest entry of which everything is in the index. INVARIANT: it
    /// rises only over entries that changed nothing in the index, or under the write lock.
    upto: AtomicU64,
}

impl Default for Indexes {
    fn default() -> Self {
        Self::within(MAX_BYTES)
    }
}

impl Indexes {
    /// Indexes that keep at most so many bytes.
    pub fn within(max_bytes: usize) -> Self {
        Self {
            cases: Cases::default(),
            shelves: Mutex::default(),
            max_bytes,
        }
    }

    /// Reads a case's index and its rows at one moment of the register, which is not before the
    /// call. It blocks: while the index is made it waits.
    ///
    /// # Errors
    /// Those of `read`, or the register can't be read.
    pub fn read<T>(
        &self,
        (pool, core): (&Pool, &Core),
        case: &CaseFacts,
        read: impl FnOnce(&mut Connection, &CaseIndex) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let now = core.ambient.now();
        let shelf = self.shelf(case.case.id, now);
        let mut read = Some(read);
        let mut read = |connection: &mut Connection, held: &Held| -> Result<T, Error> {
            let read = read.take().expect("it is called once");
            read(connection, &held.index)
        };
        // The lock comes before the moment: then the index can't be of a later one.
        if let Some(held) = &*shelf.held.read().unwrap_or_else(PoisonError::into_inner) {
            let mut connection = pool.get()?;
            let done = dialect::snapshot(&mut connection, |connection| {
                if held.is_current(connection, core, case)? {
                    read(connection, held).map(Some)
                } else {
                    Ok(None)
                }
            })??;
            if let Some(done) = done {
                return Ok(done);
            }
        }
        let mut place = shelf.held.write().unwrap_or_else(PoisonError::into_inner);
        let mut connection = pool.get()?;
        // Taken out, so that nothing half done is left there by an error.
        let before = place.take();
        let done = dialect::snapshot(&mut connection, |connection| {
            let held = Held::brought_up(before, connection, core, case)?;
            shelf.bytes.store(held.index.measure().2, Ordering::Relaxed);
            read(connection, place.insert(held))
        })?;
        drop(place);
        self.make_room(case.case.id);
        done
    }

    fn shelf(&self, case: CaseId, now: Timestamp) -> Arc<Shelf> {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        let shelf = shelves.entry(case).or_default().clone();
        shelf.used.store(now.micros(), Ordering::Relaxed);
        shelf
    }

    /// Wipes the indexes that were not used for [`IDLE_MICROS`].
    pub fn forget_idle(&self, now: Timestamp) {
        self.cases.forget_idle(now);
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        let before = shelves.len();
        shelves.retain(|_, shelf| {
            let idle = now.micros() - shelf.used.load(Ordering::Relaxed);
            // Of a clock that was put back nobody knows how long it was.
            (0..IDLE_MICROS).contains(&idle)
        });
        let wiped = before - shelves.len();
        if wiped > 0 {
            debug!(wiped, "wiped indexes that nobody used");
        }
    }

    /// Wipes the least recently used indexes until the others fit; the newest comes last.
    fn make_room(&self, newest: CaseId) {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = |shelf: &Shelf| shelf.bytes.load(Ordering::Relaxed);
        // One that is larger than all may be makes way alone; it would take all others with it.
        if shelves
            .get(&newest)
            .is_some_and(|shelf| bytes(shelf) > self.max_bytes)
        {
            shelves.remove(&newest);
        }
        let mut sum: usize = shelves.values().map(|shelf| bytes(shelf)).sum();
        while sum > self.max_bytes {
            let oldest = shelves
                .iter()
                .min_by_key(|(case, shelf)| (**case == newest, shelf.used.load(Ordering::Relaxed)))
                .map(|(case, _)| *case);
            let Some(shelf) = oldest.and_then(|case| shelves.remove(&case)) else {
                return;
            };
            sum -= bytes(&shelf);
        }
    }

    /// What the indexes take.
    pub fn measure(&self) -> Measure {
        let shelves: Vec<Arc<Shelf>> = {
            let shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
            shelves.values().cloned().collect()
        };
        let mut all = Measure::default();
        for shelf in &shelves {
            let held = shelf.held.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(held) = &*held {
                let (items, text_bytes, bytes) = held.index.measure();
                all.indexes += 1;
                all.items += items;
                all.text_bytes += text_bytes;
                all.bytes += bytes;
            }
        }
        all
    }
}

/// What indexes take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measure {
    /// How many there are.
    pub indexes: usize,
    /// Items in them.
    pub items: usize,
    /// Bytes of their texts.
    pub text_bytes: usize,
    /// All bytes.
    pub bytes: usize,
}

impl Held {
    /// Whether no entry up to now changed anything that is in the index.
    fn is_current(
        &self,
        connection: &mut Connection,
        core: &Core,
        case: &CaseFacts,
    ) -> Result<bool, Error> {
        let upto = self.upto.load(Ordering::Acquire);
        let last = rows::last_entry(connection, case.scope)?;
        match rows::touched(connection, &core.keyring, case.scope, upto) {
            Ok(touched) if touched.is_empty() => {
                self.upto.fetch_max(last, Ordering::AcqRel);
                Ok(true)
            }
            Ok(_) | Err(DbError::Damaged { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The index as of now: of what it was, or made anew.
    fn brought_up(
        before: Option<Self>,
        connection: &mut Connection,
        core: &Core,
        case: &CaseFacts,
    ) -> Result<Self, Error> {
        let Some(mut held) = before else {
            return Self::made(connection, core, case);
        };
        let upto = *held.upto.get_mut();
        let last = rows::last_entry(connection, case.scope)?;
        let touched = match rows::touched(connection, &core.keyring, case.scope, upto) {
            Ok(touched) => touched,
            // An entry can't be opened, so it does not say what it changed.
            Err(DbError::Damaged { .. }) => return Self::made(connection, core, case),
            Err(error) => return Err(error.into()),
        };
        let touched: Vec<_> = touched.into_iter().collect();
        let found = rows::some(connection, &core.keyring, case, &touched)?;
        held.index.take(&core.engine, in_order(found));
        *held.upto.get_mut() = last;
        Ok(held)
    }

    fn made(connection: &mut Connection, core: &Core, case: &CaseFacts) -> Result<Self, Error> {
        let last = rows::last_entry(connection, case.scope)?;
        let id = case.case.id;
        let count = rows::count(connection, id)?;
        let mut index = CaseIndex::with_capacity(&core.engine, id, count);
        let ready = |read| Ready::of(&core.engine, read);
        rows::every(connection, &core.keyring, case, ready, |item, ready| {
            index.take_of_many(item, ready);
        })?;
        index.settle_all();
        Ok(Self {
            index,
            upto: last.into(),
        })
    }
}

/// Items in the order of their numbers, in which equal ones are listed.
fn in_order(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by_key(|(_, read)| read.as_ref().map_or(u64::MAX, |read| read.row.nth));
    found
}
