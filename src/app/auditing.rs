//! The room audits itself: a whole audit in each round, slowly, beside its work.
//!
//! What a round finds is told at once, and stands in an entry when the round is over. Nothing of
//! it keeps anybody from reading what is sound.
//!
//! Where a round is stands in a file of the data folder, so that a round that was cut goes on with
//! the content that it had not compared; the log and the rows are compared anew, because they have
//! grown. *A crash* leaves the file as it was last saved: what was compared since is compared
//! again, and a round whose entry was committed may be entered twice; its row is then of the second.

mod located;

use std::{
    fs::File,
    io::{self, Read, Write},
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use custos_core::{
    event::slot,
    ids::{Id, MAX_INTEGER, Timestamp},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::runtime;
use tracing::{error, info, warn};
use utoipa::ToSchema;

use self::located::located;
use super::{
    audit::{self, AuditError, Finding, Options, Parts, Phase, Progress, Report},
    context::Room,
    entering::{Draft, Tx},
    error::Error,
    notices::damage,
    schema,
    writer::{Command, Stop},
};
use crate::db::{
    audits::{self, AuditDetails, AuditRow, FoundDetails},
    bound,
};

/// The file in which it stands where the round is.
const STATE: &str = "audit.json";
/// Longest such file, in bytes: more than it holds with as many findings as are kept.
const MAX_STATE_BYTES: u64 = 1 << 20;
/// Findings of a round that are kept; the command names all.
const MAX_KEPT: usize = 500;
/// How often the file is written while content is compared.
const SAVE_EVERY: Duration = Duration::from_secs(60);
/// The longest rest between two pieces of work in the register. It rests as long as it worked, so
/// that half of one processor is left to those who wait for an answer.
const LONGEST_REST: Duration = Duration::from_secs(1);
/// Findings that the program's log names; the command names all.
const MAX_LOGGED: usize = 100;

/// How often, and how fast.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// From the end of a round to the next.
    pub every: Duration,
    /// Bytes of content that are read in a second, at most.
    pub bytes_per_second: NonZeroU32,
}

/// Why a round did not come to its end; it is gone on with later.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// The audit can't be made.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// What it found can't be entered.
    #[error(transparent)]
    Room(#[from] Error),
    /// Its file can't be written, or no thread be had.
    #[error("where the audit stands can't be kept: {0}")]
    File(#[from] io::Error),
}

/// Where the rounds stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// When the next round is due.
    pub next_at: Timestamp,
    /// The round under way.
    round: Option<Round>,
    /// What the last one came to.
    pub last: Option<Last>,
}

/// A round under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Round {
    id: Id,
    began_at: Timestamp,
    /// The item whose content was compared last.
    after: Option<Id>,
    /// Bytes of content that were compared before it was cut.
    stored_bytes: u64,
    /// Findings in content from before it was cut.
    findings: u64,
    /// The first of those.
    #[serde(default)]
    found: Vec<FoundDetails>,
}

/// What a round came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// When it ended.
    pub ended_at: Timestamp,
    /// How much is not what it should be.
    pub findings: u64,
}

/// The round in which this process audits the room, if it does. It is for what the room says of
/// itself, and gone with the process; what a round came to is in the register.
#[derive(Debug, Default)]
pub struct Auditing(Mutex<Option<UnderWay>>);

/// A round under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct UnderWay {
    /// Since when.
    #[schema(value_type = schema::Time)]
    pub began_at: Timestamp,
    /// What it found so far.
    pub findings: u64,
}

impl Auditing {
    /// The round under way.
    pub fn under_way(&self) -> Option<UnderWay> {
        *self.0.lock().expect("no holder of this lock panics")
    }

    fn tell(&self, round: Option<UnderWay>) {
        *self.0.lock().expect("no holder of this lock panics") = round;
    }
}

/// Says that no round is under way, whatever ended it.
struct Ending<'a>(&'a Auditing);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.tell(None);
    }
}

impl Round {
    /// With so many findings besides those from before it was cut.
    const fn under_way(&self, findings: u64) -> UnderWay {
        UnderWay {
            began_at: self.began_at,
            findings: self.findings + findings,
        }
    }
}

