//! Closes views whose time is over or whose session has ended, so that each leaves its closing
//! entry.

use std::time::Duration;

use tracing::warn;

use crate::app::{Room, once, views};

/// How often the room looks.
const EVERY: Duration = Duration::from_secs(30);
/// Views that are closed in one transaction.
const MAX_AT_ONCE: i64 = 256;

/// Runs for ever.
pub async fn run(room: &Room) {
    loop {
        if !room.lead.holds() {
            tokio::time::sleep(EVERY).await;
            continue;
        }
        let ended = views::close_ended(room, MAX_AT_ONCE).await;
        if ended
            .as_ref()
            .is_ok_and(|closed| *closed as i64 == MAX_AT_ONCE)
        {
            continue;
        }
        let forgotten = once::forget_old(room).await;
        for closed in [ended, views::close_abandoned(room).await, forgotten] {
            if let Err(error) = closed {
                warn!(error = %error, cause = ?error, "could not close ended views yet");
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}
