//! `custos backup`: copies the room to another folder.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use indicatif::ProgressBar;

use super::{Failed, audit, register};
use crate::{
    ambient::Ambient,
    app::backup::{self, Facts, Options, Phase, Progress, Source, Taken},
    config::Config,
    http::text,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder of the backup. A backup that is there is brought up to date: what never
    /// changes is not copied again, and the older one holds until the new one is complete
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// Copy the root key, too. Whoever then has the backup can read everything
    #[arg(long)]
    with_keys: bool,
    /// Read what earlier backups copied, and copy again what was damaged since
    #[arg(long)]
    recheck: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: &Config, arguments: &Arguments) -> Result<ExitCode, Failed> {
    let source = Source {
        data: config.data.clone(),
        database: register(config)?,
        keys: config.keys.clone(),
    };
    let options = Options {
        with_keys: arguments.with_keys,
        recheck: arguments.recheck,
    };
    let bar = audit::bar();
    let taken = backup::take(
        &source,
        &arguments.to,
        options,
        &Ambient::system(),
        |progress| {
            show(&bar, progress);
        },
    )
    .await?;
    bar.finish_and_clear();
    if arguments.json {
        println!("{}", serde_json::to_string(&taken)?);
    } else {
        tell(&taken, arguments);
    }
    Ok(if taken.facts.lost.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(audit::DAMAGED)
    })
}

pub(super) fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_message(match progress.phase {
        Phase::Register => "register",
        Phase::Log => "log",
        Phase::Objects => "objects",
    });
    bar.set_length(progress.total);
    bar.set_position(progress.done);
}

fn tell(taken: &Taken, arguments: &Arguments) {
    println!(
        "The backup in {} is complete: {} files, {}. Copied now: {} files, {}.",
        arguments.to.display(),
        taken.files,
        text::short_size(&taken.bytes),
        taken.copied,
        text::short_size(&taken.copied_bytes),
    );
    if taken.mended > 0 {
        println!(
            "{} damaged files of an earlier backup are whole again.",
            taken.mended
        );
    }
    println!("{}", holds(&taken.facts));
    if !arguments.with_keys {
        println!(
            "The root key is not in it. Without a copy of that, kept elsewhere, nothing of it can be read."
        );
    }
    for path in &taken.facts.lost {
        println!("not in the room's store: {path}");
    }
    for warning in &taken.warnings {
        println!("warning: {warning}");
    }
}

/// What a backup, and a room restored from it, holds: one sentence or two.
pub(super) fn holds(facts: &Facts) -> String {
    let checkpoint = match &facts.published_at {
        Some(time) => format!(
            "its newest checkpoint is of size {}, published {}",
            facts.published,
            text::utc(time)
        ),
        None => "no checkpoint was published yet".into(),
    };
    format!(
        "It holds `{}` with {} entries, the newest of {}; {checkpoint}.",
        facts.origin,
        facts.size,
        text::utc(&facts.newest_at)
    )
}
