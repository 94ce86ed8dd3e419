//! Removes what crashes left in the store: staging files, and objects that no row names.

use std::time::Duration;

use futures::StreamExt;
use tracing::{info, warn};

use crate::app::{Error, Room, objects};

/// An object younger than this may still get its row, in microseconds: 24 hours.
const MIN_AGE_MICROS: i64 = 24 * 3_600 * 1_000_000;

/// Sweeps once, when the room starts. What can't be removed is told and left.
pub async fn run(room: &Room) {
    if let Err(error) = sweep(room).await {
        warn!(error = %error, cause = ?error, "could not sweep the store");
    }
}

async fn sweep(room: &Room) -> Result<(), Error> {
    // Another process at the same register may be in the middle of a deposit.
    let quiet = if room.lead.is_shared() {
        Duration::from_micros(MIN_AGE_MICROS.unsigned_abs())
    } else {
        Duration::ZERO
    };
    let staged = room.store.sweep_staging(quiet).await?;
    let before = room.core.ambient.now().micros() - MIN_AGE_MICROS;
    let mut removed = 0_u64;
    let mut objects = room.store.list_objects();
    while let Some(listed) = objects.next().await {
        let listed = listed?;
        if listed.modified_micros < before && !objects::is_named(room, listed.object).await? {
            room.store.delete(listed.object).await?;
            removed += 1;
        }
    }
    if staged + removed > 0 {
        info!(staged, removed, "swept what crashes left in the store");
    }
    Ok(())
}
