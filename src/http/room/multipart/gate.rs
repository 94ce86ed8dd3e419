//! The bytes of a form, let through a piece at a time.
//!
//! The parser takes all that the connection has before it looks at any of it, and looks for the
//! first boundary, or for the end of a part's head, however far that is. So each piece waits at
//! a gate until the parser has nothing left to look at, and all that is no file is counted.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Poll, ready},
};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use multer::{Field, Multipart};

/// A form, read part by part.
pub struct Form<'r> {
    parts: Multipart<'r>,
    gate: Gate,
    /// Bytes that may stand before the file, and behind it.
    limit: u64,
}

/// The gate; the stream and the form that reads it share it.
#[derive(Clone)]
struct Gate(Arc<Mutex<State>>);

struct State {
    /// Whether the next piece is let through.
    open: bool,
    /// Whether the connection has given its last byte.
    ended: bool,
    /// Bytes of the form, without the file's, that may still be asked for.
    left: u64,
    /// Whether more was asked for than that.
    passed: bool,
}

impl<'r> Form<'r> {
    /// A form of `stream`, of which the parser never holds more than `limit` bytes and a piece.
    pub fn new(
        stream: impl Stream<Item = io::Result<Bytes>> + Send + Unpin + 'r,
        boundary: String,
        limit: u64,
    ) -> Self {
        let gate = Gate(Arc::new(Mutex::new(State {
            open: false,
            ended: false,
            left: limit,
            passed: false,
        })));
        let parts = Multipart::new(gate.clone().before(stream), boundary);
        Self { parts, gate, limit }
    }

    /// The next part, with its head read.
    ///
    /// # Errors
    /// The form is cut, not of its form, or longer than its limit so far.
    pub async fn next_field(&mut self) -> multer::Result<Option<Field<'r>>> {
        let (parts, gate) = (&mut self.parts, &self.gate);
        poll_fn(|cx| gate.step(|| parts.poll_next_field(cx))).await
    }

    /// More of a part that is no file.
    ///
    /// # Errors
    /// As [`Self::next_field`].
    pub async fn chunk(&mut self, field: &mut Field<'r>) -> multer::Result<Option<Bytes>> {
        poll_fn(|cx| {
            self.gate
                .step(|| field.poll_next_unpin(cx).map(Option::transpose))
        })
        .await
    }

    /// More of the file, whose bytes are not counted.
    ///
    /// # Errors
    /// The form is cut.
    pub async fn file_chunk(&mut self, field: &mut Field<'r>) -> multer::Result<Option<Bytes>> {
        self.gate.state().left = u64::MAX;
        let chunk = self.chunk(field).await;
        self.gate.state().left = self.limit;
        chunk
    }

    /// Whether the form was longer than its limit.
    pub fn is_too_long(&self) -> bool {
        self.gate.state().passed
    }
}

impl Gate {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the parser work on what it has; only if that is not enough, on one piece more.
    fn step<T>(
        &self,
        mut poll: impl FnMut() -> Poll<multer::Result<T>>,
    ) -> Poll<multer::Result<T>> {
        loop {
            self.state().open = false;
            if let Poll::Ready(done) = poll() {
                return Poll::Ready(done);
            }
            if self.state().ended {
                return Poll::Ready(Err(multer::Error::IncompleteStream));
            }
            self.state().open = true;
            if let Poll::Ready(done) = poll() {
                return Poll::Ready(done);
            }
            // Nothing came through: the connection has nothing yet, and will wake the task.
            if self.state().open {
                return Poll::Pending;
            }
        }
    }

    /// The stream behind the gate. INVARIANT: it is polled within [`Self::step`] only, which
    /// asks again, so a closed gate needs to wake nobody.
    fn before<'r>(
        self,
        mut stream: impl Stream<Item = io::Result<Bytes>> + Send + Unpin + 'r,
    ) -> Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send + 'r>> {
        Box::pin(stream::poll_fn(move |cx| {
            let mut state = self.state();
            if !state.open {
                return Poll::Pending;
            }
            if state.left == 0 {
                state.passed = true;
                return Poll::Ready(Some(Err(io::Error::other("the form is too long"))));
            }
            let piece = ready!(stream.poll_next_unpin(cx));
            state.open = false;
            match &piece {
                Some(Ok(bytes)) => state.left = state.left.saturating_sub(bytes.len() as u64),
                Some(Err(_)) | None => state.ended = true,
            }
            Poll::Ready(piece)
        }))
    }
}
