//! What operations share: parameters, headers, failures, ways to sign in.

use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

use crate::{
    app::{
        cases::{MAX_LINE_CHARS, MAX_PAGE_ITEMS, PAGE_ITEMS},
        once::MAX_KEY_CHARS,
        schema,
    },
    http::{
        errors::KNOWN,
        json::MAX_METADATA_BYTES,
        range::MAX_HEADER_BYTES,
        room::guards::{COOKIE, CSRF_HEADER},
    },
};

/// Problems in which any request may end, whatever it asks for.
pub const ANY_REQUEST: &[&str] = &[
    "invalid",
    "too-slow",
    "misdirected",
    "crowded",
    "head-too-large",
    "defect",
    "busy",
];

/// What can be asked of a list of items.
pub const LISTED: &[&str] = &[
    "q",
    "state",
    "type",
    "from",
    "to",
    "depositor",
    "sort",
    "limit",
    "cursor",
];

/// What can be asked of a list of cases.
pub const LISTED_CASES: &[&str] = &["caseWords", "stage", "caseSort", "limit", "cursor"];

/// What each status of a failure is called in the document.
const NAMES: &[(u16, &str)] = &[
    (400, "BadRequest"),
    (401, "SignedOut"),
    (403, "NotAllowed"),
    (404, "NotFound"),
    (408, "TooSlow"),
    (409, "Conflict"),
    (411, "LengthRequired"),
    (412, "Changed"),
    (413, "TooLarge"),
    (415, "WrongMediaType"),
    (416, "RangeNotSatisfiable"),
    (421, "Misdirected"),
    (422, "KeyReused"),
    (428, "Unconditional"),
    (429, "TooMany"),
    (431, "HeadTooLarge"),
    (500, "Defect"),
    (502, "Unanswered"),
    (503, "Unavailable"),
    (507, "Full"),
];

/// What the answer with this status is called.
pub fn named(status: u16) -> &'static str {
    let named = NAMES.iter().find(|(known, _)| *known == status);
    named.expect("every status of a failure has a name").1
}

/// A reference to a parameter.
pub fn parameter(name: &str) -> Value {
    json!({"$ref": format!("#/components/parameters/{name}")})
}

/// A reference to the parameter of a path.
pub fn place(name: &str) -> Value {
    if name == "role" {
        return parameter("role");
    }
    json!({
        "name": name,
        "in": "path",
        "required": true,
        "description": format!("What names the {name}. One of another form is answered as one that names nothing."),
        "schema": reference::<schema::Id>(),
    })
}

/// Headers of an answer, by name.
pub fn answered(names: &[&str]) -> Value {
    let headers = names.iter().map(|name| {
        let header = json!({"$ref": format!("#/components/headers/{name}")});
        ((*name).to_owned(), header)
    });
    Value::Object(headers.collect())
}

/// Says of an answer that it tells its caller what is left to them.
pub fn add_limits(answer: &mut Value) {
    for (name, header) in answered(&["RateLimit", "RateLimit-Policy"])
        .as_object()
        .into_iter()
        .flatten()
    {
        answer["headers"][name] = header.clone();
    }
}

fn reference<T: ToSchema>() -> Value {
    json!({"$ref": format!("#/components/schemas/{}", T::name())})
}

fn inline<T: PartialSchema>() -> Value {
    serde_json::to_value(T::schema()).expect("a schema is JSON")
}

/// How somebody is recognised; `guards.rs` has it.
pub fn security() -> Value {
    json!({
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API token, with the right `read` or `deposit`. What needs a session takes none.",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": COOKIE,
            "description": "The cookie of a session, set where somebody signs in.",
        },
        "csrf": {
            "type": "apiKey",
            "in": "header",
            "name": CSRF_HEADER,
            "description": "The CSRF token of the session, which stands in each form of a page as `csrf`. Every change by a session carries it.",
        },
    })
}

/// Parameters that stand in several operations, by name.
pub fn parameters() -> Value {
    let query = |name: &str, description: &str, schema: Value| json!({"name": name, "in": "query", "description": description, "schema": schema});
    let text = json!({"type": "string", "maxLength": MAX_LINE_CHARS});
    let moment =
        json!({"type": "string", "pattern": r"^([0-9]{4}-[0-9]{2}-[0-9]{2}|-?[0-9]{1,15})?$"});
    json!({
        "role": {
            "name": "role",
            "in": "path",
            "required": true,
            "description": "The role that ends.",
            "schema": reference::<schema::RoleOnCase>(),
        },
        "q": query("q", "Words that reference, description or file name must have.", inline::<schema::OptionalLine>()),
        "state": query("state", "A state that must be shown.", json!({"enum": ["", "normal", "quarantined", "restricted", "served"]})),
        "type": query("type", "The first part of the media type, as `image` is.", json!({"type": "string", "maxLength": MAX_LINE_CHARS, "examples": ["image"]})),
        "from": query("from", "Received on or after this day (UTC) or time (microseconds since 1970).", moment.clone()),
        "to": query("to", "Received on or before this day (UTC) or time (microseconds since 1970).", moment),
        "depositor": query("depositor", "The person who deposited it.", reference::<schema::Id>()),
        "sort": query("sort", "The order; with `-` before it from the last to the first.", json!({"enum": ["", "reference", "-reference", "received", "-received", "size", "-size"]})),
        "caseWords": query("q", "Words that number or title must have.", inline::<schema::OptionalLine>()),
        "stage": query("stage", "The stage that the case is in.", json!({"enum": ["", "open", "closed", "merged", "transferred"]})),
        "caseSort": query("sort", "The order; with `-` before it from the last to the first.", json!({"enum": ["", "number", "-number", "opened", "-opened"]})),
        "limit": query("limit", "How many stand on a page.", json!({"type": "integer", "minimum": 1, "maximum": MAX_PAGE_ITEMS, "default": PAGE_ITEMS})),
        "cursor": query("cursor", "Where the page begins: from `next`, `previous` or a `Link`, with the same filters.", text),
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "A name of the caller's own for this change. Asked again with it within 24 hours, the same change is answered as it was and not made again. Quotes around it may be left out.",
            "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARS, "pattern": "^[!-~]+$"},
        },
        "IfNoneMatch": {
            "name": "If-None-Match",
            "in": "header",
            "description": "The `ETag` of what you have; if it is still that, it is not sent again.",
            "schema": {"type": "string", "maxLength": 1024},
        },
        "Range": {
            "name": "Range",
            "in": "header",
            "description": "One range of bytes (RFC 9110, section 14).",
            "schema": {"type": "string", "maxLength": MAX_HEADER_BYTES, "examples": ["bytes=0-1048575"]},
        },
        "IfRange": {
            "name": "If-Range",
            "in": "header",
            "description": "The `ETag` of what the range is to be of; of anything else all is given.",
            "schema": {"type": "string", "maxLength": 1024},
        },
        "ReprDigest": digest("Repr-Digest"),
        "ContentDigest": digest("Content-Digest"),
        "ContentLength": {
            "name": "Content-Length",
            "in": "header",
            "required": true,
            "description": "How many bytes are sent. Without it a cut could not be told from an end.",
            "schema": inline::<schema::Bytes>(),
        },
    })
}

