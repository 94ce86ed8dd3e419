//! The note that an audit leaves for the room when it found damage.
//!
//! An audit works beside a running room and beside a stopped one, and never writes in the
//! register. So it leaves a file in the data folder; the room queues what is told, and then
//! removes the file. *A crash* in between leaves the file, and its audit is told once all the same.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use custos_core::{hash::sha256, ids::Id};
use serde::{Deserialize, Serialize};
use tracing::{error, warn};

use super::{Event, Kind, queue};
use crate::{
    ambient::Ambient,
    app::{
        context::Room,
        entering::Tx,
        error::Error,
        writer::{Command, Stop},
    },
    db::outbox,
};

/// The note's file.
const NOTE: &str = "damage-found.json";
/// Longest note.
const MAX_NOTE_BYTES: u64 = 1_024;

/// What is in the note: no more than that there is something to tell.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    audit: Id,
}

/// The note of a data folder.
pub fn note(data: &Path) -> PathBuf {
    data.join(NOTE)
}

/// Leaves the note; durable when this returns.
///
/// # Errors
/// The folder can't be written.
pub fn leave(data: &Path, ambient: &Ambient) -> io::Result<()> {
    let audit = Id::from_bytes(ambient.bytes());
    let text = serde_json::to_vec(&Note { audit }).expect("a note is JSON");
    let mut file = tempfile::NamedTempFile::new_in(data)?;
    file.write_all(&text)?;
    file.as_file().sync_all()?;
    file.persist(note(data))?;
    File::open(data)?.sync_all()
}

/// Queues what a note says, if there is one, and removes it; says whether there was one.
///
/// # Errors
/// The register can't be written; the note stays.
pub async fn take_up(room: &Room, data: &Path) -> Result<bool, Error> {
    let path = note(data);
    let Some(audit) = read(&path) else {
        return Ok(false);
    };
    room.writer.submit(Tell { audit }).await?;
    // A crash here leaves the note; the next start finds its audit told.
    if let Err(error) = fs::remove_file(&path) {
        warn!(%error, "the note of an audit can't be removed; it was told");
    }
    Ok(true)
}

/// Tells that an audit found something, once for each audit. For a thread of its own.
///
/// # Errors
/// The register can't be written.
pub fn tell(room: &Room, audit: Id) -> Result<(), Error> {
    room.writer.submit_blocking(Tell { audit })?;
    Ok(())
}

/// The same within a command.
///
/// # Errors
/// The register can't be read or written.
pub fn tell_once(tx: &mut Tx<'_>, audit: Id) -> Result<(), Error> {
    if !outbox::is_told(tx.connection, Kind::DamageFound.name(), audit)? {
        queue(tx, &Event::DamageFound { audit })?;
    }
    Ok(())
}

fn read(path: &Path) -> Option<Id> {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_NOTE_BYTES).read_to_end(&mut text));
    match read {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            error!(%error, note = %path.display(), "an audit found damage, and its note can't be read: run the audit as the room's own user, or give the note to it");
            return None;
        }
    }
    // A note of another form says that there is something to tell all the same, once.
    let told = serde_json::from_slice::<Note>(&text).map(|note| note.audit);
    Some(told.unwrap_or_else(|_| {
        let hash = sha256(&[&text]);
        Id::from_bytes(std::array::from_fn(|at| hash.as_bytes()[at]))
    }))
}

struct Tell {
    audit: Id,
}

impl Command for Tell {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        Ok(tell_once(tx, self.audit)?)
    }
}
