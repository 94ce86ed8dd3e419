//! Two rooms that witness each other.

use std::io::Cursor;

use custos::ambient::Ambient;
use custos_core::{
    checkpoint::{TrustPolicy, VerifierKey},
    receipt::Receipt,
    verify::verify,
};
use reqwest::Method;
use serde_json::json;

use super::{asking, checkpoint, until};
use crate::support::{TestApp, bench::Bench, witness::TestWitness};

const FIRST: &str = "first.example/log";
const SECOND: &str = "second.example/log";

fn policy(log: &VerifierKey, witnesses: &[&VerifierKey], quorum: &str) -> TrustPolicy {
    let mut text = format!("log {log}\n");
    let names: Vec<String> = (0..witnesses.len()).map(|n| format!("w{n}")).collect();
    for (name, key) in names.iter().zip(witnesses) {
        text += &format!("witness {name} {key}\n");
    }
    text += &format!("group enough {quorum} {}\nquorum enough\n", names.join(" "));
    TrustPolicy::parse(text.as_bytes()).expect("a policy")
}

async fn is_cosigned(app: &TestApp, key: &VerifierKey) -> bool {
    let signed = checkpoint(app).await;
    let mut lines = signed.note().signatures().iter();
    lines.any(|line| line.is_by(key) && key.verifies(signed.note().text(), line))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_rooms_confirm_each_other_and_a_court_sees_it() {
    let (of_first, of_second) = (
        TestWitness::found("first.example/witness"),
        TestWitness::found("second.example/witness"),
    );
    // Each room asks the other's witness.
    let first = TestApp::start_witnessed(FIRST, vec![of_second.known()]).await;
    let second = TestApp::start_witnessed(SECOND, vec![of_first.known()]).await;
    let serving = [
        of_first.serve(&[(SECOND, &second.room.log_key)]).await,
        of_second.serve(&[(FIRST, &first.room.log_key)]).await,
    ];
    let jobs = [asking(&first.room), asking(&second.room)];
    let bench = Bench::at(first).await;
    let app = &bench.app;
    let item = app
        .deposit(&bench.officer, &bench.case, b"a recording")
        .await;
    let item = item["item"].as_str().expect("an id").to_owned();
    until("a cosignature of the first", || {
        is_cosigned(app, &of_second.key)
    })
    .await;
    until("a cosignature of the second", || {
        is_cosigned(&second, &of_first.key)
    })
    .await;

    let path = format!("/items/{item}/bundle");
    let wish = json!({"content": false});
    let bundle = app
        .api(&bench.officer, Method::POST, &path, Some(wish))
        .await;
    assert_eq!(bundle.status(), 200);
    let bundle = bundle.bytes().await.expect("a bundle");
    let log = &app.room.log_key;
    let verified = |trust: &TrustPolicy| {
        let now = Ambient::system().now();
        verify(Cursor::new(&bundle[..]), trust, &[], now, &mut |_| {}).map(drop)
    };
    let met = policy(log, &[&of_second.key], "all");
    verified(&met).expect("the quorum is met");
    let any = policy(log, &[&of_first.key, &of_second.key], "any");
    verified(&any).expect("one of two is enough");
    let unmet = policy(log, &[&of_first.key, &of_second.key], "all");
    let failed = verified(&unmet).expect_err("one of two is not both");
    assert!(failed.to_string().contains("witness"), "{failed}");

    let path = format!("/api/v1/items/{item}/receipt");
    let request = bench.officer.on(app.request(Method::GET, &path));
    let receipt = request.send().await.expect("an answer");
    assert_eq!(receipt.status(), 200);
    let receipt = receipt.bytes().await.expect("a receipt");
    let receipt = Receipt::parse(&receipt).expect("a receipt");
    met.verify_newest(receipt.checkpoint()).expect("confirmed");
    unmet
        .verify_newest(receipt.checkpoint())
        .expect_err("not by both");
    for task in jobs.into_iter().chain(serving) {
        task.abort();
    }
}

/// What was confirmed stays in the note, whoever is asked later.
#[tokio::test(flavor = "multi_thread")]
async fn notes_only_gain_lines() {
    let witness = TestWitness::found("first.example/witness");
    let app = TestApp::start_witnessed(FIRST, vec![witness.known()]).await;
    let serving = witness.serve(&[(FIRST, &app.room.log_key)]).await;
    app.room.publisher.publish().await.expect("published");
    super::ask(&app.room).await;
    let before = checkpoint(&app).await;
    assert_eq!(before.note().signatures().len(), 2);
    let size = before.checkpoint().size();
    let room = app.room.clone().witnessed_by(Vec::new());
    let after = custos::app::witnesses::cosigned(&room, size)
        .await
        .expect("read");
    assert_eq!(after, before);
    // The same checkpoint is not asked for again.
    assert_eq!(super::ask(&app.room).await, super::Outcome::Confirmed(size));
    serving.abort();
}
