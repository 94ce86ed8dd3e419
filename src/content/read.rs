//! Reading an item: ranges of plaintext, each byte verified before it is released.
//!
//! Before any plaintext: the list of commitments is the one that the custody entry names,
//! the object has exactly the length that follows from the item's size, and the commitment
//! of each segment that is touched is the listed one. Then chunk by chunk, each behind its
//! tag. A stream that meets damage ends with an error instead of an end, so that nobody
//! takes the part before it for the whole.

mod plan;

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use futures::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use tokio::{sync::OnceCell, task::JoinHandle};
use zeroize::{Zeroizing, zeroize_bytes};

use self::plan::Fetch;
use crate::store::{Store, StoreError};
use custos_core::{
    cipher::{
        CHUNK_BYTES, CipherError, HEADER_BYTES, Opener, SEALED_CHUNK_BYTES, SegmentKind, TAG_BYTES,
        object_context, segment_offset,
    },
    hash::{Hash, Sha256},
    ids::ItemId,
    keys::DataKey,
    object::{ObjectError, SegmentHeads, StoredObject},
};

/// Plaintext bytes that a stream gives at a time at most.
pub const PIECE_BYTES: usize = 256 << 10;
/// Parts of the object that are fetched and opened at a time, ahead of whoever reads.
const FETCHES_AHEAD: usize = 3;

/// Why an item cannot be read, or not further.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The list of commitments is not that of the entry.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The store has another number of bytes than the entry says.
    #[error("the stored object has `{found}` bytes instead of `{expected}`; nothing was read")]
    Length {
        /// Stored bytes that follow from the item's size.
        expected: u64,
        /// Stored bytes that are there.
        found: u64,
    },
    /// A segment's header is not the one that the entry commits to.
    #[error("segment `{segment}` is not the one in the entry; nothing of it was decrypted")]
    Header {
        /// Its number, from 0.
        segment: u64,
    },
    /// A chunk's tag does not verify.
    #[error("chunk `{chunk}` of segment `{segment}` is altered; what came before it is sound")]
    Chunk {
        /// Number of the segment, from 0.
        segment: u64,
        /// Number of the chunk within the segment, from 0.
        chunk: u64,
    },
    /// Bytes were asked for that the item does not have.
    #[error("the range lies outside of the `{size}` bytes of the item; nothing was read")]
    Range {
        /// Plaintext bytes of the item.
        size: u64,
    },
    /// All chunks are sound, but together they are not what the entry names.
    #[error("the content does not have the SHA-256 of its entry; the last bytes were withheld")]
    Sha256,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A defect of this program, or its end.
    #[error("the reading stopped; what came before is sound")]
    Stopped,
}

impl ReadError {
    /// Whether the stored bytes, or what is kept about them, are not what was deposited:
    /// something to alarm about, not to try again.
    pub const fn is_damage(&self) -> bool {
        match self {
            Self::Object(_) | Self::Length { .. } | Self::Header { .. } => true,
            Self::Chunk { .. } | Self::Sha256 => true,
            Self::Store(StoreError::NotFound { .. } | StoreError::Length { .. }) => true,
            Self::Range { .. } | Self::Store(_) | Self::Stopped => false,
        }
    }
}

/// One item's content, checked as far as that goes without decrypting; clones are cheap.
#[derive(Clone, Debug)]
pub struct Reader(Arc<Source>);

/// What is read, and what it must be.
#[derive(Debug)]
struct Source {
    store: Store,
    item: ItemId,
    key: DataKey,
    stored: StoredObject,
    heads: SegmentHeads,
}

impl Reader {
    /// Checks `commitments` and the object's length against `stored`, which comes from the
    /// item's adding entry (or from a later `restored` entry).
    ///
    /// # Errors
    /// [`ReadError::Object`], [`ReadError::Length`], [`ReadError::Store`].
    pub async fn open(
        store: &Store,
        item: ItemId,
        key: DataKey,
        stored: StoredObject,
        commitments: Vec<[u8; 32]>,
    ) -> Result<Self, ReadError> {
        let heads = SegmentHeads::check(&stored, commitments)?;
        let found = store.size(stored.object()).await?;
        let expected = stored.layout().stored_len();
        if found != expected {
            return Err(ReadError::Length { expected, found });
        }
        Ok(Self(Arc::new(Source {
            store: store.clone(),
            item,
            key,
            stored,
            heads,
        })))
    }

