//! Checkpoints that were found elsewhere: in a receipt, at a court, in somebody's files.
//!
//! Whoever has one compares it with the room beside which they sit, running or not. What
//! contradicts the room is left in its data folder; the room keeps it as evidence, tells of it, and
//! then removes the file. *A crash* in between leaves the file, and it is kept once all the same.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use custos_core::{checkpoint::MAX_CHECKPOINT_BYTES, hash::sha256};
use tracing::{error, warn};

use super::conflicts::{self, Shown, compare};
use crate::{
    app::{
        context::Room,
        error::Error,
        log_keys,
        open::Places,
        proofs::{Published, Tiles},
    },
    db::{
        DbError, copying, head, keys,
        witnesses::{ConflictRow, all_conflicts, cosigned},
    },
    keyring::{Keyring, RootFile, RootFileError},
    store::{Store, StoreError},
};

/// The folder of what was left for the room, in its data folder.
const FOLDER: &str = "shown-checkpoints";
/// What is taken up at once.
const MAX_AT_ONCE: usize = 64;
/// Who showed what lies there.
const SOURCE: &str = "operator";

/// Why a checkpoint can't be compared. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The root key can't be had.
    #[error(transparent)]
    Root(#[from] RootFileError),
    /// The register can't be read.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tiles can't be read, or do not fit each other.
    #[error("the published tiles can't be compared with it: {0}")]
    Tiles(Error),
    /// There is no room, or nothing of it is published.
    #[error("there is no room here of which anything is published")]
    NoRoom,
    /// What contradicts the room can't be left for it.
    #[error("it contradicts the room, and can't be left for it in the data folder: {0}")]
    NotLeft(io::Error),
}

/// Compares checkpoints with the newest of a room that may be at work, and leaves for it what
/// contradicts it.
///
/// # Errors
/// [`CompareError`].
pub async fn beside(
    places: &Places,
    data: &Path,
    notes: &[Vec<u8>],
) -> Result<Vec<Shown>, CompareError> {
    let mut connection = copying::open(&places.database)?;
    let keyring = Keyring::new(RootFile::open(&places.keys)?);
    let head = head::read(&mut connection)?.ok_or(CompareError::NoRoom)?;
    let room_keys = keys::room_keys(&mut connection, &keyring, head.room)?;
    let keys = log_keys::of_room(&mut connection, &head.origin, &room_keys.log)?;
    let newest = cosigned(&mut connection, head.published)?.ok_or(CompareError::NoRoom)?;
    let tiles = Arc::new(Tiles::of(Store::to_read(data)?));
    let mut all = Vec::new();
    for note in notes {
        let published = Published::at(newest.clone(), tiles.clone());
        let compared = compare(published, &keys, note).await;
        let (shown, _) = compared.map_err(CompareError::Tiles)?;
        // A key that was misused is told of by the room, too, and by its operator's own alarms.
        if matches!(shown, Shown::Conflict { .. } | Shown::Misused { .. }) {
            leave(data, note).map_err(CompareError::NotLeft)?;
        }
        all.push(shown);
    }
    Ok(all)
}

/// What contradicts a room, as evidence to hand out.
///
/// # Errors
/// The register can't be read.
pub fn kept(places: &Places) -> Result<Vec<ConflictRow>, CompareError> {
    Ok(all_conflicts(&mut copying::open(&places.database)?)?)
}

/// Leaves a note for the room; durable when this returns.
fn leave(data: &Path, note: &[u8]) -> io::Result<()> {
    let folder = data.join(FOLDER);
    fs::create_dir_all(&folder)?;
    let mut file = tempfile::NamedTempFile::new_in(&folder)?;
    file.write_all(note)?;
    file.as_file().sync_all()?;
    file.persist(folder.join(format!("{}.note", sha256(&[note]))))?;
    File::open(&folder)?.sync_all()?;
    File::open(data)?.sync_all()
}

/// Keeps what was left in the data folder, and removes it; says how much that was.
///
/// # Errors
/// The register can't be written; what is left stays.
pub async fn take_up(room: &Room, data: &Path) -> Result<usize, Error> {
    let mut count = 0;
    for path in left(&data.join(FOLDER)) {
        let Some(note) = read(&path) else { continue };
        conflicts::show(room, SOURCE, &note).await?;
        // A crash here leaves the file; the next start finds its note kept.
        if let Err(error) = fs::remove_file(&path) {
            warn!(%error, "a checkpoint that was shown can't be removed; it was looked at");
        }
        count += 1;
    }
    Ok(count)
}

fn left(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "note"))
        .take(MAX_AT_ONCE)
        .collect()
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let mut note = Vec::new();
    let most = MAX_CHECKPOINT_BYTES as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut note));
    match read {
        Ok(_) => Some(note),
        Err(error) => {
            error!(%error, "a checkpoint that was shown can't be read: give it to the room's own user");
            None
        }
    }
}
