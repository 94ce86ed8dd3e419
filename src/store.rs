//! The store: encrypted objects and the public tiles of the custody log, over `object_store`.
//!
//! ```text
//! objects/<2 hex>/<32 hex>   encrypted objects, by their random ids: written once
//! log/<path>                 public tiles and checkpoints: replaced as a whole
//! ```
//!
//! The store is not believed: whoever owns the bucket may swap, cut or roll back what lies
//! in it. It keeps bytes and says when they are durable; `content` finds out
//! whether they are the right ones.
//!
//! INVARIANT: what a function here acknowledges survives the loss of power.

mod disk;
mod error;
mod probe;
mod tiles;
mod writer;

#[cfg(test)]
pub(crate) mod faults;
#[cfg(test)]
mod tests;

use std::{fmt, io, num::NonZeroU32, ops::Range, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use object_store::{
    GetOptions, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt, local::LocalFileSystem,
    memory::InMemory, path::Path as StorePath,
};
use tokio::time::sleep;

use self::disk::Disk;
pub use self::{
    error::StoreError,
    probe::{has_objects, probe},
    writer::{ObjectWriter, PARTS_IN_FLIGHT},
};
use custos_core::ids::ObjectId;

/// Where objects lie.
const OBJECTS: &str = "objects";
/// Where public files lie.
const PUBLIC: &str = "log";
/// The largest public file in bytes; an entry bundle has at most 256 * 65,537.
pub const MAX_PUBLIC_BYTES: u64 = 32 << 20;
/// The longest public path in bytes.
const MAX_PUBLIC_PATH_BYTES: usize = 256;

/// Encrypted objects and public files; a clone is the same store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    /// Set if the store is a folder, which needs more than object_store does for it.
    disk: Option<Arc<Disk>>,
    /// Bytes of objects that are read in a second, at most.
    pace: Option<NonZeroU32>,
}

/// One object that is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Its id.
    pub object: ObjectId,
    /// Stored bytes.
    pub size: u64,
    /// When it was finished, by the store's clock: microseconds since 1970. An orphan is
    /// swept only when it is older than any deposit that can still be under way.
    pub modified_micros: i64,
}

impl Store {
    /// A store in the folder `root`, which is made if it is missing. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Full`] or [`StoreError::Unavailable`]: it cannot be made or synced.
    pub fn local(root: &Path) -> Result<Self, StoreError> {
        let disk = Disk::open(root).map_err(StoreError::of_io)?;
        let files = LocalFileSystem::new_with_prefix(disk.root())
            .map_err(|error| StoreError::of(OBJECTS, error))?
            .with_fsync(true);
        Ok(Self {
            inner: Arc::new(files),
            disk: Some(Arc::new(disk)),
            pace: None,
        })
    }

    /// The store in the folder `root` for somebody who only reads: nothing is made in it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it is not there.
    pub fn to_read(root: &Path) -> Result<Self, StoreError> {
        let files = LocalFileSystem::new_with_prefix(root);
        let files = files.map_err(|error| StoreError::of(OBJECTS, error))?;
        Ok(Self::over(Arc::new(files)))
    }

    /// A store that is gone with the process; for tests.
    pub fn memory() -> Self {
        Self::over(Arc::new(InMemory::new()))
    }

    /// The same store for somebody who reads objects no faster than this, in bytes a second.
    pub fn paced(&self, bytes_per_second: NonZeroU32) -> Self {
        Self {
            pace: Some(bytes_per_second),
            ..self.clone()
        }
    }

    /// A store over any other implementation whose writes are durable when acknowledged.
    pub fn over(inner: Arc<dyn ObjectStore>) -> Self {
        Self {
            inner,
            disk: None,
            pace: None,
        }
    }

    /// Begins an object. Nothing of it can be read before [`ObjectWriter::finish`].
    ///
    /// # Errors
    /// [`StoreError::Exists`]: an object has that id; it is left as it is.
    pub async fn create(&self, object: ObjectId) -> Result<ObjectWriter, StoreError> {
        let name = object.to_string();
        match self.inner.head(&object_path(object)).await {
            Ok(_) => return Err(StoreError::Exists { name }),
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(StoreError::of(&name, error)),
        }
        let upload = self.inner.put_multipart(&object_path(object)).await;
        let upload = upload.map_err(|error| StoreError::of(&name, error))?;
        Ok(ObjectWriter::new(self.clone(), object, upload))
    }

