//! What a backup and a restore refuse before they write anything.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::BackupError;

/// What SQLite leaves beside the register belongs to whoever opened it, and the room could not
/// open the files of another user. For the superuser SQLite gives them to the register's owner.
pub(super) fn refuse_other_user(database: &Path) -> Result<(), BackupError> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    refuse_owner_but_us(database)
}

/// Refuses what belongs to another user.
pub(super) fn refuse_owner_but_us(path: &Path) -> Result<(), BackupError> {
    let owner = fs::metadata(path).map_err(BackupError::at(path))?.uid();
    let user = rustix::process::geteuid().as_raw();
    if owner == user {
        return Ok(());
    }
    Err(BackupError::User {
        path: path.into(),
        owner,
        user,
    })
}

/// Refuses a backup within the room's folder, and the other way round.
pub(super) fn refuse_within(data: &Path, to: &Path) -> Result<(), BackupError> {
    let (data, to) = (resolved(data)?, resolved(to)?);
    if data.starts_with(&to) || to.starts_with(&data) {
        return Err(BackupError::Within(to));
    }
    Ok(())
}

/// A path without links, as far as it exists.
pub(super) fn resolved(path: &Path) -> Result<PathBuf, BackupError> {
    let full = std::path::absolute(path).map_err(BackupError::at(path))?;
    for existing in full.ancestors() {
        if let Ok(real) = fs::canonicalize(existing) {
            let rest = full.strip_prefix(existing).unwrap_or(Path::new(""));
            return Ok(real.join(rest));
        }
    }
    Ok(full)
}
