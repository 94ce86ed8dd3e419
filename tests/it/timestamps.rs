//! Time authorities: checkpoints that are stamped, judged by `openssl ts`, and authorities that
//! answer what they should not.

mod asked;

use std::{io::Cursor, time::Duration};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use custos::{
    ambient::Ambient,
    app::{
        Room,
        clock::{self, About},
        timestamps::{Outcome, Sender, When, stamp},
    },
    db::timestamps::{self, Stamped},
    peers::timestamps::Authority,
};
use custos_core::{
    checkpoint::{SignedCheckpoint, TrustPolicy},
    verify::verify,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    TestApp,
    authority::{Manner, TestAuthority},
    bench::Bench,
    witness::answer,
};

const HOUR: Duration = Duration::from_secs(3_600);
const REPLY: &str = "application/timestamp-reply";

/// The same room with these authorities.
fn with(app: &TestApp, authorities: Vec<Authority>) -> Room {
    app.room.clone().stamped_by(authorities)
}

/// One turn of the authority at this place.
async fn turn(room: &Room, at: usize, when: When) -> Outcome {
    // What hangs is given up soon; `openssl` takes a while beside many others.
    let sender = Sender::within(Duration::from_secs(10)).expect("a client");
    let asked = &room.authorities.all()[at];
    stamp(room, &sender, asked, when)
        .await
        .expect("the room is whole")
}

async fn newest(room: &Room) -> Option<Stamped> {
    let newest = room.read(|connection| Ok(timestamps::newest(connection, None)?));
    newest.await.expect("the register can be read")
}

async fn token(room: &Room, size: u64) -> Vec<u8> {
    let token = room.read(move |connection| Ok(timestamps::token(connection, size)?));
    token.await.expect("it can be read").expect("it is there")
}

