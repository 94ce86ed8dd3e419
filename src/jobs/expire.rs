//! Closes views whose time is over, so that each leaves its closing entry.

use std::time::Duration;

use tracing::warn;

use crate::app::{Room, views};

/// How often the room looks.
const EVERY: Duration = Duration::from_secs(30);
/// Views that are closed in one transaction.
const MAX_AT_ONCE: i64 = 256;

/// Runs for ever.
pub async fn run(room: &Room) {
    loop {
        match views::close_ended(room, MAX_AT_ONCE).await {
            Ok(closed) if closed as i64 == MAX_AT_ONCE => {}
            Ok(_) => tokio::time::sleep(EVERY).await,
            Err(error) => {
                warn!(error = %error, cause = ?error, "could not close ended views yet");
                tokio::time::sleep(EVERY).await;
            }
        }
    }
}
