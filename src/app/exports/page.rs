//! An export as a page to be read and printed. It carries the JSON lines, which verify; the
//! table above them is the room's rendering.

use std::io::Write;

use askama::Template;
use custos_core::{
    export::{Field, Line},
    hash::{Hash, Sha256},
    verify::{asked_in_words, utc},
};

use super::{
    lines::Source,
    rows::{Row, Rows},
};
use crate::app::error::Error;

/// Entries of a page at most: a browser shows no more.
pub const MAX_PAGE_ENTRIES: u64 = 5_000;

#[derive(Template)]
#[template(path = "export/head.html")]
struct Head<'a> {
    origin: &'a str,
    asked: String,
    made: String,
    n: u64,
    size: u64,
    withheld: Vec<&'static str>,
}

#[derive(Template)]
#[template(path = "export/row.html")]
struct One {
    row: Row,
    own: bool,
}

#[derive(Template)]
#[template(path = "export/lines.html")]
struct Lines;

#[derive(Template)]
#[template(path = "export/foot.html")]
struct Foot {
    sha256: Hash,
}

/// Writes the page.
pub(super) fn write(source: &Source<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let header = &source.header;
    let head = Head {
        origin: &header.origin,
        asked: asked_in_words(&header.asked),
        made: utc(source.ground.asking.context.now),
        n: header.n,
        size: header.checkpoint.checkpoint().size(),
        withheld: header.withheld.fields().map(Field::name).collect(),
    };
    put(out, &head)?;
    let mut rows = Rows::of(source);
    source.each(|line, own| {
        let row = rows.row(&line)?;
        put(out, &One { row, own })
    })?;
    put(out, &Lines)?;
    let mut hasher = Sha256::new();
    {
        let mut text = |bytes: &[u8]| {
            hasher.update(bytes);
            escaped(out, bytes)
        };
        text(&header.to_line().map_err(|_| odd())?)?;
        source.each(|line: Line, _| text(&line.to_line().map_err(|_| odd())?))?;
    }
    let sha256 = hasher.finish();
    put(out, &Foot { sha256 })
}

fn put(out: &mut dyn Write, part: &impl Template) -> Result<(), Error> {
    let text = part.render().map_err(|_| odd())?;
    out.write_all(text.as_bytes()).map_err(|_| odd())
}

/// Text within an element, so that a browser shows the same bytes.
fn escaped(out: &mut dyn Write, bytes: &[u8]) -> Result<(), Error> {
    let mut escaped = Vec::with_capacity(bytes.len() + bytes.len() / 8);
    for byte in bytes {
        match byte {
            b'&' => escaped.extend_from_slice(b"&amp;"),
            b'<' => escaped.extend_from_slice(b"&lt;"),
            b'>' => escaped.extend_from_slice(b"&gt;"),
            other => escaped.push(*other),
        }
    }
    out.write_all(&escaped).map_err(|_| odd())
}

fn odd() -> Error {
    Error::CustodyUnavailable(None)
}
