//! Proofs made from tiles, wherever these are kept.

use std::{
    cell::RefCell,
    collections::{HashMap, hash_map},
    sync::Arc,
};

use tlog_tiles::tlog;

use super::{MerkleError, Tile, check_size};
use crate::{
    hash::Hash,
    ids::LeafIndex,
    tile::{FULL_WIDTH, MAX_LEVEL},
};

/// Where hash tiles come from: files, an object store, a database, memory.
pub trait TileSource {
    /// Why a tile could not be had.
    type Error;

    /// The first `width` hashes (1 to 256) of the tile `index` at `level`, as C2SP
    /// tlog-tiles numbers them. A wider tile that has become available may be cut down. It is
    /// shared, so that a source may keep it.
    ///
    /// # Errors
    /// The tile could not be had; the proof then fails with it.
    fn tile(&self, level: u8, index: u64, width: u16) -> Result<Arc<Tile>, Self::Error>;
}

/// Why a proof could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProveError<E> {
    /// Sizes or index out of range.
    #[error(transparent)]
    Range(#[from] MerkleError),
    /// A tile is not of the width asked for.
    #[error("tile {index} of level {level} does not have {width} hashes")]
    Width {
        /// Level of the tile.
        level: u8,
        /// Index of the tile.
        index: u64,
        /// Hashes asked for.
        width: u16,
    },
    /// The source failed.
    #[error("a tile could not be read")]
    Source(E),
}

/// The proof that the tree of `size` leaves has a leaf at `index`, from the leaf's sibling
/// up to the root's child; at most 53 hashes.
///
/// The tiles are taken as they come: whoever hands the proof out checks it first.
///
/// # Errors
/// See [`ProveError`].
pub fn prove_inclusion<S: TileSource>(
    size: u64,
    index: LeafIndex,
    source: &S,
) -> Result<Vec<Hash>, ProveError<S::Error>> {
    check_size(size)?;
    if index.get() >= size {
        return Err(MerkleError::Index.into());
    }
    let reader = Reader::new(size, source);
    let proof = tlog::prove_record(size, index.get(), &reader);
    reader.finish(proof)
}

/// The proof that the tree of `new_size` leaves begins with that of `old_size` leaves;
/// empty when the sizes are equal.
///
/// # Errors
/// See [`ProveError`].
pub fn prove_consistency<S: TileSource>(
    old_size: u64,
    new_size: u64,
    source: &S,
) -> Result<Vec<Hash>, ProveError<S::Error>> {
    check_size(old_size)?;
    check_size(new_size)?;
    if old_size > new_size {
        return Err(MerkleError::Size.into());
    }
    let reader = Reader::new(new_size, source);
    let proof = tlog::prove_tree(new_size, old_size, &reader);
    reader.finish(proof)
}

/// The root over the first `old_size` leaves of a tree of `size` leaves.
///
/// # Errors
/// See [`ProveError`].
pub fn root_at<S: TileSource>(
    old_size: u64,
    size: u64,
    source: &S,
) -> Result<Hash, ProveError<S::Error>> {
    check_size(old_size)?;
    check_size(size)?;
    if old_size > size {
        return Err(MerkleError::Size.into());
    }
    let reader = Reader::new(size, source);
    let root = tlog::tree_hash(old_size, &reader).map(|root| vec![root]);
    let roots = reader.finish(root)?;
    roots.first().copied().ok_or(MerkleError::Proof.into())
}

/// Answers `tlog_tiles` from tiles, each read once.
struct Reader<'a, S: TileSource> {
    size: u64,
    source: &'a S,
    tiles: RefCell<HashMap<(u8, u64), Arc<Tile>>>,
    // `tlog_tiles` has errors of its own only; what really failed waits here.
    failed: RefCell<Option<ProveError<S::Error>>>,
}

impl<'a, S: TileSource> Reader<'a, S> {
    fn new(size: u64, source: &'a S) -> Self {
        Self {
            size,
            source,
            tiles: RefCell::default(),
            failed: RefCell::new(None),
        }
    }

