//! Whether a stored object is still what its custody entry says, and where it is not.

use bytes::Bytes;
use futures::TryStreamExt;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use super::read::{ReadError, open_header};
use crate::store::{Store, StoreError};
use custos_core::{
    cipher::{CHUNK_BYTES, HEADER_BYTES, Opener, SEALED_CHUNK_BYTES, TAG_BYTES},
    content::{ContentHasher, TreeKey, TreeKind},
    hash::{Hash, Sha256},
    ids::ItemId,
    keys::DataKey,
    object::{SegmentHeads, StoredObject},
};

/// Places that a report names; the others are only counted.
pub const MAX_NAMED: usize = 1_000;

/// One thing that is wrong with an object.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Damage {
    /// It is not in the store.
    Missing,
    /// It has another length.
    Length {
        /// Stored bytes that follow from the item's size.
        expected: u64,
        /// Stored bytes that are there.
        found: u64,
    },
    /// Some stored byte is altered: the BLAKE3 differs. Where, only the key tells.
    Stored,
    /// A segment's header is altered, or is that of another segment or another writing.
    Header {
        /// Number of the segment, from 0.
        segment: u64,
    },
    /// A chunk is altered, missing or misplaced.
    Chunk {
        /// Number of the segment, from 0.
        segment: u64,
        /// Number of the chunk within the segment, from 0.
        chunk: u64,
    },
    /// All chunks are sound, but not what the entry's SHA-256 names.
    Sha256,
    /// All chunks are sound, but not what the entry's content root names.
    ContentRoot,
}

/// What an audit found; nothing if all is sound.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// The first [`MAX_NAMED`], in the order of the object.
    pub named: Vec<Damage>,
    /// All of them.
    pub total: u64,
}

impl Report {
    /// Whether the object is what its entry says.
    pub const fn is_sound(&self) -> bool {
        self.total == 0
    }

    fn add(&mut self, damage: Damage) {
        self.total += 1;
        if self.named.len() < MAX_NAMED {
            self.named.push(damage);
        }
    }
}

/// Compares the stored bytes with the length and BLAKE3 in `stored`. Needs no key, so it
/// also serves whoever holds a copy of the bucket.
///
/// # Errors
/// [`StoreError`] when the store fails; damage is no error but in the report.
pub async fn stored(store: &Store, stored: &StoredObject) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let (found, mut bytes) = match store.get(stored.object()).await {
        Err(StoreError::NotFound { .. }) => {
            report.add(Damage::Missing);
            return Ok(report);
        }
        other => other?,
    };
    let expected = stored.layout().stored_len();
    if found != expected {
        report.add(Damage::Length { expected, found });
        return Ok(report);
    }
    let mut hasher = blake3::Hasher::new();
    loop {
        match bytes.try_next().await {
            Ok(Some(piece)) => hasher.update(&piece),
            Ok(None) => break,
            Err(StoreError::Length { got: found, .. }) => {
                report.add(Damage::Length { expected, found });
                return Ok(report);
            }
            Err(error) => return Err(error),
        };
    }
    if hasher.finalize().as_bytes() != stored.blake3().as_bytes() {
        report.add(Damage::Stored);
    }
    Ok(report)
}

/// What the item's adding entry and keys say of its content.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The item.
    pub item: ItemId,
    /// Its data key.
    pub data_key: DataKey,
    /// Key of its content tree.
    pub tree_key: TreeKey,
    /// Slot 27.
    pub stored: StoredObject,
    /// Commitments of all segments.
    pub commitments: Vec<[u8; 32]>,
    /// Slot 23.
    pub sha256: Hash,
    /// Slot 24.
    pub content_root: Hash,
}

