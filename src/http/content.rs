//! The second origin: what people deposited, and nothing else. No cookie of the room reaches
//! it; whoever has a view's link reads, until the view ends.

use custos_core::ids::ViewId;
use rocket::{Route, State, get, http::ContentType, routes};

use super::{
    errors::Failure,
    media::shown,
    range::{Disposition, Streamed, Wanted, viewed},
};
use crate::app::{
    self, Room,
    views::{self, Holder, ViewedContent},
};

/// The routes of the second origin.
pub fn routes() -> Vec<Route> {
    routes![read]
}

#[get("/<view>/<link>")]
async fn read(
    room: &State<Room>,
    view: &str,
    link: &str,
    wanted: Wanted,
) -> Result<Streamed, Failure> {
    let view: ViewId = view.parse().map_err(|_| app::Error::NotFound)?;
    let content = views::read_view(room, view, Holder::Link(link.into())).await?;
    let (media_type, disposition) = presented(&content);
    viewed(content, wanted, media_type, disposition)
}

/// How content is given: a view for download always as bytes to be taken away.
fn presented(content: &ViewedContent) -> (ContentType, Disposition) {
    match shown(&content.media_type) {
        Some((_, media_type)) if !content.download => (media_type, Disposition::Inline),
        _ => {
            let name = format!("{}.bin", content.item());
            (ContentType::Binary, Disposition::Attachment(name))
        }
    }
}
