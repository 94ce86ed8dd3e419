//! `custos case`: cases, their items, parties and people, and their course.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use custos_core::ids::{CaseId, PartyId, PersonId};
use reqwest::Method;
use serde::Serialize;
use serde_json::json;

use super::{Ask, Change, Common, Look, Request, Upon, refused, say, tell};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Case {
    /// List the cases that you may know of
    List(Look<All>),
    /// Open a case
    Open(Change<Open>),
    /// Show a case: parties, people, the first of its items, and what you may do
    Show(Look<Show>),
    /// List and search the items of a case
    Items(Look<Items>),
    /// Add a party
    AddParty(Change<AddParty>),
    /// Give a person a role
    GiveRole(Change<GiveRole>),
    /// End a role
    EndRole(Upon<EndRole>),
    /// Put a case into another one
    Merge(Change<Merge>),
    /// Close a case
    Close(Upon<Close>),
    /// Open a closed case again
    OpenAgain(Upon<OpenAgain>),
}

impl Case {
    pub(in crate::cli) async fn run(self) -> ExitCode {
        match self {
            Self::List(asked) => cases(asked).await,
            Self::Open(asked) => asked.run().await,
            Self::Show(asked) => asked.run().await,
            Self::Items(asked) => items(asked).await,
            Self::AddParty(asked) => asked.run().await,
            Self::GiveRole(asked) => asked.run().await,
            Self::EndRole(asked) => asked.run().await,
            Self::Merge(asked) => asked.run().await,
            Self::Close(asked) => asked.run().await,
            Self::OpenAgain(asked) => asked.run().await,
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct All {
    /// Words in the number or the title; what you search for is entered in the custody log
    #[arg(long, value_name = "WORDS")]
    search: Option<String>,
    /// open, closed, merged, transferred
    #[arg(long, value_name = "STAGE")]
    stage: Option<String>,
    /// number, opened; `-` before it turns the order
    #[arg(long, value_name = "ORDER", allow_hyphen_values = true)]
    sort: Option<String>,
    /// The first N alone
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

const CASE_COLUMNS: &[&str] = &["id", "number", "stage", "opened_at", "title"];

async fn cases(asked: Look<All>) -> ExitCode {
    let Look { own, common } = asked;
    let asked = [
        ("q", own.search.as_deref()),
        ("stage", own.stage.as_deref()),
        ("sort", own.sort.as_deref()),
    ];
    list(&common, "cases", &asked, own.limit, CASE_COLUMNS).await
}

/// A list, page by page.
async fn list(
    common: &Common,
    path: &str,
    asked: &[(&str, Option<&str>)],
    limit: Option<usize>,
    columns: &[&str],
) -> ExitCode {
    let asked = asked.iter();
    let asked = asked.filter_map(|(name, value)| Some((*name, (*value)?)));
    let asked: Vec<(&str, &str)> = asked.collect();
    let listed = async { common.access.api()?.list(path, &asked, limit).await };
    match listed.await {
        Ok((items, total)) => {
            if common.json {
                say(&json!({"items": items, "total": total}).to_string());
            } else {
                tell::list(&items, columns);
                say(&format!("{} of {total}", items.len()));
            }
            ExitCode::SUCCESS
        }
        Err(error) => refused(&error, None, common.json),
    }
}

#[derive(Debug, Args, Serialize)]
pub(in crate::cli) struct Open {
    /// Case number
    #[arg(long, value_name = "TEXT")]
    number: String,
    /// Title
    #[arg(long, value_name = "TEXT")]
    title: String,
    /// What it is about
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    description: String,
}

impl Ask for Open {
    fn request(&self) -> Request {
        Request::with(Method::POST, "cases".into(), self)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// The case
    #[arg(value_name = "CASE")]
    case: CaseId,
}

impl Ask for Show {
    fn request(&self) -> Request {
        Request::look(format!("cases/{}", self.case))
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Items {
    /// The case
    #[arg(value_name = "CASE")]
    case: CaseId,
    /// Words in the reference, the description or the file name; what you search for is entered
    /// in the custody log
    #[arg(long, value_name = "WORDS")]
    search: Option<String>,
    /// normal, quarantined, restricted, served
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// The first part of the media type, like `image`
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Received from this day on (UTC), like `2026-11-23`
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Received up to this day (UTC)
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
    /// Deposited by this person
    #[arg(long, value_name = "PERSON")]
    depositor: Option<PersonId>,
    /// reference, received, size; `-` before it turns the order
    #[arg(long, value_name = "ORDER", allow_hyphen_values = true)]
    sort: Option<String>,
    /// The first N alone
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

const COLUMNS: &[&str] = &[
    "id",
    "reference",
    "size",
    "media_type",
    "states",
    "received_at",
    "description",
];

async fn items(asked: Look<Items>) -> ExitCode {
    let Look { own, common } = asked;
    let depositor = own.depositor.map(|person| person.to_string());
    let asked = [
        ("q", own.search.as_deref()),
        ("state", own.state.as_deref()),
        ("type", own.kind.as_deref()),
        ("from", own.from.as_deref()),
        ("to", own.to.as_deref()),
        ("depositor", depositor.as_deref()),
        ("sort", own.sort.as_deref()),
    ];
    let path = format!("cases/{}/items", own.case);
    list(&common, &path, &asked, own.limit, COLUMNS).await
}

#[derive(Debug, Args, Serialize)]
pub(in crate::cli) struct AddParty {
    /// The case
    #[arg(value_name = "CASE")]
    #[serde(skip)]
    case: CaseId,
    /// Side
    #[arg(long, value_parser = ["prosecution", "defence"])]
    side: String,
    /// Name
    #[arg(long, value_name = "TEXT")]
    name: String,
}

impl Ask for AddParty {
    fn request(&self) -> Request {
        Request::with(Method::POST, format!("cases/{}/parties", self.case), self)
    }
}

#[derive(Debug, Args, Serialize)]
pub(in crate::cli) struct GiveRole {
    /// The case
    #[arg(value_name = "CASE")]
    #[serde(skip)]
    case: CaseId,
    /// The id of the person, which the administrator knows
    #[arg(value_name = "PERSON")]
    person: PersonId,
    /// investigator, prosecutor, defence, judge, protection_officer, advocate, auditor
    #[arg(value_name = "ROLE")]
    role: String,
    /// For counsel: whom they defend
    #[arg(long, value_name = "PARTY")]
    #[serde(skip_serializing_if = "Option::is_none")]
    party: Option<PartyId>,
}

impl Ask for GiveRole {
    fn request(&self) -> Request {
        Request::with(Method::POST, format!("cases/{}/people", self.case), self)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct EndRole {
    /// The case
    #[arg(value_name = "CASE")]
    case: CaseId,
    /// The person
    #[arg(value_name = "PERSON")]
    person: PersonId,
    /// The role
    #[arg(value_name = "ROLE", value_parser = role)]
    role: String,
}

/// A role is part of an address.
fn role(text: &str) -> Result<String, String> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    (plain && !text.is_empty())
        .then(|| text.into())
        .ok_or_else(|| "this is no role".into())
}

impl Ask for EndRole {
    fn request(&self) -> Request {
        let (case, person, role) = (self.case, self.person, &self.role);
        Request::change(
            Method::DELETE,
            format!("cases/{case}/people/{person}/{role}"),
        )
    }
}

#[derive(Debug, Args, Serialize)]
pub(in crate::cli) struct Merge {
    /// The case
    #[arg(value_name = "CASE")]
    #[serde(skip)]
    case: CaseId,
    /// The other case, into which new work goes; what is in this one stays in it
    #[arg(value_name = "INTO")]
    into: CaseId,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Ask for Merge {
    fn request(&self) -> Request {
        Request::with(Method::POST, format!("cases/{}/merge", self.case), self)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Close {
    /// The case
    #[arg(value_name = "CASE")]
    case: CaseId,
    /// How it ended
    #[arg(long, value_name = "TEXT")]
    outcome: String,
}

impl Ask for Close {
    fn request(&self) -> Request {
        stage(self.case, "closed", &self.outcome)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct OpenAgain {
    /// The case
    #[arg(value_name = "CASE")]
    case: CaseId,
    /// Why
    #[arg(long, value_name = "TEXT")]
    why: String,
}

impl Ask for OpenAgain {
    fn request(&self) -> Request {
        stage(self.case, "open", &self.why)
    }
}

fn stage(case: CaseId, stage: &str, outcome: &str) -> Request {
    let body = json!({"stage": stage, "outcome": outcome});
    Request::with(Method::PUT, format!("cases/{case}/stage"), &body)
}
