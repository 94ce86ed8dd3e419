//! Buffers of one write, used again and again, so that memory does not grow with the item.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::zeroize_bytes;

/// Plaintext segments in memory at a time: one is filled while two are worked on.
pub(super) const PLAIN_BUFFERS: usize = 3;
/// The most that is read from the source at a time, in bytes.
pub(super) const READ_BYTES: usize = 1 << 20;
/// Buffers of sealed segments that are kept for the next.
const SPARE_SEALED: usize = 4;

/// Buffers from this size on are asked for as if they were of [`RESERVED_BYTES`].
const LARGE_BYTES: usize = 1 << 20;
/// More than the greatest size that glibc ever keeps in its arenas (32 MiB): a buffer with room
/// for so much is given back to the system when it is dropped. Of smaller ones each thread's
/// arena keeps some, and a room would grow with every deposit to several times what it works
/// with. What of the room is never touched takes no memory.
const RESERVED_BYTES: usize = 33 << 20;

/// `bytes` zeros.
fn zeros(bytes: usize) -> Vec<u8> {
    if bytes < LARGE_BYTES {
        return vec![0; bytes];
    }
    let mut memory = vec![0; bytes.max(RESERVED_BYTES)];
    memory.truncate(bytes);
    memory
}

/// The plaintext buffers of one write.
#[derive(Debug)]
pub(super) struct PlainBuffers {
    bytes_each: usize,
    room: Arc<Semaphore>,
    spare: Mutex<Vec<Wiped>>,
}

/// A plaintext buffer, filled from its start; goes back to where it came from.
#[derive(Debug)]
pub(super) struct Plain {
    memory: Wiped,
    home: Arc<PlainBuffers>,
    _room: OwnedSemaphorePermit,
}

/// Memory of which the first `used` bytes have held plaintext; they are wiped before it is
/// freed. The rest was never touched, so that a small item costs little.
#[derive(Debug, Default)]
struct Wiped {
    memory: Vec<u8>,
    /// Plaintext of the present segment.
    len: usize,
    /// Most plaintext of any segment so far.
    used: usize,
}

impl Drop for Wiped {
    fn drop(&mut self) {
        zeroize_bytes(&mut self.memory[..self.used]);
    }
}

impl PlainBuffers {
    /// Buffers of `bytes_each`; none is allocated before it is needed.
    pub(super) fn new(bytes_each: usize) -> Arc<Self> {
        Arc::new(Self {
            bytes_each,
            room: Arc::new(Semaphore::new(PLAIN_BUFFERS)),
            spare: Mutex::default(),
        })
    }

    /// An empty buffer as soon as there is one; none after [`PlainBuffers::close`].
    pub(super) async fn take(self: &Arc<Self>) -> Option<Plain> {
        let room = self.room.clone().acquire_owned().await.ok()?;
        let spare = self.spare().pop();
        let mut memory = spare.unwrap_or_else(|| Wiped {
            memory: zeros(self.bytes_each),
            ..Wiped::default()
        });
        memory.len = 0;
        Some(Plain {
            memory,
            home: self.clone(),
            _room: room,
        })
    }

    /// Nobody waits for a buffer any longer.
    pub(super) fn close(&self) {
        self.room.close();
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<Wiped>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plain {
    /// The next part that is not filled yet, of [`READ_BYTES`] at most; empty if the buffer
    /// is full. Tell [`Plain::filled`] how much of it then is.
    pub(super) fn unfilled(&mut self) -> &mut [u8] {
        let start = self.memory.len;
        let end = (start + READ_BYTES).min(self.memory.memory.len());
        // What a reader writes here counts as plaintext even if it never says so.
        self.memory.used = self.memory.used.max(end);
        &mut self.memory.memory[start..end]
    }

    /// `bytes` more are filled.
    pub(super) fn filled(&mut self, bytes: usize) {
        self.memory.len += bytes;
        assert!(
            self.memory.len <= self.memory.memory.len(),
            "a reader fills what it was given"
        );
    }

    /// What is filled.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.memory.memory[..self.memory.len]
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        // Before the permit is released, so that whoever gets it finds this buffer.
        self.home.spare().push(std::mem::take(&mut self.memory));
    }
}

/// Buffers of sealed segments whose last reader is gone.
#[derive(Clone, Debug, Default)]
pub(super) struct SealedBuffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl SealedBuffers {
    /// A buffer to seal `bytes` into, maybe with those of a former segment in it.
    pub(super) fn take(&self, bytes: usize) -> Vec<u8> {
        self.spare().pop().unwrap_or_else(|| zeros(bytes))
    }

    /// Gives a sealed segment away; its memory comes back when nobody reads it any more.
    /// A store may keep it for as long as it likes, then the next buffer is a new one.
    pub(super) fn lend(&self, sealed: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent {
            sealed,
            home: self.clone(),
        })
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Lent {
    sealed: Vec<u8>,
    home: SealedBuffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.sealed
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut spare = self.home.spare();
        if spare.len() < SPARE_SEALED {
            spare.push(std::mem::take(&mut self.sealed));
        }
    }
}
