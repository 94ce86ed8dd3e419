//! Publishes once a second while entries are pending.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, warn};

use crate::{
    app::{Error, Room, leading},
    jobs::quietly,
};

/// How often the room looks for entries to publish.
const EVERY: Duration = Duration::from_secs(1);

/// Runs until the writer stops or the store can't say what is durable: then the process must
/// stop too.
///
/// A failure is told and tried again at the next turn: what is pending stays pending, and no
/// receipt is promised for it before it is published.
pub async fn run(room: &Room) {
    let mut committed = room.writer.committed();
    let mut turns = interval(EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // At most once a second, and not at all while nothing is pending.
        turns.tick().await;
        let published = *room.published.borrow();
        let alone = !room.lead.is_shared();
        let pending = tokio::select! {
            // Nothing more is written to a store that could not say what is durable.
            biased;
            () = room.fatal.notified() => return,
            pending = committed.wait_for(|size| *size > published), if alone => pending.map(drop),
            // What other processes commit is known to nobody here before it is looked for.
            () = std::future::ready(()), if !alone => Ok(()),
        };
        // With entries pending the wait is over at once, also when nobody is left to write.
        if pending.is_err() || room.writer.is_stopped() {
            error!("the writer has stopped; the room stops too");
            return;
        }
        let done = turn(room).await.map_err(|error| room.stop_if_fatal(error));
        if done.is_err() && room.lead.is_shared() {
            // Another process may be able to.
            quietly(
                "let another process lead",
                leading::give_up(room, false).await,
            );
        }
        match done {
            Ok(()) => {}
            Err(error @ Error::Damaged(_)) => {
                error!(alarm = "log_damaged", error = %error, cause = ?error, "nothing was signed");
            }
            Err(error) => {
                warn!(error = %error, cause = ?error, "could not publish yet");
                room.spend_if_full(error).await;
            }
        }
    }
}

/// Publishes, or follows whoever does.
async fn turn(room: &Room) -> Result<(), Error> {
    if leading::keep(room).await? {
        let epoch = room.lead.epoch();
        room.publisher.publish_leading(epoch).await.map(drop)
    } else {
        room.publisher.follow().await
    }
}
