//! Audits the room, round after round.

use std::{path::PathBuf, thread, time::Duration};

use tokio::sync::oneshot;
use tracing::{error, warn};

use crate::app::{
    Room,
    auditing::{self, Pace},
};

/// How long it is waited after a round that could not be made.
const AGAIN: Duration = Duration::from_secs(600);

/// Runs for ever. Where the rounds stand is kept in the folder `data`.
pub async fn run(room: &Room, data: PathBuf, pace: Pace) {
    loop {
        // Where the rounds stand is kept in a folder that all have in common.
        if !room.lead.holds() {
            tokio::time::sleep(AGAIN).await;
            continue;
        }
        match auditing::due_in(room, &data, pace.every) {
            Ok(left) => tokio::time::sleep(left).await,
            Err(error) => {
                warn!(%error, "where the audit stands can't be kept");
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        }
        if let Err(error) = round(room, data.clone(), pace).await {
            error!(%error, "the room could not audit itself; nothing was changed, and it is tried again in ten minutes; if it goes on, run `custos audit`, which says more");
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// A round on a thread of its own, for which a program that ends does not wait.
async fn round(room: &Room, data: PathBuf, pace: Pace) -> Result<(), String> {
    let (told, ended) = oneshot::channel();
    let room = room.clone();
    let work = move || {
        let outcome = auditing::round(&room, &data, pace);
        drop(told.send(outcome.map(drop).map_err(|error| error.to_string())));
    };
    let thread = thread::Builder::new().name("audit".into()).spawn(work);
    thread.map_err(|error| error.to_string())?;
    let stopped = || Err("it stopped before its end".into());
    ended.await.unwrap_or_else(|_| stopped())
}
