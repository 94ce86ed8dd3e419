//! Restoring a backup into an empty folder, or checking it where it lies.
//!
//! ```text
//! restoring                   the mark, durable before anything else
//! objects, tiles              each compared with the manifest as it is copied
//! checkpoint, trust.policy, trust.json
//! restored.json               what was restored
//! register.db                 renamed into place, last: before it there is no room here
//! (the mark is removed)
//! ```
//!
//! *A crash* leaves the mark, and no room; the same command then begins again.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use custos_core::hash::sha256;
use futures::{StreamExt, stream};
use serde::Serialize;

use super::{
    BackupError, Facts, Kept, Manifest, Mark, Part, Phase, Progress, StateFile,
    bytes::{self, NotCopied, Target},
    folder,
    guards::{refuse_owner_but_us, resolved},
    state,
};
use crate::{
    ambient::Ambient,
    app::publisher::CHECKPOINT_PATH,
    db::copying::{self, Others},
    keyring::root_key_file,
    store::{Store, StoreError},
};

/// Files that are copied at a time.
const AT_ONCE: usize = 4;
/// The register while it is not in its place.
const REGISTER_DRAFT: &str = "register.restoring";

/// What is asked of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Check the backup where it lies; write nothing.
    Check,
    /// Restore it, if all of it is whole.
    Restore,
    /// Restore what is there, even if some of it is damaged; the register must be whole.
    EvenDamaged,
}

/// A file of the backup that is not what its manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Its path in the backup.
    pub path: String,
    /// What is wrong.
    pub what: String,
}

/// What became of the root key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RootKey {
    /// The backup has none.
    NotInBackup,
    /// It was put in the room's key folder.
    Restored,
    /// The room's key folder has one already, which was left as it is.
    LeftAsItIs,
    /// Nothing was restored.
    Untouched,
}

/// What was restored or checked.
#[derive(Debug, Clone, Serialize)]
pub struct Restored {
    /// What the backup says of itself.
    pub facts: Facts,
    /// Files in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is damaged in it.
    pub damaged: Vec<Damage>,
    /// Whether there is a room in the folder now.
    pub restored: bool,
    /// What became of the root key.
    pub root_key: RootKey,
}

