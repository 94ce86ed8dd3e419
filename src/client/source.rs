//! A file that is deposited: hashed first, then sent, and the same bytes both times.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read, Seek},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use custos_core::hash::{Hash, Sha256};
use futures::{Stream, stream};
use tokio::sync::mpsc;

use super::{digests::Digests, error::ClientError, told::Declared};

/// Bytes that are read, hashed and handed on at once.
const PIECE_BYTES: usize = 64 << 10;
/// Pieces that wait to be sent.
const PIECES_WAITING: usize = 4;
/// Largest item that the room takes, in bytes: 1 TiB.
const MAX_BYTES: u64 = 1 << 40;

/// A file as it was when it was hashed.
#[derive(Debug, Clone)]
pub struct Measured {
    /// As it was named on the command line.
    pub given: PathBuf,
    /// Absolute, without symbolic links.
    pub canonical: PathBuf,
    /// Bytes.
    pub size: u64,
    /// When it was last written: seconds and nanoseconds since 1970, `1700000000.123456789`.
    pub modified: String,
    /// SHA-256 of the whole.
    pub sha256: Hash,
    /// SHA-256 and every other hash that was wanted.
    pub hashes: Vec<Declared>,
}

/// Bytes that went through, for whoever shows progress.
pub type Count = Arc<AtomicU64>;

