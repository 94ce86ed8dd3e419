//! Makes the reserve again when there is room on the disk, and then takes deposits again.

use std::time::Duration;

use tokio::task::spawn_blocking;

use crate::app::Room;

/// How often the room looks.
const EVERY: Duration = Duration::from_secs(10);

/// Runs for ever.
pub async fn run(room: &Room) {
    loop {
        tokio::time::sleep(EVERY).await;
        let core = room.core.clone();
        // It panics nowhere; where the runtime ends, this ends too.
        drop(spawn_blocking(move || core.reserve.tend()).await);
    }
}
