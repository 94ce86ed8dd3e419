//! Depositing, an item with its details, its content in place.

use askama::Template;
use custos_core::ids::{CaseId, ItemId, Timestamp, ViewId};
use rocket::{
    Either, FromForm, Request, Response, State, get,
    http::Status,
    post,
    response::{self, Redirect, Responder},
};
use serde_json::Value;

use super::{Page, Shell, Shown, custody::EXPORT_FIELDS, purposes, sessions::Nothing, then};
use crate::{
    app::{
        self, Room,
        corrections::{self, CorrectionSummary},
        evidence::{self, ItemPage},
        tags::Tag,
        transfers,
        uploads::{self, Deposited, PARTICULARS},
        views::{self, Holder},
    },
    http::{
        errors::{Failure, is_script},
        front::handover::Body,
        media::{Player, shown},
        origins::Origins,
        room::{
            guards::{Named, Posted, Seat},
            multipart::{self, Parts},
        },
        text,
    },
};

/// The form of a deposit.
#[derive(Template)]
#[template(path = "deposit.html")]
pub struct DepositPage {
    shell: Shell,
    case: CaseId,
    /// Field and words of what more can be told of its origin.
    particulars: Vec<(String, &'static str)>,
}

/// What a deposit became whose item its depositor sees no more.
#[derive(Template)]
#[template(path = "deposited.html")]
pub struct DepositedPage {
    shell: Shell,
    case: CaseId,
    item: Deposited,
}

/// One item.
#[derive(Template)]
#[template(path = "item.html")]
pub struct OneItemPage {
    shell: Shell,
    item: ItemPage,
    purposes: Vec<&'static str>,
    deposited: bool,
    /// What changes that must not undo another's are made upon.
    tag: Tag,
}

impl OneItemPage {
    /// What was told of its origin, named, without what was left empty.
    fn told(&self) -> Vec<(&'static str, String)> {
        let names = ORIGIN.iter().chain(PARTICULARS).copied();
        let told = names.filter_map(|(member, name)| {
            let text = self.item.provenance[member].as_str()?;
            (!text.is_empty()).then(|| (name, text.to_owned()))
        });
        told.collect()
    }

    /// When it was obtained: by the clock by which that was noted, and in UTC.
    fn captured(&self) -> Option<(String, String)> {
        let told = &self.item.provenance;
        let time = Timestamp::from_micros(told["captured_at"].as_i64()?).ok()?;
        let minutes = told["captured_offset_minutes"].as_i64().unwrap_or(0);
        Some((text::local(&time, minutes), text::utc(&time)))
    }

    /// The original file name; bytes that are no text stand in hex.
    fn file_name(&self) -> Option<String> {
        match &self.item.file_name {
            Value::String(name) => Some(name.clone()),
            Value::Object(bytes) => bytes["hex"].as_str().map(|hex| format!("bytes {hex}")),
            _ => None,
        }
    }

    /// Hashes that were taken before, beside what the bytes have.
    fn declared(&self) -> Vec<(String, String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let hashes = self.item.declared.as_array().into_iter().flatten();
        hashes
            .map(|hash| {
                (
                    text(&hash["algorithm"]),
                    text(&hash["declared"]),
                    text(&hash["found"]),
                )
            })
            .collect()
    }

    /// What can be corrected, with the words for it.
    fn correctable(&self) -> Vec<(&'static str, &'static str)> {
        let texts = corrections::TEXTS.iter().chain(corrections::TIMES);
        let particulars = PARTICULARS.iter().copied();
        texts
            .map(|name| (*name, field_words(name)))
            .chain(particulars)
            .collect()
    }

    /// What a seal can be found to be.
    fn seal_states(&self) -> &'static [&'static str] {
        transfers::SEAL_STATES
    }

    fn is_quarantined(&self) -> bool {
        self.item.states.iter().any(|state| state == "quarantined")
    }
}

/// The words for something that was told.
fn field_words(name: &str) -> &'static str {
    let own = [
        ("description", "Description"),
        ("captured_at", "When it was obtained"),
    ];
    let all = own.iter().chain(ORIGIN).chain(PARTICULARS);
    let mut words = all.filter(|(known, _)| *known == name);
    words.next().map_or("Something", |(_, words)| words)
}

/// What a correction says.
fn corrected(correction: &CorrectionSummary) -> String {
    match &correction.value {
        Value::String(text) => text.clone(),
        value => value
            .as_i64()
            .and_then(|micros| Timestamp::from_micros(micros).ok())
            .map_or_else(String::new, |time| text::utc(&time)),
    }
}

/// What is told of an item's origin first, with the words for it.
const ORIGIN: &[(&str, &str)] = &[
    ("place", "Where it was obtained"),
    ("authority", "Under which authority"),
    ("source", "Source"),
    ("device", "Device"),
    ("tool", "Acquisition tool"),
];

/// An item's content in place.
#[derive(Template)]
#[template(path = "view.html")]
pub struct ViewPage {
    shell: Shell,
    view: ViewId,
    item: ItemId,
    media_type: String,
    size: u64,
    expires_at: Timestamp,
    download: bool,
    address: String,
}

