//! Copying one object or tile into the backup.

use custos_core::hash::sha256;

use super::{
    BackupError,
    bytes::{self, NotCopied, Target},
    manifest::{Mark, Part},
};
use crate::store::{Store, StoreError};

/// What became of one part.
pub(super) enum Outcome {
    /// It was there and is as it was.
    There(Mark),
    /// It was copied; `mended` if an earlier copy was damaged.
    Copied { mark: Mark, mended: bool },
    /// The room's store does not give it.
    Unread(StoreError),
}

/// Copies one part, unless an earlier copy of it is there.
///
/// # Errors
/// The copy can't be written.
pub(super) async fn copy_one(
    from: &Store,
    to: &Store,
    part: Part,
    known: Option<Mark>,
    recheck: bool,
) -> Result<Outcome, BackupError> {
    if let Some(known) = known
        && is_there(to, part, known, recheck).await
    {
        return Ok(Outcome::There(known));
    }
    let mended = known.is_some();
    let mark = match part {
        Part::Object(object) => {
            // Nothing takes the place of a damaged copy but what was copied before: objects and
            // tiles never change, so other bytes are damage in the room.
            if let Some(known) = known {
                match bytes::object(from, object, None).await {
                    Ok(found) if found == known => {}
                    Ok(_) => return Ok(Outcome::Unread(changed(part))),
                    Err(NotCopied::Unread(error)) => return Ok(Outcome::Unread(error)),
                    Err(NotCopied::Unwritten(error)) => return Err(BackupError::Unwritten(error)),
                }
            }
            let target = Target {
                store: to,
                expected: known,
                even_damaged: false,
            };
            match bytes::object(from, object, Some(target)).await {
                Ok(mark) => mark,
                Err(NotCopied::Unread(error)) => return Ok(Outcome::Unread(error)),
                Err(NotCopied::Unwritten(error)) => return Err(BackupError::Unwritten(error)),
            }
        }
        Part::Tile(tile) => {
            let bytes = match from.get_tile(tile).await {
                Ok(bytes) => bytes,
                Err(error) => return Ok(Outcome::Unread(error)),
            };
            let mark = Mark {
                sha256: sha256(&[&bytes]),
                bytes: bytes.len() as u64,
            };
            if known.is_some_and(|known| known != mark) {
                return Ok(Outcome::Unread(changed(part)));
            }
            // A crash leaves it whole or not at all; what the journal does not name is copied again.
            let put = to.put_public(&tile.to_string(), bytes).await;
            put.map_err(BackupError::Unwritten)?;
            mark
        }
        Part::State(_) => unreachable!("states are written whole, not copied part by part"),
    };
    if known.is_some_and(|known| known != mark) {
        return Ok(Outcome::Unread(changed(part)));
    }
    Ok(Outcome::Copied { mark, mended })
}

/// The room gives other bytes than were backed up before.
fn changed(part: Part) -> StoreError {
    let told = format!("`{}` holds other bytes than were backed up", part.path(""));
    StoreError::Unavailable {
        source: told.into(),
    }
}

/// Whether an earlier copy is there; by its length, or, on a re-check, by all its bytes.
async fn is_there(to: &Store, part: Part, known: Mark, recheck: bool) -> bool {
    match part {
        Part::Object(object) if recheck => bytes::object(to, object, None)
            .await
            .is_ok_and(|found| found == known),
        Part::Object(object) => to.size(object).await.is_ok_and(|size| size == known.bytes),
        Part::Tile(tile) => to.get_public(&tile.to_string()).await.is_ok_and(|bytes| {
            bytes.len() as u64 == known.bytes && (!recheck || sha256(&[&bytes]) == known.sha256)
        }),
        Part::State(_) => false,
    }
}
