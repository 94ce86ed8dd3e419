//! Copying files and objects, hashed as they pass.

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use custos_core::{hash::Sha256, ids::ObjectId};

use super::{BackupError, Mark};
use crate::store::{Store, StoreError};

/// Bytes that are read at once: a segment of an object, and more than a bucket asks of a part.
const PIECE_BYTES: u64 = 8 << 20;
/// Bytes of a plain file that are read at once.
const BUFFER_BYTES: usize = 1 << 20;

/// Where an object is copied to.
pub(super) struct Target<'a> {
    pub(super) store: &'a Store,
    /// What the copy must be; any other is kept only if `even_damaged`.
    pub(super) expected: Option<Mark>,
    pub(super) even_damaged: bool,
}

/// Why an object was not copied.
#[derive(Debug)]
pub(super) enum NotCopied {
    /// It can't be read where it lies.
    Unread(StoreError),
    /// It can't be written where it is to lie.
    Unwritten(StoreError),
}

/// Reads an object to its end; copies it, durably, if there is somewhere to copy it to.
pub(super) async fn object(
    from: &Store,
    object: ObjectId,
    target: Option<Target<'_>>,
) -> Result<Mark, NotCopied> {
    let bytes = from.size(object).await.map_err(NotCopied::Unread)?;
    let mut writer = match &target {
        Some(target) => Some(begin(target.store, object).await?),
        None => None,
    };
    let mut hasher = Sha256::new();
    let mut at = 0;
    while at < bytes {
        let end = bytes.min(at + PIECE_BYTES);
        let piece = match from.get_range(object, at..end).await {
            Ok(piece) => piece,
            Err(error) => {
                if let Some(writer) = writer {
                    writer.abort().await;
                }
                return Err(NotCopied::Unread(error));
            }
        };
        let hashed = piece.clone();
        // Off the threads that wait for the disk: hashing 8 MiB takes milliseconds.
        hasher = tokio::task::spawn_blocking(move || {
            hasher.update(&hashed);
            hasher
        })
        .await
        .map_err(|stopped| {
            NotCopied::Unread(StoreError::Unavailable {
                source: stopped.into(),
            })
        })?;
        if let Some(writer) = &mut writer {
            writer.put(piece).await.map_err(NotCopied::Unwritten)?;
        }
        at = end;
    }
    let mark = Mark {
        sha256: hasher.finish(),
        bytes,
    };
    if let (Some(writer), Some(target)) = (writer, target) {
        let good = target.expected.is_none_or(|expected| expected == mark);
        if good || target.even_damaged {
            writer.finish().await.map_err(NotCopied::Unwritten)?;
        } else {
            writer.abort().await;
        }
    }
    Ok(mark)
}

/// Begins a copy, in the place of one that nobody vouches for.
async fn begin(to: &Store, object: ObjectId) -> Result<crate::store::ObjectWriter, NotCopied> {
    match to.create(object).await {
        Err(StoreError::Exists { .. }) => {
            to.delete(object).await.map_err(NotCopied::Unwritten)?;
            to.create(object).await.map_err(NotCopied::Unwritten)
        }
        begun => begun.map_err(NotCopied::Unwritten),
    }
}

/// Reads a plain file to its end; copies it, durably, to `to`, which only its owner may read.
/// Blocks.
///
/// # Errors
/// Names the file that can't be used. `None` where there is no `from`.
pub(super) fn file(from: &Path, to: Option<&Path>) -> Result<Option<Mark>, BackupError> {
    let mut source = match File::open(from) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(BackupError::at(from))?,
    };
    let mut copy = match to {
        Some(to) => Some((private(to).map_err(BackupError::at(to))?, to)),
        None => None,
    };
    let (mut hasher, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = source.read(&mut buffer).map_err(BackupError::at(from))?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        bytes += read as u64;
        if let Some((copy, to)) = &mut copy {
            copy.write_all(&buffer[..read])
                .map_err(BackupError::at(to))?;
        }
    }
    if let Some((copy, to)) = copy {
        copy.sync_all().map_err(BackupError::at(to))?;
    }
    Ok(Some(Mark {
        sha256: hasher.finish(),
        bytes,
    }))
}

/// Writes a file that only its owner may read, durably, in the place of any other. Blocks. A crash
/// leaves a part of it: only what no manifest names yet is written so.
pub(super) fn put(path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    let written = private(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(BackupError::at(path))
}

/// Puts `path` in the place of `to`, durably. Blocks. A crash leaves the one or the other, whole.
pub(super) fn rename(path: &Path, to: &Path) -> Result<(), BackupError> {
    fs::rename(path, to).map_err(BackupError::at(to))?;
    sync_folder(to.parent().unwrap_or(to))
}

/// Makes the names in a folder durable. Blocks.
pub(super) fn sync_folder(folder: &Path) -> Result<(), BackupError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(BackupError::at(folder))
}

/// An empty file that only its owner may read.
pub(super) fn private(path: &Path) -> std::io::Result<File> {
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}