    /// Exactly the stored bytes `range` of an object.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Length`]: the object ends before the range.
    pub async fn get_range(
        &self,
        object: ObjectId,
        range: Range<u64>,
    ) -> Result<Bytes, StoreError> {
        let name = || object.to_string();
        let length = |got| StoreError::Length {
            name: name(),
            wanted: range.end.saturating_sub(range.start),
            got,
        };
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let options = GetOptions::new().with_range(Some(range.clone()));
        let result = self.inner.get_opts(&object_path(object), options).await;
        let result = result.map_err(|error| StoreError::of(&name(), error))?;
        if result.range != range {
            let got = result.range.end.saturating_sub(result.range.start);
            return Err(length(got));
        }
        let bytes = result.bytes().await;
        let bytes = bytes.map_err(|error| StoreError::of(&name(), error))?;
        if bytes.len() as u64 != range.end - range.start {
            return Err(length(bytes.len() as u64));
        }
        breathe(self.pace, bytes.len()).await;
        Ok(bytes)
    }

    /// All stored bytes of an object as they come, and how many there should be.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]. The stream fails with [`StoreError::Length`] behind the
    /// last bytes if there were fewer or more than the store had said.
    pub async fn get(
        &self,
        object: ObjectId,
    ) -> Result<(u64, BoxStream<'static, Result<Bytes, StoreError>>), StoreError> {
        let name = object.to_string();
        let result = self.inner.get(&object_path(object)).await;
        let result = result.map_err(|error| StoreError::of(&name, error))?;
        let (size, pace) = (result.meta.size, self.pace);
        let bytes = counted(name, size, result);
        let bytes = bytes.and_then(move |piece| async move {
            breathe(pace, piece.len()).await;
            Ok(piece)
        });
        Ok((size, bytes.boxed()))
    }

    /// Stored bytes of an object.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn size(&self, object: ObjectId) -> Result<u64, StoreError> {
        let meta = self.inner.head(&object_path(object)).await;
        meta.map(|meta| meta.size)
            .map_err(|error| StoreError::of(&object.to_string(), error))
    }

    /// Destroys an object, durably; one that is not there is destroyed already.
    ///
    /// # Errors
    /// [`StoreError::Fatal`]: it is gone, but may come back with the power.
    pub async fn delete(&self, object: ObjectId) -> Result<(), StoreError> {
        let path = object_path(object);
        match self.inner.delete(&path).await {
            // Also if it was not there: an earlier delete may have died before its sync.
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(StoreError::of(&object.to_string(), error)),
        }
        self.on_disk(move |disk| disk.sync_holder(path.as_ref()))
            .await
            .map_err(|source| StoreError::Fatal {
                source: source.into(),
            })
    }

    /// All objects, in no order. What lies there under another name is passed over.
    pub fn list_objects(&self) -> BoxStream<'static, Result<Listed, StoreError>> {
        self.inner
            .list(Some(&StorePath::from(OBJECTS)))
            .map_err(|error| StoreError::of(OBJECTS, error))
            .try_filter_map(|meta| async move { Ok(listed(&meta)) })
            .boxed()
    }

    /// The paths of all public files, in no order.
    pub fn list_public(&self) -> BoxStream<'static, Result<String, StoreError>> {
        let below = |meta: ObjectMeta| {
            let path = meta.location.as_ref().strip_prefix(PUBLIC)?;
            Some(path.strip_prefix('/')?.to_string())
        };
        self.inner
            .list(Some(&StorePath::from(PUBLIC)))
            .map_err(|error| StoreError::of(PUBLIC, error))
            .try_filter_map(move |meta| async move { Ok(below(meta)) })
            .boxed()
    }

    /// Puts a public file in place as a whole, durably; the same again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Path`], [`StoreError::Length`]: refused before anything is written.
    /// After [`StoreError::Fatal`] either the old or the new file may be there.
    pub async fn put_public(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        let location = public_path(path)?;
        bounded(path, bytes.len() as u64)?;
        if self.disk.is_none() {
            let put = self.inner.put(&location, bytes.into()).await;
            return put.map(drop).map_err(|error| StoreError::of(path, error));
        }
        // By parts, because then a failure to sync is told from a failure to write.
        let upload = self.inner.put_multipart(&location).await;
        let mut upload = upload.map_err(|error| StoreError::of(path, error))?;
        let written = upload.put_part(bytes.into()).await;
        written.map_err(|error| StoreError::of(path, error))?;
        // A crash up to here leaves the old file and a staged one, which the next start sweeps.
        upload.complete().await.map_err(StoreError::of_commit)?;
        self.on_disk(move |disk| disk.make_way_durable(location.as_ref()))
            .await
            .map_err(StoreError::of_commit)
    }

    /// A public file.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Path`]; [`StoreError::Length`]: it is larger
    /// than any that was put.
    pub async fn get_public(&self, path: &str) -> Result<Bytes, StoreError> {
        let result = self.inner.get(&public_path(path)?).await;
        let result = result.map_err(|error| StoreError::of(path, error))?;
        bounded(path, result.meta.size)?;
        let bytes = result.bytes().await;
        bytes.map_err(|error| StoreError::of(path, error))
    }

    /// Removes files that writes of a killed process left half done, and gives their number.
    ///
    /// Call it at start, before anything is written: a write under way would lose its file. Where
    /// other processes write to the same folder, what was staged by `quiet` before is theirs.
    /// Only folders have such files; in a bucket a life-cycle rule ends unfinished uploads.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: a folder cannot be read or changed.
    pub async fn sweep_staging(&self, quiet: Duration) -> Result<u64, StoreError> {
        let Some(disk) = self.disk.clone() else {
            return Ok(0);
        };
        let swept = tokio::task::spawn_blocking(move || disk.sweep(quiet)).await;
        swept
            .unwrap_or_else(|stopped| Err(stopped.into()))
            .map_err(StoreError::of_io)
    }

    /// Does `work` where it may wait for the disk, if the store is a folder.
    async fn on_disk(
        &self,
        work: impl FnOnce(&Disk) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let Some(disk) = self.disk.clone() else {
            return Ok(());
        };
        let done = tokio::task::spawn_blocking(move || work(&disk)).await;
        done.unwrap_or_else(|stopped| Err(stopped.into()))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.inner)
    }
}

