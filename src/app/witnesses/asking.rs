//! One request for a cosignature, and what its answer means.

use std::time::Duration;

use custos_core::{
    checkpoint::{
        SignedCheckpoint,
        witness::{AddCheckpoint, read_cosignature, read_size},
    },
    hash::{Hash, sha256},
};
use tracing::{info, warn};

use super::{
    Keep, Watched,
    conflicts::{self, Claim, Shown},
};
use crate::{
    app::{context::Room, error::Error, proofs::Published},
    db::{head, witnesses},
    peers::{
        NotSent,
        witnesses::{Answer, Witness},
    },
};

pub use crate::peers::witnesses::Sender;

/// How often a witness may name another size in one turn: once for a record that is ahead, and
/// again for others who ask it for the same log meanwhile.
const MAX_SIZES: usize = 3;

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The witness confirmed the newest checkpoint now, or had done so.
    Confirmed(u64),
    /// It did not; it is asked again, not before so long.
    Failed {
        /// Why, in one line.
        told: String,
        /// At least so long.
        after: Duration,
    },
    /// It contradicts the log; the evidence is kept.
    Contradicted,
}

/// Asks a witness to confirm the newest published checkpoint, unless it has. The first time since
/// the start it is asked whatever it has: a room that was put back to an older state learns so
/// before it goes on.
///
/// # Errors
/// The register or the tiles can't be read, or the register can't be written.
pub async fn ask(room: &Room, sender: &Sender, watched: &Watched) -> Result<Outcome, Error> {
    let outcome = turn(room, sender, watched).await?;
    match &outcome {
        Outcome::Confirmed(_) => watched.went(None),
        Outcome::Failed { told, .. } => {
            warn!(witness = %watched.witness.name, why = told, "a witness confirmed nothing");
            watched.went(Some(told.clone()));
        }
        Outcome::Contradicted => watched.went(Some("it contradicts the log".into())),
    }
    Ok(outcome)
}

async fn turn(room: &Room, sender: &Sender, watched: &Watched) -> Result<Outcome, Error> {
    let witness = &watched.witness;
    let newest = *room.published.borrow();
    let key = witness.key.clone();
    let confirmed = room
        .read(move |connection| Ok(witnesses::confirmed(connection, &key)?))
        .await?;
    let confirmed = confirmed.map_or(0, |(size, _)| size);
    if newest == 0 || (confirmed >= newest && watched.answers()) {
        return Ok(Outcome::Confirmed(confirmed));
    }
    let mut old = confirmed;
    for _ in 0..=MAX_SIZES {
        let request = request(room, old, newest).await?;
        let checkpoint = request.checkpoint.clone();
        let proof = request.proof.clone();
        let answer = match sender.ask(witness, request.to_bytes()).await {
            Ok(answer) => answer,
            Err(NotSent { told, .. }) => return Ok(failed(told)),
        };
        let claim = |kind| Claim {
            kind,
            ours: checkpoint.clone(),
            size: old,
            proof: proof.clone(),
        };
        match answer {
            Answer::Cosigned(lines) => {
                let now = room.core.ambient.now();
                return match read_cosignature(&lines, &checkpoint, &witness.key, now) {
                    Ok(cosigned) => keep(room, witness, newest, cosigned.line).await,
                    Err(error) => Ok(failed(error.to_string())),
                };
            }
            Answer::Size(said) => match read_size(&said) {
                Err(error) => return Ok(failed(error.to_string())),
                Ok(size) if size == old => {
                    return Ok(failed("names the size that it was asked from".into()));
                }
                Ok(size) if size <= newest => {
                    if size < confirmed {
                        warn!(
                            witness = %witness.name, said = size, confirmed,
                            "a witness has forgotten what it confirmed"
                        );
                    }
                    old = size;
                }
                // Published meanwhile, and confirmed to somebody else: not more than we have.
                Ok(size) if size <= *room.published.borrow() => {
                    return Ok(failed("is ahead of this request".into()));
                }
                Ok(size) => {
                    let claim = Claim {
                        size,
                        ..claim(conflicts::Kind::Rollback)
                    };
                    return contradicted(room, sender, witness, claim).await;
                }
            },
            Answer::Contradicts(_) => {
                return contradicted(room, sender, witness, claim(conflicts::Kind::Fork)).await;
            }
            Answer::Refused(status) => {
                return Ok(Outcome::Failed {
                    told: refusal(status),
                    after: conflicts::SELDOM,
                });
            }
            Answer::Later(status, after) => {
                return Ok(Outcome::Failed {
                    told: format!("answered {status}"),
                    after: after.unwrap_or_default(),
                });
            }
        }
    }
    Ok(failed("names another size each time".into()))
}

/// The request, whose proof was checked here first: what a witness then refuses is no slip of
/// ours.
async fn request(room: &Room, old: u64, newest: u64) -> Result<AddCheckpoint, Error> {
    let published = Published::of_size(room, newest).await?;
    // The note as the log signed it: witnesses look at no other line.
    let plain = room
        .read(move |connection| head::checkpoint(connection, newest)?.ok_or(Error::NotFound))
        .await?;
    let checkpoint =
        SignedCheckpoint::parse(&plain).map_err(|_| Error::CustodyUnavailable(None))?;
    let proof = tokio::task::spawn_blocking(move || match old {
        0 => Ok(Vec::new()),
        old => published.consistency(old),
    })
    .await
    .map_err(|_| Error::CustodyUnavailable(None))??;
    Ok(AddCheckpoint {
        old,
        proof,
        checkpoint,
    })
}

async fn keep(
    room: &Room,
    witness: &Witness,
    size: u64,
    line: custos_core::checkpoint::NoteSignature,
) -> Result<Outcome, Error> {
    let key = witness.key.clone();
    let kept = room.writer.submit(Keep { size, key, line }).await?;
    if kept.output {
        room.witnesses.kept.send_modify(|kept| *kept += 1);
        info!(witness = %witness.name, log.size = size, "a witness confirmed a checkpoint");
    }
    Ok(Outcome::Confirmed(size))
}

/// Keeps what the witness shows, or that it says so without showing it.
async fn contradicted(
    room: &Room,
    sender: &Sender,
    witness: &Witness,
    claim: Claim,
) -> Result<Outcome, Error> {
    let origin: Hash = sha256(&[room.origin.as_bytes()]);
    let note = match sender.newest(witness, &origin).await {
        Ok(note) => note,
        Err(NotSent { told, .. }) => {
            warn!(witness = %witness.name, why = told, "what contradicts the log can't be had");
            None
        }
    };
    if let Some(note) = note {
        match conflicts::show(room, &witness.name, &note).await? {
            Shown::Conflict { .. } => return Ok(Outcome::Contradicted),
            // Something before it refuses, or it learned meanwhile what is published.
            Shown::Continues { .. } => {
                let told = "refuses, and shows a checkpoint that the log continues";
                return Ok(failed(told.into()));
            }
            // Told of by an alarm of its own; that the witness confirmed it is kept, too.
            Shown::Misused { .. } | Shown::Foreign(_) => {}
        }
    }
    conflicts::claimed(room, witness, claim).await?;
    Ok(Outcome::Contradicted)
}

fn failed(told: String) -> Outcome {
    Outcome::Failed {
        told,
        after: Duration::ZERO,
    }
}

fn refusal(status: u16) -> String {
    let why = match status {
        400 => "it takes the request for malformed",
        403 => "it knows another key of this log",
        404 => "it does not know this log",
        _ => "it does not take the request",
    };
    format!("answered {status}: {why}")
}