    /// Plaintext bytes of the item.
    pub fn size(&self) -> u64 {
        self.0.stored.layout().size()
    }

    /// The plaintext bytes `range`, in pieces of [`PIECE_BYTES`] at most that are wiped when
    /// they are dropped. Fetches the chunks that hold them and the headers of their segments;
    /// a range that reaches a segment's end also opens its last chunk, even if that is empty.
    ///
    /// # Errors
    /// [`ReadError::Range`]: it is empty or ends behind the item. Behind the first error the
    /// stream ends.
    pub fn range(
        &self,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, ReadError>>, ReadError> {
        let size = self.size();
        let fetches = plan::fetches(self.0.stored.layout(), range)
            .map_err(|_: CipherError| ReadError::Range { size })?;
        Ok(self.run(fetches))
    }

    /// The whole item as [`Reader::range`] gives it, and every stored byte verified; an empty
    /// item gives no pieces, after its only chunk was opened.
    pub fn whole(&self) -> BoxStream<'static, Result<Bytes, ReadError>> {
        let layout = self.0.stored.layout();
        let last = layout.segments() - 1;
        // A last segment without plaintext is in no range, and belongs to the whole.
        let end = (layout.segment_plain_len(last) == Some(0)).then(|| plan::empty(last));
        let fetches = plan::fetches(layout, 0..layout.size());
        self.run(fetches.into_iter().flatten().chain(end))
    }

    /// The whole item, whose last piece is withheld until all of it has the fingerprint
    /// `sha256`.
    pub fn whole_checked(&self, sha256: Hash) -> BoxStream<'static, Result<Bytes, ReadError>> {
        let state = (self.whole(), Sha256::new(), None::<Bytes>);
        stream::try_unfold(
            state,
            move |(mut pieces, mut hasher, mut held)| async move {
                loop {
                    match pieces.try_next().await? {
                        Some(piece) => {
                            hasher.update(&piece);
                            if let Some(before) = held.replace(piece) {
                                return Ok(Some((before, (pieces, hasher, held))));
                            }
                        }
                        None if hasher.clone().finish() != sha256 => return Err(ReadError::Sha256),
                        // The inner stream has ended and says so again.
                        None => return Ok(held.map(|last| (last, (pieces, hasher, None)))),
                    }
                }
            },
        )
        .boxed()
    }

    /// Does the fetches, some of them ahead, and gives their plaintext in order.
    fn run(
        &self,
        fetches: impl Iterator<Item = Fetch> + Send + 'static,
    ) -> BoxStream<'static, Result<Bytes, ReadError>> {
        let source = self.0.clone();
        let mut current: Option<Arc<Segment>> = None;
        let opened = fetches.map(move |fetch| {
            let segment = match &current {
                Some(segment) if segment.number == fetch.segment => segment.clone(),
                _ => Arc::new(Segment {
                    number: fetch.segment,
                    opener: OnceCell::new(),
                }),
            };
            current = Some(segment.clone());
            let source = source.clone();
            async move { Task::spawn(async move { source.fetch(&segment, fetch).await }).await }
        });
        let pieces = stream::iter(opened)
            .buffered(FETCHES_AHEAD)
            .map_ok(|plain| stream::iter(slices(plain).map(Ok)))
            .try_flatten();
        until_error(pieces).boxed()
    }
}

/// One segment whose header is fetched once, by whichever fetch comes first.
struct Segment {
    number: u64,
    opener: OnceCell<Opener>,
}

