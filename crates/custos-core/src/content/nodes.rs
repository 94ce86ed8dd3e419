//! Nodes and levels of a tree: RFC 6962's hashing and shape.

use rs_merkle::{Hasher, MerkleTree};

use super::RS_MERKLE_LEAVES;
use crate::hash::{Hash, sha256};

/// `SHA-256(0x01 | left | right)`.
pub(super) fn node(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left.as_bytes(), right.as_bytes()])
}

/// Root over leaf hashes, or over the roots of equally large subtrees of which only the
/// last may be smaller; none over nothing.
pub fn root(hashes: &[Hash]) -> Option<Hash> {
    if hashes.len() <= RS_MERKLE_LEAVES {
        return rs_tree(hashes).root().map(Hash::from_bytes);
    }
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = parents(&level);
    }
    level.first().copied()
}

/// The level above: pairs are joined, a lone last node is promoted.
pub(super) fn parents(level: &[Hash]) -> Vec<Hash> {
    level
        .chunks(2)
        .map(|pair| match pair {
            [left, right] => node(left, right),
            lone => lone[0],
        })
        .collect()
}

/// All levels, the given one first, the root last.
pub(super) fn levels(hashes: Vec<Hash>) -> Vec<Vec<Hash>> {
    let mut levels = vec![hashes];
    while let Some(level) = levels.last().filter(|level| level.len() > 1) {
        let above = parents(level);
        levels.push(above);
    }
    levels
}

/// The tree by `rs_merkle`; for at most [`RS_MERKLE_LEAVES`] hashes.
pub(super) fn rs_tree(hashes: &[Hash]) -> MerkleTree<NodeHasher> {
    let hashes: Vec<[u8; 32]> = hashes.iter().map(|hash| *hash.as_bytes()).collect();
    MerkleTree::from_leaves(&hashes)
}

/// Our nodes for `rs_merkle`, whose own hashers do not tell a node from a leaf.
#[derive(Clone)]
pub(super) struct NodeHasher;

impl Hasher for NodeHasher {
    type Hash = [u8; 32];

    fn hash(data: &[u8]) -> [u8; 32] {
        *sha256(&[data]).as_bytes()
    }

    fn concat_and_hash(left: &[u8; 32], right: Option<&[u8; 32]>) -> [u8; 32] {
        match right {
            Some(right) => *sha256(&[&[1], left, right]).as_bytes(),
            None => *left,
        }
    }
}
