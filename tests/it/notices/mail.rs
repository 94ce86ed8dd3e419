//! Letters, to a server that does what it can to lose them.

use custos::{
    ambient::Ambient,
    app::{
        notices::{Outlets, sending as ways},
        open::{Places, open_telling},
    },
    jobs::notify,
    peers::{
        Then,
        mail::{Letter, Server, Settings},
    },
    store::Store,
};

use super::{QUICK, addressed, sending, telling, undelivered, wrong};
use crate::support::{
    TestApp, User,
    letters::{MailSink, Manner},
};

const MAIL: &str = "officer@agency.example";

/// An officer with a confirmed address on a case; one letter has come.
async fn officer(app: &TestApp, sink: &MailSink) -> (User, String) {
    let custodian = app.person("custodian", &["custodian"]).await;
    let officer = app.person("officer", &[]).await;
    let case = app.case(&custodian, &[(&officer, "investigator")]).await;
    addressed(app, sink, &officer, MAIL, 1).await;
    (officer, case)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_comes_through_whatever_the_server_does_at_first() {
    let sink = MailSink::start().await;
    let app = telling(Some(&sink), vec![]).await;
    let job = sending(&app);
    let (officer, case) = officer(&app, &sink).await;
    sink.will(&[
        Manner::Later,
        Manner::Hangs,
        Manner::Drops,
        Manner::TakesAndDrops,
        Manner::Takes,
    ]);
    let told = wrong("JS/1", "restricted");
    let item = app
        .deposit_told(&officer, &case, told, b"a recording")
        .await;
    let (lost, came) = (sink.letter(2).await, sink.letter(3).await);
    // The one whose acknowledgement was lost and the one after it are the same letter.
    assert_eq!(lost.header("Message-ID"), came.header("Message-ID"));
    let id = came.header("Message-ID").expect("an id");
    assert!(id.ends_with("@room.example>"), "{id}");
    assert_eq!(came.header("Auto-Submitted"), Some("auto-generated"));
    assert_eq!(
        came.header("Content-Type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(
        (came.from.as_str(), came.to.as_str()),
        ("room@agency.example", MAIL)
    );
    let body = came.body();
    assert!(
        body.starts_with("There is something new for you in the room; sign in.\n"),
        "{body}"
    );
    assert!(
        body.contains(&format!("http://localhost:{}/notices", app.port)),
        "{body}"
    );
    // Nothing of what it is about: no title, name, reference or id.
    let item = item["item"].as_str().expect("an id");
    for word in [
        "Harbour", "26/0417", "JS/1", "witness", "Person", item, &case,
    ] {
        assert!(!came.text.contains(word), "`{word}` in {}", came.text);
    }
    app.post(
        &officer,
        "/password",
        &[
            ("old", "several plain words"),
            ("password", "other plain words"),
            ("again", "other plain words"),
        ],
    )
    .await;
    let security = sink.letter(4).await;
    let words = "The password of your account was set.\n";
    assert!(
        security
            .body()
            .to_lowercase()
            .starts_with(&words.to_lowercase())
    );
    assert_eq!(sink.taken().len(), 4);
    job.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_is_refused_is_shown_to_administrators_without_its_address() {
    let sink = MailSink::start().await;
    let app = telling(Some(&sink), vec![]).await;
    let job = sending(&app);
    let (officer, case) = officer(&app, &sink).await;
    sink.will(&[Manner::Refuses]);
    app.deposit_told(&officer, &case, wrong("JS/1", "normal"), b"a recording")
        .await;
    let found = undelivered(&app, 1).await;
    assert_eq!(found[0]["to"], "officer");
    assert_eq!(found[0]["kind"], serde_json::Value::Null);
    assert_eq!(found[0]["attempts"], 1);
    let told = found[0]["told"].as_str().expect("text");
    assert!(
        told.contains("550") && !told.contains("agency.example"),
        "{told}"
    );
    let page = app.get(&app.admin, "/notices/undelivered").await;
    let page = page.text().await.expect("a page");
    assert!(page.contains("550") && page.contains("officer"), "{page}");
    // Nobody else learns that it is there.
    assert_eq!(
        app.get(&officer, "/notices/undelivered").await.status(),
        403
    );
    // In the room it is told all the same.
    let notices = app
        .get(&officer, "/notices")
        .await
        .text()
        .await
        .expect("a page");
    assert!(
        notices.contains("A deposit of yours needs a look"),
        "{notices}"
    );
    job.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_takes_it_ends_in_undelivered() {
    let sink = MailSink::start().await;
    let app = telling(Some(&sink), vec![]).await;
    let job = sending(&app);
    let (officer, case) = officer(&app, &sink).await;
    sink.will(&[Manner::Later; 20]);
    app.deposit_told(&officer, &case, wrong("JS/1", "normal"), b"a recording")
        .await;
    let found = undelivered(&app, 1).await;
    assert_eq!(found[0]["attempts"], QUICK.len() + 1);
    job.abort();
}

fn letter(to: &str) -> Letter {
    Letter {
        id: "0".repeat(32),
        to: to.into(),
        subject: "Something new",
        text: String::from("There is something new.\n").into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn starttls_is_used_and_insisted_on() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let folder = tempfile::tempdir().expect("a folder");
    let sink = MailSink::start_encrypted(folder.path()).await;
    sink.server().test().await.expect("it answers");
    sink.server().send(&letter(MAIL)).await.expect("taken");
    let taken = sink.letter(1).await;
    assert!(taken.encrypted);
    assert_eq!(
        taken.signed_in.as_deref(),
        Some("|room|several plain words")
    );

    // A certificate of somebody else's, and a server that does not offer it: nothing is sent.
    let other = tempfile::tempdir().expect("a folder");
    let stranger = MailSink::start_encrypted(other.path()).await;
    let plain = MailSink::start().await;
    for port in [stranger.port, plain.port] {
        let settings = Settings {
            port: Some(port),
            ..sink.settings()
        };
        let server = Server::new(&settings).expect("good settings");
        let failed = server.send(&letter(MAIL)).await.expect_err("refused");
        assert_eq!(failed.then, Then::Again, "{failed:?}");
        assert!(!failed.told.contains("several plain words"), "{failed:?}");
        server.test().await.expect_err("refused");
    }
    assert!(stranger.taken().is_empty() && plain.taken().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_before_the_process_died_is_sent_by_the_next_one() {
    let sink = MailSink::start().await;
    let app = telling(Some(&sink), vec![]).await;
    let job = sending(&app);
    let (officer, case) = officer(&app, &sink).await;
    // Its job dies; the notice is committed, and nothing has tried to send it.
    job.abort();
    drop(job.await);
    app.deposit_told(&officer, &case, wrong("JS/1", "normal"), b"a recording")
        .await;
    assert_eq!(sink.taken().len(), 1);
    app.stopper.stop();
    let places = Places {
        keys: app.folder.path().join("keys"),
        database: app.room.pool.location().clone(),
    };
    let store = Store::local(&app.folder.path().join("store")).expect("a store");
    let outlets = Outlets {
        room: "http://localhost".into(),
        mail: Some(sink.server()),
        pauses: QUICK,
        ..Outlets::default()
    };
    let next = open_telling(&places, store, Ambient::system(), outlets).await;
    let next = next.expect("the room opens");
    let due = ways::due(&next, ways::SentBy::Mail)
        .await
        .expect("looked up");
    assert_eq!(due.len(), 1);
    let data = app.folder.path().to_owned();
    let job = tokio::spawn(async move { notify::run(&next, &data).await });
    assert_eq!(sink.letter(2).await.to, MAIL);
    job.abort();
}
