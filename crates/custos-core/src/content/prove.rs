//! Multi-proofs: that some leaves, shown with their bytes, belong to a logged tree.
//!
//! ```text
//! {"hashes":[hex],"leaves":[{"i","length","salt"}],"n"}        RFC 8785
//! ```
//!
//! Indices are strictly ascending; the hashes that the shown leaves lack stand level by
//! level from the leaves, left to right.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    convert::Infallible,
    ops::Range,
};

use serde_json::{Value, json};

use super::{
    LEAF_SALT_BYTES, RS_MERKLE_LEAVES, SUBTREE_LEAVES, Tree,
    nodes::{levels, root, rs_tree},
    verify::{ProofError, climb},
};
use crate::{
    hash::Hash,
    ids::{MAX_INTEGER, hex_exact},
    json::{self, Members, wrong},
};

/// Longest multi-proof that is read or written, in bytes of its JCS.
pub const MAX_PROOF_BYTES: usize = 16 << 20;

/// Levels of nodes below the roots of whole subtrees.
const SUBTREE_LEVELS: u32 = SUBTREE_LEAVES.ilog2();

/// A leaf whose bytes stand beside the proof.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShownLeaf {
    /// Its number, from 0.
    pub index: u64,
    /// Its bytes' length.
    pub length: u32,
    /// Its salt, which opens this leaf and no other.
    pub salt: [u8; LEAF_SALT_BYTES],
}

/// A proof for one or more leaves of a tree of `n`.
///
/// INVARIANT: at least one leaf, strictly ascending indices below `n`, and exactly the
/// hashes that the shape of the tree asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MultiProof {
    n: u64,
    leaves: Vec<ShownLeaf>,
    hashes: Vec<Hash>,
}

/// Why a proof is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProveError<E> {
    /// No proof can show these leaves.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The leaf hashes could not be had.
    #[error("the leaves could not be read; no proof was made")]
    Read(E),
    /// The content is not what the tree was built over.
    #[error("leaves from `{0}` on are not those of the tree; no proof was made")]
    Changed(u64),
}

impl MultiProof {
    /// Takes the parts of a proof.
    ///
    /// # Errors
    /// [`ProofError`] says which part of the invariant fails.
    pub fn new(n: u64, leaves: Vec<ShownLeaf>, hashes: Vec<Hash>) -> Result<Self, ProofError> {
        let needed = missing(n, &leaves)?.len();
        if needed != hashes.len() {
            return Err(ProofError::Hashes {
                needed,
                given: hashes.len(),
            });
        }
        Ok(Self { n, leaves, hashes })
    }

    /// Proves `shown` against a tree of which all leaf hashes are at hand.
    ///
    /// # Errors
    /// [`ProofError`]: no leaves, or they are not strictly ascending below the count.
    pub fn from_leaves(hashes: &[Hash], shown: Vec<ShownLeaf>) -> Result<Self, ProofError> {
        let n = hashes.len() as u64;
        let missing = missing(n, &shown)?;
        let proof = if hashes.len() <= RS_MERKLE_LEAVES {
            rs_hashes(hashes, shown.iter().map(|leaf| leaf.index))
        } else {
            let levels = levels(hashes.to_vec());
            missing
                .into_iter()
                .map(|(level, index)| node_at(&levels, level, index))
                .collect()
        };
        Self::new(n, shown, proof)
    }

    /// Proves `shown` against a tree of which the subtree roots are kept; `leaf_hashes`
    /// gives the leaf hashes of a whole subtree, a range of at most 16 leaf numbers, once
    /// for each subtree that a shown leaf lies in.
    ///
    /// # Errors
    /// [`ProveError::Changed`]: the leaf hashes do not lead to the root that was kept.
    pub fn from_subtrees<E>(
        tree: &Tree,
        shown: Vec<ShownLeaf>,
        leaf_hashes: impl FnMut(Range<u64>) -> Result<Vec<Hash>, E>,
    ) -> Result<Self, ProveError<E>> {
        let missing = missing(tree.n(), &shown)?;
        let loaded = load(tree, &shown, leaf_hashes)?;
        let (below, above): (Vec<_>, Vec<_>) = missing
            .into_iter()
            .partition(|(level, _)| *level < SUBTREE_LEVELS);
        let mut hashes = Vec::with_capacity(below.len() + above.len());
        for (level, index) in below {
            let shift = SUBTREE_LEVELS - level;
            let levels = &loaded[&(index >> shift)];
            hashes.push(node_at(levels, level, index & ((1 << shift) - 1)));
        }
        if tree.subtrees().len() <= RS_MERKLE_LEAVES {
            hashes.extend(rs_hashes(tree.subtrees(), loaded.keys().copied()));
        } else {
            let levels = levels(tree.subtrees().to_vec());
            let above = above.into_iter();
            hashes.extend(above.map(|(level, i)| node_at(&levels, level - SUBTREE_LEVELS, i)));
        }
        Ok(Self::new(tree.n(), shown, hashes)?)
    }

