//! The reserve: a file of the data folder that holds space for the custody log on a disk that is
//! full. Nothing is read before its entry is durable (decision 3), so without it a full disk would
//! end reading too, and an operator could not even see what to do.
//!
//! ```text
//! kept      the file is there, its blocks are its own        deposits are taken
//! spent     the log, or what is published of it, found no    deposits are refused with 507; reading
//!           space: the file was removed                      and its entries go on in its place
//! kept      there is space for it twice again: it is made    deposits are taken
//! ```
//!
//! *A crash* leaves the file or not, or a draft; the next start makes of it what it finds.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::{
    fs::{FallocateFlags, fallocate, statvfs},
    io::Errno,
};
use tracing::{error, info, warn};

use super::error::Error;

/// Its name in the data folder.
const NAME: &str = "reserve";
/// The name while it is made.
const DRAFT: &str = "reserve.unfinished";
/// With less than this free at its start a room spends the reserve at once, in bytes: opening the
/// register needs some.
const LEAST_FREE_BYTES: u64 = 4 << 20;
/// What is written at a time where the file system can't set space aside by itself, in bytes.
const PIECE_BYTES: u64 = 1 << 20;

/// The reserve of one room, or none.
#[derive(Debug, Default)]
pub struct Reserve {
    /// The data folder, and the bytes that are kept there.
    kept: Option<(PathBuf, u64)>,
    spent: AtomicBool,
}

/// How it is with a reserve, for an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// All of it.
    Whole,
    /// Its file is there and holds so many bytes, fewer than it should.
    Part(u64),
    /// Nothing.
    Nothing,
}

impl Reserve {
    /// The reserve of a data folder when its room starts, before anything else is written: made if
    /// it is missing and there is space, spent if nothing else is left. Blocks.
    pub fn begin(data: &Path, bytes: u64) -> Self {
        if bytes == 0 {
            return Self::default();
        }
        let reserve = Self {
            kept: Some((data.to_owned(), bytes)),
            spent: AtomicBool::new(false),
        };
        match held(data, bytes) {
            Held::Whole if free(data).is_none_or(|free| free >= LEAST_FREE_BYTES) => {}
            Held::Whole => reserve.spend(),
            Held::Part(_) | Held::Nothing => {
                if !reserve.make(data, bytes) {
                    reserve.spend();
                }
            }
        }
        reserve
    }

    /// Refuses what takes space and can wait.
    ///
    /// # Errors
    /// [`Error::Full`]: the reserve is spent.
    pub fn takes_deposits(&self) -> Result<(), Error> {
        if self.spent.load(Ordering::Acquire) {
            return Err(Error::Full);
        }
        Ok(())
    }

    /// Gives the space to whatever is entered next. Blocks; does nothing a second time.
    pub(in crate::app) fn spend(&self) {
        let Some((data, bytes)) = &self.kept else {
            return;
        };
        if self.spent.swap(true, Ordering::AcqRel) {
            return;
        }
        // A crash here leaves the file, which the next start spends if it must.
        let removed = remove(data);
        error!(
            alarm = "disk_full",
            reserve.bytes = bytes,
            reserve.freed = removed.is_ok(),
            "the disk is full: deposits are refused, and its reserve is spent so that reading goes on; make room"
        );
    }

    /// Makes the reserve again where it was spent and there is space for it twice. Blocks.
    pub fn tend(&self) {
        let Some((data, bytes)) = &self.kept else {
            return;
        };
        if self.spent.load(Ordering::Acquire) && self.make(data, *bytes) {
            self.spent.store(false, Ordering::Release);
            info!(
                reserve.bytes = bytes,
                "there is room on the disk again: deposits are taken"
            );
        }
    }

    /// Makes the file, if as much is left beside it.
    fn make(&self, data: &Path, bytes: u64) -> bool {
        if remove(data).is_err() || free(data).is_some_and(|free| free < bytes.saturating_mul(2)) {
            return false;
        }
        match write(data, bytes) {
            Ok(()) => true,
            Err(error) => {
                warn!(%error, "the reserve can't be made");
                let _gone = fs::remove_file(data.join(DRAFT));
                false
            }
        }
    }
}

