//! Why there is no backup, or nothing restored.

use std::{
    io,
    path::{Path, PathBuf},
};

use custos_core::ids::ScopeId;

use crate::{db::DbError, store::StoreError};

/// Why a backup was not taken or not restored. Each text says what is safe.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The register can't be read.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The register can't be copied.
    #[error(
        "the register can't be copied to the backup: {0}; what stood there before is as it was"
    )]
    Copy(DbError),
    /// The register is not whole.
    #[error(
        "the register is damaged: {}; nothing was kept of this backup, earlier ones are untouched. Run `custos audit`", .0.join("; ")
    )]
    Register(Vec<String>),
    /// The register in the backup is not whole.
    #[error(
        "the register in the backup is damaged: {}; no room was made of it, and the folder stays marked as unfinished. Restore another backup into another folder", .0.join("; ")
    )]
    Draft(Vec<String>),
    /// A folder of the store can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A copy can't be written.
    #[error(
        "a copy can't be written; what stood there before is as it was. Look at the disk that is copied to, then run the same command again"
    )]
    Unwritten(#[source] StoreError),
    /// The file system refuses.
    #[error("`{path}` can't be used: {source}; nothing that stood there before was changed")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is nothing to back up.
    #[error("there is no room here; nothing was copied")]
    NoRoom,
    /// Files made now would belong to another user than the room's.
    #[error(
        "`{path}` belongs to user {owner}, and this runs as user {user}; run it as the room's own user, who could not open what this makes. Nothing was written"
    )]
    User {
        /// What belongs to the room's user.
        path: PathBuf,
        /// Who that is.
        owner: u32,
        /// Who runs this.
        user: u32,
    },
    /// One folder lies in the other.
    #[error(
        "the backup may not lie in the room's own folder, nor the room in the backup's: `{0}`; nothing was written"
    )]
    Within(PathBuf),
    /// Something else lies there.
    #[error("`{0}` holds something that is no backup; nothing was written")]
    Stranger(PathBuf),
    /// Another backup to the same folder is under way.
    #[error("another backup to `{0}` is under way; nothing was written")]
    Busy(PathBuf),
    /// The folder holds a backup of another room.
    #[error("`{folder}` holds a backup of another room ({room}); nothing was changed there")]
    OtherRoom {
        /// The backup's folder.
        folder: PathBuf,
        /// The other room.
        room: ScopeId,
    },
    /// The room is behind its own backup.
    #[error(
        "the backup in `{folder}` is newer than this room: it holds {there} entries, the room {here}. The room went back; find out why. Nothing was changed in the backup"
    )]
    WentBack {
        /// The backup's folder.
        folder: PathBuf,
        /// Entries in the backup.
        there: u64,
        /// Entries in the room.
        here: u64,
    },
    /// The room's log is not the one that was backed up.
    #[error(
        "the log in the backup `{folder}` and the room's log are not the same one: they have different checkpoints of size {size}. Nothing was changed in the backup; keep both and ask an auditor"
    )]
    Forked {
        /// The backup's folder.
        folder: PathBuf,
        /// The size.
        size: u64,
    },
    /// Objects vanish faster than they can be copied.
    #[error(
        "objects vanish from the store while they are copied; nothing was kept of this backup's register, try again later"
    )]
    Unsteady,
    /// There is no backup.
    #[error("`{0}` holds no backup; nothing was written")]
    NoBackup(PathBuf),
    /// The backup was never finished.
    #[error(
        "the backup in `{0}` was never finished: it has no manifest. Nothing was restored; run `custos backup` to the same folder again, or restore another one"
    )]
    Unfinished(PathBuf),
    /// The manifest is not of its form.
    #[error(
        "`{path}` is damaged: {what}. Nothing was changed. To back up, take another folder; to restore, another backup"
    )]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The backup is of a newer program.
    #[error(
        "the backup was made by version {program} with schema `{schema}`, which this version does not know; nothing was restored. Restore it with that version or a newer one"
    )]
    Newer {
        /// The program's version.
        program: String,
        /// The schema.
        schema: String,
    },
    /// Something is there already.
    #[error("`{0}` is not empty; nothing was written. Restore into an empty folder")]
    NotEmpty(PathBuf),
    /// A restore was begun and not finished.
    #[error(
        "a restore into `{0}` was begun and not finished; no room there opens before it is, and the backup is untouched; run `custos restore` to the same folder again"
    )]
    HalfRestored(PathBuf),
    /// The work itself stopped.
    #[error("the work stopped before its end; an earlier backup is as it was, run it again")]
    Stopped,
}

impl BackupError {
    /// The error of a file or folder.
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}