fn digest(name: &str) -> Value {
    json!({
        "name": name,
        "in": "header",
        "description": "What the hashes of the bytes are said to be (RFC 9530): `sha-256` or `sha-512`. One that does not fit puts the item into quarantine, as one that was announced. Other algorithms say nothing.",
        "schema": {"type": "string", "maxLength": 1024, "examples": ["sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"]},
    })
}

/// Headers of answers, by name.
pub fn headers() -> Value {
    let header =
        |description: &str, schema: Value| json!({"description": description, "schema": schema});
    // Where an answer has it, it always has it.
    let always = |description: &str, schema: Value| json!({"description": description, "required": true, "schema": schema});
    let text = || json!({"type": "string"});
    json!({
        "Location": always("Where it is.", json!({"type": "string", "format": "uri-reference"})),
        "ETag": always("The tag of what is shown (RFC 9110, section 8.8.3), in quotes.", json!({"type": "string", "pattern": "^\"[A-Za-z0-9_.-]+\"$"})),
        "Link": header("The pages beside this one (RFC 8288): `next`, `prev`.", text()),
        "Repr-Digest": always("SHA-256 of the whole, also where a range of it is given (RFC 9530).", json!({"type": "string", "pattern": "^sha-256=:[A-Za-z0-9+/]{43}=:$"})),
        "Content-Disposition": always("That it is to be taken away, and under which name.", text()),
        "Accept-Ranges": always("Whether ranges can be asked for.", json!({"enum": ["bytes", "none"]})),
        "Content-Range": always("Which bytes of how many these are.", text()),
        "Retry-After": header("Seconds until it helps to ask again, where that is known.", json!({"type": "integer", "minimum": 0})),
        "RateLimit-Policy": header("What a caller may ask for: `q` requests at once, and as many again in `w` seconds, evenly. A caller is an account with all its sessions, or one token.", text()),
        "RateLimit": header("What is left of it to this caller: `r` requests, and no more than that in the next `t` seconds.", text()),
        "WWW-Authenticate": always("How to sign in.", json!({"const": "Bearer"})),
    })
}

/// What an answer is described as: its problems, and what else may be known of it.
fn described(status: u16, problems: &str) -> String {
    match status {
        431 => format!(
            "{problems} A head of more than twice what it may have is answered without a body."
        ),
        _ => problems.into(),
    }
}

/// The answers of failures, by name: one for each status.
pub fn responses() -> Value {
    let mut responses = Map::new();
    for (status, name) in NAMES {
        let mut known = KNOWN
            .iter()
            .filter(|(_, _, of)| of.code == *status)
            .peekable();
        if known.peek().is_none() {
            continue;
        }
        let said: Vec<String> = known
            .map(|(name, title, _)| format!("`{name}`: {title}."))
            .collect();
        let mut response = json!({
            "description": described(*status, &said.join(" ")),
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        });
        let headers = match status {
            401 => &["WWW-Authenticate"][..],
            416 => &["Content-Range"],
            429 | 503 | 507 => &["Retry-After"],
            _ => &[],
        };
        if !headers.is_empty() {
            response["headers"] = answered(headers);
        }
        // Of the others no caller was recognised.
        if !matches!(status, 401 | 408 | 421 | 431) {
            add_limits(&mut response);
        }
        responses.insert((*name).into(), response);
    }
    Value::Object(responses)
}

/// What every failure says (RFC 9457).
pub fn problem() -> Value {
    let types: Vec<String> = KNOWN
        .iter()
        .map(|(name, ..)| format!("/problems/{name}"))
        .collect();
    let mut statuses: Vec<u16> = KNOWN.iter().map(|(_, _, status)| status.code).collect();
    statuses.sort_unstable();
    statuses.dedup();
    json!({
        "type": "object",
        "description": format!("What is wrong (RFC 9457). Bodies beyond {MAX_METADATA_BYTES} bytes, unknown members and the like are told so too."),
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "enum": types, "description": "What it is, for ever; the address has a page."},
            "title": {"type": "string", "description": "The same in words."},
            "status": {"type": "integer", "enum": statuses, "description": "The HTTP status."},
            "detail": {"type": "string", "description": "What is wrong, what is safe, what to do."},
        },
        "additionalProperties": false,
    })
}
