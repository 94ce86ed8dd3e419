//! Taking a backup of a room that may be at work.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use custos_core::{
    hash::sha256,
    ids::ObjectId,
    tile::{TilePath, tiles_between},
};
use futures::{StreamExt, stream};
use serde::Serialize;

use super::{
    BackupError, Facts, Manifest, Mark, Part, Phase, Progress, StateFile, bytes,
    copy::{Outcome, copy_one},
    folder::{Folder, is_open},
    guards::{refuse_other_user, refuse_within},
    manifest::STATE,
};
use crate::{
    ambient::Ambient,
    db::{
        DbError, Location,
        copying::{self, Others, Standing},
        evidence,
    },
    keyring::{root_key_file, same_disk},
    store::Store,
};

/// Files that are copied at a time; the room needs the disk too.
const AT_ONCE: usize = 4;
/// Copies of the register that are made before objects that vanish end the backup.
const MAX_ATTEMPTS: usize = 3;
/// The files by which its own log is trusted, of which a founded room has the first.
const TRUST: [StateFile; 2] = [StateFile::Trust, StateFile::TrustSizes];

/// Where the room lies.
#[derive(Debug, Clone)]
pub struct Source {
    /// Folder of objects and tiles.
    pub data: PathBuf,
    /// Where the register lies.
    pub database: Location,
    /// Folder of the root key file.
    pub keys: PathBuf,
}

/// What is asked of a backup.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Copy the root key, too.
    pub with_keys: bool,
    /// Read what earlier backups copied, and copy again what was damaged since.
    pub recheck: bool,
}

/// A backup that is complete.
#[derive(Debug, Clone, Serialize)]
pub struct Taken {
    /// What it says of itself.
    pub facts: Facts,
    /// Files in it.
    pub files: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Files that were copied for it; the others were there.
    pub copied: u64,
    /// Bytes of those.
    pub copied_bytes: u64,
    /// Files of earlier backups that were damaged and are whole again.
    pub mended: u64,
    /// What its operator should know.
    pub warnings: Vec<String>,
}

/// Backs the room up into the folder `to`. The room may be at work; nothing waits for this.
///
/// # Errors
/// See [`BackupError`]. An earlier backup in the folder is then as good as it was.
pub async fn take(
    source: &Source,
    to: &Path,
    options: Options,
    ambient: &Ambient,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<Taken, BackupError> {
    let Location::File(database) = &source.database else {
        return Err(DbError::NoFile.into());
    };
    if !database.is_file() {
        return Err(BackupError::NoRoom);
    }
    refuse_other_user(database)?;
    refuse_within(&source.data, to)?;
    let mut work = Work {
        source,
        options,
        ambient,
        store: Store::to_read(&source.data)?,
        folder: Folder::open(to).await?,
        progress: &mut progress,
        files: BTreeMap::new(),
        counts: Counts::default(),
    };
    // States of backups that did not end.
    let before = work.folder.before.as_ref();
    let keep = before.map_or(String::new(), |before| before.facts.state.clone());
    work.folder.remove_other_states(&keep)?;
    for _ in 0..MAX_ATTEMPTS {
        if let Some(facts) = work.attempt().await? {
            return work.complete(facts).await;
        }
        work.folder.remove_other_states(&keep)?;
    }
    Err(BackupError::Unsteady)
}

/// One backup under way.
struct Work<'a> {
    source: &'a Source,
    options: Options,
    ambient: &'a Ambient,
    store: Store,
    folder: Folder,
    progress: &'a mut (dyn FnMut(Progress) + Send),
    /// What the backup holds so far.
    files: BTreeMap<Part, Mark>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    copied: u64,
    copied_bytes: u64,
    mended: u64,
    read: u64,
}

