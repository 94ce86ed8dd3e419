//! Wipes indexes that nobody has used for a while, so that what is decrypted does not lie in
//! memory longer than it serves.

use std::time::Duration;

use crate::app::Room;

/// How often the room looks.
const EVERY: Duration = Duration::from_secs(30);

/// Runs for ever.
pub async fn run(room: &Room) {
    loop {
        tokio::time::sleep(EVERY).await;
        room.indexes.forget_idle(room.core.ambient.now());
    }
}
