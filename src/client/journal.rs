//! What was announced and what was acknowledged, so that a rerun neither loses nor doubles.
//!
//! One JSON object a line, each durable before what it allows is done:
//!
//! ```text
//! {"v":1,"state":"numbered",...,"reference"}  before any file of a run is announced
//! {"v":1,"state":"announced",...,"upload"}    before the first byte is sent
//! {"v":1,"state":"acknowledged",...,"item"}   after the room acknowledged the deposit
//! ```
//!
//! The last line of a file, of one case, of one room decides. A line without its line feed was
//! cut by a crash, before anything was done on the strength of it, and is removed.

use std::{
    collections::{HashMap, HashSet},
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Mutex,
};

use custos_core::{
    hash::Hash,
    ids::{CaseId, ItemId, Timestamp, UploadId},
};
use serde::{Deserialize, Serialize};

use super::{access::Server, error::ClientError, names, names::Name, place, source::Measured};

/// Version of the lines.
const VERSION: u8 = 1;
/// Longest line, in bytes.
const MAX_LINE_BYTES: u64 = 64 << 10;

/// What a line is about: a file as it was, for one case of one room.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The room's origin.
    pub server: String,
    /// The case.
    pub case: CaseId,
    /// Absolute path without symbolic links.
    pub path: Name,
    /// Bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: String,
    /// SHA-256 of the whole.
    pub sha256: Hash,
}

impl Key {
    /// The key of a file that was hashed.
    pub fn of(server: &Server, case: CaseId, measured: &Measured) -> Self {
        Self {
            server: server.to_string(),
            case,
            path: Name::of(measured.canonical.as_os_str()),
            size: measured.size,
            modified: measured.modified.clone(),
            sha256: measured.sha256,
        }
    }
}

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Known {
    /// Nothing was said of it yet; when it is, then under this reference.
    Numbered {
        /// Exhibit reference.
        reference: String,
    },
    /// Announced; whether its bytes were taken in, the room knows.
    Announced {
        /// The id under which its bytes are sent.
        upload: UploadId,
        /// Exhibit reference.
        reference: String,
        /// Names what was told of it.
        told: Hash,
    },
    /// Acknowledged.
    Acknowledged(Kept),
}

impl Known {
    /// Its exhibit reference.
    pub fn reference(&self) -> &str {
        match self {
            Self::Numbered { reference } | Self::Announced { reference, .. } => reference,
            Self::Acknowledged(kept) => &kept.reference,
        }
    }
}

/// What is kept of an acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The item.
    pub item: ItemId,
    /// Exhibit reference.
    pub reference: String,
    /// Whether a declared hash did not fit.
    pub quarantined: bool,
    /// Position in the custody log, and the entry's commitment; unknown where the
    /// acknowledgement was lost and the token may not read.
    pub index: Option<u64>,
    /// The entry's commitment.
    pub c: Option<Hash>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    v: u8,
    at: Timestamp,
    #[serde(flatten)]
    key: Key,
    #[serde(flatten)]
    known: Known,
}

/// The journal, held by this process alone.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    known: HashMap<Key, Known>,
}

