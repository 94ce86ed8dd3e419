//! `custos token`, `custos session` and `custos notice`: what is one's own.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use custos_core::ids::{RowId, SessionId, TokenId};
use reqwest::Method;
use serde_json::json;

use super::{Ask, Change, Look, Nothing, Request};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Token {
    /// List your tokens, never their secrets
    List(Look<Tokens>),
    /// Issue a token, and put its secret into a file that only you can read
    Issue(Change<Issue>),
    /// End a token, at once
    Revoke(Change<Revoke>),
}

impl Token {
    pub(in crate::cli) async fn run(self) -> ExitCode {
        match self {
            Self::List(asked) => asked.run().await,
            Self::Issue(asked) => asked.run().await,
            Self::Revoke(asked) => asked.run().await,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Session {
    /// List your sessions that hold
    List(Look<Sessions>),
    /// End one of your sessions, at once
    End(Change<End>),
}

impl Session {
    pub(in crate::cli) async fn run(self) -> ExitCode {
        match self {
            Self::List(asked) => asked.run().await,
            Self::End(asked) => asked.run().await,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Notice {
    /// List your notices
    List(Look<Notices>),
    /// Mark a notice as read
    Read(Change<MarkRead>),
    /// List what could not be delivered; for administrators
    Undelivered(Look<Undelivered>),
}

impl Notice {
    pub(in crate::cli) async fn run(self) -> ExitCode {
        match self {
            Self::List(asked) => asked.run().await,
            Self::Read(asked) => asked.run().await,
            Self::Undelivered(asked) => asked.run().await,
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Tokens {
    #[command(flatten)]
    nothing: Nothing,
}

impl Ask for Tokens {
    fn request(&self) -> Request {
        let columns = &["id", "label", "rights", "status", "expires_at"];
        Request::list("tokens".into(), columns)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Issue {
    /// What you call it
    #[arg(long, value_name = "TEXT")]
    label: String,
    /// read, deposit; again for another
    #[arg(long = "right", value_name = "RIGHT", required = true)]
    rights: Vec<String>,
    /// For how many days it holds
    #[arg(long, value_name = "N", default_value_t = 30)]
    days: u64,
    /// Where its secret is put; nothing may stand there
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Ask for Issue {
    fn request(&self) -> Request {
        let body = json!({"label": self.label, "rights": self.rights, "days": self.days});
        Request::with(Method::POST, "tokens".into(), &body)
    }

    fn secret_to(&self) -> Option<&Path> {
        Some(&self.out)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Revoke {
    /// The token
    #[arg(value_name = "TOKEN")]
    token: TokenId,
}

impl Ask for Revoke {
    fn request(&self) -> Request {
        Request::change(Method::DELETE, format!("tokens/{}", self.token))
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Sessions {
    #[command(flatten)]
    nothing: Nothing,
}

impl Ask for Sessions {
    fn request(&self) -> Request {
        let columns = &["id", "means", "created_at", "seen_at", "ends_at", "present"];
        Request::list("sessions".into(), columns)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct End {
    /// The session
    #[arg(value_name = "SESSION")]
    session: SessionId,
}

impl Ask for End {
    fn request(&self) -> Request {
        Request::change(Method::POST, format!("sessions/{}/end", self.session))
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Notices {
    #[command(flatten)]
    nothing: Nothing,
}

impl Ask for Notices {
    fn request(&self) -> Request {
        let columns = &["id", "at", "read", "says", "item", "case"];
        Request::list("notices".into(), columns)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct MarkRead {
    /// The notice
    #[arg(value_name = "NOTICE")]
    notice: RowId,
}

impl Ask for MarkRead {
    fn request(&self) -> Request {
        Request::change(Method::POST, format!("notices/{}/read", self.notice))
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Undelivered {
    #[command(flatten)]
    nothing: Nothing,
}

impl Ask for Undelivered {
    fn request(&self) -> Request {
        let columns = &["id", "at", "to", "attempts", "stopped", "told"];
        Request::list("notices/undelivered".into(), columns)
    }
}
