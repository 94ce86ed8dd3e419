//! C2SP tlog-proof, read and written in its one spelling.

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::{
    checkpoint::{CheckpointError, MAX_CHECKPOINT_BYTES, SignedCheckpoint, base64_hash},
    event::MAX_DISCLOSED_BYTES,
    hash::Hash,
    ids::{LeafIndex, decimal},
    merkle::{MAX_PROOF_HASHES, MerkleError, check_inclusion},
};

const VERSION_LINE: &str = "c2sp.org/tlog-proof@v1";
/// Longest extra data in bytes, before base64: a disclosed entry.
const MAX_EXTRA_BYTES: usize = MAX_DISCLOSED_BYTES;
/// Longest tlog-proof that is read, in bytes.
pub const MAX_TLOG_PROOF_BYTES: usize =
    MAX_EXTRA_BYTES.div_ceil(3) * 4 + MAX_PROOF_HASHES * 45 + MAX_CHECKPOINT_BYTES + 256;

/// Why something is not a tlog-proof of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// Longer than [`MAX_TLOG_PROOF_BYTES`], or its extra data than a disclosed entry.
    #[error("the proof is longer than its limit")]
    TooLong,
    /// Another first line.
    #[error("the proof does not begin with `c2sp.org/tlog-proof@v1`")]
    Version,
    /// An extra line without data, or that is not base64 in its one spelling.
    #[error("the extra line is not base64")]
    Extra,
    /// Not `index` and a decimal number without leading zeros, below 2^53 - 1.
    #[error("the index line is not `index` and a number")]
    Index,
    /// A line that is not the base64 of a hash, or more than 63 of them.
    #[error("a proof has at most {MAX_PROOF_HASHES} hashes in base64")]
    Hash,
    /// No blank line before the checkpoint, or not UTF-8.
    #[error("the proof does not end with a blank line and a checkpoint")]
    Form,
    /// The index is not below the checkpoint's size.
    #[error("the index is not in the checkpoint's tree")]
    OutOfTree,
    /// The checkpoint is not one.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// An index, the hashes from its leaf to the root, and a signed checkpoint with that root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    index: LeafIndex,
    hashes: Vec<Hash>,
    extra: Option<Vec<u8>>,
    checkpoint: SignedCheckpoint,
}

impl TlogProof {
    /// Puts a proof together. Whether it holds is for [`TlogProof::check_inclusion`].
    ///
    /// # Errors
    /// [`TlogProofError::OutOfTree`], [`TlogProofError::Hash`], [`TlogProofError::Extra`]
    /// for extra data that is there but empty, [`TlogProofError::TooLong`].
    pub fn new(
        index: LeafIndex,
        hashes: Vec<Hash>,
        extra: Option<Vec<u8>>,
        checkpoint: SignedCheckpoint,
    ) -> Result<Self, TlogProofError> {
        if index.get() >= checkpoint.checkpoint().size() {
            return Err(TlogProofError::OutOfTree);
        }
        if hashes.len() > MAX_PROOF_HASHES {
            return Err(TlogProofError::Hash);
        }
        match extra.as_ref().map(Vec::len) {
            Some(0) => return Err(TlogProofError::Extra),
            Some(length) if length > MAX_EXTRA_BYTES => return Err(TlogProofError::TooLong),
            _ => {}
        }
        Ok(Self {
            index,
            hashes,
            extra,
            checkpoint,
        })
    }

    /// Reads a proof.
    ///
    /// # Errors
    /// See [`TlogProofError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, TlogProofError> {
        if bytes.len() > MAX_TLOG_PROOF_BYTES {
            return Err(TlogProofError::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| TlogProofError::Form)?;
        let rest = text
            .strip_prefix(VERSION_LINE)
            .and_then(|rest| rest.strip_prefix('\n'))
            .ok_or(TlogProofError::Version)?;
        let (head, checkpoint) = rest.split_once("\n\n").ok_or(TlogProofError::Form)?;
        let mut lines = head.split('\n').peekable();
        let extra = match lines.next_if(|line| line.starts_with("extra")) {
            Some(line) => Some(extra(line).ok_or(TlogProofError::Extra)?),
            None => None,
        };
        let index = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .and_then(|index| decimal(index).ok())
            .and_then(|index| LeafIndex::new(index).ok())
            .ok_or(TlogProofError::Index)?;
        // One hash more than allowed is enough to know that there are too many.
        let hashes = lines
            .take(MAX_PROOF_HASHES + 1)
            .map(base64_hash)
            .collect::<Option<Vec<_>>>()
            .ok_or(TlogProofError::Hash)?;
        let checkpoint = SignedCheckpoint::parse(checkpoint.as_bytes())?;
        Self::new(index, hashes, extra, checkpoint)
    }

    /// The bytes that [`TlogProof::parse`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!("{VERSION_LINE}\n");
        if let Some(extra) = &self.extra {
            head += &format!("extra {}\n", BASE64_STANDARD.encode(extra));
        }
        head += &format!("index {}\n", self.index);
        for hash in &self.hashes {
            head += &BASE64_STANDARD.encode(hash.as_bytes());
            head.push('\n');
        }
        head.push('\n');
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(self.checkpoint.as_bytes());
        bytes
    }

    /// Checks that the checkpoint's tree has this leaf at the proof's index. Says nothing of
    /// who signed the checkpoint.
    ///
    /// # Errors
    /// See [`MerkleError`].
    pub fn check_inclusion(&self, leaf: &Hash) -> Result<(), MerkleError> {
        let checkpoint = self.checkpoint.checkpoint();
        check_inclusion(
            &self.hashes,
            checkpoint.size(),
            checkpoint.root(),
            self.index,
            leaf,
        )
    }

    /// The leaf's index.
    pub const fn index(&self) -> LeafIndex {
        self.index
    }

    /// The hashes, from the leaf's sibling up to the root's child.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// What the proof carries beside; nothing vouches for it.
    pub fn extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    /// The signed checkpoint.
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }
}

/// The data of an extra line; there is no empty one.
fn extra(line: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(line.strip_prefix("extra ")?).ok()
}
