//! What a caller is told when something can't be done: the only status codes of failures.
//!
//! Programs get `application/problem+json` (RFC 9457), people a page, the content origin and
//! the public log a line of text. Details go to the program's log only.

use std::sync::Mutex;

use askama::Template;
use rocket::{
    Catcher, Request, Response, catch, catchers,
    http::{ContentType, Method, Status},
    response::{self, Redirect, Responder},
};
use serde_json::json;
use tracing::error;

use super::{
    methods,
    origins::{self, Side},
};
use crate::app;

/// Seconds after which a program may try again when the room can't write or read.
const RETRY_SECONDS: u64 = 5;

/// Something that can't be done.
#[derive(Debug)]
pub enum Failure {
    /// What the application says.
    App(app::Error),
    /// The request is not of the form that the route takes.
    Malformed(String),
    /// The body is of another media type than the route takes.
    MediaType(&'static str),
    /// A body without a length.
    Length,
    /// A body longer than the route takes.
    TooLarge {
        /// What the route takes, in bytes.
        limit: u64,
    },
    /// A change that another site may have asked for.
    Forged,
    /// A token whose rights do not reach that far.
    Rights,
    /// One request more than a caller may make.
    Quota {
        /// What they may make at once, and in `window`.
        requests: u32,
        /// Seconds in which they have all of them again.
        window: u64,
        /// Seconds until they have one.
        seconds: u64,
    },
    /// A range outside the content, more than one, or none that can be read.
    Range {
        /// Bytes of the content.
        size: u64,
    },
    /// An address that takes other methods.
    Method {
        /// Those, as `Allow` names them.
        allowed: String,
    },
    /// A host name that is not ours.
    Misdirected,
    /// A defect of this program.
    Defect,
}

impl From<app::Error> for Failure {
    fn from(error: app::Error) -> Self {
        Self::App(error)
    }
}

/// One failure in the words of RFC 9457.
pub struct Problem {
    /// Stable name; `/problems/NAME` is its type.
    pub name: &'static str,
    /// A short title, the same for every occurrence.
    pub title: &'static str,
    /// The HTTP status.
    pub status: Status,
    /// What is wrong, what is safe, what to do.
    pub detail: String,
}

/// Every name with its title and status.
pub const KNOWN: &[(&str, &str, Status)] = &[
    ("not-found", "Nothing here", Status::NotFound),
    ("method", "Not done this way", Status::MethodNotAllowed),
    ("forbidden", "Not allowed", Status::Forbidden),
    ("signed-out", "Not signed in", Status::Unauthorized),
    ("invalid", "Can't be taken", Status::BadRequest),
    ("conflict", "Something stands in its way", Status::Conflict),
    (
        "key-reused",
        "The key was given before",
        Status::UnprocessableEntity,
    ),
    (
        "changed",
        "Changed since you looked",
        Status::PreconditionFailed,
    ),
    (
        "unconditional",
        "Say what it is made upon",
        Status::PreconditionRequired,
    ),
    ("incomplete", "Upload incomplete", Status::BadRequest),
    ("too-large", "Too large", Status::PayloadTooLarge),
    ("too-many", "Too many attempts", Status::TooManyRequests),
    ("full", "Disk full", Status { code: 507 }),
    (
        "unavailable",
        "Not available at present",
        Status::ServiceUnavailable,
    ),
    (
        "damaged",
        "Stored data is damaged",
        Status::ServiceUnavailable,
    ),
    (
        "media-type",
        "Wrong media type",
        Status::UnsupportedMediaType,
    ),
    ("length-required", "Length required", Status::LengthRequired),
    ("forged", "Not asked for from here", Status::Forbidden),
    ("rights", "The token does not allow this", Status::Forbidden),
    ("range", "Range can't be given", Status::RangeNotSatisfiable),
    (
        "misdirected",
        "Another host was meant",
        Status { code: 421 },
    ),
    ("too-slow", "Too slow", Status::RequestTimeout),
    (
        "head-too-large",
        "Head too large",
        Status::RequestHeaderFieldsTooLarge,
    ),
    (
        "quota-exceeded",
        "Too many requests",
        Status::TooManyRequests,
    ),
    ("crowded", "Too many at a time", Status::TooManyRequests),
    (
        "unanswered",
        "Somebody else gave no answer",
        Status::BadGateway,
    ),
    ("busy", "Busy", Status::ServiceUnavailable),
    ("defect", "A defect", Status::InternalServerError),
];

/// A failure by its name.
///
/// # Panics
/// The name is none of [`KNOWN`].
pub fn problem(name: &'static str, detail: String) -> Problem {
    let (_, title, status) = KNOWN
        .iter()
        .find(|(known, ..)| *known == name)
        .expect("every name is known");
    Problem {
        name,
        title,
        status: *status,
        detail,
    }
}

/// The status that goes with a name.
///
/// # Panics
/// The name is none of [`KNOWN`].
pub fn status(name: &'static str) -> u16 {
    problem(name, String::new()).status.code
}

impl Problem {
    /// The failure as `application/problem+json`.
    pub fn json(&self) -> String {
        json!({
            "type": format!("/problems/{}", self.name),
            "title": self.title,
            "status": self.status.code,
            "detail": self.detail,
        })
        .to_string()
    }
}

impl Failure {
    fn name(&self) -> &'static str {
        use app::Error as E;
        match self {
            Self::App(error) => match error {
                E::NotFound => "not-found",
                E::Forbidden => "forbidden",
                E::SignedOut => "signed-out",
                E::Invalid(_) => "invalid",
                E::Conflict(_) => "conflict",
                E::Changed => "changed",
                E::Unsaid => "unconditional",
                E::Reused => "key-reused",
                E::Incomplete { .. } => "incomplete",
                E::TooLarge(_) => "too-large",
                E::TooMany { .. } => "too-many",
                E::Full => "full",
                E::Unanswered(_) => "unanswered",
                E::CustodyUnavailable(_) | E::StoreUnavailable(_) | E::PutBack(_) => "unavailable",
                E::Damaged(_) => "damaged",
            },
            Self::Malformed(_) => "invalid",
            Self::MediaType(_) => "media-type",
            Self::Length => "length-required",
            Self::TooLarge { .. } => "too-large",
            Self::Forged => "forged",
            Self::Rights => "rights",
            Self::Quota { .. } => "quota-exceeded",
            Self::Range { .. } => "range",
            Self::Method { .. } => "method",
            Self::Misdirected => "misdirected",
            Self::Defect => "defect",
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::App(error) => error.to_string(),
            Self::Malformed(what) => format!("{what}; nothing was changed"),
            Self::MediaType(wanted) => {
                format!("the body must be `{wanted}`; nothing was changed")
            }
            Self::Length => {
                "the request must say its length in `Content-Length`; nothing was changed".into()
            }
            Self::TooLarge { limit } => {
                format!("the body is longer than {limit} bytes; nothing was changed")
            }
            Self::Forged => {
                "the request may have been made by another site, or the page is too old; \
                 nothing was changed, load the page again and repeat"
                    .into()
            }
            Self::Rights => "the token's rights do not reach that far; nothing was changed".into(),
            Self::Quota {
                requests,
                window,
                seconds,
            } => format!(
                "more than {requests} requests in {window} seconds by this account or token; \
                 nothing was changed, wait {seconds} seconds"
            ),
            Self::Range { size } => {
                format!("one range within 0 to {size} bytes can be asked for")
            }
            Self::Method { allowed } => {
                format!("this address takes {allowed} alone; nothing was changed")
            }
            Self::Misdirected => "this host name is not one of this room".into(),
            Self::Defect => {
                "the room made a mistake that is not yours; what was acknowledged before is safe, \
                 tell the operator when it happened"
                    .into()
            }
        }
    }

