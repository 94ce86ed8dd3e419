//! How long the client waits, and when it asks again.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::client::error::ClientError;

/// How long a transfer may stand still. Networks in the field do that.
pub(super) const STILL: Duration = Duration::from_secs(180);
/// How long the room may take to acknowledge bytes that it has.
const ACKNOWLEDGE: Duration = Duration::from_secs(600);
/// Longest wait that the room may ask for, in seconds.
const MAX_RETRY_SECONDS: u64 = 30;
/// Waits before a request that changed nothing is made again.
pub(super) const RETRIES: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// Returns when bytes that are sent stand still for too long, with what that means.
pub(super) async fn watch(size: u64, sent: &AtomicU64) -> &'static str {
    let (mut before, mut since) = (sent.load(Ordering::Relaxed), Instant::now());
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = sent.load(Ordering::Relaxed);
        if now != before {
            (before, since) = (now, Instant::now());
        } else if now >= size && since.elapsed() > ACKNOWLEDGE {
            return "the room did not acknowledge the bytes that were sent";
        } else if now < size && since.elapsed() > STILL {
            return "no more bytes could be sent";
        }
    }
}

/// Makes a request again, a few times, if it may succeed yet. Only for requests that deposit
/// nothing and may be made twice.
pub(super) async fn patiently<T>(
    request: impl AsyncFn() -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    for wait in RETRIES {
        match request().await {
            Err(error) if error.may_pass() || matches!(error, ClientError::Broken(_)) => {
                tokio::time::sleep(pause(&error, wait)).await;
            }
            done => return done,
        }
    }
    request().await
}

/// How long to wait before another attempt: what the room asks for, within bounds.
pub(in crate::client) fn pause(error: &ClientError, usual: Duration) -> Duration {
    match error {
        ClientError::Refused(problem) => problem.retry_seconds.map_or(usual, |seconds| {
            Duration::from_secs(seconds.min(MAX_RETRY_SECONDS)).max(usual)
        }),
        _ => usual,
    }
}
