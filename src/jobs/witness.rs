//! Asks each witness to confirm what was published: one after the other checkpoint, the newest
//! each time, and each witness apart from the others.

use std::{path::Path, time::Duration};

use futures::future::join_all;
use tracing::warn;

use crate::{
    app::{
        Error, Room,
        witnesses::{
            Watched,
            asking::{self, Outcome, Sender},
            conflicts::SELDOM,
            elsewhere,
        },
    },
    jobs::quietly,
};

/// The pause between two requests to a witness that answers: what is published meanwhile is
/// confirmed by one.
const BREATH: Duration = Duration::from_secs(1);
/// The pause after the first failure; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest pause that grows by itself.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// How often a process looks whether it leads now.
const NOT_LEADING: Duration = Duration::from_secs(3);
/// How often it is looked for checkpoints that were left in the data folder.
const SELDOM_LOOK: Duration = Duration::from_secs(60);

/// Runs for ever. Checkpoints that were found elsewhere are left in the folder `data`.
pub async fn run(room: &Room, data: &Path) {
    tokio::join!(ask_all(room), look(room, data));
}

async fn look(room: &Room, data: &Path) {
    loop {
        let taken = elsewhere::take_up(room, data).await;
        quietly("take up checkpoints", taken.map(drop));
        tokio::time::sleep(SELDOM_LOOK).await;
    }
}

async fn ask_all(room: &Room) {
    let sender = match Sender::new() {
        Ok(sender) => sender,
        Err(failed) => {
            warn!(why = failed.told, "no witness is asked");
            return;
        }
    };
    let sender = &sender;
    let ways = room.witnesses.all().iter();
    join_all(ways.map(|watched| way(room, sender, watched))).await;
}

/// Asks one witness.
async fn way(room: &Room, sender: &Sender, watched: &Watched) {
    let mut published = room.published.clone();
    let mut failures = 0;
    loop {
        // What is published from here on is asked for again.
        published.mark_unchanged();
        if !room.lead.holds() {
            tokio::time::sleep(NOT_LEADING).await;
            continue;
        }
        let asked = asking::ask(room, sender, watched).await;
        match pause(asked, &mut failures) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => {
                if published.changed().await.is_err() {
                    // Nothing is ever published again.
                    return;
                }
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

/// How long to wait before the next request; none where there is nothing to ask.
fn pause(asked: Result<Outcome, Error>, failures: &mut u32) -> Option<Duration> {
    let least = match asked {
        Ok(Outcome::Confirmed(_)) => {
            *failures = 0;
            return None;
        }
        Ok(Outcome::Failed { after, .. }) => after,
        Ok(Outcome::Contradicted) => SELDOM,
        Err(error) => {
            warn!(%error, cause = ?error, "could not ask a witness yet");
            Duration::ZERO
        }
    };
    let grown = FIRST_PAUSE.saturating_mul(1 << (*failures).min(16));
    *failures = failures.saturating_add(1);
    Some(grown.min(LONGEST_PAUSE).max(least))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_with_the_first_success() {
        let mut failures = 0;
        let failed = |after: u64| {
            Ok(Outcome::Failed {
                told: "answered 500".into(),
                after: Duration::from_secs(after),
            })
        };
        let mut next = |asked| pause(asked, &mut failures).map(|pause| pause.as_secs());
        let grown: Vec<_> = (0..5).map(|_| next(failed(0))).collect();
        assert_eq!(grown, [2, 4, 8, 16, 32].map(Some));
        assert_eq!(next(failed(3_000)), Some(3_000));
        assert_eq!(next(Ok(Outcome::Contradicted)), Some(600));
        for _ in 0..40 {
            next(failed(0));
        }
        assert_eq!(next(failed(0)), Some(600));
        assert_eq!(next(Ok(Outcome::Confirmed(7))), None);
        assert_eq!(next(failed(0)), Some(2));
    }
}
