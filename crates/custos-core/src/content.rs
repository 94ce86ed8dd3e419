//! Salted Merkle trees over an item's bytes.
//!
//! ```text
//! tree_key    = HMAC-SHA-256(salt key, "custos/tree-salt/v1" 0x00 | u8 kind | u32 number)
//! salt_i      = HMAC-SHA-256(tree_key, u64 i)[..16]
//! leaf_i      = SHA-256(0x00 | "custos/leaf/v1" 0x00 | u8 kind | salt_i | u32 length | bytes)
//! node        = SHA-256(0x01 | left | right)       shape of RFC 6962: a lone node is promoted
//! logged root = SHA-256("custos/tree/v1" 0x00 | u8 kind | u64 n | tree root)
//! ```
//!
//! The salts keep a neighbour's hash from confirming a guess at what was withheld. Full
//! disclosure gives the tree key, partial disclosure the salts of the leaves shown.
//!
//! Roots of subtrees of 16 leaves are kept while a tree is built, leaf hashes are not: a
//! TiB of content takes 32 MiB. `rs_merkle` builds trees and proofs of up to
//! [`RS_MERKLE_LEAVES`] leaves; beyond that its proofs are quadratic and ours are used. Its
//! verification accepts forged proofs, so nothing here ever calls it.

mod build;
mod nodes;
mod prove;
mod verify;

#[cfg(test)]
mod tests;

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

pub use build::{ContentHasher, Tree, TreeBuilder, content_subtree, subtree_root};
pub use nodes::root;
pub use prove::{MAX_PROOF_BYTES, MultiProof, ProveError, ShownLeaf};
pub use verify::{ProofError, Verifier};

use crate::{
    hash::{Hash, Sha256, hmac_sha256, sha256},
    ids::{Malformed, hex_exact},
    keys::{KEY_BYTES, SaltKey},
};

/// Bytes of every leaf of a content tree but the last, which holds 1 to as many.
pub const LEAF_BYTES: usize = 64 << 10;
/// Leaves of a subtree whose root is kept.
pub const SUBTREE_LEAVES: usize = 16;
/// Content bytes under a whole subtree.
pub const SUBTREE_BYTES: usize = SUBTREE_LEAVES * LEAF_BYTES;
/// Length of a leaf's salt in bytes.
pub const LEAF_SALT_BYTES: usize = 16;
/// Leaves up to which `rs_merkle` builds trees and proofs.
pub const RS_MERKLE_LEAVES: usize = 1_000;

/// How a tree divides the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum TreeKind {
    /// Leaves of 64 KiB; an empty item has one empty leaf.
    Content = 1,
    /// Consecutive, non-empty records whose concatenation is the item.
    Records = 2,
}

impl TreeKind {
    /// The kind with this number.
    ///
    /// # Errors
    /// Neither 1 nor 2.
    pub const fn from_number(number: u64) -> Result<Self, Malformed> {
        match number {
            1 => Ok(Self::Content),
            2 => Ok(Self::Records),
            _ => Err(Malformed {
                expected: "a kind of tree, 1 or 2",
            }),
        }
    }

    /// The number that stands in hashes and in JSON.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// What the salts of one tree follow from; given away by full disclosure, never before.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct TreeKey([u8; KEY_BYTES]);

impl TreeKey {
    /// The tree key with these bytes, as a bundle shows it.
    pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes, for a bundle that discloses the whole item.
    pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for TreeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TreeKey(redacted)")
    }
}

impl std::str::FromStr for TreeKey {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        hex_exact(text, "a tree key of 64 lower-case hex digits").map(Self)
    }
}

/// The key of one of an item's trees.
///
/// # Errors
/// The content tree has number 0, record trees are numbered from 1.
pub fn tree_key(salt_key: &SaltKey, kind: TreeKind, number: u32) -> Result<TreeKey, Malformed> {
    if (kind == TreeKind::Content) != (number == 0) {
        return Err(Malformed {
            expected: "number 0 for the content tree, from 1 for record trees",
        });
    }
    Ok(TreeKey(hmac_sha256(
        salt_key.as_bytes(),
        &[
            b"custos/tree-salt/v1\0",
            &[kind.number()],
            &number.to_be_bytes(),
        ],
    )))
}

/// The salt of leaf `i`, from 0.
pub fn leaf_salt(key: &TreeKey, i: u64) -> [u8; LEAF_SALT_BYTES] {
    let full = Zeroizing::new(hmac_sha256(key.as_bytes(), &[&i.to_be_bytes()]));
    let mut salt = [0; LEAF_SALT_BYTES];
    salt.copy_from_slice(&full[..LEAF_SALT_BYTES]);
    salt
}

/// The hash of one leaf; `bytes` are hashed where they lie.
///
/// # Panics
/// `bytes` are 4 GiB or more; whoever divides an item bounds its records.
pub fn leaf_hash(kind: TreeKind, salt: &[u8; LEAF_SALT_BYTES], bytes: &[u8]) -> Hash {
    let length = u32::try_from(bytes.len()).expect("a leaf is shorter than 4 GiB");
    let mut hasher = Sha256::new();
    hasher.update(b"\0custos/leaf/v1\0");
    hasher.update(&[kind.number()]);
    hasher.update(salt);
    hasher.update(&length.to_be_bytes());
    hasher.update(bytes);
    hasher.finish()
}

/// What an entry holds of a tree of `n` leaves: its root, bound to kind and count.
pub fn logged_root(kind: TreeKind, n: u64, root: &Hash) -> Hash {
    sha256(&[
        b"custos/tree/v1\0",
        &[kind.number()],
        &n.to_be_bytes(),
        root.as_bytes(),
    ])
}