    /// Reads the JCS of a proof.
    ///
    /// # Errors
    /// Too long, not canonical, not of the form, or as [`MultiProof::new`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofError> {
        if bytes.len() > MAX_PROOF_BYTES {
            return Err(ProofError::TooLong);
        }
        let value = json::parse(bytes)?;
        let members = Members::exactly(&value, &["hashes", "leaves", "n"])?;
        let hashes = members.array("hashes")?.iter().map(parse_hash);
        let leaves = members.array("leaves")?.iter().map(parse_leaf);
        Self::new(
            members.integer("n")?,
            leaves.collect::<Result<_, _>>()?,
            hashes.collect::<Result<_, _>>()?,
        )
    }

    /// The JCS that [`MultiProof::parse`] reads.
    ///
    /// # Errors
    /// [`ProofError::TooLong`]: show fewer leaves in one proof.
    pub fn to_jcs(&self) -> Result<Vec<u8>, ProofError> {
        let leaves = self.leaves.iter().map(
            |leaf| json!({"i": leaf.index, "length": leaf.length, "salt": hex::encode(leaf.salt)}),
        );
        let jcs = json::canonical(&json!({
            "hashes": self.hashes,
            "leaves": leaves.collect::<Vec<_>>(),
            "n": self.n,
        }))?;
        if jcs.len() > MAX_PROOF_BYTES {
            return Err(ProofError::TooLong);
        }
        Ok(jcs)
    }

    /// Leaves of the whole tree.
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// The leaves shown, in order.
    pub fn leaves(&self) -> &[ShownLeaf] {
        &self.leaves
    }

    /// The hashes that the shown leaves lack.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }
}

/// All levels of the subtrees that shown leaves lie in, by the subtrees' numbers.
fn load<E>(
    tree: &Tree,
    shown: &[ShownLeaf],
    mut leaf_hashes: impl FnMut(Range<u64>) -> Result<Vec<Hash>, E>,
) -> Result<BTreeMap<u64, Vec<Vec<Hash>>>, ProveError<E>> {
    let mut loaded = BTreeMap::new();
    for leaf in shown {
        let subtree = leaf.index / SUBTREE_LEAVES as u64;
        let Entry::Vacant(place) = loaded.entry(subtree) else {
            continue;
        };
        let first = subtree * SUBTREE_LEAVES as u64;
        let range = first..(first + SUBTREE_LEAVES as u64).min(tree.n());
        let leaves = leaf_hashes(range.clone()).map_err(ProveError::Read)?;
        let kept = usize::try_from(subtree).ok();
        let kept = kept.and_then(|subtree| tree.subtrees().get(subtree));
        let whole = leaves.len() as u64 == range.end - range.start;
        if !whole || root(&leaves).as_ref() != kept {
            return Err(ProveError::Changed(first));
        }
        place.insert(levels(leaves));
    }
    Ok(loaded)
}

/// Level and index of every node that `shown` lacks, in the order of the format.
fn missing(n: u64, shown: &[ShownLeaf]) -> Result<Vec<(u32, u64)>, ProofError> {
    if shown.is_empty() {
        return Err(ProofError::NoLeaf);
    }
    let ascending = shown.windows(2).all(|two| two[0].index < two[1].index);
    let below = shown.last().is_some_and(|last| last.index < n);
    if !ascending || !below || n > MAX_INTEGER {
        return Err(ProofError::Order);
    }
    let mut missing = Vec::new();
    let known = shown.iter().map(|leaf| (leaf.index, ())).collect();
    let climbed: Result<(), Infallible> = climb(
        n,
        known,
        |level, index| {
            missing.push((level, index));
            Ok(())
        },
        |(), ()| (),
    );
    climbed.map_or_else(|never| match never {}, |()| Ok(missing))
}

/// The proof's hashes by `rs_merkle`, which have the same order.
fn rs_hashes(hashes: &[Hash], indices: impl Iterator<Item = u64>) -> Vec<Hash> {
    let indices: Vec<usize> = indices.filter_map(|i| usize::try_from(i).ok()).collect();
    let proof = rs_tree(hashes).proof(&indices);
    let hashes = proof.proof_hashes().iter();
    hashes.map(|hash| Hash::from_bytes(*hash)).collect()
}

/// The node at a level and index that the tree is known to have.
fn node_at(levels: &[Vec<Hash>], level: u32, index: u64) -> Hash {
    let index = usize::try_from(index).expect("all nodes of the level are in memory");
    levels[level as usize][index]
}

fn parse_hash(value: &Value) -> Result<Hash, ProofError> {
    let hash = value.as_str().and_then(|hash| hash.parse().ok());
    Ok(hash.ok_or_else(|| wrong("hashes"))?)
}

fn parse_leaf(value: &Value) -> Result<ShownLeaf, ProofError> {
    let members = Members::exactly(value, &["i", "length", "salt"])?;
    let length = members.integer("length")?;
    let salt = members.string("salt")?;
    Ok(ShownLeaf {
        index: members.integer("i")?,
        length: u32::try_from(length).map_err(|_| wrong("length"))?,
        salt: hex_exact(salt, "a salt of 32 lower-case hex digits").map_err(|_| wrong("salt"))?,
    })
}
