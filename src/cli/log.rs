//! `custos log`: the custody log as such.

mod build;

use std::process::ExitCode;

use clap::Subcommand;

use super::Failed;
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum Log {
    /// Build a large log of made-up entries in a folder of its own, to measure with
    Build(build::Arguments),
}

pub(super) async fn run(config: &Config, command: &Log) -> Result<ExitCode, Failed> {
    match command {
        Log::Build(arguments) => build::run(config, arguments).await,
    }
}
