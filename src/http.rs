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
mod digest;
mod errors;
pub mod front;
mod headers;
mod json;
mod media;
mod methods;
pub mod metrics;
pub mod origins;
mod quota;
mod range;
mod room;
mod sent;
mod tags;
pub mod text;

mod log;

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr},
};

use rocket::{
    Build, Config, Rocket,
    config::{Ident, LogLevel, Shutdown},
    shield::Shield,
};

use self::{
    front::{Pass, Passed, limits::Limits, tls},
    headers::Headers,
    origins::{Apart, Origins},
    quota::Quotas,
};
use crate::app::Room;

/// How long Rocket waits for connections to end, twice, when all clients are gone.
const SHUTDOWN_SECONDS: u32 = 1;

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
    /// What a client may take.
    pub limits: Limits,
    /// Certificate and key, where the room itself speaks TLS.
    pub tls: Option<tls::Files>,
}

/// The room's Rocket, not yet launched: on a loopback port of its own, for the front alone.
pub fn rocket(room: Room, edge: &Edge, pass: Pass) -> Rocket<Build> {
    let origins = &edge.origins;
    let config = Config {
        address: Ipv4Addr::LOCALHOST.into(),
        port: 0,
        ident: Ident::none(),
        // The front names the peer.
        ip_header: None,
        // The front stops first, and then tells it to.
        shutdown: Shutdown {
            ctrlc: false,
            signals: HashSet::new(),
            grace: SHUTDOWN_SECONDS,
            mercy: SHUTDOWN_SECONDS,
            force: false,
            ..Shutdown::default()
        },
        // Rocket would log addresses, and those of views carry a secret.
        log_level: LogLevel::Off,
        cli_colors: false,
        ..Config::default()
    };
    let is_open = room.behind.is_none();
    let rocket = rocket::custom(config)
        .manage(room)
        .manage(origins.clone())
        .manage(Quotas::new(&edge.limits))
        // First: nothing that came past the front is looked at by anything else.
        .attach(Passed(pass))
        .attach(Shield::new())
        .attach(Apart(origins.clone()))
        .attach(Headers::new(origins))
        .mount("/static", assets::routes())
        .mount("/log", log::routes())
        .register("/", errors::catchers());
    if !is_open {
        // Of a room that was put back to an older state the public log alone: everything else
        // would have to be entered, and can't be. Whoever asks for it is told.
        return rocket;
    }
    rocket
        .mount("/", room::web_routes())
        .mount("/api/v1", room::api_routes())
        .mount("/v", content::routes())
}
