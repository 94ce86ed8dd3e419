//! The second origin: what people deposited, and nothing else. No cookie of the room reaches
//! it; whoever has a view's link reads, until the view ends.

use custos_core::ids::ViewId;
use rocket::{Route, State, get, http::ContentType, routes};

use super::{
    errors::Failure,
    range::{Asked, Disposition, Streamed, viewed},
};
use crate::app::{
    self, Room,
    views::{self, Holder, ViewedContent},
};

/// What browsers show in place, with the type under which it is given. Everything else is
/// taken away as bytes.
const SHOWN: &[(&str, &str, &str)] = &[
    ("text/plain", "text", "plain"),
    ("image/jpeg", "image", "jpeg"),
    ("image/png", "image", "png"),
    ("image/gif", "image", "gif"),
    ("image/webp", "image", "webp"),
    ("audio/mpeg", "audio", "mpeg"),
    ("audio/mp4", "audio", "mp4"),
    ("audio/aac", "audio", "aac"),
    ("audio/flac", "audio", "flac"),
    ("audio/ogg", "audio", "ogg"),
    ("audio/wav", "audio", "wav"),
    ("audio/webm", "audio", "webm"),
    ("video/mp4", "video", "mp4"),
    ("video/webm", "video", "webm"),
];

/// The routes of the second origin.
pub fn routes() -> Vec<Route> {
    routes![read]
}

#[get("/<view>/<link>")]
async fn read(
    room: &State<Room>,
    view: &str,
    link: &str,
    asked: Asked,
) -> Result<Streamed, Failure> {
    let view: ViewId = view.parse().map_err(|_| app::Error::NotFound)?;
    let content = views::read_view(room, view, Holder::Link(link.into())).await?;
    let (media_type, disposition) = presented(&content);
    viewed(content, asked, media_type, disposition)
}

/// How content is given: a view for download always as bytes to be taken away.
fn presented(content: &ViewedContent) -> (ContentType, Disposition) {
    match shown(&content.media_type) {
        Some(media_type) if !content.download => (media_type, Disposition::Inline),
        _ => {
            let name = format!("{}.bin", content.item());
            (ContentType::Binary, Disposition::Attachment(name))
        }
    }
}

/// The type under which content of this type is shown in place, if it is.
fn shown(media_type: &str) -> Option<ContentType> {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let (_, top, sub) = SHOWN.iter().find(|(known, ..)| *known == essence)?;
    Some(match *top {
        // The charset is said, so that nobody's browser guesses another.
        "text" => ContentType::new(*top, *sub).with_params(("charset", "utf-8")),
        _ => ContentType::new(*top, *sub),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_is_shown() {
        assert_eq!(
            shown("text/plain; charset=utf-16").map(|shown| shown.to_string()),
            Some("text/plain; charset=utf-8".into())
        );
        assert!(shown("video/mp4").is_some());
        for kept in [
            "text/html",
            "image/svg+xml",
            "application/xhtml+xml",
            "application/pdf",
            "application/javascript",
            "text/xml",
            "",
        ] {
            assert!(shown(kept).is_none(), "{kept}");
        }
    }
}
