//! Time of others: tokens of time authorities over anchor checkpoints (decision 21).
//!
//! ```text
//! checkpoint published ── its hash is shown to an authority, apart from everything else
//!     reply verified              nothing is kept of one that does not hold
//!     token kept, digest entered  one transaction    a crash before it leaves nothing: the next
//!                                                    turn asks anew
//! checkpoint over that entry ── the next anchor: each token is covered by the one after it
//! ```
//!
//! INVARIANT: no deposit, and nothing else that is entered, waits for an authority.
//!
//! | module | what it is |
//! |---|---|
//! | [`asking`] | tokens at once, for whoever asks for them |

pub mod asking;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use custos_core::{
    checkpoint::SignedCheckpoint,
    event::slot,
    hash::{Hash, sha256},
    ids::Timestamp,
    timestamp::{Reply, Request, Stamp},
};
use serde_json::json;
use tracing::{error, info, warn};

use super::{
    context::Room,
    entering::{Draft, Tx},
    error::Error,
    open::Places,
    writer::{Command, Stop},
};
use crate::{
    db::{
        Connection, DbError, copying, head,
        timestamps::{self, Stamped},
    },
    peers::timestamps::Authority,
};

pub use crate::peers::timestamps::Sender;

/// How long before the end of a certificate its newest token is renewed, and how often that is
/// tried: a token by the same certificate renews nothing.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 86_400);
const RENEW_EVERY: Duration = Duration::from_secs(86_400);
/// How far an authority's clock and the room's may be apart, besides the time that a request
/// takes, before it is told.
pub const MAX_DIFFERENCE: Duration = Duration::from_secs(10);

/// The time authorities of one room.
#[derive(Default)]
pub struct Authorities(Vec<Asked>);

/// An authority, and how the last request went.
pub struct Asked {
    /// The authority.
    pub authority: Authority,
    /// Why the last request since the start failed; none if it did not.
    failure: Mutex<Option<String>>,
}

impl Authorities {
    /// Authorities that were not asked yet.
    pub fn new(authorities: Vec<Authority>) -> Self {
        let asked = authorities.into_iter().map(|authority| Asked {
            authority,
            failure: Mutex::default(),
        });
        Self(asked.collect())
    }

    /// Each of them.
    pub fn all(&self) -> &[Asked] {
        &self.0
    }
}

impl Asked {
    /// Why the last request since the start failed.
    pub fn failure(&self) -> Option<String> {
        let failure = self.failure.lock();
        failure.expect("no holder of this lock panics").clone()
    }

    fn went(&self, failure: Option<String>) {
        *self.failure.lock().expect("no holder of this lock panics") = failure;
    }
}

impl Room {
    /// The same room with these time authorities.
    #[must_use]
    pub fn stamped_by(self, authorities: Vec<Authority>) -> Self {
        Self {
            authorities: Arc::new(Authorities::new(authorities)),
            ..self
        }
    }
}

/// When a token is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// If the log grew and so much time went by since the last one, or that one has to be renewed.
    Due(Duration),
    /// Unless the newest checkpoint has one.
    Now,
}

/// What became of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The checkpoint of this size was stamped at this time.
    Stamped(u64, Timestamp),
    /// Nothing had to be stamped.
    NotDue,
    /// There is no token; nothing was kept.
    Failed(String),
}

/// Has the newest checkpoint stamped by an authority, if that is due.
///
/// # Errors
/// The register can't be read or written.
pub async fn stamp(
    room: &Room,
    sender: &Sender,
    asked: &Asked,
    when: When,
) -> Result<Outcome, Error> {
    let outcome = turn(room, sender, asked, when).await?;
    match &outcome {
        Outcome::Stamped(size, time) => {
            info!(
                authority = %asked.authority.name, log.size = size, time = time.micros(),
                "a time authority stamped a checkpoint"
            );
            asked.went(None);
        }
        Outcome::NotDue => {}
        Outcome::Failed(told) => {
            warn!(authority = %asked.authority.name, why = told, "no token of a time authority");
            asked.went(Some(told.clone()));
        }
    }
    Ok(outcome)
}

