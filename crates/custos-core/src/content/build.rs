//! Building trees: leaf by leaf, subtree by subtree, or from an item's bytes as they come.

use zeroize::Zeroizing;

use super::{
    LEAF_BYTES, SUBTREE_BYTES, SUBTREE_LEAVES, TreeKey, TreeKind, leaf_hash, leaf_salt,
    logged_root,
    nodes::{parents, root},
};
use crate::hash::Hash;

/// A built tree: what is kept of it once its leaf hashes are gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tree {
    n: u64,
    root: Hash,
    subtrees: Vec<Hash>,
}

impl Tree {
    /// Leaves of the tree, at least one.
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// The root, which is not yet bound to kind and count.
    pub const fn root(&self) -> &Hash {
        &self.root
    }

    /// Roots of the subtrees of 16 leaves, the last of maybe fewer.
    pub fn subtrees(&self) -> &[Hash] {
        &self.subtrees
    }

    /// What the entry holds.
    pub fn logged_root(&self, kind: TreeKind) -> Hash {
        logged_root(kind, self.n, &self.root)
    }
}

/// Takes leaf hashes in order and keeps only the roots of whole subtrees.
#[derive(Clone, Default, Debug)]
pub struct TreeBuilder {
    subtrees: Vec<Hash>,
    /// Leaf hashes of the subtree that is not whole yet; fewer than 16.
    leaves: Vec<Hash>,
}

impl TreeBuilder {
    /// A tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves taken so far.
    pub fn n(&self) -> u64 {
        (self.subtrees.len() * SUBTREE_LEAVES + self.leaves.len()) as u64
    }

    /// Takes the next leaf's hash.
    pub fn push(&mut self, leaf: Hash) {
        self.leaves.push(leaf);
        if let Ok(whole) = self.leaves.as_slice().try_into() {
            self.subtrees.push(subtree_root(whole));
            self.leaves.clear();
        }
    }

    /// Takes the root of the next 16 leaves, computed elsewhere.
    ///
    /// # Panics
    /// The leaves taken before are no multiple of 16; the caller divides the content.
    pub fn push_subtree(&mut self, root: Hash) {
        assert!(
            self.leaves.is_empty(),
            "a subtree follows only whole subtrees"
        );
        self.subtrees.push(root);
    }

    /// The tree over all leaves taken; none if there were none.
    pub fn finish(mut self) -> Option<Tree> {
        let n = self.n();
        self.subtrees.extend(root(&self.leaves));
        let root = root(&self.subtrees)?;
        Some(Tree {
            n,
            root,
            subtrees: self.subtrees,
        })
    }
}

/// Root of a whole subtree.
pub fn subtree_root(leaves: &[Hash; SUBTREE_LEAVES]) -> Hash {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = parents(&level);
    }
    level[0]
}

/// Root of the whole subtree of a content tree that begins with leaf `first`.
///
/// For threads that share the work: `first` is a multiple of 16, and the content goes on
/// or ends exactly behind `bytes`.
pub fn content_subtree(key: &TreeKey, first: u64, bytes: &[u8; SUBTREE_BYTES]) -> Hash {
    let leaves = std::array::from_fn(|i| {
        let salt = leaf_salt(key, first + i as u64);
        leaf_hash(
            TreeKind::Content,
            &salt,
            &bytes[i * LEAF_BYTES..][..LEAF_BYTES],
        )
    });
    subtree_root(&leaves)
}

/// The content tree of an item whose bytes come in pieces of any length.
///
/// Whole leaves are hashed where they lie; only what is left of a piece is copied.
#[derive(Clone)]
pub struct ContentHasher {
    key: TreeKey,
    builder: TreeBuilder,
    /// Begin of the next leaf: fewer than 64 KiB.
    begun: Zeroizing<Vec<u8>>,
}

impl ContentHasher {
    /// A hasher that has seen no bytes.
    pub fn new(key: TreeKey) -> Self {
        Self {
            key,
            builder: TreeBuilder::new(),
            // Large enough from the start: a buffer that grows leaves plaintext behind.
            begun: Zeroizing::new(Vec::with_capacity(LEAF_BYTES)),
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        if !self.begun.is_empty() {
            let (head, rest) = bytes.split_at(bytes.len().min(LEAF_BYTES - self.begun.len()));
            self.begun.extend_from_slice(head);
            bytes = rest;
            if self.begun.len() < LEAF_BYTES {
                return;
            }
            let leaf = self.leaf(&self.begun);
            self.builder.push(leaf);
            self.begun.clear();
        }
        let whole = bytes.chunks_exact(LEAF_BYTES);
        self.begun.extend_from_slice(whole.remainder());
        for leaf in whole {
            let leaf = self.leaf(leaf);
            self.builder.push(leaf);
        }
    }

    /// The tree over all bytes taken; an empty item has one empty leaf.
    pub fn finish(mut self) -> Tree {
        if !self.begun.is_empty() || self.builder.n() == 0 {
            let leaf = self.leaf(&self.begun);
            self.builder.push(leaf);
        }
        self.builder
            .finish()
            .expect("a content tree has at least one leaf")
    }

    /// Hash of the leaf that is next in order.
    fn leaf(&self, bytes: &[u8]) -> Hash {
        let salt = leaf_salt(&self.key, self.builder.n());
        leaf_hash(TreeKind::Content, &salt, bytes)
    }
}

impl std::fmt::Debug for ContentHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ContentHasher({} leaves, redacted)", self.builder.n())
    }
}
