//! Checkpoints that contradict the room's own. Two of them, both signed by the log, prove that
//! two histories were told: by a copy of the room that went on by itself, by a room that was put
//! back to an older state, or by somebody who has the log's key.
//!
//! Both are kept, and it is told: to the program's log, to administrators and custodians. The
//! room goes on: which of the two is right, people decide.

use std::time::Duration;

use custos_core::{
    checkpoint::{LogKeys, SignedCheckpoint, VerifierKey},
    hash::{Hash, sha256},
    ids::Id,
    json,
    merkle::check_consistency,
};
use serde_json::json;
use tracing::error;

use crate::{
    app::{
        context::Room,
        entering::Tx,
        error::Error,
        notices::{Event, queue},
        proofs::Published,
        writer::{Command, Stop},
    },
    db::witnesses::{self, ConflictRow},
    peers::witnesses::Witness,
};

/// How soon a witness is asked again that contradicts the log, or takes nothing from it.
pub const SELDOM: Duration = Duration::from_secs(600);
/// Contradictions that are kept; each is as good a proof as the first.
const MAX_CONFLICTS: u64 = 256;

/// How a checkpoint contradicts the room's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is of a tree that the room's does not continue.
    Fork,
    /// It is of more entries than the room ever published.
    Rollback,
}

impl Kind {
    /// The name in rows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Rollback => "rollback",
        }
    }
}

/// What a witness says without showing it.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) kind: Kind,
    /// What was asked for.
    pub(super) ours: SignedCheckpoint,
    /// The size of what the witness confirmed.
    pub(super) size: u64,
    /// The proof that it refuses.
    pub(super) proof: Vec<Hash>,
}

/// What a checkpoint is beside the room's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The room's log continues it.
    Continues {
        /// Its size.
        size: u64,
    },
    /// It contradicts the room's log; both are kept.
    Conflict {
        /// How.
        kind: Kind,
        /// Its size.
        size: u64,
    },
    /// A key of this log signed it that does not sign such a size: it is not believed.
    Misused {
        /// Its size.
        size: u64,
    },
    /// It is no checkpoint of this log, and why.
    Foreign(&'static str),
}

/// Compares a checkpoint that somebody shows with the room's own, and keeps it where it
/// contradicts them.
///
/// # Errors
/// The register or the tiles can't be read, or the register can't be written.
pub async fn show(room: &Room, source: &str, note: &[u8]) -> Result<Shown, Error> {
    let newest = *room.published.borrow();
    if newest == 0 {
        return Ok(Shown::Foreign("nothing was published here yet"));
    }
    let published = Published::of_size(room, newest).await?;
    let ours = published.checkpoint.clone();
    let (shown, proof) = compare(published, &room.log_keys, note).await?;
    if matches!(shown, Shown::Misused { .. }) {
        alarm_misused(source, note);
    }
    let Shown::Conflict { kind, size } = shown else {
        return Ok(shown);
    };
    let theirs = SignedCheckpoint::parse(note).map_err(|_| Error::CustodyUnavailable(None))?;
    // Only what the log signed: others' lines make the same evidence another text.
    let row = ConflictRow {
        id: id(&[b"shown", theirs.note().text().as_bytes()]),
        found_at: room.core.ambient.now(),
        kind: kind.name().into(),
        source: source.into(),
        size,
        ours: ours.as_bytes().to_vec(),
        theirs: Some(note.to_vec()),
        proof: hashes(&proof),
    };
    alarm(&row);
    room.writer.submit(Evidence(row)).await?;
    Ok(shown)
}

/// Compares a checkpoint with a published tree, and gives the proof that holds or does not.
///
/// # Errors
/// The tiles can't be read, or do not fit each other.
pub(in crate::app) async fn compare(
    published: Published,
    log_keys: &LogKeys,
    note: &[u8],
) -> Result<(Shown, Vec<Hash>), Error> {
    let Ok(theirs) = SignedCheckpoint::parse(note) else {
        return Ok((Shown::Foreign("it is no signed checkpoint"), Vec::new()));
    };
    let Ok(checkpoint) = log_keys.verify(&theirs) else {
        if log_keys.misused(&theirs).is_some() {
            let size = theirs.checkpoint().size();
            return Ok((Shown::Misused { size }, Vec::new()));
        }
        let why = "it is not signed by this room's log";
        return Ok((Shown::Foreign(why), Vec::new()));
    };
    let (size, root) = (checkpoint.size(), *checkpoint.root());
    let newest = published.checkpoint.checkpoint().clone();
    if size > newest.size() {
        let kind = Kind::Rollback;
        return Ok((Shown::Conflict { kind, size }, Vec::new()));
    }
    let proof = tokio::task::spawn_blocking(move || published.consistency(size))
        .await
        .map_err(|_| Error::CustodyUnavailable(None))??;
    let holds = check_consistency(&proof, size, &root, newest.size(), newest.root()).is_ok();
    let shown = if holds {
        Shown::Continues { size }
    } else {
        let kind = Kind::Fork;
        Shown::Conflict { kind, size }
    };
    Ok((shown, proof))
}

/// Keeps that a witness says so: once for each witness and kind.
pub(super) async fn claimed(room: &Room, witness: &Witness, claim: Claim) -> Result<(), Error> {
    let key: &VerifierKey = &witness.key;
    let row = ConflictRow {
        id: id(&[
            b"claimed",
            claim.kind.name().as_bytes(),
            key.to_string().as_bytes(),
        ]),
        found_at: room.core.ambient.now(),
        kind: claim.kind.name().into(),
        source: witness.name.clone(),
        size: claim.size,
        ours: claim.ours.as_bytes().to_vec(),
        theirs: None,
        proof: hashes(&claim.proof),
    };
    alarm(&row);
    room.writer.submit(Evidence(row)).await?;
    Ok(())
}

fn alarm(row: &ConflictRow) {
    error!(
        alarm = "log_contradicted",
        kind = row.kind,
        source = row.source,
        shown = row.theirs.is_some(),
        log.size = row.size,
        "a checkpoint contradicts the custody log: a copy of the room may go on elsewhere, or this one was put back to an older state"
    );
}

/// Whoever signs with a key that was retired has it: nobody can say what else they signed.
fn alarm_misused(source: &str, note: &[u8]) {
    let signed = SignedCheckpoint::parse(note).ok();
    error!(
        alarm = "retired_key_used",
        source,
        log.size = signed.map(|signed| signed.checkpoint().size()),
        "a key of this log that was retired signed a checkpoint of a size that is not its to sign: somebody has that key. It is not believed here; see docs/OPERATIONS.md, \"The log's key was stolen\""
    );
}

fn id(parts: &[&[u8]]) -> Id {
    let hash = sha256(parts);
    Id::from_bytes(std::array::from_fn(|at| hash.as_bytes()[at]))
}

fn hashes(proof: &[Hash]) -> String {
    let text = json::canonical(&json!(proof)).expect("hashes are JSON");
    String::from_utf8(text).expect("JSON is UTF-8")
}

/// Keeps the evidence and tells of it, both or neither. A crash before the commit leaves neither:
/// the witness is asked again after the next start, and says the same.
struct Evidence(ConflictRow);

impl Command for Evidence {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let row = ConflictRow {
            found_at: tx.now(),
            ..self.0
        };
        if witnesses::keep_conflict(tx.connection, &row, MAX_CONFLICTS)? {
            queue(tx, &Event::ConflictFound { conflict: row.id })?;
        }
        Ok(())
    }
}
