//! A whole log in memory, for tests and for logs small enough.

use std::sync::Arc;

use super::{Frontier, Tile, TileSource, tile_root};
use crate::{hash::Hash, tile::FULL_WIDTH};

/// The hashes of a log in memory, by tile level.
#[derive(Clone, Debug, Default)]
pub struct MemoryLog {
    frontier: Frontier,
    // INVARIANT: `levels[l][i]` is the root of the leaves from i * 256^l to (i + 1) * 256^l.
    levels: Vec<Vec<Hash>>,
}

/// A tile that the log does not have, or not in that width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the log has no such tile")]
pub struct OutOfRange;

impl MemoryLog {
    /// A log without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a leaf, given its leaf hash.
    pub fn push(&mut self, leaf_hash: Hash) {
        self.frontier.push(leaf_hash);
        let mut hash = leaf_hash;
        for level in 0.. {
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            let hashes = &mut self.levels[level];
            hashes.push(hash);
            if !hashes.len().is_multiple_of(FULL_WIDTH as usize) {
                break;
            }
            let full = hashes.last_chunk().expect("it has at least one tile");
            hash = tile_root(full);
        }
    }

    /// Number of leaves.
    pub const fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root over all leaves.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// The root over the first `size` leaves; `None` when there are fewer.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        let mut frontier = Frontier::empty();
        for leaf in self.leaves().get(..usize::try_from(size).ok()?)? {
            frontier.push(*leaf);
        }
        Some(frontier.root())
    }

    /// The leaf hashes, in order.
    pub fn leaves(&self) -> &[Hash] {
        self.levels.first().map_or(&[], Vec::as_slice)
    }
}

impl FromIterator<Hash> for MemoryLog {
    fn from_iter<I: IntoIterator<Item = Hash>>(leaf_hashes: I) -> Self {
        let mut log = Self::new();
        for hash in leaf_hashes {
            log.push(hash);
        }
        log
    }
}

impl TileSource for MemoryLog {
    type Error = OutOfRange;

    fn tile(&self, level: u8, index: u64, width: u16) -> Result<Arc<Tile>, OutOfRange> {
        let hashes = self.levels.get(usize::from(level)).ok_or(OutOfRange)?;
        let start = usize::try_from(index)
            .ok()
            .and_then(|index| index.checked_mul(FULL_WIDTH as usize))
            .ok_or(OutOfRange)?;
        let end = start.checked_add(usize::from(width)).ok_or(OutOfRange)?;
        let hashes = hashes.get(start..end).ok_or(OutOfRange)?;
        Tile::new(hashes.into()).map(Arc::new).ok_or(OutOfRange)
    }
}
