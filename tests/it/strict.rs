//! What is no request of ours is refused alike, and never by a defect.

use reqwest::Method;
use serde_json::Value;

use crate::support::{MOVES, TestApp, User};

#[tokio::test(flavor = "multi_thread")]
async fn odd_ids_are_all_the_same_nothing() {
    let app = TestApp::start().await;
    let custodian = app.person("custodian", &["custodian"]).await;
    let mut answers = Vec::new();
    for id in [
        "00000000000000000000000000000000",
        "0",
        "1",
        "-1",
        "00000000000000000000000000000000%00",
        "0000000000000000000000000000000A",
        "..%2f..%2fetc%2fpasswd",
        "%F0%9F%92%A9",
        "'%20OR%201=1--",
        &"9".repeat(3_000),
    ] {
        for path in [format!("/api/v1/cases/{id}"), format!("/api/v1/items/{id}")] {
            let answer = custodian.on(app.request(Method::GET, &path)).send().await;
            let answer = answer.expect("an answer");
            let headers: Vec<String> = answer
                .headers()
                .iter()
                .filter(|(name, _)| !MOVES.contains(&name.as_str()))
                .map(|(name, value)| format!("{name}: {value:?}"))
                .collect();
            let status = answer.status();
            answers.push((path, status, headers, answer.text().await.expect("a body")));
        }
    }
    let (_, status, headers, body) = answers[0].clone();
    assert_eq!(status, 404);
    for answer in &answers {
        assert_eq!(
            (&answer.1, &answer.2, &answer.3),
            (&status, &headers, &body),
            "{}",
            answer.0
        );
    }
}

