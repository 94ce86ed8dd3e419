//! One room, open: what every floor above works with.

use std::{sync::Arc, time::Duration};

use custos_core::checkpoint::{LogKeys, NoteSigner, VerifierKey};
use tokio::sync::{Notify, Semaphore, watch};

use super::{
    auditing::Auditing, behind::Behind, error::Error, index::Indexes, leading::Lead,
    notices::Outlets, proofs::Tiles, publisher::Publisher, reserve::Reserve, sessions::Entrance,
    timestamps::Authorities, views::Deliveries, witnesses::Witnesses, writer::Writer,
};
use crate::{
    ambient::Ambient,
    db::{Connection, Pool},
    keyring::{Keyring, RoomKeys},
    policy::Engine,
    store::Store,
};

/// What commands work with besides the transaction.
pub struct Core {
    /// The room's keys.
    pub keyring: Keyring,
    /// Keys of the room itself.
    pub keys: RoomKeys,
    /// The policy set in force.
    pub engine: Arc<Engine>,
    /// Time and randomness.
    pub ambient: Ambient,
    /// Where notices go besides the room.
    pub outlets: Outlets,
    /// Space for the log on a disk that is full.
    pub reserve: Reserve,
}

/// An open room. Cheap to clone.
#[derive(Clone)]
pub struct Room {
    /// Readers of the register.
    pub pool: Pool,
    /// Encrypted objects and public tiles.
    pub store: Store,
    /// Keys, policy, time and randomness.
    pub core: Arc<Core>,
    /// The one writer.
    pub writer: Writer,
    /// The room, by its scope.
    pub id: custos_core::ids::ScopeId,
    /// The log's origin, `room.example/log`.
    pub origin: Arc<str>,
    /// Verifies the checkpoints that are signed now.
    pub log_key: Arc<VerifierKey>,
    /// Every key that ever signed the log, with its sizes; verifies all checkpoints.
    pub log_keys: Arc<LogKeys>,
    /// Signs bundles.
    pub bundle_signer: Arc<NoteSigner>,
    /// Size of the newest published checkpoint.
    pub published: watch::Receiver<u64>,
    /// What views have delivered.
    pub deliveries: Arc<Deliveries>,
    /// What is searched and sorted of cases, in memory alone.
    pub indexes: Arc<Indexes>,
    /// Those who are not signed in yet: their attempts and their passwords.
    pub entrance: Arc<Entrance>,
    /// Whether this process does what one of several is enough for.
    pub lead: Arc<Lead>,
    /// Publishes what was committed.
    pub publisher: Arc<Publisher>,
    /// The published tiles, from which proofs are made.
    pub tiles: Arc<Tiles>,
    /// Who confirms what was published.
    pub witnesses: Arc<Witnesses>,
    /// Who says when it was.
    pub authorities: Arc<Authorities>,
    /// The round in which this process audits the room, if it does.
    pub auditing: Arc<Auditing>,
    /// Places for bundles that are being written: each holds a thread while it is sent.
    pub sending: Arc<Semaphore>,
    /// Told when the process must stop; the job that publishes listens.
    pub fatal: Arc<Notify>,
    /// Set where the register is not what was published last: then nothing is entered, and the
    /// public log alone is given out.
    pub behind: Option<Arc<Behind>>,
}

/// Bundles that are sent at a time.
pub(super) const BUNDLES_AT_ONCE: usize = 32;
/// How long somebody waits for a checkpoint; usually it comes within a second.
const PUBLICATION_WAIT: Duration = Duration::from_secs(30);

impl Room {
    /// Runs `read` on a reader's connection, off the threads that serve requests.
    ///
    /// # Errors
    /// Those of `read`; [`Error::CustodyUnavailable`] when no connection becomes free.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let pool = self.pool.clone();
        tokio::task::spawn_blocking(move || read(&mut *pool.get()?))
            .await
            .map_err(|_| Error::CustodyUnavailable(None))?
    }

    /// Waits until a checkpoint covers the entry at `index`, and returns its size.
    ///
    /// # Errors
    /// The publisher has stopped, or publishes nothing for half a minute.
    pub async fn covered(&self, index: u64) -> Result<u64, Error> {
        let mut published = self.published.clone();
        let covered = published.wait_for(|size| *size > index);
        match tokio::time::timeout(PUBLICATION_WAIT, covered).await {
            Ok(Ok(size)) => Ok(*size),
            Ok(Err(_)) | Err(_) => Err(Error::CustodyUnavailable(None)),
        }
    }

    /// Gives the reserve to the log where an error says that the disk is full. Hands it on.
    pub async fn spend_if_full(&self, error: Error) -> Error {
        if matches!(error, Error::Full) {
            let core = self.core.clone();
            let spent = tokio::task::spawn_blocking(move || core.reserve.spend());
            // It panics nowhere; where the runtime ends, the next start looks.
            drop(spent.await);
        }
        error
    }

    /// Stops the room when the store can't say what is durable, or its key was rotated away:
    /// nobody may go on from there but start-up. Hands the error on.
    pub fn stop_if_fatal(&self, error: Error) -> Error {
        if error.is_fatal() {
            let alarm = match error {
                Error::CustodyUnavailable(_) => "log_key_rotated",
                _ => "store_not_durable",
            };
            tracing::error!(alarm, cause = ?error, "the room stops");
            self.fatal.notify_one();
        }
        error
    }
}
