//! A new key of the log in the place of the present one.
//!
//! ```text
//! what is pending                   published under the old key     a crash here leaves the old key
//! control entry `keys`, new key     one transaction                 a crash here leaves both keys, and
//!                                                                   an entry that is not published
//! checkpoint of that entry          signed by both, the old first   a crash here leaves what publishing
//!                                                                   leaves anywhere
//! the old key                       destroyed                       a crash before it leaves a key that
//!                                                                   signs nothing any more
//! ```
//!
//! Behind the transaction nothing is special: whoever opens the room next, this command or `serve`,
//! finds two keys, publishes exactly the checkpoint that both sign, and destroys the old one. A
//! process that is still at work with the old key can publish nothing and stops.

use std::sync::Arc;

use custos_core::{
    checkpoint::{LogKeys, NoteSigner, VerifierKey},
    event::{Control, ControlKind},
    ids::{KeyId, LeafIndex},
    keys::Purpose,
};

use crate::{
    app::{
        context::Room,
        entering::Tx,
        error::Error,
        leading,
        writer::{Command, Stop},
    },
    db::{DbError, custody, keys},
    keyring::Wrapped,
};

/// Why a key is not rotated. The log goes on under the old one.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// Another process publishes this log.
    #[error(
        "another process serves this room; nothing was changed. Stop it, wait a quarter of a minute, and try again"
    )]
    Others,
    /// A key came out with the id of an older one.
    #[error("the new key has the id of an older one, which happens by chance; try again")]
    SameId,
    /// The log's own error.
    #[error(transparent)]
    Room(#[from] Error),
}

/// What was entered; nothing of it is published yet.
#[derive(Debug, Clone)]
pub struct Turned {
    /// The index of the control entry.
    pub index: LeafIndex,
    /// The new key.
    pub key: VerifierKey,
}

/// Enters a new key. The room that is given signs nothing any more: whoever opens it again
/// publishes the checkpoint that both keys sign.
///
/// # Errors
/// [`RotateError`].
pub async fn rotate(room: Room) -> Result<Turned, RotateError> {
    if !leading::keep(&room).await? {
        return Err(RotateError::Others);
    }
    // Ends a rotation that a crash left, too.
    room.publisher.publish_leading(room.lead.epoch()).await?;
    let before = room.publisher.signing_key();
    let ambient = &room.core.ambient;
    let (seed, wrapped) = room
        .core
        .keyring
        .make_under_root(ambient, Purpose::Log, room.id);
    let signer = NoteSigner::from_seed(&room.origin, &seed);
    let signer = signer.map_err(|_| Error::CustodyUnavailable(None))?;
    let key = signer.verifier_key().clone();
    if is_taken(&room.log_keys, &key) {
        return Err(RotateError::SameId);
    }
    let turn = Turn {
        before,
        epoch: room.lead.epoch(),
        wrapped,
        origin: room.origin.clone(),
        key: key.clone(),
    };
    // A crash before this leaves the old key alone, and a new one nowhere.
    let index = room.writer.submit(turn).await?.output;
    leading::give_up(&room, true).await?;
    Ok(Turned { index, key })
}

/// A note names its keys by their ids, so no two keys of a log may have one.
fn is_taken(keys: &LogKeys, key: &VerifierKey) -> bool {
    keys.all().iter().any(|known| known.key().id() == key.id())
}

struct Turn {
    before: KeyId,
    epoch: Option<i64>,
    wrapped: Wrapped,
    origin: Arc<str>,
    key: VerifierKey,
}

impl Command for Turn {
    type Output = LeafIndex;

    fn run(self, tx: &mut Tx<'_>) -> Result<LeafIndex, Stop> {
        leading::fence(tx, self.epoch)?;
        let room = tx.room();
        if keys::log_key(tx.connection, room)? != self.before {
            return Err(DbError::KeyRotated.into());
        }
        let newest = custody::controls(tx.connection)?.pop();
        let (_, newest) =
            newest.ok_or_else(|| DbError::damaged("entries", 0, "the first entry is missing"))?;
        let index = tx.enter_control(&Control {
            kind: ControlKind::Keys,
            origin: self.origin.to_string(),
            log_keys: vec![self.key.to_string()],
            bundle_keys: newest.bundle_keys,
            previous: None,
        })?;
        keys::rotate_log_key(tx.connection, room, &self.wrapped)?;
        // A crash behind the commit leaves both keys; the next start publishes with both.
        Ok(index)
    }
}
