//! What is done with each segment: hashed, sealed, divided into leaves.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use crate::content::{
    buffers::{Plain, SealedBuffers},
    declared::{Algorithm, Extra},
};
use custos_core::{
    cipher::{
        COMMITMENT_BYTES, SEGMENT_BYTES, Salt, SegmentKind, object_context, seal_into, sealed_len,
    },
    content::{
        LEAF_BYTES, SUBTREE_BYTES, SUBTREE_LEAVES, TreeKey, TreeKind, content_subtree, leaf_hash,
        leaf_salt,
    },
    hash::Hash,
    ids::{ItemId, ObjectId},
    keys::DataKey,
};

/// Subtrees of the content tree in each segment but the last.
const SEGMENT_SUBTREES: u64 = (SEGMENT_BYTES / SUBTREE_BYTES) as u64;

/// Which object is made under which keys.
#[derive(Clone, Debug)]
pub(in crate::content) struct Target {
    pub(in crate::content) item: ItemId,
    pub(in crate::content) object: ObjectId,
    pub(in crate::content) data_key: DataKey,
    pub(in crate::content) tree_key: TreeKey,
}

/// One segment of plaintext; wiped or used again when the last job on it is done.
pub(in crate::content) struct Segment {
    /// From 0.
    pub(in crate::content) number: u64,
    /// Exactly 8 MiB, less if it is the last.
    pub(in crate::content) plain: Plain,
    /// Used for this segment and nothing else.
    pub(in crate::content) salt: Salt,
    pub(in crate::content) is_last: bool,
}

/// What a lane has computed so far.
pub(super) enum Stage {
    Seal(Box<Seal>),
    Whole(Box<Whole>),
    Extra(Box<Extra>),
}

pub(super) struct Whole {
    pub(super) sha256: Sha256,
    pub(super) crc32: crc32fast::Hasher,
}

pub(super) struct Seal {
    target: Target,
    pub(super) commitments: Vec<[u8; COMMITMENT_BYTES]>,
    pub(super) blake3: blake3::Hasher,
    buffers: SealedBuffers,
    /// None behind the last segment, so that whoever receives knows that it was the last.
    sealed: Option<mpsc::UnboundedSender<Bytes>>,
}

/// What a job gives.
pub(super) enum Done {
    Lane(usize, Stage),
    Subtree(u64, Hash),
    Tail(Vec<Hash>),
}

/// The stages of a write, in the order in which free threads look for work.
pub(super) fn stages(
    target: Target,
    declared: &[Algorithm],
    sender: mpsc::UnboundedSender<Bytes>,
) -> Vec<Stage> {
    let whole = Stage::Whole(Box::new(Whole {
        sha256: Sha256::new(),
        crc32: crc32fast::Hasher::new(),
    }));
    let extras = declared
        .iter()
        .filter_map(|algorithm| Extra::new(*algorithm))
        .map(|extra| Stage::Extra(Box::new(extra)));
    let seal = Stage::Seal(Box::new(Seal {
        target,
        commitments: Vec::new(),
        blake3: blake3::Hasher::new(),
        buffers: SealedBuffers::default(),
        sealed: Some(sender),
    }));
    [whole].into_iter().chain(extras).chain([seal]).collect()
}

impl Stage {
    pub(super) fn take(&mut self, segment: &Segment) {
        let plain = segment.plain.bytes();
        match self {
            Self::Whole(whole) => {
                // In small steps, so that the second hash finds the bytes in the cache.
                for piece in plain.chunks(LEAF_BYTES) {
                    whole.sha256.update(piece);
                    whole.crc32.update(piece);
                }
            }
            Self::Extra(extra) => extra.update(plain),
            Self::Seal(seal) => seal.take(segment),
        }
    }
}

impl Seal {
    fn take(&mut self, segment: &Segment) {
        let context = object_context(
            &self.target.item,
            &self.target.object,
            SegmentKind::Content,
            segment.number,
        );
        let mut sealed = self.buffers.take(sealed_len(segment.plain.bytes().len()));
        let commitment = seal_into(
            &mut sealed,
            self.target.data_key.as_bytes(),
            &segment.salt,
            &context,
            segment.plain.bytes(),
        );
        self.commitments.push(commitment);
        self.blake3.update(&sealed);
        let sealed = self.buffers.lend(sealed);
        if let Some(sender) = &self.sealed {
            // Nobody receives any more when the write was given up.
            let _given_up = sender.send(sealed);
        }
        if segment.is_last {
            self.sealed = None;
        }
    }
}

impl Segment {
    /// Plaintext of subtree `next` within the segment.
    fn subtree(&self, next: u64) -> &[u8] {
        let start = usize::try_from(next).expect("a segment has 8 subtrees") * SUBTREE_BYTES;
        let plain = self.plain.bytes();
        &plain[start.min(plain.len())..(start + SUBTREE_BYTES).min(plain.len())]
    }

    /// Whether no content follows subtree `next` in this segment.
    pub(super) fn ends_with(&self, next: u64) -> bool {
        self.subtree(next + 1).is_empty()
    }

    /// Hashes the leaves of subtree `next` within the segment.
    pub(super) fn leaves(&self, next: u64, key: &TreeKey) -> Done {
        let subtree = self.number * SEGMENT_SUBTREES + next;
        let first = subtree * SUBTREE_LEAVES as u64;
        let bytes = self.subtree(next);
        if let Ok(whole) = bytes.try_into() {
            return Done::Subtree(subtree, content_subtree(key, first, whole));
        }
        let hash = |i, bytes| leaf_hash(TreeKind::Content, &leaf_salt(key, i), bytes);
        if first == 0 && bytes.is_empty() {
            // An empty item has one empty leaf.
            return Done::Tail(vec![hash(0, bytes)]);
        }
        let leaves = (first..).zip(bytes.chunks(LEAF_BYTES));
        Done::Tail(leaves.map(|(i, leaf)| hash(i, leaf)).collect())
    }
}
