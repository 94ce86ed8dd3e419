//! `custos restore`: makes a room of a backup, or checks one.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use custos_core::checkpoint::SignedCheckpoint;
use serde_json::json;

use super::{Failed, audit, backup::holds, backup::show};
use crate::{
    ambient::Ambient,
    app::{
        audit::{Content, Report},
        backup::{self, Restored, RootKey, Wish},
        behind::Mark,
    },
    config::Config,
    http::text,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder of the backup
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// Audit the restored room; needs the root key in its place
    #[arg(long, conflicts_with = "check")]
    verify: bool,
    /// Check the backup where it lies, and restore nothing
    #[arg(long, conflicts_with = "even_damaged")]
    check: bool,
    /// Restore what is whole, and what is damaged as it is, and name that; the register must be
    /// whole
    #[arg(long)]
    even_damaged: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: &Config, arguments: &Arguments) -> Result<ExitCode, Failed> {
    let wish = match (arguments.check, arguments.even_damaged) {
        (true, _) => Wish::Check,
        (_, true) => Wish::EvenDamaged,
        _ => Wish::Restore,
    };
    if config.database.is_some() && !arguments.check {
        return Err(Failed::because(
            "the settings name a database on a server, and a backup holds a register in a file: \
             leave `database` out to restore it, or restore the server's own copy with \
             `pg_restore` (docs/OPERATIONS.md); nothing was changed",
        ));
    }
    let bar = audit::bar();
    let places = (config.data.as_path(), config.keys.as_path());
    let ambient = Ambient::system();
    let restored = backup::restore(&arguments.from, places, wish, &ambient, |progress| {
        show(&bar, progress);
    })
    .await?;
    bar.finish_and_clear();
    if !arguments.json {
        tell(&restored, config, arguments);
    }
    let report = if arguments.verify && restored.restored {
        Some(audit::examine(config, Content::Full).await?)
    } else {
        None
    };
    if arguments.json {
        println!("{}", json!({"backup": restored, "audit": report}));
    } else if let Some(report) = &report {
        audit::tell(report);
    }
    let sound = restored.damaged.is_empty()
        && restored.facts.lost.is_empty()
        && report.as_ref().is_none_or(Report::is_sound);
    Ok(if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(audit::DAMAGED)
    })
}

fn tell(restored: &Restored, config: &Config, arguments: &Arguments) {
    let facts = &restored.facts;
    for damage in &restored.damaged {
        println!("{}: {}", damage.path, damage.what);
    }
    for path in &facts.lost {
        println!("{path}: the room did not have it when the backup was taken");
    }
    let count = restored.damaged.len();
    match (arguments.check, restored.restored) {
        (true, _) if count == 0 => println!(
            "The backup of {} is whole: {} files, {}.",
            text::utc(&facts.taken_at),
            restored.files,
            text::short_size(&restored.bytes)
        ),
        (true, _) => println!("{count} files of the backup are damaged."),
        (false, false) => println!(
            "{count} files of the backup are damaged, so nothing was restored; {} is as empty as it was.\n\
             Restore another copy of it. If there is none, `--even-damaged` restores the rest, \
             as long as the register is whole.",
            config.data.display()
        ),
        (false, true) => println!(
            "The backup of {} is restored to {}.",
            text::utc(&facts.taken_at),
            config.data.display()
        ),
    }
    println!("{}", holds(facts));
    if restored.restored {
        caution(restored, config);
    }
}

/// What whoever restored a room has to know before it is started.
fn caution(restored: &Restored, config: &Config) {
    println!(
        "
BEFORE YOU START IT: what happened after that moment is not in this room. A receipt, bundle or
checkpoint of more than {} entries does not fit it, and if the room is used, its log will fork
from the one that others have seen. Compare with the newest checkpoint that anyone kept. What was
revoked since (people suspended, tokens and sessions ended, links used) is valid again. See
docs/OPERATIONS.md, \"After a restore\". The room says this at each start until
{} is removed.",
        restored.facts.size,
        backup::note(&config.data).display()
    );
    let mark = Mark::of(&config.keys, config.mark.as_deref());
    // Whose it is the start finds out; here it is only told of.
    let held = mark.read().ok().flatten();
    let held = held.and_then(|note| SignedCheckpoint::parse(&note).ok());
    let held = held.map(|held| held.checkpoint().size());
    if let Some(held) = held.filter(|held| *held > restored.facts.published) {
        println!(
            "
{} HOLDS CHECKPOINT {held}, and this backup ends with {}. The room that wrote it went on after
this backup: started beside it, what was restored gives out the public log and enters nothing.
Look for a newer backup; see docs/OPERATIONS.md, \"A room that was put back\".",
            mark.path().display(),
            restored.facts.published
        );
    }
    println!(
        "\n{}",
        match restored.root_key {
            RootKey::Restored => "The root key was in the backup and is in its place.",
            RootKey::LeftAsItIs => "The root key that was in its place already was left as it is.",
            RootKey::NotInBackup | RootKey::Untouched =>
                "The root key is not in the backup; put your copy of it in its place.",
        }
    );
}
