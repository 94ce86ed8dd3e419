//! `custos wall`: who is kept from a case, whatever their role.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use custos_core::ids::{CaseId, PersonId};
use reqwest::Method;
use serde_json::json;

use super::{Ask, Look, Request, Upon};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Wall {
    /// List the walls around a case
    List(Look<List>),
    /// Raise a wall: the person learns nothing more of the case
    Raise(Upon<Raise>),
    /// Lower a wall
    Lower(Upon<Lower>),
}

impl Wall {
    pub(in crate::cli) async fn run(self) -> ExitCode {
        match self {
            Self::List(asked) => asked.run().await,
            Self::Raise(asked) => asked.run().await,
            Self::Lower(asked) => asked.run().await,
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// The case
    #[arg(value_name = "CASE")]
    case: CaseId,
}

impl Ask for List {
    fn request(&self) -> Request {
        Request::list(format!("cases/{}/walls", self.case), &["person", "status"])
    }
}

/// Around which case, before whom, and why.
#[derive(Debug, Args)]
struct Between {
    /// The case
    #[arg(value_name = "CASE")]
    case: CaseId,
    /// The id of the person
    #[arg(value_name = "PERSON")]
    person: PersonId,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Between {
    fn set(&self, status: &str) -> Request {
        let (case, person) = (self.case, self.person);
        let body = json!({"status": status, "reason": self.reason});
        Request::with(Method::PUT, format!("cases/{case}/walls/{person}"), &body)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Raise {
    #[command(flatten)]
    between: Between,
}

impl Ask for Raise {
    fn request(&self) -> Request {
        self.between.set("up")
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Lower {
    #[command(flatten)]
    between: Between,
}

impl Ask for Lower {
    fn request(&self) -> Request {
        self.between.set("down")
    }
}