impl ViewPage {
    /// What shows it; nothing where it is only taken away.
    fn player(&self) -> Option<Player> {
        shown(&self.media_type).map(|(player, _)| player)
    }
}

/// Why content is to be read.
#[derive(FromForm)]
pub struct Reason {
    purpose: String,
    why: String,
    /// `view`, or `download` to take a copy away.
    how: String,
}

#[get("/cases/<case>/deposit")]
pub async fn deposit_form(
    seat: Seat,
    room: &State<Room>,
    case: Named<CaseId>,
) -> Result<Page<DepositPage>, Failure> {
    uploads::may_deposit(room, seat.who(), case.0).await?;
    let shell = Shell::of(room, &seat, "cases").await?;
    Ok(Page::of(DepositPage {
        shell,
        case: case.0,
        particulars: PARTICULARS
            .iter()
            .map(|(name, words)| (format!("{}{name}", multipart::PARTICULARS_PREFIX), *words))
            .collect(),
    }))
}

#[post("/cases/<case>/deposit", data = "<data>")]
pub async fn deposit(
    seat: Seat,
    room: &State<Room>,
    case: Named<CaseId>,
    parts: Parts,
    data: Body<'_>,
) -> Result<Either<Onward, Page<DepositedPage>>, Failure> {
    // Before the deposit, after which nothing may fail: what its answer says is said once.
    let shell = Shell::of(room, &seat, "cases").await?;
    let item = multipart::deposit(room, &seat, case.0, parts, data).await?;
    if !item.restricted {
        return Ok(Either::Left(Onward(format!(
            "/items/{}?deposited",
            item.item
        ))));
    }
    // The item's own page would not be found by whoever deposited it.
    let case = case.0;
    Ok(Either::Right(Page::of(DepositedPage { shell, case, item })))
}

/// The way on from a deposit. A script is told it and leads there itself: were it redirected,
/// it would read the page once for nothing, which would be entered.
pub struct Onward(String);

impl<'r> Responder<'r, 'static> for Onward {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        if is_script(request) {
            let mut made = Response::build();
            return made
                .status(Status::Created)
                .raw_header("Location", self.0)
                .ok();
        }
        then(self.0).respond_to(request)
    }
}

#[get("/items/<item>?<deposited>")]
pub async fn read(
    seat: Seat,
    room: &State<Room>,
    item: Named<ItemId>,
    deposited: Option<&str>,
) -> Result<Page<OneItemPage>, Failure> {
    let item = evidence::read_item(room, seat.who(), item.0).await?;
    Ok(Page::of(OneItemPage {
        shell: Shell::of(room, &seat, "cases").await?,
        tag: Tag::of(&room.core, &item),
        item,
        purposes: purposes(),
        deposited: deposited.is_some(),
    }))
}

#[post("/items/<item>/views", data = "<posted>")]
pub async fn open_view(
    room: &State<Room>,
    item: Named<ItemId>,
    posted: Posted<Reason>,
) -> Result<Redirect, Failure> {
    let form = &posted.form;
    let purpose = (form.purpose.as_str(), form.why.as_str());
    let download = match form.how.as_str() {
        "view" => false,
        "download" => true,
        _ => return Err(app::Error::invalid("`how` is neither `view` nor `download`").into()),
    };
    let view = views::open_view(room, posted.seat.who(), item.0, purpose, download).await?;
    Ok(then(format!("/views/{}", view.id)))
}

#[get("/views/<view>")]
pub async fn show_view(
    seat: Seat,
    room: &State<Room>,
    origins: &State<Origins>,
    view: Named<ViewId>,
) -> Result<Page<ViewPage>, Failure> {
    let holder = Holder::SignedIn(seat.who().holder);
    let content = views::read_view(room, view.0, holder).await?;
    Ok(Page::of(ViewPage {
        shell: Shell::of(room, &seat, "cases").await?,
        view: view.0,
        item: content.item(),
        media_type: content.media_type.clone(),
        size: content.size,
        expires_at: content.expires_at(),
        download: content.download,
        address: format!("{}/v/{}/{}", origins.content, view.0, content.link()),
    }))
}

#[post("/items/<item>/views/<view>/close", data = "<posted>")]
pub async fn close_view(
    room: &State<Room>,
    item: Named<ItemId>,
    view: Named<ViewId>,
    posted: Posted<Nothing>,
) -> Result<Redirect, Failure> {
    views::close_view(room, posted.seat.who(), view.0).await?;
    Ok(then(format!("/items/{}", item.0)))
}

#[post("/items/<item>/restrict", data = "<posted>")]
pub async fn restrict(
    room: &State<Room>,
    item: Named<ItemId>,
    posted: Posted<Nothing>,
) -> Result<Redirect, Failure> {
    evidence::restrict(room, posted.seat.who(), item.0).await?;
    Ok(then(format!("/items/{}", item.0)))
}

#[post("/items/<item>/lift-restriction", data = "<posted>")]
pub async fn lift_restriction(
    room: &State<Room>,
    item: Named<ItemId>,
    posted: Posted<Shown>,
) -> Result<Redirect, Failure> {
    let who = posted.seat.upon(&posted.form.tag)?;
    evidence::lift_restriction(room, &who, item.0).await?;
    Ok(then(format!("/items/{}", item.0)))
}
