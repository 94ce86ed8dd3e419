//! `custos request`: what one person asks for and another approves.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use custos_core::ids::{AccountId, CaseId, RowId};
use reqwest::Method;
use serde_json::json;

use super::{Ask, Change, Look, Nothing, Request as Asked};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Request {
    /// List what you asked for, or may answer
    List(Look<All>),
    /// Ask for a case to be handed over to another authority
    TransferCase(Change<TransferCase>),
    /// Ask for a link for an account that has enrolled, whose owner can't sign in any more
    RecoverAccount(Change<RecoverAccount>),
    /// Approve what another person asks for
    Approve(Change<Approve>),
    /// Decline it
    Decline(Change<Decline>),
    /// Take back what you asked for
    Withdraw(Change<Withdraw>),
    /// Carry out what was approved, once. A link that comes of it is told once
    CarryOut(Change<CarryOut>),
}

impl Request {
    pub(in crate::cli) async fn run(self) -> ExitCode {
        match self {
            Self::List(asked) => asked.run().await,
            Self::TransferCase(asked) => asked.run().await,
            Self::RecoverAccount(asked) => asked.run().await,
            Self::Approve(asked) => asked.run().await,
            Self::Decline(asked) => asked.run().await,
            Self::Withdraw(asked) => asked.run().await,
            Self::CarryOut(asked) => asked.run().await,
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct All {
    #[command(flatten)]
    nothing: Nothing,
}

impl Ask for All {
    fn request(&self) -> Asked {
        let columns = &[
            "id",
            "asked_for",
            "status",
            "asker",
            "approver",
            "expires_at",
        ];
        Asked::list("requests".into(), columns)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct TransferCase {
    /// The case
    #[arg(value_name = "CASE")]
    case: CaseId,
    /// The authority that is to have it
    #[arg(long, value_name = "TEXT")]
    authority: String,
    /// Its reference, or that of the request for legal assistance
    #[arg(long, value_name = "TEXT")]
    reference: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Ask for TransferCase {
    fn request(&self) -> Asked {
        let proposal = json!({
            "asked": "transfer_case",
            "case": self.case,
            "authority": self.authority,
            "reference": self.reference,
        });
        let body = json!({"proposal": proposal, "reason": self.reason});
        Asked::with(Method::POST, "requests".into(), &body)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RecoverAccount {
    /// The account, as `custos person list` shows it
    #[arg(value_name = "ACCOUNT")]
    account: AccountId,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Ask for RecoverAccount {
    fn request(&self) -> Asked {
        let proposal = json!({"asked": "recover_account", "account": self.account});
        let body = json!({"proposal": proposal, "reason": self.reason});
        Asked::with(Method::POST, "requests".into(), &body)
    }
}

/// Which request.
#[derive(Debug, Args)]
struct One {
    /// The request
    #[arg(value_name = "REQUEST")]
    request: RowId,
}

impl One {
    fn answer(&self, how: &str) -> Asked {
        Asked::change(Method::POST, format!("requests/{}/{how}", self.request))
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Approve {
    #[command(flatten)]
    one: One,
}

impl Ask for Approve {
    fn request(&self) -> Asked {
        self.one.answer("approval")
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Decline {
    #[command(flatten)]
    one: One,
}

impl Ask for Decline {
    fn request(&self) -> Asked {
        self.one.answer("refusal")
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Withdraw {
    #[command(flatten)]
    one: One,
}

impl Ask for Withdraw {
    fn request(&self) -> Asked {
        self.one.answer("withdrawal")
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CarryOut {
    #[command(flatten)]
    one: One,
}

impl Ask for CarryOut {
    fn request(&self) -> Asked {
        self.one.answer("execution")
    }
}
