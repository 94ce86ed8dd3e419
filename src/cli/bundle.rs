//! `custos bundle`: takes a bundle of an item's custody away.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use custos_core::ids::ItemId;
use tokio::signal::unix::{SignalKind, signal};

use super::{access::Access, bars::Bars, failed};
use crate::client::{
    api::Wish,
    deposit::{Stage, Watch},
    error::ClientError,
    names,
    place::Draft,
    source::Count,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    access: Access,
    /// The item
    #[arg(long, value_name = "ID")]
    item: ItemId,
    /// What the content is for: investigation, prosecution, disclosure, defence, adjudication,
    /// protection, cross_border, research
    #[arg(long, value_name = "CODE", required_unless_present = "no_content")]
    purpose: Option<String>,
    /// Why, in your own words; it is entered in the custody log
    #[arg(long, value_name = "TEXT", required_unless_present = "no_content")]
    why: Option<String>,
    /// The history alone, without the content
    #[arg(long, conflicts_with_all = ["purpose", "why"])]
    no_content: bool,
    /// Where the bundle is put: whole, or not at all
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace what stands there
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(arguments: &Arguments) -> ExitCode {
    // Whoever stops it finds nothing half: the unfinished file goes with the draft.
    let taken = tokio::select! {
        taken = take(arguments) => taken,
        () = stopped() => Err(ClientError::NotTried("it was stopped")),
    };
    match taken {
        Ok(length) => {
            println!(
                "{}: {length} bytes; check it with `custos-verify` and the key of the room's log",
                names::shown(&arguments.out)
            );
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

async fn take(arguments: &Arguments) -> Result<u64, ClientError> {
    let api = arguments.access.api()?;
    // Before the room is asked, because asking is an entry in the custody log.
    let mut draft = Draft::beside(&arguments.out, arguments.force)?;
    let wish = Wish {
        content: !arguments.no_content,
        purpose: arguments.purpose.clone().unwrap_or_default(),
        why: arguments.why.clone().unwrap_or_default(),
    };
    let mut coming = api.bundle(arguments.item, &wish).await?;
    let (bars, count) = (Bars::new(), Count::default());
    let shown = bars.begins(
        Stage::Taking,
        &arguments.out,
        coming.length(),
        count.clone(),
    );
    let mut length = 0;
    while let Some(piece) = coming.next().await? {
        draft.write(&piece)?;
        length += piece.len() as u64;
        count.store(length, std::sync::atomic::Ordering::Relaxed);
    }
    drop(shown);
    if length != coming.length() {
        return Err(ClientError::Broken(format!(
            "{length} of {} bytes came; nothing was kept",
            coming.length()
        )));
    }
    draft.place()?;
    Ok(length)
}

/// Waits until somebody stops the program.
pub(super) async fn stopped() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
