//! A publisher among others: what another process published, and the one file that it may have
//! written before or after this one.
//!
//! The register says what is published; the file `checkpoint` is replaced after it. A process that
//! was held up between the two would put an older note over a newer one, so whoever wrote looks
//! again, and every process looks once a second: the file is never older for longer than that,
//! and never of another history.

use custos_core::checkpoint::SignedCheckpoint;
use tracing::warn;

use super::{CHECKPOINT_PATH, Publisher, Tip, blocking, recover::published_edge};
use crate::{
    app::{error::Error, publisher::Mismatch},
    db::{
        DbError,
        head::{self, Head},
        keys,
    },
    store::StoreError,
};

impl Publisher {
    /// Takes over what other processes published, and publishes nothing: for a process that does
    /// not lead.
    ///
    /// # Errors
    /// The register or the store can't be read, or do not agree.
    pub async fn follow(&self) -> Result<(), Error> {
        let mut tip = self.edge.lock().await;
        self.give_out(&mut tip).await?;
        let head = self.head().await?;
        self.catch_up(&mut tip, head.published).await
    }

    pub(super) async fn head(&self) -> Result<Head, Error> {
        let pool = self.pool.clone();
        blocking(move || {
            head::read(&mut *pool.get()?)?
                .ok_or_else(|| DbError::damaged("log_head", 1, "it is missing"))
        })
        .await
    }

    /// Goes on from the note that the register keeps of a larger tree: another process published
    /// it, or the answer to its commit was lost, and without this the room would stand still until
    /// its next start.
    pub(super) async fn catch_up(&self, tip: &mut Tip, published: u64) -> Result<(), Error> {
        let is_shared = self.pool.is_shared();
        if published > tip.edge.size() {
            let note = self.note(published).await?;
            let edge = if is_shared {
                let edge = published_edge(&self.store, published).await;
                edge.map_err(mismatch)?
            } else {
                let mut edge = tip.edge.clone();
                self.write_tiles(&mut edge, published).await?;
                edge
            };
            let kept = SignedCheckpoint::parse(&note).ok();
            let kept = kept.filter(|kept| self.keys().verify(kept).is_ok());
            if kept.is_none() {
                self.still_signs().await?;
            }
            if kept.is_none_or(|kept| kept.checkpoint().root() != &edge.root()) {
                let what = "its root does not follow from the published tiles and the entries";
                return Err(DbError::damaged("checkpoints", published, what).into());
            }
            let pending = (!is_shared).then_some(note);
            if pending.is_some() {
                warn!(
                    log.size = published,
                    "gives out a checkpoint that was kept without an answer"
                );
            }
            *tip = Tip { edge, pending };
            self.give_out(tip).await?;
        }
        if is_shared {
            self.mend_file(published).await?;
            self.published.send_if_modified(|known| {
                let moved = *known != published;
                *known = published;
                moved
            });
        }
        Ok(())
    }

    /// Whether the key that this process signs with is still the log's.
    async fn still_signs(&self) -> Result<(), Error> {
        let (pool, ours) = (self.pool.clone(), self.signers.id());
        let room = self.head().await?.room;
        let key = blocking(move || keys::log_key(&mut *pool.get()?, room)).await?;
        if key == ours {
            Ok(())
        } else {
            Err(DbError::KeyRotated.into())
        }
    }

    /// Looks whether another process published more while this one wrote the file.
    pub(super) async fn overtaken(&self, written: u64) -> Result<(), Error> {
        if self.pool.is_shared() {
            let published = self.head().await?.published;
            if published > written {
                self.mend_file(published).await?;
            }
        }
        Ok(())
    }

    /// Has the file hold the checkpoint of the published size, if it holds an older one or none.
    async fn mend_file(&self, published: u64) -> Result<(), Error> {
        let mut published = published;
        while published > 0 {
            let size = match self.store.get_public(CHECKPOINT_PATH).await {
                Ok(file) => {
                    let signed = SignedCheckpoint::parse(&file).map_err(|_| odd())?;
                    signed.checkpoint().size()
                }
                Err(StoreError::NotFound { .. }) => 0,
                Err(error) => return Err(error.into()),
            };
            if size >= published {
                return Ok(());
            }
            warn!(
                log.size = published,
                log.file = size,
                "the published file is older than the register, and is written again"
            );
            let note = self.note(published).await?;
            // A crash here leaves the older file, which the next look, or the next start, replaces.
            self.store.put_public(CHECKPOINT_PATH, note.into()).await?;
            published = self.head().await?.published;
        }
        Ok(())
    }

    async fn note(&self, size: u64) -> Result<Vec<u8>, Error> {
        let pool = self.pool.clone();
        let note = blocking(move || head::checkpoint(&mut *pool.get()?, size)).await?;
        note.ok_or_else(odd)
    }
}

fn odd() -> Error {
    let what = "the published checkpoint does not fit the published tiles";
    DbError::damaged("checkpoints", "?", what).into()
}

fn mismatch(error: Mismatch) -> Error {
    match error {
        Mismatch::Db(error) => error.into(),
        Mismatch::Store(error) => error.into(),
        Mismatch::Disagree(_) => odd(),
    }
}
