//! Signing in, cookies, and requests that other sites make.

use reqwest::Method;
use serde_json::json;

use crate::support::{TestApp, User, form};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_a_host_cookie_that_ends() {
    let app = TestApp::start().await;
    let fields = [("login", "ana"), ("password", "several plain words")];
    let answer = app.post(&User::nobody(), "/sign-in", &fields).await;
    let cookie = answer.headers()["set-cookie"]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(cookie.starts_with("__Host-custos=custos_"), "{cookie}");
    for part in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    let user = User::of(&app, answer).await;
    let answer = app.post(&user, "/sign-out", &[]).await;
    assert_eq!(answer.status(), 303);
    let answer = app.get(&user, "/cases").await;
    assert_eq!(
        (answer.status().as_u16(), crate::support::location(&answer)),
        (303, "/sign-in".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_names_and_wrong_passwords_look_alike() {
    let app = TestApp::start().await;
    let mut answers = Vec::new();
    for (login, password) in [("ana", "not the password"), ("nobody", "not the password")] {
        let fields = [("login", login), ("password", password)];
        let answer = app.post(&User::nobody(), "/sign-in", &fields).await;
        let headers = format!("{:?}", answer.headers().keys().collect::<Vec<_>>());
        answers.push((
            answer.status(),
            headers,
            answer.text().await.expect("a page"),
        ));
    }
    assert_eq!(answers[0].0, 401);
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_need_the_token_and_a_page_of_ours() {
    let app = TestApp::start().await;
    let user = app.admin.clone();
    let forged = User {
        csrf: "0".repeat(64),
        ..user.clone()
    };
    assert_eq!(app.post(&forged, "/sign-out", &[]).await.status(), 403);
    let send = |header: &'static str, value: String| {
        let body = form([("csrf", user.csrf.as_str())]);
        user.on(app.request(Method::POST, "/sign-out"))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header(header, value)
            .body(body)
            .send()
    };
    for (header, value) in [
        ("Sec-Fetch-Site", "cross-site".to_owned()),
        ("Sec-Fetch-Site", "same-site".to_owned()),
        ("Origin", "null".to_owned()),
        ("Origin", format!("http://content.localhost:{}", app.port)),
    ] {
        let answer = send(header, value.clone()).await.expect("an answer");
        assert_eq!(answer.status(), 403, "{header}: {value}");
    }
    assert_eq!(
        app.get(&user, "/cases").await.status(),
        200,
        "still signed in"
    );
    let own = format!("http://localhost:{}", app.port);
    let answer = send("Origin", own).await.expect("an answer");
    assert_eq!(answer.status(), 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_reach_as_far_as_their_rights() {
    let app = TestApp::start().await;
    let custodian = app.person("custodian", &["custodian"]).await;
    let new = json!({"label": "reader", "rights": ["read"], "days": 1});
    let made = app
        .ask(&custodian, Method::POST, "/tokens", Some(new))
        .await;
    let secret = made["secret"].as_str().expect("a secret").to_owned();
    let with = |method: Method, path: &str, authorization: String| {
        app.request(method, path)
            .header("Authorization", authorization)
            .send()
    };
    let bearer = format!("Bearer {secret}");
    let answer = with(Method::GET, "/api/v1/cases", bearer.clone())
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 200);
    let answer = with(Method::POST, "/api/v1/cases", bearer.clone())
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 403, "a token opens no case");
    for odd in ["Bearer", "Bearer x", "Basic YTpi", ""] {
        let answer = with(Method::GET, "/api/v1/cases", odd.into())
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 401, "{odd}");
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    }
    let token = made["id"].as_str().expect("an id");
    let gone = app
        .api(
            &custodian,
            Method::DELETE,
            &format!("/tokens/{token}"),
            None,
        )
        .await;
    assert_eq!(gone.status(), 204);
    let answer = with(Method::GET, "/api/v1/cases", bearer)
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 401);
}
