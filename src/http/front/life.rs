//! What one connection is doing, and until when it may.
//!
//! ```text
//! quiet --first byte--> head --request--> busy --last answer taken--> quiet
//! ```

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU8, Ordering},
    },
    task::Waker,
    time::Duration,
};

use futures::task::AtomicWaker;
use tokio::time::Instant;

use super::limits::Limits;

/// How often a busy connection is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// Requests that one connection may give up before they are answered, more than it lets be
/// answered; then it is cut (CVE-2023-44487, "rapid reset").
const MAX_GIVEN_UP: u32 = 100;

/// What a connection is told; a higher one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Order {
    /// Go on.
    None,
    /// End when no request runs.
    Finish,
    /// Its place is given to another: end now, unless a request runs.
    Leave,
    /// End now.
    Cut,
}

/// Why a connection's time is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// The head of a request did not come.
    Head,
    /// No request came.
    Idle,
    /// Answers are there, and nobody takes them.
    Stalled,
    /// It is not; look again.
    Look,
}

#[derive(Debug)]
struct State {
    /// Requests that run.
    running: u32,
    /// Those of them whose answer waits for the client.
    ready: u32,
    /// Whether bytes of a head have come while none ran.
    head: bool,
    /// Whether bytes of an answer wait for the client, though its request runs no more.
    unsent: bool,
    /// Since when it is so.
    since: Instant,
    /// Requests given up before their answer, less those answered.
    given_up: u32,
}

/// The life of one connection.
#[derive(Debug)]
pub(super) struct Life {
    state: Mutex<State>,
    order: AtomicU8,
    task: AtomicWaker,
}

impl Life {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                running: 0,
                ready: 0,
                head: false,
                unsent: false,
                since: Instant::now(),
                given_up: 0,
            }),
            order: AtomicU8::new(Order::None as u8),
            task: AtomicWaker::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }

    /// Bytes came from the client.
    pub(super) fn received(&self) {
        let mut state = self.lock();
        if state.running == 0 && !state.head {
            state.head = true;
            state.since = Instant::now();
        }
    }

    /// The time begins anew: the handshake is over.
    pub(super) fn begins(&self) {
        let mut state = self.lock();
        state.head = false;
        state.since = Instant::now();
    }

    /// Whether bytes that were written wait for the client.
    pub(super) fn unsent(&self, unsent: bool) {
        let mut state = self.lock();
        if state.unsent != unsent {
            state.unsent = unsent;
            state.since = Instant::now();
        }
    }

    /// The client took some bytes.
    pub(super) fn sent(&self) {
        let mut state = self.lock();
        if state.unsent {
            state.since = Instant::now();
        }
    }

    /// A request's head is there.
    pub(super) fn request(self: &Arc<Self>) -> Running {
        let mut state = self.lock();
        state.running += 1;
        state.head = false;
        drop(state);
        Running {
            life: self.clone(),
            ready: false,
            answered: false,
        }
    }

    /// Since when no request runs and no answer is under way; `None` while one is.
    pub(super) fn quiet_since(&self) -> Option<Instant> {
        let state = self.lock();
        (state.running == 0 && !state.unsent).then_some(state.since)
    }

    /// Until when it may go on as it does, and what is wrong then.
    pub(super) fn deadline(&self, limits: &Limits, now: Instant) -> (Instant, Late) {
        let state = self.lock();
        match (state.running, state.head) {
            // Not before the answer in front of it is out: other words would become its end.
            (0, _) if state.unsent => (state.since + limits.stall, Late::Stalled),
            (0, true) => (state.since + limits.header, Late::Head),
            (0, false) => (state.since + limits.idle, Late::Idle),
            (running, _) if running == state.ready => (state.since + limits.stall, Late::Stalled),
            _ => (now + LOOK, Late::Look),
        }
    }

    /// Tells the connection what to do.
    pub(super) fn tell(&self, order: Order) {
        self.order.fetch_max(order as u8, Ordering::SeqCst);
        self.task.wake();
    }

    /// What it was told; `waker` is woken by the next order.
    pub(super) fn order(&self, waker: &Waker) -> Order {
        self.task.register(waker);
        match self.order.load(Ordering::SeqCst) {
            0 => Order::None,
            1 => Order::Finish,
            2 => Order::Leave,
            _ => Order::Cut,
        }
    }
}

/// A request that runs, until its answer was taken or it was given up.
#[derive(Debug)]
pub(super) struct Running {
    life: Arc<Life>,
    ready: bool,
    answered: bool,
}

impl Running {
    /// The head of the answer goes out.
    pub(super) fn answered(&mut self) {
        self.answered = true;
        let mut state = self.life.lock();
        state.given_up = state.given_up.saturating_sub(1);
    }

    /// Whether a piece of the answer waits for the client.
    pub(super) fn ready(&mut self, ready: bool) {
        if ready == self.ready {
            return;
        }
        self.ready = ready;
        let mut state = self.life.lock();
        if ready {
            state.ready += 1;
        } else {
            state.ready -= 1;
        }
        state.since = Instant::now();
    }

    /// The client took a piece, and the next one waits for it already.
    pub(super) fn taken(&mut self) {
        if self.ready {
            self.life.lock().since = Instant::now();
        } else {
            self.ready(true);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ready(false);
        let mut state = self.life.lock();
        state.running -= 1;
        state.since = Instant::now();
        if !self.answered {
            state.given_up += 1;
        }
        let resets = state.given_up > MAX_GIVEN_UP;
        drop(state);
        if resets {
            self.life.tell(Order::Cut);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_goes_from_quiet_to_head_to_busy_and_back() {
        let (life, limits) = (Arc::new(Life::new()), Limits::default());
        let now = Instant::now();
        let late = || life.deadline(&limits, now).1;
        assert_eq!(late(), Late::Idle);
        life.received();
        assert_eq!(late(), Late::Head);
        let since = life.quiet_since();
        life.received();
        assert_eq!(life.quiet_since(), since, "more bytes prolong nothing");
        let mut one = life.request();
        let two = life.request();
        assert_eq!((late(), life.quiet_since()), (Late::Look, None));
        one.ready(true);
        assert_eq!(late(), Late::Look, "the other waits for the room");
        drop(two);
        assert_eq!(late(), Late::Stalled);
        one.ready(false);
        assert_eq!(late(), Late::Look);
        drop(one);
        assert_eq!(late(), Late::Idle);
        life.unsent(true);
        life.received();
        assert_eq!((late(), life.quiet_since()), (Late::Stalled, None));
        life.unsent(false);
        assert_eq!(late(), Late::Head);
    }

    #[test]
    fn a_connection_that_only_resets_is_cut() {
        let life = Arc::new(Life::new());
        let order = || life.order(futures::task::noop_waker_ref());
        for _ in 0..MAX_GIVEN_UP {
            drop(life.request());
        }
        let mut heard = life.request();
        heard.answered();
        drop(heard);
        drop(life.request());
        assert_eq!(order(), Order::None);
        drop(life.request());
        assert_eq!(order(), Order::Cut);
        life.tell(Order::Finish);
        assert_eq!(order(), Order::Cut, "the higher order counts");
    }
}
