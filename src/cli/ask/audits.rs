//! `custos audits`: rounds in which the room audited itself.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use custos_core::ids::Id;

use super::{Ask, Look, Nothing, Request};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Audits {
    /// List the rounds, the newest first
    List(Look<Rounds>),
    /// Show one round, and where it found something
    Show(Look<Round>),
}

impl Audits {
    pub(in crate::cli) async fn run(self) -> ExitCode {
        match self {
            Self::List(asked) => asked.run().await,
            Self::Show(asked) => asked.run().await,
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Rounds {
    #[command(flatten)]
    nothing: Nothing,
}

impl Ask for Rounds {
    fn request(&self) -> Request {
        let columns = &["id", "began_at", "ended_at", "findings", "unchecked"];
        Request::list("audits".into(), columns)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Round {
    /// The round
    #[arg(value_name = "ROUND")]
    round: Id,
}

impl Ask for Round {
    fn request(&self) -> Request {
        Request::look(format!("audits/{}", self.round))
    }
}
