//! The folder of a backup while one is taken.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions, TryLockError},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use futures::TryStreamExt;

use super::{
    BackupError, Manifest, Mark, Part,
    bytes::{private, put, rename, sync_folder},
    manifest::{Line, STATE, parse_line},
};
use crate::store::Store;

/// Marks the folder; its lock keeps a second backup out.
const MARKER: &str = "custos-backup";
/// What stands in it.
const MARKER_TEXT: &str = "This folder holds a backup of a Custos room. It is complete if the file \
`manifest` is here.\nCheck it with `custos restore --check --from FOLDER`.\n";
pub(super) const MANIFEST: &str = "manifest";
const JOURNAL: &str = "journal";
/// The largest manifest in bytes: about seven million files.
const MAX_MANIFEST_BYTES: u64 = 1 << 30;

/// A folder that this process alone backs up to.
pub(super) struct Folder {
    pub(super) root: PathBuf,
    /// Objects and tiles in it.
    pub(super) store: Store,
    /// What is known to be whole in it: by its manifest, and by the journal of a backup that
    /// did not end.
    pub(super) known: BTreeMap<Part, Mark>,
    /// The backup that is complete in it.
    pub(super) before: Option<Manifest>,
    journal: File,
    /// Held until the end of the backup.
    _marker: File,
}

impl Folder {
    /// Opens `root`, which is made if it is missing, and keeps others out of it.
    pub(super) async fn open(root: &Path) -> Result<Self, BackupError> {
        let marker = mark(root)?;
        let before = match read(root) {
            Ok(manifest) => Some(manifest),
            Err(BackupError::Unfinished(_)) => None,
            Err(error) => return Err(error),
        };
        let store = Store::local(root)?;
        store.sweep_staging(Duration::ZERO).await?;
        let mut known = BTreeMap::new();
        if let Some(before) = &before {
            known.extend(before.files.iter().map(|(part, mark)| (*part, *mark)));
        }
        let path = root.join(JOURNAL);
        known.extend(journal(&path)?);
        known.retain(|part, _| !matches!(part, Part::State(_)));
        let journal = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .map_err(BackupError::at(&path))?;
        Ok(Self {
            root: root.into(),
            store,
            known,
            before,
            journal,
            _marker: marker,
        })
    }

    /// Notes that a part is whole and durable, for the case that this backup does not end.
    pub(super) fn copied(&mut self, part: Part, mark: Mark) -> Result<(), BackupError> {
        let line = Line("", part, mark).to_string();
        let written = self.journal.write_all(line.as_bytes());
        written.map_err(BackupError::at(&self.root.join(JOURNAL)))?;
        self.known.insert(part, mark);
        Ok(())
    }

    /// Makes an empty folder for what changes from backup to backup.
    pub(super) fn make_state(&self, name: &str) -> Result<PathBuf, BackupError> {
        let path = self.root.join(name);
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(BackupError::at(&path))?;
        Ok(path)
    }

    /// Completes the backup, then removes what it does not need any more. What could not be
    /// removed makes the backup no less complete, and is given back.
    pub(super) async fn complete(
        self,
        manifest: &Manifest,
    ) -> Result<Option<BackupError>, BackupError> {
        let draft = self.root.join("manifest.unfinished");
        put(&draft, manifest.to_text().as_bytes())?;
        // A crash before this leaves the earlier backup as it was, and what was copied for the
        // next one; after it, this backup and more than it needs, which the next one removes.
        rename(&draft, &self.root.join(MANIFEST))?;
        Ok(self.clear_up(manifest).await.err())
    }

    /// Removes the journal, then states, objects and tiles that the manifest does not name.
    async fn clear_up(&self, manifest: &Manifest) -> Result<(), BackupError> {
        let journal = self.root.join(JOURNAL);
        fs::remove_file(&journal).map_err(BackupError::at(&journal))?;
        self.remove_spare(manifest).await
    }