/// Every change that names something, and every page, with what its body must be.
const NAMING: &[(&str, &str, &str)] = &[
    (
        "POST",
        "/api/v1/cases/ID/parties",
        r#"{"side":"defence","name":"D."}"#,
    ),
    (
        "POST",
        "/api/v1/cases/ID/people",
        r#"{"person":"PERSON","role":"judge"}"#,
    ),
    (
        "POST",
        "/api/v1/cases/ID/items",
        r#"{"reference":"JS/1","description":"d"}"#,
    ),
    ("GET", "/api/v1/uploads/ID", ""),
    ("PUT", "/api/v1/uploads/ID/content", "bytes"),
    (
        "POST",
        "/api/v1/items/ID/views",
        r#"{"purpose":"investigation","why":"for a reason of fifteen"}"#,
    ),
    ("GET", "/api/v1/items/ID/history", ""),
    ("GET", "/api/v1/items/ID/receipt", ""),
    ("POST", "/api/v1/items/ID/bundle", r#"{"content":false}"#),
    ("PUT", "/api/v1/items/ID/restriction", ""),
    ("DELETE", "/api/v1/items/ID/restriction", ""),
    ("POST", "/api/v1/items/ID/servings", r#"{"party":"PERSON"}"#),
    ("GET", "/api/v1/views/ID/content", ""),
    ("DELETE", "/api/v1/views/ID", ""),
    ("POST", "/api/v1/accounts/ID/enrolments", ""),
    (
        "POST",
        "/api/v1/accounts/ID/status",
        r#"{"status":"active"}"#,
    ),
    ("POST", "/api/v1/people/ID/status", r#"{"status":"active"}"#),
    ("DELETE", "/api/v1/tokens/ID", ""),
    ("GET", "/cases/ID", ""),
    ("GET", "/items/ID", ""),
    ("GET", "/items/ID/history", ""),
    ("GET", "/items/ID/receipt", ""),
    ("GET", "/items/ID/serve", ""),
    ("GET", "/views/ID", ""),
    ("POST", "/cases/ID/parties", "side=defence&name=D."),
    (
        "POST",
        "/cases/ID/people",
        "person=PERSON&role=judge&party=",
    ),
    (
        "POST",
        "/items/ID/views",
        "purpose=investigation&why=for+a+reason+of+fifteen&how=view",
    ),
    ("POST", "/items/ID/bundle", "what=history&purpose=&why="),
    ("POST", "/items/ID/restrict", ""),
    ("POST", "/items/ID/lift-restriction", "tag=*"),
    ("POST", "/items/ID/serve", "party=PERSON"),
    ("POST", "/items/ID/views/ID/close", ""),
    ("POST", "/accounts/ID/enrolment", ""),
    ("POST", "/accounts/ID/status", "status=active"),
    ("POST", "/people/ID/status", "status=active"),
    ("POST", "/tokens/ID/revoke", ""),
];

#[tokio::test(flavor = "multi_thread")]
async fn odd_ids_change_nothing_and_have_no_page() {
    let app = TestApp::start().await;
    // An administrator: whoever may not manage people is refused without a look at the id.
    let user = &app.admin;
    let answered = async |(method, path, body): (&str, &str, &str), id: &str| {
        let path = path.replace("ID", id);
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut body = body.replace("PERSON", &"0".repeat(32));
        let mut request = user.on(app.request(method.clone(), &path));
        if path.starts_with("/api/") {
            request = request
                .header("X-Custos-CSRF", &user.csrf)
                .header("Content-Type", "application/json");
        } else if method == Method::POST {
            body = format!("{body}&csrf={}", user.csrf);
            request = request.header("Content-Type", "application/x-www-form-urlencoded");
        }
        let answer = request
            .header("Content-Length", body.len())
            .body(body)
            .send()
            .await
            .expect("an answer");
        let status = answer.status().as_u16();
        let mut headers: Vec<String> = answer
            .headers()
            .iter()
            .filter(|(name, _)| !MOVES.contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {value:?}"))
            .collect();
        headers.sort();
        (status, headers, answer.text().await.expect("a body"))
    };
    for route in NAMING {
        let unknown = answered(*route, "00112233445566778899aabbccddeeff").await;
        assert_eq!(unknown.0, 404, "{route:?}: {}", unknown.2);
        let start = app.size().await;
        for odd in [
            "0",
            "00112233445566778899AABBCCDDEEFF",
            "00112233445566778899aabbccddeeff%00",
            "..%2f..%2fetc%2fpasswd",
            "%F0%9F%92%A9",
            "'%20OR%201=1--",
        ] {
            assert_eq!(answered(*route, odd).await, unknown, "{route:?}: {odd}");
        }
        assert_eq!(app.size().await, start, "{route:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_is_read_strictly() {
    let app = TestApp::start().await;
    let custodian = app.person("custodian", &["custodian"]).await;
    let post = |body: String, kind: &'static str| {
        custodian
            .on(app.request(Method::POST, "/api/v1/cases"))
            .header("X-Custos-CSRF", &custodian.csrf)
            .header("Content-Type", kind)
            .body(body)
            .send()
    };
    let deep = format!(
        r#"{{"number":"1","title":{}{}}}"#,
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    let long = format!(r#"{{"number":"1","title":"{}"}}"#, "x".repeat(70_000));
    for (body, status, named) in [
        (
            r#"{"number":"1","title":"t","number":"2"}"#.to_owned(),
            400,
            "`number`",
        ),
        (
            r#"{"number":"1","title":"t","role":"judge"}"#.to_owned(),
            400,
            "`role`",
        ),
        (r#"{"number":"1"}"#.to_owned(), 400, "`title`"),
        (r#"{"number":1,"title":"t"}"#.to_owned(), 400, "integer"),
        (
            r#"{"number":"","title":"t"}"#.to_owned(),
            400,
            "case number",
        ),
        (
            r#"{"number":"a\u0000b","title":"t"}"#.to_owned(),
            400,
            "control",
        ),
        ("[]".to_owned(), 400, "can't be read"),
        (String::new(), 400, "can't be read"),
        (deep, 400, "deeper"),
        (long, 413, "65536"),
    ] {
        let answer = post(body.clone(), "application/json")
            .await
            .expect("an answer");
        assert_eq!(answer.status(), status, "{body:.100}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let text = answer.text().await.expect("a body");
        let problem: Value = serde_json::from_str(&text).expect("JSON");
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|told| told.contains(named)),
            "{problem}"
        );
        assert!(
            problem["type"]
                .as_str()
                .is_some_and(|kind| kind.starts_with("/problems/"))
        );
        assert_eq!(problem["status"], status);
    }
    let answer = post("number=1".into(), "application/x-www-form-urlencoded").await;
    assert_eq!(answer.expect("an answer").status(), 415);
    let cases = app.ask(&custodian, Method::GET, "/cases", None).await;
    assert_eq!(cases["items"].as_array().map(Vec::len), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_are_read_strictly() {
    let app = TestApp::start().await;
    let custodian = app.person("custodian", &["custodian"]).await;
    let fields = [("number", "1"), ("title", "t"), ("description", "")];
    let more = [fields[0], fields[1], fields[2], ("stage", "closed")];
    assert_eq!(app.post(&custodian, "/cases", &more).await.status(), 400);
    assert_eq!(
        app.post(&custodian, "/cases", &fields[..2]).await.status(),
        400
    );
    assert_eq!(app.post(&custodian, "/cases", &fields).await.status(), 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_have_a_page_that_says_what_to_do() {
    let app = TestApp::start().await;
    let answer = app.get(&User::nobody(), "/nothing-here").await;
    assert_eq!(answer.status(), 404);
    assert!(
        answer.headers()["content-type"]
            .to_str()
            .expect("text")
            .starts_with("text/html")
    );
    let page = answer.text().await.expect("a page");
    assert!(
        page.contains("<h1>Nothing here</h1>") && page.contains("lang=\"en\""),
        "{page}"
    );
    let answer = app.get(&User::nobody(), "/problems/not-found").await;
    assert_eq!(answer.status(), 200);
    for method in ["TRACE", "BREW", "PROPFIND"] {
        let request =
            format!("{method} / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = app.raw(request.as_bytes()).await;
        let status = crate::support::raw::status(&answer);
        assert!((400..500).contains(&status), "{method}: {answer}");
    }
}