impl Source {
    /// Fetches and opens the chunks of one fetch; gives the plaintext that was asked for.
    async fn fetch(&self, segment: &Segment, fetch: Fetch) -> Result<Bytes, ReadError> {
        let object = self.stored.object();
        let opener = segment
            .opener
            .get_or_try_init(|| self.opener(segment.number));
        let sealed = self.store.get_range(object, fetch.stored.clone());
        let (opener, sealed) = tokio::try_join!(opener, async { Ok(sealed.await?) })?;

        let chunks =
            usize::try_from(fetch.chunks.end - fetch.chunks.start).expect("a fetch has few chunks");
        // Room for the last tag too: a buffer that grows would leave plaintext behind.
        let mut plain = Zeroizing::new(Vec::with_capacity(chunks * CHUNK_BYTES + TAG_BYTES));
        for (chunk, sealed) in fetch.chunks.clone().zip(sealed.chunks(SEALED_CHUNK_BYTES)) {
            let is_last = fetch.ends_segment && chunk + 1 == fetch.chunks.end;
            opener
                .open_chunk(chunk, is_last, sealed, &mut plain)
                .map_err(|_: CipherError| ReadError::Chunk {
                    segment: segment.number,
                    chunk,
                })?;
        }
        // What was opened is what the layout says, or the arithmetic here is wrong.
        assert!(
            fetch.plain.end <= plain.len(),
            "a fetch has the bytes that it was made for"
        );
        let plain = Wiped(std::mem::take(&mut *plain));
        Ok(Bytes::from_owner(plain).slice(fetch.plain))
    }

    /// Fetches a segment's header and compares it with the list before anything is opened.
    async fn opener(&self, segment: u64) -> Result<Opener, ReadError> {
        let start = segment_offset(segment);
        let range = start..start + HEADER_BYTES as u64;
        let header = self.store.get_range(self.stored.object(), range).await?;
        let damaged = ReadError::Header { segment };
        let Ok(header) = <&[u8; HEADER_BYTES]>::try_from(header.as_ref()) else {
            return Err(damaged);
        };
        open_header(
            &self.stored,
            &self.heads,
            &self.item,
            &self.key,
            segment,
            header,
        )
        .ok_or(damaged)
    }
}

/// The opener of one segment, if its header is the one that the entry commits to.
pub(super) fn open_header(
    stored: &StoredObject,
    heads: &SegmentHeads,
    item: &ItemId,
    key: &DataKey,
    segment: u64,
    header: &[u8; HEADER_BYTES],
) -> Option<Opener> {
    let context = object_context(item, &stored.object(), SegmentKind::Content, segment);
    Opener::new(key.as_bytes(), &context, header)
        .ok()
        .filter(|opener| heads.matches(segment, &opener.commitment()))
}

/// Plaintext that is wiped when its last slice is dropped, at the speed of memory: a vector's
/// own way is byte by byte.
struct Wiped(Vec<u8>);

impl Drop for Wiped {
    fn drop(&mut self) {
        zeroize_bytes(&mut self.0);
    }
}

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// `plain` in slices of [`PIECE_BYTES`] at most; none if it is empty.
fn slices(plain: Bytes) -> impl Iterator<Item = Bytes> {
    (0..plain.len())
        .step_by(PIECE_BYTES)
        .map(move |start| plain.slice(start..plain.len().min(start + PIECE_BYTES)))
}

/// `stream` up to its first error, which ends it.
fn until_error<T>(
    stream: impl Stream<Item = Result<T, ReadError>>,
) -> impl Stream<Item = Result<T, ReadError>> {
    stream.scan(false, |failed, item| {
        let over = *failed;
        *failed = item.is_err();
        std::future::ready((!over).then_some(item))
    })
}

/// A task that ends when nobody waits for it any more.
struct Task<T>(JoinHandle<T>);

impl<T: Send + 'static> Task<Result<T, ReadError>> {
    async fn spawn(
        work: impl Future<Output = Result<T, ReadError>> + Send + 'static,
    ) -> Result<T, ReadError> {
        let mut task = Task(tokio::spawn(work));
        (&mut task.0).await.unwrap_or(Err(ReadError::Stopped))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