async fn turn(room: &Room, sender: &Sender, asked: &Asked, when: When) -> Result<Outcome, Error> {
    let authority = &asked.authority;
    let (published, now) = (*room.published.borrow(), room.core.ambient.now());
    let name = authority.name.clone();
    let (due, newest) = room
        .read(move |connection| {
            let due = is_due(connection, &name, published, when, now)?;
            Ok((due, timestamps::newest(connection, None)?))
        })
        .await?;
    if !due {
        return Ok(Outcome::NotDue);
    }
    // One token for a size: where another authority was first, the next checkpoint covers the
    // entry of its token, and is there within moments.
    let size = match newest {
        Some(newest) if newest.size >= published => room.covered(newest.leaf).await?,
        _ => published,
    };
    let imprint = imprint(room, size).await?;
    let request = Request {
        imprint,
        nonce: u64::from_be_bytes(room.core.ambient.bytes()),
        policy: authority.policy,
        any_order: authority.any_order,
    };
    let reply = match sender.ask(authority, request.to_der()).await {
        Ok(reply) => reply,
        Err(not_sent) => return Ok(Outcome::Failed(not_sent.told)),
    };
    let read = request.answered_by(&reply);
    let stamp = match read.and_then(|reply| reply.vouched_by(&authority.anchors)) {
        Ok(stamp) => stamp,
        Err(error) => return Ok(Outcome::Failed(error.to_string())),
    };
    compare(authority, &stamp, (now, room.core.ambient.now()));
    let time = stamp.time;
    let keep = Keep {
        authority: authority.name.clone(),
        size,
        stamp,
        token: reply.to_vec(),
    };
    let kept = room.writer.submit(keep).await?;
    Ok(if kept.output {
        Outcome::Stamped(size, time)
    } else {
        Outcome::NotDue
    })
}

/// Whether this authority is to stamp the checkpoint of `published` entries.
fn is_due(
    connection: &mut Connection,
    authority: &str,
    published: u64,
    when: When,
    now: Timestamp,
) -> Result<bool, Error> {
    if published == 0 {
        return Ok(false);
    }
    let Some(last) = timestamps::newest(connection, Some(authority))? else {
        return Ok(true);
    };
    if published <= last.size {
        return Ok(false);
    }
    let every = match when {
        When::Now => return Ok(true),
        When::Due(every) => every,
    };
    let since = between(last.kept_at, now);
    // Entries of tokens alone are no reason for another one: a room at rest stays at rest.
    let of_tokens = timestamps::entered_from(connection, last.size)?;
    let grew = published - last.size > of_tokens;
    let ending = between(now, last.ends) < RENEW_BEFORE && published > last.leaf;
    Ok((grew && since >= every) || (ending && since >= RENEW_EVERY))
}

/// From one moment to a later one; nothing if it is not later.
fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    let micros = later.micros().saturating_sub(earlier.micros());
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// Tells of an authority whose clock is not the room's. The token is kept all the same: whose
/// clock is wrong is for people to find out, and both times are entered.
fn compare(authority: &Authority, stamp: &Stamp, (before, after): (Timestamp, Timestamp)) {
    let apart = between(stamp.time, before).max(between(after, stamp.time));
    // Many authorities tell whole seconds.
    if apart > MAX_DIFFERENCE + Duration::from_secs(1) {
        error!(
            alarm = "clock_differs",
            authority = %authority.name,
            seconds = apart.as_secs(),
            "the room's clock and a time authority's are apart; one of the two is wrong"
        );
    }
}

/// The newest token of a room that may be at work, for whoever may read its register's file.
///
/// # Errors
/// The register can't be read.
pub fn newest_beside(places: &Places) -> Result<Option<Stamped>, DbError> {
    timestamps::newest(&mut copying::open(&places.database)?, None)
}

/// The published checkpoint of this size as the log signed it: without what others confirmed.
fn plain_checkpoint(connection: &mut Connection, size: u64) -> Result<SignedCheckpoint, Error> {
    let note = head::checkpoint(connection, size)?.ok_or(Error::NotFound)?;
    SignedCheckpoint::parse(&note).map_err(|_| Error::CustodyUnavailable(None))
}

