//! Suspending people and accounts, and leaving everywhere.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestApp, User};

const PASSWORD: &str = "several plain words";

/// What the API says to a token.
async fn with_token(app: &TestApp, secret: &str) -> u16 {
    let answer = app
        .request(Method::GET, "/api/v1/me")
        .header("Authorization", format!("Bearer {secret}"))
        .send();
    answer.await.expect("an answer").status().as_u16()
}

async fn sign_in(app: &TestApp, login: &str) -> reqwest::Response {
    let fields = [("login", login), ("password", PASSWORD)];
    app.post(&User::nobody(), "/sign-in", &fields).await
}

/// The id of the account of the only person with this name to sign in.
async fn account(app: &TestApp, login: &str) -> String {
    let people = app.ask(&app.admin, Method::GET, "/people", None).await;
    let accounts = people["items"].as_array().into_iter().flatten();
    let accounts = accounts.flat_map(|person| person["accounts"].as_array().into_iter().flatten());
    let mut found = accounts.filter(|account| account["login"] == login);
    found.next().expect("an account")["id"]
        .as_str()
        .expect("an id")
        .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_suspended_is_out_at_once() {
    let app = TestApp::start().await;
    let bea = app.person("bea", &[]).await;
    let account = account(&app, "bea").await;
    for path in [
        format!("/people/{}/status", bea.person),
        format!("/accounts/{account}/status"),
    ] {
        for by_page in [false, true] {
            let user = User::of(&app, sign_in(&app, "bea").await).await;
            let new = json!({"label": "l", "rights": ["read"], "days": 1});
            let made = app.ask(&user, Method::POST, "/tokens", Some(new)).await;
            let token = made["secret"].as_str().expect("a secret");
            assert_eq!(with_token(&app, token).await, 200);
            let set = async |status: &str| {
                if by_page {
                    let fields = [("status", status), ("tag", "*")];
                    let answer = app.post(&app.admin, &path, &fields).await;
                    assert_eq!(answer.status(), 303);
                } else {
                    let body = Some(json!({"status": status}));
                    let told = app.ask(&app.admin, Method::POST, &path, body).await;
                    assert!(told["entries"][0]["index"].is_u64(), "{told}");
                }
            };
            set("suspended").await;
            assert_eq!(with_token(&app, token).await, 401);
            assert_eq!(app.api(&user, Method::GET, "/me", None).await.status(), 401);
            assert_eq!(sign_in(&app, "bea").await.status(), 401);
            let page = app.get(&app.admin, "/people").await;
            let page = page.text().await.expect("a page");
            assert!(
                page.contains("<span class=\"tag\">suspended</span>"),
                "{page}"
            );
            set("active").await;
            assert_eq!(with_token(&app, token).await, 401, "what ended stays so");
            assert_eq!(app.api(&user, Method::GET, "/me", None).await.status(), 401);
        }
    }
    assert_eq!(sign_in(&app, "bea").await.status(), 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_administrator_suspends_and_never_themselves() {
    let app = TestApp::start().await;
    let bea = app.person("bea", &["custodian"]).await;
    let people = app.ask(&app.admin, Method::GET, "/people", None).await;
    let ana = people["items"]
        .as_array()
        .and_then(|people| {
            people
                .iter()
                .find(|person| person["id"] != bea.person.as_str())
        })
        .expect("the administrator");
    let unknown = "00112233445566778899aabbccddeeff";
    let paths = |person: &Value, account: &Value| {
        [
            format!("/people/{}/status", person.as_str().expect("an id")),
            format!("/accounts/{}/status", account.as_str().expect("an id")),
        ]
    };
    let own = paths(&ana["id"], &ana["accounts"][0]["id"]);
    let nobody = paths(&json!(unknown), &json!(unknown));
    let suspended = || Some(json!({"status": "suspended"}));
    for (user, paths, expected) in [
        (&bea, &own, 403),
        (&bea, &nobody, 403),
        (&app.admin, &own, 409),
        (&app.admin, &nobody, 404),
    ] {
        for path in paths {
            let start = app.size().await;
            let answer = app.api(user, Method::POST, path, suspended()).await;
            assert_eq!(answer.status(), expected, "{path}");
            let answer = app.post(user, path, &[("status", "suspended")]).await;
            assert_eq!(answer.status(), expected, "{path}");
            let kinds = app.kinds_since(start).await;
            assert!(kinds.iter().all(|kind| kind == "refuse"), "{kinds:?}");
        }
    }
    for odd in [
        json!({"status": "expunged"}),
        json!({}),
        json!({"status": 1}),
    ] {
        let path = format!("/people/{}/status", bea.person);
        let answer = app.api(&app.admin, Method::POST, &path, Some(odd)).await;
        assert_eq!(answer.status(), 400);
    }
    let page = app.get(&app.admin, "/people").await;
    let page = page.text().await.expect("a page");
    assert!(page.contains(&format!("/people/{}/status", bea.person)));
    assert!(!page.contains(&own[0]), "nobody is offered their own");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_leaves_everywhere_at_once() {
    let app = TestApp::start().await;
    let first = app.person("bea", &[]).await;
    let second = User::of(&app, sign_in(&app, "bea").await).await;
    let answer = app.post(&second, "/sign-out/everywhere", &[]).await;
    assert_eq!(answer.status(), 303);
    for user in [&first, &second] {
        assert_eq!(app.api(user, Method::GET, "/me", None).await.status(), 401);
    }
    assert_eq!(app.get(&app.admin, "/cases").await.status(), 200);
}
