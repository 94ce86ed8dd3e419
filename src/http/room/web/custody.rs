//! An item's history in plain language, its receipt, its bundle.

use askama::Template;
use custos_core::ids::{ItemId, Timestamp};
use rocket::{FromForm, State, get, http::ContentType, post};

use super::{Page, Shell};
use crate::{
    app::{
        self, Room,
        bundles::{self, Wish},
        custody::{self, HistoryLine},
        exports::{self, Format},
    },
    http::{
        errors::Failure,
        range::{Streamed, attached, bundled, exported},
        room::guards::{Named, Posted, Seat},
        text,
    },
};

/// An item's history.
#[derive(Template)]
#[template(path = "history.html")]
pub struct HistoryPage {
    shell: Shell,
    item: ItemId,
    lines: Vec<HistoryLine>,
}

/// What is to be in a bundle.
#[derive(FromForm)]
pub struct Asked {
    /// `history`, or `content` for the file as well.
    what: String,
    purpose: String,
    why: String,
}

/// Fields that can be withheld in an export, as the form names them; those marked are withheld
/// unless somebody decides otherwise.
pub const EXPORT_FIELDS: [(&str, &str, bool); 17] = [
    ("actor", "Who acted", false),
    ("role", "In which role", false),
    ("authentication", "How they were recognised", true),
    ("time", "When", false),
    ("kind", "What happened, with all detail", false),
    ("subject", "What it was about", false),
    ("purpose", "Why, in their own words", false),
    ("authority", "Under which order", false),
    ("detail", "The detail of what happened", false),
    (
        "description",
        "Reference, description and file name of items",
        false,
    ),
    ("provenance", "What was told of the origin of items", false),
    (
        "fingerprints",
        "Sizes and fingerprints of items, which confirm guesses",
        true,
    ),
    ("case", "The case", false),
    ("scope", "The scope", false),
    (
        "numbers",
        "Numbers and links in the chains of the log",
        false,
    ),
    ("policy", "Which policies decided", true),
    ("approvals", "Approvals", false),
];

/// An export that is asked for by a form; what is left empty is not asked for.
#[derive(FromForm)]
pub struct AskedExport {
    case: String,
    item: String,
    person: String,
    /// Day and minute in UTC, as a browser sends them.
    from: String,
    to: String,
    withhold: Vec<String>,
    format: String,
}

/// What happened, in plain language; who did it stands before it.
fn happened(line: &HistoryLine) -> String {
    let known = match line.kind.as_str() {
        "deposit" => "deposited this item",
        "read" => "read what is known of this item",
        "view" if line.detail["download"] == true => "took a copy of the content away",
        "view" => "opened the content",
        "view_close" => return closed(line),
        "history" => "read this history",
        "receipt" => "took the receipt",
        "bundle" | "bundle_taken" => "made a bundle",
        "export" => "exported what the custody log says of this item",
        "serve" => "served this item to a party",
        "derive" => "deposited this item, which was made from others",
        "correct" => "appended a correction",
        "transfer" => "recorded that the physical thing changed hands",
        "exhibit" => return exhibit(line),
        "restrict" => "restricted this item",
        "lift_restriction" => "lifted the restriction of this item",
        other => {
            return format!(
                "made an entry of the kind \u{201c}{}\u{201d}",
                text::plain(other)
            );
        }
    };
    known.into()
}

fn exhibit(line: &HistoryLine) -> String {
    let told = |name: &str| line.detail[name].as_str().unwrap_or_default();
    let done = match told("status") {
        "offered" => "offered",
        "withdrawn" => "withdrew",
        "admitted" => "admitted",
        "rejected" => "rejected",
        _ => "ruled on",
    };
    format!(
        "{done} it as exhibit {} of the {}",
        told("number"),
        told("side")
    )
}

fn closed(line: &HistoryLine) -> String {
    match line.detail["bytes"].as_u64() {
        Some(bytes) => format!("ended reading; {} were given out", text::size(&bytes)),
        None => "ended reading".into(),
    }
}

/// Who did it, in which role.
fn by(line: &HistoryLine) -> String {
    let name = line.actor_name.clone();
    let name = name.unwrap_or_else(|| match line.actor {
        Some(_) => "Somebody".into(),
        None => "The room".into(),
    });
    match &line.role {
        Some(role) => format!("{name} ({})", text::plain(role)),
        None => name,
    }
}

/// Why, where a purpose was given.
fn why(line: &HistoryLine) -> Option<String> {
    let purpose = line.purpose.as_ref()?;
    let code = purpose["code"].as_str()?;
    let text = purpose["text"].as_str().unwrap_or_default();
    Some(format!("{}: {text}", text::plain(code)))
}

#[get("/items/<item>/history")]
pub async fn history(
    seat: Seat,
    room: &State<Room>,
    item: Named<ItemId>,
) -> Result<Page<HistoryPage>, Failure> {
    let lines = custody::history(room, seat.who(), item.0).await?;
    Ok(Page::of(HistoryPage {
        shell: Shell::of(room, &seat, "cases").await?,
        item: item.0,
        lines,
    }))
}

#[get("/items/<item>/receipt")]
pub async fn receipt(
    seat: Seat,
    room: &State<Room>,
    item: Named<ItemId>,
) -> Result<Streamed, Failure> {
    let receipt = custody::receipt(room, seat.who(), item.0).await?;
    let name = format!("{}.tlog-proof", item.0);
    Ok(attached(receipt, ContentType::Binary, name))
}

#[post("/items/<item>/bundle", data = "<posted>")]
pub async fn bundle(
    room: &State<Room>,
    item: Named<ItemId>,
    posted: Posted<Asked>,
) -> Result<Streamed, Failure> {
    let form = posted.form;
    let content = match form.what.as_str() {
        "history" => false,
        "content" => true,
        _ => return Err(app::Error::invalid("`what` is neither `history` nor `content`").into()),
    };
    let wish = Wish::of(content, form.purpose, form.why)?;
    let bundle = bundles::bundle(room, posted.seat.who(), item.0, wish).await?;
    Ok(bundled(bundle, item.0))
}

#[post("/custody/exports", data = "<posted>")]
pub async fn export(room: &State<Room>, posted: Posted<AskedExport>) -> Result<Streamed, Failure> {
    let form = posted.form;
    let of = (
        given("case", &form.case)?,
        given("item", &form.item)?,
        given("person", &form.person)?,
    );
    let span = (moment("from", &form.from)?, moment("to", &form.to)?);
    let format = Format::of(&form.format)?;
    let wish = exports::Wish::of(of, span, &form.withhold, format)?;
    let export = exports::export(room, posted.seat.who(), wish).await?;
    Ok(exported(export))
}

/// An id, or nothing.
fn given<T: std::str::FromStr>(name: &str, text: &str) -> Result<Option<T>, app::Error> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let odd = |_| app::Error::invalid(format!("`{name}` is no id of 32 letters and digits"));
    text.parse().map(Some).map_err(odd)
}

/// A moment in UTC, or nothing.
fn moment(name: &str, text: &str) -> Result<Option<Timestamp>, app::Error> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let odd = || app::Error::invalid(format!("`{name}` is no day and minute"));
    text::parse_local(text, 0).map(Some).ok_or_else(odd)
}
