//! `custos item`: one item, its history, its content, and what is filed about it.

use std::process::ExitCode;

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use custos_core::ids::{ItemId, PartyId};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Ask, Change, Look, Request, Upon,
    get::{self, Get},
};
use crate::{
    app::{
        corrections::{TEXTS, TIMES},
        transfers::SEAL_STATES,
        uploads::PARTICULARS,
    },
    client::told::Captured,
};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Item {
    /// Show an item: what was told of it, its fingerprint, its states, what was filed about it
    Show(Look<Show>),
    /// Show what happened to an item
    History(Look<History>),
    /// Take a copy of an item's content away
    ///
    /// It opens a view for the purpose that you give, which is entered in the custody log, takes the
    /// bytes, compares their SHA-256 with the item's, and closes the view. The file is there whole and
    /// right, or not at all. Exit code 3: the bytes are not those of the item's fingerprint.
    #[command(verbatim_doc_comment)]
    Get(Change<Get>),
    /// Append a correction of what was told of an item
    Correct(Upon<Correct>),
    /// Record that the physical thing changed hands
    Transfer(Change<Transfer>),
    /// Restrict an item
    Restrict(Upon<Restrict>),
    /// Lift an item's restriction
    LiftRestriction(Upon<LiftRestriction>),
    /// Serve an item to a party
    Serve(Change<Serve>),
}

impl Item {
    pub(in crate::cli) async fn run(self) -> ExitCode {
        match self {
            Self::Show(asked) => asked.run().await,
            Self::History(asked) => asked.run().await,
            Self::Get(asked) => get::run(asked).await,
            Self::Correct(asked) => asked.run().await,
            Self::Transfer(asked) => asked.run().await,
            Self::Restrict(asked) => asked.run().await,
            Self::LiftRestriction(asked) => asked.run().await,
            Self::Serve(asked) => asked.run().await,
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// The item
    #[arg(value_name = "ITEM")]
    item: ItemId,
}

impl Ask for Show {
    fn request(&self) -> Request {
        Request::look(format!("items/{}", self.item))
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct History {
    /// The item
    #[arg(value_name = "ITEM")]
    item: ItemId,
}

impl Ask for History {
    fn request(&self) -> Request {
        let columns = &["index", "time", "kind", "actor_name", "role"];
        Request::list(format!("items/{}/history", self.item), columns)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Correct {
    /// The item
    #[arg(value_name = "ITEM")]
    item: ItemId,
    /// What is corrected
    #[arg(long, value_name = "FIELD", value_parser = PossibleValuesParser::new(correctable()))]
    field: String,
    /// What it should say; a time with its offset, like `2026-03-01T14:05:00+01:00`
    #[arg(long, value_name = "TEXT")]
    value: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

fn correctable() -> Vec<&'static str> {
    let particulars = PARTICULARS.iter().map(|(name, _)| *name);
    TEXTS
        .iter()
        .chain(TIMES)
        .copied()
        .chain(particulars)
        .collect()
}

impl Ask for Correct {
    fn request(&self) -> Request {
        // A time that is none the room refuses, with its own words.
        let time = TIMES
            .contains(&self.field.as_str())
            .then(|| Captured::parse(&self.value));
        let value = match time {
            Some(Ok(captured)) => json!(captured.at),
            _ => Value::from(self.value.as_str()),
        };
        let body = json!({"field": self.field, "value": value, "reason": self.reason});
        Request::with(
            Method::POST,
            format!("items/{}/corrections", self.item),
            &body,
        )
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Transfer {
    /// The item
    #[arg(value_name = "ITEM")]
    item: ItemId,
    /// Who gave it out of their hands
    #[arg(long, value_name = "TEXT")]
    released_by: String,
    /// Who took it
    #[arg(long, value_name = "TEXT")]
    received_by: String,
    /// When, with the clock's offset: `2026-03-01T14:05:00+01:00`
    #[arg(long, value_name = "TIME", value_parser = Captured::parse)]
    at: Captured,
    /// Where
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    place: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Number of the seal
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    seal: String,
    /// The seal is
    #[arg(long, value_name = "STATE", default_value = "none",
          value_parser = PossibleValuesParser::new(SEAL_STATES.iter().copied()))]
    seal_state: String,
}

impl Ask for Transfer {
    fn request(&self) -> Request {
        let body = json!({
            "released_by": self.released_by,
            "received_by": self.received_by,
            "at": self.at.at,
            "offset_minutes": self.at.offset_minutes,
            "place": self.place,
            "reason": self.reason,
            "seal": self.seal,
            "seal_state": self.seal_state,
        });
        Request::with(
            Method::POST,
            format!("items/{}/transfers", self.item),
            &body,
        )
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Restrict {
    /// The item
    #[arg(value_name = "ITEM")]
    item: ItemId,
}

impl Ask for Restrict {
    fn request(&self) -> Request {
        Request::change(Method::PUT, format!("items/{}/restriction", self.item))
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct LiftRestriction {
    /// The item
    #[arg(value_name = "ITEM")]
    item: ItemId,
}

impl Ask for LiftRestriction {
    fn request(&self) -> Request {
        Request::change(Method::DELETE, format!("items/{}/restriction", self.item))
    }
}

#[derive(Debug, Args, Serialize)]
pub(in crate::cli) struct Serve {
    /// The item
    #[arg(value_name = "ITEM")]
    #[serde(skip)]
    item: ItemId,
    /// The party
    #[arg(long, value_name = "PARTY")]
    party: PartyId,
}

impl Ask for Serve {
    fn request(&self) -> Request {
        Request::with(Method::POST, format!("items/{}/servings", self.item), self)
    }
}