/// Opens every chunk, and compares SHA-256 and content root of what they hold. Goes on
/// behind damage and locates all of it.
///
/// # Errors
/// [`ReadError::Object`]: the list of commitments is not that of the entry, so nothing can
/// be located. [`ReadError::Store`]: the store fails.
pub async fn content(store: &Store, expected: &Expected) -> Result<Report, ReadError> {
    let stored = &expected.stored;
    let heads = SegmentHeads::check(stored, expected.commitments.clone())?;
    let layout = stored.layout();
    let mut report = Report::default();
    let found = match store.size(stored.object()).await {
        Err(StoreError::NotFound { .. }) => {
            report.add(Damage::Missing);
            return Ok(report);
        }
        other => other?,
    };
    if found != layout.stored_len() {
        report.add(Damage::Length {
            expected: layout.stored_len(),
            found,
        });
    }
    let mut work = Work {
        expected: expected.clone(),
        heads,
        report,
        blake3: blake3::Hasher::new(),
        sha256: Sha256::new(),
        tree: ContentHasher::new(expected.tree_key.clone()),
    };
    let mut next = Some(fetch(store, stored, 0, found).await?);
    for segment in 0..layout.segments() {
        let Some(bytes) = next.take() else { break };
        let hashed = spawn_blocking(move || {
            work.segment(segment, &bytes);
            work
        });
        // The next segment comes in while this one is opened.
        if segment + 1 < layout.segments() {
            next = Some(fetch(store, stored, segment + 1, found).await?);
        }
        work = hashed.await.map_err(|_| ReadError::Stopped)?;
    }
    Ok(work.finish())
}

/// The stored bytes of one segment, as far as the `found` bytes of the object have them.
async fn fetch(
    store: &Store,
    stored: &StoredObject,
    segment: u64,
    found: u64,
) -> Result<Bytes, ReadError> {
    let range = stored.layout().segment_stored(segment).unwrap_or(0..0);
    let there = range.start.min(found)..range.end.min(found);
    Ok(store.get_range(stored.object(), there).await?)
}

/// One audit under way.
struct Work {
    expected: Expected,
    heads: SegmentHeads,
    report: Report,
    blake3: blake3::Hasher,
    sha256: Sha256,
    tree: ContentHasher,
}

impl Work {
    /// Opens all chunks of one segment, of which `bytes` are there.
    fn segment(&mut self, segment: u64, bytes: &[u8]) {
        self.blake3.update(bytes);
        let header = bytes.split_first_chunk::<HEADER_BYTES>();
        let opened = header.and_then(|(header, chunks)| {
            let expected = &self.expected;
            let (stored, item) = (&expected.stored, &expected.item);
            let opener = open_header(
                stored,
                &self.heads,
                item,
                &expected.data_key,
                segment,
                header,
            );
            opener.map(|opener| (opener, chunks))
        });
        match opened {
            Some((opener, chunks)) => self.chunks(segment, &opener, chunks),
            None => self.report.add(Damage::Header { segment }),
        }
    }

    fn chunks(&mut self, segment: u64, opener: &Opener, chunks: &[u8]) {
        let layout = self.expected.stored.layout();
        let plain_len = layout.segment_plain_len(segment).unwrap_or(0);
        let last = plain_len / CHUNK_BYTES as u64;
        let mut sealed = chunks.chunks(SEALED_CHUNK_BYTES);
        let mut plain = Zeroizing::new(Vec::with_capacity(CHUNK_BYTES + TAG_BYTES));
        for chunk in 0..=last {
            plain.clear();
            let bytes = sealed.next().unwrap_or_default();
            if opener
                .open_chunk(chunk, chunk == last, bytes, &mut plain)
                .is_err()
            {
                self.report.add(Damage::Chunk { segment, chunk });
            } else if self.report.is_sound() {
                self.sha256.update(&plain);
                self.tree.update(&plain);
            }
        }
    }

    fn finish(mut self) -> Report {
        // Of an object that is known to be damaged the sums would only say so again.
        if self.report.is_sound() {
            let expected = &self.expected;
            let root = self.tree.finish().logged_root(TreeKind::Content);
            let blake3 = self.blake3.finalize();
            let findings = [
                (
                    Damage::Stored,
                    blake3.as_bytes() != expected.stored.blake3().as_bytes(),
                ),
                (Damage::Sha256, self.sha256.finish() != expected.sha256),
                (Damage::ContentRoot, root != expected.content_root),
            ];
            for (damage, _) in findings.into_iter().filter(|(_, found)| *found) {
                self.report.add(damage);
            }
        }
        self.report
    }
}