    /// Removes states, objects and tiles that the manifest does not name.
    async fn remove_spare(&self, manifest: &Manifest) -> Result<(), BackupError> {
        self.remove_other_states(&manifest.facts.state)?;
        let listed: Vec<_> = self.store.list_objects().try_collect().await?;
        for listed in listed {
            let part = Part::Object(listed.object);
            // What the room lost may be the last copy, though it is no whole one.
            let lost = manifest.facts.lost.contains(&part.path(""));
            if !lost && !manifest.files.contains_key(&part) {
                self.store.delete(listed.object).await?;
            }
        }
        let tiles: Vec<String> = self.store.list_public().try_collect().await?;
        let named: BTreeSet<String> = manifest
            .files
            .keys()
            .filter(|part| matches!(part, Part::Tile(_)))
            .map(|part| manifest.path(*part))
            .collect();
        for path in tiles.iter().map(|tile| format!("log/{tile}")) {
            if !named.contains(&path) && !manifest.facts.lost.contains(&path) {
                let path = self.root.join(path);
                fs::remove_file(&path).map_err(BackupError::at(&path))?;
            }
        }
        sync_folder(&self.root)
    }

    /// Removes all states but one; also those of backups that did not end.
    pub(super) fn remove_other_states(&self, keep: &str) -> Result<(), BackupError> {
        let entries = fs::read_dir(&self.root).map_err(BackupError::at(&self.root))?;
        for entry in entries {
            let entry = entry.map_err(BackupError::at(&self.root))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(STATE) && name != keep {
                fs::remove_dir_all(entry.path()).map_err(BackupError::at(&entry.path()))?;
            }
        }
        sync_folder(&self.root)
    }
}

/// The complete backup in a folder.
///
/// # Errors
/// [`BackupError::NoBackup`], [`BackupError::Unfinished`], [`BackupError::Manifest`].
pub(super) fn read(root: &Path) -> Result<Manifest, BackupError> {
    let path = root.join(MANIFEST);
    let bytes = match fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(if root.join(MARKER).is_file() {
                BackupError::Unfinished(root.into())
            } else {
                BackupError::NoBackup(root.into())
            });
        }
        found => found.map_err(BackupError::at(&path))?.len(),
    };
    let damaged = |what: String| BackupError::Manifest {
        path: path.clone(),
        what,
    };
    if bytes > MAX_MANIFEST_BYTES {
        return Err(damaged("it is larger than any that was written".into()));
    }
    let bytes = fs::read(&path).map_err(BackupError::at(&path))?;
    let text = String::from_utf8(bytes).map_err(|_| damaged("it is not UTF-8".into()))?;
    Manifest::parse(&text).map_err(damaged)
}

/// Marks the folder as a backup's and locks it.
fn mark(root: &Path) -> Result<File, BackupError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(root)
        .map_err(BackupError::at(root))?;
    let path = root.join(MARKER);
    if !path.is_file() && !is_empty(root)? {
        return Err(BackupError::Stranger(root.into()));
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(BackupError::at(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(BackupError::Busy(root.into())),
        Err(TryLockError::Error(error)) => return Err(BackupError::at(&path)(error)),
    }
    let written = file
        .write_all(MARKER_TEXT.as_bytes())
        .and_then(|()| file.sync_all());
    written.map_err(BackupError::at(&path))?;
    sync_folder(root)?;
    Ok(file)
}

/// Whether a folder holds nothing, but for what a fresh file system holds.
pub(super) fn is_empty(folder: &Path) -> Result<bool, BackupError> {
    let entries = fs::read_dir(folder).map_err(BackupError::at(folder))?;
    for entry in entries {
        let entry = entry.map_err(BackupError::at(folder))?;
        if entry.file_name() != "lost+found" {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether others than its owner may enter a folder.
pub(super) fn is_open(folder: &Path) -> bool {
    fs::metadata(folder).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}

/// What a backup that did not end had copied. A line that was cut, or that a lost power supply
/// left without its bytes, ends it: what follows is copied again.
fn journal(path: &Path) -> Result<BTreeMap<Part, Mark>, BackupError> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        read => read.map_err(BackupError::at(path))?,
    };
    let text = String::from_utf8_lossy(&bytes);
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let lines: Vec<_> = whole
        .lines()
        .map_while(|line| parse_line(line, ""))
        .collect();
    let known: BTreeMap<Part, Mark> = lines.iter().copied().collect();
    if known.is_empty() {
        private(path).map_err(BackupError::at(path))?;
    } else {
        let lines: String = lines
            .iter()
            .map(|(part, mark)| Line("", *part, *mark).to_string())
            .collect();
        put(path, lines.as_bytes())?;
    }
    Ok(known)
}
