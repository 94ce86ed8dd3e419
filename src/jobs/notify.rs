//! Sends notices: letters one after the other, and beside them the events of each endpoint, so
//! that a server which hangs keeps nobody waiting but those who wait for it.

use std::{path::Path, time::Duration};

use futures::future::join_all;
use tokio::sync::watch;
use tracing::warn;

use crate::{
    app::{
        Error, Room,
        notices::{
            damage,
            sending::{self, Sender, SentBy},
        },
    },
    jobs::quietly,
};

/// How often it is looked for what is due, besides whenever something was committed.
const EVERY: Duration = Duration::from_secs(1);
/// The pause between two looks in a room that is busy.
const BREATH: Duration = Duration::from_millis(20);
/// How often it is looked for the note of an audit, and for what is too old.
const SELDOM: Duration = Duration::from_secs(60);

/// Runs for ever. An audit leaves its note in the folder `data`.
pub async fn run(room: &Room, data: &Path) {
    quietly("drop notices", sending::drop_unreachable(room).await);
    let sender = match Sender::new() {
        Ok(sender) => Some(sender),
        Err(failed) => {
            warn!(why = failed.told, "no event is sent to any endpoint");
            None
        }
    };
    let sender = sender.as_ref();
    let endpoints = room.core.outlets.hooks.iter();
    let endpoints = endpoints.map(|hook| way(room, sender, SentBy::Endpoint(&hook.endpoint.name)));
    let letters = async {
        if room.core.outlets.mail.is_some() {
            way(room, sender, SentBy::Mail).await;
        }
    };
    tokio::join!(join_all(endpoints), letters, seldom(room, data));
}

/// Sends what is due on one way.
async fn way(room: &Room, sender: Option<&Sender>, way: SentBy<'_>) {
    let mut committed = room.writer.committed();
    loop {
        // What is committed from here on is looked for again.
        committed.mark_unchanged();
        match pass(room, sender, way).await {
            // There may be more than was looked up at once.
            Ok(true) => continue,
            other => quietly("send notices", other.map(drop)),
        }
        something(&mut committed).await;
    }
}

/// Sends what is due now; says whether there was any.
async fn pass(room: &Room, sender: Option<&Sender>, way: SentBy<'_>) -> Result<bool, Error> {
    let due = sending::due(room, way).await?;
    for notice in &due {
        sending::deliver(room, sender, *notice).await?;
    }
    Ok(!due.is_empty())
}

/// Waits until something was committed, or for a while.
async fn something(committed: &mut watch::Receiver<u64>) {
    match tokio::time::timeout(EVERY, committed.changed()).await {
        // The writer has stopped, and nothing is ever due again.
        Ok(Err(_)) => std::future::pending().await,
        Ok(Ok(())) | Err(_) => tokio::time::sleep(BREATH).await,
    }
}

async fn seldom(room: &Room, data: &Path) {
    loop {
        quietly(
            "take up the note of an audit",
            damage::take_up(room, data).await.map(drop),
        );
        quietly("forget old notices", sending::forget_old(room).await);
        tokio::time::sleep(SELDOM).await;
    }
}
