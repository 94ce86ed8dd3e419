//! History, receipts, bundles.

use custos_core::ids::ItemId;
use rocket::{State, get, http::ContentType, post};
use serde::Deserialize;
use utoipa::ToSchema;

use super::List;
use crate::{
    app::{
        Room,
        bundles::{self, Wish},
        custody::{self, HistoryLine},
        schema,
    },
    http::{
        errors::Failure,
        json::Metadata,
        range::{Streamed, attached, bundled},
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