    /// The failure in the words of RFC 9457.
    pub fn problem(&self) -> Problem {
        problem(self.name(), self.detail())
    }

    /// Says in the program's log what the caller is not told.
    fn log(&self) {
        use app::Error as E;
        match self {
            Self::App(
                failed @ (E::Full
                | E::CustodyUnavailable(_)
                | E::StoreUnavailable(_)
                | E::Damaged(_)),
            ) => {
                let cause = std::error::Error::source(failed).map(ToString::to_string);
                error!(cause = cause.as_deref(), "{failed}");
            }
            Self::Defect => error!("a request ended in a defect"),
            _ => {}
        }
    }

    /// Seconds until it helps to ask again, where that is known.
    pub fn retry_seconds(&self) -> Option<u64> {
        use app::Error as E;
        match self {
            Self::App(E::TooMany { seconds }) | Self::Quota { seconds, .. } => Some(*seconds),
            Self::App(E::CustodyUnavailable(_) | E::StoreUnavailable(_) | E::Full) => {
                Some(RETRY_SECONDS)
            }
            _ => None,
        }
    }

    /// Keeps the failure for the catcher, and gives the status with which a guard fails.
    pub fn stash(self, request: &Request<'_>) -> (Status, ()) {
        let status = self.problem().status;
        let stash = request.local_cache(Stash::default);
        *stash.0.lock().expect("no holder of this lock panics") = Some(self);
        (status, ())
    }

