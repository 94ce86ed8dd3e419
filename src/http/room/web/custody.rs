//! An item's history in plain language, its receipt, its bundle.

use askama::Template;
use custos_core::ids::ItemId;
use rocket::{FromForm, State, get, http::ContentType, post};

use super::{Page, Shell};
use crate::{
    app::{
        self, Room,
        bundles::{self, Wish},
        custody::{self, HistoryLine},
    },
    http::{
        errors::Failure,
        range::{Streamed, attached, bundled},
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
