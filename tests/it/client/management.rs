//! Commands about people, accounts, tokens, sessions, notices, and what needs two persons.

use std::{ffi::OsStr, fs, os::unix::fs::PermissionsExt, time::Duration};

use serde_json::{Value, json};

use super::{Field, commands::PASSWORD, run, text};

const DAY: Duration = Duration::from_secs(25 * 60 * 60);

/// Somebody at a command line of their own, with a session.
struct Desk<'f> {
    field: &'f Field,
    who: &'static str,
}

impl<'f> Desk<'f> {
    async fn of(field: &'f Field, who: &'static str) -> Self {
        let port = field.app.port;
        field.sign_in(who, port, PASSWORD).await.ends_with(0);
        Self { field, who }
    }

    /// A command that works: its JSON.
    async fn does(&self, command: &str) -> Value {
        self.ends(command, 0).await
    }

    async fn ends(&self, command: &str, code: i32) -> Value {
        let arguments: Vec<&str> = command.split(' ').chain(["--json"]).collect();
        let ended = self.field.ask(self.who, self.field.app.port, &arguments);
        ended.await.ends_with(code).object()
    }

    /// What a command says to people.
    async fn says(&self, command: &str) -> String {
        let arguments: Vec<&str> = command.split(' ').collect();
        let ended = self.field.ask(self.who, self.field.app.port, &arguments);
        ended.await.ends_with(0).out
    }
}

