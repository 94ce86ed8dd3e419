//! What a caller is told when something can't be done.

use std::sync::Arc;

use super::behind::Behind;
use crate::{db::DbError, store::StoreError};

/// Why something can't be done. The text is for people: what is wrong, what is safe, what to
/// do. [`Error::NotFound`] is the one answer for what does not exist and for what may not be
/// known to exist.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing of that name, or nothing that this person may know of.
    #[error("there is nothing here under this address, or you may not know of it")]
    NotFound,
    /// The person may know of it, but not do this.
    #[error("you may not do this here; the refusal was entered in the custody log")]
    Forbidden,
    /// Nobody is signed in, or the sign-in did not succeed or has ended.
    #[error("sign in first; nothing was changed")]
    SignedOut,
    /// What was sent can't be taken.
    #[error("{0}; nothing was changed")]
    Invalid(String),
    /// It was done before, or something stands in its way.
    #[error("{0}; nothing was changed")]
    Conflict(String),
    /// It is not what the caller looked at any more.
    #[error(
        "this has changed since you looked at it; nothing was changed by you, look again and decide anew"
    )]
    Changed,
    /// A change that does not say what it is made upon.
    #[error(
        "this change must say what it is made upon, so that it undoes nobody's unseen: read it, and send its `ETag` as `If-Match`; nothing was changed"
    )]
    Unsaid,
    /// A key for one change was given for another.
    #[error(
        "`Idempotency-Key` was given for another request before; nothing was changed, give each change a key of its own"
    )]
    Reused,
    /// The bytes ended before, or went on after, the length that was announced.
    #[error("the upload is incomplete: {received} bytes came{}; nothing was kept, send it again", of_expected(*.expected))]
    Incomplete {
        /// Bytes that came.
        received: u64,
        /// Bytes that were announced, if that is known.
        expected: Option<u64>,
    },
    /// More than may be sent.
    #[error("{0}; nothing was kept")]
    TooLarge(String),
    /// Too many attempts.
    #[error("too many attempts; wait {seconds} seconds and try again")]
    TooMany {
        /// Seconds until another attempt is heard.
        seconds: u64,
    },
    /// The disk is full.
    #[error("the disk is full; nothing was kept, what was acknowledged before is safe")]
    Full,
    /// Somebody outside the room, whom this needs, did not answer as they should.
    #[error(
        "no time authority gave a token: {0}; that it was asked for is entered, nothing else was changed, try again later"
    )]
    Unanswered(String),
    /// The custody log can't be written, so nothing may be read or changed.
    #[error(
        "the custody log can't be written at present, so nothing is given out or changed; what was acknowledged before is safe, try again later"
    )]
    CustodyUnavailable(#[source] Option<DbError>),
    /// The register is not what was published last, so nothing is entered in it.
    #[error(
        "{0}; so nothing is given out or changed here, what was acknowledged is safe where the newer state lies, and the public log can still be read; the operator must look at it"
    )]
    PutBack(Arc<Behind>),
    /// The store does not answer.
    #[error(
        "the store does not answer at present; what was acknowledged before is safe, try again later"
    )]
    StoreUnavailable(#[source] Option<StoreError>),
    /// What is stored is not what the custody log says.
    #[error(
        "what is stored is not what the custody log says, so it is not given out; an auditor must look at it"
    )]
    Damaged(#[source] DbError),
}

/// ` of N`, where N is known.
fn of_expected(expected: Option<u64>) -> String {
    expected.map_or_else(String::new, |expected| format!(" of {expected}"))
}

impl Error {
    /// Whether the room must stop: nobody knows any more what the store keeps, or it has a key
    /// that signs no more.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::StoreUnavailable(Some(cause)) => cause.is_fatal(),
            Self::CustodyUnavailable(Some(DbError::KeyRotated)) => true,
            _ => false,
        }
    }

    /// The error for input that can't be taken.
    pub fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid(what.into())
    }
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Damaged { .. } | DbError::Key(_) => Self::Damaged(error),
            error if is_full(&error) => Self::Full,
            error => Self::CustodyUnavailable(Some(error)),
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full { .. } => Self::Full,
            error => Self::StoreUnavailable(Some(error)),
        }
    }
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        DbError::from(error).into()
    }
}

/// Databases say that the disk is full in words alone.
fn is_full(error: &DbError) -> bool {
    matches!(
        error,
        DbError::Query(diesel::result::Error::DatabaseError(_, information))
            if ["disk is full", "No space left on device"]
                .iter()
                .any(|words| information.message().contains(words))
    )
}
