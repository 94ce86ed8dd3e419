//! `custos checkpoint`: checkpoints that were found elsewhere, beside those of the room.

use std::{fs::File, io::Read, path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use custos_core::checkpoint::MAX_CHECKPOINT_BYTES;

use super::{Failed, register, say};
use crate::{
    app::{
        open::Places,
        witnesses::{
            conflicts::{Kind, Shown},
            elsewhere,
        },
    },
    config::Config,
    http::text,
};

/// Damage was found: as for an audit.
const FOUND: u8 = 3;

/// The commands about checkpoints.
#[derive(Debug, Subcommand)]
pub(super) enum Checkpoint {
    /// Compare checkpoints of the room's log that were found elsewhere with its own
    Compare(Compare),
    /// Print every checkpoint that contradicts the room, as evidence
    Conflicts,
}

#[derive(Debug, Args)]
pub(super) struct Compare {
    /// Files of signed checkpoints
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) async fn run(config: &Config, command: &Checkpoint) -> Result<ExitCode, Failed> {
    let places = Places {
        keys: config.keys.clone(),
        database: register(config)?,
    };
    match command {
        Checkpoint::Compare(asked) => compare(config, &places, &asked.files).await,
        Checkpoint::Conflicts => conflicts(&places),
    }
}

async fn compare(config: &Config, places: &Places, files: &[PathBuf]) -> Result<ExitCode, Failed> {
    let mut notes = Vec::new();
    for file in files {
        let mut note = Vec::new();
        let most = MAX_CHECKPOINT_BYTES as u64 + 1;
        let read = File::open(file).and_then(|file| file.take(most).read_to_end(&mut note));
        read.map_err(|error| {
            Failed::because(format!("`{}` can't be read: {error}", file.display()))
        })?;
        notes.push(note);
    }
    let compared = elsewhere::beside(places, &config.data, &notes).await?;
    let (mut found, mut foreign) = (false, false);
    for (file, shown) in files.iter().zip(&compared) {
        let file = file.display();
        say(&match shown {
            Shown::Continues { size } => {
                format!("{file}: the room's log continues it (size {size})")
            }
            Shown::Conflict { kind, size } => {
                found = true;
                let what = match kind {
                    Kind::Fork => "the room's log is another history",
                    Kind::Rollback => "the room never published so many entries",
                };
                format!(
                    "{file}: CONTRADICTS the room (size {size}): {what}; left for it as evidence"
                )
            }
            Shown::Misused { size } => {
                found = true;
                format!(
                    "{file}: SIGNED BY A KEY THAT IS NOT IN USE for this size ({size}): somebody has a \
                     retired key of this log; it is not believed, and left for the room to tell of"
                )
            }
            Shown::Foreign(why) => {
                foreign = true;
                format!("{file}: {why}")
            }
        });
    }
    Ok(match (found, foreign) {
        (true, _) => ExitCode::from(FOUND),
        (false, true) => ExitCode::FAILURE,
        (false, false) => ExitCode::SUCCESS,
    })
}

fn conflicts(places: &Places) -> Result<ExitCode, Failed> {
    let kept = elsewhere::kept(places)?;
    for row in &kept {
        let theirs = row
            .theirs
            .as_deref()
            .map_or_else(|| "(said, and not shown)\n".into(), String::from_utf8_lossy);
        say(&format!(
            "== {} of size {}, from {}, {}\n-- what was shown\n{theirs}\n-- the room's own\n{}\n\
             -- the proof that does not hold\n{}\n",
            row.kind,
            row.size,
            row.source,
            text::machine(&row.found_at),
            String::from_utf8_lossy(&row.ours),
            row.proof,
        ));
    }
    Ok(if kept.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FOUND)
    })
}
