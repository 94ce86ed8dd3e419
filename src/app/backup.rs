//! Backups of a room: taken while it works, and restored into an empty folder.
//!
//! ```text
//! custos-backup        marks the folder; its lock keeps a second backup out
//! manifest             facts, then every file with its length and SHA-256; written last
//! journal              what an unfinished backup has copied so far
//! state-<size>-<time>/ register.db, checkpoint, trust.policy, trust.json, and root.key if asked for
//! objects/ log/        as in a room: encrypted objects, public tiles
//! ```
//!
//! The register is copied first and everything that it names afterwards. Bytes are durable
//! before the row that names them (decision 2), so the store holds all of it by then. Objects
//! and tiles never change, so the next backup copies only what is new.
//!
//! INVARIANT: a `manifest` that ends as it must names nothing but whole, durable files, and
//! nothing that it names is changed or removed before the next one is in its place.
//!
//! INVARIANT: nothing here writes in the register, or needs the root key.

mod bytes;
mod copy;
mod error;
mod folder;
mod guards;
mod manifest;
mod restore;
mod state;
mod take;

pub use error::BackupError;
pub use manifest::{Facts, Manifest, Mark, Part, StateFile};
pub use restore::{Damage, Restored, RootKey, Wish, restore};
pub use state::{Kept, kept, note, refuse_unfinished};
pub use take::{Options, Source, Taken, take};

/// What is being copied or checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The register.
    Register,
    /// Public tiles of the log.
    Log,
    /// Encrypted objects.
    Objects,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being copied or checked.
    pub phase: Phase,
    /// How many files of them are done.
    pub done: u64,
    /// How many there are.
    pub total: u64,
    /// Bytes that were read for it so far, in all phases.
    pub bytes: u64,
}