impl Journal {
    /// Opens a journal, or begins one.
    ///
    /// # Errors
    /// Another process has it, it is something else than a journal, or can't be read.
    pub fn open(path: &Path) -> Result<Self, ClientError> {
        let failed = |cause| ClientError::file(path, "written")(cause);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(place::folder(path))
            .map_err(failed)?;
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(failed(std::io::Error::other(
                    "another deposit writes it; nothing was sent, wait for it or name another journal with `--journal`",
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let known = read(&mut file, path)?;
        place::sync_folder(path).map_err(failed)?;
        Ok(Self {
            path: path.into(),
            inner: Mutex::new(Inner { file, known }),
        })
    }

    /// What is known of a file.
    pub fn known(&self, key: &Key) -> Option<Known> {
        self.inner().known.get(key).cloned()
    }

    /// Every reference that was announced in a case of a room.
    pub fn references(&self, server: &Server, case: CaseId) -> Vec<String> {
        let server = server.to_string();
        let inner = self.inner();
        let of_case = inner
            .known
            .iter()
            .filter(|(key, _)| key.server == server && key.case == case)
            .filter(|(_, known)| !matches!(known, Known::Numbered { .. }));
        of_case.map(|(_, known)| known.reference().into()).collect()
    }

    /// Items of a case of a room that are known to be files which still are where they were.
    pub fn items_in_place(&self, server: &Server, case: CaseId) -> HashSet<ItemId> {
        let server = server.to_string();
        let inner = self.inner();
        let items = inner.known.iter().filter_map(|(key, known)| match known {
            Known::Acknowledged(kept) if key.server == server && key.case == case => {
                let path = key.path.to_path()?;
                path.exists().then_some(kept.item)
            }
            _ => None,
        });
        items.collect()
    }

    /// Writes what is known from now on; durable when it returns. Blocks.
    ///
    /// # Errors
    /// The line can't be made durable.
    pub fn note(&self, at: Timestamp, key: &Key, known: &Known) -> Result<(), ClientError> {
        self.note_all(at, vec![(key.clone(), known.clone())])
    }

    /// Writes what is known of many files, with one sync for all. Blocks. A crash leaves the
    /// first of them, or all.
    ///
    /// # Errors
    /// The lines can't be made durable.
    pub fn note_all(&self, at: Timestamp, all: Vec<(Key, Known)>) -> Result<(), ClientError> {
        if all.is_empty() {
            return Ok(());
        }
        let (mut bytes, mut noted) = (Vec::new(), Vec::with_capacity(all.len()));
        for (key, known) in all {
            let v = VERSION;
            let line = Line { v, at, key, known };
            serde_json::to_writer(&mut bytes, &line).expect("texts and numbers are JSON");
            bytes.push(b'\n');
            noted.push((line.key, line.known));
        }
        let mut inner = self.inner();
        inner
            .file
            .write_all(&bytes)
            .and_then(|()| inner.file.sync_data())
            .map_err(ClientError::file(&self.path, "written"))?;
        inner.known.extend(noted);
        Ok(())
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of this lock panics")
    }
}

fn read(file: &mut File, path: &Path) -> Result<HashMap<Key, Known>, ClientError> {
    let failed = |cause| ClientError::file(path, "read")(cause);
    let foreign = |at: usize| {
        let shown = names::shown(path);
        ClientError::Usage(format!(
            "line {at} of `{shown}` is not one of a journal of deposits; nothing was sent and the file was not touched, name another with `--journal`"
        ))
    };
    let mut known = HashMap::new();
    let mut whole = 0;
    let mut reader = BufReader::new(&*file);
    for at in 1.. {
        let mut bytes = Vec::new();
        let length = (&mut reader)
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut bytes)
            .map_err(failed)?;
        if !bytes.ends_with(b"\n") {
            // A cut line is the beginning of one of ours; anything else is another's file.
            let ours = b"{\"v\":1,";
            let shorter = bytes.len().min(ours.len());
            if length as u64 == MAX_LINE_BYTES || bytes[..shorter] != ours[..shorter] {
                return Err(foreign(at));
            }
            break;
        }
        let line: Line = serde_json::from_slice(&bytes).map_err(|_| foreign(at))?;
        if line.v != VERSION {
            return Err(foreign(at));
        }
        known.insert(line.key, line.known);
        whole += length as u64;
    }
    if file.metadata().map_err(failed)?.len() != whole {
        file.set_len(whole).map_err(failed)?;
        file.sync_data().map_err(failed)?;
    }
    file.seek(SeekFrom::End(0)).map_err(failed)?;
    Ok(known)
}

/// Where the journal is when none is named: the user's folder for state (XDG Base Directory
/// Specification).
///
/// # Errors
/// Neither `XDG_STATE_HOME` nor `HOME` names a folder.
pub fn usual_place() -> Result<PathBuf, ClientError> {
    let absolute = |name| {
        let folder = PathBuf::from(std::env::var_os(name)?);
        folder.is_absolute().then_some(folder)
    };
    let folder = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    let none = || {
        ClientError::Usage(
            "`HOME` names no folder; say where the journal is with `--journal`".into(),
        )
    };
    Ok(folder.ok_or_else(none)?.join("custos/deposits.jsonl"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn key(name: &str) -> Key {
        Key {
            server: "https://room.example".into(),
            case: CaseId::from_bytes([1; 16]),
            path: Name::Text(name.into()),
            size: 5,
            modified: "1700000000.000000001".into(),
            sha256: Hash::from_bytes([2; 32]),
        }
    }

    fn announced() -> Known {
        Known::Announced {
            upload: UploadId::from_bytes([3; 16]),
            reference: "JS/1".into(),
            told: Hash::from_bytes([4; 32]),
        }
    }

    fn acknowledged() -> Known {
        Known::Acknowledged(Kept {
            item: ItemId::from_bytes([5; 16]),
            reference: "JS/1".into(),
            quarantined: false,
            index: Some(7),
            c: Some(Hash::from_bytes([6; 32])),
        })
    }

    fn now() -> Timestamp {
        Timestamp::from_micros(1_795_440_330_000_000).expect("a time")
    }

    #[test]
    fn the_last_line_decides_and_survives() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("state/custos/deposits.jsonl");
        let journal = Journal::open(&path).expect("begun");
        journal.note(now(), &key("a"), &announced()).expect("noted");
        journal.note(now(), &key("b"), &announced()).expect("noted");
        journal
            .note(now(), &key("a"), &acknowledged())
            .expect("noted");
        assert!(Journal::open(&path).is_err(), "two at once");
        drop(journal);
        let journal = Journal::open(&path).expect("opened");
        assert_eq!(journal.known(&key("a")), Some(acknowledged()));
        assert_eq!(journal.known(&key("b")), Some(announced()));
        let other = Key {
            size: 6,
            ..key("a")
        };
        assert_eq!(journal.known(&other), None);
        let server = Server::parse("https://room.example").expect("an origin");
        assert_eq!(journal.references(&server, key("a").case).len(), 2);
        assert!(
            journal
                .references(&server, CaseId::from_bytes([9; 16]))
                .is_empty()
        );
    }

    #[test]
    fn a_number_is_kept_and_not_yet_given() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("journal");
        let journal = Journal::open(&path).expect("begun");
        let numbered = |n: u64| Known::Numbered {
            reference: format!("JS/{n}"),
        };
        let all = vec![(key("a"), numbered(1)), (key("b"), numbered(2))];
        journal.note_all(now(), all).expect("noted");
        journal.note_all(now(), Vec::new()).expect("noted");
        journal.note(now(), &key("b"), &announced()).expect("noted");
        drop(journal);
        let journal = Journal::open(&path).expect("opened");
        assert_eq!(journal.known(&key("a")), Some(numbered(1)));
        let server = Server::parse("https://room.example").expect("an origin");
        let given = journal.references(&server, key("a").case);
        assert_eq!(given, [announced().reference()]);
    }

    #[test]
    fn a_cut_line_is_removed_wherever_it_was_cut() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("journal");
        let journal = Journal::open(&path).expect("begun");
        journal.note(now(), &key("a"), &announced()).expect("noted");
        let first = fs::read(&path).expect("there");
        journal
            .note(now(), &key("a"), &acknowledged())
            .expect("noted");
        drop(journal);
        let whole = fs::read(&path).expect("there");
        for length in first.len()..whole.len() {
            fs::write(&path, &whole[..length]).expect("written");
            let journal = Journal::open(&path).expect("opened");
            assert_eq!(journal.known(&key("a")), Some(announced()));
            journal
                .note(now(), &key("a"), &acknowledged())
                .expect("noted");
            drop(journal);
            assert_eq!(fs::read(&path).expect("there"), whole);
        }
    }

    #[test]
    fn another_file_is_left_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("thesis.txt");
        for text in [
            "once upon a time",
            "once\nupon\n",
            "{}\n",
            "{\"v\":2}\n",
            "\n",
            "[1,2",
            &"x".repeat(100_000),
        ] {
            fs::write(&path, text).expect("written");
            assert!(Journal::open(&path).is_err(), "{text}");
            assert_eq!(fs::read_to_string(&path).expect("there"), text);
        }
    }
}
