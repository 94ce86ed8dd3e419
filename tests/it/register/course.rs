//! Walls, roles that end, cases that are closed.

use reqwest::Method;
use serde_json::{Value, json};

use super::World;
use crate::support::User;

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_case_takes_nothing_in_and_stays_readable() {
    let world = World::new().await;
    let item = world.deposit(json!({"reference": "JS/1"})).await;
    let path = format!("/cases/{}/stage", world.case);
    let set = async |user: &User, stage: &str| {
        let body = json!({"stage": stage, "outcome": "a conviction"});
        world.status(user, Method::PUT, &path, body).await
    };
    assert_eq!(set(&world.judge, "closed").await, 403);
    assert_eq!(set(&world.custodian, "ended").await, 400);
    assert_eq!(set(&world.custodian, "open").await, 409);
    assert_eq!(set(&world.custodian, "closed").await, 200);
    let items = format!("/cases/{}/items", world.case);
    let new = json!({"reference": "JS/2"});
    let got = world
        .status(&world.officer, Method::POST, &items, new.clone())
        .await;
    assert_eq!(got, 403);
    world.item(&world.officer, &item).await;
    // What the defence is owed does not end with the case.
    world.serve(&item).await;
    world.item(&world.counsel, &item).await;
    assert_eq!(set(&world.custodian, "open").await, 200);
    let got = world
        .status(&world.officer, Method::POST, &items, new)
        .await;
    assert_eq!(got, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wall_hides_a_case_like_one_that_is_not_there() {
    let world = World::new().await;
    let item = world.deposit(json!({"reference": "JS/1"})).await;
    let wall = format!("/cases/{}/walls/{}", world.case, world.officer.person);
    let set = async |user: &User, status: &str| {
        let body = json!({"status": status, "reason": "acted for the other side"});
        world.status(user, Method::PUT, &wall, body).await
    };
    assert_eq!(set(&world.prosecutor, "up").await, 403);
    assert_eq!(set(&world.custodian, "down").await, 409);
    assert_eq!(set(&world.custodian, "up").await, 200);
    assert_eq!(set(&world.custodian, "up").await, 409);
    let nowhere = "0".repeat(32);
    for (known, unknown) in [
        (
            format!("/cases/{}", world.case),
            format!("/cases/{nowhere}"),
        ),
        (format!("/items/{item}"), format!("/items/{nowhere}")),
        (
            format!("/items/{item}/history"),
            format!("/items/{nowhere}/history"),
        ),
    ] {
        let one = world
            .app
            .api(&world.officer, Method::GET, &known, None)
            .await;
        let other = world
            .app
            .api(&world.officer, Method::GET, &unknown, None)
            .await;
        assert_eq!(one.status(), other.status(), "{known}");
        let (one, other) = (
            one.text().await.expect("a body"),
            other.text().await.expect("one"),
        );
        assert_eq!(one, other, "{known}");
    }
    let cases = world
        .app
        .ask(&world.officer, Method::GET, "/cases", None)
        .await;
    assert_eq!(cases["items"], json!([]));
    let member = json!({"person": world.officer.person, "role": "judge"});
    let people = format!("/cases/{}/people", world.case);
    let got = world
        .status(&world.custodian, Method::POST, &people, member)
        .await;
    assert_eq!(got, 403, "nobody behind a wall gets a role");
    assert_eq!(set(&world.custodian, "down").await, 200);
    world.item(&world.officer, &item).await;
    let path = format!("/cases/{}/walls", world.case);
    let walls = world
        .app
        .ask(&world.custodian, Method::GET, &path, None)
        .await;
    assert_eq!(walls["items"][0]["status"], "down");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_ended_is_gone_at_once() {
    let world = World::new().await;
    let path = format!(
        "/cases/{}/people/{}/defence",
        world.case, world.counsel.person
    );
    let case = format!("/cases/{}", world.case);
    world
        .app
        .ask(&world.counsel, Method::GET, &case, None)
        .await;
    let got = world
        .status(&world.judge, Method::DELETE, &path, Value::Null)
        .await;
    assert_eq!(got, 403);
    world
        .app
        .ask(&world.custodian, Method::DELETE, &path, None)
        .await;
    let got = world
        .app
        .api(&world.counsel, Method::GET, &case, None)
        .await;
    assert_eq!(got.status(), 404);
    let got = world
        .status(&world.custodian, Method::DELETE, &path, Value::Null)
        .await;
    assert_eq!(got, 409);
    // Counsel is substituted: another takes the party over.
    let other = world.app.person("other", &[]).await;
    let member = json!({"person": other.person, "role": "defence", "party": world.party});
    let people = format!("/cases/{}/people", world.case);
    world
        .app
        .ask(&world.custodian, Method::POST, &people, Some(member))
        .await;
    world.app.ask(&other, Method::GET, &case, None).await;
}
