//! A full re-check of everything stored, which locates what is wrong.
//!
//! It takes the pieces of a room instead of an open one, because a damaged room does not
//! open; it writes nothing, and goes on behind damage. What it trusts is the root key alone:
//! keys follow from it, entries from keys, rows, tiles and objects from entries.
//!
//! | module | what it compares |
//! |---|---|
//! | `base` | the database file; which room, log and keys there are |
//! | `keys` | wrapped keys with those who own them |
//! | `log` | entries with their commitments, chains and plain columns |
//! | `published` | tiles, bundles and checkpoints with the entries |
//! | `rows` | authenticated rows with what entries, replayed in order, last said of them |
//! | `items` | items with the entries that added them |
//! | `objects` | stored bytes with slot 27 and the keys |
//!
//! INVARIANT: the published files are listed before the moment of the database is fixed, and
//! objects are listed after, so a room that is at work while it is audited raises no alarm.
//!
//! Not authenticated, and so only looked at for plausibility: the time at which a checkpoint
//! was published. A row under an HMAC that is removed, or replaced by an older state of
//! itself, is not noticed; such rows end by themselves within hours.

mod base;
mod items;
mod keys;
mod log;
mod objects;
mod published;
mod report;
mod rows;
mod trees;

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::Arc,
};

use custos_core::{
    checkpoint::{LogKeys, VerifierKey},
    hash::Hash,
    ids::{Id, ScopeId},
    keys::SessionKey,
};
use tokio::runtime::Handle;
use zeroize::Zeroizing;

pub use report::{ChainOf, Checked, Finding, MAX_NAMED_FINDINGS, Phase, Place, Progress, Report};

use crate::{
    db::{Connection, DbError, Location, audit as register, dialect, pool},
    keyring::{Keyring, RootFile, RootFileError, ScopeKeys},
    store::{Store, StoreError},
};

/// Rows that are read at once.
const BATCH_ROWS: i64 = 4_096;

/// How closely stored objects are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Content {
    /// Every chunk is opened; SHA-256 and content root are recomputed.
    #[default]
    Full,
    /// The stored bytes are compared with their BLAKE3; damage is not located within them.
    Blake3Only,
    /// They are not read.
    Skip,
}

/// What is asked of an audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// How closely stored objects are looked at.
    pub content: Content,
    /// The content of the items up to this one was compared before, in the order of the log.
    pub after: Option<Id>,
}

/// The pieces of a room.
pub struct Parts<'a> {
    /// A connection to its register, outside any transaction or in one that is rolled back.
    pub connection: &'a mut Connection,
    /// Its store.
    pub store: &'a Store,
    /// Its keyring.
    pub keyring: &'a Keyring,
}

/// Why an audit could not be made, or not to its end. Damage is no error.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The root key can't be had.
    #[error(transparent)]
    Root(#[from] RootFileError),
    /// The register can't be read at all.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no room to audit.
    #[error("there is no room here; found one with `custos init`")]
    NoRoom,
    /// The audit itself stopped.
    #[error("the audit stopped before its end; nothing was changed")]
    Stopped,
}

