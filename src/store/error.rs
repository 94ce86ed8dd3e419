//! What can go wrong in the store, and what the caller may still rely on.

use std::{
    error::Error,
    io::{self, ErrorKind},
};

/// Causes that are followed from an error inwards before we stop looking.
const MAX_CAUSES: usize = 16;

/// Why the store did not do what was asked.
///
/// Texts name objects by their random ids; causes may name paths and belong in the log only.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such object or public file.
    #[error("`{name}` is not in the store")]
    NotFound {
        /// Object id or public path.
        name: String,
    },
    /// Something has that id already; ids are random and never used twice.
    #[error("`{name}` is in the store already; nothing was written")]
    Exists {
        /// Object id.
        name: String,
    },
    /// No room is left, or a quota is reached: 507 for the client, an alarm for the operator.
    #[error("the store is full; nothing of this was kept, make room and send it again")]
    Full {
        /// What the operating system said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store cannot be reached or refuses: 503, may be tried again.
    #[error("the store does not answer as it should; nothing of this was kept, try again later")]
    Unavailable {
        /// What the store said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Bytes could not be made durable. After a failed fsync nobody knows what the disk
    /// holds, so it is never retried: the process stops and starts through recovery.
    #[error("the disk did not confirm what was written; stop, check the disk, start again")]
    Fatal {
        /// What the operating system said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store gave another number of bytes than it holds or was asked for.
    #[error("the store gave `{got}` of `{wanted}` bytes of `{name}`; they were not used")]
    Length {
        /// Object id or public path.
        name: String,
        /// Bytes asked for, or the most that a public file may have.
        wanted: u64,
        /// Bytes that came, or that there are.
        got: u64,
    },
    /// A public path that is not made of plain names.
    #[error("`{path}` is no public path; nothing was read or written")]
    Path {
        /// The path as it was given.
        path: String,
    },
}

impl StoreError {
    /// Whether the process has to stop, because it does not know what is durable.
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::Fatal { .. })
    }

    /// An error of a read, or of a write before its commit point.
    pub(super) fn of(name: &str, source: object_store::Error) -> Self {
        match source {
            object_store::Error::NotFound { .. } => Self::NotFound { name: name.into() },
            object_store::Error::AlreadyExists { .. } => Self::Exists { name: name.into() },
            source if is_full(&source) => Self::Full {
                source: source.into(),
            },
            source => Self::Unavailable {
                source: source.into(),
            },
        }
    }

    /// An error at the commit point of a local write: fsync, close, rename, fsync of the
    /// directory. All of them leave open what is durable, but for a full disk, where the
    /// new file is given up and nothing old was touched.
    pub(super) fn of_commit<E: Error + Send + Sync + 'static>(source: E) -> Self {
        let full = is_full(&source);
        let source = source.into();
        if full {
            Self::Full { source }
        } else {
            Self::Fatal { source }
        }
    }

    /// An error of the operating system outside of any commit point.
    pub(super) fn of_io(source: io::Error) -> Self {
        if is_full(&source) {
            Self::Full {
                source: source.into(),
            }
        } else {
            Self::Unavailable {
                source: source.into(),
            }
        }
    }
}

/// Whether a full disk or a quota is among the causes. The errors of `object_store`'s
/// backends are private types, so their causes are followed to the operating system's.
fn is_full(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    for _ in 0..MAX_CAUSES {
        let Some(error) = cause else { break };
        if let Some(io) = error.downcast_ref::<io::Error>() {
            if matches!(io.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
                return true;
            }
            // An `io::Error` that wraps another skips it in its own `source`.
            cause = io.get_ref().map(|inner| inner as &(dyn Error + 'static));
            if cause.is_some() {
                continue;
            }
        }
        cause = error.source();
    }
    false
}
