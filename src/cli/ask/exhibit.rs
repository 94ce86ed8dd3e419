//! `custos exhibit`: what is offered to the court, and how it rules.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use custos_core::ids::{CaseId, ItemId, RowId};
use reqwest::Method;
use serde::Serialize;

use super::{Ask, Look, Request, Upon};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Exhibit {
    /// List the exhibits of a case
    List(Look<List>),
    /// Offer an item to the court
    Offer(Upon<Offer>),
    /// Withdraw an offer
    Withdraw(Upon<Withdraw>),
    /// Rule on an exhibit
    Rule(Upon<Rule>),
}

impl Exhibit {
    pub(in crate::cli) async fn run(self) -> ExitCode {
        match self {
            Self::List(asked) => asked.run().await,
            Self::Offer(asked) => asked.run().await,
            Self::Withdraw(asked) => asked.run().await,
            Self::Rule(asked) => asked.run().await,
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
        let columns = &["id", "number", "side", "status", "item", "filed_at", "note"];
        Request::list(format!("cases/{}/exhibits", self.case), columns)
    }
}

#[derive(Debug, Args, Serialize)]
pub(in crate::cli) struct Offer {
    /// The item
    #[arg(value_name = "ITEM")]
    #[serde(skip)]
    item: ItemId,
    /// Exhibit number
    #[arg(long, value_name = "TEXT")]
    number: String,
    /// What it is to show
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    note: String,
}

impl Ask for Offer {
    fn request(&self) -> Request {
        Request::with(Method::POST, format!("items/{}/exhibits", self.item), self)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Withdraw {
    /// The item
    #[arg(value_name = "ITEM")]
    item: ItemId,
    /// The exhibit
    #[arg(value_name = "EXHIBIT")]
    exhibit: RowId,
}

impl Ask for Withdraw {
    fn request(&self) -> Request {
        let (item, exhibit) = (self.item, self.exhibit);
        Request::change(Method::DELETE, format!("items/{item}/exhibits/{exhibit}"))
    }
}

#[derive(Debug, Args, Serialize)]
pub(in crate::cli) struct Rule {
    /// The item
    #[arg(value_name = "ITEM")]
    #[serde(skip)]
    item: ItemId,
    /// The exhibit
    #[arg(value_name = "EXHIBIT")]
    #[serde(skip)]
    exhibit: RowId,
    /// The ruling
    #[arg(value_name = "RULING", value_parser = ["admitted", "rejected"])]
    status: String,
    /// The order under which it is made, by its id
    #[arg(long, value_name = "ORDER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<RowId>,
    /// Reasons
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    note: String,
}

impl Ask for Rule {
    fn request(&self) -> Request {
        let (item, exhibit) = (self.item, self.exhibit);
        Request::with(
            Method::PUT,
            format!("items/{item}/exhibits/{exhibit}/ruling"),
            self,
        )
    }
}