impl State {
    /// The file of a data folder.
    pub fn file(data: &Path) -> PathBuf {
        data.join(STATE)
    }

    /// Where the rounds of a data folder stand; none where that is not known.
    pub fn read(data: &Path) -> Option<Self> {
        let mut text = Vec::new();
        let file = File::open(Self::file(data)).ok()?;
        file.take(MAX_STATE_BYTES).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn keep(&self, data: &Path) -> io::Result<()> {
        let text = serde_json::to_vec(self).expect("a state is JSON");
        let mut file = tempfile::NamedTempFile::new_in(data)?;
        file.write_all(&text)?;
        file.as_file().sync_all()?;
        file.persist(Self::file(data))?;
        File::open(data)?.sync_all()
    }
}

/// How long it is until a round is due. A room that never made one has its first after a whole
/// span, so that none begins under a room that was just founded.
///
/// # Errors
/// The file can't be written.
pub fn due_in(room: &Room, data: &Path, every: Duration) -> io::Result<Duration> {
    let now = room.core.ambient.now();
    let state = match State::read(data) {
        Some(state) => state,
        None => {
            let state = State {
                next_at: after(now, every),
                round: None,
                last: None,
            };
            state.keep(data)?;
            state
        }
    };
    if state.round.is_some() {
        return Ok(Duration::ZERO);
    }
    let left = state.next_at.micros().saturating_sub(now.micros());
    // A clock that was set back puts no round off for longer than it should be.
    Ok(Duration::from_micros(u64::try_from(left).unwrap_or(0)).min(every))
}

/// Makes a round, or goes on with the one that was cut. Blocks: it is for a thread of its own,
/// which may be ended at any time.
///
/// # Errors
/// See [`RoundError`]; damage is in the report.
pub fn round(room: &Room, data: &Path, pace: Pace) -> Result<Report, RoundError> {
    let ambient = &room.core.ambient;
    let mut state = State::read(data).unwrap_or(State {
        next_at: ambient.now(),
        round: None,
        last: None,
    });
    let fresh = || Round {
        id: Id::from_bytes(ambient.bytes()),
        began_at: ambient.now(),
        after: None,
        stored_bytes: 0,
        findings: 0,
        found: Vec::new(),
    };
    let round = state.round.get_or_insert_with(fresh).clone();
    state.keep(data)?;
    let _ending = Ending(&room.auditing);
    room.auditing.tell(Some(round.under_way(0)));
    // Its own, because a program that ends does not wait for it.
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let store = room.store.paced(pace.bytes_per_second);
    let mut connection = room.pool.connect().map_err(AuditError::from)?;
    let mut watch = Watch {
        room,
        data,
        state: &mut state,
        round: &round,
        content: None,
        worked: Instant::now(),
        saved: Instant::now(),
        told: false,
    };
    let report = audit::run(
        Parts {
            connection: &mut connection,
            store: &store,
            keyring: &room.core.keyring,
        },
        runtime.handle(),
        Options {
            after: round.after,
            ..Options::default()
        },
        &mut |progress| watch.progress(progress),
    )?;
    finish(room, data, pace, state, round, report)
}

fn finish(
    room: &Room,
    data: &Path,
    pace: Pace,
    mut state: State,
    round: Round,
    report: Report,
) -> Result<Report, RoundError> {
    let findings = report.total + round.findings;
    for finding in report.findings.iter().take(MAX_LOGGED) {
        alarm(finding);
    }
    let began_at = round.began_at;
    let command = Enter {
        found: kept(room, &round.found, &report.findings),
        round,
        findings,
        report: report.clone(),
    };
    room.writer.submit_blocking(command)?;
    // A crash here leaves a round that is gone on with, and entered once more.
    let now = room.core.ambient.now();
    state.round = None;
    state.last = Some(Last {
        ended_at: now,
        findings,
    });
    state.next_at = after(now, pace.every);
    state.keep(data)?;
    let took = now.micros() - began_at.micros();
    info!(
        audit.findings = findings,
        audit.seconds = took / 1_000_000,
        "audited the room"
    );
    Ok(report)
}

fn alarm(finding: &Finding) {
    error!(alarm = "damage_found", place = %finding.place, what = %finding.what, "something stored is not what it should be");
}

/// What is kept of findings behind those that were kept before.
fn kept(room: &Room, before: &[FoundDetails], findings: &[Finding]) -> Vec<FoundDetails> {
    let key = &room.core.keys.session;
    let more = findings.iter().map(|finding| located(key, finding));
    before.iter().cloned().chain(more).take(MAX_KEPT).collect()
}

fn after(now: Timestamp, span: Duration) -> Timestamp {
    let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    let latest = Timestamp::from_micros(MAX_INTEGER.cast_signed()).unwrap_or(now);
    Timestamp::from_micros(now.micros().saturating_add(micros)).unwrap_or(latest)
}

/// What is done while an audit goes on.
struct Watch<'a> {
    room: &'a Room,
    data: &'a Path,
    state: &'a mut State,
    round: &'a Round,
    /// Findings when the comparing of content began.
    content: Option<u64>,
    /// Since when it works on a piece of the register.
    worked: Instant,
    saved: Instant,
    told: bool,
}

