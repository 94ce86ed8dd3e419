//! Asking a witness, and being one (C2SP tlog-witness 1.0, `add-checkpoint`).
//!
//! ```text
//! old 20852014                          size that the witness confirmed last, or 0
//! PlRNCrwHpqhGrupue0L7gxbjbMiKA9te...   consistency proof, 0 to 63 hashes, one a line
//!                                       blank line
//! room.example/log                      the checkpoint, a signed note
//! ...
//! ```
//!
//! What a witness decides follows from the request, its record and the log's keys alone;
//! keeping record and decision together is for whoever has the record.

use std::collections::HashSet;

use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::{
    Checkpoint, CheckpointError, NoteError, NoteSignature, SignedCheckpoint, VerifierKey,
    base64_hash,
};
use crate::{
    hash::Hash,
    ids::{Timestamp, decimal},
    merkle::{self, MAX_PROOF_HASHES},
};

/// Longest body of `add-checkpoint` that is read, in bytes.
pub const MAX_REQUEST_BYTES: usize = 64 << 10;
/// Longest answer of a witness that is read, in bytes.
pub const MAX_ANSWER_BYTES: usize = 16 << 10;
/// Most cosignatures in one answer.
pub const MAX_COSIGNATURES: usize = 16;
/// How far the time of a cosignature may be from the reader's clock, in seconds.
pub const CLOCK_SLACK_SECONDS: u64 = 300;
/// Media type of an answer that names the size which a witness confirmed last.
pub const SIZE_MEDIA_TYPE: &str = "text/x.tlog.size";

/// Why something is no request to a witness.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Longer than 64 KiB.
    #[error("the request is longer than {MAX_REQUEST_BYTES} bytes")]
    TooLong,
    /// No blank line before the checkpoint, or not ASCII above it.
    #[error("the request is not an old size, a proof, a blank line and a checkpoint")]
    Form,
    /// Not `old`, a space and a decimal number below 2^53 without leading zeros.
    #[error("the first line is not `old` and a decimal number below 2^53")]
    Old,
    /// A line that is not the base64 of a hash.
    #[error("a line of the proof is not the base64 of a hash")]
    Hash,
    /// More hashes than any proof has.
    #[error("the proof has more than {MAX_PROOF_HASHES} hashes")]
    TooManyHashes,
    /// What follows is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 403: no key of the log signed the checkpoint.
    #[error("no known key of the log signed the checkpoint")]
    Unsigned,
    /// 400: the old size is above the new one.
    #[error("the old size is above the size of the checkpoint")]
    OldAboveNew,
    /// 409: the old size is not the size confirmed last, which is told.
    #[error("the size confirmed last is {known}")]
    Stale {
        /// The size confirmed last; 0 before the first.
        known: u64,
    },
    /// 409: a checkpoint of the same size with another root was confirmed.
    #[error("a checkpoint of this size with another root was confirmed")]
    OtherRoot,
    /// 422: the proof does not lead from the one to the other.
    #[error("the consistency proof does not hold")]
    Proof,
}

/// Why an answer of a witness is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Longer than 16 KiB.
    #[error("the answer is longer than {MAX_ANSWER_BYTES} bytes")]
    TooLong,
    /// Not lines of signatures, each ended by a line feed.
    #[error("the answer is not lines of signatures")]
    Lines,
    /// More lines than any witness has keys.
    #[error("the answer has more than {MAX_COSIGNATURES} signatures")]
    TooMany,
    /// Two lines of one key.
    #[error("the answer has two signatures of one key")]
    Duplicate,
    /// No line of the key that the reader knows.
    #[error("the answer has no signature of the witness's key")]
    OtherKey,
    /// The line of that key is not its signature of this checkpoint.
    #[error("the witness's signature does not verify")]
    Signature,
    /// The time in the signature is too far from the reader's clock.
    #[error("the time of the cosignature is more than {CLOCK_SLACK_SECONDS} s from the clock here")]
    Time,
    /// Not a decimal number below 2^53 and a line feed.
    #[error("the answer is not a size: a decimal number below 2^53 and a line feed")]
    Size,
}

/// The body of a request to a witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the witness confirmed last, as whoever asks believes.
    pub old: u64,
    /// From the tree of that size to the checkpoint's; at most 63 hashes.
    pub proof: Vec<Hash>,
    /// What is to be cosigned.
    pub checkpoint: SignedCheckpoint,
}

