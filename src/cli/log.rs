//! `custos log`: the custody log as such.

mod build;
mod export;

use std::process::ExitCode;

use clap::Subcommand;

use super::Failed;
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum Log {
    /// Build a large log of made-up entries in a folder of its own, to measure with
    Build(build::Arguments),
    /// Export the entries of a case, an item, a person or a span of time that you may see
    Export(Box<export::Export>),
}

pub(super) async fn run(config: &Config, command: &Log) -> Result<ExitCode, Failed> {
    match command {
        Log::Build(arguments) => build::run(config, arguments).await,
        Log::Export(asked) => Ok(asked.run().await),
    }
}
