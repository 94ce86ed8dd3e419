//! Pages for people.

pub mod audits;
pub mod cases;
pub mod custody;
pub mod disclosures;
pub mod evidence;
pub mod filings;
pub mod notices;
pub mod people;
pub mod reference;
pub mod register;
pub mod requests;
pub mod sessions;
pub mod witnesses;

use askama::Template;
use rocket::{
    FromForm, Request, Response,
    http::{ContentType, Status},
    response::{self, Redirect, Responder},
};
use tracing::error;

use super::guards::Seat;
use crate::{
    app::{Room, notices::reading, standing, views::PurposeCode},
    http::errors::Failure,
};

/// A page, with the status under which it is given.
pub struct Page<T> {
    template: T,
    status: Status,
    /// Seconds until it helps to ask again.
    retry: Option<u64>,
}

impl<T> Page<T> {
    /// A page as it was asked for.
    pub fn of(template: T) -> Self {
        Self {
            template,
            status: Status::Ok,
            retry: None,
        }
    }

    /// A page that says why something was not done.
    pub fn failed(template: T, failure: &Failure) -> Self {
        Self {
            template,
            status: failure.problem().status,
            retry: failure.retry_seconds(),
        }
    }
}

impl<'r, T: Template> Responder<'r, 'static> for Page<T> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let page = self.template.render().map_err(|failed| {
            error!(error = %failed, "a page can't be written");
            Status::InternalServerError
        })?;
        let mut response = Response::build_from(page.respond_to(request)?);
        response.status(self.status).header(ContentType::HTML);
        if let Some(seconds) = self.retry {
            response.raw_header("Retry-After", seconds.to_string());
        }
        response.ok()
    }
}

/// What stands at the head of every page.
pub struct Shell {
    /// Who is signed in.
    pub name: String,
    /// What every form carries.
    pub csrf: String,
    /// Which part of the room the page belongs to.
    pub here: &'static str,
    /// Whether the session is about to end.
    pub ends_soon: bool,
    /// Whether people are offered for managing.
    pub manages_people: bool,
    /// Whether opening a case is offered.
    pub opens_cases: bool,
    /// Whether requests for a second person are offered.
    pub answers_requests: bool,
    /// Whether audits are offered.
    pub sees_audits: bool,
    /// Whether audits found what is not resolved.
    pub damage_found: bool,
    /// How many of one's own notices are unread: `3`, `20+`; empty for none.
    pub unread: String,
}

impl Shell {
    /// The head of a page for whoever is signed in.
    ///
    /// # Errors
    /// The register can't be read.
    pub async fn of(room: &Room, seat: &Seat, here: &'static str) -> Result<Self, Failure> {
        let standing = standing::standing(room, seat.who()).await?;
        let unread = reading::unread(room, seat.who()).await?;
        Ok(Self {
            name: standing.name,
            csrf: seat.0.csrf.as_str().into(),
            here,
            ends_soon: seat.0.ends_soon,
            manages_people: standing.manages_people,
            opens_cases: standing.opens_cases,
            answers_requests: standing.manages_people || standing.opens_cases,
            sees_audits: standing.sees_audits,
            damage_found: standing.damage_found,
            unread: match (unread.count, unread.more) {
                (0, _) => String::new(),
                (count, false) => count.to_string(),
                (count, true) => format!("{count}+"),
            },
        })
    }
}

/// A form that says nothing but what it was shown upon.
#[derive(FromForm)]
pub struct Shown {
    /// The tag of what the page showed.
    pub tag: String,
}

/// The page to look at after something was done.
pub fn then(path: String) -> Redirect {
    Redirect::to(path)
}

/// Names of the purposes that can be given.
pub fn purposes() -> Vec<&'static str> {
    PurposeCode::ALL.iter().map(|code| code.name()).collect()
}
