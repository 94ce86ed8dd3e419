//! Everything that can be wrong with a body, made from one that is right.

use serde_json::{Map, Value};

use super::{
    sent::{Ask, part, parts},
    table::{Body, Hard},
    world::World,
};
use crate::support::reference;

/// One more byte than a body of metadata may have.
const TOO_LARGE: usize = (64 << 10) + 1;
/// More characters than any text may have.
const TOO_LONG: usize = 20_001;
/// One more than the fields of a form with a file may have together.
const PARTS_TOO_LARGE: usize = (128 << 10) + 1;

/// What is wrong, and the status that it is answered with.
#[derive(Debug, Clone)]
pub struct Odd {
    pub what: String,
    pub status: u16,
}

impl Odd {
    pub fn new(what: impl Into<String>, status: u16) -> Self {
        Self {
            what: what.into(),
            status,
        }
    }
}

/// A row's request with each thing that can be wrong with its body.
pub fn odd_bodies(world: &World, row: &Hard, ask: &Ask) -> Vec<(Odd, Ask)> {
    match row.body {
        Body::None(_) | Body::Query(_) => Vec::new(),
        Body::Json(_) => json(row, ask),
        Body::Form(fields) => of_form(world, fields, ask),
        Body::Parts => of_parts(ask),
        Body::Bytes => bytes(ask),
    }
}

fn json(row: &Hard, ask: &Ask) -> Vec<(Odd, Ask)> {
    let right = ask.body.clone().expect("a body");
    let text = String::from_utf8(right.clone()).expect("text");
    let whole: Map<String, Value> = serde_json::from_str(&text).expect("an object");
    let mut odd = Vec::new();
    let mut add = |what: String, status, body: Vec<u8>| {
        odd.push((Odd::new(what, status), ask.sending(body)));
    };
    for body in ["", "{", "[]", "null", "\"x\"", "\u{feff}{}"] {
        add(format!("`{body}`"), 400, body.into());
    }
    add("more behind it".into(), 400, format!("{text} {{}}").into());
    let values: Vec<&Value> = whole.values().collect();
    add(
        "members as an array".into(),
        400,
        serde_json::to_vec(&values).expect("JSON"),
    );
    let mut broken = right.clone();
    broken.insert(broken.len() / 2, 0xff);
    add("not UTF-8".into(), 400, broken);
    let open = text.trim_end().strip_suffix('}').expect("an object");
    let comma = if whole.is_empty() { "" } else { "," };
    let unknown = format!("{open}{comma}\"odd\":1}}");
    add("an unknown member".into(), 400, unknown.into());
    let space = " ".repeat(TOO_LARGE - right.len());
    add("too large".into(), 413, format!("{text}{space}").into());
    for (name, value) in &whole {
        let twice = format!("{open},\"{name}\":{value}}}");
        add(format!("`{name}` twice"), 400, twice.into());
        let mut other = whole.clone();
        other.insert(name.clone(), serde_json::json!({"odd": []}));
        add(format!("`{name}` of another type"), 400, bytes_of(&other));
        if let Value::String(value) = value {
            let mut other = whole.clone();
            other.insert(name.clone(), format!("{value}\0").into());
            add(format!("NUL in `{name}`"), 400, bytes_of(&other));
            other.insert(name.clone(), "x".repeat(TOO_LONG).into());
            add(format!("`{name}` too long"), 400, bytes_of(&other));
        }
        if required(row).contains(name) {
            let mut other = whole.clone();
            other.remove(name);
            add(format!("no `{name}`"), 400, bytes_of(&other));
        }
    }
    for name in required(row) {
        assert!(whole.contains_key(&name), "{}: {name}", row.route);
    }
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json-seq",
    ] {
        let asked = ask.with("Content-Type", kind);
        odd.push((Odd::new(format!("as {kind}"), 415), asked));
    }
    odd.push((
        Odd::new("without a media type", 415),
        ask.without("Content-Type"),
    ));
    odd
}

fn bytes_of(whole: &Map<String, Value>) -> Vec<u8> {
    serde_json::to_vec(whole).expect("JSON")
}

/// Members that must be given, as the document of the API says.
fn required(row: &Hard) -> Vec<String> {
    let path = row.path().replace('<', "{").replace('>', "}");
    let method = row.method().to_lowercase();
    let mut found = reference::operations().filter(|(of, at, _)| *of == method && *at == path);
    let (.., operation) = found.next().expect("it is in the document");
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let place = schema["$ref"].as_str().expect("a reference");
    let schema = reference::DOCUMENT.pointer(place.trim_start_matches('#'));
    let names = schema.and_then(|schema| schema["required"].as_array());
    let names = names.into_iter().flatten().filter_map(Value::as_str);
    names.map(str::to_owned).collect()
}

