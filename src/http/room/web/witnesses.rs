//! Who confirms the custody log, and what contradicts it; for administrators.

use askama::Template;
use custos_core::ids::Timestamp;
use rocket::{State, get};

use super::{Page, Shell};
use crate::{
    app::{
        Room,
        witnesses::{self, Overview, conflicts::Kind},
    },
    http::{errors::Failure, room::guards::Seat, text},
};

/// The witnesses, and contradictions.
#[derive(Template)]
#[template(path = "witnesses.html")]
pub struct WitnessesPage {
    shell: Shell,
    seen: Overview,
    conflicts: Vec<Conflict>,
}

/// A contradiction, its notes as text.
struct Conflict {
    found_at: Timestamp,
    source: String,
    size: u64,
    is_fork: bool,
    ours: String,
    theirs: Option<String>,
    proof: String,
}

/// For administrators.
#[get("/witnesses")]
pub async fn list(seat: Seat, room: &State<Room>) -> Result<Page<WitnessesPage>, Failure> {
    let mut seen = witnesses::overview(room, seat.who()).await?;
    let note = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let conflicts = std::mem::take(&mut seen.conflicts).into_iter();
    let conflicts = conflicts.map(|row| Conflict {
        found_at: row.found_at,
        source: row.source,
        size: row.size,
        is_fork: row.kind == Kind::Fork.name(),
        ours: note(row.ours),
        theirs: row.theirs.map(note),
        proof: row.proof,
    });
    Ok(Page::of(WitnessesPage {
        shell: Shell::of(room, &seat, "notices").await?,
        conflicts: conflicts.collect(),
        seen,
    }))
}
