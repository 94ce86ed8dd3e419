//! The command line.
//!
//! Exit codes: 0 done, 1 an error, 2 wrong usage, 3 damage found.

mod access;
mod audit;
mod backup;
mod bars;
mod bundle;
mod demo;
mod deposit;
mod doctor;
mod edge;
mod init;
mod outlets;
mod receipt;
mod restore;
mod serve;

use std::{fmt, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{client::error::ClientError, config::Config, telemetry};

/// An evidence room that can prove itself.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    /// The settings file; `custos.toml`, if there is one, when it is not given
    #[arg(long, global = true, env = "CUSTOS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Found a room: its keys, its log, its first administrator
    Init(init::Arguments),
    /// Serve the room
    Serve,
    /// Check everything that is stored, and say where something is wrong
    Audit(audit::Arguments),
    /// Copy the room to another folder, while it works or not
    Backup(backup::Arguments),
    /// Restore a backup into the empty data folder that the settings name, or check one
    Restore(restore::Arguments),
    /// Look at clock, disk, keys, register, store and settings, while the room works or not
    Doctor(doctor::Arguments),
    /// Build a fictional case in a room of its own and serve it on localhost
    Demo(demo::Arguments),
    Deposit(Box<deposit::Arguments>),
    /// Take the receipt of an item's deposit away
    Receipt(receipt::Arguments),
    /// Take a bundle of an item's custody away, which verifies offline
    Bundle(bundle::Arguments),
}

/// What ends a command early; its text goes to standard error.
#[derive(Debug)]
pub(crate) struct Failed(String);

impl<E: std::error::Error> From<E> for Failed {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.contains(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        Self(text)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Failed {
    /// A failure in these words.
    pub(crate) fn because(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    match start(arguments) {
        Ok(code) => code,
        Err(failed) => {
            eprintln!("custos: {failed}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: Arguments) -> Result<ExitCode, Failed> {
    // One provider for all TLS of the process, named before anything can ask for one.
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        return Err(Failed::because("another TLS provider was installed first"));
    }
    let config = Config::read(arguments.config.as_deref())?;
    telemetry::start(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match arguments.command {
            Command::Init(arguments) => init::run(&config, &arguments).await,
            Command::Serve => serve::run(&config).await,
            Command::Audit(arguments) => audit::run(&config, &arguments).await,
            Command::Backup(arguments) => backup::run(&config, &arguments).await,
            Command::Restore(arguments) => restore::run(&config, &arguments).await,
            Command::Doctor(arguments) => doctor::run(&config, &arguments).await,
            Command::Demo(arguments) => demo::run(&config, &arguments).await,
            Command::Deposit(arguments) => Ok(deposit::run(*arguments).await),
            Command::Receipt(arguments) => Ok(receipt::run(&arguments).await),
            Command::Bundle(arguments) => Ok(bundle::run(&arguments).await),
        }
    })
}

/// Says why a client's command ends, and with which code.
fn failed(error: &ClientError) -> ExitCode {
    eprintln!("custos: {error}");
    match error {
        ClientError::Usage(_) => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}
