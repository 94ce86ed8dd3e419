//! What needs a second person.

use custos_core::ids::RowId;
use rocket::{State, get, post, serde::json::Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Changed, Created, EntryPlace, List, Made};
use crate::{
    app::{
        Room,
        requests::{self, Proposal, RequestSummary},
        schema,
    },
    http::{
        errors::Failure,
        json::{Metadata, tagged},
        room::guards::{Manager, Named, Reader},
        tags::Tagged,
    },
};

/// Something that is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRequest {
    /// Exactly what is asked for.
    #[serde(deserialize_with = "tagged")]
    proposal: Proposal,
    /// Why.
    #[schema(value_type = schema::Line)]
    reason: String,
}

/// What was carried out.
#[derive(Serialize, ToSchema)]
pub struct CarriedOut {
    /// The entries that it left, in order.
    entries: Vec<EntryPlace>,
    /// The secret of a link of recovery. It is told once, and belongs behind the `#` of `/enter`.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

#[get("/requests")]
pub async fn list(
    caller: Reader,
    room: &State<Room>,
) -> Result<Tagged<List<RequestSummary>>, Failure> {
    let items = requests::list(room, &caller.0).await?;
    Ok(Tagged::of(List { items }))
}

#[post("/requests", data = "<new>")]
pub async fn ask(
    caller: Manager,
    room: &State<Room>,
    new: Metadata<NewRequest>,
) -> Result<Created<Made>, Failure> {
    let who = caller.0.of(new.1);
    let done = requests::ask(room, &who, new.0.proposal, &new.0.reason).await?;
    Ok(Created::at(
        "requests",
        Made::of(done.output, &done.entered),
    ))
}

#[post("/requests/<request>/approval")]
pub async fn approve(
    caller: Manager,
    room: &State<Room>,
    request: Named<RowId>,
) -> Result<Json<Changed>, Failure> {
    let done = requests::approve(room, &caller.0, request.0).await?;
    Ok(Json(Changed::by(&done.entered)))
}

#[post("/requests/<request>/refusal")]
pub async fn decline(
    caller: Manager,
    room: &State<Room>,
    request: Named<RowId>,
) -> Result<Json<Changed>, Failure> {
    let done = requests::decline(room, &caller.0, request.0).await?;
    Ok(Json(Changed::by(&done.entered)))
}

#[post("/requests/<request>/withdrawal")]
pub async fn withdraw(
    caller: Manager,
    room: &State<Room>,
    request: Named<RowId>,
) -> Result<Json<Changed>, Failure> {
    let done = requests::withdraw(room, &caller.0, request.0).await?;
    Ok(Json(Changed::by(&done.entered)))
}

#[post("/requests/<request>/execution")]
pub async fn carry_out(
    caller: Manager,
    room: &State<Room>,
    request: Named<RowId>,
) -> Result<Json<CarriedOut>, Failure> {
    let done = requests::carry_out(room, &caller.0, request.0).await?;
    let link = done.output.link.as_ref();
    Ok(Json(CarriedOut {
        entries: Changed::by(&done.entered).entries,
        secret: link.map(|link| link.0.text().to_string()),
    }))
}
