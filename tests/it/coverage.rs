//! Every route has a row: what a stranger gets, and which custody entries it leaves when
//! somebody uses it who may. A route without a row fails.

mod accounts;
mod filed;
mod hardened;
mod noticed;
mod rows;
mod twice;
pub mod uses;

use std::collections::BTreeSet;

use custos::http::front::Pass;
use reqwest::Method;

use self::rows::{
    ROWS,
    Stranger::{Nothing, Open, Refused, SignIn},
};
use crate::support::{TestApp, edge};

#[tokio::test(flavor = "multi_thread")]
async fn every_route_has_a_row() {
    let app = TestApp::start().await;
    let pass = Pass::fresh(&app.room.core.ambient);
    let rocket = custos::http::rocket(app.room.clone(), &edge(app.port), pass);
    let mounted: BTreeSet<String> = rocket
        .routes()
        .map(|route| format!("{} {}", route.method, route.uri))
        .collect();
    let rows: BTreeSet<String> = ROWS
        .iter()
        .map(|row| format!("{} {}", row.0, row.1))
        .collect();
    assert_eq!(rows.len(), ROWS.len(), "a row stands twice");
    assert_eq!(mounted, rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_get_what_the_table_says() {
    let app = TestApp::start().await;
    app.room.publisher.publish().await.expect("published");
    let size = app.size().await;
    for (method, path, stranger, _) in ROWS {
        let id = "0".repeat(32);
        let mut at = path.split('?').next().expect("a path").to_owned();
        let known = format!("0/000.p/{size}");
        let stylesheet = custos::http::assets::href("custos.css").replace("/static/", "");
        for (parameter, value) in [
            ("<mark>/<name>", stylesheet.as_str()),
            ("<path..>", known.as_str()),
            ("/<name>", "/not-found"),
        ] {
            at = at.replace(parameter, value);
        }
        for parameter in [
            "case", "item", "view", "upload", "account", "person", "token", "link", "exhibit",
            "request", "session", "notice", "audit",
        ] {
            at = at.replace(&format!("<{parameter}>"), &id);
        }
        let host = if at.starts_with("/v/") {
            "content.localhost"
        } else {
            "localhost"
        };
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let start = app.size().await;
        let request = app
            .request_at(host, method, &at)
            .header("Content-Length", 0);
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let to_sign_in = answer
            .headers()
            .get("location")
            .is_some_and(|to| to == "/sign-in");
        let fits = match stranger {
            // A form for everyone still wants its fields.
            Open => matches!(status, 200 | 303 | 415) && !to_sign_in,
            SignIn => status == 303 && to_sign_in,
            Refused => status == 401,
            Nothing => status == 404,
        };
        assert!(fits, "{at}: {status}, {stranger:?}");
        assert_eq!(app.size().await, start, "{at}: strangers leave no entry");
    }
}
