//! `custos audit`: re-checks everything stored, and says where something is wrong.

use std::process::ExitCode;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Failed, register};
use crate::{
    ambient::Ambient,
    app::{
        audit::{self, AuditError, Content, Options, Phase, Progress, Report},
        notices::damage,
    },
    config::Config,
    store::Store,
};

/// Something stored is not what it should be.
pub(super) const DAMAGED: u8 = 3;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print the report as one JSON object
    #[arg(long)]
    json: bool,
    /// Compare stored bytes with their BLAKE3 alone, which needs no key but finds no place
    #[arg(long, conflicts_with = "no_content")]
    quick: bool,
    /// Do not read stored objects
    #[arg(long)]
    no_content: bool,
    /// Have the room tell its administrators and custodians if something is wrong
    #[arg(long)]
    notify: bool,
}

pub(super) async fn run(config: &Config, arguments: &Arguments) -> Result<ExitCode, Failed> {
    let content = match (arguments.quick, arguments.no_content) {
        (true, _) => Content::Blake3Only,
        (_, true) => Content::Skip,
        _ => Content::Full,
    };
    let report = examine(config, content).await?;
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        tell(&report);
    }
    if arguments.notify && !report.is_sound() {
        damage::leave(&config.data, &Ambient::system())?;
    }
    Ok(if report.is_sound() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(DAMAGED)
    })
}

/// Audits the room that the settings name, with progress on a terminal.
pub(super) async fn examine(config: &Config, content: Content) -> Result<Report, Failed> {
    let database = register(config)?;
    if !database.holds_register()? {
        return Err(AuditError::NoRoom.into());
    }
    let bar = bar();
    let shown = bar.clone();
    let report = audit::audit(
        (&config.keys, &database),
        Store::to_read(&config.data)?,
        Options {
            content,
            ..Options::default()
        },
        move |progress| show(&shown, progress),
    )
    .await?;
    bar.finish_and_clear();
    Ok(report)
}

/// A bar on a terminal, nothing elsewhere.
pub(super) fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:>10} {wide_bar} {human_pos}/{human_len} {eta}")
        .expect("the template is well formed");
    ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(5)).with_style(style)
}

fn show(bar: &ProgressBar, progress: Progress<'_>) {
    bar.set_message(match progress.phase {
        Phase::Database => "database",
        Phase::Keys => "keys",
        Phase::Log => "log",
        Phase::Rows => "rows",
        Phase::Items => "items",
        Phase::Content => "content",
    });
    bar.set_length(progress.total);
    bar.set_position(progress.done);
}

pub(super) fn tell(report: &Report) {
    for finding in &report.findings {
        println!("{finding}");
    }
    let unnamed = report.total - report.findings.len() as u64;
    if unnamed > 0 {
        println!("and {unnamed} more");
    }
    for note in &report.notes {
        println!("note: {note}");
    }
    if report.is_sound() {
        println!("Everything that is stored is what the custody log says.");
    } else {
        println!(
            "\n{} findings, {} things that could not be checked because of them. Nothing was changed.\n\
             What is not named is sound. Keep a copy of everything as it is before you restore anything.",
            report.total, report.unchecked
        );
    }
}
