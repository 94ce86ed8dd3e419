//! The document of the API, against which every answer of the API is held.

use std::{collections::BTreeMap, sync::LazyLock};

use boon::{Compiler, SchemaIndex, Schemas};
use reqwest::Response;
use serde_json::Value;

/// The document as it stands in the repository; one test compares it with what the room gives.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let text = std::fs::read(FILE).expect("the document is in the repository");
    serde_json::from_slice(&text).expect("a document")
});

/// Where the document stands in the repository.
pub const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");

/// Where schemas are looked up.
const NAME: &str = "https://room.example/openapi.json";

/// Method in lower case, path and content of each operation.
pub fn operations() -> impl Iterator<Item = (&'static str, &'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().expect("paths").iter();
    paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods").iter();
        methods.map(|(method, operation)| (method.as_str(), path.as_str(), operation))
    })
}

/// Whether a path is one of this template.
fn fits(template: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let (mut named, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (named.next(), given.next()) {
            (None, None) => return true,
            (Some(named), Some(given)) if named == given || named.starts_with('{') => {}
            _ => return false,
        }
    }
}

/// Whether a change at a path below `/api/v1` says what it is made upon.
pub fn is_conditional(method: &str, path: &str) -> bool {
    let path = format!("/api/v1{path}");
    let method = method.to_lowercase();
    let mut found = operations().filter(|(of, template, _)| *of == method && fits(template, &path));
    found.any(|(.., operation)| {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        parameters.into_iter().any(|one| one["name"] == "If-Match")
    })
}

fn pointer(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

/// What the document does not say of an answer; `None` where it fits, or is of no operation.
pub fn breach(method: &str, path: &str, status: u16, kind: &str, body: &[u8]) -> Option<String> {
    let method = method.to_lowercase();
    let (_, template, operation) =
        operations().find(|(of, template, _)| *of == method && fits(template, path))?;
    let what = format!("{method} {path}: {status}");
    let answer = &operation["responses"][status.to_string()];
    let place = match answer["$ref"].as_str() {
        Some(to) => to.trim_start_matches('#').to_owned(),
        None => format!("/paths/{}/{method}/responses/{status}", pointer(template)),
    };
    let Some(answer) = DOCUMENT.pointer(&place) else {
        return Some(format!("{what} is not documented"));
    };
    let Some(content) = answer["content"].as_object() else {
        return (!body.is_empty()).then(|| format!("{what} has a body"));
    };
    let Some(said) = content.get(kind) else {
        return Some(format!("{what} is `{kind}`"));
    };
    said.get("schema")?;
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return Some(format!("{what} is no JSON"));
    };
    let (schemas, places) = &*SCHEMAS;
    let schema = places[&format!("{place}/content/{}/schema", pointer(kind))];
    let odd = schemas.validate(&value, schema).err()?;
    Some(format!("{what}: {odd:#}"))
}

/// The schema of every answer, by its place in the document.
static SCHEMAS: LazyLock<(Schemas, BTreeMap<String, SchemaIndex>)> = LazyLock::new(|| {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler
        .add_resource(NAME, DOCUMENT.clone())
        .expect("a resource");
    let mut places = Vec::new();
    for (method, path, operation) in operations() {
        let place = format!("/paths/{}/{method}/responses", pointer(path));
        answers(&place, &operation["responses"], &mut places);
    }
    let shared = &DOCUMENT["components"]["responses"];
    answers("/components/responses", shared, &mut places);
    let compiled = places.into_iter().map(|place| {
        let schema = compiler.compile(&format!("{NAME}#{place}"), &mut schemas);
        (place, schema.expect("a schema"))
    });
    let compiled = compiled.collect();
    (schemas, compiled)
});

/// The places of the schemas of these answers, which lie at `place`.
fn answers(place: &str, answers: &Value, places: &mut Vec<String>) {
    for (name, answer) in answers.as_object().into_iter().flatten() {
        let contents = answer["content"].as_object().into_iter().flatten();
        let described = contents.filter(|(_, content)| content.get("schema").is_some());
        places.extend(described.map(|(kind, _)| {
            let kind = pointer(kind);
            format!("{place}/{name}/content/{kind}/schema")
        }));
    }
}

/// Holds an answer against the document, and gives it back.
pub async fn held(method: &str, path: &str, answer: Response) -> Response {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let kind = headers.get("content-type").map(|kind| kind.to_str());
    let kind = kind.and_then(Result::ok).unwrap_or_default().to_owned();
    if !kind.ends_with("json") {
        if let Some(breach) = breach(method, path, status.as_u16(), &kind, &[]) {
            panic!("{breach}");
        }
        return answer;
    }
    let body = answer.bytes().await.expect("a body");
    if let Some(breach) = breach(method, path, status.as_u16(), &kind, &body) {
        panic!("{breach}");
    }
    let mut again = hyper::Response::new(body);
    *again.status_mut() = status;
    *again.headers_mut() = headers;
    again.into()
}
