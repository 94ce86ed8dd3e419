//! Proofs from the published tiles.

#[cfg(test)]
mod tests;
mod tiles;

use std::sync::Arc;

use custos_core::{
    checkpoint::SignedCheckpoint,
    hash::Hash,
    ids::LeafIndex,
    merkle::{self, MerkleError, ProveError},
};

pub use tiles::Tiles;

use super::{context::Room, error::Error, witnesses};
use crate::db::DbError;

/// The published tree of one size. Its proofs are made on a thread that may block.
///
/// INVARIANT: every proof that leaves here was checked against the checkpoint.
pub struct Published {
    /// The checkpoint, as a signed note.
    pub checkpoint: SignedCheckpoint,
    tiles: Arc<Tiles>,
}

impl Published {
    /// The published tree of exactly this size, with what witnesses confirmed of it.
    ///
    /// # Errors
    /// Nothing of this size was published.
    pub async fn of_size(room: &Room, size: u64) -> Result<Self, Error> {
        let checkpoint = witnesses::cosigned(room, size).await?;
        Ok(Self::at(checkpoint, room.tiles.clone()))
    }

    /// The same for a checkpoint and tiles that are at hand.
    pub fn at(checkpoint: SignedCheckpoint, tiles: Arc<Tiles>) -> Self {
        Self { checkpoint, tiles }
    }

    /// Leaves of the tree.
    pub fn size(&self) -> u64 {
        self.checkpoint.checkpoint().size()
    }

    /// The hashes that prove that the leaf at `index` has the hash `leaf`. Blocks.
    ///
    /// # Errors
    /// A tile is missing, of another form, or does not fit the checkpoint or the leaf.
    pub fn inclusion(&self, index: LeafIndex, leaf: &Hash) -> Result<Vec<Hash>, Error> {
        let (size, root) = (self.size(), self.checkpoint.checkpoint().root());
        self.proven(|tiles| {
            let proof = merkle::prove_inclusion(size, index, tiles)?;
            merkle::check_inclusion(&proof, size, root, index, leaf)?;
            Ok(proof)
        })
    }

    /// The hashes that prove that this tree continues the one that it was at `old` leaves.
    /// Blocks.
    ///
    /// # Errors
    /// A tile is missing, of another form, or does not fit the checkpoint.
    pub fn consistency(&self, old: u64) -> Result<Vec<Hash>, Error> {
        let (size, root) = (self.size(), self.checkpoint.checkpoint().root());
        self.proven(|tiles| {
            let proof = merkle::prove_consistency(old, size, tiles)?;
            let then = merkle::root_at(old, size, tiles)?;
            merkle::check_consistency(&proof, old, &then, size, root)?;
            Ok(proof)
        })
    }

    /// What `prove` gives. What is kept of a tile that was damaged must not outlive its repair,
    /// so nothing kept is believed once a proof did not hold.
    fn proven(
        &self,
        prove: impl Fn(&Tiles) -> Result<Vec<Hash>, ProveError<Error>>,
    ) -> Result<Vec<Hash>, Error> {
        let first = prove(&self.tiles);
        let proof = match first {
            Err(ProveError::Range(MerkleError::Proof)) => {
                self.tiles.forget();
                prove(&self.tiles)
            }
            first => first,
        };
        proof.map_err(|error| match error {
            ProveError::Source(error) => error,
            error => damaged(&error.to_string()),
        })
    }
}

fn damaged(what: &str) -> Error {
    const PROOF: &str = "a proof can't be made of the published tiles";
    tracing::error!(alarm = "damaged_tile", what, "{PROOF}");
    DbError::damaged("tiles", what, PROOF).into()
}
