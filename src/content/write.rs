//! The single pass: an item's bytes are read once, and everything is made of them on the way.
//!
//! ```text
//! source -> 8 MiB segments -> hashes, content tree, sealed segments, BLAKE3 -> store
//! ```
//!
//! Memory stays below 100 MiB whatever the item's size: three segments of plaintext and at
//! most five sealed ones, and 36 bytes for each MiB of content.

use std::io;

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    sync::mpsc,
};
use zeroize::Zeroizing;

use super::{
    buffers::{Plain, PlainBuffers},
    declared::{Algorithm, Fingerprint},
    media::HEAD_BYTES,
    pipeline::{Broken, Computed, Pipeline, Segment, Target},
};
use crate::store::{ObjectWriter, Store, StoreError};
use custos_core::{
    cipher::{COMMITMENT_BYTES, SEGMENT_BYTES, Salt},
    content::{TreeKey, TreeKind},
    hash::Hash,
    ids::{ItemId, MAX_INTEGER, ObjectId},
    keys::DataKey,
    object::{ObjectError, StoredObject, heads},
};

/// What is to be written, and under which keys.
#[derive(Clone, Debug)]
pub struct Deposit {
    /// The item whose content it is.
    pub item: ItemId,
    /// Fresh id of the object; never used before.
    pub object: ObjectId,
    /// The item's data key.
    pub data_key: DataKey,
    /// Key of the item's content tree (number 0).
    pub tree_key: TreeKey,
    /// Hashes to compute beside SHA-256; repetitions are ignored.
    pub declared: Vec<Algorithm>,
    /// Bytes that the source has, if that is known. A source that cannot say so, nor
    /// reports an error when it is cut, must not be written without it.
    pub length: Option<u64>,
    /// Most bytes that are accepted.
    pub limit: u64,
}

/// What one pass over the bytes gave. The object is durable in the store.
#[derive(Clone, Debug)]
pub struct Written {
    /// Slot 27 of the adding entry.
    pub stored: StoredObject,
    /// Commitments of all segments in order: the list that `stored` has the hash of.
    pub commitments: Vec<[u8; COMMITMENT_BYTES]>,
    /// Plaintext bytes.
    pub size: u64,
    /// SHA-256 of the plaintext.
    pub sha256: Hash,
    /// Values of the algorithms that were asked for, in the order of [`Algorithm`].
    pub declared: Vec<Fingerprint>,
    /// Leaves of the content tree.
    pub leaves: u64,
    /// Logged root of the content tree.
    pub content_root: Hash,
    /// CRC-32 of the plaintext, which a ZIP file needs.
    pub crc32: u32,
    /// The first [`HEAD_BYTES`] of plaintext at most, to tell what kind of file it is.
    pub head: Zeroizing<Vec<u8>>,
}

/// Why nothing was written. The store holds nothing of it.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The source failed, or has another length than was declared.
    #[error(
        "the upload is incomplete: {received} bytes came{}; nothing of it was kept, send it again",
        of_expected(*.expected)
    )]
    Incomplete {
        /// Bytes that came.
        received: u64,
        /// Bytes that were declared.
        expected: Option<u64>,
        /// What the source said, if it failed.
        #[source]
        source: Option<io::Error>,
    },
    /// More bytes than are accepted.
    #[error("more than the {limit} bytes that are accepted; nothing of it was kept")]
    TooLarge {
        /// Most bytes that are accepted.
        limit: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The object cannot be described.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// A defect of this program.
    #[error("the work on the upload stopped; nothing of it was kept, this is a defect")]
    Broken,
}

impl From<Broken> for WriteError {
    fn from(_: Broken) -> Self {
        Self::Broken
    }
}

/// Writes all bytes of `source` as one object and computes everything that the adding entry
/// says of them. `salts` gives a fresh random salt at each call.
///
/// The object is durable when this returns: a crash before the row that names it is
/// committed leaves an orphan, which is swept. If the returned future is dropped, the
/// object is given up as after an error.
///
/// # Errors
/// [`WriteError`]; the store then holds nothing of the object, but after
/// [`StoreError::Fatal`] and a crash maybe an orphan.
pub async fn write<R, S>(
    store: &Store,
    deposit: &Deposit,
    mut source: R,
    mut salts: S,
) -> Result<Written, WriteError>
where
    R: AsyncRead + Unpin,
    S: FnMut() -> Salt,
{
    let limit = deposit.limit.min(MAX_INTEGER);
    if deposit.length.is_some_and(|length| length > limit) {
        return Err(WriteError::TooLarge { limit });
    }
    let mut declared = deposit.declared.clone();
    declared.sort_unstable();
    declared.dedup();

    let buffers = PlainBuffers::new(buffer_bytes(deposit.length));
    let target = Target {
        item: deposit.item,
        object: deposit.object,
        data_key: deposit.data_key.clone(),
        tree_key: deposit.tree_key.clone(),
    };
    let mut writer = store.create(deposit.object).await?;
    let (pipeline, mut sealed) = Pipeline::new(target, &declared, buffers.clone());
    let mut intake = Intake {
        size: 0,
        length: deposit.length,
        limit,
        head: Zeroizing::new(Vec::with_capacity(HEAD_BYTES)),
    };
    let result = tokio::try_join!(
        intake.run(&mut source, &mut salts, &buffers, &pipeline),
        forward(&mut sealed, &pipeline, &mut writer),
    );
    let computed = match result {
        Ok(_) => pipeline.finish().await.map_err(WriteError::from),
        Err(error) => Err(error),
    };
    let written = computed.and_then(|computed| intake.written(deposit.object, &declared, computed));
    match written {
        Ok(written) => {
            writer.finish().await?;
            Ok(written)
        }
        Err(error) => {
            writer.abort().await;
            Err(error)
        }
    }
}

