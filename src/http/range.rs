//! Answers that stream: one byte range (RFC 9110, section 14), a length that is always said,
//! and a connection that breaks when the bytes do.

use std::{io, ops::Range};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use custos_core::{hash::sha256, ids::ItemId};
use futures::{TryStreamExt, stream};
use rocket::{
    Request, Response,
    http::{ContentType, Status},
    request::{FromRequest, Outcome},
    response::{self, Responder},
};
use tokio_util::io::StreamReader;
use tracing::warn;

use super::{
    digest::repr_digest,
    errors::Failure,
    front::handover::{Handover, Pieces},
    tags::is_known,
};
use crate::app::{
    bundles::BundleStream,
    exports::{ExportStream, Format},
    views::ViewedContent,
};

/// Bytes that are handed to the connection at once.
const CHUNK_BYTES: usize = 256 << 10;
/// Longest `Range` header that is looked at, in bytes.
pub const MAX_HEADER_BYTES: usize = 128;

/// What a request asks for in `Range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// No range, or one of what there is no more: everything.
    All,
    /// From a byte on, to a last byte if it is named.
    From(u64, Option<u64>),
    /// So many bytes at the end.
    Last(u64),
    /// More than one range, or none that can be read.
    Odd,
}

impl Asked {
    /// Reads `bytes=0-499`, `bytes=500-`, `bytes=-500`.
    pub fn parse(text: &str) -> Self {
        let Some((unit, range)) = text.split_once('=') else {
            return Self::Odd;
        };
        // A unit that we do not know is to be ignored.
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return Self::All;
        }
        if text.len() > MAX_HEADER_BYTES {
            return Self::Odd;
        }
        let Some((first, last)) = range.trim().split_once('-') else {
            return Self::Odd;
        };
        match (
            number(first),
            number(last),
            first.is_empty(),
            last.is_empty(),
        ) {
            (Some(first), Some(last), ..) if first <= last => Self::From(first, Some(last)),
            (Some(first), None, _, true) => Self::From(first, None),
            (None, Some(last), true, _) => Self::Last(last),
            _ => Self::Odd,
        }
    }

    /// The bytes of a content of `size` that are asked for; `None` for all of it.
    ///
    /// # Errors
    /// [`Failure::Range`] when there are no such bytes.
    pub fn within(self, size: u64) -> Result<Option<Range<u64>>, Failure> {
        let outside = Err(Failure::Range { size });
        match self {
            Self::All => Ok(None),
            Self::From(first, _) if first >= size => outside,
            Self::From(first, last) => {
                let end = last.map_or(size, |last| last.saturating_add(1).min(size));
                Ok(Some(first..end))
            }
            Self::Last(0) => outside,
            Self::Last(_) if size == 0 => outside,
            Self::Last(count) => Ok(Some(size.saturating_sub(count)..size)),
            Self::Odd => outside,
        }
    }
}

/// Digits alone; numbers too large for any content are the largest there is.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// What is asked of content: a range, and when.
pub struct Wanted {
    asked: Asked,
    /// `If-Range`: the range only of what has this tag, or else everything.
    only_of: Option<String>,
}

impl Wanted {
    /// The range that is asked for, of content with this tag.
    fn of(self, tag: &str) -> Asked {
        match self.only_of {
            Some(wanted) if wanted != tag => Asked::All,
            _ => self.asked,
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Wanted {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        let headers = request.headers();
        let mut ranges = headers.get("range");
        let asked = match (ranges.next(), ranges.next()) {
            (None, _) => Asked::All,
            (Some(_), Some(_)) => Asked::Odd,
            (Some(range), None) => Asked::parse(range),
        };
        // A date, a weak tag or two lines are no tag of ours, so they match none.
        let conditions: Vec<&str> = headers.get("if-range").collect();
        let only_of = (!conditions.is_empty()).then(|| conditions.join(","));
        Outcome::Success(Self { asked, only_of })
    }
}

/// How a browser may treat what it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// Shown in place.
    Inline,
    /// Taken away under this name, which is never made of what people sent.
    Attachment(String),
}

/// A streamed answer of known length.
pub struct Streamed {
    /// What it is.
    pub media_type: ContentType,
    /// How a browser may treat it.
    pub disposition: Disposition,
    /// Bytes of the whole content.
    pub size: u64,
    /// The bytes that are given; `None` for all.
    pub range: Option<Range<u64>>,
    /// Whether ranges can be asked for.
    pub ranges: bool,
    /// SHA-256 of the whole content, where it is known before it is sent.
    pub sha256: Option<[u8; 32]>,
    /// The bytes.
    pub pieces: Pieces,
}

impl<'r> Responder<'r, 'r> for Streamed {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'r> {
        let mut response = Response::build();
        if let Some(sha256) = &self.sha256 {
            response.raw_header("Repr-Digest", repr_digest(sha256));
            if self.ranges {
                let tag = tag_of(sha256);
                response.raw_header("ETag", format!("\"{tag}\""));
                if is_known(request, &tag) {
                    return response.status(Status::NotModified).ok();
                }
            }
        }
        let length = match &self.range {
            Some(range) => {
                let (first, last) = (range.start, range.end - 1);
                response.status(Status::PartialContent);
                response.raw_header(
                    "Content-Range",
                    format!("bytes {first}-{last}/{}", self.size),
                );
                range.end - range.start
            }
            None => self.size,
        };
        response.header(self.media_type);
        response.raw_header("Accept-Ranges", if self.ranges { "bytes" } else { "none" });
        // With a length said, bytes that fail to come end the connection; a body without one
        // would look complete.
        response.raw_header("Content-Length", length.to_string());
        let disposition = match self.disposition {
            Disposition::Inline => "inline".into(),
            Disposition::Attachment(name) => format!("attachment; filename=\"{name}\""),
        };
        response.raw_header("Content-Disposition", disposition);
        let bytes = self
            .pieces
            .inspect_err(|failed| warn!(error = %failed, "an answer was cut"));
        match Handover::of(request) {
            Some(handover) => handover.answer(length, Box::pin(bytes)),
            None => {
                // The order matters: the body takes its chunk size with it.
                response.streamed_body(StreamReader::new(bytes));
                response.max_chunk_size(CHUNK_BYTES);
            }
        }
        response.ok()
    }
}

