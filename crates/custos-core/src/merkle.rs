//! The custody log's Merkle tree (RFC 6962 section 2.1): roots, proofs and their checks.
//!
//! ```text
//! leaf hash = SHA-256(0x00 | leaf data)        node = SHA-256(0x01 | left | right)
//! ```
//!
//! `tlog_tiles` makes and runs the proofs. It asserts its ranges, so every range is checked
//! here first: no function of this module panics, whatever it is given.

mod edge;
mod frontier;
mod memory;
mod nodes;
mod prove;

use tlog_tiles::tlog;

pub use edge::{Edge, Grown, edge_width};
pub use frontier::Frontier;
pub use memory::{MemoryLog, OutOfRange};
pub use nodes::{Tile, tile_root};
pub use prove::{ProveError, TileSource, prove_consistency, prove_inclusion, root_at};

use crate::{
    hash::{Hash, sha256},
    ids::{LeafIndex, MAX_INTEGER},
};

/// Most hashes in a proof; a tree of 2^53 - 1 leaves needs 53.
pub const MAX_PROOF_HASHES: usize = 63;

/// Why a proof, or the edge of a tree, does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MerkleError {
    /// A size outside 1 to 2^53 - 1, or an old size above the new one.
    #[error("a tree size is out of range")]
    Size,
    /// The index is not below the size.
    #[error("the index is not below the tree size")]
    Index,
    /// More than [`MAX_PROOF_HASHES`].
    #[error("a proof has more than {MAX_PROOF_HASHES} hashes")]
    TooLong,
    /// The hashes do not lead from what is proven to the root.
    #[error("the proof does not hold")]
    Proof,
    /// Not one hash for each perfect subtree of the size.
    #[error("the number of hashes does not fit the tree size")]
    Frontier,
}

/// The hash of a leaf: `SHA-256(0x00 | data)`.
pub fn leaf_hash(data: &[u8]) -> Hash {
    sha256(&[&[0x00], data])
}

/// The hash of an inner node: `SHA-256(0x01 | left | right)`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[0x01], left.as_bytes(), right.as_bytes()])
}

/// The root of the tree without leaves: the SHA-256 of nothing.
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// Checks that the tree of `size` leaves with `root` has `leaf` at `index`
/// (RFC 6962 section 2.1.1). The proof runs from the leaf's sibling up to the root's child.
///
/// # Errors
/// See [`MerkleError`].
pub fn check_inclusion(
    proof: &[Hash],
    size: u64,
    root: &Hash,
    index: LeafIndex,
    leaf: &Hash,
) -> Result<(), MerkleError> {
    check_size(size)?;
    check_length(proof)?;
    if index.get() >= size {
        return Err(MerkleError::Index);
    }
    tlog::check_record(
        &proof.iter().map(outside).collect(),
        size,
        outside(root),
        index.get(),
        outside(leaf),
    )
    .map_err(|_| MerkleError::Proof)
}

/// Checks that the tree of `new_size` leaves begins with the tree of `old_size` leaves
/// (RFC 6962 section 2.1.2). Of equal sizes the proof is empty and the roots are equal.
///
/// # Errors
/// See [`MerkleError`].
pub fn check_consistency(
    proof: &[Hash],
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
) -> Result<(), MerkleError> {
    check_size(old_size)?;
    check_size(new_size)?;
    check_length(proof)?;
    if old_size > new_size {
        return Err(MerkleError::Size);
    }
    tlog::check_tree(
        &proof.iter().map(outside).collect(),
        new_size,
        outside(new_root),
        old_size,
        outside(old_root),
    )
    .map_err(|_| MerkleError::Proof)
}

/// A size that a checkpoint may have.
fn check_size(size: u64) -> Result<(), MerkleError> {
    if (1..=MAX_INTEGER).contains(&size) {
        Ok(())
    } else {
        Err(MerkleError::Size)
    }
}

fn check_length(proof: &[Hash]) -> Result<(), MerkleError> {
    if proof.len() <= MAX_PROOF_HASHES {
        Ok(())
    } else {
        Err(MerkleError::TooLong)
    }
}

/// Our hash as `tlog_tiles` takes it.
fn outside(hash: &Hash) -> tlog::Hash {
    tlog::Hash(*hash.as_bytes())
}
