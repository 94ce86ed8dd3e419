//! Notices on their way: in the room, by mail, to endpoints.

mod damage;
mod hooks;
mod mail;
mod pages;

use std::time::Duration;

use custos::{
    app::notices::{Hook, Outlets},
    jobs::notify,
    peers::timestamps::Authority,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::{Others, TestApp, User, letters::MailSink};

/// Pauses that a test waits for.
pub const QUICK: &[Duration] = &[Duration::from_millis(20); 6];

/// A room that tells by this server and these endpoints.
pub async fn telling(mail: Option<&MailSink>, hooks: Vec<Hook>) -> TestApp {
    TestApp::start_telling(outlets(mail, hooks)).await
}

/// A room that tells by this server, and whose log this authority stamps.
pub async fn telling_stamped(mail: Option<&MailSink>, authority: Authority) -> TestApp {
    let others = Others {
        authorities: vec![authority],
        ..Others::default()
    };
    TestApp::start_among(outlets(mail, vec![]), others).await
}

fn outlets(mail: Option<&MailSink>, hooks: Vec<Hook>) -> Outlets {
    Outlets {
        mail: mail.map(MailSink::server),
        hooks,
        pauses: QUICK,
        ..Outlets::default()
    }
}

/// Sends what is due, as `serve` does.
pub fn sending(app: &TestApp) -> JoinHandle<()> {
    let (room, data) = (app.room.clone(), app.folder.path().join("store"));
    tokio::spawn(async move { notify::run(&room, &data).await })
}

/// Names an address, and gives the code that was sent to it: the letter of this number.
pub async fn named(app: &TestApp, sink: &MailSink, user: &User, mail: &str, nth: usize) -> String {
    let answer = app.post(user, "/mail", &[("mail", mail)]).await;
    assert_eq!(answer.status(), 200);
    let letter = sink.letter(nth).await;
    assert_eq!(letter.to, mail);
    let body = letter.body();
    let (_, code) = body.split_once("/mail#").expect("a link");
    code.split_whitespace().next().expect("a code").into()
}

/// Names an address and confirms it; `nth` is the number of the letter with its code.
pub async fn addressed(app: &TestApp, sink: &MailSink, user: &User, mail: &str, nth: usize) {
    let code = named(app, sink, user, mail, nth).await;
    let answer = app.post(user, "/mail/confirm", &[("secret", &code)]).await;
    assert_eq!(answer.status(), 200);
    let page = answer.text().await.expect("a page");
    assert!(
        page.contains(&format!("Letters go to <strong>{mail}</strong>")),
        "{page}"
    );
}

/// What is told of a deposit that goes into quarantine.
pub fn wrong(reference: &str, sensitivity: &str) -> Value {
    json!({
        "reference": reference,
        "description": "the voice of a witness",
        "sensitivity": sensitivity,
        "declared": [{"algorithm": "md5", "value": "0".repeat(32)}],
    })
}

/// Waits until a user's list of undelivered notices is of this length.
pub async fn undelivered(app: &TestApp, length: usize) -> Vec<Value> {
    for _ in 0..600 {
        let listed = app
            .ask(&app.admin, Method::GET, "/notices/undelivered", None)
            .await;
        let items = listed["items"].as_array().expect("a list").clone();
        if items.len() == length {
            return items;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{length} undelivered notices do not come");
}
