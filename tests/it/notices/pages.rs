//! Notices in the room: on pages, by API, in the head of every page.

use reqwest::Method;
use serde_json::{Value, json};

use super::{addressed, named, sending, telling, wrong};
use crate::support::{TestApp, User, letters::MailSink};

async fn listed(app: &TestApp, user: &User) -> Vec<Value> {
    let listed = app.ask(user, Method::GET, "/notices", None).await;
    listed["items"].as_array().expect("a list").clone()
}

async fn page(app: &TestApp, user: &User, path: &str) -> String {
    app.get(user, path).await.text().await.expect("a page")
}

#[tokio::test(flavor = "multi_thread")]
async fn ones_own_notices_are_counted_listed_and_marked_without_a_script() {
    let app = TestApp::start().await;
    let custodian = app.person("custodian", &["custodian"]).await;
    let officer = app.person("officer", &[]).await;
    assert!(!page(&app, &officer, "/cases").await.contains("unread"));
    let case = app.case(&custodian, &[(&officer, "investigator")]).await;
    app.deposit_told(&officer, &case, wrong("JS/1", "normal"), b"a recording")
        .await;
    let head = page(&app, &officer, "/cases").await;
    assert!(
        head.contains("(2<span class=\"away\"> unread</span>)"),
        "{head}"
    );
    assert!(!page(&app, &custodian, "/cases").await.contains("unread"));
    let shown = page(&app, &officer, "/notices").await;
    assert!(shown.contains("A role on a case") && shown.contains(&format!("/cases/{case}")));
    for word in ["Harbour", "26/0417", "JS/1", "witness"] {
        assert!(!shown.contains(word), "{word}");
    }
    let first = listed(&app, &officer).await[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let answer = app
        .post(&officer, &format!("/notices/{first}/read"), &[])
        .await;
    assert_eq!(answer.status(), 303);
    assert!(page(&app, &officer, "/cases").await.contains("(1<span"));
    // Somebody else's is answered as one that never was.
    let stranger = app.person("stranger", &[]).await;
    let mut answers = Vec::new();
    for id in [first, "0".repeat(32)] {
        let path = format!("/notices/{id}/read");
        let answer = app.api(&stranger, Method::POST, &path, None).await;
        answers.push((
            answer.status().as_u16(),
            answer.text().await.expect("a body"),
        ));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].0, 404);
    app.post(&officer, "/notices/read", &[]).await;
    assert!(!page(&app, &officer, "/notices").await.contains("unread"));
    let read = listed(&app, &officer).await;
    assert!(read.iter().all(|notice| notice["read"] == true), "{read:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restricted_item_is_told_to_nobody_who_may_not_know_of_it() {
    let app = TestApp::start().await;
    let custodian = app.person("custodian", &["custodian"]).await;
    let officer = app.person("officer", &[]).await;
    let prosecutor = app.person("prosecutor", &[]).await;
    let judge = app.person("judge", &[]).await;
    let counsel = app.person("counsel", &[]).await;
    let people = [
        (&officer, "investigator"),
        (&prosecutor, "prosecutor"),
        (&judge, "judge"),
    ];
    let case = app.case(&custodian, &people).await;
    let party = json!({"side": "defence", "name": "D."});
    let path = format!("/cases/{case}/parties");
    let party = app.ask(&custodian, Method::POST, &path, Some(party)).await;
    let role = json!({"person": counsel.person, "role": "defence", "party": party["id"]});
    let path = format!("/cases/{case}/people");
    app.ask(&custodian, Method::POST, &path, Some(role)).await;
    let before: Vec<usize> = count(&app, [&prosecutor, &judge, &counsel, &custodian]).await;
    app.deposit_told(&officer, &case, wrong("JS/1", "restricted"), b"a secret")
        .await;
    assert_eq!(
        count(&app, [&prosecutor, &judge, &counsel, &custodian]).await,
        before
    );
    // What was served and is restricted later is there no more, in list and head alike.
    let made = app.deposit(&officer, &case, b"a note").await;
    let item = made["item"].as_str().expect("an id");
    let path = format!("/items/{item}/servings");
    let to = json!({"party": party["id"]});
    app.ask(&prosecutor, Method::POST, &path, Some(to)).await;
    assert!(page(&app, &counsel, "/notices").await.contains(item));
    let path = format!("/items/{item}/restriction");
    app.ask(&judge, Method::PUT, &path, None).await;
    let shown = page(&app, &counsel, "/notices").await;
    assert!(
        !shown.contains(item) && !shown.contains("Something to read"),
        "{shown}"
    );
    assert!(shown.contains("(1<span"), "{shown}");
    assert_eq!(
        count(&app, [&prosecutor, &judge, &counsel, &custodian]).await,
        before
    );
}

async fn count(app: &TestApp, users: [&User; 4]) -> Vec<usize> {
    let mut counts = Vec::new();
    for user in users {
        counts.push(listed(app, user).await.len());
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_confirmed_on_its_page() {
    let sink = MailSink::start().await;
    let app = telling(Some(&sink), vec![]).await;
    let job = sending(&app);
    let officer = app.person("officer", &[]).await;
    let shown = page(&app, &officer, "/mail").await;
    assert!(shown.contains("Send a letter to confirm it") && !shown.contains("no letters"));
    for odd in ["officer", "a@b.example, c@d.example", ""] {
        let answer = app.post(&officer, "/mail", &[("mail", odd)]).await;
        assert_eq!(answer.status(), 400, "{odd}");
    }
    let code = named(&app, &sink, &officer, "officer@agency.example", 1).await;
    let other = app.person("other", &[]).await;
    for (user, code) in [(&other, code.as_str()), (&officer, "1-2"), (&officer, "")] {
        let answer = app.post(user, "/mail/confirm", &[("secret", code)]).await;
        assert_eq!(answer.status(), 400, "{code}");
    }
    // The code is never in an address that the server sees: it is exchanged by POST alone.
    let answer = app.get(&officer, &format!("/mail?secret={code}")).await;
    assert!(
        !answer
            .text()
            .await
            .expect("a page")
            .contains("Letters go to")
    );
    addressed(&app, &sink, &officer, "new@agency.example", 2).await;
    let late = app
        .post(&officer, "/mail/confirm", &[("secret", &code)])
        .await;
    assert_eq!(late.status(), 400, "its address was replaced");
    let gone = app.post(&officer, "/mail/remove", &[]).await;
    assert_eq!(gone.status(), 200);
    assert!(
        sink.letter(3)
            .await
            .body()
            .contains("mail address of your account was changed")
    );
    let silent = TestApp::start().await;
    let officer = silent.person("officer", &[]).await;
    assert!(
        page(&silent, &officer, "/mail")
            .await
            .contains("This room sends no letters")
    );
    let refused = silent
        .post(&officer, "/mail", &[("mail", "a@b.example")])
        .await;
    assert_eq!(refused.status(), 409);
    job.abort();
}
