//! `custos policy`: the policy set in force, and how it is brought forward.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};

use super::{Failed, outlets, register, say, serve};
use crate::{
    ambient::Ambient,
    app::{
        open::Places,
        policies::{self, Standing},
    },
    config::Config,
    policy::{Engine, Source, sets::Difference},
};

#[derive(Debug, Subcommand)]
pub(super) enum Policy {
    /// Write the policy set in force into an empty folder
    Write(Write),
    /// Bring the policy set in force forward to that of this version, or to a merged one. The room
    /// must be stopped. Without `--by` it is only said what would change
    Upgrade(Upgrade),
}

#[derive(Debug, Args)]
pub(super) struct Write {
    /// The folder, which is made
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Upgrade {
    /// A folder with the set to put into force, where that of the room was edited: its own changes
    /// merged with what this version needs
    #[arg(long, value_name = "FOLDER")]
    set: Option<PathBuf>,
    /// The name with which somebody signs in who decided it; given twice, for two persons
    #[arg(long, value_name = "LOGIN")]
    by: Vec<String>,
}

pub(super) async fn run(config: &Config, command: &Policy) -> Result<ExitCode, Failed> {
    let places = Places {
        keys: config.keys.clone(),
        database: register(config)?,
    };
    match command {
        Policy::Write(arguments) => {
            let kept = policies::kept(&places)?;
            let folder = &arguments.to;
            policies::write(&kept, folder).map_err(|error| {
                Failed::because(format!("`{}` can't be used: {error}", folder.display()))
            })?;
            say(&format!(
                "the policy set in force, {}, is in `{}`",
                kept.hash(),
                folder.display()
            ));
            Ok(ExitCode::SUCCESS)
        }
        Policy::Upgrade(arguments) => upgrade(config, &places, arguments).await,
    }
}

async fn upgrade(
    config: &Config,
    places: &Places,
    arguments: &Upgrade,
) -> Result<ExitCode, Failed> {
    let kept = policies::kept(places)?;
    let new = match &arguments.set {
        Some(folder) => Source::folder(folder)?,
        None => Source::embedded(),
    };
    // Before anything is opened: a set that does not load comes into force nowhere.
    Engine::from_source(&new)?;
    match (policies::standing(&kept, &new), &arguments.set) {
        (Standing::Same, _) => {
            say(&format!(
                "the policy set {} is in force already",
                new.hash()
            ));
            return Ok(ExitCode::SUCCESS);
        }
        (Standing::Edited(differences), None) => {
            tell(&differences);
            return Err(Failed::because(
                "the policy set in force was edited for this room, so that of this version can't take its place by itself: `custos policy write` gives its files; merge into them what stands above, and give that folder with `--set`; nothing was changed",
            ));
        }
        (Standing::Earlier(differences) | Standing::Edited(differences), _) => tell(&differences),
    }
    let by = match arguments.by.as_slice() {
        [] => {
            say("nothing was changed: name the two persons who decided it with `--by`, twice");
            return Ok(ExitCode::SUCCESS);
        }
        [one, other] => [one.as_str(), other.as_str()],
        _ => {
            return Err(Failed::because(
                "a change of policy is decided by two persons: give `--by` twice; nothing was changed",
            ));
        }
    };
    let (ambient, outlets) = (Ambient::system(), outlets::outlets(config)?);
    let room = serve::open_under(config, ambient, outlets, Some(new.clone())).await?;
    let done = policies::put_into_force(&room, new.clone(), by).await?;
    room.publisher.publish().await?;
    say(&format!(
        "the policy set {} is in force instead of {}; that stands in the custody log, at index {}",
        new.hash(),
        done.output,
        done.entered[0].index.get()
    ));
    Ok(ExitCode::SUCCESS)
}

/// What the new set changes, line by line.
fn tell(differences: &[Difference]) {
    for difference in differences {
        say(&format!("{}:", difference.file));
        for line in &difference.lines {
            say(line);
        }
        if difference.lines.is_empty() {
            say("it is too long to be compared line by line");
        }
    }
}
