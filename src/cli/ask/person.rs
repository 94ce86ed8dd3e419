//! `custos person` and `custos account`: people, and the accounts with which they sign in.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use custos_core::ids::{AccountId, PersonId};
use reqwest::Method;
use serde::Serialize;
use serde_json::json;

use super::{Ask, Change, Look, Nothing, Request, Upon};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Person {
    /// List everyone
    List(Look<All>),
    /// Show a person with their accounts
    Show(Look<Show>),
    /// Add a person with an account, which a link enrols
    Add(Change<Add>),
    /// Suspend a person with all accounts, at once
    Suspend(Upon<Suspend>),
    /// Lift a person's suspension
    LiftSuspension(Upon<LiftSuspension>),
    /// End a person's service, for good
    Leave(Change<Leave>),
}

impl Person {
    pub(in crate::cli) async fn run(self) -> ExitCode {
        match self {
            Self::List(asked) => asked.run().await,
            Self::Show(asked) => asked.run().await,
            Self::Add(asked) => asked.run().await,
            Self::Suspend(asked) => asked.run().await,
            Self::LiftSuspension(asked) => asked.run().await,
            Self::Leave(asked) => asked.run().await,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Account {
    /// Issue the single-use link with which an account enrols; it is told once
    Link(Change<Link>),
    /// Suspend one account of a person, at once
    Suspend(Upon<SuspendAccount>),
    /// Lift an account's suspension
    LiftSuspension(Upon<LiftAccount>),
}

impl Account {
    pub(in crate::cli) async fn run(self) -> ExitCode {
        match self {
            Self::Link(asked) => asked.run().await,
            Self::Suspend(asked) => asked.run().await,
            Self::LiftSuspension(asked) => asked.run().await,
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct All {
    #[command(flatten)]
    nothing: Nothing,
}

impl Ask for All {
    fn request(&self) -> Request {
        let columns = &["id", "name", "office", "status", "room_roles", "accounts"];
        Request::list("people".into(), columns)
    }
}

/// Which person.
#[derive(Debug, Args)]
struct One {
    /// The person
    #[arg(value_name = "PERSON")]
    person: PersonId,
}

impl One {
    fn status(&self, status: &str) -> Request {
        let path = format!("people/{}/status", self.person);
        Request::with(Method::POST, path, &json!({"status": status}))
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    #[command(flatten)]
    one: One,
}

impl Ask for Show {
    fn request(&self) -> Request {
        Request::look(format!("people/{}", self.one.person))
    }
}

#[derive(Debug, Args, Serialize)]
pub(in crate::cli) struct Add {
    /// Name
    #[arg(long, value_name = "TEXT")]
    name: String,
    /// Rank, office, chambers
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    office: String,
    /// The name they will sign in with
    #[arg(long, value_name = "TEXT")]
    login: String,
    /// A role in the room: administrator, custodian; again for another
    #[arg(long = "role", value_name = "ROLE")]
    room_roles: Vec<String>,
}

impl Ask for Add {
    fn request(&self) -> Request {
        Request::with(Method::POST, "people".into(), self)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Suspend {
    #[command(flatten)]
    one: One,
}

impl Ask for Suspend {
    fn request(&self) -> Request {
        self.one.status("suspended")
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct LiftSuspension {
    #[command(flatten)]
    one: One,
}

impl Ask for LiftSuspension {
    fn request(&self) -> Request {
        self.one.status("active")
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Leave {
    #[command(flatten)]
    one: One,
    /// Who is named to custodians to follow them; they get nothing by it
    #[arg(long, value_name = "PERSON")]
    successor: Option<PersonId>,
}

impl Ask for Leave {
    fn request(&self) -> Request {
        let path = format!("people/{}/departure", self.one.person);
        Request::with(Method::POST, path, &json!({"successor": self.successor}))
    }
}

/// Which account.
#[derive(Debug, Args)]
struct OneAccount {
    /// The account, as `custos person list` shows it
    #[arg(value_name = "ACCOUNT")]
    account: AccountId,
}

impl OneAccount {
    fn status(&self, status: &str) -> Request {
        let path = format!("accounts/{}/status", self.account);
        Request::with(Method::POST, path, &json!({"status": status}))
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Link {
    #[command(flatten)]
    one: OneAccount,
}

impl Ask for Link {
    fn request(&self) -> Request {
        let path = format!("accounts/{}/enrolments", self.one.account);
        Request::change(Method::POST, path)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SuspendAccount {
    #[command(flatten)]
    one: OneAccount,
}

impl Ask for SuspendAccount {
    fn request(&self) -> Request {
        self.one.status("suspended")
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct LiftAccount {
    #[command(flatten)]
    one: OneAccount,
}

impl Ask for LiftAccount {
    fn request(&self) -> Request {
        self.one.status("active")
    }
}