fn find<'v>(list: &'v Value, name: &str, value: &str) -> &'v Value {
    let mut all = list["items"].as_array().expect("a list").iter();
    let found = all.find(|one| one[name] == value);
    found.unwrap_or_else(|| panic!("no {name} {value} in {list}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_keeps_people_and_accounts() {
    let field = Field::new().await;
    let admin = Desk::of(&field, "ana").await;
    let added = admin
        .does("person add --name Newcomer --office Bar --login new --role custodian")
        .await;
    let (person, account) = (text(&added["person"]), text(&added["account"]));
    let told = admin.says(&format!("account link {account}")).await;
    let link = told.lines().find_map(|line| line.split_once("/enter#"));
    field.app.enrol(link.expect("a link").1).await;
    let new = Desk::of(&field, "new").await;
    assert_eq!(new.does("me").await["person"], person.as_str());
    // Accounts stand in the list that people read, with what names them.
    let told = admin.says("person list").await;
    let line = told.lines().find(|line| line.contains("Newcomer"));
    assert!(line.is_some_and(|line| line.contains(&account)), "{told}");
    let seen = admin.does(&format!("person show {person}")).await;
    admin.does(&format!("account suspend {account}")).await;
    let tag = text(&seen["etag"]);
    let lift = format!("account lift-suspension {account}");
    let error = admin.ends(&format!("{lift} --if-match {tag}"), 1).await;
    assert_eq!(error["error"]["problem"], "changed", "{error}");
    admin.does(&lift).await;
    admin.does(&format!("person suspend {person}")).await;
    admin
        .does(&format!("person lift-suspension {person}"))
        .await;
    let heir = &field.officer.person;
    admin
        .does(&format!("person leave {person} --successor {heir}"))
        .await;
    let list = admin.does("person list").await;
    assert_eq!(find(&list, "id", &person)["status"], "left");
    admin.does("notice undelivered").await;
    let error = Desk::of(&field, "officer")
        .await
        .ends("person list", 1)
        .await;
    assert_eq!(error["error"]["status"], 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_keeps_their_own_tokens_sessions_and_notices() {
    let field = Field::new().await;
    let officer = Desk::of(&field, "officer").await;
    let out = field.path("new.token");
    let issue = format!(
        "token issue --label van --right read --days 2 --out {}",
        out.display()
    );
    let issued = officer.does(&issue).await;
    assert!(issued["secret"].is_null(), "{issued}");
    let mode = fs::metadata(&out).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let kept = fs::read_to_string(&out).expect("there");
    let me: [&OsStr; 4] = [
        "me".as_ref(),
        "--json".as_ref(),
        "--token-file".as_ref(),
        out.as_ref(),
    ];
    let me = run(field.command(&me)).await.ends_with(0).object();
    assert_eq!(me["person"], field.officer.person.as_str());
    // Nothing is issued whose secret could not be kept.
    let before = officer.does("token list").await;
    officer.ends(&issue, 1).await;
    let after = officer.does("token list").await;
    assert_eq!(before["items"], after["items"]);
    assert_eq!(fs::read_to_string(&out).expect("there"), kept);
    let id = text(&find(&after, "label", "van")["id"]);
    officer.does(&format!("token revoke {id}")).await;
    let list = officer.does("token list").await;
    assert_eq!(find(&list, "id", &id)["status"], "ended");

    let list = officer.does("session list").await;
    let mut sessions = list["items"].as_array().expect("a list").iter();
    let other = sessions.find(|one| one["present"] == false);
    let other = text(&other.expect("that of the test")["id"]);
    officer.does(&format!("session end {other}")).await;
    let error = officer.ends(&format!("session end {other}"), 1).await;
    assert!(error["error"]["status"].is_u64(), "{error}");

    let notices = officer.does("notice list").await;
    let notice = text(&find(&notices, "kind", "role_given")["id"]);
    officer.does(&format!("notice read {notice}")).await;
    let notices = officer.does("notice list").await;
    assert_eq!(find(&notices, "id", &notice)["read"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_persons_hand_a_case_over_and_recover_an_account() {
    let field = Field::new().await;
    field.app.person("second", &["custodian"]).await;
    field.app.clock.put_on(DAY);
    let first = Desk::of(&field, "custodian").await;
    let second = Desk::of(&field, "second").await;
    let admin = Desk::of(&field, "ana").await;
    let list = admin.does("person list").await;
    let officer = find(&list, "id", &field.officer.person);
    let account = text(&officer["accounts"][0]["id"]);
    let asked = admin
        .does(&format!("request recover-account {account} --reason lost"))
        .await;
    let request = text(&asked["id"]);
    admin.ends(&format!("request approve {request}"), 1).await;
    second.does(&format!("request approve {request}")).await;
    let told = admin.says(&format!("request carry-out {request}")).await;
    assert!(told.contains("/enter#"), "{told}");
    let case = &field.case;
    let ask = format!("request transfer-case {case} --authority Hague --reference H1 --reason x");
    let declined = text(&first.does(&ask).await["id"]);
    second.does(&format!("request decline {declined}")).await;
    let withdrawn = text(&first.does(&ask).await["id"]);
    first.does(&format!("request withdraw {withdrawn}")).await;
    let request = text(&first.does(&ask).await["id"]);
    second.does(&format!("request approve {request}")).await;
    first.does(&format!("request carry-out {request}")).await;
    let list = first.does("request list").await;
    for (id, status) in [
        (&declined, "declined"),
        (&withdrawn, "withdrawn"),
        (&request, "done"),
    ] {
        assert_eq!(find(&list, "id", id)["status"], status);
    }
    let case = first.does(&format!("case show {case}")).await;
    assert_eq!(case["case"]["stage"], "transferred");
    let open = "case open --number 26/9 --title";
    let from = text(&first.does(&format!("{open} From")).await["id"]);
    let into = text(&first.does(&format!("{open} Into")).await["id"]);
    first
        .does(&format!("case merge {from} {into} --reason joined"))
        .await;
    let merged = first.does(&format!("case show {from}")).await;
    assert_eq!(merged["links"]["merged_into"]["id"], json!(into));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_reads_what_the_room_found_in_itself() {
    let field = Field::new().await;
    let round = field.app.audit().await;
    let admin = Desk::of(&field, "ana").await;
    let list = admin.does("audits list").await;
    assert_eq!(find(&list, "id", &round)["findings"], 0);
    assert!(admin.says("audits list").await.contains(&round));
    let one = admin.does(&format!("audits show {round}")).await;
    assert_eq!((&one["id"], &one["found"]), (&json!(round), &json!([])));
    let error = Desk::of(&field, "officer")
        .await
        .ends("audits list", 1)
        .await;
    assert_eq!(error["error"]["status"], 403);
}
