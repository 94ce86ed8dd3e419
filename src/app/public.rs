//! What anyone may read: the published custody log, and nothing beyond its newest checkpoint.

use bytes::Bytes;
use custos_core::{
    checkpoint::{Checkpoint, SignedCheckpoint},
    tile::{FULL_WIDTH, Level, TilePath},
};

use super::{context::Room, error::Error, witnesses};
use crate::{db::DbError, store::StoreError};

/// Where the newest checkpoint is published.
const CHECKPOINT: &str = "checkpoint";

/// The newest published checkpoint, a signed note.
///
/// # Errors
/// [`Error::NotFound`] before the first one; the store does not answer, or holds something else.
pub async fn checkpoint(room: &Room) -> Result<Bytes, Error> {
    let (note, size) = newest(room).await?;
    if room.behind.is_some() {
        // The register does not know what was published last; its file is signed all the same.
        return Ok(note);
    }
    // Its file is replaced a moment before what it covers is given out; whoever reads it in that
    // moment waits for the end of it.
    room.covered(size.saturating_sub(1)).await?;
    let cosigned = witnesses::cosigned(room, size).await?;
    Ok(cosigned.as_bytes().to_vec().into())
}

/// The published file, and its size: signed by the room, whatever the register knows.
async fn newest(room: &Room) -> Result<(Bytes, u64), Error> {
    let note = found(room.store.get_public(CHECKPOINT).await)?;
    let odd = || DbError::damaged("public files", CHECKPOINT, "it is not signed by the room");
    let signed = SignedCheckpoint::parse(&note).map_err(|_| odd())?;
    let size = match room.log_keys.verify(&signed).map(Checkpoint::size) {
        Ok(size) => size,
        // A register from before a rotation does not know the key; whoever reads the note does.
        Err(_) if room.behind.is_some() && signed.checkpoint().origin() == &*room.origin => {
            signed.checkpoint().size()
        }
        Err(_) => return Err(odd().into()),
    };
    Ok((note, size))
}

/// A published tile or entry bundle.
///
/// # Errors
/// [`Error::NotFound`] for one that no published checkpoint covers; the store does not answer.
pub async fn tile(room: &Room, path: TilePath) -> Result<Bytes, Error> {
    let published = *room.published.borrow();
    let size = match &room.behind {
        None => published,
        Some(_) => newest(room).await?.1,
    };
    if !is_covered(path, size) {
        return Err(Error::NotFound);
    }
    found(room.store.get_tile(path).await)
}

fn found(file: Result<Bytes, StoreError>) -> Result<Bytes, Error> {
    match file {
        Ok(bytes) => Ok(bytes),
        Err(StoreError::NotFound { .. }) => Err(Error::NotFound),
        Err(error) => Err(error.into()),
    }
}

/// Whether a tree of `size` leaves has all hashes or entries of the tile. Tiles are stored
/// before the checkpoint that covers them is.
fn is_covered(path: TilePath, size: u64) -> bool {
    let shift = match path.level() {
        Level::Entries => 0,
        Level::Hashes(level) => 8 * u32::from(level),
    };
    let held = size.checked_shr(shift).unwrap_or(0);
    let end = path
        .index()
        .checked_mul(u64::from(FULL_WIDTH))
        .and_then(|start| start.checked_add(u64::from(path.width())));
    end.is_some_and(|end| end <= held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_beyond_the_checkpoint_is_covered() {
        let covered = |path: &str, size| is_covered(path.parse().expect("a path"), size);
        assert!(covered("tile/0/000.p/5", 5));
        assert!(!covered("tile/0/000.p/6", 5));
        assert!(!covered("tile/0/000", 255));
        assert!(covered("tile/0/000", 256));
        assert!(covered("tile/entries/001.p/1", 257));
        assert!(!covered("tile/entries/001.p/1", 256));
        assert!(covered("tile/1/000.p/1", 511));
        assert!(!covered("tile/1/000.p/2", 511));
        assert!(!covered("tile/63/000.p/1", u64::MAX >> 11));
    }
}
