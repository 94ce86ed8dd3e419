//! Changes that are asked for under a key of their own.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestApp, User, WHY};

/// Asks for a change under a key: status and body.
async fn asked(
    app: &TestApp,
    user: &User,
    path: &str,
    (key, body): (&str, &Value),
) -> (u16, Value) {
    let answer = user
        .on(app.request(Method::POST, &format!("/api/v1{path}")))
        .header("X-Custos-CSRF", &user.csrf)
        .header("Content-Type", "application/json")
        .header("Idempotency-Key", key)
        .body(body.to_string())
        .send()
        .await
        .expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).expect("JSON"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_by_the_api_is_made_once() {
    let app = TestApp::start().await;
    let custodian = app.person("custodian", &["custodian"]).await;
    let officer = app.person("officer", &[]).await;
    let prosecutor = app.person("prosecutor", &[]).await;
    let judge = app.person("judge", &[]).await;
    let on_case = [
        (&officer, "investigator"),
        (&prosecutor, "prosecutor"),
        (&judge, "judge"),
    ];
    let case = app.case(&custodian, &on_case).await;
    let party = json!({"side": "defence", "name": "D."});
    let path = format!("/cases/{case}/parties");
    let party = app.ask(&custodian, Method::POST, &path, Some(party)).await;
    let item = app.deposit(&officer, &case, b"hello").await;
    let item = item["item"].as_str().expect("an id").to_owned();
    let admin = app.admin.clone();
    let at = |rest: &str| format!("/cases/{case}{rest}");
    let of = |rest: &str| format!("/items/{item}{rest}");
    let newcomer = app.person("newcomer", &[]).await;
    let changes: Vec<(&User, String, Value)> = vec![
        (
            &custodian,
            "/cases".into(),
            json!({"number": "26/9", "title": "Quay"}),
        ),
        (
            &custodian,
            at("/parties"),
            json!({"side": "victim", "name": "V."}),
        ),
        (
            &custodian,
            at("/people"),
            json!({"person": newcomer.person, "role": "advocate"}),
        ),
        (&officer, at("/items"), json!({"reference": "JS/77"})),
        (
            &judge,
            at("/orders"),
            json!({"number": "O-1", "orders": "admit", "text": "So."}),
        ),
        (
            &officer,
            of("/corrections"),
            json!({"field": "place", "value": "x", "reason": "r"}),
        ),
        (
            &officer,
            of("/transfers"),
            json!({"released_by": "a", "received_by": "b", "reason": "r", "at": 1}),
        ),
        (&prosecutor, of("/exhibits"), json!({"number": "P1"})),
        (&prosecutor, of("/servings"), json!({"party": party["id"]})),
        (
            &officer,
            of("/views"),
            json!({"purpose": "investigation", "why": WHY}),
        ),
        (&admin, "/people".into(), json!({"name": "N", "login": "n"})),
        (
            &admin,
            format!("/people/{}/status", newcomer.person),
            json!({"status": "suspended"}),
        ),
        (
            &officer,
            "/tokens".into(),
            json!({"label": "l", "rights": ["read"], "days": 1}),
        ),
    ];
    let mut answered = BTreeSet::new();
    for (number, (user, path, body)) in changes.iter().enumerate() {
        let key = format!("key-{number}");
        let first = asked(&app, user, path, (&key, body)).await;
        assert!(matches!(first.0, 200 | 201), "{path}: {first:?}");
        let size = app.size().await;
        let again = asked(&app, user, path, (&key, body)).await;
        assert_eq!(again, first, "{path}");
        let quoted = asked(&app, user, path, (&format!("\"{key}\""), body)).await;
        assert_eq!(quoted, first, "{path}");
        assert_eq!(app.size().await, size, "{path}: nothing was entered again");
        answered.insert(first.1.to_string());
        // The same key for something else is refused, and changes nothing.
        let token = json!({"label": "o", "rights": ["read"], "days": 1});
        let reused = asked(&app, user, "/tokens", (&key, &token)).await;
        assert_eq!(reused.0, 422, "{path}: {reused:?}");
        assert_eq!(app.size().await, size, "{path}");
    }
    assert_eq!(answered.len(), changes.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_a_persons_own_and_failures_are_not_kept() {
    let app = TestApp::start().await;
    let custodian = app.person("custodian", &["custodian"]).await;
    let other = app.person("other", &["custodian"]).await;
    let new = json!({"number": "26/1", "title": "Harbour"});
    let one = asked(&app, &custodian, "/cases", ("k", &new)).await;
    let two = asked(&app, &other, "/cases", ("k", &new)).await;
    assert_eq!((one.0, two.0), (201, 201));
    assert_ne!(
        one.1["id"], two.1["id"],
        "another person's key is another key"
    );
    // What failed is tried again.
    let case = one.1["id"].as_str().expect("an id");
    let member = json!({"person": other.person, "role": "judge"});
    let path = format!("/cases/{case}/people");
    let walls = format!("/cases/{case}/walls/{}", other.person);
    let wall = |status: &str| Some(json!({"status": status, "reason": "r"}));
    app.ask(&custodian, Method::PUT, &walls, wall("up")).await;
    assert_eq!(asked(&app, &custodian, &path, ("m", &member)).await.0, 403);
    app.ask(&custodian, Method::PUT, &walls, wall("down")).await;
    assert_eq!(asked(&app, &custodian, &path, ("m", &member)).await.0, 201);
    for odd in ["\"\"", "a b", &"k".repeat(256)] {
        let answer = asked(&app, &custodian, "/cases", (odd, &new)).await;
        assert_eq!(answer.0, 400, "{odd}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_at_once_make_one_change() {
    let app = TestApp::start().await;
    let custodian = app.person("custodian", &["custodian"]).await;
    let new = json!({"number": "26/1", "title": "Harbour"});
    let start = app.size().await;
    let asks = (0..8).map(|_| asked(&app, &custodian, "/cases", ("k", &new)));
    let answers = futures::future::join_all(asks).await;
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    assert_eq!(app.kinds_since(start).await, ["case_open"]);
}