impl AddCheckpoint {
    /// Reads a request; neither signatures nor proof are checked yet.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, RequestError> {
        if bytes.len() > MAX_REQUEST_BYTES {
            return Err(RequestError::TooLong);
        }
        let blank = bytes.windows(2).position(|pair| pair == b"\n\n");
        let blank = blank.ok_or(RequestError::Form)?;
        let head = std::str::from_utf8(&bytes[..blank]).map_err(|_| RequestError::Form)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.and_then(|old| decimal(old).ok());
        let old = old.ok_or(RequestError::Old)?;
        let mut proof = Vec::new();
        for line in lines {
            if proof.len() == MAX_PROOF_HASHES {
                return Err(RequestError::TooManyHashes);
            }
            proof.push(base64_hash(line).ok_or(RequestError::Hash)?);
        }
        let checkpoint = SignedCheckpoint::parse(&bytes[blank + 2..])?;
        Ok(Self {
            old,
            proof,
            checkpoint,
        })
    }

    /// The request's body.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("old {}\n", self.old).into_bytes();
        for hash in &self.proof {
            bytes.extend_from_slice(BASE64_STANDARD.encode(hash.as_bytes()).as_bytes());
            bytes.push(b'\n');
        }
        bytes.push(b'\n');
        bytes.extend_from_slice(self.checkpoint.as_bytes());
        bytes
    }

    /// What a witness answers that trusts `keys` for this origin and confirmed `known` last.
    /// The checks and their order are those of C2SP tlog-witness.
    ///
    /// # Errors
    /// [`Refusal`]: then nothing may be signed.
    pub fn judge(&self, known: Option<&Checkpoint>, keys: &[&VerifierKey]) -> Result<(), Refusal> {
        let verified = self.checkpoint.note().verify(keys);
        verified.map_err(|_| Refusal::Unsigned)?;
        let new = self.checkpoint.checkpoint();
        if self.old > new.size() {
            return Err(Refusal::OldAboveNew);
        }
        let size = known.map_or(0, Checkpoint::size);
        if self.old != size {
            return Err(Refusal::Stale { known: size });
        }
        let Some(known) = known else {
            // The first one is taken as it is: there is nothing that it could contradict.
            let empty = self.proof.is_empty();
            return if empty { Ok(()) } else { Err(Refusal::Proof) };
        };
        if known.size() == new.size() && known.root() != new.root() {
            return Err(Refusal::OtherRoot);
        }
        merkle::check_consistency(
            &self.proof,
            known.size(),
            known.root(),
            new.size(),
            new.root(),
        )
        .map_err(|_| Refusal::Proof)
    }
}

/// A cosignature that a witness gave: its line, and the time in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// The line.
    pub line: NoteSignature,
    /// Seconds since 1970.
    pub unix_seconds: u64,
}

/// Reads the cosignature of `key` out of an answer with status 200. Lines of other keys are
/// passed over, as C2SP says; lines of another form are not.
///
/// # Errors
/// See [`AnswerError`].
pub fn read_cosignature(
    answer: &[u8],
    checkpoint: &SignedCheckpoint,
    key: &VerifierKey,
    now: Timestamp,
) -> Result<Cosigned, AnswerError> {
    if answer.len() > MAX_ANSWER_BYTES {
        return Err(AnswerError::TooLong);
    }
    let text = std::str::from_utf8(answer).map_err(|_| AnswerError::Lines)?;
    let text = text.strip_suffix('\n').ok_or(AnswerError::Lines)?;
    let (mut seen, mut own) = (HashSet::new(), None);
    for line in text.split('\n') {
        if seen.len() == MAX_COSIGNATURES {
            return Err(AnswerError::TooMany);
        }
        let line = NoteSignature::parse(line).map_err(|_: NoteError| AnswerError::Lines)?;
        if !seen.insert((line.name().to_owned(), line.id())) {
            return Err(AnswerError::Duplicate);
        }
        if line.is_by(key) {
            own = Some(line);
        }
    }
    let line = own.ok_or(AnswerError::OtherKey)?;
    if !key.verifies(checkpoint.note().text(), &line) {
        return Err(AnswerError::Signature);
    }
    let unix_seconds = key.cosigned_at(&line).ok_or(AnswerError::Signature)?;
    let now = u64::try_from(now.micros() / 1_000_000).unwrap_or(0);
    if now.abs_diff(unix_seconds) > CLOCK_SLACK_SECONDS {
        return Err(AnswerError::Time);
    }
    Ok(Cosigned { line, unix_seconds })
}

/// Reads the size that a witness confirmed last out of an answer with status 409.
///
/// # Errors
/// [`AnswerError::Size`].
pub fn read_size(answer: &[u8]) -> Result<u64, AnswerError> {
    let text = std::str::from_utf8(answer).ok();
    let digits = text.and_then(|text| text.strip_suffix('\n'));
    let size = digits.and_then(|digits| decimal(digits).ok());
    size.ok_or(AnswerError::Size)
}

/// The same size as an answer.
pub fn write_size(size: u64) -> String {
    format!("{size}\n")
}

#[cfg(test)]
mod tests;
