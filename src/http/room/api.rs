//! JSON for programs, below `/api/v1`.

pub mod cases;
pub mod corrections;
pub mod custody;
pub mod disclosures;
pub mod evidence;
pub mod exhibits;
pub mod notices;
pub mod orders;
pub mod people;
pub mod requests;
pub mod sessions;
pub mod transfers;
pub mod walls;

use rocket::{
    Request, Response,
    http::Status,
    response::{self, Responder},
    serde::json::Json,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::app::entering::Entered;

/// Something that was made, and where it is.
pub struct Created {
    location: String,
    body: Value,
}

impl Created {
    /// Something under `/api/v1`, acknowledged with `body`.
    pub fn at(location: &str, body: Value) -> Self {
        Self {
            location: format!("/api/v1/{location}"),
            body,
        }
    }
}

impl<'r> Responder<'r, 'static> for Created {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        Response::build_from(Json(self.body).respond_to(request)?)
            .status(Status::Created)
            .raw_header("Location", self.location)
            .ok()
    }
}

/// A list, in an object so that members can join it later.
#[derive(Serialize)]
pub struct List<T> {
    /// What is in it.
    pub items: Vec<T>,
}

/// The entries that a change is acknowledged with.
pub fn entries(entered: &[Entered]) -> Value {
    entered.iter().map(entry).collect()
}

/// One entry: its place, its commitment, its leaf hash, its time.
pub fn entry(entered: &Entered) -> Value {
    json!({
        "index": entered.index.get(),
        "c": entered.c,
        "leaf_hash": entered.leaf_hash,
        "time": entered.time,
    })
}