/// What a token over the published checkpoint of this size is over.
async fn imprint(room: &Room, size: u64) -> Result<Hash, Error> {
    let note = room
        .read(move |connection| plain_checkpoint(connection, size))
        .await?;
    imprint_of(room, &note)
}

fn imprint_of(room: &Room, note: &SignedCheckpoint) -> Result<Hash, Error> {
    // Where two keys signed, the line of the first: both old and new holders of trust know it.
    let key = room.log_keys.signer(note);
    let stamped = key.and_then(|key| note.signed_by(key));
    let stamped = stamped.ok_or(Error::CustodyUnavailable(None))?;
    Ok(sha256(&[&stamped]))
}

/// The token over a checkpoint for a bundle, as it was received. One that is not of its form or
/// over something else would spoil the bundle, and is left out with an alarm.
///
/// # Errors
/// The register can't be read.
pub async fn given_out(room: &Room, note: &SignedCheckpoint) -> Result<Option<Vec<u8>>, Error> {
    let (size, imprint) = (note.checkpoint().size(), imprint_of(room, note)?);
    let token = room
        .read(move |connection| Ok(timestamps::token(connection, size)?))
        .await?;
    let Some(token) = token else {
        return Ok(None);
    };
    let sound = Reply::parse(&token).and_then(|reply| reply.is_over(&imprint));
    Ok(match sound {
        Ok(()) => Some(token),
        Err(error) => {
            error!(
                alarm = "damaged_timestamp", %error, log.size = size,
                "a kept token of a time authority is not given out"
            );
            None
        }
    })
}

/// The size of the oldest stamped checkpoint that covers the entry at `index`.
///
/// # Errors
/// The register can't be read.
pub async fn first_over(room: &Room, index: u64) -> Result<Option<u64>, Error> {
    room.read(move |connection| Ok(timestamps::first_over(connection, index)?))
        .await
}

/// How it is with one authority, for administrators.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Its name in the settings.
    pub name: String,
    /// Where it is asked: host and port.
    pub at: String,
    /// Its newest token.
    pub newest: Option<Stamped>,
    /// Why the last request since the start failed.
    pub failure: Option<String>,
}

/// How it is with each authority; whoever asks has been permitted to.
pub(super) async fn standings(room: &Room) -> Result<Vec<Standing>, Error> {
    let names = room.authorities.all().iter();
    let names: Vec<String> = names.map(|asked| asked.authority.name.clone()).collect();
    let newest = room
        .read(move |connection| {
            let all = names
                .iter()
                .map(|name| timestamps::newest(connection, Some(name)));
            Ok(all.collect::<Result<Vec<_>, _>>()?)
        })
        .await?;
    let all = room.authorities.all().iter().zip(newest);
    Ok(all
        .map(|(asked, newest)| Standing {
            name: asked.authority.name.clone(),
            at: asked.authority.address.shown(),
            newest,
            failure: asked.failure(),
        })
        .collect())
}

/// Keeps a token that was verified, and enters its digest.
struct Keep {
    authority: String,
    size: u64,
    stamp: Stamp,
    token: Vec<u8>,
}

impl Command for Keep {
    type Output = bool;

    fn run(self, tx: &mut Tx<'_>) -> Result<bool, Stop> {
        if timestamps::token(tx.connection, self.size)?.is_some() {
            return Ok(false);
        }
        let note = plain_checkpoint(tx.connection, self.size)?;
        let detail = json!({
            "size": self.size,
            "root": note.checkpoint().root(),
            "authority": self.authority,
            "time": self.stamp.time,
            "sha256": sha256(&[&self.token]),
        });
        let draft = Draft::of_room("timestamp", tx.room()).detail(slot::DETAIL, detail);
        let entered = tx.enter(draft)?;
        let row = Stamped {
            size: self.size,
            authority: self.authority,
            time: self.stamp.time,
            kept_at: tx.now(),
            ends: self.stamp.certificate_ends,
            leaf: entered.index.get(),
        };
        // A crash before the commit leaves neither entry nor token: it is asked for again.
        timestamps::keep(tx.connection, &row, &self.token)?;
        Ok(true)
    }
}
