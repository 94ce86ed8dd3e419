//! Verifying multi-proofs: short, strict, and the only routine that is trusted.

use super::{LEAF_BYTES, MultiProof, TreeKind, leaf_hash, logged_root, nodes::node};
use crate::{hash::Hash, json::JsonError};

/// Why a multi-proof is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The JSON form is not that of a multi-proof.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Longer than [`super::MAX_PROOF_BYTES`].
    #[error("the proof is longer than {} bytes", super::MAX_PROOF_BYTES)]
    TooLong,
    /// A proof shows at least one leaf.
    #[error("the proof shows no leaf")]
    NoLeaf,
    /// Leaf numbers repeat, descend, or reach the count.
    #[error("the leaves are not strictly ascending and below the count")]
    Order,
    /// Spare or missing hashes.
    #[error("the proof needs {needed} hashes and has {given}")]
    Hashes {
        /// Hashes that the shape of the tree asks for.
        needed: usize,
        /// Hashes in the proof.
        given: usize,
    },
    /// A length that no leaf of this kind has there.
    #[error("leaf `{0}` cannot have that length")]
    LeafLength(u64),
    /// Bytes that are not as long as the proof says, or of a leaf that it does not show.
    #[error("the bytes beside the proof are not those of its leaves")]
    Bytes,
    /// The leaves lead to another root.
    #[error("the leaves shown are not part of what the entry holds; do not rely on them")]
    Root,
}

/// Takes the bytes of a proof's leaves one after the other, so that they need not all be in
/// memory.
#[derive(Debug)]
pub struct Verifier<'a> {
    proof: &'a MultiProof,
    kind: TreeKind,
    hashes: Vec<Hash>,
}

impl<'a> Verifier<'a> {
    /// Begins to verify a proof for a tree of this kind.
    ///
    /// # Errors
    /// [`ProofError::LeafLength`]: in a content tree all leaves but the last have 65,536
    /// bytes and only an empty item's leaf has none; a record is never empty.
    pub fn new(proof: &'a MultiProof, kind: TreeKind) -> Result<Self, ProofError> {
        for leaf in proof.leaves() {
            let length = leaf.length as usize;
            let possible = match kind {
                TreeKind::Content if leaf.index + 1 < proof.n() => length == LEAF_BYTES,
                TreeKind::Content => length <= LEAF_BYTES && (length > 0 || proof.n() == 1),
                TreeKind::Records => length > 0,
            };
            if !possible {
                return Err(ProofError::LeafLength(leaf.index));
            }
        }
        Ok(Self {
            proof,
            kind,
            hashes: Vec::new(),
        })
    }

    /// Takes the bytes of the next leaf, in the order of the proof.
    ///
    /// # Errors
    /// [`ProofError::Bytes`]: another length, or more leaves than the proof shows.
    pub fn leaf(&mut self, bytes: &[u8]) -> Result<(), ProofError> {
        let leaf = self.proof.leaves().get(self.hashes.len());
        let leaf = leaf.ok_or(ProofError::Bytes)?;
        if bytes.len() != leaf.length as usize {
            return Err(ProofError::Bytes);
        }
        self.hashes.push(leaf_hash(self.kind, &leaf.salt, bytes));
        Ok(())
    }

    /// Compares with the logged root, which also fixes kind and count.
    ///
    /// # Errors
    /// [`ProofError::Bytes`]: leaves were left out. [`ProofError::Root`]: another tree.
    pub fn finish(self, logged: &Hash) -> Result<(), ProofError> {
        let shown = self.proof.leaves();
        if self.hashes.len() != shown.len() {
            return Err(ProofError::Bytes);
        }
        let known = shown.iter().map(|leaf| leaf.index).zip(self.hashes);
        let mut given = self.proof.hashes().iter().copied();
        let root = climb(
            self.proof.n(),
            known.collect(),
            |_, _| given.next().ok_or(ProofError::Root),
            node,
        )?;
        // Pairs with the count taken when the proof was made or read: all are consumed.
        if given.next().is_none() && logged_root(self.kind, self.proof.n(), &root) == *logged {
            Ok(())
        } else {
            Err(ProofError::Root)
        }
    }
}

impl MultiProof {
    /// Verifies the proof against the bytes of all its leaves, in order.
    ///
    /// # Errors
    /// [`ProofError`] says what fails.
    pub fn verify<B: AsRef<[u8]>>(
        &self,
        kind: TreeKind,
        logged: &Hash,
        leaves: impl IntoIterator<Item = B>,
    ) -> Result<(), ProofError> {
        let mut verifier = Verifier::new(self, kind)?;
        for leaf in leaves {
            verifier.leaf(leaf.as_ref())?;
        }
        verifier.finish(logged)
    }
}

/// Climbs from known leaves of a tree of `n` to its root, level by level, left to right.
///
/// `known` holds at least one leaf, strictly ascending and below `n`; `missing` is asked
/// for each node beside a known one, by level (0 for leaves) and index, and `join` makes
/// the node above a left and a right one. At most 64 levels.
pub(super) fn climb<T, E>(
    n: u64,
    mut known: Vec<(u64, T)>,
    mut missing: impl FnMut(u32, u64) -> Result<T, E>,
    join: impl Fn(&T, &T) -> T,
) -> Result<T, E> {
    let (mut width, mut level) = (n, 0);
    while width > 1 {
        let mut above = Vec::with_capacity(known.len());
        let mut nodes = known.into_iter().peekable();
        while let Some((index, node)) = nodes.next() {
            let joined = if index % 2 == 1 {
                join(&missing(level, index - 1)?, &node)
            } else if index + 1 == width {
                // A lone last node is promoted.
                node
            } else if let Some((_, right)) = nodes.next_if(|(next, _)| *next == index + 1) {
                join(&node, &right)
            } else {
                join(&node, &missing(level, index + 1)?)
            };
            above.push((index / 2, joined));
        }
        known = above;
        width = width.div_ceil(2);
        level += 1;
    }
    let (_, root) = known
        .pop()
        .expect("at least one leaf is known, and it leads to the root");
    Ok(root)
}
