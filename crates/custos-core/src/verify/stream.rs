//! One pass over a file's bytes: SHA-256 and CRC-32 on one core, leaf hashes on another.
//!
//! The whole file's SHA-256 sets the pace; reading and the content tree hide behind it.

use std::{
    io::{self, Read},
    sync::{Arc, mpsc},
    thread,
};

use crate::{
    content::{ContentHasher, Tree, TreeKey},
    hash::{Hash, Sha256},
};

/// Bytes of one buffer.
const BUFFER_BYTES: usize = 1 << 20;
/// Most bytes of the one buffer for a small file.
const SMALL_BUFFER_BYTES: usize = 64 << 10;
/// Buffers on their way between the two threads.
const BUFFERS: usize = 6;

/// What one pass over a file finds.
pub(super) struct Sums {
    /// Bytes read.
    pub length: u64,
    /// SHA-256 of them.
    pub sha256: Hash,
    /// CRC-32 of them.
    pub crc32: u32,
    /// The content tree, where its key was given.
    pub tree: Option<Tree>,
}

/// Reads `source` to its end, which `announced` bytes are expected to reach.
///
/// # Errors
/// Reading failed, or there is no second thread.
pub(super) fn sums(
    source: &mut dyn Read,
    announced: u64,
    key: Option<TreeKey>,
    progress: &mut dyn FnMut(u64),
) -> io::Result<Sums> {
    let mut leaves = key.map(ContentHasher::new);
    let (length, whole) = if announced < BUFFER_BYTES as u64 {
        alone(source, announced, leaves.as_mut(), progress)?
    } else {
        overlapped(source, leaves.as_mut(), progress)?
    };
    Ok(Sums {
        length,
        sha256: whole.sha256.finish(),
        crc32: whole.crc32.finalize(),
        tree: leaves.map(ContentHasher::finish),
    })
}

#[derive(Default)]
struct Whole {
    sha256: Sha256,
    crc32: crc32fast::Hasher,
}

impl Whole {
    fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.crc32.update(bytes);
    }
}

/// Small files: a thread would cost more than it saves.
fn alone(
    source: &mut dyn Read,
    announced: u64,
    mut leaves: Option<&mut ContentHasher>,
    progress: &mut dyn FnMut(u64),
) -> io::Result<(u64, Whole)> {
    let (mut length, mut whole) = (0, Whole::default());
    let fits = usize::try_from(announced).unwrap_or(SMALL_BUFFER_BYTES);
    let mut buffer = vec![0; fits.clamp(1, SMALL_BUFFER_BYTES)];
    loop {
        let got = fill(source, &mut buffer)?;
        if got == 0 {
            return Ok((length, whole));
        }
        whole.update(&buffer[..got]);
        if let Some(leaves) = &mut leaves {
            leaves.update(&buffer[..got]);
        }
        length += got as u64;
        progress(got as u64);
    }
}

fn overlapped(
    source: &mut dyn Read,
    mut leaves: Option<&mut ContentHasher>,
    progress: &mut dyn FnMut(u64),
) -> io::Result<(u64, Whole)> {
    thread::scope(|scope| {
        let (send, receive) = mpsc::sync_channel::<(Arc<Vec<u8>>, usize)>(BUFFERS);
        let (give_back, spare) = mpsc::channel::<Arc<Vec<u8>>>();
        let hasher = thread::Builder::new().spawn_scoped(scope, move || {
            let mut whole = Whole::default();
            for (buffer, got) in receive {
                whole.update(&buffer[..got]);
                // The reader may have stopped at an error and want no buffers back.
                let _ = give_back.send(buffer);
            }
            whole
        })?;
        let (mut length, mut made) = (0, 0);
        loop {
            let mut buffer = if made < BUFFERS {
                made += 1;
                Arc::new(vec![0; BUFFER_BYTES])
            } else {
                spare.recv().map_err(|_| io::Error::other(STOPPED))?
            };
            // INVARIANT: a buffer comes back from its only other holder.
            let bytes = Arc::get_mut(&mut buffer).expect("nobody else holds a spare buffer");
            let got = fill(source, bytes)?;
            if got == 0 {
                break;
            }
            let sent = send.send((Arc::clone(&buffer), got));
            sent.map_err(|_| io::Error::other(STOPPED))?;
            if let Some(leaves) = &mut leaves {
                leaves.update(&buffer[..got]);
            }
            length += got as u64;
            progress(got as u64);
        }
        drop(send);
        let whole = hasher.join().map_err(|_| io::Error::other(STOPPED))?;
        Ok((length, whole))
    })
}

const STOPPED: &str = "the hashing thread stopped";

/// Fills the buffer as far as there are bytes.
fn fill(source: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(got) => filled += got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::sha256;

    #[test]
    fn both_ways_find_the_same() {
        let bytes: Vec<u8> = (0..BUFFER_BYTES * 9 + 77)
            .map(|i| ((i * 7) >> 3) as u8)
            .collect();
        for length in [
            0,
            1,
            65_536,
            BUFFER_BYTES - 1,
            BUFFER_BYTES,
            BUFFER_BYTES + 1,
            bytes.len(),
        ] {
            let bytes = &bytes[..length];
            let key = TreeKey::from_bytes([5; 32]);
            let mut expected = ContentHasher::new(key.clone());
            expected.update(bytes);
            let mut seen = 0;
            let mut progress = |more| seen += more;
            let sums =
                sums(&mut &bytes[..], length as u64, Some(key), &mut progress).expect("memory");
            assert_eq!(sums.length, length as u64);
            assert_eq!(sums.sha256, sha256(&[bytes]));
            assert_eq!(sums.crc32, crc32fast::hash(bytes));
            assert_eq!(sums.tree, Some(expected.finish()));
            assert_eq!(seen, length as u64);
        }
    }

    #[test]
    fn a_failing_source_is_reported() {
        struct Fails(usize);
        impl Read for Fails {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                self.0 = self
                    .0
                    .checked_sub(1)
                    .ok_or(io::ErrorKind::ConnectionReset)?;
                Ok(into.len())
            }
        }
        for after in [0, 1, 20] {
            let failed = sums(&mut Fails(after), 1 << 30, None, &mut |_| {});
            assert!(failed.is_err());
        }
    }
}
