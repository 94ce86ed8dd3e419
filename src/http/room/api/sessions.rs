//! Who calls, and whether the room answers.

use rocket::{State, get, serde::json::Json};
use serde_json::{Value, json};

use crate::{
    app::{Room, standing},
    http::{errors::Failure, room::guards::Reader},
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
