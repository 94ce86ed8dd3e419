//! `custos init`: founds a room.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;

use super::{Failed, register, serve};
use crate::{
    ambient::Ambient,
    app::{
        backup,
        found::{
            FirstAdministrator, found_after,
            predecessor::{Predecessor, predecessor},
        },
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
    /// File of the last checkpoint of another log, which this one continues: of one that is over
    #[arg(long, value_name = "CHECKPOINT_FILE", requires = "predecessor_policy")]
    succeeds: Option<PathBuf>,
    /// The policy file with which that log is verified
    #[arg(long, value_name = "POLICY", requires = "succeeds")]
    predecessor_policy: Option<PathBuf>,
    /// The `trust.json` beside that policy, if there is one
    #[arg(long, value_name = "FILE", requires = "succeeds")]
    predecessor_trust: Option<PathBuf>,
}

pub(super) async fn run(config: &Config, arguments: &Arguments) -> Result<ExitCode, Failed> {
    if arguments.origin == synthetic::ORIGIN {
        return Err(Failed::because(format!(
            "`{}` names logs of made-up entries, which no room may serve; choose another name",
            arguments.origin
        )));
    }
    let before = before(arguments)?;
    backup::refuse_unfinished(&config.data)?;
    config.make_data()?;
    let first = FirstAdministrator {
        name: arguments.administrator.clone(),
        login: arguments.login.clone(),
    };
    let ambient = Ambient::system();
    let places = (config.keys.as_path(), register(config)?);
    let previous = before.as_ref().map(|before| before.previous.clone());
    let log = (arguments.origin.as_str(), previous);
    let founded = found_after((places.0, &places.1), log, &first, &ambient)?;
    let room = serve::open(config, ambient, Outlets::default()).await?;
    room.publisher.publish().await?;
    let link = people::first_enrolment(&room, &arguments.login, enrolment::ENROLMENT).await?;
    room.publisher.publish().await?;
    // A crash before this leaves a room without the file; the key stands at `/log/key` too.
    let policy = config.data.join("trust.policy");
    fs::write(&policy, serve::trust_policy(&founded.log_key))?;
    if let Some(before) = &before {
        tell(before);
    }
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

/// The log that the new one continues, if it continues one.
fn before(arguments: &Arguments) -> Result<Option<Predecessor>, Failed> {
    let (Some(note), Some(policy)) = (&arguments.succeeds, &arguments.predecessor_policy) else {
        return Ok(None);
    };
    let trust = arguments.predecessor_trust.as_deref();
    let trust = trust.map(read).transpose()?;
    let (note, policy) = (read(note)?, read(policy)?);
    let found = predecessor(&note, &policy, trust.as_deref(), &arguments.origin)?;
    Ok(Some(found))
}

fn read(file: &Path) -> Result<Vec<u8>, Failed> {
    fs::read(file).map_err(|error| {
        let file = file.display();
        Failed::because(format!("`{file}` can't be read: {error}; nothing was made"))
    })
}

fn tell(before: &Predecessor) {
    let (origin, size) = (&before.previous.origin, before.size);
    println!(
        "Its log continues `{origin}`, which ended with {size} entries: its first entry says so."
    );
    match before.witnesses {
        0 => println!(
            "No witness confirmed that checkpoint, so that it is the last one is your word alone."
        ),
        count => println!("{count} witnesses of its policy confirmed that checkpoint."),
    }
    println!(
        "Keep the old room's folder and serve its public log as long as anyone verifies by it.\n"
    );
}
