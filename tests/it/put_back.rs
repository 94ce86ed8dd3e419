//! A room that was put back to an older state, through HTTP and beside a witness: the public log
//! alone, and everybody else is told.

use std::{fs, path::Path};

use custos::{
    ambient::Ambient,
    app::{
        Room,
        behind::Elsewhere,
        notices::Outlets,
        open::{Around, Places, open_within},
        witnesses::asking::Outcome,
    },
    peers::witnesses::Witness,
    store::Store,
};
use custos_core::checkpoint::SignedCheckpoint;
use reqwest::{Client, Method, StatusCode, redirect::Policy};

use crate::{
    support::{TestApp, edge, free_port, witness::TestWitness},
    witnesses::{
        ask,
        forks::{copy_folder, grow},
    },
};

const ORIGIN: &str = "room.example/log";

/// Opens what lies in a folder, compared with what these witnesses show.
async fn opened(folder: &Path, witnesses: Vec<Witness>) -> Room {
    let places = Places {
        keys: folder.join("keys"),
        database: folder.join("register.db").into(),
    };
    let store = Store::local(&folder.join("store")).expect("a store");
    let elsewhere = Elsewhere {
        mark: None,
        witnesses,
    };
    let around = Around {
        elsewhere,
        ..Around::default()
    };
    let outlets = Outlets::default();
    let room = open_within(&places, store, Ambient::system(), outlets, around).await;
    room.expect("opens")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_folder_beside_its_mark_serves_the_public_log_alone() {
    let app = TestApp::start_in_file().await;
    let folder = tempfile::tempdir().expect("a folder");
    app.room.publisher.publish().await.expect("published");
    copy_folder(app.folder.path(), folder.path());
    let newer = grow(&app.room, 3).await;
    let mark = |folder: &Path| folder.join("keys").join("published.mark");
    fs::copy(mark(app.folder.path()), mark(folder.path())).expect("kept");

    let room = opened(folder.path(), Vec::new()).await;
    let behind = room.behind.clone().expect("it is behind");
    assert_eq!(behind.held, newer);
    let edge = edge(free_port());
    let base = format!("http://localhost:{}", edge.port);
    let front = custos::http::front::Front::open(room.clone(), &edge).await;
    let front = front.expect("it listens");
    let stopper = front.stopper();
    let served = tokio::spawn(front.run());
    let client = Client::builder().no_proxy().redirect(Policy::none());
    let client = client.build().expect("a client");
    for (method, path, kind) in [
        (Method::GET, "/", "text/html"),
        (Method::GET, "/sign-in", "text/html"),
        (Method::POST, "/sign-in", "text/html"),
        (Method::GET, "/cases", "text/html"),
        (Method::GET, "/api/v1/me", "application/problem+json"),
        (Method::POST, "/api/v1/cases", "application/problem+json"),
        (Method::GET, "/health", "application/problem+json"),
    ] {
        let answer = client.request(method.clone(), format!("{base}{path}"));
        let answer = answer.send().await.expect("an answer");
        let said = format!("{method} {path}");
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{said}");
        let got = answer.headers()["content-type"].to_str().expect("text");
        assert!(got.starts_with(kind), "{said}: {got}");
        // Nothing is better in a while.
        assert!(!answer.headers().contains_key("retry-after"), "{said}");
        let text = answer.text().await.expect("a body");
        for part in [
            "put back to an older state",
            "nothing is given out or changed",
        ] {
            assert!(text.contains(part), "{said}: {text}");
        }
    }
    let get = |path: &str| client.get(format!("{base}{path}")).send();
    let note = get("/log/checkpoint").await.expect("an answer");
    assert_eq!(note.status(), StatusCode::OK);
    let note = SignedCheckpoint::parse(&note.bytes().await.expect("a body")).expect("a note");
    let size = note.verify(&room.log_key).expect("signed").size();
    assert_eq!(size, behind.register);
    let tile = get(&format!("/log/tile/entries/000.p/{size}")).await;
    assert_eq!(tile.expect("an answer").status(), StatusCode::OK);
    let key = get("/log/key").await.expect("an answer");
    assert_eq!(key.status(), StatusCode::OK);
    stopper.stop();
    served.await.expect("no panic").expect("it stops");
}

/// The mark went back with everything else; a witness remembers.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_machine_is_found_by_a_witness_before_it_works() {
    let witness = TestWitness::found("witness.example");
    let app = TestApp::start_in_file_witnessed(ORIGIN, vec![witness.known()]).await;
    let serving = witness.serve(&[(ORIGIN, &app.room.log_key)]).await;
    grow(&app.room, 1).await;
    let folder = tempfile::tempdir().expect("a folder");
    copy_folder(app.folder.path(), folder.path());
    let newer = grow(&app.room, 3).await;
    assert!(matches!(ask(&app.room).await, Outcome::Confirmed(_)));

    let room = opened(folder.path(), vec![witness.known()]).await;
    let behind = room.behind.clone().expect("it is behind");
    assert_eq!(behind.held, newer);
    assert!(behind.held_by.contains("witness"), "{behind}");
    room.publisher
        .publish()
        .await
        .expect_err("nothing is signed");
    drop(room);
    // The room that went on is behind nothing, and a witness that is gone closes none.
    let other = tempfile::tempdir().expect("a folder");
    app.room.publisher.publish().await.expect("published");
    copy_folder(app.folder.path(), other.path());
    assert!(
        opened(other.path(), vec![witness.known()])
            .await
            .behind
            .is_none()
    );
    serving.abort();
    let gone = serving.await;
    assert!(gone.is_err(), "it was ended");
    assert!(
        opened(folder.path(), vec![witness.known()])
            .await
            .behind
            .is_none()
    );
}
