//! Tokens that somebody asks for in the room.

use custos::{app::notices::Outlets, db::timestamps, peers::timestamps::Authority};
use reqwest::Method;
use serde_json::Value;

use super::{newest, stamped, token};
use crate::support::{
    Others, TestApp, User,
    authority::{Manner, TestAuthority},
    witness::answer,
};

async fn room(authorities: Vec<Authority>) -> TestApp {
    let others = Others {
        authorities,
        ..Others::default()
    };
    TestApp::start_among(Outlets::default(), others).await
}

/// Asks under a key; status and answer.
async fn ask(app: &TestApp, user: &User, key: &str) -> (u16, Value) {
    let headers = [("Idempotency-Key", key)];
    let answer = app.api_with(user, Method::POST, "/timestamps", None, &headers);
    let answer = answer.await;
    let status = answer.status().as_u16();
    (status, answer.json().await.expect("JSON"))
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_gets_a_token_over_what_they_asked() {
    let authority = TestAuthority::start().await;
    let app = room(vec![authority.known("notary")]).await;
    let before = app.size().await;
    let (status, given) = ask(&app, &app.admin, "k-1").await;
    assert_eq!(status, 200, "{given}");
    assert_eq!(given["entries"][0]["index"], before);
    assert_eq!(given["failed"], serde_json::json!([]));
    let kept = newest(&app.room).await.expect("it is kept");
    assert_eq!(given["tokens"][0]["size"], kept.size);
    assert!(kept.size > before, "it covers that it was asked for");
    let bytes = token(&app.room, kept.size).await;
    assert!(authority.judges(&bytes, &stamped(&app, kept.size).await));
    assert_eq!(
        app.kinds_since(before).await,
        ["timestamp_ask", "timestamp"]
    );
    // Whoever lost the answer asks again, and is answered the same.
    let size = app.size().await;
    assert_eq!(ask(&app, &app.admin, "k-1").await, (status, given.clone()));
    assert_eq!(app.size().await, size);
    let list = app.ask(&app.admin, Method::GET, "/timestamps", None).await;
    assert_eq!(list["items"][0]["newest"]["size"], kept.size);
    assert_eq!(list["items"][0]["failure"], Value::Null);
    // By the page, which leads back to itself.
    let answer = app.post(&app.admin, "/timestamps", &[]).await;
    assert_eq!(answer.status(), 303);
    let later = newest(&app.room).await.expect("it is kept");
    assert!(later.size > kept.size);
    let page = app.get(&app.admin, "/witnesses").await;
    let page = page.text().await.expect("a page");
    assert!(page.contains("Have the log stamped now"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_gives_none_is_named_and_asked_again() {
    let authority = TestAuthority::start().await;
    let app = room(vec![authority.known("notary")]).await;
    let before = app.size().await;
    for manner in [
        Manner::Says(answer(500, "text/plain", b"no")),
        Manner::StampsAnother,
    ] {
        authority.will(manner);
        let (status, told) = ask(&app, &app.admin, "k-1").await;
        assert_eq!(
            (status, &told["type"]),
            (502, &"/problems/unanswered".into())
        );
        let detail = told["detail"].as_str().expect("words");
        assert!(detail.contains("`notary`"), "{detail}");
    }
    // The asking is there once, and nothing else.
    assert_eq!(app.kinds_since(before).await, ["timestamp_ask"]);
    authority.will(Manner::StampsAnother);
    let answer = app.post(&app.admin, "/timestamps", &[]).await;
    assert_eq!(answer.status(), 502);
    let page = answer.text().await.expect("a page");
    assert!(page.contains("No time authority gave a token"), "{page}");
    let (status, given) = ask(&app, &app.admin, "k-1").await;
    assert_eq!(status, 200, "{given}");
    assert_eq!(given["entries"][0]["index"], before);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_authorities_is_enough() {
    let (first, second) = (TestAuthority::start().await, TestAuthority::start().await);
    let app = room(vec![first.known("first"), second.known("second")]).await;
    first.will(Manner::StampsAnother);
    let (status, given) = ask(&app, &app.admin, "k-1").await;
    assert_eq!(status, 200, "{given}");
    assert_eq!(given["tokens"][0]["authority"], "second");
    assert_eq!(given["failed"][0]["authority"], "first");
    let (_, given) = ask(&app, &app.admin, "k-2").await;
    assert_eq!(given["tokens"].as_array().expect("two").len(), 2);
    let of = app.room.read(|connection| {
        let newest = timestamps::newest(connection, Some("first"))?;
        Ok(newest.expect("it is kept").size)
    });
    assert_eq!(given["tokens"][0]["size"], of.await.expect("read"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_ask_and_only_where_there_is_somebody_to_ask() {
    let app = TestApp::start().await;
    let custodian = app.person("custodian", &["custodian"]).await;
    let before = app.size().await;
    assert_eq!(ask(&app, &custodian, "k-1").await.0, 403);
    assert_eq!(app.kinds_since(before).await, ["refuse"]);
    let before = app.size().await;
    let (status, told) = ask(&app, &app.admin, "k-1").await;
    assert_eq!(status, 409, "{told}");
    assert_eq!(app.size().await, before);
}
