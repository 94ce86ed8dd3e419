//! `custos serve`: opens the room and answers until it is told to stop.

use std::process::ExitCode;

use custos_core::checkpoint::VerifierKey;
use tracing::{error, info, warn};

use super::Failed;
use crate::{
    ambient::Ambient,
    app::{
        Room, backup,
        open::{self, OpenError, Places},
    },
    config::Config,
    http::{self, Edge, origins::Origins, text},
    jobs,
    store::Store,
};

pub(super) async fn run(config: &Config) -> Result<ExitCode, Failed> {
    let room = open(config, Ambient::system()).await?;
    run_room(config, room).await
}

/// Opens the room that the settings name.
pub(super) async fn open(config: &Config, ambient: Ambient) -> Result<Room, Failed> {
    backup::refuse_unfinished(&config.data)?;
    if let Some(kept) = backup::kept(&config.data)? {
        let facts = &kept.backup;
        // Said at each start until its operator has compared and removes the note.
        warn!(
            log.size = facts.size,
            log.published = facts.published,
            log.newest = %text::machine(&facts.newest_at),
            backup.taken = %text::machine(&facts.taken_at),
            "this room was restored from a backup: receipts and checkpoints of more than its \
             entries do not fit it, and what was revoked since is valid again; see \
             docs/OPERATIONS.md, then remove `{}`",
            backup::note(&config.data).display()
        );
    }
    let places = Places {
        keys: config.keys.clone(),
        database: config.database(),
    };
    // A store would be made where there is none, and a restore wants an empty folder.
    if !places.database.is_file() {
        return Err(OpenError::NoRoom.into());
    }
    let store = Store::local(&config.data)?;
    Ok(open::open(&places, store, ambient).await?)
}

/// Serves an open room until it is told to stop, or its writer stops.
pub(super) async fn run_room(config: &Config, room: Room) -> Result<ExitCode, Failed> {
    let edge = Edge {
        address: config.http.address,
        port: config.http.port,
        origins: Origins::new(&config.http.origin, &config.http.content_origin)?,
        proxy_header: config.http.proxy_header.clone(),
    };
    let rocket = http::rocket(room.clone(), &edge)
        .ignite()
        .await
        .map_err(|error| launch_error(&error))?;
    let shutdown = rocket.shutdown();
    let publishing = room.clone();
    let publisher = tokio::spawn(async move {
        // It returns only when the writer stopped: the disk is no longer known, so stop too.
        jobs::publish::run(&publishing).await;
        shutdown.notify();
    });
    let expiring = room.clone();
    let expirer = tokio::spawn(async move { jobs::expire::run(&expiring).await });
    let sweeping = room.clone();
    let sweeper = tokio::spawn(async move { jobs::sweep::run(&sweeping).await });
    info!(http.address = %edge.address, http.port = edge.port, "serving the room");
    let served = rocket.launch().await.map_err(|error| launch_error(&error));
    expirer.abort();
    sweeper.abort();
    let writer_stopped = publisher.is_finished();
    publisher.abort();
    served?;
    if writer_stopped {
        return Err(Failed::because(
            "the custody log can't be written; look at the disk, then start again: start-up checks what is there",
        ));
    }
    // What was acknowledged is durable; publishing it now spares the next start the wait.
    if let Err(error) = room.publisher.publish().await {
        error!(error = %error, "could not publish before stopping; the next start does");
    }
    info!("the room is closed");
    Ok(ExitCode::SUCCESS)
}

/// A C2SP tlog-policy file that trusts one log and asks for no witness.
pub(super) fn trust_policy(key: &VerifierKey) -> String {
    format!("log {key}\nquorum none\n")
}

fn launch_error(error: &rocket::Error) -> Failed {
    // Rocket's error prints a report when it is dropped unread; this reads it.
    Failed::because(format!("the room can't be served: {}", error.kind()))
}
