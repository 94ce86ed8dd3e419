//! What `object_store` leaves open when the store is a folder of this machine.
//!
//! With `with_fsync(true)` object_store 0.14 syncs the file before its rename and the
//! directory after it, and every directory that it creates up to the first that it found.
//! Two gaps remain, and both lose acknowledged bytes with the power:
//! - a directory that another thread, or a process that was killed, created a moment ago is
//!   found, so its own entry in *its* parent is taken for durable although nobody synced it.
//!   Hence all directories for objects are made and synced before the store opens, and each
//!   directory on the way to a public file is synced once by this process.
//! - a delete is not synced, so that a destroyed object can come back. Hence ours is.
//!
//! A crash leaves staged files, which the next start sweeps, and directories, which it finds.

use std::{
    collections::HashSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

/// Directories known to be durable that are remembered; beyond it all are synced again.
const MAX_REMEMBERED_DIRECTORIES: usize = 65_536;
/// By how much the time of a file that was just written may stand behind the clock.
const CLOCK_LAG: Duration = Duration::from_secs(1);
/// Directories below the root in which a staged file can lie.
const MAX_DEPTH: usize = 16;

/// The folder of a local store.
#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
    /// What was staged before belongs to a process that is gone.
    opened: SystemTime,
    /// Directories whose own entry this process has synced.
    durable: Mutex<HashSet<PathBuf>>,
}

impl Disk {
    /// Makes `root` and the directories `objects/00` to `objects/ff` in it, durably.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let root = fs::canonicalize(root)?;
        let objects = root.join(super::OBJECTS);
        for shard in 0..=u8::MAX {
            fs::create_dir_all(objects.join(format!("{shard:02x}")))?;
        }
        sync_directory(&objects)?;
        for directory in root.ancestors() {
            match sync_directory(directory) {
                // What this process may not even list, it has not just made.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => break,
                other => other?,
            }
        }
        Ok(Self {
            root,
            opened: SystemTime::now(),
            durable: Mutex::default(),
        })
    }

    /// The canonical root.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Syncs the entry of each directory from the root to the one that holds `file`, a path
    /// below the root. The file's own entry is synced by whoever made it.
    pub(super) fn make_way_durable(&self, file: &str) -> io::Result<()> {
        let full = self.root.join(file);
        let way = full
            .ancestors()
            .skip(1)
            .take_while(|directory| *directory != self.root);
        for directory in way {
            if self.remembered().contains(directory) {
                // Whoever remembered it had synced everything above it.
                break;
            }
            directory.parent().map_or(Ok(()), sync_directory)?;
        }
        let mut remembered = self.remembered();
        if remembered.len() > MAX_REMEMBERED_DIRECTORIES {
            remembered.clear();
        }
        remembered.extend(full.parent().map(Path::to_owned));
        Ok(())
    }

    /// Syncs the directory that held `file`, a path below the root, after its removal.
    pub(super) fn sync_holder(&self, file: &str) -> io::Result<()> {
        let full = self.root.join(file);
        full.parent().map_or(Ok(()), sync_directory)
    }

    /// Removes an empty folder below the root; one that is not there is gone already.
    pub(super) fn remove_empty(&self, folder: &str) -> io::Result<()> {
        match fs::remove_dir(self.root.join(folder)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes what [`is_staged`] names below the root and was staged before this store was
    /// opened, durably; gives the number of files. What this process stages meanwhile, a deposit
    /// or a tile, stays: without it its rename would fail.
    pub(super) fn sweep(&self, quiet: Duration) -> io::Result<u64> {
        let mut removed = 0;
        let mut open = vec![(self.root.clone(), 0)];
        while let Some((directory, depth)) = open.pop() {
            let before = removed;
            let entries = match fs::read_dir(&directory) {
                // What another user keeps there, like a disk's own `lost+found`, holds nothing
                // of ours.
                Err(error) if depth > 0 && error.kind() == io::ErrorKind::PermissionDenied => {
                    continue;
                }
                read => read?,
            };
            for entry in entries {
                let entry = entry?;
                // Links are not followed: nothing outside of the root is ever touched.
                let kind = entry.file_type()?;
                if kind.is_dir() && depth < MAX_DEPTH {
                    open.push((entry.path(), depth + 1));
                } else if kind.is_file()
                    && is_staged(&entry.file_name().to_string_lossy())
                    && self.is_left_over(&entry, quiet)?
                {
                    fs::remove_file(entry.path())?;
                    removed += 1;
                }
            }
            if removed > before {
                sync_directory(&directory)?;
            }
        }
        Ok(removed)
    }

    /// Whether nobody here wrote to the file, and nobody else for as long as `quiet`; also not,
    /// when it is gone meanwhile.
    fn is_left_over(&self, file: &fs::DirEntry, quiet: Duration) -> io::Result<bool> {
        match file.metadata().and_then(|found| found.modified()) {
            Ok(modified) => Ok(modified + CLOCK_LAG + quiet < self.opened),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes durable what a staged file has so far, so that less is left for its end.
    pub(super) fn flush_staged(&self, file: &str) -> io::Result<()> {
        // The first name that object_store tries; it is free, because ids are never used
        // twice. Where it cannot be opened, the end only takes longer.
        let staged = File::open(self.root.join(format!("{file}#1")));
        staged.map_or(Ok(()), |staged| staged.sync_data())
    }

    /// Removes the staged files of one file that will never be finished. Nothing else has
    /// its name, because ids are never used twice.
    pub(super) fn remove_staged(&self, file: &str) -> io::Result<()> {
        let full = self.root.join(file);
        let (Some(holder), Some(name)) = (full.parent(), full.file_name()) else {
            return Ok(());
        };
        let prefix = format!("{}#", name.to_string_lossy());
        for entry in fs::read_dir(holder)? {
            let entry = entry?;
            let found = entry.file_name();
            let found = found.to_string_lossy();
            if found.starts_with(&prefix) && is_staged(&found) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        // The set is whole after every step, so a panic elsewhere does not spoil it.
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a file of this name is one that `object_store` has begun and not yet renamed:
/// `NAME#1`, `NAME#2`, ... No object and no public file has a `#` in its name.
fn is_staged(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, number)| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
