//! The keys of this room's log: each that ever signed it with its sizes, and those with which it
//! signs now (decision 23).
//!
//! Which key signs which size is read from the control entries, which are in the log itself: no
//! row beside them could say something else. Wrapped keys hold the present one and, until the
//! first checkpoint under it is given out, the one before it.
//!
//! | module | what it is |
//! |---|---|
//! | [`rotate`] | a new key in the place of the present one |
//! | [`files`] | what verifiers are given: a policy, and the sizes that each key signs |

pub mod files;
pub mod rotate;

use std::sync::{Arc, Mutex, PoisonError};

use custos_core::{
    checkpoint::{Checkpoint, LogKeys, NoteSigner, SignedCheckpoint, VerifierKey},
    hash::Hash,
    ids::KeyId,
    keys::SigningSeed,
};

use super::{
    entering::Tx,
    error::Error,
    publisher::Mismatch,
    writer::{Command, Stop},
};
use crate::{
    db::{Connection, DbError, custody, head::Head, keys},
    keyring::Keyring,
};

/// Every key of the log with its sizes, as its control entries name them.
///
/// # Errors
/// The entries can't be read, or do not say who signs.
pub fn read(connection: &mut Connection) -> Result<LogKeys, DbError> {
    let controls = custody::controls(connection)?;
    let controls = controls.iter().map(|(index, control)| (*index, control));
    LogKeys::named_by(controls).map_err(|_| {
        let what = "the control entries do not say who signs the log";
        DbError::damaged("entries", "?", what)
    })
}

/// The same, where the newest one is the key that the room has.
///
/// # Errors
/// As [`read`]; [`DbError::Damaged`] where the room has another key.
pub fn of_room(
    connection: &mut Connection,
    origin: &str,
    seed: &SigningSeed,
) -> Result<LogKeys, DbError> {
    let keys = read(connection)?;
    let signer = NoteSigner::from_seed(origin, seed.as_bytes()).ok();
    match signer {
        Some(signer) if signer.verifier_key() == keys.present() => Ok(keys),
        _ => {
            let what = "the key that the newest control entry names is not the room's";
            Err(DbError::damaged("entries", "?", what))
        }
    }
}

/// What signs checkpoints, and which of them.
pub struct Signers {
    keys: Arc<LogKeys>,
    /// The id of the present key's row: another one there means that it was rotated away.
    id: KeyId,
    present: NoteSigner,
    /// Signs the first checkpoint under the present key too. The lock is held for a signature.
    retiring: Mutex<Option<NoteSigner>>,
}

impl Signers {
    /// Those of a room whose head this is.
    ///
    /// # Errors
    /// The rows can't be read, do not unwrap, or do not fit each other.
    pub fn load(
        (connection, keyring): (&mut Connection, &Keyring),
        head: &Head,
        seed: &SigningSeed,
    ) -> Result<Self, Mismatch> {
        let keys = of_room(connection, &head.origin, seed)?;
        let id = keys::log_key(connection, head.room)?;
        let before = keys::retiring_log_key(connection, keyring, head.room)?;
        let signer = |seed: &SigningSeed| {
            NoteSigner::from_seed(&head.origin, seed.as_bytes())
                .map_err(|_| Mismatch::Disagree("the log's origin is not of its form".into()))
        };
        let retiring = before.as_ref().map(signer).transpose()?;
        let signers = Self {
            present: signer(seed)?,
            keys: Arc::new(keys),
            id,
            retiring: Mutex::new(retiring),
        };
        signers.check(head.published)?;
        Ok(signers)
    }

    /// Where two keys must sign the next checkpoint, both must be there.
    fn check(&self, published: u64) -> Result<(), Mismatch> {
        let Some(turn) = self.turn().filter(|turn| *turn > published) else {
            return Ok(());
        };
        let valid = self.keys.valid_for(turn);
        let has = |key: &VerifierKey| {
            let retiring = self.retiring();
            let retiring = retiring.as_ref().map(NoteSigner::verifier_key);
            key == self.present.verifier_key() || Some(key) == retiring
        };
        if valid.into_iter().all(has) {
            return Ok(());
        }
        Err(Mismatch::Disagree(format!(
            "the log's key was rotated, and the one before it, which must sign checkpoint {turn} too, is gone"
        )))
    }

    /// Every key of the log with its sizes.
    pub fn keys(&self) -> &Arc<LogKeys> {
        &self.keys
    }

    /// The id of the row of the key that signs now.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The first size under the present key, which the one before it signs too; none of a log
    /// whose key was never rotated.
    pub fn turn(&self) -> Option<u64> {
        self.keys.turns().next_back()
    }

    /// The size of the checkpoint that follows one of `published`: all there is, but never beyond
    /// the one that two keys sign.
    pub fn next(&self, published: u64, size: u64) -> u64 {
        match self.turn() {
            Some(turn) if published < turn => turn.min(size),
            _ => size,
        }
    }

    /// Signs a tree head by every key that is valid for its size, the older one first.
    ///
    /// # Errors
    /// The older one is gone, or the tree head is not of its form.
    pub fn sign(&self, origin: &str, size: u64, root: Hash) -> Result<Vec<u8>, Error> {
        let unavailable = |_| Error::CustodyUnavailable(None);
        let checkpoint = Checkpoint::new(origin, size, root).map_err(unavailable)?;
        let retiring = self.retiring();
        let before = (self.turn() == Some(size)).then(|| retiring.as_ref());
        let signers: Vec<&NoteSigner> = match before {
            None => vec![&self.present],
            Some(Some(before)) => vec![before, &self.present],
            Some(None) => return Err(Error::CustodyUnavailable(None)),
        };
        let signed = SignedCheckpoint::sign(checkpoint, &signers).map_err(unavailable)?;
        // Both ends of it: what is signed here is what a reader takes.
        self.keys.verify_all(&signed).map_err(unavailable)?;
        Ok(signed.as_bytes().to_vec())
    }

    /// Whether the key before the present one is still kept.
    pub fn has_retiring(&self) -> bool {
        self.retiring().is_some()
    }

    /// Forgets the key before the present one.
    pub(super) fn forget_retiring(&self) {
        *self.retiring() = None;
    }

    fn retiring(&self) -> std::sync::MutexGuard<'_, Option<NoteSigner>> {
        self.retiring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Destroys the key that was rotated away, behind the checkpoint that it had to sign.
pub(super) struct Destroy;

impl Command for Destroy {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        // A crash before the commit leaves the key, which signs nothing any more; the next start
        // destroys it.
        Ok(keys::destroy_retiring_log_key(tx.connection, tx.room())?)
    }
}
