//! The server of an evidence room.
//!
//! ```text
//! cli -> {http, jobs} -> app -> {content, db, policy, peers} -> {store, keyring} -> core
//! ```

pub mod ambient;
pub mod app;
pub mod cli;
pub mod client;
pub mod config;
pub mod content;
pub mod db;
pub mod demo;
pub mod http;
pub mod jobs;
pub mod keyring;
pub mod peers;
pub mod policy;
pub mod store;
pub mod telemetry;
pub mod witness;
