//! Whether a register is behind what was published of it: somebody put it back to an older state
//! (decision 18). Then the room gives nothing out and changes nothing, because whatever it entered
//! would be a second history.
//!
//! | compared with | it lies | it finds |
//! |---|---|---|
//! | the mark | beside the keys, or where the settings say | a data folder put back as a whole |
//! | the file `checkpoint` | in the store | a register put back alone |
//! | what witnesses show | at other institutions | a whole machine put back |
//!
//! Each is a checkpoint that the log's key signed, so nobody without that key can close a room
//! with it. What is not there is told and closes nothing: somebody who may remove the mark could
//! put it back as well.
//!
//! A register that was put back to before a rotation of that key does not know the newer one. It is
//! found by the checkpoint that both signed, which lies beside the mark, and by a witness of the
//! settings that cosigned a larger one under a key that nobody knows here (decision 23).

mod mark;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use custos_core::{
    checkpoint::{LogKeys, SignedCheckpoint, VerifierKey},
    hash::sha256,
};
use futures::future::join_all;
use tracing::{error, warn};

pub use mark::{Mark, MarkError};

use super::{
    error::Error,
    proofs::{Published, Tiles},
    publisher::{Mismatch, published_file},
    witnesses::conflicts::{Kind, Shown, compare},
};
use crate::{
    db::head::Head,
    peers::witnesses::{Sender, Witness},
    store::Store,
};

/// How long a witness may take to show what it confirmed, before a room starts without its word.
const WITNESS_LIMIT: Duration = Duration::from_secs(3);

/// What a register is compared with when its room starts, besides the store.
#[derive(Debug, Clone, Default)]
pub struct Elsewhere {
    /// The file of the mark; in the folder of the keys where nothing is said.
    pub mark: Option<PathBuf>,
    /// Who shows what they confirmed.
    pub witnesses: Vec<Witness>,
}

/// A register that is not what was published last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// Who holds the checkpoint that says so, in words.
    pub held_by: String,
    /// Size of the checkpoint with which the register ends.
    pub register: u64,
    /// Size of the one that is held.
    pub held: u64,
    /// How they contradict each other.
    pub kind: Kind,
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            held_by,
            register,
            held,
            kind,
        } = self;
        match kind {
            Kind::Rollback => write!(
                f,
                "this room was put back to an older state: its register is older than what was \
                 published, it ends with checkpoint {register}, and {held_by} holds checkpoint {held}"
            ),
            Kind::Fork => write!(
                f,
                "this room holds another history than the one that was published: {held_by} holds \
                 checkpoint {held}, which its register does not continue"
            ),
        }
    }
}

impl std::error::Error for Behind {}

/// A published tree and the log's keys, before anything is written.
pub(super) struct At<'a> {
    pub(super) store: &'a Store,
    pub(super) keys: &'a LogKeys,
    pub(super) head: &'a Head,
    /// The newest checkpoint that the register keeps.
    pub(super) kept: Option<&'a [u8]>,
}

/// What is known of a log elsewhere, none of it believed yet. It is gathered before the moment
/// of the register is fixed: of a later one it would look like a register that went back.
pub(super) struct Held {
    notes: Vec<Note>,
    /// How many of them are marks.
    marked: usize,
    /// The published file.
    pub(super) file: Option<Bytes>,
}

/// A note, and who holds it.
struct Note {
    held_by: String,
    bytes: Vec<u8>,
    /// The key of the witness that shows it.
    witness: Option<VerifierKey>,
}

impl Note {
    fn new(held_by: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self {
            held_by: held_by.into(),
            bytes,
            witness: None,
        }
    }
}

/// Gathers what is known elsewhere of the log of this origin.
///
/// # Errors
/// The store can't be read.
pub(super) async fn held(
    store: &Store,
    mark: &Mark,
    witnesses: &[Witness],
    origin: &str,
) -> Result<Held, Mismatch> {
    let mut held = Vec::new();
    match mark.read() {
        Ok(Some(note)) => {
            held.push(Note::new("the mark beside its keys", note));
        }
        Ok(None) => {}
        Err(error) => {
            warn!(%error, "the mark can't be read, and the register not compared with it")
        }
    }
    match mark.turns() {
        Ok(turns) => held.extend(
            turns
                .into_iter()
                .map(|note| Note::new("the mark of a rotation beside its keys", note)),
        ),
        Err(error) => {
            warn!(%error, "a mark of a rotation can't be read, and the register not compared with it")
        }
    }
    let marked = held.len();
    let file = published_file(store).await?;
    if let Some(note) = &file {
        held.push(Note::new("its public log", note.to_vec()));
    }
    held.extend(shown_by(witnesses, origin).await);
    Ok(Held {
        notes: held,
        marked,
        file,
    })
}