/// The tag of content: its SHA-256, which whoever may read it may know.
fn tag_of(sha256: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(sha256)
}

/// Content through a view.
///
/// # Errors
/// [`Failure::Range`], or the view ended meanwhile.
pub fn viewed(
    content: ViewedContent,
    wanted: Wanted,
    media_type: ContentType,
    disposition: Disposition,
) -> Result<Streamed, Failure> {
    let size = content.size;
    let sha256 = *content.sha256.as_bytes();
    let asked = wanted.of(&format!("\"{}\"", tag_of(&sha256)));
    let range = asked.within(size)?;
    let pieces = match range.clone() {
        Some(range) => content.range(range)?,
        None => content.whole(),
    };
    Ok(Streamed {
        media_type,
        disposition,
        size,
        range,
        ranges: true,
        sha256: Some(sha256),
        pieces: Box::pin(pieces.map_err(io::Error::other)),
    })
}

/// Something short that is taken away.
pub fn attached(bytes: Vec<u8>, media_type: ContentType, name: String) -> Streamed {
    Streamed {
        media_type,
        disposition: Disposition::Attachment(name),
        size: bytes.len() as u64,
        range: None,
        ranges: false,
        sha256: Some(*sha256(&[&bytes]).as_bytes()),
        pieces: Box::pin(stream::iter([Ok(Bytes::from(bytes))])),
    }
}

/// A bundle of an item's custody.
pub fn bundled(bundle: BundleStream, item: ItemId) -> Streamed {
    Streamed {
        media_type: ContentType::ZIP,
        disposition: Disposition::Attachment(format!("{item}.custos.zip")),
        size: bundle.length,
        range: None,
        ranges: false,
        sha256: None,
        pieces: bundle.bytes,
    }
}

/// An export of the custody log. A page is taken away too: it is no page of this origin.
pub fn exported(export: ExportStream) -> Streamed {
    let media_type = match export.format {
        Format::Lines => ContentType::new("application", "jsonl"),
        Format::Table => ContentType::CSV,
        Format::Page => ContentType::HTML,
    };
    Streamed {
        media_type,
        disposition: Disposition::Attachment(export.name),
        size: export.length,
        range: None,
        ranges: false,
        sha256: Some(*export.sha256.as_bytes()),
        pieces: export.bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(header: &str, size: u64) -> Option<Option<Range<u64>>> {
        Asked::parse(header).within(size).ok()
    }

    #[test]
    fn single_ranges_are_given() {
        assert_eq!(given("bytes=0-0", 10), Some(Some(0..1)));
        assert_eq!(given("bytes=2-5", 10), Some(Some(2..6)));
        assert_eq!(given("bytes=2-", 10), Some(Some(2..10)));
        assert_eq!(given("bytes=-3", 10), Some(Some(7..10)));
        assert_eq!(given("bytes=-30", 10), Some(Some(0..10)));
        assert_eq!(
            given("bytes=5-99999999999999999999999", 10),
            Some(Some(5..10))
        );
        assert_eq!(given("Bytes=0-1", 10), Some(Some(0..2)));
        assert_eq!(given("lines=0-1", 10), Some(None));
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for header in [
            "bytes=10-",
            "bytes=10-11",
            "bytes=-0",
            "bytes=5-2",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=0-1,3-4",
            "bytes=0x1-2",
            "bytes 0-1",
            "",
        ] {
            assert_eq!(given(header, 10), None, "{header}");
        }
        assert_eq!(given("bytes=0-", 0), None);
        assert_eq!(given("bytes=-1", 0), None);
        let many = format!("bytes={}", "0-0,".repeat(5_000));
        assert_eq!(given(&many, 10), None);
    }

    #[test]
    fn any_text_is_read_without_panic() {
        proptest::proptest!(|(text in "(bytes=)?[0-9,\\- a-z]{0,40}", size in 0_u64..100)| {
            if let Ok(Some(range)) = Asked::parse(&text).within(size) {
                assert!(range.start < range.end && range.end <= size);
            }
        });
    }
}
