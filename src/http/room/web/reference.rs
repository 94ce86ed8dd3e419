//! The reference of the API as a page: read without a script, by keyboard and screen reader.

use askama::Template;
use rocket::get;

use super::Page;
use crate::http::{
    errors::KNOWN,
    room::reference::{
        DOCUMENT,
        shown::{Part, ShownSchema, parts, schemas, unmarked},
    },
};

/// Every operation, schema and problem.
#[derive(Template)]
#[template(path = "reference.html")]
pub struct ReferencePage {
    introduction: Vec<String>,
    parts: Vec<Part>,
    schemas: Vec<ShownSchema>,
    /// Name, title and status.
    problems: Vec<(&'static str, &'static str, u16)>,
}

/// For anyone: it says nothing of what is in the room.
#[get("/docs/api")]
pub fn read() -> Page<ReferencePage> {
    let introduction = DOCUMENT["info"]["description"].as_str().unwrap_or_default();
    Page::of(ReferencePage {
        introduction: introduction.split("\n\n").map(unmarked).collect(),
        parts: parts(&DOCUMENT),
        schemas: schemas(&DOCUMENT),
        problems: KNOWN
            .iter()
            .map(|(name, title, status)| (*name, *title, status.code))
            .collect(),
    })
}