/// Bytes of each plaintext buffer: one more than a small item has, so that its end, or a
/// byte too many, is seen without a second buffer.
fn buffer_bytes(length: Option<u64>) -> usize {
    length
        .and_then(|length| usize::try_from(length).ok())
        .map_or(SEGMENT_BYTES, |length| length.saturating_add(1))
        .min(SEGMENT_BYTES)
}

/// Sends sealed segments to the store as they come, until the last.
async fn forward(
    sealed: &mut mpsc::UnboundedReceiver<bytes::Bytes>,
    pipeline: &Pipeline,
    writer: &mut ObjectWriter,
) -> Result<(), WriteError> {
    while let Some(segment) = sealed.recv().await {
        writer.put(segment).await?;
        pipeline.make_room();
    }
    Ok(())
}

/// What is known of the bytes as they come in.
struct Intake {
    size: u64,
    length: Option<u64>,
    limit: u64,
    head: Zeroizing<Vec<u8>>,
}

impl Intake {
    /// Reads the source to its end, segment by segment.
    async fn run<R: AsyncRead + Unpin, S: FnMut() -> Salt>(
        &mut self,
        source: &mut R,
        salts: &mut S,
        buffers: &std::sync::Arc<PlainBuffers>,
        pipeline: &Pipeline,
    ) -> Result<(), WriteError> {
        for number in 0.. {
            let mut plain = buffers.take().await.ok_or(WriteError::Broken)?;
            self.fill(source, &mut plain).await?;
            let length = plain.bytes().len();
            // A full segment is always followed by another, maybe an empty one.
            let is_last = length < SEGMENT_BYTES;
            if is_last && self.length.is_some_and(|length| length != self.size) {
                return Err(self.incomplete(None));
            }
            pipeline.submit(Segment {
                number,
                plain,
                salt: salts(),
                is_last,
            })?;
            if is_last {
                break;
            }
        }
        Ok(())
    }

    /// Fills `plain` as far as the source has bytes.
    async fn fill<R: AsyncRead + Unpin>(
        &mut self,
        source: &mut R,
        plain: &mut Plain,
    ) -> Result<(), WriteError> {
        loop {
            let unfilled = plain.unfilled();
            if unfilled.is_empty() {
                return Ok(());
            }
            let came = match source.read(unfilled).await {
                Ok(0) => return Ok(()),
                Ok(came) => came,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.incomplete(Some(error))),
            };
            plain.filled(came);
            self.size += came as u64;
            if self.length.is_some_and(|length| self.size > length) {
                return Err(self.incomplete(None));
            }
            if self.size > self.limit {
                return Err(WriteError::TooLarge { limit: self.limit });
            }
            let wanted = HEAD_BYTES - self.head.len();
            if wanted > 0 {
                // Only ever in the first segment, whose buffer begins with the head.
                let bytes = plain.bytes();
                let from = self.head.len();
                self.head
                    .extend_from_slice(&bytes[from..bytes.len().min(from + wanted)]);
            }
        }
    }

    fn incomplete(&self, source: Option<io::Error>) -> WriteError {
        WriteError::Incomplete {
            received: self.size,
            expected: self.length,
            source,
        }
    }

    fn written(
        self,
        object: ObjectId,
        declared: &[Algorithm],
        computed: Computed,
    ) -> Result<Written, WriteError> {
        let heads = heads(computed.commitments.iter().copied());
        let stored = StoredObject::new(object, self.size, heads, computed.blake3)?;
        // What the size asks for is what was sealed and hashed, or something here is wrong.
        assert_eq!(
            stored.layout().segments(),
            computed.commitments.len() as u64
        );
        let mut values = computed.declared;
        if declared.contains(&Algorithm::Sha256) {
            values.push(Fingerprint::new(
                Algorithm::Sha256,
                computed.sha256.as_bytes(),
            ));
        }
        values.sort_unstable_by_key(Fingerprint::algorithm);
        Ok(Written {
            stored,
            commitments: computed.commitments,
            size: self.size,
            sha256: computed.sha256,
            declared: values,
            leaves: computed.tree.n(),
            content_root: computed.tree.logged_root(TreeKind::Content),
            crc32: computed.crc32,
            head: self.head,
        })
    }
}

/// How many bytes were expected, for a sentence.
fn of_expected(expected: Option<u64>) -> String {
    expected.map_or_else(String::new, |expected| format!(" of {expected}"))
}
