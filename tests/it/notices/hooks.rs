//! Events to endpoints: their form, their signature, and endpoints that misbehave.

use std::time::Duration;

use custos::{
    app::notices::Kind,
    peers::{
        Then,
        webhooks::{Event, Sender},
    },
};
use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Value, json};

use super::{sending, telling, undelivered, wrong};
use crate::support::{
    TestApp, User,
    hooks::{Came, HookSink, Manner, SECRET},
};

/// Checks an event with a library that is not ours.
fn verified(event: &Came) -> Value {
    let mut headers = HeaderMap::new();
    for (name, value) in &event.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        headers.insert(name, HeaderValue::from_str(value).expect("a value"));
    }
    let webhook = standardwebhooks::Webhook::new(SECRET).expect("a secret");
    webhook
        .verify(event.body.as_bytes(), &headers)
        .expect("it is of Standard Webhooks");
    let other = event.body.replace("custos", "custo5");
    webhook
        .verify(other.as_bytes(), &headers)
        .expect_err("a changed body");
    serde_json::from_str(&event.body).expect("JSON")
}

/// People on a case: custodian, officer, and the case.
async fn people(app: &TestApp) -> (User, User, String) {
    let custodian = app.person("custodian", &["custodian"]).await;
    let officer = app.person("officer", &[]).await;
    let case = app.case(&custodian, &[(&officer, "investigator")]).await;
    (custodian, officer, case)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_signed_names_one_id_and_is_retried_under_its_own() {
    let (sink, elsewhere) = (HookSink::start().await, HookSink::start().await);
    let kinds = [Kind::DepositQuarantined];
    let app = telling(None, vec![sink.hook("desk", &kinds)]).await;
    let job = sending(&app);
    let (_, officer, case) = people(&app).await;
    sink.will(&[
        Manner::Status(500),
        Manner::Redirects(format!("http://127.0.0.1:{}/", elsewhere.port)),
        Manner::Drops,
        Manner::Status(404),
        Manner::Endless,
    ]);
    let hidden = wrong("JS/1", "restricted");
    app.deposit_told(&officer, &case, hidden, b"a secret").await;
    let made = app
        .deposit_told(&officer, &case, wrong("JS/2", "normal"), b"a recording")
        .await;
    let mut ids = std::collections::BTreeSet::new();
    for nth in 1..=5 {
        let event = sink.event(nth).await;
        let body = verified(&event);
        assert_eq!(body["type"], "custos.deposit_quarantined");
        // That of the restricted one never comes.
        assert_eq!(body["data"], json!({"item": made["item"]}));
        assert_eq!(body.as_object().expect("an object").len(), 3);
        ids.insert(event.headers["webhook-id"].clone());
        assert!(!event.headers.contains_key("authorization"));
    }
    assert_eq!(ids.len(), 1);
    // The endless answer said 200, and nothing of it was waited for: the next event comes.
    app.deposit_told(&officer, &case, wrong("JS/3", "normal"), b"another")
        .await;
    let next = sink.event(6).await;
    assert!(!ids.contains(&next.headers["webhook-id"]));
    assert!(elsewhere.came().is_empty(), "no redirect is followed");
    job.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn gone_stops_an_endpoint_and_a_hanging_one_stops_nobody_else() {
    let (gone, hangs, good) = (
        HookSink::start().await,
        HookSink::start().await,
        HookSink::start().await,
    );
    let kinds = [Kind::RoleGiven];
    let hooks = vec![
        gone.hook("gone", &kinds),
        hangs.hook("hangs", &kinds),
        good.hook("good", &kinds),
    ];
    let app = telling(None, hooks).await;
    let job = sending(&app);
    gone.will(&[Manner::Status(410)]);
    hangs.will(&[Manner::Hangs]);
    let (custodian, officer, case) = people(&app).await;
    let body = verified(&good.event(1).await);
    assert_eq!(body["data"], json!({"case": case}));
    let found = undelivered(&app, 1).await;
    assert_eq!(
        (&found[0]["to"], &found[0]["stopped"]),
        (&json!("gone"), &json!(true))
    );
    assert!(
        found[0]["told"]
            .as_str()
            .is_some_and(|told| told.contains("410"))
    );
    // Administrators see that it stopped, not of which case that was.
    assert_eq!(found[0]["kind"], Value::Null);
    let page = app.get(&app.admin, "/notices/undelivered").await;
    let page = page.text().await.expect("a page");
    assert!(page.contains("stopped") && !page.contains(&case), "{page}");
    let member = json!({"person": officer.person, "role": "prosecutor", "party": null});
    let path = format!("/cases/{case}/people");
    app.ask(&custodian, Method::POST, &path, Some(member)).await;
    good.event(2).await;
    assert_eq!((gone.came().len(), hangs.came().len()), (1, 1));
    job.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_told_without_the_address() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let sink = HookSink::start().await;
    let sender = Sender::within(Duration::from_millis(500)).expect("a client");
    let event = Event {
        id: "1".into(),
        seconds: 1,
        body: "{}".into(),
    };
    let mut nobody = HookSink::start().await;
    nobody.port = crate::support::free_port();
    sink.will(&[
        Manner::Hangs,
        Manner::Status(302),
        Manner::Status(503),
        Manner::Status(410),
    ]);
    let endpoint = sink.endpoint("desk");
    let mut told = Vec::new();
    for endpoint in [
        &nobody.endpoint("nobody"),
        &endpoint,
        &endpoint,
        &endpoint,
        &endpoint,
    ] {
        let failed = sender.send(endpoint, &event).await.expect_err("not taken");
        assert!(!failed.told.contains("of-the-path"), "{failed:?}");
        told.push((failed.then, failed.told));
    }
    let words: Vec<&str> = told.iter().map(|(_, told)| told.as_str()).collect();
    assert_eq!(
        words,
        [
            "could not be reached",
            "gave no answer in time",
            "answered 302; no redirect is followed",
            "answered 503",
            "answered 410: gone",
        ]
    );
    let then: Vec<Then> = told.iter().map(|(then, _)| *then).collect();
    assert_eq!(
        then,
        [
            Then::Again,
            Then::Again,
            Then::Again,
            Then::Again,
            Then::Gone
        ]
    );
    sender.reach(&endpoint).await.expect("it answers");
    sender
        .reach(&nobody.endpoint("nobody"))
        .await
        .expect_err("nobody");
}
