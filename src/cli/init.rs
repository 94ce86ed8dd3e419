//! `custos init`: founds a room.

use std::{fs, process::ExitCode};

use clap::Args;

use super::{Failed, register, serve};
use crate::{
    ambient::Ambient,
    app::{
        backup,
        found::{FirstAdministrator, found},
        notices::Outlets,
        people::{self, enrolment},
        synthetic,
    },
    config::Config,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Name of the custody log: a host that is yours, and a path, like `room.example/log`
    #[arg(long, value_name = "NAME")]
    origin: String,
    /// Name of the first administrator
    #[arg(long, value_name = "NAME", default_value = "Administrator")]
    administrator: String,
    /// The name with which they sign in
    #[arg(long, value_name = "LOGIN", default_value = "administrator")]
    login: String,
}

pub(super) async fn run(config: &Config, arguments: &Arguments) -> Result<ExitCode, Failed> {
    if arguments.origin == synthetic::ORIGIN {
        return Err(Failed::because(format!(
            "`{}` names logs of made-up entries, which no room may serve; choose another name",
            arguments.origin
        )));
    }
    backup::refuse_unfinished(&config.data)?;
    config.make_data()?;
    let first = FirstAdministrator {
        name: arguments.administrator.clone(),
        login: arguments.login.clone(),
    };
    let ambient = Ambient::system();
    let places = (config.keys.as_path(), register(config)?);
    let founded = found((places.0, &places.1), &arguments.origin, &first, &ambient)?;
    let room = serve::open(config, ambient, Outlets::default()).await?;
    room.publisher.publish().await?;
    let link = people::first_enrolment(&room, &arguments.login, enrolment::ENROLMENT).await?;
    room.publisher.publish().await?;
    // A crash before this leaves a room without the file; the key stands at `/log/key` too.
    let policy = config.data.join("trust.policy");
    fs::write(&policy, serve::trust_policy(&founded.log_key))?;
    println!(
        "The room `{}` is founded.

Verification key of its log. Give it to everyone who is to check custody, by a way of its own:

    {}

The same as a policy file for custos-verify: {}

The root key is in {}. Whoever has it can read everything; without it nothing can be read.
Keep a copy of it away from the data, under lock.

Start the room with `custos serve`. The first administrator then opens

    {}/enter#{}

within 15 minutes, once, and chooses a password.",
        arguments.origin,
        founded.log_key,
        policy.display(),
        config.keys.join("root.key").display(),
        config.http.origin,
        &*link.output.text(),
    );
    Ok(ExitCode::SUCCESS)
}
