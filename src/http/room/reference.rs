//! The reference of the API: one OpenAPI 3.1 document, given as JSON and as a page.
//!
//! `operations` is the table of what there is, `operation` how a row becomes an operation,
//! `parts` what several share, `shown` the document in the words of a page. Schemas are derived
//! by the types that are read and written. The document says nothing of any case, so anyone may
//! read it (decision 16).

mod operation;
mod operations;
mod parts;
pub mod shown;

use std::{collections::BTreeMap, sync::LazyLock};

use rocket::{
    Request, Response, Route, get,
    http::ContentType,
    response::{self, Responder},
};
use serde_json::{Map, Value, json};

use operation::Operation;

/// What the document is called and says first.
const TITLE: &str = "Custos";
const INTRODUCTION: &str = "\
The API of an evidence room. Everything is JSON in UTF-8, except the bytes of items, receipts and \
bundles.

**Custody.** Each read of a case or an item, and each change, leaves an entry in the custody log, \
which is durable before anything is given out. A change is acknowledged with its entries.

**Who may what.** Policy decides afresh at each request. What somebody may not know of is answered \
exactly as what does not exist: 404.

**Signing in.** Programs send an API token as `Authorization: Bearer`. A token reads or deposits; it \
never changes who may do what. A session's cookie does all that its person may; with it every change \
also carries the session's CSRF token, which stands in each form of a page.

**Failures** are `application/problem+json` (RFC 9457). The `type` is stable and has a page; the \
`detail` says what is wrong, what is safe, and what to do.

**Bodies** are read strictly: no member twice, none that is unknown, at most 64 KiB.

**How much** one account with all its sessions, or one token, may ask for stands in `RateLimit-Policy`, and \
what is left of it in `RateLimit` (draft-ietf-httpapi-ratelimit-headers). One request too many is answered \
with 429 and `Retry-After`; nothing is changed, and it is not counted.

**Tags.** What is read as JSON has a strong `ETag`, which follows from what you are shown and from \
nothing else. `If-None-Match` spares the bytes, not the entry. Changes take `If-Match` with the tag of \
what they are made upon, as the operation says; if that has changed since, they are answered with 412 \
and nothing is changed. Where a change would undo somebody else's unseen, it must be given (428); `*` \
is whatever there is.";

/// The document.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| document(&operations::all()));

/// The document as it is sent.
static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut bytes = serde_json::to_vec_pretty(&*DOCUMENT).expect("a value is JSON");
    bytes.push(b'\n');
    bytes
});

fn document(operations: &[Operation]) -> Value {
    let mut schemas = BTreeMap::new();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for operation in operations {
        operation.collect(&mut schemas);
        let path = paths.entry(operation.address()).or_default();
        path.insert(operation.method.to_lowercase(), operation.value());
    }
    schemas.insert("Problem".into(), parts::problem());
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": TITLE,
            "summary": "An evidence room that can prove itself",
            "description": INTRODUCTION,
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The room that gives this document"}],
        "tags": operations::TAGS
            .iter()
            .map(|(name, description)| json!({"name": name, "description": description}))
            .collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "securitySchemes": parts::security(),
            "parameters": parts::parameters(),
            "headers": parts::headers(),
            "responses": parts::responses(),
            "schemas": schemas,
        },
    })
}

/// Method and path, as mounted, of the changes that say what they are made upon.
static CONDITIONAL: LazyLock<Vec<(&'static str, &'static str)>> = LazyLock::new(|| {
    let all = operations::all();
    let conditional = all.iter().filter(|operation| operation.is_conditional());
    conditional
        .map(|operation| (operation.method, operation.path))
        .collect()
});

/// Whether a change by this route looks at what it is made upon.
pub fn is_conditional(route: &Route) -> bool {
    let mut known = CONDITIONAL.iter();
    known.any(|(method, path)| *method == route.method.as_str() && *path == route.uri.as_str())
}

/// The document, for anyone.
#[get("/openapi.json")]
pub fn openapi() -> Reference {
    Reference
}

/// The document as an answer that programs on any site may read.
pub struct Reference;

impl<'r> Responder<'r, 'static> for Reference {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        Response::build_from(BYTES.as_slice().respond_to(request)?)
            .header(ContentType::JSON)
            .raw_header("Cache-Control", "no-cache")
            .raw_header("Access-Control-Allow-Origin", "*")
            .ok()
    }
}
