//! Which of several processes at one register publishes, audits and asks witnesses.
//!
//! It is for efficiency alone: each of these is right also when two do it. Whoever leads renews
//! its lease; one that is held up loses it, and what it then still publishes is refused by the
//! lease's epoch. A process that is alone at its register leads always.

use std::{
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use custos_core::ids::Id;
use tracing::info;

use super::{
    context::Room,
    entering::Tx,
    error::Error,
    writer::{Command, Stop},
};
use crate::{
    ambient::Ambient,
    db::{dialect, leases},
};

/// The lease's name.
const NAME: &str = "lead";
/// How long a lease is held.
const TERM: Duration = Duration::from_secs(12);
/// How long before its end its holder takes it for lost.
const MARGIN: Duration = Duration::from_secs(3);
/// How often it is renewed, and asked for by the others.
const EVERY: Duration = Duration::from_secs(3);

/// What this process knows of the lease.
pub struct Lead {
    holder: Id,
    shared: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    asked: Option<Instant>,
    /// It asks for it no more.
    retired: bool,
}

#[derive(Clone, Copy)]
struct Held {
    epoch: i64,
    until: Instant,
}

impl Lead {
    /// Of a process that may not be alone at its register, if it is `shared`.
    pub fn new(ambient: &Ambient, shared: bool) -> Self {
        Self {
            holder: Id::from_bytes(ambient.bytes()),
            shared,
            state: Mutex::default(),
        }
    }

    /// Whether other processes may be at work in the register.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// Whether this process leads, as far as it knows now.
    pub fn holds(&self) -> bool {
        !self.shared || self.epoch().is_some()
    }

    /// The epoch of the lease, while this process has it.
    pub fn epoch(&self) -> Option<i64> {
        let held = self.lock().held?;
        (Instant::now() < held.until).then_some(held.epoch)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

/// Renews the lease or asks for it, where that is due; says whether this process leads.
///
/// # Errors
/// The register can't be written.
pub async fn keep(room: &Room) -> Result<bool, Error> {
    let lead = &room.lead;
    if !lead.shared {
        return Ok(true);
    }
    let begin = Instant::now();
    {
        let mut state = lead.lock();
        let due = state.asked.is_none_or(|asked| begin - asked >= EVERY);
        if state.retired || !due {
            drop(state);
            return Ok(lead.holds());
        }
        state.asked = Some(begin);
    }
    let holder = lead.holder;
    let taken = room.writer.submit(Take { holder }).await?.output;
    let mut state = lead.lock();
    let before = state.held.map(|held| held.epoch);
    if before != taken {
        info!(lead.epoch = taken, "this process leads, or does no more");
    }
    state.held = taken.map(|epoch| Held {
        epoch,
        until: begin + (TERM - MARGIN),
    });
    drop(state);
    Ok(lead.holds())
}

/// Lets another process lead: for a while, or for good where this one ends.
///
/// # Errors
/// The register can't be written; the lease then ends by itself.
pub async fn give_up(room: &Room, for_good: bool) -> Result<(), Error> {
    let lead = &room.lead;
    {
        let mut state = lead.lock();
        state.retired |= for_good;
        state.asked = Some(Instant::now() + TERM);
        if state.held.take().is_none() {
            return Ok(());
        }
    }
    let holder = lead.holder;
    room.writer.submit(GiveUp { holder }).await?;
    Ok(())
}

/// Refuses what a process does that led once and does no more.
///
/// # Errors
/// [`crate::db::DbError::HeadMoved`]: another one leads.
pub(super) fn fence(tx: &mut Tx<'_>, epoch: Option<i64>) -> Result<(), Stop> {
    if let Some(epoch) = epoch
        && !leases::has_epoch(tx.connection, NAME, epoch)?
    {
        return Err(crate::db::DbError::HeadMoved.into());
    }
    Ok(())
}

struct Take {
    holder: Id,
}

impl Command for Take {
    type Output = Option<i64>;

    fn run(self, tx: &mut Tx<'_>) -> Result<Option<i64>, Stop> {
        // By the clock of the database, which all have in common.
        let now = dialect::clock(tx.connection, tx.core.ambient.now())?;
        let term = i64::try_from(TERM.as_micros()).expect("it is short");
        Ok(leases::take(
            tx.connection,
            NAME,
            self.holder,
            (now, now + term),
        )?)
    }
}

struct GiveUp {
    holder: Id,
}

impl Command for GiveUp {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        Ok(leases::give_up(tx.connection, NAME, self.holder)?)
    }
}
