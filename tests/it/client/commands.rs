//! Commands that look at one thing or change one thing, and what they say when they can't.

use std::{ffi::OsStr, fs, os::unix::fs::PermissionsExt};

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Ended, Field, run, text,
    wire::{Fault, Wire},
};

pub(super) const PASSWORD: &str = "several plain words";
const WHY: &str = "to transcribe what was said";

impl Field {
    /// Runs a command with somebody's session.
    pub(super) async fn ask(&self, who: &str, port: u16, arguments: &[&str]) -> Ended {
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        let mut command = self.command_to(port, &arguments);
        command
            .env_remove("CUSTOS_TOKEN_FILE")
            .env("CUSTOS_SESSION_FILE", self.path(format!("{who}.session")));
        run(command).await
    }

    pub(super) async fn sign_in(&self, who: &str, port: u16, password: &str) -> Ended {
        self.file("password", format!("{password}\n").as_bytes());
        self.ask(who, port, &["sign-in", who, "--password-file", "password"])
            .await
    }

    /// An item with these bytes, by the officer.
    async fn an_item(&self, bytes: &[u8]) -> String {
        let deposited = self.app.deposit(&self.officer, &self.case, bytes).await;
        text(&deposited["item"])
    }

    /// What happened to an item, as the officer sees it.
    async fn kinds(&self, item: &str) -> Vec<String> {
        let path = format!("/items/{item}/history");
        let history = self.app.ask(&self.officer, Method::GET, &path, None).await;
        let lines = history["items"].as_array().expect("a list");
        lines.iter().map(|line| text(&line["kind"])).collect()
    }
}

