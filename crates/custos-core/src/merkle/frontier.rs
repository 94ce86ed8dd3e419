//! The right edge of a growing tree: all that appending and the root need.

use super::{MerkleError, empty_root, node_hash};
use crate::{hash::Hash, ids::MAX_INTEGER};

/// The roots of the perfect subtrees that make up a tree, the largest first.
///
/// A tree of size n has one for each 1 bit of n, so at most 53 hashes; the log's writer
/// keeps them with the log head and needs no other part of the tree to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    // INVARIANT: one hash for each 1 bit of `size`, highest bit first.
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// The edge of the tree without leaves.
    pub const fn empty() -> Self {
        Self {
            size: 0,
            subtrees: Vec::new(),
        }
    }

    /// Appends a leaf, given its leaf hash, not its data.
    ///
    /// # Panics
    /// The tree has 2^53 - 1 leaves: at a million a second that is 285 years.
    pub fn push(&mut self, leaf_hash: Hash) {
        assert!(
            self.size < MAX_INTEGER,
            "a log holds fewer than 2^53 leaves"
        );
        let mut hash = leaf_hash;
        for _ in 0..self.size.trailing_ones() {
            let left = self.subtrees.pop().expect("a hash for each 1 bit");
            hash = node_hash(&left, &hash);
        }
        self.subtrees.push(hash);
        self.size += 1;
    }

    /// Number of leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree; of no leaves, the SHA-256 of nothing.
    pub fn root(&self) -> Hash {
        self.subtrees
            .iter()
            .rev()
            .copied()
            .reduce(|right, left| node_hash(&left, &right))
            .unwrap_or_else(empty_root)
    }

    /// The subtrees' hashes, the largest first, without the size.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.subtrees
            .iter()
            .flat_map(|hash| *hash.as_bytes())
            .collect()
    }

    /// Takes what [`Frontier::to_bytes`] gave for a tree of this size.
    ///
    /// # Errors
    /// [`MerkleError::Size`] above 2^53 - 1; [`MerkleError::Frontier`] when there is not
    /// exactly one hash for each 1 bit of the size.
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Result<Self, MerkleError> {
        if size > MAX_INTEGER {
            return Err(MerkleError::Size);
        }
        let (hashes, rest) = bytes.as_chunks::<{ Hash::BYTES }>();
        if !rest.is_empty() || hashes.len() != size.count_ones() as usize {
            return Err(MerkleError::Frontier);
        }
        Ok(Self {
            size,
            subtrees: hashes.iter().copied().map(Hash::from_bytes).collect(),
        })
    }
}

impl Default for Frontier {
    fn default() -> Self {
        Self::empty()
    }
}
