//! A store in memory that fails when it is told to, for tests.

use std::{
    fmt, io,
    ops::Range,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result, UploadPart, memory::InMemory, path::Path,
};

use super::{Store, object_path};
use custos_core::ids::ObjectId;

/// What shall go wrong from now on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Fault {
    /// Nothing.
    #[default]
    None,
    /// The part with this number, from 0, is not taken.
    Part(usize, io::ErrorKind),
    /// The object is not put in place.
    Finish,
    /// The object is put in place, and that is not said.
    FinishedUnsaid,
    /// The file `checkpoint` is not taken, as on a full disk.
    Checkpoint,
    /// The public file of this kind goes wrong, once, after so many others of its kind.
    Public(Public, usize, Outcome),
    /// Reads give half of what they promise.
    ShortReads,
    /// Reads fail.
    NoReads,
}

/// A kind of public file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Public {
    /// Entries, 256 at most.
    Bundle,
    /// Hashes of the tree.
    Tile,
    /// The signed checkpoint.
    Checkpoint,
}

impl Public {
    fn is(self, location: &Path) -> bool {
        let path = location.as_ref();
        match self {
            Self::Bundle => path.contains("/tile/entries/"),
            Self::Tile => path.contains("/tile/") && !Self::Bundle.is(location),
            Self::Checkpoint => path.ends_with("/checkpoint"),
        }
    }
}

/// What becomes of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// It is not taken, and that is said.
    Failed(io::ErrorKind),
    /// It is taken, and the contrary is said.
    Unsaid(io::ErrorKind),
    /// It is not taken, and the contrary is said: no store may do this.
    Lost,
}

#[derive(Default)]
struct Told {
    fault: Mutex<Fault>,
    /// Ranges that were read.
    reads: Mutex<Vec<Range<u64>>>,
    /// Uploads that were given up.
    aborts: Mutex<usize>,
    /// Checkpoints that came, kept or not: whoever sees one of them may hold it for ever.
    checkpoints: Mutex<Vec<Bytes>>,
}

/// Handle on a store that fails.
#[derive(Clone)]
pub(crate) struct Faulty {
    inner: Arc<InMemory>,
    told: Arc<Told>,
}

impl Faulty {
    pub(crate) fn new() -> Self {
        Self {
            inner: Arc::new(InMemory::new()),
            told: Arc::default(),
        }
    }

    /// The store as the program sees it.
    pub(crate) fn store(&self) -> Store {
        Store::over(Arc::new(self.clone()))
    }

    pub(crate) fn tell(&self, fault: Fault) {
        *self.told.fault.lock().expect("no test panics here") = fault;
    }

    /// Ranges read since the last call.
    pub(crate) fn take_reads(&self) -> Vec<Range<u64>> {
        std::mem::take(&mut *self.told.reads.lock().expect("no test panics here"))
    }

    pub(crate) fn aborts(&self) -> usize {
        *self.told.aborts.lock().expect("no test panics here")
    }

    /// Every checkpoint that was ever to be put in place, whatever became of it.
    pub(crate) fn checkpoints(&self) -> Vec<Bytes> {
        let seen = self.told.checkpoints.lock();
        seen.expect("no test panics here").clone()
    }

    /// What becomes of a public file, if it is its turn to go wrong.
    fn strike(&self, location: &Path) -> Option<Outcome> {
        let mut told = self.told.fault.lock().expect("no test panics here");
        match &mut *told {
            Fault::Public(kind, after, _) if kind.is(location) && *after > 0 => *after -= 1,
            Fault::Public(kind, _, outcome) if kind.is(location) => {
                let outcome = *outcome;
                *told = Fault::None;
                return Some(outcome);
            }
            _ => {}
        }
        None
    }

    /// The stored bytes of `object`.
    pub(crate) async fn bytes(&self, object: ObjectId) -> Vec<u8> {
        let result = self.inner.get(&object_path(object)).await;
        let bytes = result.expect("it is there").bytes().await;
        bytes.expect("it is in memory").to_vec()
    }

    /// Puts other bytes in the place of `object`, as the owner of a bucket can.
    pub(crate) async fn replace(&self, object: ObjectId, bytes: Vec<u8>) {
        let put = self.inner.put(&object_path(object), bytes.into()).await;
        put.expect("memory takes it");
    }

    fn note_read(&self, range: Range<u64>) {
        let mut reads = self.told.reads.lock().expect("no test panics here");
        reads.push(range);
    }

    fn fault(&self) -> Fault {
        *self.told.fault.lock().expect("no test panics here")
    }
}

/// An error as a backend reports it: the operating system's, wrapped twice.
pub(super) fn backend_error(kind: io::ErrorKind) -> Error {
    Error::Generic {
        store: "Faulty",
        source: io::Error::other(io::Error::from(kind)).into(),
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        if self.fault() == Fault::Checkpoint && location.filename() == Some("checkpoint") {
            return Err(Error::Generic {
                store: "faulty",
                source: io::Error::from(io::ErrorKind::StorageFull).into(),
            });
        }
        if Public::Checkpoint.is(location) {
            let mut seen = self.told.checkpoints.lock().expect("no test panics here");
            seen.push(payload.clone().into());
        }
        match self.strike(location) {
            None => self.inner.put_opts(location, payload, options).await,
            Some(Outcome::Failed(kind)) => Err(backend_error(kind)),
            Some(Outcome::Unsaid(kind)) => {
                self.inner.put_opts(location, payload, options).await?;
                Err(backend_error(kind))
            }
            Some(Outcome::Lost) => Ok(PutResult {
                e_tag: None,
                version: None,
                extensions: Default::default(),
            }),
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.inner.put_multipart_opts(location, options).await?;
        Ok(Box::new(FaultyUpload {
            upload,
            faulty: self.clone(),
            next: 0,
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let is_head = options.head;
        let mut result = self.inner.get_opts(location, options).await?;
        if is_head {
            return Ok(result);
        }
        self.note_read(result.range.clone());
        match self.fault() {
            Fault::NoReads => return Err(backend_error(io::ErrorKind::ConnectionReset)),
            Fault::ShortReads => {
                let (meta, range) = (result.meta.clone(), result.range.clone());
                let bytes = result.bytes().await?;
                let half = bytes.slice(..bytes.len() / 2);
                let stream = stream::iter([Ok::<Bytes, Error>(half)]).boxed();
                result = GetResult {
                    payload: GetResultPayload::Stream(stream),
                    meta,
                    range,
                    attributes: Default::default(),
                    extensions: Default::default(),
                };
            }
            _ => {}
        }
        Ok(result)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct FaultyUpload {
    upload: Box<dyn MultipartUpload>,
    faulty: Faulty,
    next: usize,
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, part: PutPayload) -> UploadPart {
        let number = self.next;
        self.next += 1;
        match self.faulty.fault() {
            Fault::Part(at, kind) if at == number => {
                Box::pin(std::future::ready(Err(backend_error(kind))))
            }
            _ => self.upload.put_part(part),
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let unsaid = match self.faulty.fault() {
            Fault::Finish => return Err(backend_error(io::ErrorKind::TimedOut)),
            fault => fault == Fault::FinishedUnsaid,
        };
        let completed = self.upload.complete().await?;
        if unsaid {
            return Err(backend_error(io::ErrorKind::TimedOut));
        }
        Ok(completed)
    }

    async fn abort(&mut self) -> Result<()> {
        *self.faulty.told.aborts.lock().expect("no test panics here") += 1;
        self.upload.abort().await
    }
}
