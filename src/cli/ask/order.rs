//! `custos order`: orders of the court.

use std::process::ExitCode;

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use custos_core::ids::CaseId;
use reqwest::Method;
use serde::Serialize;

use super::{Ask, Change, Look, Request};
use crate::app::orders::KINDS;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Order {
    /// List the orders of a case
    List(Look<List>),
    /// Make an order
    Make(Change<Make>),
}

impl Order {
    pub(in crate::cli) async fn run(self) -> ExitCode {
        match self {
            Self::List(asked) => asked.run().await,
            Self::Make(asked) => asked.run().await,
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
        let columns = &["id", "number", "orders", "filed_at", "by", "text"];
        Request::list(format!("cases/{}/orders", self.case), columns)
    }
}

#[derive(Debug, Args, Serialize)]
pub(in crate::cli) struct Make {
    /// The case
    #[arg(value_name = "CASE")]
    #[serde(skip)]
    case: CaseId,
    /// Its number, as the court gives it
    #[arg(long, value_name = "TEXT")]
    number: String,
    /// What it orders
    #[arg(long, value_name = "WHAT", value_parser = PossibleValuesParser::new(KINDS.iter().copied()))]
    orders: String,
    /// In its own words
    #[arg(long, value_name = "TEXT")]
    text: String,
}

impl Ask for Make {
    fn request(&self) -> Request {
        Request::with(Method::POST, format!("cases/{}/orders", self.case), self)
    }
}
