//! `custos recover`: a link for an administrator whom nobody else can let in again.

use std::process::ExitCode;

use clap::Args;

use super::{Failed, outlets, serve};
use crate::{
    ambient::Ambient,
    app::{
        Error,
        people::{self, enrolment},
    },
    config::Config,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The name with which the administrator signs in
    #[arg(value_name = "LOGIN")]
    login: String,
}

pub(super) async fn run(config: &Config, arguments: &Arguments) -> Result<ExitCode, Failed> {
    // Nothing is sent from here: what is told of the link waits, and `serve` sends it.
    let room = serve::open(config, Ambient::system(), outlets::outlets(config)?).await?;
    let link = people::operator_enrolment(&room, &arguments.login, enrolment::ENROLMENT).await;
    let link = match link {
        Err(Error::NotFound) => {
            return Err(Failed::because(
                "no active administrator signs in with this name; nothing was changed",
            ));
        }
        link => link?,
    };
    room.publisher.publish().await?;
    println!(
        "The administrator opens

    {}/enter#{}

within 15 minutes, once, and chooses a password. Sessions and tokens of the account end then. That
this link was issued stands in the custody log, at index {}.",
        config.http.origin,
        &*link.output.text(),
        link.entered[0].index.get(),
    );
    Ok(ExitCode::SUCCESS)
}
