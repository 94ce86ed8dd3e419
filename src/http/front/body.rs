//! Bodies on their way: a request's, which must make progress, and an answer's.
//!
//! INVARIANT: a body that was cut on one side is cut on the other. Each error of a body goes on
//! as an error, and an end that the peer did not declare is one.

use std::{
    error::Error,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Version,
    body::{Body, Frame, Incoming, SizeHint},
};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{crowd::Asking, handover::Pieces, inner::Borrowed, life::Running, limits::Limits};

/// What is wrong with a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[repr(u8)]
pub enum Fault {
    /// It ended before its end, or is not of its form.
    #[error("the body was cut")]
    Cut = 1,
    /// It came too slowly.
    #[error("the body came too slowly")]
    Slow,
    /// Its length was not declared, and it is longer than the room takes so.
    #[error("the body is too long for one without a length")]
    Long,
}

/// What became of a request's body, for whoever waits for the answer.
#[derive(Debug, Default)]
pub(super) struct Fate {
    fault: AtomicU8,
    answered: AtomicBool,
    over: AtomicBool,
}

impl Fate {
    /// What was wrong with it, if anything.
    pub(super) fn fault(&self) -> Option<Fault> {
        let known = [Fault::Cut, Fault::Slow, Fault::Long];
        let fault = self.fault.load(Ordering::SeqCst);
        known.into_iter().find(|known| *known as u8 == fault)
    }

    /// Whether all of it came; a way whose body did not end can't be used again.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// The answer is there; nothing more is asked for.
    pub(super) fn answer(&self) {
        self.answered.store(true, Ordering::SeqCst);
    }
}

/// A request's body as it comes from the client.
pub struct Asked {
    incoming: Incoming,
    /// HTTP/2 tells a body that its peer gave up like one that ended.
    says_its_end: bool,
    pace: Pace,
    /// Bytes that are still to come, if a length was declared, else those that still may.
    left: u64,
    declared: bool,
    fate: Arc<Fate>,
}

impl Asked {
    pub(super) fn new(incoming: Incoming, version: Version, limits: &Limits) -> Self {
        let declared = incoming.size_hint().exact();
        let fate = Fate::default();
        fate.over.store(incoming.is_end_stream(), Ordering::SeqCst);
        Self {
            incoming,
            says_its_end: version == Version::HTTP_2,
            pace: Pace::new(limits),
            left: declared.unwrap_or(limits.undeclared_body_bytes),
            declared: declared.is_some(),
            fate: Arc::new(fate),
        }
    }

    pub(super) fn fate(&self) -> Arc<Fate> {
        self.fate.clone()
    }

    fn fail(&self, fault: Fault) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        self.fate.fault.store(fault as u8, Ordering::SeqCst);
        Poll::Ready(Some(Err(fault)))
    }
}

impl Body for Asked {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if self.fate.answered.load(Ordering::SeqCst) {
            // The way to the framework is given up when its answer was taken.
            return Poll::Pending;
        }
        loop {
            let frame = match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    ready!(self.pace.poll_late(cx));
                    return self.fail(Fault::Slow);
                }
            };
            let data = match frame.map(|frame| frame.map(Frame::into_data)) {
                None if self.says_its_end && !self.incoming.is_end_stream() => {
                    return self.fail(Fault::Cut);
                }
                // So looks a body whose connection was dropped.
                None if self.declared && self.left > 0 => return self.fail(Fault::Cut),
                None => {
                    self.fate.over.store(true, Ordering::SeqCst);
                    return Poll::Ready(None);
                }
                Some(Err(_)) => return self.fail(Fault::Cut),
                // Trailers say nothing to the room.
                Some(Ok(Err(_))) => continue,
                Some(Ok(Ok(data))) => data,
            };
            let length = data.len() as u64;
            let Some(left) = self.left.checked_sub(length) else {
                return self.fail(Fault::Long);
            };
            self.left = left;
            if self.declared && left == 0 {
                self.fate.over.store(true, Ordering::SeqCst);
            }
            if !self.pace.came(length) {
                return self.fail(Fault::Slow);
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// How fast bytes come, in the time that the room waits for them: what the room itself takes to
/// store them is not the client's.
struct Pace {
    window: Duration,
    least: u64,
    waited: Duration,
    came: u64,
    since: Option<Instant>,
    /// Never later than the end of the window, and mostly earlier.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    fn new(limits: &Limits) -> Self {
        Self {
            window: limits.body,
            least: limits.body_bytes,
            waited: Duration::ZERO,
            came: 0,
            since: None,
            alarm: None,
        }
    }

    /// Bytes came; whether that was in time.
    fn came(&mut self, bytes: u64) -> bool {
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
        self.came += bytes;
        if self.waited < self.window {
            return true;
        }
        let enough = self.came >= self.least;
        (self.waited, self.came) = (Duration::ZERO, 0);
        enough
    }

    /// Ready when too little came in a window.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let now = Instant::now();
            let since = *self.since.get_or_insert(now);
            if self.waited + (now - since) >= self.window && !self.came(0) {
                return Poll::Ready(());
            }
            let since = *self.since.get_or_insert(now);
            let end = since + self.window.saturating_sub(self.waited);
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(end)));
            ready!(alarm.as_mut().poll(cx));
            // It rang early: the room worked while it ran.
            alarm
                .as_mut()
                .reset(end.max(now + Duration::from_millis(1)));
        }
    }
}