/// Restores the backup in `from` into `data`, which is empty or missing; the root key, if it is
/// in the backup, into the folder `keys`.
///
/// # Errors
/// See [`BackupError`]. Damage is no error: it is in what is returned, and then nothing is in
/// place, unless that was wished.
pub async fn restore(
    from: &Path,
    (data, keys): (&Path, &Path),
    wish: Wish,
    ambient: &Ambient,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<Restored, BackupError> {
    let manifest = folder::read(from)?;
    if !copying::knows(&manifest.facts.schema)? {
        return Err(BackupError::Newer {
            program: manifest.facts.program,
            schema: manifest.facts.schema,
        });
    }
    let target = match wish {
        Wish::Check => None,
        _ => Some(prepare(from, data)?),
    };
    let mut work = Work {
        from,
        backup: Store::to_read(from)?,
        target,
        manifest: &manifest,
        even_damaged: wish == Wish::EvenDamaged,
        progress: &mut progress,
        read: 0,
        damaged: Vec::new(),
    };
    work.copy(Phase::Log, |part| matches!(part, Part::Tile(_)))
        .await?;
    work.copy(Phase::Objects, |part| matches!(part, Part::Object(_)))
        .await?;
    let usable = work.state_files()?;
    let damaged = work.damaged;
    let mut done = Restored {
        files: manifest.files.len() as u64,
        bytes: manifest.bytes(),
        restored: false,
        root_key: RootKey::Untouched,
        damaged,
        facts: manifest.facts.clone(),
    };
    if wish == Wish::Check {
        return Ok(done);
    }
    if !usable || !(done.damaged.is_empty() || wish == Wish::EvenDamaged) {
        clear(data)?;
        return Ok(done);
    }
    let whole = |file: StateFile| {
        let path = manifest.path(Part::State(file));
        manifest.files.contains_key(&Part::State(file))
            && !done.damaged.iter().any(|damage| damage.path == path)
    };
    let source = |file: StateFile| {
        let path = from.join(manifest.path(Part::State(file)));
        whole(file).then_some(path)
    };
    let root_key = root_key(source(StateFile::RootKey).as_deref(), keys)?;
    let kept = Kept {
        restored_at: ambient.now(),
        backup: manifest.facts.clone(),
    };
    let trust = [StateFile::Trust, StateFile::TrustSizes].map(|file| Some((file, source(file)?)));
    place(data, source(StateFile::Checkpoint), &trust, &kept).await?;
    done.root_key = root_key;
    done.restored = true;
    Ok(done)
}

struct Work<'a> {
    from: &'a Path,
    /// Objects and tiles of the backup.
    backup: Store,
    /// Those of the room; none when the backup is only checked.
    target: Option<(&'a Path, Store)>,
    manifest: &'a Manifest,
    even_damaged: bool,
    progress: &'a mut (dyn FnMut(Progress) + Send),
    read: u64,
    damaged: Vec<Damage>,
}

impl Work<'_> {
    async fn copy(
        &mut self,
        phase: Phase,
        which: impl Fn(&Part) -> bool,
    ) -> Result<(), BackupError> {
        let files = self.manifest.files.iter();
        let files: Vec<(Part, Mark)> = files
            .filter(|(part, _)| which(part))
            .map(|(part, mark)| (*part, *mark))
            .collect();
        let total = files.len() as u64;
        let (from, even_damaged) = (self.backup.clone(), self.even_damaged);
        let to = self.target.as_ref().map(|(_, store)| store.clone());
        let mut running = stream::iter(files)
            .map(move |(part, mark)| {
                let (from, to) = (from.clone(), to.clone());
                async move {
                    let found = copy_one(&from, to.as_ref(), (part, mark), even_damaged).await;
                    (part, mark, found)
                }
            })
            .buffer_unordered(AT_ONCE);
        let mut done = 0;
        while let Some((part, mark, found)) = running.next().await {
            if let Some(what) = compare(mark, found?) {
                let path = self.manifest.path(part);
                self.damaged.push(Damage { path, what });
            }
            done += 1;
            self.read += mark.bytes;
            (self.progress)(Progress {
                phase,
                done,
                total,
                bytes: self.read,
            });
        }
        self.damaged.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(())
    }

    /// Compares the small files and copies the register beside its place; says whether that is
    /// whole.
    fn state_files(&mut self) -> Result<bool, BackupError> {
        let mut usable = true;
        for (part, mark) in &self.manifest.files {
            let Part::State(file) = part else { continue };
            let path = self.manifest.path(*part);
            let copy = match (&self.target, file) {
                (Some((data, _)), StateFile::Register) => Some(data.join(REGISTER_DRAFT)),
                _ => None,
            };
            let found = match bytes::file(&self.from.join(&path), copy.as_deref()) {
                Ok(Some(found)) => Found::Mark(found),
                Ok(None) => Found::Missing,
                Err(BackupError::Io { path, source }) if path.starts_with(self.from) => {
                    Found::Unread(source.to_string())
                }
                Err(error) => return Err(error),
            };
            if let Some(what) = compare(*mark, found) {
                usable &= *file != StateFile::Register;
                self.damaged.push(Damage { path, what });
            }
        }
        Ok(usable)
    }
}

/// What was found in the place of a file.
enum Found {
    Mark(Mark),
    Missing,
    Unread(String),
}

/// What is wrong with it, if something is.
fn compare(wanted: Mark, found: Found) -> Option<String> {
    match found {
        Found::Mark(found) if found == wanted => None,
        Found::Mark(found) if found.bytes != wanted.bytes => Some(format!(
            "{} of {} bytes are there",
            found.bytes, wanted.bytes
        )),
        Found::Mark(_) => Some("its bytes were changed".into()),
        Found::Missing => Some("it is missing".into()),
        Found::Unread(why) => Some(format!("it can't be read: {why}")),
    }
}

