//! Why the client can't do something: what is wrong, what is safe, what to do.

use std::{io, path::PathBuf};

use custos_core::receipt::ReceiptError;

use super::names;

/// What the room refused something with (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The stable name: the last part of `type`; empty when another server answered.
    pub name: String,
    /// The room's own words.
    pub detail: String,
    /// Seconds after which to try again, if the room said so.
    pub retry_seconds: Option<u64>,
}

/// Why something can't be done.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// What was asked for can't be meant; nothing was sent.
    #[error("{0}")]
    Usage(String),
    /// The room refuses.
    #[error("the room refuses ({}): {}", .0.status, .0.detail)]
    Refused(Problem),
    /// No connection came about, so nothing was sent.
    #[error(
        "`{server}` can't be reached, so nothing was sent: {cause}; check the address and the link, then run the same command again"
    )]
    Unreachable {
        /// The room's origin.
        server: String,
        /// The innermost reason.
        cause: String,
    },
    /// The connection broke before the answer was there.
    #[error("the connection to the room broke: {0}")]
    Broken(String),
    /// An earlier attempt may have been made, and the room takes no other now.
    #[error(
        "it is not known whether it was done: an attempt broke off, and to the next one the room said: {0}; look how it stands"
    )]
    Unclear(String),
    /// The answer is not what the API says, or does not fit what was sent.
    #[error("the room's answer can't be used: {0}; keep this line and tell the operator")]
    Answer(String),
    /// A receipt that does not prove what it should.
    #[error("the receipt does not hold: {0}; it was not kept, tell the operator")]
    Receipt(#[from] ReceiptError),
    /// The file is no longer what was hashed.
    #[error(
        "the file changed while it was read, so the room keeps nothing of it; \
         make a copy that nobody writes to and deposit that"
    )]
    Changed,
    /// A file of this machine can't be used.
    #[error("`{}` can't be {doing}: {cause}", names::shown(.path))]
    File {
        /// The file.
        path: PathBuf,
        /// `read`, `written`.
        doing: &'static str,
        /// Why.
        cause: io::Error,
    },
    /// It was not tried, because of what happened before.
    #[error("it was not tried, because {0}; nothing of it was sent")]
    NotTried(&'static str),
}

impl ClientError {
    /// A failure to use a file.
    pub fn file(path: impl Into<PathBuf>, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |cause| Self::File { path, doing, cause }
    }

    /// The name of the problem that the room told of.
    pub fn problem(&self) -> Option<&str> {
        match self {
            Self::Refused(problem) => Some(&problem.name),
            _ => None,
        }
    }

    /// Whether it may pass by itself, and nothing was changed by the attempt.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused(problem) => matches!(problem.status, 429 | 502..=504),
            _ => false,
        }
    }

    /// Whether an attempt to send bytes may have ended in a deposit all the same, or may
    /// succeed when it is made again under the same id.
    pub fn leaves_open(&self) -> bool {
        match self {
            Self::Broken(_) => true,
            Self::Refused(problem) => {
                let full = problem.status == 507;
                matches!(problem.name.as_str(), "conflict" | "incomplete")
                    || (problem.status >= 500 && !full)
            }
            _ => self.may_pass(),
        }
    }

    /// Why nothing else will succeed either, if that is so.
    pub fn ends_all(&self) -> Option<&'static str> {
        match self {
            Self::Unreachable { .. } => Some("the room can't be reached"),
            Self::Refused(problem) if problem.status == 401 => {
                Some("the room no longer accepts the token")
            }
            Self::Refused(problem) if problem.name == "full" => Some("the room's disk is full"),
            _ => None,
        }
    }
}
