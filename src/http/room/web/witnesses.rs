//! Who confirms the custody log and when it was, and what contradicts it; for administrators.

use askama::Template;
use custos_core::ids::Timestamp;
use rocket::{Either, State, get, post, response::Redirect};

use super::{Page, Shell, sessions::Nothing, then};
use crate::{
    app::{
        Error, Room,
        timestamps::asking,
        witnesses::{self, Overview, conflicts::Kind},
    },
    http::{
        errors::Failure,
        room::guards::{Posted, Seat},
        text::{self, sentence},
    },
};

/// The witnesses, and contradictions.
#[derive(Template)]
#[template(path = "witnesses.html")]
pub struct WitnessesPage {
    shell: Shell,
    seen: Overview,
    conflicts: Vec<Conflict>,
    /// Why no token came that was asked for.
    failed: Option<String>,
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
    Ok(Page::of(WitnessesPage::of(room, &seat, None).await?))
}

/// The page with the tokens that were asked for, or with why none came.
#[post("/timestamps", data = "<posted>")]
pub async fn stamp(
    room: &State<Room>,
    posted: Posted<Nothing>,
) -> Result<Either<Redirect, Page<WitnessesPage>>, Failure> {
    let seat = posted.seat;
    match asking::ask(room, seat.who()).await {
        Ok(_) => Ok(Either::Left(then("/witnesses#timestamps".into()))),
        Err(error @ Error::Unanswered(_)) => {
            let failed = Some(sentence(&error.to_string()));
            let page = WitnessesPage::of(room, &seat, failed).await?;
            Ok(Either::Right(Page::failed(page, &error.into())))
        }
        Err(error) => Err(error.into()),
    }
}

impl WitnessesPage {
    async fn of(room: &Room, seat: &Seat, failed: Option<String>) -> Result<Self, Failure> {
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
        Ok(Self {
            shell: Shell::of(room, seat, "notices").await?,
            conflicts: conflicts.collect(),
            seen,
            failed,
        })
    }
}