impl Watch<'_> {
    fn progress(&mut self, progress: Progress<'_>) {
        let round = self.round.under_way(progress.findings);
        self.room.auditing.tell(Some(round));
        if progress.findings > 0 && !self.told {
            self.told = true;
            // The round tells it again at its end, once for all, if it can't be told now.
            if let Err(error) = damage::tell(self.room, self.round.id) {
                warn!(%error, "that an audit found something can't be told yet");
            }
        }
        if progress.phase != Phase::Content {
            thread::sleep(self.worked.elapsed().min(LONGEST_REST));
            self.worked = Instant::now();
            return;
        }
        let before = *self.content.get_or_insert(progress.findings);
        if progress.item.is_none() || self.saved.elapsed() < SAVE_EVERY {
            return;
        }
        self.saved = Instant::now();
        let named = usize::try_from(before).unwrap_or(usize::MAX);
        let of_content = progress.found.get(named..).unwrap_or_default();
        self.state.round = Some(Round {
            id: self.round.id,
            began_at: self.round.began_at,
            after: progress.item,
            stored_bytes: self.round.stored_bytes + progress.done,
            findings: self.round.findings + progress.findings - before,
            found: kept(self.room, &self.round.found, of_content),
        });
        if let Err(error) = self.state.keep(self.data) {
            warn!(%error, "where the audit stands can't be kept");
        }
    }
}

/// Enters what a round came to, and tells whoever is to know that it found something.
struct Enter {
    round: Round,
    findings: u64,
    found: Vec<FoundDetails>,
    report: Report,
}

impl Command for Enter {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let checked = self.report.checked;
        let row = AuditRow {
            id: self.round.id,
            rev: audits::next_rev(tx.connection, self.round.id)?,
            nth: audits::next_nth(tx.connection)?,
            began_at: self.round.began_at,
            ended_at: tx.now(),
            findings: self.findings,
            details: AuditDetails {
                entries: checked.entries,
                rows: checked.rows,
                items: checked.items,
                stored_bytes: checked.stored_bytes + self.round.stored_bytes,
                unchecked: self.report.unchecked,
                found: self.found,
            },
        };
        let detail = json!({
            "audit": self.round.id,
            "began_at": self.round.began_at,
            "entries": checked.entries,
            "rows": checked.rows,
            "items": checked.items,
            "stored_bytes": row.details.stored_bytes,
            "findings": self.findings,
            "unchecked": self.report.unchecked,
        });
        let binding = bound::bind(&row, &tx.core.ambient);
        let draft = Draft::of_room("audit", tx.room())
            .detail(slot::DETAIL, detail)
            .writes(binding.slot.clone());
        let entered = tx.enter(draft)?;
        let of = (&tx.core.keyring, &tx.core.ambient, tx.room());
        // A crash before the commit leaves neither entry nor row: the round is gone on with.
        audits::put(tx.connection, of, &row, &binding, entered.c.as_bytes())?;
        if self.findings > 0 {
            damage::tell_once(tx, self.round.id)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