impl Work<'_> {
    /// Copies the register and what it names. `None` when something vanished that the register
    /// does not name any more, so that this copy of the register is of no use.
    async fn attempt(&mut self) -> Result<Option<Facts>, BackupError> {
        self.files.clear();
        self.tell(Phase::Register, 0, 1);
        let (mut facts, note, wanted) = self.register().await?;
        self.tell(Phase::Register, 1, 1);
        let mut gone = Vec::new();
        self.copy(Phase::Log, wanted.tiles, &mut gone).await?;
        self.copy(Phase::Objects, wanted.objects, &mut gone).await?;
        if self.vanished(&gone)? {
            return Ok(None);
        }
        let state = self.folder.root.join(&facts.state);
        self.state_files(&state, note.as_deref())?;
        facts.lost = gone.iter().map(|part| part.path("")).collect();
        Ok(Some(facts))
    }

    /// Copies one moment of the register into a state of its own.
    async fn register(&mut self) -> Result<(Facts, Option<Vec<u8>>, Wanted), BackupError> {
        let taken_at = self.ambient.now();
        let database = self.source.database.clone();
        let draft = self.folder.root.join("register.unfinished");
        drop(bytes::private(&draft).map_err(BackupError::at(&draft))?);
        let copy = draft.clone();
        let read = tokio::task::spawn_blocking(move || {
            let mut live = copying::open(&database)?;
            let schema = copying::schema(&mut live)?;
            copying::copy_into(&mut live, &copy).map_err(BackupError::Copy)?;
            drop(live);
            let mut copied = copying::connect_to_read(&copy, Others::None)?;
            let faults = copying::faults(&mut copied)?;
            if !faults.is_empty() {
                return Err(BackupError::Register(faults));
            }
            let standing = copying::standing(&mut copied)?.ok_or(BackupError::NoRoom)?;
            let wanted = Wanted {
                tiles: tiles(&copying::published_sizes(&mut copied)?),
                objects: copying::objects(&mut copied)?
                    .into_iter()
                    .map(Part::Object)
                    .collect(),
            };
            // A crash up to here leaves a draft of the register, which the next backup replaces.
            let sync = fs::File::open(&copy).and_then(|copy| copy.sync_all());
            sync.map_err(BackupError::at(&copy))?;
            Ok((schema, standing, wanted))
        });
        let read = read.await.map_err(|_| BackupError::Stopped)?;
        let (schema, standing, wanted) = match read {
            Ok(read) => read,
            Err(error) => {
                // A copy of the register that nobody asks for any more; the first error counts.
                drop(fs::remove_file(&draft));
                return Err(error);
            }
        };
        if let Err(unfit) = self.refuse_unfit(&standing) {
            fs::remove_file(&draft).map_err(BackupError::at(&draft))?;
            return Err(unfit);
        }
        let facts = facts(&standing, schema, taken_at);
        let state = self.folder.make_state(&facts.state)?;
        let register = state.join(StateFile::Register.name());
        bytes::rename(&draft, &register)?;
        let mark = bytes::file(&register, None)?.ok_or(BackupError::Stopped)?;
        self.files.insert(Part::State(StateFile::Register), mark);
        self.counted(mark);
        Ok((facts, standing.note, wanted))
    }

    /// Refuses a room that is not the one, or not the continuation of the one, that was backed
    /// up here before.
    fn refuse_unfit(&self, now: &Standing) -> Result<(), BackupError> {
        let Some(before) = &self.folder.before else {
            return Ok(());
        };
        let (folder, facts) = (self.folder.root.clone(), &before.facts);
        if facts.room != now.head.room {
            let room = facts.room;
            return Err(BackupError::OtherRoom { folder, room });
        }
        let (there, here) = (facts.size, now.head.size());
        if there > here || facts.published > now.head.published {
            return Err(BackupError::WentBack {
                folder,
                there,
                here,
            });
        }
        let mut live = copying::open(&self.source.database)?;
        let note = copying::note(&mut live, facts.published)?;
        let kept = before.files.get(&Part::State(StateFile::Checkpoint));
        let same = kept.is_none_or(|kept| note.is_some_and(|note| sha256(&[&note]) == kept.sha256));
        if !same {
            let size = facts.published;
            return Err(BackupError::Forked { folder, size });
        }
        Ok(())
    }

    /// Copies parts that are not there yet; what the store does not give is added to `gone`.
    async fn copy(
        &mut self,
        phase: Phase,
        parts: Vec<Part>,
        gone: &mut Vec<Part>,
    ) -> Result<(), BackupError> {
        let total = parts.len() as u64;
        self.tell(phase, 0, total);
        let (from, to) = (self.store.clone(), self.folder.store.clone());
        let recheck = self.options.recheck;
        let known = |part: &Part| self.folder.known.get(part).copied();
        let parts: Vec<_> = parts.into_iter().map(|part| (part, known(&part))).collect();
        let mut running = stream::iter(parts)
            .map(move |(part, known)| {
                let (from, to) = (from.clone(), to.clone());
                async move { (part, copy_one(&from, &to, part, known, recheck).await) }
            })
            .buffer_unordered(AT_ONCE);
        let mut done = 0;
        while let Some((part, outcome)) = running.next().await {
            match outcome? {
                Outcome::There(mark) => {
                    self.files.insert(part, mark);
                }
                Outcome::Copied { mark, mended } => {
                    self.folder.copied(part, mark)?;
                    self.files.insert(part, mark);
                    self.counted(mark);
                    self.counts.mended += u64::from(mended);
                }
                Outcome::Unread(error) => {
                    tracing::warn!(cause = ?error, "a file of the room can't be read: {error}");
                    gone.push(part);
                }
            }
            done += 1;
            self.tell(phase, done, total);
        }
        gone.sort_unstable();
        Ok(())
    }

    /// Whether the register, as it is now, does not name one of these objects any more.
    fn vanished(&self, gone: &[Part]) -> Result<bool, BackupError> {
        let objects = gone.iter().filter_map(|part| match part {
            Part::Object(object) => Some(*object),
            _ => None,
        });
        let objects: Vec<ObjectId> = objects.collect();
        if objects.is_empty() {
            return Ok(false);
        }
        let mut live = copying::open(&self.source.database)?;
        for object in objects {
            if !evidence::names_object(&mut live, object)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Adds what is small and belongs to this state.
    fn state_files(&mut self, state: &Path, note: Option<&[u8]>) -> Result<(), BackupError> {
        if let Some(note) = note {
            bytes::put(&state.join(StateFile::Checkpoint.name()), note)?;
            let mark = Mark {
                sha256: sha256(&[note]),
                bytes: note.len() as u64,
            };
            self.files.insert(Part::State(StateFile::Checkpoint), mark);
        }
        let data = &self.source.data;
        let mut from = Vec::from(TRUST.map(|file| (file, data.join(file.name()))));
        if self.options.with_keys {
            from.push((StateFile::RootKey, root_key_file(&self.source.keys)));
        }
        for (file, from) in from {
            if let Some(mark) = bytes::file(&from, Some(&state.join(file.name())))? {
                self.files.insert(Part::State(file), mark);
            }
        }
        bytes::sync_folder(state)
    }

    async fn complete(self, facts: Facts) -> Result<Taken, BackupError> {
        let mut warnings = self.warnings(&facts);
        let manifest = Manifest {
            facts,
            files: self.files,
        };
        if let Some(left) = self.folder.complete(&manifest).await? {
            warnings.push(format!(
                "the backup is complete, but what it does not need could not be removed: {left}. \
                 What was expunged may still lie there; the next backup tries again"
            ));
        }
        Ok(Taken {
            files: manifest.files.len() as u64,
            bytes: manifest.bytes(),
            copied: self.counts.copied,
            copied_bytes: self.counts.copied_bytes,
            mended: self.counts.mended,
            warnings,
            facts: manifest.facts,
        })
    }

    fn warnings(&self, facts: &Facts) -> Vec<String> {
        let mut warnings = Vec::new();
        let mut warn = |when: bool, text: &str| {
            if when {
                warnings.push(text.into());
            }
        };
        let has_key = self.files.contains_key(&Part::State(StateFile::RootKey));
        warn(
            has_key,
            "the root key is in this backup: whoever has it can read everything. A backup with \
             its key protects nothing that lies in it",
        );
        warn(
            self.options.with_keys && !has_key,
            "the root key was asked for and is not there; this backup is without it",
        );
        warn(
            (self.source.database.file()).is_some_and(|file| same_disk(file, &self.folder.root)),
            "the backup lies on the disk of the room: it helps against mistakes, not against the \
             loss of the disk",
        );
        warn(
            is_open(&self.folder.root),
            "others on this machine can enter the backup's folder; run `chmod 700` on it",
        );
        if !facts.lost.is_empty() {
            warnings.push(format!(
                "{} files that the register names can't be read in the room's store; run `custos audit`",
                facts.lost.len()
            ));
        }
        warnings
    }

    fn counted(&mut self, mark: Mark) {
        self.counts.copied += 1;
        self.counts.copied_bytes += mark.bytes;
        self.counts.read += mark.bytes;
    }

    fn tell(&mut self, phase: Phase, done: u64, total: u64) {
        (self.progress)(Progress {
            phase,
            done,
            total,
            bytes: self.counts.read,
        });
    }
}

/// What a register names.
struct Wanted {
    tiles: Vec<Part>,
    objects: Vec<Part>,
}

/// The tiles that were published for checkpoints of these sizes, each once.
fn tiles(sizes: &[u64]) -> Vec<Part> {
    let before = [0].into_iter().chain(sizes.iter().copied());
    let tiles = before
        .zip(sizes)
        .flat_map(|(old, new)| tiles_between(old, *new));
    let mut tiles: Vec<TilePath> = tiles.collect();
    tiles.sort_unstable();
    tiles.dedup();
    tiles.into_iter().map(Part::Tile).collect()
}

fn facts(standing: &Standing, schema: String, taken_at: custos_core::ids::Timestamp) -> Facts {
    let head = &standing.head;
    Facts {
        origin: head.origin.clone(),
        room: head.room,
        program: env!("CARGO_PKG_VERSION").into(),
        schema,
        taken_at,
        size: head.size(),
        root: head.root(),
        newest_at: head.time,
        published: head.published,
        published_at: standing.published_at,
        state: format!("{STATE}{}-{}", head.size(), taken_at.micros().max(0)),
        lost: Vec::new(),
    }
}