    fn finish(
        self,
        proof: Result<Vec<tlog::Hash>, tlog::Error>,
    ) -> Result<Vec<Hash>, ProveError<S::Error>> {
        match (proof, self.failed.into_inner()) {
            (_, Some(error)) => Err(error),
            (Err(_), None) => Err(MerkleError::Proof.into()),
            (Ok(hashes), None) => Ok(hashes
                .into_iter()
                .map(|hash| Hash::from_bytes(hash.0))
                .collect()),
        }
    }

    /// The root of the perfect subtree `n` of 2^height leaves.
    fn subtree(&self, height: u8, n: u64) -> Result<Hash, ProveError<S::Error>> {
        let (level, height) = (height / 8, height % 8);
        let in_tile = u64::from(FULL_WIDTH) >> height;
        let index = n / in_tile;
        let mut tiles = self.tiles.borrow_mut();
        let tile = match tiles.entry((level, index)) {
            hash_map::Entry::Occupied(tile) => tile.into_mut(),
            hash_map::Entry::Vacant(free) => free.insert(self.read(level, index)?),
        };
        tile.node(height, (n % in_tile) as usize)
            .copied()
            .ok_or(ProveError::Range(MerkleError::Proof))
    }

    /// A tile in the width that the tree's size gives it.
    fn read(&self, level: u8, index: u64) -> Result<Arc<Tile>, ProveError<S::Error>> {
        if level > MAX_LEVEL {
            return Err(MerkleError::Size.into());
        }
        let hashes = self.size.checked_shr(8 * u32::from(level)).unwrap_or(0);
        let behind = hashes.saturating_sub(index * u64::from(FULL_WIDTH));
        let width = behind.min(u64::from(FULL_WIDTH)) as u16;
        let tile = self
            .source
            .tile(level, index, width)
            .map_err(ProveError::Source)?;
        if tile.hashes().len() == usize::from(width) {
            Ok(tile)
        } else {
            Err(ProveError::Width {
                level,
                index,
                width,
            })
        }
    }
}

impl<S: TileSource> tlog::HashReader for Reader<'_, S> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        let mut hashes = Vec::with_capacity(indexes.len());
        for index in indexes {
            let (height, n) = tlog::split_stored_hash_index(*index);
            match self.subtree(height, n) {
                Ok(hash) => hashes.push(tlog::Hash(*hash.as_bytes())),
                Err(error) => {
                    self.failed.replace(Some(error));
                    return Err(tlog::Error::IndexesNotInTree);
                }
            }
        }
        Ok(hashes)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, convert::Infallible};

    use super::*;
    use crate::merkle::leaf_hash;

    const SIZE: u64 = 10_000_000;

    /// Notes which tiles are read.
    #[derive(Default)]
    struct Counted(RefCell<BTreeSet<(u8, u64)>>);

    impl TileSource for Counted {
        type Error = Infallible;

        fn tile(&self, level: u8, index: u64, width: u16) -> Result<Arc<Tile>, Infallible> {
            self.0.borrow_mut().insert((level, index));
            let hashes = vec![leaf_hash(&[level]); usize::from(width)];
            Ok(Arc::new(Tile::new(hashes).expect("a width of tiles")))
        }
    }

    /// Of 10^7 entries a proof reads at most three tiles beside those of the right edge.
    #[test]
    fn a_proof_of_ten_million_reads_three_tiles() {
        for index in (0..SIZE).step_by(9_973).chain([SIZE - 1]) {
            let counted = Counted::default();
            let at = LeafIndex::new(index).expect("small");
            prove_inclusion(SIZE, at, &counted).expect("made");
            let is_edge = |(level, index): &(u8, u64)| SIZE >> (8 * (level + 1)) == *index;
            let read = counted.0.into_inner();
            let beyond = read.iter().filter(|tile| !is_edge(tile)).count();
            assert!(beyond <= 3, "{index}: {read:?}");
        }
    }
}
