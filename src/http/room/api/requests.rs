//! What needs a second person.

use custos_core::ids::RowId;
use rocket::{State, get, post, serde::json::Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Created, List, entries};
use crate::{
    app::{
        Room,
        requests::{self, Proposal, RequestSummary},
    },
    http::{
        errors::Failure,
        json::Metadata,
        room::guards::{Manager, Named, Reader},
    },
};

/// Something that is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRequest {
    proposal: Proposal,
    reason: String,
}

#[get("/requests")]
pub async fn list(
    caller: Reader,
    room: &State<Room>,
) -> Result<Json<List<RequestSummary>>, Failure> {
    let items = requests::list(room, &caller.0).await?;
    Ok(Json(List { items }))
}

#[post("/requests", data = "<new>")]
pub async fn ask(
    caller: Manager,
    room: &State<Room>,
    new: Metadata<NewRequest>,
) -> Result<Created, Failure> {
    let who = caller.0.of(new.1);
    let done = requests::ask(room, &who, new.0.proposal, &new.0.reason).await?;
    let body = json!({"id": done.output, "entries": entries(&done.entered)});
    Ok(Created::at("requests", body))
}

#[post("/requests/<request>/approval")]
pub async fn approve(
    caller: Manager,
    room: &State<Room>,
    request: Named<RowId>,
) -> Result<Json<Value>, Failure> {
    let done = requests::approve(room, &caller.0, request.0).await?;
    Ok(Json(json!({"entries": entries(&done.entered)})))
}

#[post("/requests/<request>/refusal")]
pub async fn decline(
    caller: Manager,
    room: &State<Room>,
    request: Named<RowId>,
) -> Result<Json<Value>, Failure> {
    let done = requests::decline(room, &caller.0, request.0).await?;
    Ok(Json(json!({"entries": entries(&done.entered)})))
}

#[post("/requests/<request>/withdrawal")]
pub async fn withdraw(
    caller: Manager,
    room: &State<Room>,
    request: Named<RowId>,
) -> Result<Json<Value>, Failure> {
    let done = requests::withdraw(room, &caller.0, request.0).await?;
    Ok(Json(json!({"entries": entries(&done.entered)})))
}

/// Carries out what was approved. The secret of a link of recovery is told once, and belongs
/// behind the `#` of `/enter`.
#[post("/requests/<request>/execution")]
pub async fn carry_out(
    caller: Manager,
    room: &State<Room>,
    request: Named<RowId>,
) -> Result<Json<Value>, Failure> {
    let done = requests::carry_out(room, &caller.0, request.0).await?;
    let mut body = json!({"entries": entries(&done.entered)});
    if let Some(link) = &done.output.link {
        body["secret"] = json!(*link.0.text());
    }
    Ok(Json(body))
}