/// How much of a reserve a data folder holds.
pub fn held(data: &Path, bytes: u64) -> Held {
    match fs::metadata(data.join(NAME)) {
        // Blocks of 512 bytes: a file with holes holds nothing.
        Ok(found) if found.len() == bytes && found.blocks() * 512 >= bytes => Held::Whole,
        Ok(found) => Held::Part(found.len().min(found.blocks() * 512)),
        Err(_) => Held::Nothing,
    }
}

/// Bytes that the disk of a folder still takes; none where that can't be asked.
fn free(data: &Path) -> Option<u64> {
    let found = statvfs(data).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

fn remove(data: &Path) -> io::Result<()> {
    for name in [DRAFT, NAME] {
        match fs::remove_file(data.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    File::open(data)?.sync_all()
}

fn write(data: &Path, bytes: u64) -> io::Result<()> {
    let draft = data.join(DRAFT);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) => {}
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => fill(&mut file, bytes)?,
        Err(error) => return Err(error.into()),
    }
    file.sync_all()?;
    // A crash before this leaves the draft, which the next start removes.
    fs::rename(&draft, data.join(NAME))?;
    File::open(data)?.sync_all()
}

/// Writes what no file system makes smaller: bytes without a pattern that repeats within a piece.
fn fill(file: &mut File, bytes: u64) -> io::Result<()> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut piece = Vec::with_capacity(PIECE_BYTES as usize);
    let mut left = bytes;
    while left > 0 {
        piece.clear();
        let size = left.min(PIECE_BYTES);
        while (piece.len() as u64) < size {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            piece.extend_from_slice(&state.to_le_bytes());
        }
        piece.truncate(size as usize);
        file.write_all(&piece)?;
        left -= size;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: u64 = 3 * PIECE_BYTES + 5;

    #[test]
    fn a_reserve_is_really_there_and_is_made_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path();
        fs::write(data.join(DRAFT), "cut").expect("written");
        let reserve = Reserve::begin(data, BYTES);
        assert_eq!(held(data, BYTES), Held::Whole);
        assert!(!data.join(DRAFT).exists());
        reserve.takes_deposits().expect("taken");
        reserve.spend();
        reserve.spend();
        assert_eq!(held(data, BYTES), Held::Nothing);
        assert!(matches!(reserve.takes_deposits(), Err(Error::Full)));
        reserve.tend();
        reserve.takes_deposits().expect("taken");
        assert_eq!(held(data, BYTES), Held::Whole);
        // Another size, and a file of nothing but a hole, are no reserve.
        assert_eq!(held(data, BYTES + 1), Held::Part(BYTES));
        Reserve::begin(data, BYTES - 1);
        assert_eq!(held(data, BYTES - 1), Held::Whole);
        let hole = File::create(data.join(NAME)).expect("made");
        hole.set_len(BYTES).expect("a hole");
        assert_eq!(held(data, BYTES), Held::Part(0));
        Reserve::begin(data, BYTES);
        assert_eq!(held(data, BYTES), Held::Whole);
        // None is asked for.
        let none = Reserve::begin(data, 0);
        none.spend();
        none.takes_deposits().expect("taken");
    }

    #[test]
    fn a_disk_without_space_for_it_takes_no_deposits() {
        let folder = tempfile::tempdir().expect("a folder");
        let reserve = Reserve::begin(folder.path(), 1 << 60);
        assert!(matches!(reserve.takes_deposits(), Err(Error::Full)));
        reserve.tend();
        assert!(matches!(reserve.takes_deposits(), Err(Error::Full)));
        assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 0);
    }

    #[test]
    fn what_is_written_by_hand_has_its_length_and_no_pattern() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("filled");
        fill(&mut File::create(&path).expect("made"), BYTES).expect("filled");
        let bytes = fs::read(&path).expect("read");
        assert_eq!(bytes.len() as u64, BYTES);
        assert_ne!(bytes[..64], bytes[PIECE_BYTES as usize..][..64]);
    }
}
