//! Walls: a person who stands on the other side of a matter learns nothing of a case.

use custos_core::{
    event::slot,
    ids::{CaseId, PersonId, RowId},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    SignedIn,
    cases::of_case,
    context::Room,
    entering::Tx,
    error::Error,
    schema,
    tags::Tag,
    text,
    writer::{Command, Done, Stop},
};
use crate::{
    db::{
        bound, decide,
        walls::{self, WallRow},
    },
    policy::{Permit, action::KeepWalls, facts::Resource},
};

/// Whether a wall stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wall {
    /// The person learns nothing of the case.
    Up,
    /// The person's roles decide again.
    Down,
}

impl Wall {
    const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// A wall as those who keep it see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WallSummary {
    /// Who is kept out.
    #[schema(value_type = schema::Id)]
    pub person: PersonId,
    /// `up` or `down`.
    #[schema(value_type = schema::WallStatus)]
    pub status: String,
}

/// Raises or lowers a wall. What the person is reading is cut within seconds.
///
/// # Errors
/// Refused, an unknown person, or a wall that stands so already.
pub async fn set(
    room: &Room,
    who: &SignedIn,
    (case, person): (CaseId, PersonId),
    wall: Wall,
    reason: &str,
) -> Result<Done<()>, Error> {
    let command = Set {
        who: *who,
        case,
        person,
        wall,
        reason: text::line("reason", reason)?,
    };
    room.change(who, command).await
}

/// The walls around a case; one entry for the request.
///
/// # Errors
/// Refused, which is told as not found where the person may not know of the case.
pub async fn list(room: &Room, who: &SignedIn, case: CaseId) -> Result<Vec<WallSummary>, Error> {
    Ok(room.writer.submit(List { who: *who, case }).await?.output)
}

struct Set {
    who: SignedIn,
    case: CaseId,
    person: PersonId,
    wall: Wall,
    reason: String,
}

impl Command for Set {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let asking = tx.asking(&self.who)?;
        let facts = tx.case::<KeepWalls>(&asking, self.case)?;
        let permit = tx.permit::<KeepWalls>(&asking, &Resource::Case(facts.case))?;
        // What was kept from a person is opened to them again: never unseen.
        let required = self.wall == Wall::Down;
        self.who.upon.holds(required, || {
            let walls = standing(tx, &permit)?;
            Ok(Some(Tag::of(tx.core, &walls)))
        })?;
        let (core, room) = (tx.core, tx.room());
        if !decide::is_person(tx.connection, &core.keyring, room, self.person)? {
            return Err(Error::invalid("`person` is nobody here").into());
        }
        let known = decide::wall(tx.connection, &core.keyring, self.person, self.case)?;
        let stands = known.as_ref().is_some_and(|wall| wall.status == "up");
        if stands == (self.wall == Wall::Up) {
            return Err(
                Error::Conflict(format!("the wall is {} already", self.wall.name())).into(),
            );
        }
        let row = match known {
            Some(known) => WallRow {
                rev: known.rev + 1,
                status: self.wall.name().into(),
                ..known
            },
            None => WallRow {
                id: tx.id::<RowId>(),
                rev: 1,
                person_id: self.person,
                case_id: self.case,
                status: self.wall.name().into(),
            },
        };
        let binding = bound::bind(&row, &core.ambient);
        let draft = of_case("wall", self.case, facts.scope)
            .permitted(tx.acting(&asking, Some(self.case)), &permit)
            .detail(
                slot::DETAIL,
                json!({"person": self.person, "status": row.status, "reason": self.reason}),
            )
            .writes(binding.slot.clone());
        let entered = tx.enter(draft)?;
        walls::write(tx.connection, &permit, &row, &binding, entered.c.as_bytes())?;
        Ok(())
    }
}

struct List {
    who: SignedIn,
    case: CaseId,
}

impl Command for List {
    type Output = Vec<WallSummary>;

    fn run(self, tx: &mut Tx<'_>) -> Result<Vec<WallSummary>, Stop> {
        let asking = tx.asking(&self.who)?;
        let facts = tx.case::<KeepWalls>(&asking, self.case)?;
        let permit = tx.permit::<KeepWalls>(&asking, &Resource::Case(facts.case))?;
        let draft = of_case("list", self.case, facts.scope)
            .permitted(tx.acting(&asking, Some(self.case)), &permit)
            .detail(slot::DETAIL, json!({"of": "walls"}));
        tx.enter(draft)?;
        standing(tx, &permit)
    }
}

fn standing(tx: &mut Tx<'_>, permit: &Permit<KeepWalls>) -> Result<Vec<WallSummary>, Stop> {
    let rows = walls::of_case(tx.connection, &tx.core.keyring, permit)?;
    let summaries = rows.into_iter().map(|row| WallSummary {
        person: row.person_id,
        status: row.status,
    });
    Ok(summaries.collect())
}
