//! Rows that were found to be what their entries say, so that it is found out once.

use std::{
    num::NonZero,
    sync::{Mutex, MutexGuard, PoisonError},
};

use custos_core::hash::Hash;
use lru::LruCache;

/// Pairs that are kept; each takes about 130 bytes.
const KEPT: NonZero<usize> = NonZero::new(16_384).expect("it is not zero");

/// An entry's `C`, and the hash of a row that it names.
type Pair = (Hash, Hash);

/// Entries with the hashes of rows that they were found to name.
///
/// `C` commits to the hashes, and a row's hash is over its table, its revision, its salt and all
/// its columns: what was found once of an entry holds for as long as that entry stands. INVARIANT:
/// the entry was committed, or the pair is among the fresh ones, which [`Vouched::undo`] takes out.
pub struct Vouched(Mutex<Found>);

struct Found {
    kept: LruCache<Pair, ()>,
    /// Found since the last batch was committed, by whomever.
    fresh: Vec<Pair>,
}

impl Default for Vouched {
    fn default() -> Self {
        Self(Mutex::new(Found {
            kept: LruCache::new(KEPT),
            fresh: Vec::new(),
        }))
    }
}

impl Vouched {
    /// Whether the entry was found to name the row.
    pub fn has(&self, c: Hash, row: Hash) -> bool {
        self.found().kept.get(&(c, row)).is_some()
    }

    /// The entry was found to name the row.
    pub fn add(&self, c: Hash, row: Hash) {
        let mut found = self.found();
        if found.fresh.len() == KEPT.get() {
            found.kept.clear();
            found.fresh.clear();
        }
        found.kept.put((c, row), ());
        found.fresh.push((c, row));
    }

    /// What was entered until now is durable.
    pub fn settle(&self) {
        self.found().fresh.clear();
    }

    /// What was entered since the last batch may be undone: nothing found since then is kept.
    pub fn undo(&self) {
        let mut found = self.found();
        for pair in std::mem::take(&mut found.fresh) {
            found.kept.pop(&pair);
        }
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(nth: usize) -> Hash {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&nth.to_be_bytes());
        Hash::from_bytes(bytes)
    }

    #[test]
    fn what_is_undone_is_not_kept() {
        let vouched = Vouched::default();
        vouched.add(hash(1), hash(2));
        assert!(vouched.has(hash(1), hash(2)));
        assert!(!vouched.has(hash(2), hash(1)), "the pair, not its parts");
        vouched.settle();
        vouched.add(hash(1), hash(3));
        vouched.undo();
        assert!(vouched.has(hash(1), hash(2)));
        assert!(!vouched.has(hash(1), hash(3)));
    }

    #[test]
    fn no_more_is_kept_than_was_set() {
        let vouched = Vouched::default();
        for nth in 0..3 * KEPT.get() {
            vouched.add(hash(nth), hash(0));
        }
        let kept = |nth| vouched.has(hash(nth), hash(0));
        assert!((0..3 * KEPT.get()).filter(|nth| kept(*nth)).count() <= KEPT.get());
        assert!(kept(3 * KEPT.get() - 1));
    }
}