    /// Takes back what a guard kept.
    pub fn stashed(request: &Request<'_>) -> Option<Self> {
        let stash = request.local_cache(Stash::default);
        stash
            .0
            .lock()
            .expect("no holder of this lock panics")
            .take()
    }
}

/// What a guard refused a request with, until the catcher answers.
#[derive(Default)]
struct Stash(Mutex<Option<Failure>>);

/// A failure as a page.
#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    problem: &'a Problem,
}

enum Shape {
    Json,
    Page,
    Line,
}

/// Whether a script of ours asks, which reads problems rather than pages.
pub fn is_script(request: &Request<'_>) -> bool {
    let accepts = request.headers().get_one("accept");
    accepts.is_some_and(|accepts| accepts.contains("application/problem+json"))
}

fn shape(request: &Request<'_>) -> Shape {
    let path = request.uri().path();
    let first = path.segments().next();
    match (Side::of(request), first) {
        (Side::Room, Some("log")) => Shape::Line,
        (Side::Room, Some("api" | "health")) => Shape::Json,
        (Side::Room, _) if is_script(request) => Shape::Json,
        (Side::Room, _) => Shape::Page,
        (Side::Nowhere, _) if origins::is_for_program(request) => Shape::Json,
        _ => Shape::Line,
    }
}

impl<'r> Responder<'r, 'static> for Failure {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        self.log();
        let problem = self.problem();
        let shape = shape(request);
        let browser = matches!(shape, Shape::Page);
        // A page that nobody may see leads to the sign-in; a form that was sent is told, so
        // that nothing written in it seems to be kept.
        if browser && problem.status == Status::Unauthorized && request.method() == Method::Get {
            return Redirect::to("/sign-in").respond_to(request);
        }
        let (kind, body) = match shape {
            Shape::Json => (
                ContentType::new("application", "problem+json"),
                problem.json(),
            ),
            Shape::Page => {
                let page = ErrorPage { problem: &problem };
                (ContentType::HTML, page.render().unwrap_or_default())
            }
            Shape::Line => (ContentType::Plain, format!("{}\n", problem.detail)),
        };
        let mut response = Response::build_from(body.respond_to(request)?);
        response.status(problem.status).header(kind);
        if let Some(seconds) = self.retry_seconds() {
            response.raw_header("Retry-After", seconds.to_string());
        }
        if let Self::Range { size } = self {
            response.raw_header("Content-Range", format!("bytes */{size}"));
        }
        if let Self::Method { allowed } = self {
            response.raw_header("Allow", allowed);
        }
        if problem.status == Status::Unauthorized && !browser {
            response.raw_header("WWW-Authenticate", "Bearer");
        }
        response.ok()
    }
}

/// The catcher of everything that no handler answered.
pub fn catchers() -> Vec<Catcher> {
    catchers![any]
}

#[catch(default)]
fn any(status: Status, request: &Request<'_>) -> Failure {
    Failure::stashed(request).unwrap_or_else(|| match status {
        Status::NotFound if Side::of(request) != Side::Nowhere => unrouted(request),
        status => of_status(status, Side::of(request)),
    })
}

/// What no route took.
fn unrouted(request: &Request<'_>) -> Failure {
    let room: Option<&app::Room> = request.rocket().state();
    if let Some(behind) = room.and_then(|room| room.behind.clone()) {
        return app::Error::PutBack(behind).into();
    }
    let others = methods::others(request);
    if others.is_empty() {
        return app::Error::NotFound.into();
    }
    let allowed: Vec<&str> = others.into_iter().collect();
    Failure::Method {
        allowed: allowed.join(", "),
    }
}

/// What Rocket itself refused. An odd id is told as one that names nothing.
fn of_status(status: Status, side: Side) -> Failure {
    match status.code {
        _ if side == Side::Nowhere => Failure::Misdirected,
        400 => Failure::Malformed("the request is not of its form".into()),
        401 => Failure::App(app::Error::SignedOut),
        500.. => Failure::Defect,
        _ => Failure::App(app::Error::NotFound),
    }
}