/// What a checkpoint's token is over: the note as the log signed it.
async fn stamped(app: &TestApp, size: u64) -> Vec<u8> {
    let note = custos::app::witnesses::cosigned(&app.room, size).await;
    let note: SignedCheckpoint = note.expect("a checkpoint");
    note.signed_by(&app.room.log_key).expect("it signed")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stamped_deposit_is_dated_by_somebody_else() {
    let bench = Bench::new().await;
    let app = &bench.app;
    let authority = TestAuthority::start().await;
    let room = with(app, vec![authority.known("notary")]);
    let item = app
        .deposit(&bench.officer, &bench.case, b"a recording")
        .await;
    let item = item["item"].as_str().expect("an id").to_owned();
    app.room.publisher.publish().await.expect("published");
    let before = *app.room.published.borrow();
    let Outcome::Stamped(size, time) = turn(&room, 0, When::Due(HOUR)).await else {
        panic!("it is due");
    };
    assert_eq!(size, before);
    let kept = newest(&room).await.expect("it is kept");
    assert_eq!((kept.size, kept.time, kept.leaf), (size, time, before));
    assert_eq!(kept.authority, "notary");
    let token = token(&room, size).await;
    assert!(authority.judges(&token, &stamped(app, size).await));
    assert!(!authority.judges(&token, b"another checkpoint"));
    assert_eq!(app.kinds_since(before).await, ["timestamp"]);

    let wish = json!({"content": false});
    let path = format!("/items/{item}/bundle");
    let bundle = app
        .api(&bench.officer, Method::POST, &path, Some(wish))
        .await;
    let bundle = bundle.bytes().await.expect("a bundle");
    let trust = |root: &[u8]| {
        let row = json!({"name": "the notary", "certificate": BASE64_STANDARD.encode(root)});
        let file = json!({
            "v": 1, "log_keys": [], "bundle_keys": [], "time_authorities": [row]
        });
        let log = (*app.room.log_key).clone();
        let trust = TrustPolicy::of_log(log).with_trust_json(file.to_string().as_bytes());
        trust.expect("a policy")
    };
    let verified = |trust: &TrustPolicy| {
        let now = Ambient::system().now();
        verify(Cursor::new(&bundle[..]), trust, &[], now, &mut |_| {})
    };
    let found = verified(&trust(&authority.root())).expect("it is stamped");
    let told = &found.timestamps.confirmed[0];
    assert_eq!((told.size, told.time), (size, time));
    let sentence = &found.sentences()[3];
    assert!(sentence.contains("according to `the notary`"), "{sentence}");
    // Whoever asks for another authority is told that it says nothing.
    let other = TestAuthority::start().await;
    let failed = verified(&trust(&other.root())).expect_err("by somebody else");
    assert!(failed.to_string().starts_with("timestamp"), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_at_rest_is_stamped_once() {
    let app = TestApp::start().await;
    let (first, second) = (TestAuthority::start().await, TestAuthority::start().await);
    let room = with(&app, vec![first.known("first"), second.known("second")]);
    app.room.publisher.publish().await.expect("published");
    let Outcome::Stamped(size, _) = turn(&room, 0, When::Due(HOUR)).await else {
        panic!("it is due");
    };
    // The second covers the entry of the first.
    let Outcome::Stamped(next, _) = turn(&room, 1, When::Due(HOUR)).await else {
        panic!("it is due");
    };
    let of_first = room.read(|connection| Ok(timestamps::newest(connection, Some("first"))?));
    let of_first = of_first.await.expect("read").expect("kept");
    assert!(next > of_first.leaf && of_first.size == size);
    for _ in 0..3 {
        app.clock.put_on(2 * HOUR);
        app.room.publisher.publish().await.expect("published");
        for at in [0, 1] {
            assert_eq!(turn(&room, at, When::Due(HOUR)).await, Outcome::NotDue);
        }
    }
    clock::enter(&room, About::Day).await.expect("entered");
    app.room.publisher.publish().await.expect("published");
    assert!(matches!(
        turn(&room, 0, When::Due(HOUR)).await,
        Outcome::Stamped(..)
    ));
    // Too soon, and on demand.
    clock::enter(&room, About::Day).await.expect("entered");
    app.room.publisher.publish().await.expect("published");
    assert_eq!(turn(&room, 0, When::Due(HOUR)).await, Outcome::NotDue);
    assert!(matches!(
        turn(&room, 0, When::Now).await,
        Outcome::Stamped(..)
    ));
}

/// What ends soon is renewed although the log rests, once a day until somebody's newer certificate
/// helps.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_whose_certificate_ends_is_renewed() {
    let app = TestApp::start().await;
    let authority = TestAuthority::start().await;
    let room = with(&app, vec![authority.known("notary")]);
    app.room.publisher.publish().await.expect("published");
    assert!(matches!(
        turn(&room, 0, When::Due(HOUR)).await,
        Outcome::Stamped(..)
    ));
    app.room.publisher.publish().await.expect("published");
    assert_eq!(turn(&room, 0, When::Due(HOUR)).await, Outcome::NotDue);
    let kept = newest(&room).await.expect("it is kept");
    let left = kept.ends.micros() - kept.kept_at.micros();
    let left = Duration::from_micros(u64::try_from(left).expect("it is valid"));
    app.clock.put_on(left - 29 * 24 * HOUR);
    assert!(matches!(
        turn(&room, 0, When::Due(HOUR)).await,
        Outcome::Stamped(..)
    ));
    app.room.publisher.publish().await.expect("published");
    assert_eq!(turn(&room, 0, When::Due(HOUR)).await, Outcome::NotDue);
    app.clock.put_on(25 * HOUR);
    assert!(matches!(
        turn(&room, 0, When::Due(HOUR)).await,
        Outcome::Stamped(..)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_has_a_name_and_leaves_nothing() {
    let app = TestApp::start().await;
    let authority = TestAuthority::start().await;
    let mut asking = authority.known("notary");
    app.room.publisher.publish().await.expect("published");
    let room = with(&app, vec![asking.clone()]);
    // Its answer is what it repeats below; nothing is kept here, because the nonce is another.
    authority.will(Manner::Ended);
    let says = |status, kind: &str, body: &[u8]| Manner::Says(answer(status, kind, body));
    let gibibyte = format!(
        "HTTP/1.1 200 X\r\nContent-Type: {REPLY}\r\nContent-Length: {}\r\n\r\n",
        1_u64 << 30
    );
    let redirect = "HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    let failed = |outcome: Outcome| match outcome {
        Outcome::Failed(told) => told,
        other => panic!("{other:?}"),
    };
    let told = failed(turn(&room, 0, When::Now).await);
    assert!(told.contains("was not valid at the time"), "{told}");
    for (manner, expected) in [
        (Manner::Repeats, "nonce"),
        (Manner::StampsAnother, "another hash"),
        (Manner::Unsorted, "not in the order of DER"),
        (Manner::Endless, "more than 65536 bytes"),
        (Manner::Says(gibibyte.into_bytes()), "more than 65536 bytes"),
        (Manner::Says(redirect.as_bytes().to_vec()), "no redirect"),
        (says(200, "text/html", b"<html>"), "something else than"),
        (says(200, REPLY, b"<html>"), "not of its form"),
        (says(200, REPLY, b""), "not of its form"),
        (says(503, "text/plain", b""), "answered 503"),
        (Manner::Says(Vec::new()), "broke the connection off"),
    ] {
        authority.will(manner);
        let told = failed(turn(&room, 0, When::Now).await);
        assert!(told.contains(expected), "{told}, not {expected}");
        assert_eq!(room.authorities.all()[0].failure(), Some(told));
    }
    authority.will(Manner::Hangs);
    let sender = Sender::within(Duration::from_millis(200)).expect("a client");
    let slow = stamp(&room, &sender, &room.authorities.all()[0], When::Now).await;
    assert_eq!(failed(slow.expect("whole")), "gave no answer in time");
    // A policy that it does not have; then one that nobody asked for.
    asking.policy = Some("1.2.3.5".parse().expect("a policy"));
    let other = with(&app, vec![asking.clone()]);
    let told = failed(turn(&other, 0, When::Now).await);
    assert!(told.contains("under the policy asked for"), "{told}");
    assert_eq!(newest(&room).await, None);
    let size = *app.room.published.borrow();
    assert_eq!(app.kinds_since(size).await, [] as [&str; 0]);

    // Told to, the room takes certificates in any order.
    asking.policy = None;
    asking.any_order = true;
    let lenient = with(&app, vec![asking]);
    authority.will(Manner::Unsorted);
    let outcome = turn(&lenient, 0, When::Now).await;
    assert!(matches!(outcome, Outcome::Stamped(..)), "{outcome:?}");
    assert_eq!(lenient.authorities.all()[0].failure(), None);
}

/// The page says how it is with each authority.
#[tokio::test(flavor = "multi_thread")]
async fn administrators_see_the_authorities() {
    let app = TestApp::start().await;
    let page = app.get(&app.admin, "/witnesses").await;
    let page = page.text().await.expect("a page");
    assert!(page.contains("Time authorities") && page.contains("None are named"));
}

/// What the clock's keeper says, and a jump, are entries of the room with every member there.
#[tokio::test(flavor = "multi_thread")]
async fn the_clock_is_entered() {
    let app = TestApp::start().await;
    let start = app.size().await;
    clock::enter(&app.room, About::Start)
        .await
        .expect("entered");
    clock::enter(&app.room, About::Jump(-2_500_000))
        .await
        .expect("entered");
    assert_eq!(app.kinds_since(start).await, ["clock", "clock"]);
    let reading = tokio::task::spawn_blocking(clock::Reading::take);
    let reading = reading.await.expect("it is read");
    assert!(!reading.source.is_empty());
    let value: Value = json!(reading.synchronised);
    assert!(value.is_null() || value.is_boolean());
}