impl Ended {
    /// The one JSON object.
    pub(super) fn object(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}{}", self.out, self.err))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_token_may_do_a_session_may() {
    let field = Field::new().await;
    let (port, item) = (field.app.port, field.an_item(b"hello").await);
    let correct = [
        "item", "correct", &item, "--field", "place", "--value", "the quay", "--reason",
        "misheard", "--json",
    ];
    let by_token: Vec<&OsStr> = correct.iter().map(OsStr::new).collect();
    let ended = run(field.command(&by_token)).await.ends_with(1);
    assert_eq!(ended.object()["error"]["problem"], "rights");
    let ended = field
        .sign_in("officer", port, "something else")
        .await
        .ends_with(1);
    assert!(ended.err.contains("is not right"), "{}", ended.err);
    assert!(!field.path("officer.session").exists());
    field.sign_in("officer", port, PASSWORD).await.ends_with(0);
    let session = field.path("officer.session");
    let mode = fs::metadata(&session).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let kept = fs::read_to_string(&session).expect("there");
    assert!(!kept.contains(PASSWORD));
    let done = field
        .ask("officer", port, &correct)
        .await
        .ends_with(0)
        .object();
    assert_eq!(done["by_an_earlier_attempt"], false);
    assert!(done["entries"][0]["index"].is_u64(), "{done}");
    assert_eq!(
        field.item(&json!(item)).await["corrections"][0]["value"],
        "the quay"
    );
    // It is of one room, of its owner, and ends.
    let ended = field.ask("officer", 1, &["me"]).await.ends_with(2);
    assert!(ended.err.contains("another room"), "{}", ended.err);
    fs::set_permissions(&session, fs::Permissions::from_mode(0o644)).expect("a mode");
    field.ask("officer", port, &["me"]).await.ends_with(2);
    fs::set_permissions(&session, fs::Permissions::from_mode(0o600)).expect("a mode");
    let me = field
        .ask("officer", port, &["me", "--json"])
        .await
        .ends_with(0)
        .object();
    assert_eq!(me["person"], field.officer.person.as_str());
    field.ask("officer", port, &["sign-out"]).await.ends_with(0);
    assert!(!session.exists());
    fs::write(&session, kept).expect("written");
    fs::set_permissions(&session, fs::Permissions::from_mode(0o600)).expect("a mode");
    let ended = field
        .ask("officer", port, &["me", "--json"])
        .await
        .ends_with(1);
    assert_eq!(ended.object()["error"]["status"], 401);
    // No other file is taken for one, or replaced.
    field.file("judge.session", b"thesis");
    fs::set_permissions(
        field.path("judge.session"),
        fs::Permissions::from_mode(0o600),
    )
    .expect("a mode");
    field.ask("judge", port, &["me"]).await.ends_with(2);
    field.sign_in("judge", port, PASSWORD).await.ends_with(1);
    assert_eq!(
        fs::read(field.path("judge.session")).expect("there"),
        b"thesis"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_plainly_and_with_their_status() {
    let field = Field::new().await;
    let item = field.an_item(b"hello").await;
    let command = |arguments: &[&str]| {
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        field.command(&arguments)
    };
    let unknown = "0".repeat(32);
    let plain = run(command(&["item", "show", &unknown])).await.ends_with(1);
    assert!(
        plain.err.starts_with("custos: the room refuses (404): "),
        "{}",
        plain.err
    );
    assert!(plain.out.is_empty());
    let machine = run(command(&["item", "show", &unknown, "--json"]))
        .await
        .ends_with(1);
    assert_eq!(machine.object()["error"]["status"], 404);
    assert!(machine.err.is_empty());
    for odd in [
        &["item", "show", "x"][..],
        &[
            "item", "correct", &item, "--field", "size", "--value", "1", "--reason", "x",
        ],
        &["exhibit", "rule", &item, &unknown, "perhaps"],
        &["case", "close", &unknown],
        &["item", "restrict", &item, "--idempotency-key", "two words"],
        &["item", "restrict", &item, "--idempotency-key", ""],
        &["case", "end-role", &unknown, &unknown, "../x"],
        &["case"],
    ] {
        run(command(odd)).await.ends_with(2);
    }
    let shown = run(command(&["item", "show", &item])).await.ends_with(0);
    assert!(shown.out.contains("\nsha256: "), "{}", shown.out);
    let listed = run(command(&[
        "case",
        "items",
        &field.case,
        "--search",
        "none&sort=x",
    ]));
    assert_eq!(listed.await.ends_with(0).out.lines().last(), Some("0 of 0"));
    let listed = run(command(&["case", "list", "--search", "none&stage=x"]));
    assert_eq!(listed.await.ends_with(0).out.lines().last(), Some("0 of 0"));
    let asked = &[
        "case", "list", "--search", "harbour", "--stage", "open", "--sort", "-opened",
    ];
    let listed = run(command(asked)).await.ends_with(0);
    assert!(
        listed.out.contains(&field.case) && listed.out.ends_with("1 of 1\n"),
        "{}",
        listed.out
    );
    run(command(&["case", "list", "--stage", "ajar"]))
        .await
        .ends_with(1);
    let listed = run(command(&["case", "items", &field.case, "--limit", "1"]))
        .await
        .ends_with(0);
    assert!(
        listed.out.contains(&item) && listed.out.ends_with("1 of 1\n"),
        "{}",
        listed.out
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_answer_is_lost_is_made_once() {
    let field = Field::new().await;
    let wire = Wire::to(field.app.port).await;
    for who in ["officer", "judge"] {
        field.sign_in(who, wire.port, PASSWORD).await.ends_with(0);
    }
    let item = field.an_item(b"hello").await;
    wire.fail(Fault::CutAnswer);
    let correct = [
        "item", "correct", &item, "--field", "place", "--value", "the quay", "--reason",
        "misheard", "--json",
    ];
    let done = field
        .ask("officer", wire.port, &correct)
        .await
        .ends_with(0)
        .object();
    assert_eq!(wire.fault(), Fault::None, "the answer was cut");
    assert!(done["id"].is_string(), "the room answered again: {done}");
    let corrections = field.item(&json!(item)).await["corrections"].clone();
    assert_eq!(corrections.as_array().expect("a list").len(), 1);
    wire.fail(Fault::CutAnswer);
    let restrict = ["item", "restrict", &item, "--json"];
    let done = field
        .ask("judge", wire.port, &restrict)
        .await
        .ends_with(0)
        .object();
    assert_eq!(wire.fault(), Fault::None, "the answer was cut");
    assert_eq!(done["by_an_earlier_attempt"], true);
    // The first attempt that finds it so is told.
    let again = field
        .ask("judge", wire.port, &restrict)
        .await
        .ends_with(1)
        .object();
    assert_eq!(again["error"]["problem"], "conflict");
    // One key is for one change.
    let with_key = |value: &'static str| {
        let arguments = [
            &correct[..6],
            &[value],
            &correct[7..],
            &["--idempotency-key", "k-1"],
        ];
        arguments.concat()
    };
    let lift = ["item", "lift-restriction", &item];
    field.ask("judge", wire.port, &lift).await.ends_with(0);
    let first = field
        .ask("officer", wire.port, &with_key("a"))
        .await
        .ends_with(0)
        .out;
    assert_eq!(
        field
            .ask("officer", wire.port, &with_key("a"))
            .await
            .ends_with(0)
            .out,
        first
    );
    let other = field
        .ask("officer", wire.port, &with_key("b"))
        .await
        .ends_with(1)
        .object();
    assert_eq!(other["error"]["status"], 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn content_is_taken_whole_and_right_or_not_at_all() {
    let field = Field::new().await;
    let bytes = super::noise(3 << 20, 9);
    let item = field.an_item(&bytes).await;
    let get = |out: &'static str| {
        [
            "item",
            "get",
            &item,
            "--purpose",
            "investigation",
            "--why",
            WHY,
            "--out",
            out,
        ]
        .map(str::to_owned)
    };
    let command = |port: u16, arguments: &[String]| {
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        field.command_to(port, &arguments)
    };
    let port = field.app.port;
    run(command(port, &get("copy"))).await.ends_with(0);
    assert_eq!(fs::read(field.path("copy")).expect("there"), bytes);
    // The view was closed, and says what went out.
    let kinds = field.kinds(&item).await;
    assert!(
        kinds.iter().any(|kind| kind.starts_with("view_close")),
        "{kinds:?}"
    );
    let views = |kinds: &[String]| kinds.iter().filter(|kind| kind.starts_with("view")).count();
    // What stands there is not replaced, and the room is not asked.
    run(command(port, &get("copy"))).await.ends_with(1);
    assert_eq!(views(&field.kinds(&item).await), views(&kinds));
    let forced = [&get("copy")[..], &["--force".to_owned()]].concat();
    run(command(port, &forced)).await.ends_with(0);
    // A cut leaves nothing.
    let wire = Wire::to(port).await;
    wire.fail(Fault::CutComing(1 << 20));
    run(command(wire.port, &get("cut"))).await.ends_with(1);
    assert!(!field.path("cut").exists());
    // Without a purpose the room gives nothing.
    let mut short = get("none");
    short[6] = "because".into();
    let ended = run(command(port, &short)).await.ends_with(1);
    assert!(ended.err.contains("(4"), "{}", ended.err);
    assert!(!field.path("none").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_made_upon_what_was_seen() {
    let field = Field::new().await;
    let (port, item) = (field.app.port, field.an_item(b"hello").await);
    field.sign_in("officer", port, PASSWORD).await.ends_with(0);
    let show = ["item", "show", &item, "--json"];
    let seen = field
        .ask("officer", port, &show)
        .await
        .ends_with(0)
        .object();
    let tag = text(&seen["etag"]);
    let correct = async |place: &str| {
        let correct = [
            "item",
            "correct",
            &item,
            "--field",
            "place",
            "--value",
            place,
            "--reason",
            "misheard",
            "--if-match",
            &tag,
            "--json",
        ];
        field.ask("officer", port, &correct).await
    };
    correct("the quay").await.ends_with(0);
    let ended = correct("the pier").await.ends_with(1);
    let error = &ended.object()["error"];
    assert_eq!(
        (&error["status"], &error["problem"]),
        (&json!(412), &json!("changed"))
    );
    let seen = field
        .ask("officer", port, &show)
        .await
        .ends_with(0)
        .object();
    assert_ne!(seen["etag"], json!(tag));
    let filed = seen["corrections"].as_array().expect("a list");
    assert_eq!(filed.len(), 1, "{seen}");
    let odd = [
        "item",
        "correct",
        &item,
        "--field",
        "place",
        "--value",
        "x",
        "--reason",
        "y",
        "--if-match",
        "a tag",
    ];
    field.ask("officer", port, &odd).await.ends_with(2);
}
