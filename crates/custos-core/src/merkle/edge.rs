//! The partial tiles at the right edge of a tree, a row of hashes for each level.

use super::{Frontier, Tile};
use crate::{hash::Hash, tile::FULL_WIDTH};

/// Hashes in a full tile.
const FULL: u64 = FULL_WIDTH as u64;

/// A tile that is complete or has grown: level, position in its level, hashes.
pub type Grown = (u8, u64, Vec<Hash>);

/// The partial tiles of a tree, lowest level first.
#[derive(Debug, Clone, Default)]
pub struct Edge {
    size: u64,
    rows: Vec<Vec<Hash>>,
}

impl Edge {
    /// The edge of a tree of `size` leaves from the hashes of its partial tiles, lowest level
    /// first; `None` when their numbers do not fit the size.
    pub fn from_rows(size: u64, rows: Vec<Vec<Hash>>) -> Option<Self> {
        let fits = rows
            .iter()
            .enumerate()
            .all(|(level, row)| row.len() as u64 == edge_width(size, level));
        let complete = width_above(size, rows.len()) == 0;
        (fits && complete).then_some(Self { size, rows })
    }

    /// Leaves of the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf and returns the tiles that it completes, lowest level first.
    pub fn push(&mut self, leaf: Hash) -> Vec<Grown> {
        let mut full = Vec::new();
        let mut hash = leaf;
        self.size += 1;
        for level in 0.. {
            if self.rows.len() == level {
                self.rows.push(Vec::with_capacity(FULL as usize));
            }
            let row = &mut self.rows[level];
            row.push(hash);
            if (row.len() as u64) < FULL {
                break;
            }
            let complete = std::mem::take(row);
            hash = subtree(&complete);
            let number = u8::try_from(level).expect("a tree has at most 7 levels of tiles");
            full.push((number, (self.size >> (8 * (level + 1))) - 1, complete));
        }
        full
    }

    /// The partial tiles that have grown since the tree had `from` leaves.
    pub fn partial_since(&self, from: u64) -> Vec<Grown> {
        let grown = |(level, row): (usize, &Vec<Hash>)| {
            let changed = from >> (8 * level) != self.size >> (8 * level);
            (changed && !row.is_empty()).then(|| {
                let number = u8::try_from(level).expect("a tree has at most 7 levels of tiles");
                (number, self.size >> (8 * (level + 1)), row.clone())
            })
        };
        self.rows.iter().enumerate().filter_map(grown).collect()
    }

    /// The right edge as [`Frontier::to_bytes`] gives it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for row in self.rows.iter().rev() {
            let mut rest = row.as_slice();
            for bit in (0..8).rev() {
                if row.len() >> bit & 1 == 1 {
                    let (perfect, behind) = rest.split_at(1 << bit);
                    bytes.extend_from_slice(subtree(perfect).as_bytes());
                    rest = behind;
                }
            }
        }
        bytes
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        Frontier::from_bytes(self.size, &self.to_bytes())
            .expect("an edge has as many perfect subtrees as its size says")
            .root()
    }
}

/// Hashes in the partial tile of a level.
pub fn edge_width(size: u64, level: usize) -> u64 {
    size.checked_shr(8 * u32::try_from(level).unwrap_or(u32::MAX))
        .unwrap_or(0)
        % FULL
}

fn width_above(size: u64, levels: usize) -> u64 {
    size.checked_shr(8 * u32::try_from(levels).unwrap_or(u32::MAX))
        .unwrap_or(0)
}

/// Root of a perfect subtree of 1 to 256 hashes.
fn subtree(hashes: &[Hash]) -> Hash {
    let height = hashes.len().trailing_zeros() as u8;
    let tile = Tile::new(hashes.to_vec());
    let root = tile.and_then(|tile| tile.node(height, 0).copied());
    root.expect("a perfect subtree has a power of two of hashes, and fits a tile")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        merkle::leaf_hash,
        tile::{Level, TilePath, tiles_between},
    };

    #[test]
    fn the_edge_is_the_trees_and_its_tiles_are_the_standards() {
        let mut edge = Edge::default();
        let mut frontier = Frontier::empty();
        let mut published = 0;
        for n in 0_u64..70_000 {
            let leaf = leaf_hash(&n.to_be_bytes());
            frontier.push(leaf);
            let full = edge.push(leaf);
            if n % 97 == 0 || n > 69_990 || (n + 1) % 256 == 0 {
                assert_eq!(edge.to_bytes(), frontier.to_bytes(), "{n}");
                assert_eq!(edge.root(), frontier.root(), "{n}");
                let partial = edge.partial_since(published);
                let wanted: Vec<_> = tiles_between(published, n + 1)
                    .filter(|path| path.is_partial())
                    .map(|path| path.to_string())
                    .filter(|path| !path.starts_with("tile/entries"))
                    .collect();
                let got: Vec<_> = partial
                    .iter()
                    .map(|(level, index, row)| {
                        let level = Level::Hashes(*level);
                        TilePath::new(level, *index, row.len() as u16)
                            .expect("a tile")
                            .to_string()
                    })
                    .collect();
                assert_eq!(got, wanted);
                published = n + 1;
            }
            assert_eq!(full.is_empty(), (n + 1) % 256 != 0);
            if let Some((level, index, _)) = full.first() {
                assert_eq!((*level, *index), (0, n / 256));
            }
        }
    }

    #[test]
    fn rows_that_do_not_fit_the_size_are_refused() {
        let row = |n: usize| vec![Hash::from_bytes([0; 32]); n];
        assert!(Edge::from_rows(0, vec![]).is_some());
        assert!(Edge::from_rows(257, vec![row(1), row(1)]).is_some());
        assert!(Edge::from_rows(257, vec![row(1)]).is_none());
        assert!(Edge::from_rows(257, vec![row(2), row(1)]).is_none());
        assert!(Edge::from_rows(5, vec![row(4)]).is_none());
    }
}
