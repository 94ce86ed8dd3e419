//! Witnesses that answer what they should not: each failure has a name, and nobody waits.

use std::{sync::Arc, time::Duration};

use custos::{
    app::witnesses::asking::{self, Outcome, Sender},
    db::witnesses::all_conflicts,
};
use custos_core::checkpoint::{
    Cosigner, NoteSignature,
    witness::{AddCheckpoint, SIZE_MEDIA_TYPE},
};
use tokio::sync::Notify;

use super::{ask, asking as ask_as_serve, checkpoint, until};
use crate::support::{
    TestApp,
    bench::Bench,
    witness::{Manner, Stub, answer, cosigned, seconds},
};

const ORIGIN: &str = "room.example/log";

async fn room(stub: &Stub) -> TestApp {
    let app = TestApp::start_witnessed(ORIGIN, vec![stub.known()]).await;
    app.room.publisher.publish().await.expect("published");
    app
}

/// Why nothing was confirmed.
async fn failure(app: &TestApp) -> String {
    match ask(&app.room).await {
        Outcome::Failed { told, .. } => told,
        other => panic!("{other:?}"),
    }
}

fn says(status: u16, kind: &'static str, body: impl Into<Vec<u8>>) -> Manner {
    let body = body.into();
    Manner::Says(Box::new(move |_| answer(status, kind, &body)))
}

/// Answers 200 with these lines.
fn lines(lines: impl Fn(&AddCheckpoint) -> Vec<NoteSignature> + Send + 'static) -> Manner {
    Manner::Says(Box::new(move |request| {
        let text: String = lines(request).iter().map(NoteSignature::to_line).collect();
        answer(200, "text/plain", text.as_bytes())
    }))
}

fn other(seed: u8) -> Cosigner {
    let name = format!("witness{seed}.example");
    Cosigner::from_seed(&name, &[seed; 32]).expect("a key")
}