/// A request's body on its way to the framework.
pub(super) enum Sent {
    /// Over the socket.
    Wire(Asked),
    /// None, or one that is handed over.
    Nothing,
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match &mut *self {
            Self::Wire(body) => Pin::new(body).poll_frame(cx),
            Self::Nothing => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Wire(body) => body.is_end_stream(),
            Self::Nothing => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Wire(body) => body.size_hint(),
            Self::Nothing => SizeHint::with_exact(0),
        }
    }
}

/// An answer's body, and what is held until it was taken.
pub(super) struct Answered {
    body: Source,
    running: Running,
    _asking: Option<Asking>,
}

enum Source {
    /// From the web framework, over a way that is lent.
    Wire(Incoming, Option<Borrowed>),
    /// By hand, and the bytes that are still to come.
    Hand(Pieces, u64),
    /// The front's own words.
    Front(Full<Bytes>),
}

type Failure = Box<dyn Error + Send + Sync>;

impl Answered {
    pub(super) fn wire(body: Incoming, way: Borrowed, running: Running, asking: Asking) -> Self {
        let mut body = Self {
            body: Source::Wire(body, Some(way)),
            running,
            _asking: Some(asking),
        };
        body.give_back_if_over();
        body
    }

    pub(super) fn hand(pieces: Pieces, length: u64, running: Running, asking: Asking) -> Self {
        Self {
            body: Source::Hand(pieces, length),
            running,
            _asking: Some(asking),
        }
    }

    pub(super) fn front(text: String, running: Running) -> Self {
        Self {
            body: Source::Front(Full::new(text.into())),
            running,
            _asking: None,
        }
    }

    fn give_back_if_over(&mut self) {
        if let Source::Wire(body, way) = &mut self.body
            && body.is_end_stream()
            && let Some(way) = way.take()
        {
            way.give_back();
        }
    }
}

impl Source {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        match self {
            Self::Front(body) => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(|never| match never {})))
            }
            Self::Hand(pieces, left) => match ready!(pieces.as_mut().poll_next(cx)) {
                Some(Ok(piece)) => match left.checked_sub(piece.len() as u64) {
                    Some(rest) => {
                        *left = rest;
                        Poll::Ready(Some(Ok(Frame::data(piece))))
                    }
                    None => Poll::Ready(Some(Err("more bytes than said".into()))),
                },
                Some(Err(failed)) => Poll::Ready(Some(Err(failed.into()))),
                None if *left > 0 => Poll::Ready(Some(Err("fewer bytes than said".into()))),
                None => Poll::Ready(None),
            },
            Self::Wire(body, way) => {
                if let Some(way) = way {
                    way.drive(cx);
                }
                let frame = ready!(Pin::new(body).poll_frame(cx));
                if frame.is_none()
                    && let Some(way) = way.take()
                {
                    way.give_back();
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
        }
    }
}

impl Body for Answered {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let frame = self.body.poll_next(cx);
        if frame.is_pending() {
            self.running.ready(false);
        } else {
            self.running.taken();
            self.give_back_if_over();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Source::Wire(body, _) => body.is_end_stream(),
            // Its stream may still have to end: what was delivered is entered then.
            Source::Hand(..) => false,
            Source::Front(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Source::Wire(body, _) => body.size_hint(),
            Source::Hand(_, left) => SizeHint::with_exact(*left),
            Source::Front(body) => body.size_hint(),
        }
    }
}
