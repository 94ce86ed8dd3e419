//! Publishes what is committed: entry bundles, hash tiles, then a signed checkpoint.
//!
//! ```text
//! tiles and entry bundles   durable in the store, idempotent     a crash here leaves tiles that
//!                                                                the next run writes again, equal
//! note                      signed, in memory alone              a crash here leaves nothing; the
//!                                                                same tree gives the same note
//! note and published size   one transaction, compare-and-swap    a crash here leaves the older
//!                                                                `checkpoint` file; start-up mends it
//! the mark                  replaced, outside of the data        a crash here leaves the older
//!                                                                `checkpoint` file, as above
//! log/checkpoint            replaced                             a crash here leaves nothing undone
//! the key before this one   destroyed, behind a rotation         a crash before it leaves a key that
//!                                                                signs no more; start-up destroys it
//! receipts may be asked for
//! ```
//!
//! Several processes may publish one log: what each writes of tiles is equal, and the published
//! size moves by compare-and-swap. Whoever comes late follows the register (`follow`). One that has a
//! key which was rotated away publishes nothing.
//!
//! INVARIANT: a checkpoint is signed only for a tree that is committed, and whose right edge
//! follows from the tiles that were published.

#[cfg(test)]
pub(in crate::app) mod faults;
mod follow;
mod recover;

use std::sync::Arc;

use custos_core::{
    checkpoint::LogKeys,
    ids::{KeyId, Timestamp},
    merkle::{self, Edge},
    tile::{FULL_WIDTH, Level, TilePath, write_entry_bundle, write_hash_tile},
};
use tokio::sync::{Mutex, watch};
use tracing::{debug, error, info, warn};

pub use recover::{Among, Mismatch, published_file, recover};

use super::{
    behind::Mark,
    entering::Tx,
    error::Error,
    leading,
    log_keys::{Destroy, Signers},
    writer::{Command, Stop, Writer},
};
use crate::{
    db::{
        DbError, Pool, entries,
        head::{self, Head},
        keys,
    },
    store::Store,
};

/// Hashes in a full tile.
const FULL: u64 = FULL_WIDTH as u64;

/// The highest level of hash tiles; 256^7 is more than a log can hold.
const MAX_LEVEL: u8 = 6;

/// Where the newest checkpoint stands, below `log/`.
pub const CHECKPOINT_PATH: &str = "checkpoint";
/// How often it is begun again where another process published meanwhile.
const MAX_RACES: u32 = 4;

/// Publishes one log.
pub struct Publisher {
    pool: Pool,
    store: Store,
    writer: Writer,
    signers: Signers,
    /// Holds what was published where nobody puts it back together with the data.
    mark: Arc<Mark>,
    /// The partial tiles of the published tree. The lock makes publishing one at a time.
    edge: Mutex<Tip>,
    published: watch::Sender<u64>,
    #[cfg(test)]
    pub(in crate::app) told: faults::Told,
}

/// How far publishing is.
struct Tip {
    edge: Edge,
    /// The note of the edge, if its file is not written yet.
    pending: Option<Vec<u8>>,
}

impl Publisher {
    /// A publisher that goes on from what [`recover`] found.
    pub fn new(
        (pool, store): (Pool, Store),
        writer: Writer,
        signers: Signers,
        mark: Mark,
        edge: Edge,
    ) -> (Self, watch::Receiver<u64>) {
        let (published, receiver) = watch::channel(edge.size());
        let publisher = Self {
            pool,
            store,
            writer,
            signers,
            mark: Arc::new(mark),
            edge: Mutex::new(Tip {
                edge,
                pending: None,
            }),
            published,
            #[cfg(test)]
            told: faults::Told::default(),
        };
        (publisher, receiver)
    }

    /// Publishes everything that is committed now; does nothing when nothing is pending.
    ///
    /// # Errors
    /// The register or the store can't be used, or the published tiles do not fit the
    /// committed tree. Nothing was signed then.
    pub async fn publish(&self) -> Result<u64, Error> {
        self.publish_leading(None).await
    }

