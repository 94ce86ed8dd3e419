//! Has checkpoints stamped by time authorities: every so often while the log grows, and when
//! somebody asks for it beside the room.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tracing::warn;

use crate::{
    app::{
        Error, Room,
        timestamps::{Outcome, Sender, When, stamp},
    },
    jobs::quietly,
};

/// How often it is looked whether a token is due or asked for.
const LOOK: Duration = Duration::from_secs(2);
/// The pause after the first failure of an authority; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);
/// The file that asks for a token at once, in the data folder.
const ASKED: &str = "stamp-now";

/// Runs for ever; `every` is how often while the log grows, none for never by itself.
pub async fn run(room: &Room, data: &Path, every: Option<Duration>) {
    let sender = match Sender::new() {
        Ok(sender) => sender,
        Err(failed) => {
            warn!(why = failed.told, "no time authority is asked");
            return;
        }
    };
    let mut ways: Vec<Way> = room
        .authorities
        .all()
        .iter()
        .map(|_| Way::default())
        .collect();
    loop {
        // Of several processes one has checkpoints stamped, as one publishes.
        if !room.lead.holds() {
            tokio::time::sleep(LOOK).await;
            continue;
        }
        let now = take_asked(data);
        // One after the other: the second stamps a checkpoint that covers the first one's entry.
        for (asked, way) in room.authorities.all().iter().zip(&mut ways) {
            let when = match (now, every) {
                (true, _) => When::Now,
                (false, Some(every)) if way.may_ask(Instant::now()) => When::Due(every),
                _ => continue,
            };
            let turn = stamp(room, &sender, asked, when).await;
            way.went(&turn, Instant::now());
            quietly("have a checkpoint stamped", turn.map(drop));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// How it goes with one authority.
#[derive(Default)]
struct Way {
    failures: u32,
    /// Until when it is left alone.
    rest: Option<Instant>,
}

impl Way {
    fn may_ask(&self, now: Instant) -> bool {
        self.rest.is_none_or(|rest| now >= rest)
    }

    fn went(&mut self, turn: &Result<Outcome, Error>, now: Instant) {
        if matches!(turn, Ok(Outcome::Stamped(..) | Outcome::NotDue)) {
            *self = Self::default();
            return;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        self.rest = Some(now + pause.min(LONGEST_PAUSE));
    }
}

/// Asks the room with this data folder, if it is at work, for tokens at once.
///
/// # Errors
/// The file can't be made.
pub fn ask(data: &Path) -> io::Result<()> {
    fs::File::create(asked(data)).map(drop)
}

/// Whether the room was asked and has not heard it yet.
pub fn is_asked(data: &Path) -> bool {
    asked(data).exists()
}

fn asked(data: &Path) -> PathBuf {
    data.join(ASKED)
}

/// Whether somebody asked; that it was heard is seen by the file that is gone.
fn take_asked(data: &Path) -> bool {
    is_asked(data)
        && fs::remove_file(asked(data))
            .inspect_err(|error| warn!(%error, "`{ASKED}` can't be removed"))
            .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_that_fails_is_left_alone_for_a_while() {
        let (mut way, mut now) = (Way::default(), Instant::now());
        assert!(way.may_ask(now));
        for round in 0..40 {
            way.went(&Ok(Outcome::Failed("answered 500".into())), now);
            assert!(!way.may_ask(now + FIRST_PAUSE - LOOK), "{round}");
            now += LONGEST_PAUSE;
            assert!(way.may_ask(now), "{round}");
        }
        way.went(&Ok(Outcome::NotDue), now);
        assert!(way.may_ask(now));
    }

    #[test]
    fn what_is_asked_for_is_heard_once() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(!take_asked(folder.path()));
        ask(folder.path()).expect("a file");
        assert!(take_asked(folder.path()));
        assert!(!take_asked(folder.path()));
    }
}
