//! The mark: the newest published checkpoint, as the log signed it, in a file outside of the data
//! folder. Whoever puts the data folder back leaves it where it is.
//!
//! ```text
//! note and published size   in the register         a crash here leaves an older mark
//! the mark                  replaced, synced        a crash here leaves an older file `checkpoint`
//! log/checkpoint            anyone may see it
//! ```
//!
//! A register that was put back to before a rotation of the log's key does not know the key that
//! signed the mark. So the checkpoint that both keys signed is kept for ever beside it, as a file of
//! its own: `published.mark.SIZE` (decision 23).
//!
//! INVARIANT: the mark is never of more than the register keeps, and whatever anyone saw is of no
//! more than the mark.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use custos_core::{
    checkpoint::{LogKeys, MAX_CHECKPOINT_BYTES, MAX_CONTROLS, SignedCheckpoint},
    ids::decimal,
};
use tracing::{error, info, warn};

use crate::store::StoreError;

/// Its name in the folder of the keys.
const NAME: &str = "published.mark";
/// The end of the name under which one is left that is not believed.
const ODD: &str = "odd";

/// The file of a mark.
#[derive(Debug)]
pub struct Mark {
    path: PathBuf,
    /// Whether the last attempt to write it failed, so that it is told once.
    failing: AtomicBool,
}

/// Why a mark was not kept.
enum NotKept {
    /// The older one is there, whole.
    Older(io::Error),
    /// A sync failed.
    Unknown(io::Error),
}

impl NotKept {
    /// As for the store: a full disk says what it holds, any other failure of a sync does not.
    fn of_sync(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Older(error),
            _ => Self::Unknown(error),
        }
    }
}

/// Why a mark can't be read.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// The file can't be read.
    #[error("`{path}` can't be read: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is longer than any checkpoint.
    #[error("`{0}` is longer than any checkpoint")]
    TooLong(PathBuf),
}

impl Mark {
    /// The mark in the folder of the keys, or where the settings say.
    pub fn of(keys: &Path, named: Option<&Path>) -> Self {
        Self {
            path: named.map_or_else(|| keys.join(NAME), Path::to_owned),
            failing: AtomicBool::new(false),
        }
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds; nothing of it is believed yet. None where there is none.
    ///
    /// # Errors
    /// [`MarkError`].
    pub fn read(&self) -> Result<Option<Vec<u8>>, MarkError> {
        read(&self.path)
    }

    /// The checkpoints of rotations that lie beside it, the newest first; nothing of them is
    /// believed yet.
    ///
    /// # Errors
    /// [`MarkError`].
    pub fn turns(&self) -> Result<Vec<Vec<u8>>, MarkError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let files = match fs::read_dir(folder) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => {
                let path = folder.into();
                return Err(MarkError::File { path, source });
            }
        };
        let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
        let mut sizes: Vec<u64> = names.filter_map(|name| self.turn(&name)).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        sizes.truncate(MAX_CONTROLS);
        let notes = sizes.into_iter().map(|size| read(&self.beside(size)));
        notes.filter_map(Result::transpose).collect()
    }

    /// The size of the rotation whose checkpoint a file of this name holds.
    fn turn(&self, name: &str) -> Option<u64> {
        let own = self.path.file_name()?.to_str()?;
        decimal(name.strip_prefix(own)?.strip_prefix('.')?).ok()
    }

    fn beside(&self, size: u64) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{size}"));
        self.path.with_file_name(name)
    }

    /// Keeps a checkpoint, durably, in the place of an older one. Blocks. A room whose mark can't
    /// be written goes on, because it protects against nobody who is at work here now; it is told
    /// by an alarm and by the doctor.
    ///
    /// # Errors
    /// [`StoreError::Fatal`]: a sync failed, and as after any other nobody knows what the disk
    /// holds.
    pub(in crate::app) fn keep(&self, note: &[u8]) -> Result<(), StoreError> {
        self.keep_at(&self.path, note)
    }

    /// Keeps the first checkpoint under a new key, which the key before it signed too. It is never
    /// replaced by another one.
    ///
    /// # Errors
    /// As [`Mark::keep`].
    pub(in crate::app) fn keep_turn(&self, size: u64, note: &[u8]) -> Result<(), StoreError> {
        // A crash behind this leaves it without the mark of its size; the next start keeps both.
        self.keep_at(&self.beside(size), note)
    }

    fn keep_at(&self, path: &Path, note: &[u8]) -> Result<(), StoreError> {
        let failing = |is: bool| self.failing.swap(is, Ordering::Relaxed);
        match put(path, note) {
            Ok(()) => {
                if failing(false) {
                    info!("the mark can be written again");
                }
                Ok(())
            }
            Err(NotKept::Unknown(source)) => Err(StoreError::Fatal {
                source: source.into(),
            }),
            Err(NotKept::Older(error)) => {
                if !failing(true) {
                    error!(
                        alarm = "mark_not_kept",
                        file = %path.display(),
                        %error,
                        "the mark of what was published can't be written: that this room is put back to an older state would not be noticed"
                    );
                }
                Ok(())
            }
        }
    }

    /// What a room that starts, and is behind nothing, does about its mark: `newest` is the
    /// checkpoint with which its register ends, `turns` are those that two of its keys signed.
    ///
    /// # Errors
    /// As [`Mark::keep`].
    pub(in crate::app) fn begin(
        &self,
        keys: &LogKeys,
        newest: Option<&[u8]>,
        turns: &[(u64, Vec<u8>)],
    ) -> Result<(), StoreError> {
        let Some(newest) = newest else { return Ok(()) };
        for (size, note) in turns {
            if read(&self.beside(*size)).ok().flatten().as_ref() != Some(note) {
                self.keep_turn(*size, note)?;
            }
        }
        match self.read() {
            Ok(Some(note)) if note == newest => return Ok(()),
            Ok(Some(note)) => {
                let held = SignedCheckpoint::parse(&note).ok();
                if held.is_none_or(|held| keys.verify(&held).is_err()) {
                    self.set_aside();
                }
            }
            Ok(None) => warn!(
                file = %self.path.display(),
                "there was no mark of what was published; it is made now, and this start was not compared with it"
            ),
            Err(error) => warn!(%error, "the mark can't be read and is written anew"),
        }
        self.keep(newest)
    }

    /// Leaves a mark that this log did not sign for whoever looks into it.
    fn set_aside(&self) {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".");
        name.push(ODD);
        let aside = self.path.with_file_name(name);
        // A crash behind this leaves no mark, which the next start makes.
        let moved = fs::rename(&self.path, &aside);
        error!(
            alarm = "mark_not_believed",
            file = %aside.display(),
            moved = moved.is_ok(),
            "the mark of what was published is not signed by this room's log: somebody wrote it, or it is another room's"
        );
    }
}