/// Compares the register with everything that is known of its log elsewhere.
///
/// # Errors
/// The register, the store or its tiles can't be read.
pub(super) async fn find(at: &At<'_>, held: &Held) -> Result<Option<Behind>, Mismatch> {
    let published = at.head.published;
    let kept = at.kept.and_then(|note| SignedCheckpoint::parse(note).ok());
    for (number, note) in held.notes.iter().enumerate() {
        let found = match contradicts(at, kept.as_ref(), &note.bytes).await? {
            None => unknown_key(at, note).map(|size| (Kind::Rollback, size)),
            found => found,
        };
        let Some((kind, size)) = found else {
            continue;
        };
        // What the store and witnesses show beside the register's own size is looked at by those
        // who always looked at it: start-up, and the job that asks witnesses.
        if kind == Kind::Fork && number >= held.marked {
            continue;
        }
        return Ok(Some(Behind {
            held_by: note.held_by.clone(),
            register: published,
            held: size,
            kind,
        }));
    }
    Ok(None)
}

/// How a checkpoint contradicts the register, and of which size it is; none where it does not, or
/// is none of this log's.
async fn contradicts(
    at: &At<'_>,
    kept: Option<&SignedCheckpoint>,
    note: &[u8],
) -> Result<Option<(Kind, u64)>, Mismatch> {
    let Ok(held) = SignedCheckpoint::parse(note) else {
        return Ok(None);
    };
    let Ok(held) = at.keys.verify(&held) else {
        return Ok(None);
    };
    let (size, root) = (held.size(), held.root());
    let Some(kept) = kept else {
        return Ok((size > at.head.published).then_some((Kind::Rollback, size)));
    };
    if size == kept.checkpoint().size() && root == kept.checkpoint().root() {
        return Ok(None);
    }
    let tiles = Arc::new(Tiles::of(at.store.clone()));
    let published = Published::at(kept.clone(), tiles);
    let compared = compare(published, at.keys, note).await;
    let (shown, _) = compared.map_err(|error| unread(&error))?;
    Ok(match shown {
        Shown::Conflict { kind, size } => Some((kind, size)),
        Shown::Continues { .. } | Shown::Misused { .. } | Shown::Foreign(_) => None,
    })
}

/// The size of a larger checkpoint of this log that a witness of the settings cosigned under a key
/// that the register does not know: of the time after a rotation that it has not seen.
fn unknown_key(at: &At<'_>, note: &Note) -> Option<u64> {
    let witness = note.witness.as_ref()?;
    let signed = SignedCheckpoint::parse(&note.bytes).ok()?;
    let (size, origin) = (signed.checkpoint().size(), signed.checkpoint().origin());
    let unknown =
        origin == at.head.origin && size > at.head.published && at.keys.misused(&signed).is_none();
    signed.note().verify(&[witness]).ok()?;
    unknown.then_some(size)
}

fn unread(error: &Error) -> Mismatch {
    Mismatch::Disagree(format!(
        "the published tiles can't be compared with a checkpoint that is held elsewhere: {error}"
    ))
}

/// What witnesses show of the log, as far as they answer in time.
async fn shown_by(witnesses: &[Witness], origin: &str) -> Vec<Note> {
    if witnesses.is_empty() {
        return Vec::new();
    }
    let sender = match Sender::within(WITNESS_LIMIT) {
        Ok(sender) => sender,
        Err(failed) => {
            warn!(why = failed.told, "no witness is asked before the start");
            return Vec::new();
        }
    };
    let (sender, origin) = (&sender, sha256(&[origin.as_bytes()]));
    let asked = witnesses.iter().map(|witness| async move {
        let name = &witness.name;
        match sender.newest(witness, &origin).await {
            Ok(note) => {
                let note = Note::new(format!("the witness `{name}`"), note?.to_vec());
                let witness = Some(witness.key.clone());
                Some(Note { witness, ..note })
            }
            Err(failed) => {
                warn!(witness = %name, why = failed.told, "a witness could not be asked before the start");
                None
            }
        }
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// Says at each start what is wrong.
pub(super) fn alarm(behind: &Behind) {
    error!(
        alarm = "put_back",
        log.published = behind.register,
        log.held = behind.held,
        held_by = behind.held_by,
        "{behind}. Nothing is given out or changed, and nothing that is stored was touched; the \
         public log alone can be read. Put a newer register or backup in place, or end this log: \
         docs/OPERATIONS.md, \"A room that was put back\""
    );
}