fn text(request: &AddCheckpoint) -> &str {
    request.checkpoint.note().text()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_failure_has_a_name_and_confirms_nothing() {
    let stub = Stub::start().await;
    let app = room(&stub).await;
    let own = || stub.cosigner.clone();
    let sized = |body: &str| says(409, SIZE_MEDIA_TYPE, body);
    let twice = own();
    let late = own();
    let early = own();
    let elsewhere = own();
    let among = own();
    let cases: Vec<(Manner, &str)> = vec![
        (says(200, "text/plain", ""), "not lines of signatures"),
        (
            says(200, "text/plain", "garbage\n"),
            "not lines of signatures",
        ),
        (
            says(200, "text/plain", [0xff, 0xfe, b'\n']),
            "not lines of signatures",
        ),
        (
            says(200, "text/plain", "x".repeat(17_000)),
            "more than 16384 bytes",
        ),
        (
            lines(|request| vec![other(7).cosign(text(request), seconds())]),
            "no signature of the witness's key",
        ),
        (
            lines(move |request| {
                let line = twice.cosign(text(request), seconds());
                vec![line.clone(), line]
            }),
            "two signatures of one key",
        ),
        (
            lines(move |request| {
                let others = (10..26).map(|seed| other(seed).cosign(text(request), seconds()));
                others
                    .chain([among.cosign(text(request), seconds())])
                    .collect()
            }),
            "more than 16 signatures",
        ),
        (
            lines(move |request| vec![late.cosign(text(request), seconds() + 3_600)]),
            "300 s from the clock",
        ),
        (
            lines(move |request| vec![early.cosign(text(request), 0)]),
            "300 s from the clock",
        ),
        (
            lines(move |_| vec![elsewhere.cosign("another\n1\ntext\n", seconds())]),
            "does not verify",
        ),
        (sized("07\n"), "not a size"),
        (sized("18446744073709551616\n"), "not a size"),
        (sized("9007199254740992\n"), "not a size"),
        (sized("7\r\n"), "not a size"),
        (sized(""), "not a size"),
        (sized("0\n"), "the size that it was asked from"),
        (
            says(400, "text/plain", "no"),
            "answered 400: it takes the request for malformed",
        ),
        (
            says(403, "text/plain", "no"),
            "answered 403: it knows another key of this log",
        ),
        (
            says(404, "text/plain", "no"),
            "answered 404: it does not know this log",
        ),
        (says(204, "text/plain", ""), "answered 204"),
        (says(429, "text/plain", "no"), "answered 429"),
        (says(500, "text/plain", "no"), "answered 500"),
        (
            Manner::Says(Box::new(|_| {
                b"HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
                    .to_vec()
            })),
            "no redirect is followed",
        ),
        (
            Manner::Says(Box::new(|_| {
                b"HTTP/1.1 200 X\r\nContent-Length: 1073741824\r\n\r\n".to_vec()
            })),
            "more than 16384 bytes",
        ),
        (Manner::Endless, "more than 16384 bytes"),
        (Manner::Drops, "broke the connection off"),
        (
            Manner::Says(Box::new(|_| b"garbage\r\n\r\n".to_vec())),
            "broke the connection off",
        ),
    ];
    let count = cases.len();
    for (manner, why) in cases {
        stub.will(manner);
        let told = failure(&app).await;
        assert!(told.contains(why), "`{told}` does not say `{why}`");
        assert!(told.len() <= 160 && !told.contains("http"), "{told}");
    }
    assert_eq!(stub.asked().len(), count, "one request each");
    assert_eq!(checkpoint(&app).await.note().signatures().len(), 1);
    // And then it confirms.
    assert!(matches!(ask(&app.room).await, Outcome::Confirmed(_)));
    assert_eq!(checkpoint(&app).await.note().signatures().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_heeded_within_bounds() {
    let stub = Stub::start().await;
    let app = room(&stub).await;
    for (said, heeded) in [("120", 120), ("999999999", 3_600), ("-1", 0), ("soon", 0)] {
        let head = format!("HTTP/1.1 429 X\r\nRetry-After: {said}\r\nContent-Length: 0\r\n\r\n");
        stub.will(Manner::Says(Box::new(move |_| head.clone().into_bytes())));
        let Outcome::Failed { after, .. } = ask(&app.room).await else {
            panic!("it failed");
        };
        assert_eq!(after, Duration::from_secs(heeded), "{said}");
    }
}

/// A witness that says so without showing it: kept once, and told.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_said_is_kept_as_such() {
    let stub = Stub::start().await;
    let app = room(&stub).await;
    for manner in [
        says(422, "text/plain", "no"),
        says(409, "text/plain", "another root"),
        says(422, "text/plain", "no"),
        says(409, SIZE_MEDIA_TYPE, "1000000\n"),
        says(409, SIZE_MEDIA_TYPE, "2000000\n"),
    ] {
        stub.will(manner);
        assert_eq!(ask(&app.room).await, Outcome::Contradicted);
    }
    let kept = app
        .room
        .read(|connection| Ok(all_conflicts(connection)?))
        .await;
    let kept = kept.expect("read");
    let mut kinds: Vec<&str> = kept.iter().map(|row| row.kind.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["fork", "rollback"]);
    assert!(
        kept.iter()
            .all(|row| row.theirs.is_none() && row.source == "neighbour")
    );
}

/// A witness that refuses and shows what the log continues: nothing contradicts anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_beside_a_checkpoint_that_fits_is_no_contradiction() {
    let stub = Stub::start().await;
    let app = room(&stub).await;
    let note = app.room.store.get_public("checkpoint").await;
    stub.shows(note.expect("published").to_vec());
    stub.will(says(422, "text/plain", "no"));
    assert!(failure(&app).await.contains("that the log continues"));
    let kept = app.room.read(|connection| Ok(all_conflicts(connection)?));
    assert!(kept.await.expect("read").is_empty());
}

/// A witness whose record is behind or ahead names its size, and is asked again from there.
#[tokio::test(flavor = "multi_thread")]
async fn the_size_that_a_witness_names_is_adopted() {
    let stub = Stub::start().await;
    let app = room(&stub).await;
    stub.will(says(409, SIZE_MEDIA_TYPE, "2\n"));
    assert!(matches!(ask(&app.room).await, Outcome::Confirmed(_)));
    let asked = stub.asked();
    let requests: Vec<AddCheckpoint> = asked
        .iter()
        .map(|body| AddCheckpoint::parse(body).expect("a request"))
        .collect();
    assert_eq!((requests[0].old, requests[0].proof.len()), (0, 0));
    assert_eq!(requests[1].old, 2);
    assert!(!requests[1].proof.is_empty());
    let newest = requests[1].checkpoint.checkpoint().size();
    // One that names another size each time is left alone for a while.
    app.person("one", &[]).await;
    app.room.publisher.publish().await.expect("published");
    for size in [1, 2, 3, 4] {
        stub.will(says(409, SIZE_MEDIA_TYPE, format!("{size}\n")));
    }
    assert!(failure(&app).await.contains("another size each time"));
    // After a restart it goes on from what was confirmed.
    let before = stub.asked().len();
    assert!(matches!(ask(&app.room).await, Outcome::Confirmed(_)));
    let request = AddCheckpoint::parse(&stub.asked()[before]).expect("a request");
    assert_eq!(request.old, newest);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_gives_no_answer_is_given_up() {
    let stub = Stub::start().await;
    let app = room(&stub).await;
    stub.will(Manner::Hangs(Arc::new(Notify::new())));
    let sender = Sender::within(Duration::from_millis(300)).expect("a client");
    let watched = &app.room.witnesses.all()[0];
    let outcome = asking::ask(&app.room, &sender, watched)
        .await
        .expect("asked");
    let Outcome::Failed { told, .. } = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(told, "gave no answer in time");
    // A port on which nobody listens.
    let mut known = stub.known();
    known.submission = crate::support::witness::at(1, &known.key).submission;
    let nobody = app.room.clone().witnessed_by(vec![known]);
    assert!(matches!(
        ask(&nobody).await,
        Outcome::Failed { told, .. } if told == "could not be reached"
    ));
}

/// The witness holds its answer back until the deposit has been acknowledged: would the deposit
/// wait for it, neither would ever come.
#[tokio::test(flavor = "multi_thread")]
async fn deposits_do_not_wait_for_witnesses() {
    let stub = Stub::start().await;
    let held = Arc::new(Notify::new());
    stub.will(Manner::Hangs(held.clone()));
    let app = TestApp::start_witnessed(ORIGIN, vec![stub.known()]).await;
    let job = ask_as_serve(&app.room);
    until("the request", || async { !stub.asked().is_empty() }).await;
    let bench = Bench::at(app).await;
    let app = &bench.app;
    let deposited = app
        .deposit(&bench.officer, &bench.case, b"a recording")
        .await;
    let item = deposited["item"].as_str().expect("an id").to_owned();
    // Nor does a receipt: that witness has not answered yet.
    let path = format!("/items/{item}/receipt");
    let receipt = app
        .api(&bench.officer, reqwest::Method::GET, &path, None)
        .await;
    assert_eq!(receipt.status(), 200);
    assert_eq!(stub.asked().len(), 1, "the answer is still held back");
    held.notify_one();
    until("a cosignature", || async {
        checkpoint(app).await.note().signatures().len() == 2
    })
    .await;
    job.abort();
}

/// Lines of others are passed over: the witness's own among them counts.
#[tokio::test(flavor = "multi_thread")]
async fn a_witness_may_have_more_keys_than_one() {
    let stub = Stub::start().await;
    let app = room(&stub).await;
    let own = stub.cosigner.clone();
    stub.will(lines(move |request| {
        let at = seconds();
        vec![
            other(7).cosign(text(request), at),
            own.cosign(text(request), at),
        ]
    }));
    assert!(matches!(ask(&app.room).await, Outcome::Confirmed(_)));
    let signed = checkpoint(&app).await;
    let lines = signed.note().signatures();
    assert_eq!(lines.len(), 2);
    assert!(lines[1].is_by(stub.cosigner.verifier_key()));
    // The stub's own answer is what the helper makes of a request.
    let request = AddCheckpoint::parse(&stub.asked()[0]).expect("a request");
    assert!(cosigned(&stub.cosigner, &request).starts_with(b"HTTP/1.1 200"));
}
