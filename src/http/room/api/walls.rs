//! Walls around a case.

use custos_core::ids::{CaseId, PersonId};
use rocket::{State, get, put, serde::json::Json};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Changed, List};
use crate::{
    app::{
        Room, schema,
        tags::Tag,
        walls::{self, Wall, WallSummary},
    },
    http::{
        errors::Failure,
        json::Metadata,
        room::guards::{Manager, Named, Reader},
        tags::Tagged,
    },
};

/// A wall to be raised or lowered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWall {
    /// Whether it is to stand.
    #[schema(value_type = schema::WallStatus)]
    status: Wall,
    /// Why.
    #[schema(value_type = schema::Line)]
    reason: String,
}

#[get("/cases/<case>/walls")]
pub async fn list(
    caller: Reader,
    room: &State<Room>,
    case: Named<CaseId>,
) -> Result<Tagged<List<WallSummary>>, Failure> {
    let items = walls::list(room, &caller.0, case.0).await?;
    let own = Tag::of(&room.core, &items);
    Ok(Tagged::with(List { items }, own))
}

#[put("/cases/<case>/walls/<person>", data = "<new>")]
pub async fn set(
    caller: Manager,
    room: &State<Room>,
    case: Named<CaseId>,
    person: Named<PersonId>,
    new: Metadata<NewWall>,
) -> Result<Json<Changed>, Failure> {
    let between = (case.0, person.0);
    let done = walls::set(room, &caller.0, between, new.0.status, &new.0.reason).await?;
    Ok(Json(Changed::by(&done.entered)))
}
