//! Witnesses of the custody log: others who remember its checkpoints and confirm those that
//! continue what they remember (decision 17).
//!
//! ```text
//! checkpoint published ── asked of each witness, apart from everything else
//!     cosignature verified, kept    one transaction    a crash here leaves the witness ahead of
//!                                                      what is kept; it says so, and is asked again
//!     note given out with it        /log/checkpoint, receipts, bundles
//! ```
//!
//! The published file stays what the log signed; cosignatures are joined to it whenever a note is
//! given out. So a note only gains lines, and no file is ever half changed.
//!
//! INVARIANT: no deposit, and nothing else that is entered, waits for a witness.
//!
//! | module | what it is |
//! |---|---|
//! | [`asking`] | one request for a cosignature, and what its answer means |
//! | [`conflicts`] | checkpoints that contradict the room's own: evidence and alarm |
//! | [`elsewhere`] | checkpoints that were found elsewhere, compared beside a room |

pub mod asking;
pub mod conflicts;
pub mod elsewhere;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use custos_core::{
    checkpoint::{NoteSignature, SignedCheckpoint, VerifierKey},
    event::slot,
    ids::{LeafIndex, Timestamp},
};
use serde_json::json;
use tokio::sync::watch;

use super::{
    SignedIn,
    context::Room,
    entering::{Draft, Tx},
    error::Error,
    timestamps,
    writer::{Command, Stop},
};
use crate::{
    db::witnesses::{self, ConflictRow, From},
    peers::witnesses::Witness,
    policy::{action::ManagePeople, facts::Resource},
};

/// How long a receipt or a bundle waits for cosignatures of a checkpoint that covers it.
const COSIGNATURE_WAIT: Duration = Duration::from_secs(5);

/// The witnesses of one room.
#[derive(Default)]
pub struct Witnesses {
    watched: Vec<Watched>,
    /// How many cosignatures were kept since the start.
    kept: watch::Sender<u64>,
}

/// A witness, and how it is with it since the start.
pub struct Watched {
    /// The witness.
    pub witness: Witness,
    /// Whether the last request was answered as it should be: only then it is waited for.
    answers: AtomicBool,
    /// What became of the last request, if it failed.
    failure: Mutex<Option<String>>,
}

impl Witnesses {
    /// Witnesses that were not asked yet.
    pub fn new(witnesses: Vec<Witness>) -> Self {
        let watched = witnesses.into_iter().map(|witness| Watched {
            witness,
            answers: AtomicBool::new(false),
            failure: Mutex::default(),
        });
        Self {
            watched: watched.collect(),
            kept: watch::Sender::default(),
        }
    }

    /// Each of them.
    pub fn all(&self) -> &[Watched] {
        &self.watched
    }

    fn keys(&self) -> Vec<VerifierKey> {
        let keys = self.watched.iter().map(|watched| &watched.witness.key);
        keys.cloned().collect()
    }

    fn answering(&self) -> usize {
        let answering = self.watched.iter();
        answering.filter(|watched| watched.answers()).count()
    }
}

impl Watched {
    /// Whether the last request since the start was answered as it should be.
    fn answers(&self) -> bool {
        self.answers.load(Ordering::Relaxed)
    }

    /// Keeps how the last request went.
    fn went(&self, failure: Option<String>) {
        self.answers.store(failure.is_none(), Ordering::Relaxed);
        *self.failure.lock().expect("no holder of this lock panics") = failure;
    }
}

impl Room {
    /// The same room with these witnesses.
    #[must_use]
    pub fn witnessed_by(self, witnesses: Vec<Witness>) -> Self {
        Self {
            witnesses: Arc::new(Witnesses::new(witnesses)),
            ..self
        }
    }
}

/// The published checkpoint of this size, with what witnesses confirmed.
///
/// # Errors
/// [`Error::NotFound`] where nothing of this size was published.
pub async fn cosigned(room: &Room, size: u64) -> Result<SignedCheckpoint, Error> {
    room.read(move |connection| witnesses::cosigned(connection, size)?.ok_or(Error::NotFound))
        .await
}

/// The size of a published checkpoint that covers the entry at `index`: of those that most
/// witnesses confirmed the newest. It waits a little for witnesses that answered last time, and
/// for no other.
///
/// # Errors
/// The publisher has stopped, or publishes nothing for half a minute.
pub async fn covered(room: &Room, index: LeafIndex) -> Result<u64, Error> {
    let index = index.get();
    let size = room.covered(index).await?;
    let keys = room.witnesses.keys();
    if keys.is_empty() {
        return Ok(size);
    }
    let mut kept = room.witnesses.kept.subscribe();
    let waiting = async {
        loop {
            kept.mark_unchanged();
            let best = most_confirmed(room, index, &keys, From::Newest).await?;
            let (wanted, count) = (
                room.witnesses.answering(),
                best.map_or(0, |(_, count)| count),
            );
            if count >= wanted || kept.changed().await.is_err() {
                return Ok::<_, Error>(best);
            }
        }
    };
    let best = match tokio::time::timeout(COSIGNATURE_WAIT, waiting).await {
        Ok(best) => best?,
        Err(_) => most_confirmed(room, index, &keys, From::Newest).await?,
    };
    Ok(best.map_or(size, |(size, _)| size))
}

