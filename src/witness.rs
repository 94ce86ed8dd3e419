//! A witness of other rooms' custody logs (C2SP tlog-witness): it remembers the newest checkpoint
//! of each log that it was told of, and confirms another only when that begins with it.
//!
//! | module | what it is |
//! |---|---|
//! | [`key`] | the file of its key |
//! | [`record`] | what it confirmed last, and what contradicts it, in a database of its own |
//! | [`server`] | requests and answers |
//!
//! It shares no file with any room, and needs none: a room and a witness may be one institution's,
//! but a room that is rolled back must not take the memory of its neighbours with it.
//!
//! INVARIANT: of one log, no two cosignatures of this key are of trees of which neither begins
//! with the other, and none is of a smaller tree than one before it. It holds as long as the
//! database does: a witness whose database is lost or restored from a copy is given up, and
//! another is founded with another key.

pub mod key;
pub mod record;
pub mod server;

use std::collections::BTreeMap;

use custos_core::{
    checkpoint::{SignatureType, VerifierKey},
    hash::{Hash, sha256},
};

/// Logs of one witness at most.
pub const MAX_LOGS: usize = 256;

/// A log that is not taken up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogsError {
    /// More than a witness takes.
    #[error("more than {MAX_LOGS} logs")]
    TooMany,
    /// Not a key that signs checkpoints.
    #[error("the key of `{0}` is no vkey of type Ed25519")]
    Key(String),
    /// A key of another name than the log's.
    #[error("the key of `{0}` bears another name than the log")]
    Name(String),
    /// The same key twice.
    #[error("the key of `{0}` stands twice")]
    Twice(String),
}

/// The logs that a witness confirms, by origin, each with one or more keys.
#[derive(Debug, Clone, Default)]
pub struct Logs(BTreeMap<String, Vec<VerifierKey>>);

impl Logs {
    /// Reads pairs of origin and vkey.
    ///
    /// # Errors
    /// [`LogsError`] names the log.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, LogsError> {
        let mut logs: BTreeMap<String, Vec<VerifierKey>> = BTreeMap::new();
        for (origin, vkey) in pairs {
            let key: Option<VerifierKey> = vkey.parse().ok();
            let key = key
                .filter(|key| key.signature_type() == SignatureType::Ed25519)
                .ok_or_else(|| LogsError::Key(origin.into()))?;
            if key.name() != origin {
                return Err(LogsError::Name(origin.into()));
            }
            let keys = logs.entry(origin.into()).or_default();
            if keys.contains(&key) {
                return Err(LogsError::Twice(origin.into()));
            }
            keys.push(key);
        }
        if logs.values().map(Vec::len).sum::<usize>() > MAX_LOGS {
            return Err(LogsError::TooMany);
        }
        Ok(Self(logs))
    }

    /// The keys of a log, if it is known.
    pub fn keys(&self, origin: &str) -> Option<&[VerifierKey]> {
        self.0.get(origin).map(Vec::as_slice)
    }

    /// The origin with this hash, in whose name its newest checkpoint is asked for.
    pub fn origin_of(&self, hash: &Hash) -> Option<&str> {
        let mut origins = self.0.keys();
        origins
            .find(|origin| origin_hash(origin) == *hash)
            .map(String::as_str)
    }

    /// The origins.
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// How a log is named in an address: the SHA-256 of its origin.
pub fn origin_hash(origin: &str) -> Hash {
    sha256(&[origin.as_bytes()])
}

#[cfg(test)]
mod tests;