/// Hashes a file: SHA-256, and the algorithms that are `wanted`. It must still be where it was
/// `listed`. Blocks.
///
/// # Errors
/// It is no regular file, can't be read, or changes while it is read.
pub fn measure(
    (given, listed): (&Path, Option<&Path>),
    wanted: &[&'static str],
    count: &AtomicU64,
) -> Result<Measured, ClientError> {
    let read = |cause| ClientError::file(given, "read")(cause);
    let canonical = fs::canonicalize(given).map_err(read)?;
    // A link that came since may lead out of the folder.
    if listed.is_some_and(|listed| listed != canonical) {
        return Err(ClientError::Changed);
    }
    let mut file = open(&canonical).map_err(read)?;
    let before = Stamp::of(&file.metadata().map_err(read)?);
    if before.size > MAX_BYTES {
        let limit = format!("it is larger than {MAX_BYTES} bytes, which is the most a room takes");
        return Err(read(io::Error::other(limit)));
    }
    let mut digests = Digests::new(wanted.iter().copied());
    let mut piece = vec![0; PIECE_BYTES];
    let mut length = 0;
    loop {
        let got = file.read(&mut piece).map_err(read)?;
        if got == 0 {
            break;
        }
        digests.update(&piece[..got]);
        length += got as u64;
        count.fetch_add(got as u64, Ordering::Relaxed);
    }
    let after = Stamp::of(&file.metadata().map_err(read)?);
    if before != after || length != before.size {
        return Err(ClientError::Changed);
    }
    let (sha256, hashes) = digests.finish();
    Ok(Measured {
        given: given.into(),
        canonical,
        size: length,
        modified: before.modified,
        sha256,
        hashes,
    })
}

/// Opens a regular file; anything else might never end, or never begin.
fn open(path: &Path) -> io::Result<File> {
    let is_file = |metadata: &Metadata| {
        if metadata.is_file() {
            Ok(())
        } else if metadata.is_dir() {
            Err(io::Error::other("it is a folder; name the files in it"))
        } else {
            Err(io::Error::other("it is no regular file"))
        }
    };
    is_file(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    is_file(&file.metadata()?)?;
    Ok(file)
}

/// By what a file that was written to is noticed.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: String,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: format!("{}.{:09}", metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// The file's bytes, to be sent. They end in an error, so that the room keeps nothing, if they
/// are not those that were hashed: the last piece is held back until that is known.
pub fn pieces(
    measured: &Measured,
    count: Count,
) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
    let (sender, receiver) = mpsc::channel(PIECES_WAITING);
    let measured = measured.clone();
    tokio::task::spawn_blocking(move || {
        if let Err(failed) = feed(&measured, &sender) {
            // The receiver may be gone, because the connection broke.
            drop(sender.blocking_send(Err(failed)));
        }
    });
    stream::unfold((receiver, count), |(mut receiver, count)| async move {
        let piece = receiver.recv().await?;
        if let Ok(piece) = &piece {
            count.fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
        Some((piece, (receiver, count)))
    })
}

/// Marks the error of a file that is no longer what was hashed.
#[derive(Debug, thiserror::Error)]
#[error("the file changed while it was sent")]
pub struct ChangedFile;

fn feed(measured: &Measured, sender: &mpsc::Sender<io::Result<Bytes>>) -> io::Result<()> {
    let changed = || io::Error::other(ChangedFile);
    let mut file = open(&measured.canonical)?;
    file.rewind()?;
    let mut hash = Sha256::new();
    let mut held = Bytes::new();
    let mut left = measured.size;
    while left > 0 {
        let length = left.min(PIECE_BYTES as u64) as usize;
        let mut piece = BytesMut::zeroed(length);
        file.read_exact(&mut piece)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => changed(),
                _ => error,
            })?;
        hash.update(&piece);
        left -= length as u64;
        let ready = std::mem::replace(&mut held, piece.freeze());
        if !ready.is_empty() && sender.blocking_send(Ok(ready)).is_err() {
            return Ok(());
        }
    }
    let now = Stamp::of(&file.metadata()?);
    if hash.finish() != measured.sha256
        || now.size != measured.size
        || now.modified != measured.modified
    {
        return Err(changed());
    }
    if !held.is_empty() {
        // Nobody listens when the connection broke, which its own error tells.
        drop(sender.blocking_send(Ok(held)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a");
        fs::write(&path, bytes).expect("written");
        (folder, path)
    }

    async fn sent(measured: &Measured) -> (Vec<u8>, bool) {
        let mut pieces = Box::pin(pieces(measured, Count::default()));
        let (mut bytes, mut whole) = (Vec::new(), true);
        while let Some(piece) = pieces.next().await {
            match piece {
                Ok(piece) => bytes.extend_from_slice(&piece),
                Err(_) => whole = false,
            }
        }
        (bytes, whole)
    }

    #[tokio::test]
    async fn what_is_sent_is_what_was_hashed() {
        for length in [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 300_000] {
            let content: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let (_folder, path) = file(&content);
            let count = AtomicU64::new(0);
            let measured = measure((&path, None), &[], &count).expect("hashed");
            assert_eq!(measured.size, length as u64);
            assert_eq!(count.into_inner(), length as u64);
            assert_eq!(sent(&measured).await, (content, true));
        }
    }

    #[tokio::test]
    async fn a_changed_file_is_never_sent_whole() {
        let content = vec![7; 200_000];
        for change in [
            vec![8; 200_000],
            vec![7; 199_999],
            vec![7; 200_001],
            Vec::new(),
        ] {
            let (_folder, path) = file(&content);
            let measured = measure((&path, None), &[], &AtomicU64::new(0)).expect("hashed");
            fs::write(&path, &change).expect("written");
            let (bytes, whole) = sent(&measured).await;
            assert!(!whole && bytes.len() < content.len(), "{}", change.len());
        }
    }

    #[test]
    fn only_regular_files_are_read() {
        let (folder, path) = file(b"x");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        let count = AtomicU64::new(0);
        assert_eq!(
            measure((&link, None), &[], &count)
                .expect("hashed")
                .canonical,
            fs::canonicalize(&path).expect("there")
        );
        // What was listed as a file of the folder, and is a link out of it by now.
        let listed = folder.path().canonicalize().expect("there").join("link");
        let swapped = measure((&link, Some(&listed)), &[], &count);
        assert!(matches!(swapped, Err(ClientError::Changed)), "{swapped:?}");
        for odd in [
            folder.path(),
            Path::new("/dev/zero"),
            &folder.path().join("none"),
        ] {
            assert!(
                measure((odd, None), &[], &count).is_err(),
                "{}",
                odd.display()
            );
        }
    }
}
