//! Who calls, and whether the room answers.

use custos_core::ids::SessionId;
use rocket::{State, get, post, serde::json::Json};
use serde_json::{Value, json};

use super::{List, entries};
use crate::{
    app::{
        Room,
        sessions::{self, SessionSummary},
        standing,
    },
    http::{
        errors::Failure,
        room::guards::{Manager, Named, Reader},
    },
};

#[get("/me")]
pub async fn me(caller: Reader, room: &State<Room>) -> Result<Json<Value>, Failure> {
    let standing = standing::standing(room, &caller.0).await?;
    Ok(Json(json!({
        "person": caller.0.person,
        "account": caller.0.account,
        "name": standing.name,
        "means": caller.0.means.name(),
    })))
}

/// For whoever watches over the process: it answers, and its log is published so far. How much is
/// committed behind that nobody outside learns.
#[get("/health")]
pub fn health(room: &State<Room>) -> Json<Value> {
    Json(json!({"status": "ok", "published": *room.published.borrow()}))
}

/// One's own sessions that hold.
#[get("/sessions")]
pub async fn list(
    caller: Manager,
    room: &State<Room>,
) -> Result<Json<List<SessionSummary>>, Failure> {
    let items = sessions::list_sessions(room, &caller.0).await?;
    Ok(Json(List { items }))
}

#[post("/sessions/<session>/end")]
pub async fn end(
    caller: Manager,
    room: &State<Room>,
    session: Named<SessionId>,
) -> Result<Json<Value>, Failure> {
    let done = sessions::end_session(room, &caller.0, session.0).await?;
    Ok(Json(json!({"entries": entries(&done.entered)})))
}
