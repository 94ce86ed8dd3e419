//! The public custody log (C2SP tlog-tiles): checkpoint, tiles, entry bundles. Anyone may read
//! it; it shows neither kinds nor cases.

use std::path::PathBuf;

use bytes::Bytes;
use custos_core::tile::TilePath;
use rocket::{
    Response, Route, State, get,
    http::ContentType,
    request::Request,
    response::{self, Responder},
    routes,
};
use serde_json::json;

use super::errors::Failure;
use crate::app::{self, Room, log_keys::files, public};

/// A tile never changes; a partial one stays right as long as it is there.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// A checkpoint is superseded at any moment.
const FRESH: &str = "no-cache";

/// The routes below `/log`.
pub fn routes() -> Vec<Route> {
    routes![checkpoint, key, keys, tile]
}

#[get("/checkpoint")]
async fn checkpoint(room: &State<Room>) -> Result<Public, Failure> {
    Ok(Public {
        kind: ContentType::Plain,
        cache: FRESH,
        bytes: public::checkpoint(room).await?,
    })
}

/// The key that verifies the checkpoints that are signed now, so that it can be compared with one had elsewhere.
#[get("/key")]
fn key(room: &State<Room>) -> Public {
    Public {
        kind: ContentType::Plain,
        cache: FRESH,
        bytes: format!("{}\n", room.log_key).into(),
    }
}

/// Every key that ever signed checkpoints, with the sizes that each signs: rows as `trust.json` has them.
#[get("/keys")]
fn keys(room: &State<Room>) -> Public {
    let rows = files::rows(&room.log_keys);
    Public {
        kind: ContentType::JSON,
        cache: FRESH,
        bytes: format!("{}\n", json!({"log_keys": rows})).into(),
    }
}

#[get("/tile/<path..>")]
async fn tile(room: &State<Room>, path: PathBuf) -> Result<Public, Failure> {
    let path = path.to_str().map(|path| format!("tile/{path}"));
    let tile: TilePath = path
        .and_then(|path| path.parse().ok())
        .ok_or(app::Error::NotFound)?;
    Ok(Public {
        kind: ContentType::Binary,
        cache: IMMUTABLE,
        bytes: public::tile(room, tile).await?,
    })
}

/// Something public, which programs on any site may read.
struct Public {
    kind: ContentType,
    cache: &'static str,
    bytes: Bytes,
}

impl<'r> Responder<'r, 'static> for Public {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        Response::build_from(self.bytes.to_vec().respond_to(request)?)
            .header(self.kind)
            .raw_header("Cache-Control", self.cache)
            .raw_header("Access-Control-Allow-Origin", "*")
            .ok()
    }
}
