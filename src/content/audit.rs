//! Whether a stored object is still what its custody entry says, and where it is not.

use std::{
    mem,
    sync::mpsc::{channel, sync_channel},
    thread,
};

use bytes::Bytes;
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
/// Stored bytes of a segment from which a second thread pays.
const BESIDE_BYTES: usize = 1 << 20;
/// Opened chunks that wait for that thread.
const AHEAD_CHUNKS: usize = 8;

/// What a chunk holds.
type Plain = Zeroizing<Vec<u8>>;

fn plain_buffer() -> Plain {
    Zeroizing::new(Vec::with_capacity(CHUNK_BYTES + TAG_BYTES))
}

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
/// [`ReadError::Store`] when the store fails; damage is no error but in the report.
pub async fn stored(store: &Store, stored: &StoredObject) -> Result<Report, ReadError> {
    let mut report = Report::default();
    let found = match store.size(stored.object()).await {
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
    let hasher = blake3::Hasher::new();
    let hasher = each_segment((store, stored, found), hasher, |hasher, _, bytes| {
        hasher.update(bytes);
    });
    if hasher.await?.finalize().as_bytes() != stored.blake3().as_bytes() {
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
    let work = Work {
        expected: expected.clone(),
        heads,
        report,
        blake3: blake3::Hasher::new(),
        sha256: Sha256::new(),
        tree: ContentHasher::new(expected.tree_key.clone()),
    };
    let work = each_segment((store, stored, found), work, Work::segment);
    Ok(work.await?.finish())
}

/// Hands over the stored bytes of one segment after the other, as far as the `found` bytes of the
/// object have them; the next ones come in meanwhile.
async fn each_segment<W: Send + 'static>(
    (store, stored, found): (&Store, &StoredObject, u64),
    mut work: W,
    look: fn(&mut W, u64, &[u8]),
) -> Result<W, ReadError> {
    let segments = stored.layout().segments();
    let mut next = Some(fetch(store, stored, 0, found).await?);
    for segment in 0..segments {
        let Some(bytes) = next.take() else { break };
        let looked = spawn_blocking(move || {
            look(&mut work, segment, &bytes);
            work
        });
        if segment + 1 < segments {
            next = Some(fetch(store, stored, segment + 1, found).await?);
        }
        work = looked.await.map_err(|_| ReadError::Stopped)?;
    }
    Ok(work)
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
        let mut sha256 = mem::replace(&mut self.sha256, Sha256::new());
        if chunks.len() < BESIDE_BYTES {
            self.open(segment, opener, chunks, |plain| {
                sha256.update(&plain);
                plain
            });
        } else {
            // SHA-256 of the whole takes as long as all the rest, and has a core of its own.
            thread::scope(|scope| {
                let (opened, to_hash) = sync_channel::<Plain>(AHEAD_CHUNKS);
                let (used, empty) = channel();
                let sha256 = &mut sha256;
                scope.spawn(move || {
                    for plain in to_hash {
                        sha256.update(&plain);
                        // Nobody needs it any more when all chunks are opened.
                        drop(used.send(plain));
                    }
                });
                self.open(segment, opener, chunks, |plain| {
                    opened.send(plain).expect("it hashes until all was sent");
                    empty.try_recv().unwrap_or_else(|_| plain_buffer())
                });
            });
        }
        self.sha256 = sha256;
    }

    /// Opens all chunks of one segment. `hash` is given what they hold as long as all is sound, and
    /// gives a buffer back.
    fn open(
        &mut self,
        segment: u64,
        opener: &Opener,
        chunks: &[u8],
        mut hash: impl FnMut(Plain) -> Plain,
    ) {
        let layout = self.expected.stored.layout();
        let plain_len = layout.segment_plain_len(segment).unwrap_or(0);
        let last = plain_len / CHUNK_BYTES as u64;
        let mut sealed = chunks.chunks(SEALED_CHUNK_BYTES);
        let mut plain = plain_buffer();
        for chunk in 0..=last {
            plain.clear();
            let bytes = sealed.next().unwrap_or_default();
            if opener
                .open_chunk(chunk, chunk == last, bytes, &mut plain)
                .is_err()
            {
                self.report.add(Damage::Chunk { segment, chunk });
            } else if self.report.is_sound() {
                self.tree.update(&plain);
                plain = hash(plain);
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
