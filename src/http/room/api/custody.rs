//! History, receipts, bundles.

use custos_core::ids::{CaseId, ItemId, PersonId, Timestamp};
use rocket::{State, get, http::ContentType, post};
use serde::Deserialize;
use utoipa::ToSchema;

use super::List;
use crate::{
    app::{
        Room,
        bundles::{self, Wish},
        custody::{self, HistoryLine},
        exports::{self, Format},
        schema,
    },
    http::{
        errors::Failure,
        json::Metadata,
        range::{Streamed, attached, bundled, exported},
        room::guards::{Named, Reader},
        tags::Tagged,
    },
};

/// What is to be in a bundle.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WantedBundle)]
pub struct Asked {
    /// Whether the content is in it, which needs a purpose.
    content: bool,
    /// What it is for, where the content is in it.
    #[serde(default)]
    #[schema(value_type = schema::Purpose)]
    purpose: String,
    /// Why, in one's own words; policy asks for at least 15 characters.
    #[serde(default)]
    #[schema(value_type = schema::Text)]
    why: String,
}

/// What of the custody log is to be exported; at least one of the first five is given.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedExport {
    /// Entries of this case.
    #[serde(default)]
    #[schema(value_type = Option<schema::Id>)]
    case: Option<CaseId>,
    /// Entries about this item; not beside a case.
    #[serde(default)]
    #[schema(value_type = Option<schema::Id>)]
    item: Option<ItemId>,
    /// What this person did.
    #[serde(default)]
    #[schema(value_type = Option<schema::Id>)]
    person: Option<PersonId>,
    /// Not before this moment.
    #[serde(default)]
    #[schema(value_type = Option<schema::Time>)]
    from: Option<Timestamp>,
    /// Before this moment.
    #[serde(default)]
    #[schema(value_type = Option<schema::Time>)]
    to: Option<Timestamp>,
    /// Fields that no entry shows, beside those that you may not show.
    #[serde(default)]
    #[schema(value_type = Vec<schema::ExportField>)]
    withhold: Vec<String>,
    /// Nothing is `jsonl`.
    #[serde(default)]
    #[schema(value_type = schema::ExportFormat)]
    format: Option<String>,
}

#[get("/items/<item>/history")]
pub async fn history(
    caller: Reader,
    room: &State<Room>,
    item: Named<ItemId>,
) -> Result<Tagged<List<HistoryLine>>, Failure> {
    let items = custody::history(room, &caller.0, item.0).await?;
    Ok(Tagged::of(List { items }))
}

#[get("/items/<item>/receipt")]
pub async fn receipt(
    caller: Reader,
    room: &State<Room>,
    item: Named<ItemId>,
) -> Result<Streamed, Failure> {
    let receipt = custody::receipt(room, &caller.0, item.0).await?;
    let name = format!("{}.tlog-proof", item.0);
    Ok(attached(receipt, ContentType::Binary, name))
}

#[post("/items/<item>/bundle", data = "<asked>")]
pub async fn bundle(
    caller: Reader,
    room: &State<Room>,
    item: Named<ItemId>,
    asked: Metadata<Asked>,
) -> Result<Streamed, Failure> {
    let Asked {
        content,
        purpose,
        why,
    } = asked.0;
    let wish = Wish::of(content, purpose, why)?;
    let bundle = bundles::bundle(room, &caller.0, item.0, wish).await?;
    Ok(bundled(bundle, item.0))
}

#[post("/custody/exports", data = "<asked>")]
pub async fn export(
    caller: Reader,
    room: &State<Room>,
    asked: Metadata<WantedExport>,
) -> Result<Streamed, Failure> {
    let asked = asked.0;
    let format = Format::of(asked.format.as_deref().unwrap_or("jsonl"))?;
    let of = (asked.case, asked.item, asked.person);
    let span = (asked.from, asked.to);
    let wish = exports::Wish::of(of, span, &asked.withhold, format)?;
    Ok(exported(exports::export(room, &caller.0, wish).await?))
}
