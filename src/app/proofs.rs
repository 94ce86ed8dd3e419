//! Proofs from the published tiles.

use std::{cell::RefCell, collections::HashMap};

use custos_core::{
    checkpoint::SignedCheckpoint,
    hash::Hash,
    ids::LeafIndex,
    merkle::{self, TileSource},
    tile::{Level, TilePath, parse_hash_tile},
};
use tokio::runtime::Handle;

use super::{context::Room, error::Error, witnesses};
use crate::{db::DbError, store::Store};

/// The published tree of one size. Its proofs are made on a thread that may block.
pub struct Published {
    /// The checkpoint, as a signed note.
    pub checkpoint: SignedCheckpoint,
    tiles: Tiles,
}

impl Published {
    /// The published tree of exactly this size, with what witnesses confirmed of it.
    ///
    /// # Errors
    /// Nothing of this size was published.
    pub async fn of_size(room: &Room, size: u64) -> Result<Self, Error> {
        let checkpoint = witnesses::cosigned(room, size).await?;
        Ok(Self::at(checkpoint, room.store.clone()))
    }

    /// The same for a checkpoint and a store that are at hand. Called where a runtime is.
    pub fn at(checkpoint: SignedCheckpoint, store: Store) -> Self {
        let handle = Handle::current();
        Self {
            checkpoint,
            tiles: Tiles { store, handle },
        }
    }

    /// Leaves of the tree.
    pub fn size(&self) -> u64 {
        self.checkpoint.checkpoint().size()
    }

    /// The hashes that prove the leaf at `index`. Blocks.
    ///
    /// # Errors
    /// A tile is missing or of another form.
    pub fn inclusion(&self, index: LeafIndex) -> Result<Vec<Hash>, Error> {
        merkle::prove_inclusion(self.size(), index, &self.tiles)
            .map_err(|error| damaged(&error.to_string()))
    }

    /// The same for many leaves: tiles that were read are kept for the next proof.
    pub fn prover(&self) -> Prover<'_> {
        Prover {
            published: self,
            kept: RefCell::default(),
        }
    }

    /// The hashes that prove that this tree continues the one of `old` leaves. Blocks.
    ///
    /// # Errors
    /// A tile is missing or of another form.
    pub fn consistency(&self, old: u64) -> Result<Vec<Hash>, Error> {
        merkle::prove_consistency(old, self.size(), &self.tiles)
            .map_err(|error| damaged(&error.to_string()))
    }

    /// The same, checked: it leads from the root that this tree has at `old` leaves. Blocks.
    ///
    /// # Errors
    /// A tile is missing, of another form, or does not fit the others.
    pub fn checked_consistency(&self, old: u64) -> Result<Vec<Hash>, Error> {
        let proof = self.consistency(old)?;
        let root = merkle::root_at(old, self.size(), &self.tiles)
            .map_err(|error| damaged(&error.to_string()))?;
        let newest = self.checkpoint.checkpoint().root();
        merkle::check_consistency(&proof, old, &root, self.size(), newest)
            .map_err(|error| damaged(&error.to_string()))?;
        Ok(proof)
    }
}

/// Tiles that a [`Prover`] keeps at a time, of at most 8 KiB each.
const MAX_TILES_KEPT: usize = 64;

/// A tile by level, number and width.
type Tile = (u8, u64, u16);

/// Proofs of many leaves of one published tree. Of leaves in order each tile is read once.
pub struct Prover<'a> {
    published: &'a Published,
    kept: RefCell<HashMap<Tile, Vec<Hash>>>,
}

impl Prover<'_> {
    /// As [`Published::inclusion`].
    ///
    /// # Errors
    /// A tile is missing or of another form.
    pub fn inclusion(&self, index: LeafIndex) -> Result<Vec<Hash>, Error> {
        merkle::prove_inclusion(self.published.size(), index, self)
            .map_err(|error| damaged(&error.to_string()))
    }
}

impl TileSource for Prover<'_> {
    type Error = Error;

    fn tile(&self, level: u8, index: u64, width: u16) -> Result<Vec<Hash>, Error> {
        let mut kept = self.kept.borrow_mut();
        if let Some(hashes) = kept.get(&(level, index, width)) {
            return Ok(hashes.clone());
        }
        let hashes = self.published.tiles.tile(level, index, width)?;
        if kept.len() >= MAX_TILES_KEPT {
            kept.clear();
        }
        kept.insert((level, index, width), hashes.clone());
        Ok(hashes)
    }
}

struct Tiles {
    store: Store,
    handle: Handle,
}

impl TileSource for Tiles {
    type Error = Error;

    fn tile(&self, level: u8, index: u64, width: u16) -> Result<Vec<Hash>, Error> {
        let path = TilePath::new(Level::Hashes(level), index, width)
            .map_err(|_| damaged("no such tile"))?;
        let bytes = self
            .handle
            .block_on(self.store.get_public(&path.to_string()))?;
        parse_hash_tile(&bytes, width).map_err(|_| damaged("a tile is not of its form"))
    }
}

fn damaged(what: &str) -> Error {
    tracing::error!(
        alarm = "damaged_tile",
        what,
        "a proof can't be made of the published tiles"
    );
    DbError::damaged(
        "tiles",
        what,
        "a proof can't be made of the published tiles",
    )
    .into()
}
