//! `custos log build`: a log of made-up entries, to measure with.

use std::{fs, path::PathBuf, process::ExitCode, time::Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::super::{Failed, register, serve};
use crate::{
    ambient::Ambient,
    app::{
        found::{FirstAdministrator, found},
        notices::Outlets,
        synthetic,
    },
    config::Config,
};

/// No colour anywhere, so that `NO_COLOR` has nothing to forbid.
const STYLE: &str = "[{wide_bar}] {human_pos}/{human_len} entries {per_sec} {eta} left";

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Entries that the log is to have
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(3..=1 << 32))]
    entries: u64,
    /// The folder in which it is built, empty or not there yet
    #[arg(long, value_name = "FOLDER")]
    into: PathBuf,
}

pub(super) async fn run(config: &Config, arguments: &Arguments) -> Result<ExitCode, Failed> {
    let into = &arguments.into;
    fs::create_dir_all(into)?;
    if fs::read_dir(into)?.next().is_some() {
        return Err(Failed::because(format!(
            "`{}` is not empty; nothing was changed: made-up entries stand in a folder of their own",
            into.display()
        )));
    }
    let config = Config {
        data: into.clone(),
        keys: into.join("keys"),
        database: None,
        ..config.clone()
    };
    let first = FirstAdministrator {
        name: "Nobody".into(),
        login: "nobody".into(),
    };
    let ambient = Ambient::system();
    let places = (config.keys.as_path(), register(&config)?);
    let founded = found((places.0, &places.1), synthetic::ORIGIN, &first, &ambient)?;
    let room = serve::open(&config, ambient, Outlets::default()).await?;
    let style = ProgressStyle::with_template(STYLE)?;
    let bar = ProgressBar::new(arguments.entries).with_style(style);
    let begin = Instant::now();
    synthetic::fill(&room, arguments.entries, |size| bar.set_position(size)).await?;
    bar.finish_and_clear();
    fs::write(
        into.join("trust.policy"),
        serve::trust_policy(&founded.log_key),
    )?;
    println!(
        "{} made-up entries are in `{}`, named `{}`, in {:.0} s. They are for measurements alone: \
         no room serves them.",
        arguments.entries,
        into.display(),
        synthetic::ORIGIN,
        begin.elapsed().as_secs_f64(),
    );
    Ok(ExitCode::SUCCESS)
}
