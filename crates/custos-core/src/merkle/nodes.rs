//! One hash tile with every node inside it.

use super::node_hash;
use crate::{hash::Hash, tile::FULL_WIDTH};

/// A hash tile and the roots of all perfect subtrees in it: whoever keeps it makes proofs
/// without hashing anything again.
///
/// ```text
/// [width hashes][width / 2 roots of pairs][width / 4 roots of four] ... at most 511, 16 KiB
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    width: usize,
    nodes: Vec<Hash>,
}

impl Tile {
    /// The tile of these 1 to 256 hashes; `None` for any other number.
    pub fn new(hashes: Vec<Hash>) -> Option<Self> {
        let width = hashes.len();
        if !(1..=usize::from(FULL_WIDTH)).contains(&width) {
            return None;
        }
        let mut nodes = hashes;
        let (mut start, mut row) = (0, width);
        while row > 1 {
            for pair in 0..row / 2 {
                let left = start + 2 * pair;
                nodes.push(node_hash(&nodes[left], &nodes[left + 1]));
            }
            start += row;
            row /= 2;
        }
        Some(Self { width, nodes })
    }

    /// The hashes that the tile was made of.
    pub fn hashes(&self) -> &[Hash] {
        &self.nodes[..self.width]
    }

    /// The root over 2^`height` of its hashes, from the `n * 2^height`-th; `None` where it has
    /// not so many.
    pub fn node(&self, height: u8, n: usize) -> Option<&Hash> {
        let (mut start, mut row) = (0, self.width);
        for _ in 0..height {
            start += row;
            row /= 2;
        }
        (n < row).then(|| &self.nodes[start + n])
    }
}

/// The root over the hashes of a full tile.
pub fn tile_root(hashes: &[Hash; FULL_WIDTH as usize]) -> Hash {
    let tile = Tile::new(hashes.to_vec()).expect("a full tile has 256 hashes");
    *tile.node(8, 0).expect("a full tile has a root")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{hash::sha256, merkle::Frontier};

    #[test]
    fn every_node_is_the_root_of_its_leaves() {
        let leaf = |n: usize| sha256(&[&n.to_be_bytes()]);
        for width in [1, 2, 3, 7, 8, 129, 255, 256] {
            let hashes: Vec<Hash> = (0..width).map(leaf).collect();
            let tile = Tile::new(hashes.clone()).expect("a width of tiles");
            assert_eq!(tile.hashes(), hashes);
            for height in 0..=8_u8 {
                let span = 1 << height;
                for n in 0..width / span {
                    let mut frontier = Frontier::empty();
                    for hash in &hashes[n * span..(n + 1) * span] {
                        frontier.push(*hash);
                    }
                    assert_eq!(
                        tile.node(height, n),
                        Some(&frontier.root()),
                        "{width} {height}"
                    );
                }
                assert_eq!(tile.node(height, width / span), None, "{width} {height}");
            }
            assert_eq!(tile.node(9, 0), None);
        }
        assert!(Tile::new(vec![]).is_none());
        assert!(Tile::new(vec![leaf(0); 257]).is_none());
    }
}