/// The size of the oldest checkpoint that covers the entry at `index` and that most witnesses
/// confirmed; none where none did.
///
/// # Errors
/// The register can't be read.
pub async fn first_confirmed(room: &Room, index: u64) -> Result<Option<u64>, Error> {
    let keys = room.witnesses.keys();
    if keys.is_empty() {
        return Ok(None);
    }
    let best = most_confirmed(room, index, &keys, From::Oldest).await?;
    Ok(best.map(|(size, _)| size))
}

async fn most_confirmed(
    room: &Room,
    index: u64,
    keys: &[VerifierKey],
    from: From,
) -> Result<Option<(u64, usize)>, Error> {
    let keys = keys.to_vec();
    room.read(move |connection| Ok(witnesses::most_confirmed(connection, index, &keys, from)?))
        .await
}

/// How it is with one witness, for administrators.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Its name in the settings.
    pub name: String,
    /// Its key.
    pub key: String,
    /// Where it is asked: host and port.
    pub at: String,
    /// The largest size that it confirmed, and when that came.
    pub confirmed: Option<(u64, Timestamp)>,
    /// Whether the last request since the start was answered as it should be.
    pub answers: bool,
    /// Why not, if one was made.
    pub failure: Option<String>,
}

/// What administrators see: each witness, and what contradicts the log.
#[derive(Debug, Clone)]
pub struct Overview {
    /// Size of the newest published checkpoint.
    pub published: u64,
    /// The witnesses of the settings.
    pub witnesses: Vec<Standing>,
    /// Contradictions, the oldest first.
    pub conflicts: Vec<ConflictRow>,
    /// The time authorities of the settings.
    pub authorities: Vec<timestamps::Standing>,
}

/// How it is with the witnesses; one entry for the request.
///
/// # Errors
/// Refused to everyone but administrators.
pub async fn overview(room: &Room, who: &SignedIn) -> Result<Overview, Error> {
    let of = "witnesses";
    let done = room.writer.submit(Look { who: *who, of }).await?;
    let keys = room.witnesses.keys();
    let confirmed = room
        .read(move |connection| {
            let all = keys.iter().map(|key| witnesses::confirmed(connection, key));
            Ok(all.collect::<Result<Vec<_>, _>>()?)
        })
        .await?;
    let authorities = timestamps::standings(room).await?;
    let standings = room.witnesses.all().iter().zip(confirmed);
    Ok(Overview {
        published: *room.published.borrow(),
        witnesses: standings
            .map(|(watched, confirmed)| Standing {
                name: watched.witness.name.clone(),
                key: watched.witness.key.to_string(),
                at: watched.witness.submission.shown(),
                confirmed,
                answers: watched.answers(),
                failure: watched
                    .failure
                    .lock()
                    .expect("no holder of this lock panics")
                    .clone(),
            })
            .collect(),
        conflicts: done.output,
        authorities,
    })
}

/// How it is with the time authorities alone; one entry for the request.
///
/// # Errors
/// Refused to everyone but administrators.
pub async fn authorities(room: &Room, who: &SignedIn) -> Result<Vec<timestamps::Standing>, Error> {
    let of = "timestamps";
    room.writer.submit(Look { who: *who, of }).await?;
    timestamps::standings(room).await
}

struct Look {
    who: SignedIn,
    of: &'static str,
}

impl Command for Look {
    type Output = Vec<ConflictRow>;

    fn run(self, tx: &mut Tx<'_>) -> Result<Vec<ConflictRow>, Stop> {
        let asking = tx.asking(&self.who)?;
        let room = tx.room();
        let permit = tx.permit::<ManagePeople>(&asking, &Resource::Room(room))?;
        let draft = Draft::of_room("list", room)
            .permitted(tx.acting(&asking, None), &permit)
            .detail(slot::DETAIL, json!({"of": self.of}));
        tx.enter(draft)?;
        Ok(witnesses::conflicts_for(tx.connection, &permit)?)
    }
}

/// Keeps a cosignature. It has no entry of its own, because it proves itself and says nothing
/// that the log does not say.
struct Keep {
    size: u64,
    key: VerifierKey,
    line: NoteSignature,
}

impl Command for Keep {
    type Output = bool;

    fn run(self, tx: &mut Tx<'_>) -> Result<bool, Stop> {
        let now = tx.now();
        let kept = witnesses::keep(tx.connection, self.size, &self.key, &self.line, now)?;
        // A crash before the commit leaves the witness ahead of what is kept here: it answers the
        // next request with the size that it confirmed, and is asked again from there.
        Ok(kept)
    }
}
