//! `custos receipt`: takes the receipt of an item's deposit away.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use custos_core::ids::ItemId;

use super::{access::Access, failed};
use crate::client::{
    error::ClientError,
    names,
    place::Draft,
    receipt::{self, Proven},
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    access: Access,
    /// The item
    #[arg(long, value_name = "ID")]
    item: ItemId,
    /// Where the receipt is put, over nothing
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(super) async fn run(arguments: &Arguments) -> ExitCode {
    match take(arguments).await {
        Ok(proven) => {
            let index = proven.kept.index.unwrap_or_default();
            println!(
                "{}: entry {index} of the custody log; check it with `custos-verify --receipt`",
                names::shown(&arguments.out)
            );
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

async fn take(arguments: &Arguments) -> Result<Proven, ClientError> {
    let api = arguments.access.api()?;
    // Before the room is asked, because asking is an entry in the custody log.
    let mut draft = Draft::beside(&arguments.out, false)?;
    let bytes = api.receipt(arguments.item).await?;
    let proven = receipt::prove(&bytes, arguments.item)?;
    draft.write(&bytes)?;
    draft.place()?;
    Ok(proven)
}