    /// The same for a process that leads since this epoch: refused once another one does.
    ///
    /// # Errors
    /// As [`Publisher::publish`].
    pub async fn publish_leading(&self, epoch: Option<i64>) -> Result<u64, Error> {
        // What an older register holds beyond its checkpoint would overwrite published tiles.
        self.writer.open()?;
        let mut tip = self.edge.lock().await;
        for _ in 1..MAX_RACES {
            match self.once(&mut tip, epoch).await {
                // Another process was faster; what is left is published on top of that.
                Err(Error::CustodyUnavailable(Some(DbError::HeadMoved)))
                    if self.pool.is_shared() && epoch.is_none() => {}
                done => return done,
            }
        }
        self.once(&mut tip, epoch).await
    }

    async fn once(&self, tip: &mut Tip, epoch: Option<i64>) -> Result<u64, Error> {
        // What was committed before is given out first, or it never is.
        self.give_out(tip).await?;
        loop {
            let head = self.head().await?;
            self.catch_up(tip, head.published).await?;
            self.end_rotation(tip.edge.size()).await?;
            let from = tip.edge.size();
            if from == head.size() {
                return Ok(from);
            }
            // A checkpoint that two keys sign is one of its own.
            let to = self.signers.next(from, head.size());
            self.step(tip, &head, to, epoch).await?;
            if to == head.size() {
                self.end_rotation(to).await?;
                return Ok(to);
            }
        }
    }

    /// Publishes the tree of `to` leaves, at most all that are committed.
    async fn step(
        &self,
        tip: &mut Tip,
        head: &Head,
        to: u64,
        epoch: Option<i64>,
    ) -> Result<(), Error> {
        let from = tip.edge.size();
        let mut next = tip.edge.clone();
        self.write_tiles(&mut next, to).await?;
        check_edge(&self.grown(&next, head.size()).await?, head)?;
        let sign = || self.signers.sign(&head.origin, to, next.root());
        #[cfg(not(test))]
        let note = sign()?;
        #[cfg(test)]
        let note = self.told.around(sign)?;
        #[cfg(test)]
        self.told.too_early(&self.store, &note).await?;
        // A crash here leaves a signature that nobody has; the same tree is signed again, equal.
        self.writer
            .submit(Publish {
                from,
                to,
                note: note.clone(),
                epoch,
                key: self.signers.id(),
            })
            .await?;
        // A crash here leaves the older file; start-up replaces it by the kept note.
        *tip = Tip {
            edge: next,
            pending: Some(note),
        };
        self.give_out(tip).await?;
        self.make_way(from, to).await;
        debug!(log.size = to, "published a checkpoint");
        Ok(())
    }

    /// The edge as it is with every leaf up to `size`; nothing of it is written.
    async fn grown(&self, edge: &Edge, size: u64) -> Result<Edge, Error> {
        let mut edge = edge.clone();
        while edge.size() < size {
            let (start, end) = (edge.size(), (edge.size() + FULL).min(size));
            let pool = self.pool.clone();
            let leaves = blocking(move || entries::leaves(&mut *pool.get()?, start, end)).await?;
            for leaf in &leaves {
                edge.push(merkle::leaf_hash(leaf));
            }
        }
        Ok(edge)
    }

    /// Destroys the key that was rotated away, once the checkpoint that it had to sign was given
    /// out. Until then it is all that a crash leaves to sign it with.
    async fn end_rotation(&self, given_out: u64) -> Result<(), Error> {
        let due = self.signers.turn().is_some_and(|turn| turn <= given_out);
        if due && self.signers.has_retiring() {
            self.writer.submit(Destroy).await?;
            self.signers.forget_retiring();
            info!("the key of the log that was rotated away is destroyed");
        }
        Ok(())
    }

    /// Whether the key before the present one is still kept: a rotation has not ended.
    pub fn is_rotating(&self) -> bool {
        self.signers.has_retiring()
    }

    /// The row of the key that signs.
    pub(super) fn signing_key(&self) -> KeyId {
        self.signers.id()
    }

    /// Every key of the log with its sizes.
    pub fn keys(&self) -> &Arc<LogKeys> {
        self.signers.keys()
    }

    /// Puts the note in its place that is committed and not given out yet.
    async fn give_out(&self, tip: &mut Tip) -> Result<(), Error> {
        if let Some(note) = &tip.pending {
            // Before anyone can see it, so that nobody ever holds more than the mark.
            let (mark, kept) = (self.mark.clone(), note.clone());
            let turns = self.keys().turns().any(|turn| turn == tip.edge.size());
            let turn = turns.then_some(tip.edge.size());
            tokio::task::spawn_blocking(move || match turn {
                Some(turn) => mark.keep_turn(turn, &kept).and_then(|()| mark.keep(&kept)),
                None => mark.keep(&kept),
            })
            .await
            .map_err(|_| Error::CustodyUnavailable(None))??;
            let note = note.clone().into();
            self.store.put_public(CHECKPOINT_PATH, note).await?;
            tip.pending = None;
            self.overtaken(tip.edge.size()).await?;
            self.published.send_replace(tip.edge.size());
        }
        Ok(())
    }

