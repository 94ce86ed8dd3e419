//! The HTTP floor: two origins and the public log, on Rocket. It parses, asks the application
//! once, and answers.
//!
//! | path | what it is |
//! |---|---|
//! | `/` | pages for people |
//! | `/api/v1` | JSON for programs |
//! | `/log` | the public custody log |
//! | `/static` | styles and scripts |
//! | `/v` on the content origin | what people deposited, by the link of a view |

pub mod assets;
mod content;
mod errors;
mod headers;
mod json;
mod length;
mod media;
pub mod origins;
mod range;
mod room;
pub mod text;

mod log;

use std::net::IpAddr;

use rocket::{
    Build, Config, Rocket,
    config::{Ident, LogLevel},
    shield::Shield,
};

use self::{
    headers::Headers,
    origins::{Apart, Origins},
};
use crate::app::Room;

/// Where and how the room answers.
#[derive(Debug, Clone)]
pub struct Edge {
    /// The address to listen on.
    pub address: IpAddr,
    /// The port to listen on.
    pub port: u16,
    /// How browsers reach the room.
    pub origins: Origins,
    /// The header in which a proxy that the operator named gives the peer's address; without
    /// it no header is believed.
    pub proxy_header: Option<String>,
}

/// The room's Rocket, not yet launched.
pub fn rocket(room: Room, edge: &Edge) -> Rocket<Build> {
    let config = Config {
        address: edge.address,
        port: edge.port,
        ident: Ident::none(),
        ip_header: edge.proxy_header.clone().map(Into::into),
        // Rocket would log addresses, and those of views carry a secret.
        log_level: LogLevel::Off,
        cli_colors: false,
        ..Config::default()
    };
    rocket::custom(config)
        .manage(room)
        .manage(edge.origins.clone())
        .attach(Shield::new())
        .attach(Apart(edge.origins.clone()))
        .attach(Headers::new(&edge.origins))
        .mount("/", room::web_routes())
        .mount("/api/v1", room::api_routes())
        .mount("/v", content::routes())
        .mount("/static", assets::routes())
        .mount("/log", log::routes())
        .register("/", errors::catchers())
}
