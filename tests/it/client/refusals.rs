//! What can't be done, and how it is told.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use custos::client::{
    access::{Server, Token},
    api::Api,
    error::ClientError,
    names::Name,
    source::{self, Count},
    told::Told,
};
use reqwest::Method;
use serde_json::json;

use super::{Field, run, text};

fn one(field: &Field) -> Vec<PathBuf> {
    vec![field.file("a.txt", b"hello")]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_token_ends_it_before_anything_is_read() {
    let field = Field::new().await;
    let files = one(&field);
    let good = fs::read_to_string(field.path("token")).expect("a token");
    fs::set_permissions(field.path("token"), fs::Permissions::from_mode(0o644)).expect("a mode");
    let ended = field.run_deposit(&files, &[]).await.ends_with(2);
    assert!(ended.err.contains("chmod 600"), "{}", ended.err);
    fs::set_permissions(field.path("token"), fs::Permissions::from_mode(0o600)).expect("a mode");
    let other = format!("custos_{}", "A".repeat(43));
    fs::write(field.path("token"), &other).expect("written");
    let ended = field.run_deposit(&files, &[]).await.ends_with(1);
    assert!(ended.err.contains("401"), "{}", ended.err);
    for told in [&ended.out, &ended.err] {
        assert!(!told.contains(&other) && !told.contains(good.trim()));
    }
    fs::remove_file(field.path("token")).expect("removed");
    field.run_deposit(&files, &[]).await.ends_with(2);
    assert!(field.items(&field.judge).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_may_only_deposit_is_enough() {
    let field = Field::new().await;
    let files = one(&field);
    field
        .token("token", &field.officer, json!(["deposit"]))
        .await;
    let ended = field
        .run_deposit(&files, &["--receipts", "r"])
        .await
        .ends_with(2);
    assert!(ended.err.contains("may not read"), "{}", ended.err);
    let ended = field.run_deposit(&files, &[]).await.ends_with(0);
    assert_eq!(ended.outcomes(), ["deposited"]);
    let ended = field.run_deposit(&files, &[]).await.ends_with(0);
    assert_eq!(ended.outcomes(), ["skipped"]);
    field.token("token", &field.officer, json!(["read"])).await;
    let other = [field.file("b.txt", b"b")];
    let ended = field.run_deposit(&other, &[]).await.ends_with(1);
    assert_eq!(ended.of("b.txt")["problem"], "rights");
    assert_eq!(field.items(&field.judge).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_down_is_told_as_such() {
    let field = Field::new().await;
    let files = one(&field);
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let ended = run(field.command_to(port, &field.deposit(&files, &[]))).await;
    let ended = ended.ends_with(1);
    assert!(ended.err.contains("nothing was sent"), "{}", ended.err);
    assert!(ended.out.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_meant_is_refused() {
    let field = Field::new().await;
    let files = one(&field);
    let thesis = field.file("thesis.txt", b"once upon a time\n");
    let ended = field
        .run_deposit(&files, &["--journal", "thesis.txt"])
        .await;
    assert!(ended.ends_with(2).err.contains("--journal"));
    assert_eq!(fs::read(&thesis).expect("there"), b"once upon a time\n");
    for more in [
        &["--captured-at", "2026-03-01T14:05:00"][..],
        &["--reference", "JS/x"],
        &["--jobs", "0"],
        &["--server", "http://room.example"],
        &["--token", "custos_abc"],
        &["--hashes", "thesis.txt"],
    ] {
        field.run_deposit(&files, more).await.ends_with(2);
    }
    field.run_deposit(&[], &[]).await.ends_with(2);
    // An unknown case and one that is not theirs are answered alike.
    let mut arguments = field.deposit(&files, &[]);
    let unknown = "0".repeat(32);
    arguments[3] = std::ffi::OsStr::new(&unknown);
    let ended = run(field.command(&arguments)).await.ends_with(1);
    assert!(ended.err.contains("404"), "{}", ended.err);
    field
        .token("token", &field.judge, json!(["read", "deposit"]))
        .await;
    let ended = field.run_deposit(&files, &[]).await.ends_with(1);
    assert!(ended.err.contains("you may not deposit"), "{}", ended.err);
    assert!(field.items(&field.judge).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_file_stops_no_other() {
    let field = Field::new().await;
    fs::create_dir(field.path("folder")).expect("a folder");
    let files = [
        field.path("token/folder"),
        field.file("a.txt", b"a"),
        field.path("none"),
        field.file("b.txt", b"b"),
        // The same file under two names is one.
        field.path("folder/../b.txt"),
    ];
    let ended = field.run_deposit(&files, &[]).await.ends_with(1);
    assert_eq!(
        ended.outcomes(),
        ["deposited", "deposited", "failed", "failed"]
    );
    assert_eq!(ended.of("folder")["deposited"], "no");
    assert!(text(&ended.of("none")["error"]).contains("not deposited"));
    assert_eq!(field.items(&field.judge).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_an_upload_only_its_depositor_learns() {
    let field = Field::new().await;
    let path = format!("/cases/{}/items", field.case);
    let new = json!({"reference": "JS/1"});
    let app = &field.app;
    let made = app
        .ask(&field.officer, Method::POST, &path, Some(new))
        .await;
    let path = format!("/uploads/{}", text(&made["upload"]));
    let state = app.ask(&field.officer, Method::GET, &path, None).await;
    assert_eq!(state, json!({"upload": made["upload"], "item": null}));
    let unknown = format!("/uploads/{}", "0".repeat(32));
    let mut answers = Vec::new();
    for (user, path) in [(&field.judge, &path), (&field.officer, &unknown)] {
        let answer = app.api(user, Method::GET, path, None).await;
        assert_eq!(answer.status(), 404);
        answers.push(answer.text().await.expect("a body"));
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_after_it_was_hashed_is_not_deposited() {
    let field = Field::new().await;
    let server = Server::parse(&format!("http://localhost:{}", field.app.port));
    let token = Token::read(&field.path("token")).expect("a token");
    let api = Api::new(server.expect("an origin"), token).expect("a client");
    let case = field.case.parse().expect("an id");
    for (length, change) in [(300_000, 300_000), (300_000, 299_999), (5, 5), (5, 4)] {
        let path = field.file("a.log", &vec![b'a'; length]);
        let measured = source::measure((&path, None), &[], &Count::default()).expect("hashed");
        fs::write(&path, vec![b'b'; change]).expect("written");
        let name = Name::Text("a.log".into());
        let told = Told::default();
        let told = told.announce("JS/1", &name, &[]);
        let upload = api.announce(case, &told).await.expect("announced");
        let count = Count::default();
        let pieces = source::pieces(&measured, count.clone());
        let sent = api.send(upload, measured.size, &count, pieces).await;
        assert!(matches!(sent, Err(ClientError::Changed)), "{sent:?}");
        assert_eq!(api.upload(upload).await.expect("its state"), None);
    }
    assert!(field.items(&field.judge).await.is_empty());
}
