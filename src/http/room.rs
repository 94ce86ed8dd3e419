//! The room's own origin: pages for people, JSON for programs.

mod api;
mod guards;
mod listed;
mod multipart;
mod reference;
mod routes;
mod web;

pub use guards::room;
pub use routes::{api_routes, web_routes};