/// Audits the room whose root key lies in `keys` and whose register is `database`, without
/// opening it.
///
/// # Errors
/// See [`AuditError`]; damage is in the report.
pub async fn audit(
    (keys, database): (&Path, &Location),
    store: Store,
    options: Options,
    mut progress: impl FnMut(Progress<'_>) + Send + 'static,
) -> Result<Report, AuditError> {
    let keyring = Keyring::new(RootFile::open(keys)?);
    let mut connection = pool::open_unchanged(database)?;
    let runtime = Handle::current();
    let run = move || {
        let parts = Parts {
            connection: &mut connection,
            store: &store,
            keyring: &keyring,
        };
        run(parts, &runtime, options, &mut progress)
    };
    tokio::task::spawn_blocking(run)
        .await
        .map_err(|_| AuditError::Stopped)?
}

/// The same with pieces that are at hand. Blocks: it is for a thread of its own, and reads
/// the store on `runtime`.
///
/// # Errors
/// See [`AuditError`]; damage is in the report.
pub fn run(
    parts: Parts<'_>,
    runtime: &Handle,
    options: Options,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Report, AuditError> {
    let Parts {
        connection,
        store,
        keyring,
    } = parts;
    let public = published::list(store, runtime)?;
    let schema = register::wanted(connection)?;
    let mut audit = Audit {
        keyring,
        store,
        runtime,
        progress,
        schema,
        report: Report::default(),
        room: Room::default(),
        scopes: HashMap::new(),
        entry_keys: HashMap::new(),
        written: HashMap::new(),
        unreadable: HashSet::new(),
        added: Vec::new(),
        compared: None,
    };
    let objects = dialect::snapshot(connection, |connection| audit.register(connection, public))??;
    // Stored bytes are read outside the moment, which would else be held for hours; and what is
    // not needed for them, keys above all, is not kept that long.
    audit.entry_keys = HashMap::new();
    audit.written = HashMap::new();
    audit.objects(connection, &objects, options)?;
    Ok(audit.report)
}

/// One audit under way.
struct Audit<'a> {
    keyring: &'a Keyring,
    store: &'a Store,
    runtime: &'a Handle,
    progress: &'a mut dyn FnMut(Progress<'_>),
    /// What the migrations make.
    schema: register::Objects,
    report: Report,
    room: Room,
    /// Keys of every scope that there is; none where they do not unwrap.
    scopes: HashMap<ScopeId, Option<Arc<ScopeKeys>>>,
    /// Keys of subjects' entries in a scope, as they were needed.
    entry_keys: HashMap<(ScopeId, Id), Zeroizing<[u8; 32]>>,
    /// What the entries, replayed in order, last said of each bound row.
    written: HashMap<(&'static str, Id), Written>,
    /// `C` of entries whose slot 31 can't be read: rows that name one are not judged.
    unreadable: HashSet<Hash>,
    /// The items that entries added.
    added: Vec<Added>,
    /// The item whose content was compared last.
    compared: Option<Id>,
}

/// What is known of the room before anything of it was checked.
#[derive(Default)]
struct Room {
    /// The head as it lies there.
    head: register::RawHead,
    /// The room's scope.
    id: Option<ScopeId>,
    /// The log's origin.
    origin: String,
    /// Verifies checkpoints, each by the keys of its size.
    log_keys: Option<LogKeys>,
    /// The key of bundles, as control entries name it.
    bundle_key: Option<VerifierKey>,
    /// Authenticates rows that live for hours.
    session: Option<SessionKey>,
    /// Size of the newest published checkpoint.
    published: u64,
}

/// What an entry said of a bound row.
struct Written {
    rev: u64,
    hash: Hash,
    c: Hash,
}

/// An item that an entry added.
struct Added {
    item: Id,
    scope: ScopeId,
    index: i64,
}

impl Audit<'_> {
    /// Everything that one moment of the register can answer; what remains is the objects.
    fn register(
        &mut self,
        connection: &mut Connection,
        public: published::Listed,
    ) -> Result<Vec<objects::ToRead>, AuditError> {
        self.phase(connection, Self::database)?;
        self.base(connection, &public)?;
        self.phase(connection, Self::keys)?;
        self.phase(connection, |audit, connection| {
            audit.log(connection, public)
        })?;
        self.phase(connection, Self::rows)?;
        let mut objects = Vec::new();
        self.phase(connection, |audit, connection| {
            objects = audit.items(connection)?;
            Ok(())
        })?;
        Ok(objects)
    }

    /// Runs one part; where the register does not answer, that is a finding, and the next
    /// part goes on.
    fn phase(
        &mut self,
        connection: &mut Connection,
        part: impl FnOnce(&mut Self, &mut Connection) -> Result<(), AuditError>,
    ) -> Result<(), AuditError> {
        match part(self, connection) {
            Err(AuditError::Db(error)) => {
                // What the database says of itself names tables and columns, no values.
                self.report.found(Place::Database, error.to_string());
                Ok(())
            }
            other => other,
        }
    }

    fn progress(&mut self, phase: Phase, done: u64, total: u64) {
        (self.progress)(Progress {
            phase,
            done,
            total,
            findings: self.report.total,
            found: &self.report.findings,
            item: self.compared,
        });
    }

    /// A tile or bundle; none where there is none. One that is larger than any that was ever
    /// put is given as empty, which no file of ours is.
    fn public(&self, path: &str) -> Result<Option<bytes::Bytes>, StoreError> {
        let Ok(path) = path.parse() else {
            return Ok(None);
        };
        match self.runtime.block_on(self.store.get_tile(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(StoreError::Length { .. }) => Ok(Some(bytes::Bytes::new())),
            Err(error) => Err(error),
        }
    }
}
