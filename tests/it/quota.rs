//! What a caller may ask for, and what answers say of it.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{TestApp, User, edge, free_port};

/// A room in which everyone may make sixty requests in 6,000 seconds, one each 100: longer than any test.
async fn narrow() -> TestApp {
    let mut edge = edge(free_port());
    edge.limits.caller_requests = 60;
    edge.limits.caller_window = Duration::from_secs(6_000);
    TestApp::start_at(edge).await
}

fn said(answer: &Response, name: &str) -> Option<String> {
    let mut values = answer.headers().get_all(name).iter();
    let value = values.next()?.to_str().expect("text").to_owned();
    assert!(values.next().is_none(), "{name} stands once");
    Some(value)
}

fn left(answer: &Response) -> u32 {
    let said = said(answer, "ratelimit").expect("it is said");
    let left = said.strip_prefix("\"requests\";r=").expect("of that limit");
    left.split(';')
        .next()
        .expect("a part")
        .parse()
        .expect("a number")
}

async fn by_token(app: &TestApp, secret: &str) -> Response {
    app.request(Method::GET, "/api/v1/me")
        .bearer_auth(secret)
        .send()
        .await
        .expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_caller_has_so_many_requests_and_is_told_what_is_left() {
    let app = narrow().await;
    let admin = app.admin.clone();
    let policy = "\"requests\";q=60;w=6000";
    let new = json!({"label": "l", "rights": ["read"], "days": 1});
    let token = app.ask(&admin, Method::POST, "/tokens", Some(new)).await;
    let secret = token["secret"].as_str().expect("a secret");

    let first = app.api(&admin, Method::GET, "/me", None).await;
    assert_eq!(said(&first, "ratelimit-policy").as_deref(), Some(policy));
    // Pages and the API are one account's; what fails counts too.
    let page = app.get(&admin, "/tokens").await;
    assert_eq!(said(&page, "ratelimit"), None);
    let nothing = format!("/people/{}", "0".repeat(32));
    let nothing = app.api(&admin, Method::GET, &nothing, None).await;
    assert_eq!(nothing.status(), 404);
    assert_eq!(left(&nothing), left(&first) - 2);
    // A token has its own.
    for expected in (0..60).rev() {
        let answer = by_token(&app, secret).await;
        assert_eq!((answer.status().as_u16(), left(&answer)), (200, expected));
    }
    let start = app.size().await;
    let refused = by_token(&app, secret).await;
    assert_eq!(refused.status(), 429);
    let wait = said(&refused, "retry-after").expect("it is said");
    assert!(
        (1..=100).contains(&wait.parse::<u64>().expect("seconds")),
        "{wait}"
    );
    let limit = format!("\"requests\";r=0;t={wait}");
    assert_eq!(said(&refused, "ratelimit"), Some(limit));
    assert_eq!(
        refused.headers()["content-type"],
        "application/problem+json"
    );
    let problem: Value = refused.json().await.expect("a problem");
    assert_eq!(problem["type"], "/problems/quota-exceeded");
    assert_eq!(app.size().await, start);
    let own = app.api(&admin, Method::GET, "/me", None).await;
    assert_eq!(left(&own), left(&first) - 3);
    app.clock.put_on(Duration::from_secs(100));
    assert_eq!(by_token(&app, secret).await.status(), 200);
    assert_eq!(by_token(&app, secret).await.status(), 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_beyond_the_limit_is_told_in_words() {
    let app = narrow().await;
    let admin = app.admin.clone();
    for _ in 0..100 {
        let page = app.get(&admin, "/password").await;
        if page.status() == 200 {
            continue;
        }
        assert_eq!(page.status(), 429);
        assert!(page.headers().contains_key("retry-after"));
        assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
        let text = page.text().await.expect("a page");
        assert!(text.contains("Too many requests"), "{text}");
        return;
    }
    panic!("nothing was refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_told_of_attempts_and_not_of_anyone() {
    let app = TestApp::start().await;
    let nobody = User::nobody();
    let public = app.get(&nobody, "/openapi.json").await;
    assert_eq!(said(&public, "ratelimit-policy"), None);
    let unknown = app.api(&nobody, Method::GET, "/me", None).await;
    assert_eq!(
        (unknown.status().as_u16(), said(&unknown, "ratelimit")),
        (401, None)
    );
    let policy = "\"attempts\";q=10;w=900";
    let fields = [("login", "ana"), ("password", "not the right one")];
    for _ in 0..10 {
        let answer = app.post(&nobody, "/sign-in", &fields).await;
        assert_eq!(answer.status(), 401);
        assert_eq!(said(&answer, "ratelimit-policy").as_deref(), Some(policy));
        // How many are left would tell of others who try under the same name.
        assert_eq!(said(&answer, "ratelimit"), None);
    }
    let refused = app.post(&nobody, "/sign-in", &fields).await;
    assert_eq!(refused.status(), 429);
    let wait = said(&refused, "retry-after").expect("it is said");
    let limit = format!("\"attempts\";r=0;t={wait}");
    assert_eq!(said(&refused, "ratelimit"), Some(limit));
}
