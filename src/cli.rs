//! The command line.
//!
//! Exit codes: 0 done, 1 an error, 2 wrong usage, 3 damage found.

mod access;
mod ask;
mod audit;
mod backup;
mod bars;
mod bundle;
mod checkpoint;
mod demo;
mod deposit;
mod doctor;
mod edge;
mod init;
mod log;
mod outlets;
mod pages;
mod policy;
mod receipt;
mod recover;
mod restore;
mod rotate_log_key;
mod serve;
mod sign_in;
mod timestamp;
mod witness;
mod witnesses;

use std::{fmt, io::Write, path::PathBuf, process::ExitCode};

use clap::{CommandFactory, Parser, Subcommand};

use crate::{client::error::ClientError, config::Config, db::Location, telemetry};

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
    /// Issue a link for an administrator whom nobody else can let in again
    Recover(recover::Arguments),
    /// Put a new key of the custody log in the place of the present one, while the room is stopped
    RotateLogKey(rotate_log_key::Arguments),
    /// The policy set in force: look at it, bring it forward
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Build a fictional case in a room of its own and serve it on localhost
    Demo(demo::Arguments),
    Deposit(Box<deposit::Arguments>),
    /// Sign in, for what no token may do
    SignIn(sign_in::SignIn),
    /// Sign out, and remove the session's file
    SignOut(sign_in::SignOut),
    /// Show who your token or session stands for
    Me(ask::Look<ask::Nothing>),
    /// Cases: their items, parties and people, and their course
    #[command(subcommand)]
    Case(ask::Case),
    /// An item: its history, its content, and what is filed about it
    #[command(subcommand)]
    Item(ask::Item),
    /// Orders of the court
    #[command(subcommand)]
    Order(ask::Order),
    /// Exhibits: what is offered to the court, and how it rules
    #[command(subcommand)]
    Exhibit(ask::Exhibit),
    /// Walls: who is kept from a case, whatever their role
    #[command(subcommand)]
    Wall(ask::Wall),
    /// Requests: what one person asks for and another approves
    #[command(subcommand)]
    Request(ask::RequestCommand),
    /// People, for administrators
    #[command(subcommand)]
    Person(ask::Person),
    /// Accounts with which people sign in, for administrators
    #[command(subcommand)]
    Account(ask::Account),
    /// Rounds in which the room audited itself, for auditors and administrators
    #[command(subcommand)]
    Audits(ask::Audits),
    /// Your tokens, for programs
    #[command(subcommand)]
    Token(ask::Token),
    /// Your sessions
    #[command(subcommand)]
    Session(ask::Session),
    /// Your notices
    #[command(subcommand)]
    Notice(ask::Notice),
    /// Take the receipt of an item's deposit away
    Receipt(receipt::Arguments),
    /// Take a bundle of an item's custody away, which verifies offline
    Bundle(bundle::Arguments),
    /// Checkpoints that were found elsewhere, beside those of the room
    #[command(subcommand)]
    Checkpoint(checkpoint::Checkpoint),
    /// Have the newest checkpoint stamped by the time authorities of the settings
    Timestamp,
    /// The custody log as such
    #[command(subcommand)]
    Log(log::Log),
    /// A witness that confirms the custody logs of other rooms; `--config` names its settings
    #[command(subcommand)]
    Witness(witness::Witness),
    /// Write what lets a shell complete commands and options
    Completions(pages::Completions),
    /// Write the pages of the manual
    Man(pages::Man),
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
    // These need no settings, so none that are odd are in their way.
    match &arguments.command {
        Command::Completions(asked) => return pages::completions(Arguments::command(), asked),
        Command::Man(asked) => return pages::man(Arguments::command(), asked),
        _ => {}
    }
    // One provider for all TLS of the process, named before anything can ask for one.
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        return Err(Failed::because("another TLS provider was installed first"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    // A witness has settings of its own.
    if let Command::Witness(command) = &arguments.command {
        return runtime.block_on(witness::run(command, arguments.config.as_deref()));
    }
    let config = Config::read(arguments.config.as_deref())?;
    telemetry::start(&config.log);
    runtime.block_on(async {
        match arguments.command {
            Command::Init(arguments) => init::run(&config, &arguments).await,
            Command::Serve => serve::run(&config).await,
            Command::Audit(arguments) => audit::run(&config, &arguments).await,
            Command::Backup(arguments) => backup::run(&config, &arguments).await,
            Command::Restore(arguments) => restore::run(&config, &arguments).await,
            Command::Doctor(arguments) => doctor::run(&config, &arguments).await,
            Command::Checkpoint(command) => checkpoint::run(&config, &command).await,
            Command::Timestamp => timestamp::run(&config).await,
            Command::Log(command) => log::run(&config, &command).await,
            Command::Recover(arguments) => recover::run(&config, &arguments).await,
            Command::RotateLogKey(arguments) => rotate_log_key::run(&config, &arguments).await,
            Command::Policy(command) => policy::run(&config, &command).await,
            Command::Demo(arguments) => demo::run(&config, &arguments).await,
            Command::Deposit(arguments) => Ok(deposit::run(*arguments).await),
            Command::SignIn(asked) => Ok(sign_in::sign_in(&asked).await),
            Command::SignOut(asked) => Ok(sign_in::sign_out(&asked).await),
            Command::Me(look) => Ok(ask::me(look).await),
            Command::Case(command) => Ok(command.run().await),
            Command::Item(command) => Ok(command.run().await),
            Command::Order(command) => Ok(command.run().await),
            Command::Exhibit(command) => Ok(command.run().await),
            Command::Wall(command) => Ok(command.run().await),
            Command::Request(command) => Ok(command.run().await),
            Command::Person(command) => Ok(command.run().await),
            Command::Account(command) => Ok(command.run().await),
            Command::Audits(command) => Ok(command.run().await),
            Command::Token(command) => Ok(command.run().await),
            Command::Session(command) => Ok(command.run().await),
            Command::Notice(command) => Ok(command.run().await),
            Command::Receipt(arguments) => Ok(receipt::run(&arguments).await),
            Command::Bundle(arguments) => Ok(bundle::run(&arguments).await),
            Command::Completions(_) | Command::Man(_) | Command::Witness(_) => {
                unreachable!("they were run above")
            }
        }
    })
}

/// Where the register of the settings lies.
fn register(config: &Config) -> Result<Location, Failed> {
    Ok(match &config.database {
        Some(url) => Location::server(&url.0)?,
        None => config.register().into(),
    })
}

/// A line on standard output; whoever closed it stops nothing.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// Says why a client's command ends, and with which code.
fn failed(error: &ClientError) -> ExitCode {
    eprintln!("custos: {error}");
    match error {
        ClientError::Usage(_) => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}