    /// Removes the partial tiles of each tile that was begun by `from` leaves and is full now.
    /// A crash here, or a store that fails, leaves files that only take space.
    async fn make_way(&self, from: u64, to: u64) {
        let begun = |level: u8| {
            let (from, to) = (from >> (8 * level), to >> (8 * level));
            (from % FULL != 0 && from / FULL < to / FULL).then_some(from / FULL)
        };
        let entries = begun(0).map(|index| (Level::Entries, index));
        let hashes =
            (0..=MAX_LEVEL).filter_map(|level| Some((Level::Hashes(level), begun(level)?)));
        for (level, index) in entries.into_iter().chain(hashes) {
            if let Err(error) = self.store.drop_partial(level, index).await {
                warn!(%error, "partial tiles were left that only take space");
            }
        }
    }

    /// Writes every bundle and tile that the tree of `to` leaves has and the edge's has not.
    async fn write_tiles(&self, edge: &mut Edge, to: u64) -> Result<(), Error> {
        let from = edge.size();
        let mut start = from - from % FULL;
        while start < to {
            let end = (start + FULL).min(to);
            let pool = self.pool.clone();
            let leaves = blocking(move || entries::leaves(&mut *pool.get()?, start, end)).await?;
            let bundle = write_entry_bundle(&leaves).map_err(|_| odd_tile())?;
            let path = tile(Level::Entries, start / FULL, end - start)?;
            self.store
                .put_public(&path.to_string(), bundle.into())
                .await?;
            for (index, leaf) in (start..end).zip(&leaves) {
                if index < from {
                    continue;
                }
                for (level, position, hashes) in edge.push(merkle::leaf_hash(leaf)) {
                    self.write_hashes(level, position, &hashes).await?;
                }
            }
            start = end;
        }
        for (level, position, hashes) in edge.partial_since(from) {
            self.write_hashes(level, position, &hashes).await?;
        }
        Ok(())
    }

    async fn write_hashes(
        &self,
        level: u8,
        index: u64,
        hashes: &[custos_core::hash::Hash],
    ) -> Result<(), Error> {
        let path = tile(Level::Hashes(level), index, hashes.len() as u64)?;
        let bytes = write_hash_tile(hashes).map_err(|_| odd_tile())?;
        Ok(self
            .store
            .put_public(&path.to_string(), bytes.into())
            .await?)
    }
}

/// The committed tree must follow from what was published before and the new leaves.
fn check_edge(edge: &Edge, head: &Head) -> Result<(), Error> {
    if edge.to_bytes() == head.frontier.to_bytes() {
        Ok(())
    } else {
        let damaged = DbError::damaged(
            "log_head",
            1,
            "its right edge does not follow from the published tiles and the entries",
        );
        error!(error = %damaged, "nothing was signed");
        Err(damaged.into())
    }
}

fn tile(level: Level, index: u64, width: u64) -> Result<TilePath, Error> {
    let width = u16::try_from(width).map_err(|_| odd_tile())?;
    TilePath::new(level, index, width).map_err(|_| odd_tile())
}

fn odd_tile() -> Error {
    DbError::damaged("entries", "?", "a tile can't be made of it").into()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DbError> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Error::CustodyUnavailable(None))?
        .map_err(Error::from)
}

/// Keeps the note and moves the published size; the only change without an entry of its own,
/// because it says nothing that the log does not say.
struct Publish {
    from: u64,
    to: u64,
    note: Vec<u8>,
    epoch: Option<i64>,
    /// The row of the key that signed it.
    key: KeyId,
}

impl Command for Publish {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        leading::fence(tx, self.epoch)?;
        if keys::log_key(tx.connection, tx.room())? != self.key {
            return Err(DbError::KeyRotated.into());
        }
        let now: Timestamp = tx.now();
        head::publish(tx.connection, self.from, self.to, &self.note, now)?;
        Ok(())
    }
}
