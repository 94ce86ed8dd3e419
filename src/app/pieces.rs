//! What is written by a thread that blocks, and sent in pieces while policy is asked again.

use std::{
    io::{self, Write},
    time::Duration,
};

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use tokio::{runtime::Handle, sync::mpsc};

use super::{
    context::Room,
    rechecking::{Recheck, Stands},
};

/// Bytes that are handed on at once.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces that wait to be sent.
pub(super) const PIECES_WAITING: usize = 8;
/// How long one may wait before the file is given up: it holds a thread meanwhile.
const STALL: Duration = Duration::from_secs(120);

/// The way of one piece, or why there are no more.
pub(super) type Piece = io::Result<Bytes>;

/// A writer that hands pieces to the sender.
pub(super) struct Pieces<'a> {
    sender: &'a mpsc::Sender<Piece>,
    handle: &'a Handle,
    waiting: Vec<u8>,
}

impl<'a> Pieces<'a> {
    /// A writer to this sender, used on a thread that may block.
    pub(super) fn new(sender: &'a mpsc::Sender<Piece>, handle: &'a Handle) -> Self {
        Self {
            sender,
            handle,
            waiting: Vec::with_capacity(PIECE_BYTES),
        }
    }
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let full = std::mem::replace(&mut self.waiting, Vec::with_capacity(PIECE_BYTES));
        let sent = self.sender.send_timeout(Ok(full.into()), STALL);
        self.handle
            .block_on(sent)
            .map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody takes the file"))
    }
}

/// The pieces as they come, while what `stands` says still stands.
pub(super) fn rechecked(
    room: &Room,
    stands: Stands,
    receiver: mpsc::Receiver<Piece>,
) -> BoxStream<'static, Piece> {
    let state = (receiver, Recheck::new(room.clone(), stands));
    let bytes = stream::unfold(state, |(mut receiver, mut recheck)| async move {
        let mut piece = receiver.recv().await?;
        if let Ok(bytes) = &piece
            && let Err(error) = recheck.before(bytes.len() as u64).await
        {
            // Whoever reads on finds the end of the stream, not the rest of the file.
            receiver.close();
            while receiver.try_recv().is_ok() {}
            piece = Err(io::Error::other(error));
        }
        Some((piece, (receiver, recheck)))
    });
    bytes.boxed()
}
