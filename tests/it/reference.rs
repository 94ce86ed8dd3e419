//! The reference of the API says what there is, and all of it.

use std::collections::BTreeSet;

use custos::http::front::Pass;
use reqwest::Method;
use serde_json::Value;

use crate::support::{
    TestApp, User, edge,
    reference::{self, DOCUMENT},
};

/// Set it to have the document written anew into the repository.
const WRITE: &str = "CUSTOS_WRITE_REFERENCE";

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_for_anyone_and_as_it_stands_in_the_repository() {
    let app = TestApp::start().await;
    let start = app.size().await;
    let answer = app.get(&User::nobody(), "/openapi.json").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    let given = answer.text().await.expect("a document");
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(reference::FILE, &given).expect("it is written");
    }
    let kept = std::fs::read_to_string(reference::FILE).unwrap_or_default();
    assert!(
        given == kept,
        "docs/openapi.json is another; look at what changed for callers, then write it anew: \
         {WRITE}=1 cargo test --test it reference"
    );
    assert_eq!(app.size().await, start, "it leaves no entry");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_the_api_is_in_the_document_and_nothing_else() {
    let app = TestApp::start().await;
    let pass = Pass::fresh(&app.room.core.ambient);
    let rocket = custos::http::rocket(app.room.clone(), &edge(app.port), pass);
    let routes = rocket.routes().filter_map(|route| {
        let path = route.uri.path();
        let of_api = path.starts_with("/api/") || path == "/health";
        let path = path.replace('<', "{").replace('>', "}");
        of_api.then(|| format!("{} {path}", route.method))
    });
    let mounted: BTreeSet<String> = routes.collect();
    let documented: BTreeSet<String> = reference::operations()
        .map(|(method, path, _)| format!("{} {path}", method.to_uppercase()))
        .collect();
    assert!(mounted.len() > 40, "{mounted:?}");
    assert_eq!(mounted, documented);
}

#[test]
fn operations_have_names_and_what_is_named_is_there() {
    let mut names = BTreeSet::new();
    for (method, path, operation) in reference::operations() {
        let name = operation["operationId"].as_str().unwrap_or_default();
        assert!(!name.is_empty(), "{method} {path}");
        assert!(names.insert(name), "{name} stands twice");
        let said = operation["summary"].as_str().unwrap_or_default();
        assert!(!said.is_empty() && !said.ends_with('.'), "{name}: {said}");
        let tag = &operation["tags"][0];
        let tags = DOCUMENT["tags"].as_array().expect("tags");
        assert!(tags.iter().any(|known| known["name"] == *tag), "{name}");
    }
    for (method, path, operation) in reference::operations() {
        let parameters = operation["parameters"].as_array().expect("parameters");
        let condition = parameters.iter().find(|one| one["name"] == "If-Match");
        let Some(said) = condition.and_then(|one| one["description"].as_str()) else {
            continue;
        };
        assert_ne!(method, "get", "{path}");
        let read = said.split('`').nth(3).expect("an operation");
        let shown = reference::operations().find(|(.., one)| one["operationId"] == read);
        let (_, _, shown) = shown.unwrap_or_else(|| panic!("{path}: {read}"));
        let tag = &shown["responses"]["200"]["headers"]["ETag"];
        assert!(tag.is_object(), "{path}: {read} has no tag");
        let required = condition.is_some_and(|one| one["required"] == true);
        let told = operation["responses"]["428"].is_object();
        assert!(told || !required, "{path}");
    }
    let mut references = Vec::new();
    gather(&DOCUMENT, &mut references);
    for to in references {
        let to = to.strip_prefix('#').expect("within the document");
        assert!(DOCUMENT.pointer(to).is_some(), "{to}");
    }
}

/// Every `$ref` below a value.
fn gather<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| gather(member, found));
        }
        Value::Array(values) => values.iter().for_each(|value| gather(value, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_of_a_problem_has_a_page_and_the_status_that_it_says() {
    let app = TestApp::start().await;
    let types = &DOCUMENT["components"]["schemas"]["Problem"]["properties"]["type"]["enum"];
    let types = types.as_array().expect("a closed list");
    assert!(types.len() > 20);
    let reference = app.get(&User::nobody(), "/docs/api").await;
    let reference = reference.text().await.expect("a page");
    for name in types.iter().filter_map(Value::as_str) {
        let answer = app.get(&User::nobody(), name).await;
        assert_eq!(answer.status(), 200, "{name}");
        let page = answer.text().await.expect("a page");
        assert!(page.contains(name), "{name}");
        assert!(reference.contains(&format!("href=\"{name}\"")), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_holds_every_operation_and_needs_no_script() {
    let app = TestApp::start().await;
    let start = app.size().await;
    let answer = app.get(&User::nobody(), "/docs/api").await;
    assert_eq!(answer.status(), 200);
    let page = answer.text().await.expect("a page");
    for (method, path, operation) in reference::operations() {
        let id = operation["operationId"].as_str().expect("a name");
        assert!(
            page.contains(&format!("<h3 id=\"{id}\">")),
            "{method} {path}"
        );
    }
    assert!(!page.contains("<script") && !page.contains("style=\""));
    let targets = page.split(" id=\"").skip(1);
    let targets: Vec<&str> = targets.filter_map(|rest| rest.split('"').next()).collect();
    let known: BTreeSet<&str> = targets.iter().copied().collect();
    assert_eq!(known.len(), targets.len(), "an id stands twice");
    for link in page.split("href=\"#").skip(1) {
        let link = link.split('"').next().expect("an end");
        assert!(known.contains(link), "{link}");
    }
    assert_eq!(app.size().await, start, "it leaves no entry");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_documented_is_seen() {
    let caught = |status: u16, kind: &str, body: &str| {
        reference::breach("GET", "/api/v1/me", status, kind, body.as_bytes())
    };
    let me = format!(
        r#"{{"person":"{0}","account":"{0}","name":"A","means":"token"}}"#,
        "0".repeat(32)
    );
    assert_eq!(caught(200, "application/json", &me), None);
    assert!(caught(200, "application/json", &me.replace("token", "charm")).is_some());
    assert!(caught(200, "application/json", "{}").is_some());
    assert!(caught(200, "text/plain", &me).is_some());
    assert!(caught(202, "application/json", &me).is_some());
    let problem = r#"{"type":"/problems/signed-out","title":"t","status":401,"detail":"d"}"#;
    assert_eq!(caught(401, "application/problem+json", problem), None);
    let other = problem.replace("signed-out", "odd");
    assert!(caught(401, "application/problem+json", &other).is_some());
    let unknown = reference::breach("GET", "/api/v1/other", 404, "text/plain", b"");
    assert!(unknown.is_none(), "what is no route is not looked at");
    let answer = TestApp::start().await;
    let answer = answer
        .request(Method::GET, "/api/v1/me")
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 401);
}
