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
    /// new file is given up and nothing old was touched, and for a process that may open no
    /// further file: nothing was synced then, so no sync failed, and whoever crowds the room
    /// must not be able to stop it.
    pub(super) fn of_commit<E: Error + Send + Sync + 'static>(source: E) -> Self {
        let (full, crowded) = (is_full(&source), is_crowded(&source));
        let source = source.into();
        if full {
            Self::Full { source }
        } else if crowded {
            Self::Unavailable { source }
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

/// Whether a full disk or a quota is among the causes.
fn is_full(error: &(dyn Error + 'static)) -> bool {
    is_caused_by(error, |io| {
        matches!(io.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
    })
}

/// Whether the process or the machine may open no further file: ENFILE, EMFILE.
fn is_crowded(error: &(dyn Error + 'static)) -> bool {
    is_caused_by(error, |io| matches!(io.raw_os_error(), Some(23 | 24)))
}

/// Whether such an error of the operating system is among the causes. The errors of
/// `object_store`'s backends are private types, so their causes are followed to it.
fn is_caused_by(error: &(dyn Error + 'static), such: impl Fn(&io::Error) -> bool) -> bool {
    let mut cause = Some(error);
    for _ in 0..MAX_CAUSES {
        let Some(error) = cause else { break };
        if let Some(io) = error.downcast_ref::<io::Error>() {
            if such(io) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_sync_is_fatal_and_a_crowd_is_not() {
        let of = |code| StoreError::of_commit(io::Error::from_raw_os_error(code));
        assert!(of(5).is_fatal(), "EIO");
        assert!(matches!(of(28), StoreError::Full { .. }), "ENOSPC");
        for code in [23, 24] {
            let wrapped = io::Error::other(io::Error::from_raw_os_error(code));
            for error in [of(code), StoreError::of_commit(wrapped)] {
                assert!(matches!(error, StoreError::Unavailable { .. }), "{code}");
            }
        }
    }
}
