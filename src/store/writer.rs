//! Writing one object part by part.

use std::io;

use bytes::Bytes;
use object_store::{MultipartUpload, PutPayload};
use tokio::{
    runtime::Handle,
    task::{JoinHandle, JoinSet, spawn_blocking},
};

use custos_core::ids::ObjectId;

use super::{Store, StoreError, object_path};

/// Parts of one object that are on their way to the store at a time.
pub const PARTS_IN_FLIGHT: usize = 2;

/// Most bytes that are given to the file system in one call. A call of a whole segment makes
/// Linux look for pages of up to 2 MiB for its cache, which was measured eight times slower
/// than this in a virtual machine (0.5 against 4.4 GB/s).
const CALL_BYTES: usize = 1 << 20;

/// Parts after which a folder's disk is told to begin with what it has: 64 MiB of an item.
/// Otherwise all of a large object would be written at its end, while everybody else who
/// waits for the disk, the database above all, waits behind it.
const FLUSH_PARTS: usize = 8;

/// An object that is being written. It does not exist before [`ObjectWriter::finish`]
/// returned, and if it never does (an error, a drop), nothing of it stays.
#[derive(Debug)]
pub struct ObjectWriter {
    store: Store,
    object: ObjectId,
    /// None once the object is finished or given up.
    upload: Option<Box<dyn MultipartUpload>>,
    in_flight: JoinSet<object_store::Result<()>>,
    /// Parts that were sent since the disk was last told to begin.
    unflushed: usize,
    /// The disk at work on what it was told.
    flush: Option<JoinHandle<io::Result<()>>>,
}

impl ObjectWriter {
    pub(super) fn new(store: Store, object: ObjectId, upload: Box<dyn MultipartUpload>) -> Self {
        Self {
            store,
            object,
            upload: Some(upload),
            in_flight: JoinSet::new(),
            unflushed: 0,
            flush: None,
        }
    }

    /// Sends the next part; waits while [`PARTS_IN_FLIGHT`] are on their way.
    ///
    /// Shapes: all parts but the last have the same length, 5 MiB or more (S3 asks for
    /// that); a segment of an object has 8,396,872 bytes.
    ///
    /// # Errors
    /// That of this part or of one before; the object can then only be given up.
    pub async fn put(&mut self, part: Bytes) -> Result<(), StoreError> {
        while self.in_flight.len() >= PARTS_IN_FLIGHT {
            self.landed().await?;
        }
        let Some(upload) = self.upload.as_mut() else {
            return Err(self.given_up());
        };
        self.in_flight.spawn(upload.put_part(in_pieces(&part)));
        self.unflushed += 1;
        if self.unflushed >= FLUSH_PARTS && self.flush.as_ref().is_none_or(JoinHandle::is_finished)
        {
            self.flushed().await?;
            self.begin_flush();
        }
        Ok(())
    }

    /// Puts the object in place, durably.
    ///
    /// # Errors
    /// Nothing of the object stays, as far as that could be done; after
    /// [`StoreError::Fatal`] an orphan may stay, which is swept at the next start.
    pub async fn finish(mut self) -> Result<(), StoreError> {
        let finished = self.complete().await;
        if finished.is_err() {
            self.abort().await;
        } else {
            self.upload = None;
        }
        finished
    }

    async fn complete(&mut self) -> Result<(), StoreError> {
        while !self.in_flight.is_empty() {
            self.landed().await?;
        }
        self.flushed().await?;
        let Some(upload) = self.upload.as_mut() else {
            return Err(self.given_up());
        };
        // The commit point: before it a crash leaves a staged file, after it an orphan that
        // no row names. Both are swept.
        let completed = upload.complete().await;
        completed.map(drop).map_err(|error| {
            if self.store.disk.is_some() {
                StoreError::of_commit(error)
            } else {
                StoreError::of(&self.object.to_string(), error)
            }
        })
    }

    /// Gives the object up: no part of it stays. What cannot be removed now is swept later.
    pub async fn abort(mut self) {
        self.in_flight.shutdown().await;
        if let Some(upload) = self.upload.take() {
            remove(self.store.clone(), self.object, upload).await;
        }
    }

    /// Waits for one part.
    async fn landed(&mut self) -> Result<(), StoreError> {
        let name = self.object.to_string();
        match self.in_flight.join_next().await {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(StoreError::of(&name, error)),
            Some(Err(stopped)) => Err(StoreError::of(&name, stopped.into())),
        }
    }

    /// Tells the disk of a folder to begin; the last word is that of the commit point.
    fn begin_flush(&mut self) {
        self.unflushed = 0;
        if let Some(disk) = self.store.disk.clone() {
            let path = object_path(self.object);
            self.flush = Some(spawn_blocking(move || disk.flush_staged(path.as_ref())));
        }
    }

    /// Waits for the disk, if it was told to begin. A failure here counts like one at the
    /// commit point, which might not hear of it again.
    async fn flushed(&mut self) -> Result<(), StoreError> {
        match self.flush.take() {
            None => Ok(()),
            Some(flush) => flush
                .await
                .unwrap_or_else(|stopped| Err(stopped.into()))
                .map_err(StoreError::of_commit),
        }
    }

    fn given_up(&self) -> StoreError {
        StoreError::NotFound {
            name: self.object.to_string(),
        }
    }
}

impl Drop for ObjectWriter {
    fn drop(&mut self) {
        let Some(upload) = self.upload.take() else {
            return;
        };
        // A request that was cancelled. Without a runtime the process is about to end, and
        // the next start sweeps.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(remove(self.store.clone(), self.object, upload));
        }
    }
}

/// `part` in slices of [`CALL_BYTES`], without copying.
fn in_pieces(part: &Bytes) -> PutPayload {
    (0..part.len())
        .step_by(CALL_BYTES)
        .map(|start| part.slice(start..part.len().min(start + CALL_BYTES)))
        .collect()
}

/// Removes whatever stands of an object that was never acknowledged: the staged parts, and
/// the object itself, if only the confirmation of its last step was lost. Its id is random
/// and was free when the writing began, so it is nobody else's.
async fn remove(store: Store, object: ObjectId, mut upload: Box<dyn MultipartUpload>) {
    let aborted = upload.abort().await;
    if let Err(error) = aborted {
        // A local upload whose last step failed has forgotten its staged file.
        tracing::debug!(object.id = %object, %error, "an unfinished object was not aborted");
    }
    let path = object_path(object);
    let removed = store
        .on_disk(move |disk| disk.remove_staged(path.as_ref()))
        .await;
    if let Err(error) = removed {
        tracing::warn!(object.id = %object, %error, "a staged file stays until the next start");
    }
    if let Err(error) = store.delete(object).await {
        tracing::warn!(object.id = %object, %error, "an orphan object stays until it is swept");
    }
}
