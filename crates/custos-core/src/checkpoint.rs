//! Checkpoints: signed tree heads of the custody log (C2SP tlog-checkpoint), narrowed.
//!
//! ```text
//! room.example/log                    origin: a key name
//! 20852163                            size, 1 to 2^53 - 1
//! CsUYapGGPo4dkMgIAUqom/Xajj7h...     root, base64
//!
//! — room.example/log Az3grlgtz...     the log's Ed25519 signature (C2SP signed-note)
//! — witness.example/w1 jWbPPwAA...    cosignatures (C2SP tlog-cosignature), if any
//! ```
//!
//! Exactly three lines: no extension lines, which no witness would vouch for.

mod key;
mod log_keys;
mod note;
mod policy;
mod quorum;
mod trust;
pub mod witness;

use base64::prelude::{BASE64_STANDARD, Engine as _};

pub use key::{Cosigner, KeyError, MAX_NAME_BYTES, NoteSigner, SignatureType, VerifierKey};
pub use log_keys::{LogKeys, LogKeysError, MAX_CONTROLS};
pub use note::{NoteError, NoteSignature, SignedNote};
pub use policy::PolicyError;
pub use trust::{
    BundleKey, Cosignature, Endorsement, LogKey, TimeAuthority, TrustError, TrustPolicy, Witness,
};

use crate::{
    hash::Hash,
    ids::{MAX_INTEGER, decimal},
};

/// Longest checkpoint that is read, in bytes, its signatures included.
pub const MAX_CHECKPOINT_BYTES: usize = 64 << 10;
/// Most signature lines of any note that is read.
pub const MAX_SIGNATURES: usize = 64;

/// Why something is not a checkpoint of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The origin is not a key name.
    #[error("the origin is not a key name")]
    Origin,
    /// Not a decimal number from 1 to 2^53 - 1 without leading zeros.
    #[error("the tree size is not a decimal number from 1 to 2^53 - 1")]
    Size,
    /// Not the base64 of 32 bytes, or with stray bits.
    #[error("the root is not the base64 of a hash")]
    Root,
    /// Not exactly three lines, each ended by a line feed.
    #[error("a checkpoint has exactly three lines")]
    Lines,
    /// Not a signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
}

/// A tree head: which log, how many leaves, which root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
}

impl Checkpoint {
    /// A tree head of 1 to 2^53 - 1 leaves.
    ///
    /// # Errors
    /// [`CheckpointError::Origin`] or [`CheckpointError::Size`].
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Self, CheckpointError> {
        key::check_name(origin).map_err(|_| CheckpointError::Origin)?;
        if !(1..=MAX_INTEGER).contains(&size) {
            return Err(CheckpointError::Size);
        }
        Ok(Self {
            origin: origin.into(),
            size,
            root,
        })
    }

    /// Reads the note's text: exactly three lines, each ended by a line feed.
    ///
    /// # Errors
    /// See [`CheckpointError`].
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let body = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?;
        let mut lines = body.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Lines);
        };
        let root = base64_hash(root).ok_or(CheckpointError::Root)?;
        let size = decimal(size).map_err(|_| CheckpointError::Size)?;
        Self::new(origin, size, root)
    }

    /// The note's text, which is what is signed.
    pub fn text(&self) -> String {
        let root = BASE64_STANDARD.encode(self.root.as_bytes());
        format!("{}\n{}\n{root}\n", self.origin, self.size)
    }

    /// The log's identity, which is also the name of its keys.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Number of leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree of that size.
    pub const fn root(&self) -> &Hash {
        &self.root
    }
}

/// A checkpoint and the note that carries it, byte for byte as it was signed or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: SignedNote,
}

impl SignedCheckpoint {
    /// Signs with one or more keys of the log.
    ///
    /// # Errors
    /// [`CheckpointError::Origin`] when a key is not named as the log;
    /// [`NoteError::Signatures`] when there is no key, or too many.
    pub fn sign(checkpoint: Checkpoint, keys: &[&NoteSigner]) -> Result<Self, CheckpointError> {
        if keys
            .iter()
            .any(|key| key.verifier_key().name() != checkpoint.origin)
        {
            return Err(CheckpointError::Origin);
        }
        let note = SignedNote::sign(&checkpoint.text(), keys)?;
        Ok(Self { checkpoint, note })
    }

    /// Reads a signed checkpoint; its signatures are not checked yet.
    ///
    /// # Errors
    /// See [`CheckpointError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let note = SignedNote::parse(bytes, MAX_CHECKPOINT_BYTES)?;
        Ok(Self {
            checkpoint: Checkpoint::parse(note.text())?,
            note,
        })
    }

    /// The same checkpoint with one more signature line, such as a witness's.
    ///
    /// # Errors
    /// The note would be larger than a reader takes.
    pub fn with_signature(&self, signature: NoteSignature) -> Result<Self, CheckpointError> {
        let note = self.note.with_signature(signature)?;
        if note.as_bytes().len() > MAX_CHECKPOINT_BYTES {
            return Err(NoteError::TooLong.into());
        }
        Ok(Self {
            checkpoint: self.checkpoint.clone(),
            note,
        })
    }

    /// The tree head; trusted only after its signatures were checked.
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note, byte for byte.
    pub fn as_bytes(&self) -> &[u8] {
        self.note.as_bytes()
    }

    /// The note with its signature lines.
    pub const fn note(&self) -> &SignedNote {
        &self.note
    }

    /// Checks that one key of the log signed this checkpoint: without a policy, for a log
    /// that reads its own checkpoints.
    ///
    /// # Errors
    /// [`NoteError::Unsigned`] without a line of that key, [`NoteError::Signature`] when the
    /// line is not its signature.
    pub fn verify(&self, key: &VerifierKey) -> Result<&Checkpoint, CheckpointError> {
        if key.name() != self.checkpoint.origin {
            return Err(CheckpointError::Origin);
        }
        self.note.verify(&[key])?;
        Ok(&self.checkpoint)
    }

    /// Text, blank line and this key's own signature line with its line feed: what an
    /// RFC 3161 timestamp of a checkpoint is taken over. `None` when the key did not sign.
    pub fn signed_by(&self, key: &VerifierKey) -> Option<Vec<u8>> {
        let line =
            self.note.signatures().iter().find(|signature| {
                signature.is_by(key) && key.verifies(self.note.text(), signature)
            })?;
        Some(format!("{}\n{}", self.note.text(), line.to_line()).into_bytes())
    }
}

/// Base64 of a hash, in its one spelling.
pub(crate) fn base64_hash(text: &str) -> Option<Hash> {
    let bytes = BASE64_STANDARD.decode(text).ok()?;
    bytes.try_into().ok().map(Hash::from_bytes)
}
