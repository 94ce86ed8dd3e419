//! What a restore leaves in the room's folder: a mark while it runs, and what was restored.

use std::{
    fs,
    path::{Path, PathBuf},
};

use custos_core::ids::Timestamp;
use serde::{Deserialize, Serialize};

use super::{BackupError, Facts, bytes};

/// Marks a folder into which a restore is under way.
const RESTORING: &str = "restoring";
const RESTORING_TEXT: &str = "A restore into this folder was begun and not finished. Run `custos \
restore` to the same folder again.\n";
/// What was restored, until the operator removes it.
const RESTORED: &str = "restored.json";

/// What a restored room was restored from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kept {
    /// When it was restored.
    pub restored_at: Timestamp,
    /// What the backup said of itself.
    pub backup: Facts,
}

/// What the room in `data` was restored from; `None` once its operator has removed the note, or
/// where nothing was restored.
///
/// # Errors
/// The note can't be read.
pub fn kept(data: &Path) -> Result<Option<Kept>, BackupError> {
    let path = note(data);
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(BackupError::at(&path))?,
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| BackupError::at(&path)(error.into()))
}

/// The note's file.
pub fn note(data: &Path) -> PathBuf {
    data.join(RESTORED)
}

/// Refuses a folder into which a restore was begun and not finished.
///
/// # Errors
/// [`BackupError::HalfRestored`].
pub fn refuse_unfinished(data: &Path) -> Result<(), BackupError> {
    if is_unfinished(data) {
        return Err(BackupError::HalfRestored(data.into()));
    }
    Ok(())
}

pub(super) fn is_unfinished(data: &Path) -> bool {
    data.join(RESTORING).is_file()
}

/// Marks the folder before anything else is written into it.
pub(super) fn begin(data: &Path) -> Result<(), BackupError> {
    bytes::put(&data.join(RESTORING), RESTORING_TEXT.as_bytes())?;
    bytes::sync_folder(data)
}

/// Keeps what was restored.
pub(super) fn keep(data: &Path, kept: &Kept) -> Result<(), BackupError> {
    let text = serde_json::to_vec_pretty(kept).expect("facts are JSON");
    bytes::put(&note(data), &text)
}

/// Takes the mark away, when everything is in its place.
pub(super) fn end(data: &Path) -> Result<(), BackupError> {
    let path = data.join(RESTORING);
    fs::remove_file(&path).map_err(BackupError::at(&path))?;
    bytes::sync_folder(data)
}
