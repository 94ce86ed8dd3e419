//! The tree that the entries make, and beside it, from the first place where they differ,
//! the tree that the published bundles make. Signed checkpoints decide which of the two is
//! the true one, and so whether an entry or a published file is damaged.

use custos_core::{
    hash::Hash,
    merkle::{Edge, Frontier, Grown, leaf_hash},
};

use super::Place;

/// One tree, leaf by leaf.
#[derive(Clone, Default)]
pub(super) struct Tree {
    /// Its partial tiles.
    edge: Edge,
    /// From which its root follows quickly.
    frontier: Frontier,
}

impl Tree {
    fn push(&mut self, leaf: &[u8]) -> Vec<Grown> {
        let hash = leaf_hash(leaf);
        self.frontier.push(hash);
        self.edge.push(hash)
    }

    /// Its root.
    pub(super) fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Its right edge as the head keeps it.
    pub(super) fn edge_bytes(&self) -> Vec<u8> {
        self.frontier.to_bytes()
    }

    /// Its leaves.
    pub(super) fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Its partial tiles.
    pub(super) fn partial(&self) -> Vec<Grown> {
        self.edge.partial_since(0)
    }
}

/// Something that differs from one tree or from both.
pub(super) struct Doubt {
    pub(super) place: Place,
    pub(super) what: &'static str,
    /// Whether it is what the entries make.
    pub(super) fits_entries: bool,
    /// Whether it is what the published bundles make.
    pub(super) fits_bundles: bool,
}

/// Doubts that are kept; behind them the trees differ in too many places to name.
const MAX_DOUBTS: usize = 10_000;

/// Both trees, and what differs from them.
#[derive(Default)]
pub(super) struct Trees {
    /// The tree of the entries.
    pub(super) entries: Tree,
    /// The tree of the bundles, from where it differs.
    pub(super) bundles: Option<Tree>,
    /// Leaves in which they differ.
    pub(super) differing: Vec<u64>,
    doubts: Vec<Doubt>,
    /// Signed checkpoints that fit the entries, and those that fit only the bundles.
    signed: (u64, u64),
    /// Signed checkpoints that fit neither.
    neither: u64,
}

impl Trees {
    /// Appends a leaf as the entries have it and, where they differ, as the bundle has it.
    /// Gives the tiles that are complete now, of both trees.
    pub(super) fn push(
        &mut self,
        leaf: &[u8],
        bundled: Option<&[u8]>,
    ) -> Vec<(Grown, Option<Grown>)> {
        if bundled.is_some_and(|bundled| bundled != leaf) {
            if self.bundles.is_none() {
                self.bundles = Some(self.entries.clone());
            }
            if self.differing.len() < MAX_DOUBTS {
                self.differing.push(self.entries.size());
            }
        }
        let full = self.entries.push(leaf);
        let other = match &mut self.bundles {
            Some(tree) => tree.push(bundled.unwrap_or(leaf)),
            None => Vec::new(),
        };
        let mut other = other.into_iter();
        full.into_iter().map(|tile| (tile, other.next())).collect()
    }

    /// The tile of the other tree, for a comparison with both.
    pub(super) fn doubt(&mut self, doubt: Doubt) {
        if self.doubts.len() < MAX_DOUBTS {
            self.doubts.push(doubt);
        }
    }

    /// Takes in a signed checkpoint of the present size.
    pub(super) fn signed(&mut self, size: i64, root: &Hash) {
        let fits_entries = self.entries.root() == *root;
        let fits_bundles = self
            .bundles
            .as_ref()
            .map_or(fits_entries, |tree| tree.root() == *root);
        match (fits_entries, fits_bundles) {
            (true, _) => self.signed.0 += 1,
            (false, true) => self.signed.1 += 1,
            (false, false) => self.neither += 1,
        }
        if !(fits_entries && fits_bundles) {
            self.doubt(Doubt {
                place: Place::Checkpoint { size },
                what: "its root is not that of the entries",
                fits_entries,
                fits_bundles,
            });
        }
    }

    /// Whether checkpoints say that the bundles are right and the entries are not.
    pub(super) fn bundles_are_true(&self) -> bool {
        self.bundles.is_some() && self.signed.1 > 0 && self.neither == 0
    }

    /// The tree that the checkpoints confirm; that of the entries where they confirm none.
    pub(super) fn true_one(&self) -> &Tree {
        match &self.bundles {
            Some(bundles) if self.bundles_are_true() => bundles,
            _ => &self.entries,
        }
    }

    /// What differs from the true tree.
    pub(super) fn confirmed(&mut self) -> Vec<Doubt> {
        let bundles = self.bundles_are_true();
        let mut doubts = std::mem::take(&mut self.doubts);
        doubts.retain(|doubt| {
            let fits = if bundles {
                doubt.fits_bundles
            } else {
                doubt.fits_entries
            };
            !fits
        });
        doubts
    }
}