fn put(path: &Path, note: &[u8]) -> Result<(), NotKept> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".mark-")
        .permissions(fs::Permissions::from_mode(0o600))
        .tempfile_in(folder)
        .map_err(NotKept::Older)?;
    file.write_all(note).map_err(NotKept::Older)?;
    file.as_file().sync_all().map_err(NotKept::of_sync)?;
    // A crash before this leaves the older mark and a draft, which nobody reads.
    file.persist(path)
        .map_err(|error| NotKept::Older(error.error))?;
    let folder = File::open(folder).map_err(NotKept::Older)?;
    folder.sync_all().map_err(NotKept::of_sync)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, MarkError> {
    let most = MAX_CHECKPOINT_BYTES as u64;
    let mut note = Vec::new();
    let read = File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut note));
    match read {
        Ok(_) if note.len() as u64 > most => Err(MarkError::TooLong(path.into())),
        Ok(_) => Ok(Some(note)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => {
            let path = path.into();
            Err(MarkError::File { path, source })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_replaced_as_a_whole_and_bounded() {
        let folder = tempfile::tempdir().expect("a folder");
        let mark = Mark::of(folder.path(), None);
        assert!(mark.read().expect("none").is_none());
        mark.keep(b"one").expect("kept");
        mark.keep(b"another").expect("kept");
        assert_eq!(mark.read().expect("read").as_deref(), Some(&b"another"[..]));
        assert_eq!(fs::read_dir(folder.path()).expect("a list").count(), 1);
        let mode = fs::metadata(mark.path()).expect("there").permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        fs::write(mark.path(), vec![b'x'; MAX_CHECKPOINT_BYTES + 1]).expect("written");
        mark.read().expect_err("too long");
        // A folder that is not there stops nobody.
        let lost = Mark::of(&folder.path().join("gone"), None);
        lost.keep(b"one").expect("told");
        assert!(lost.read().expect("none").is_none());
        assert!(lost.failing.load(Ordering::Relaxed));
        // What lies beside it is found by its name, the newest first.
        mark.keep_turn(7, b"seven").expect("kept");
        mark.keep_turn(12, b"twelve").expect("kept");
        for odd in [
            "published.mark.odd",
            "published.mark.007",
            "published.mark.7.x",
        ] {
            fs::write(folder.path().join(odd), b"?").expect("written");
        }
        let turns = mark.turns().expect("read");
        assert_eq!(turns, [b"twelve".to_vec(), b"seven".to_vec()]);
        assert!(lost.turns().expect("none").is_empty());
        let named = Mark::of(folder.path(), Some(&folder.path().join("elsewhere")));
        named.keep(b"there").expect("kept");
        assert!(folder.path().join("elsewhere").is_file());
    }
}
