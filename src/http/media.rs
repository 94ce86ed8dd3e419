//! What browsers show in place: a closed list. Everything else is only taken away.

use rocket::http::ContentType;

/// With what a page shows content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Player {
    /// A frame of the second origin.
    Text,
    /// An image.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
}

use Player::{Audio, Image, Text, Video};

/// The type as the room found it, with what shows it, and the type under which it is given.
const SHOWN: &[(&str, Player, &str)] = &[
    ("text/plain", Text, "plain"),
    ("image/jpeg", Image, "jpeg"),
    ("image/png", Image, "png"),
    ("image/gif", Image, "gif"),
    ("image/webp", Image, "webp"),
    ("audio/mpeg", Audio, "mpeg"),
    ("audio/mp4", Audio, "mp4"),
    ("audio/m4a", Audio, "mp4"),
    ("audio/aac", Audio, "aac"),
    ("audio/flac", Audio, "flac"),
    ("audio/x-flac", Audio, "flac"),
    ("audio/ogg", Audio, "ogg"),
    ("audio/opus", Audio, "ogg"),
    ("audio/wav", Audio, "wav"),
    ("audio/x-wav", Audio, "wav"),
    ("audio/webm", Audio, "webm"),
    ("video/mp4", Video, "mp4"),
    ("video/x-m4v", Video, "mp4"),
    ("video/webm", Video, "webm"),
];

/// With what content of this type is shown in place, and under which type it is given.
pub fn shown(media_type: &str) -> Option<(Player, ContentType)> {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let (_, player, sub) = SHOWN.iter().find(|(known, ..)| *known == essence)?;
    let given = match player {
        // The charset is said, so that nobody's browser guesses another.
        Text => ContentType::new("text", *sub).with_params(("charset", "utf-8")),
        Image => ContentType::new("image", *sub),
        Audio => ContentType::new("audio", *sub),
        Video => ContentType::new("video", *sub),
    };
    Some((*player, given))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_is_shown() {
        let given = |kind: &str| shown(kind).map(|(_, given)| given.to_string());
        assert_eq!(
            given("text/plain; charset=utf-16"),
            Some("text/plain; charset=utf-8".into())
        );
        assert_eq!(given("audio/x-wav"), Some("audio/wav".into()));
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