/// `objects/<2 hex>/<32 hex>`: 256 directories, so that none grows too large.
fn object_path(object: ObjectId) -> StorePath {
    let name = object.to_string();
    StorePath::from_iter([OBJECTS, &name[..2], &name])
}

/// `log/<path>`, if each name in it is plain: no way out, no staged file's name.
fn public_path(path: &str) -> Result<StorePath, StoreError> {
    let plain = |name: &str| {
        !matches!(name, "" | "." | "..")
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    if path.len() > MAX_PUBLIC_PATH_BYTES || !path.split('/').all(plain) {
        return Err(StoreError::Path { path: path.into() });
    }
    Ok(StorePath::from_iter(
        [PUBLIC].into_iter().chain(path.split('/')),
    ))
}

/// Waits as long as the pace asks for so many bytes.
async fn breathe(pace: Option<NonZeroU32>, bytes: usize) {
    if let Some(pace) = pace {
        let millis = (bytes as u64).saturating_mul(1_000) / u64::from(pace.get());
        sleep(Duration::from_millis(millis)).await;
    }
}

fn bounded(path: &str, bytes: u64) -> Result<(), StoreError> {
    if bytes > MAX_PUBLIC_BYTES {
        return Err(StoreError::Length {
            name: path.into(),
            wanted: MAX_PUBLIC_BYTES,
            got: bytes,
        });
    }
    Ok(())
}

/// What a listing says of an object; none for a name that no object has.
fn listed(meta: &ObjectMeta) -> Option<Listed> {
    let object = meta.location.filename()?.parse().ok()?;
    (object_path(object) == meta.location).then(|| Listed {
        object,
        size: meta.size,
        modified_micros: meta.last_modified.timestamp_micros(),
    })
}

/// The bytes of `result`, and behind them an error if their number is not `size`.
fn counted(
    name: String,
    size: u64,
    result: GetResult,
) -> BoxStream<'static, Result<Bytes, StoreError>> {
    let bytes = result.into_stream();
    stream::try_unfold((bytes, 0, name), move |(mut bytes, got, name)| async move {
        match bytes.next().await {
            Some(Ok(piece)) if got + piece.len() as u64 <= size => {
                let got = got + piece.len() as u64;
                Ok(Some((piece, (bytes, got, name))))
            }
            Some(Err(error)) => Err(StoreError::of(&name, error)),
            None if got == size => Ok(None),
            other => Err(StoreError::Length {
                name,
                wanted: size,
                got: got
                    + other
                        .and_then(Result::ok)
                        .map_or(0, |piece| piece.len() as u64),
            }),
        }
    })
    .boxed()
}