fn of_form(world: &World, fields: &[(&str, &str)], ask: &Ask) -> Vec<(Odd, Ask)> {
    let signed_in = !ask.user.csrf.is_empty();
    let form = |fields: &[(&str, &str)]| ask.form(world, fields);
    let mut odd = Vec::new();
    let mut add = |what: String, status, ask: Ask| odd.push((Odd::new(what, status), ask));
    for (at, (name, value)) in fields.iter().enumerate() {
        let mut other = fields.to_vec();
        if !name.ends_with('?') {
            other.remove(at);
            add(format!("no `{name}`"), 400, ask.sending(form(&other)));
            other = fields.to_vec();
            other.push((name, value));
            add(format!("`{name}` twice"), 400, ask.sending(form(&other)));
        }
        let with_nul = format!("{value}\0");
        let mut other = fields.to_vec();
        other[at].1 = &with_nul;
        add(format!("NUL in `{name}`"), 400, ask.sending(form(&other)));
        let long = "x".repeat(TOO_LONG);
        other[at].1 = &long;
        add(format!("`{name}` too long"), 400, ask.sending(form(&other)));
    }
    let right = ask.body.clone().expect("a body");
    let with = |more: &str| [&right[..], more.as_bytes()].concat();
    add("an unknown field".into(), 400, ask.sending(with("&odd=1")));
    add("not UTF-8".into(), 400, ask.sending(with("&odd=%FF")));
    let large = with(&format!("&odd={}", "x".repeat(TOO_LARGE)));
    add("too large".into(), 413, ask.sending(large));
    let json = ask.with("Content-Type", "application/json").sending("{}");
    add("as JSON".into(), 415, json);
    add(
        "without a media type".into(),
        415,
        ask.without("Content-Type"),
    );
    let foreign = ask.with("Sec-Fetch-Site", "cross-site");
    add("from another site".into(), 403, foreign);
    if signed_in {
        for (what, csrf) in [("no CSRF token", ""), ("another CSRF token", "0")] {
            let mut other = ask.clone();
            other.user.csrf = csrf.into();
            let body = other.form(world, fields);
            add(what.into(), 403, ask.sending(body));
        }
    }
    odd
}

fn of_parts(ask: &Ask) -> Vec<(Odd, Ask)> {
    let csrf = ask.user.csrf.as_str();
    let whole = |more: &str| parts(csrf, more);
    let text = |body: &[u8], from: &str, to: &str| {
        String::from_utf8_lossy(body)
            .replacen(from, to, 1)
            .into_bytes()
    };
    let right = whole("");
    let odd = [
        ("nothing", 400, Vec::new()),
        ("no CSRF token", 403, text(&right, csrf, "")),
        ("another CSRF token", 403, text(&right, csrf, "0")),
        ("an unknown field", 400, whole(&part("odd", "1"))),
        ("a field twice", 400, whole(&part("reference", "JS/78"))),
        ("NUL in a field", 400, whole(&part("place", "a\0"))),
        (
            "a field too long",
            400,
            whole(&part("place", &"x".repeat(TOO_LONG))),
        ),
        ("no reference", 400, text(&right, "JS/77", "")),
        (
            "no file",
            400,
            text(&right, "name=\"file\"; filename", "name=\"odd\"; filename"),
        ),
        ("no end", 400, text(&right, "--e--\r\n", "")),
        (
            "no head of a part",
            400,
            text(&right, "Content-Disposition", "X-Odd"),
        ),
        (
            "fields too large",
            413,
            whole(&part("place", &"x".repeat(PARTS_TOO_LARGE))),
        ),
    ];
    let mut odd: Vec<(Odd, Ask)> = odd
        .into_iter()
        .map(|(what, status, body)| (Odd::new(what, status), ask.sending(body)))
        .collect();
    for kind in [
        "multipart/form-data",
        "multipart/mixed; boundary=e",
        "text/plain",
    ] {
        let asked = ask.with("Content-Type", kind);
        odd.push((Odd::new(format!("as {kind}"), 415), asked));
    }
    let foreign = ask.with("Sec-Fetch-Site", "cross-site");
    odd.push((Odd::new("from another site", 403), foreign));
    odd
}

fn bytes(ask: &Ask) -> Vec<(Odd, Ask)> {
    vec![
        (
            Odd::new("packed", 415),
            ask.with("Content-Encoding", "gzip"),
        ),
        (
            Odd::new("a part", 400),
            ask.with("Content-Range", "bytes 0-4/9"),
        ),
        (
            Odd::new("an odd digest", 400),
            ask.with("Repr-Digest", "sha-256=:x:"),
        ),
        (Odd::new("a condition", 400), ask.with("If-Match", "*")),
    ]
}
