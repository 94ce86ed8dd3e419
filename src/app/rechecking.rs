//! A running delivery looks again whether what it was permitted on still stands.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::JoinHandle;

use super::{context::Room, error::Error};
use crate::db::{Connection, head};

/// A running delivery looks again after so many bytes.
const RECHECK_BYTES: u64 = 4 << 20;
/// The same after so much time.
const RECHECK_AFTER: Duration = Duration::from_secs(2);

/// Answers whether something still stands, on the facts of now.
pub(super) type Stands = Arc<dyn Fn(&mut Connection) -> Result<bool, Error> + Send + Sync>;

/// The checks of one delivery.
pub(super) struct Recheck {
    room: Room,
    stands: Stands,
    /// Bytes given out since the newest check began.
    unchecked: u64,
    /// When it began.
    checking_since: Instant,
    /// The newest check that was passed; none yet but that on which the delivery began.
    passed: Option<Passed>,
    /// A check that runs while bytes are given out on the one before it.
    running: Option<JoinHandle<Result<Passed, Error>>>,
}

/// A check that was passed.
#[derive(Debug, Clone, Copy)]
struct Passed {
    /// Size of the log just before it.
    log: u64,
    /// When it began.
    at: Instant,
}

impl Recheck {
    /// For a delivery that was permitted just now.
    pub(super) fn new(room: Room, stands: Stands) -> Self {
        Self {
            room,
            stands,
            unchecked: 0,
            checking_since: Instant::now(),
            passed: None,
            running: None,
        }
    }

    /// Whether `bytes` more may go out. Halfway to the limit a check begins, and bytes go out
    /// meanwhile; at the limit it must have been answered. So at most [`RECHECK_BYTES`] go out
    /// behind a revocation. A delivery that stood still for [`RECHECK_AFTER`] waits for a check
    /// that begins now.
    ///
    /// # Errors
    /// [`Error::NotFound`]: it does not stand any more.
    pub(super) async fn before(&mut self, bytes: u64) -> Result<(), Error> {
        self.unchecked += bytes;
        let time = self.checking_since.elapsed();
        if self.unchecked < RECHECK_BYTES / 2 && time < RECHECK_AFTER / 2 {
            return Ok(());
        }
        if let Some(running) = self.running.take() {
            let passed = running.await.map_err(|_| Error::CustodyUnavailable(None))?;
            self.passed = Some(passed?);
        }
        self.unchecked = 0;
        self.checking_since = Instant::now();
        let next = look(self.room.clone(), self.stands.clone(), self.passed);
        if time < RECHECK_AFTER {
            self.running = Some(tokio::spawn(next));
        } else {
            self.passed = Some(next.await?);
        }
        Ok(())
    }
}

/// Whatever may end a permission leaves an entry, or is a matter of time; so within a second
/// nothing is looked at again while the log has not grown.
async fn look(room: Room, stands: Stands, before: Option<Passed>) -> Result<Passed, Error> {
    room.read(move |connection| {
        let (log, at) = (head::size(connection)?, Instant::now());
        if let Some(before) = before
            && before.log == log
            && before.at.elapsed() < RECHECK_AFTER / 2
        {
            return Ok(before);
        }
        if stands(connection)? {
            Ok(Passed { log, at })
        } else {
            Err(Error::NotFound)
        }
    })
    .await
}