async fn copy_one(
    from: &Store,
    to: Option<&Store>,
    (part, mark): (Part, Mark),
    even_damaged: bool,
) -> Result<Found, BackupError> {
    match part {
        Part::Object(object) => {
            let target = to.map(|store| Target {
                store,
                expected: Some(mark),
                even_damaged,
            });
            match bytes::object(from, object, target).await {
                Ok(found) => Ok(Found::Mark(found)),
                Err(NotCopied::Unread(error)) => Ok(unread(&error)),
                Err(NotCopied::Unwritten(error)) => Err(BackupError::Unwritten(error)),
            }
        }
        Part::Tile(tile) => {
            let path = tile.to_string();
            let bytes = match from.get_public(&path).await {
                Ok(bytes) => bytes,
                Err(error) => return Ok(unread(&error)),
            };
            let found = Mark {
                sha256: sha256(&[&bytes]),
                bytes: bytes.len() as u64,
            };
            if let Some(to) = to
                && (found == mark || even_damaged)
            {
                let put = to.put_public(&path, bytes).await;
                put.map_err(BackupError::Unwritten)?;
            }
            Ok(Found::Mark(found))
        }
        Part::State(_) => unreachable!("states are copied by themselves"),
    }
}

fn unread(error: &StoreError) -> Found {
    match error {
        StoreError::NotFound { .. } => Found::Missing,
        error => Found::Unread(
            std::error::Error::source(error)
                .map_or_else(|| error.to_string(), std::string::ToString::to_string),
        ),
    }
}

/// Marks the folder, which must be empty or marked by a restore that did not end.
fn prepare<'a>(from: &Path, data: &'a Path) -> Result<(&'a Path, Store), BackupError> {
    let (inside, outside) = (resolved(data)?, resolved(from)?);
    if inside.starts_with(&outside) || outside.starts_with(&inside) {
        return Err(BackupError::Within(outside));
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .map_err(BackupError::at(data))?;
    refuse_owner_but_us(data)?;
    if !state::is_unfinished(data) && !folder::is_empty(data)? {
        return Err(BackupError::NotEmpty(data.into()));
    }
    // The mark is renamed nowhere and removed last, so a register beside it is of a crash
    // between the two: the restore begins again and makes the same.
    state::begin(data)?;
    let private = fs::Permissions::from_mode(0o700);
    fs::set_permissions(data, private).map_err(BackupError::at(data))?;
    Ok((data, Store::local(data)?))
}

/// Takes away what a restore put into a folder that was empty before.
fn clear(data: &Path) -> Result<(), BackupError> {
    for name in ["objects", "log"] {
        let path = data.join(name);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(BackupError::at(&path)(error));
            }
            _ => {}
        }
    }
    // A restore that was cut at its very end left these, and only the mark kept the room closed.
    let files = [
        data.join(StateFile::Register.name()),
        data.join(REGISTER_DRAFT),
        data.join(StateFile::Trust.name()),
        data.join(StateFile::TrustSizes.name()),
        state::note(data),
    ];
    for path in files {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(BackupError::at(&path)(error));
            }
            _ => {}
        }
    }
    state::end(data)
}

/// Puts the root key in its place, unless there is one.
fn root_key(from: Option<&Path>, keys: &Path) -> Result<RootKey, BackupError> {
    let Some(from) = from else {
        return Ok(RootKey::NotInBackup);
    };
    let to = root_key_file(keys);
    if to.exists() {
        return Ok(RootKey::LeftAsItIs);
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(keys)
        .map_err(BackupError::at(keys))?;
    // A crash before the rename leaves a draft, which the next restore writes again.
    let draft = keys.join("root.key.restoring");
    bytes::file(from, Some(&draft))?;
    bytes::rename(&draft, &to)?;
    Ok(RootKey::Restored)
}

/// Makes a room of what was copied.
async fn place(
    data: &Path,
    checkpoint: Option<PathBuf>,
    trust: &[Option<(StateFile, PathBuf)>],
    kept: &Kept,
) -> Result<(), BackupError> {
    let draft = data.join(REGISTER_DRAFT);
    let mut register = copying::connect_to_read(&draft, Others::None)?;
    let faults = copying::faults(&mut register)?;
    if !faults.is_empty() {
        return Err(BackupError::Draft(faults));
    }
    drop(register);
    // Without its file the room would write the checkpoint again, from the register.
    if let Some(path) = checkpoint {
        let note = fs::read(&path).map_err(BackupError::at(&path))?;
        let store = Store::local(data)?;
        store.put_public(CHECKPOINT_PATH, note.into()).await?;
    }
    for (file, path) in trust.iter().flatten() {
        bytes::file(path, Some(&data.join(file.name())))?;
    }
    state::keep(data, kept)?;
    // A crash before this leaves no room; after it, one that the mark still keeps closed.
    bytes::rename(&draft, &data.join(StateFile::Register.name()))?;
    state::end(data)
}
