//! A copy of a room that goes on by itself under the same key.

use std::{fs, path::Path, time::Duration};

use custos::{
    ambient::Ambient,
    app::{
        Room,
        open::{Places, open},
        people,
        witnesses::{
            conflicts::{self, Kind, Shown},
            elsewhere,
        },
    },
    db::witnesses::{ConflictRow, all_conflicts},
    store::Store,
};
use custos_core::checkpoint::SignedCheckpoint;
use reqwest::Method;

use super::{Outcome, ask};
use crate::support::{TestApp, User, witness::TestWitness};

const ORIGIN: &str = "room.example/log";

/// A room, its witness, and a copy of its folder as it was at the beginning.
struct Forked {
    app: TestApp,
    witness: TestWitness,
    copy: Room,
    _folder: tempfile::TempDir,
}

pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("read") {
        let entry = entry.expect("an entry");
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        let name = entry.file_name();
        if path.is_dir() {
            copy_folder(&path, &to);
        } else if !name.to_string_lossy().ends_with("-shm") {
            // Nothing is written meanwhile, so file and write-ahead log belong together.
            fs::copy(&path, &to).expect("copied");
        }
    }
    let mode = fs::metadata(from).expect("there").permissions();
    fs::set_permissions(to, mode).expect("set");
}

/// Enters something, and publishes it.
pub async fn grow(room: &Room, times: usize) -> u64 {
    for _ in 0..times {
        people::operator_enrolment(room, "ana", Duration::from_secs(60))
            .await
            .expect("a link");
    }
    room.publisher.publish().await.expect("published")
}

async fn forked() -> Forked {
    let witness = TestWitness::found("witness.example");
    let app = TestApp::start_in_file_witnessed(ORIGIN, vec![witness.known()]).await;
    let serving = witness.serve(&[(ORIGIN, &app.room.log_key)]).await;
    drop(serving);
    grow(&app.room, 1).await;
    assert!(matches!(ask(&app.room).await, Outcome::Confirmed(_)));
    let folder = tempfile::tempdir().expect("a folder");
    copy_folder(app.folder.path(), folder.path());
    let places = Places {
        keys: folder.path().join("keys"),
        database: folder.path().join("register.db").into(),
    };
    let store = Store::local(&folder.path().join("store")).expect("a store");
    let copy = open(&places, store, Ambient::system())
        .await
        .expect("opens");
    let copy = copy.witnessed_by(vec![witness.known()]);
    Forked {
        app,
        witness,
        copy,
        _folder: folder,
    }
}

async fn kept(room: &Room) -> Vec<ConflictRow> {
    let kept = room.read(|connection| Ok(all_conflicts(connection)?)).await;
    kept.expect("read")
}

async fn notices(app: &TestApp, user: &User) -> Vec<String> {
    let listed = app.ask(user, Method::GET, "/notices", None).await;
    let items = listed["items"].as_array().expect("a list").iter();
    items
        .map(|notice| notice["kind"].as_str().expect("a kind").to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_history_of_the_same_size_is_caught_by_both_sides() {
    let forked = forked().await;
    let (app, copy) = (&forked.app, &forked.copy);
    let theirs = grow(copy, 2).await;
    assert_eq!(ask(copy).await, Outcome::Confirmed(theirs));
    let ours = grow(&app.room, 2).await;
    assert_eq!(ours, theirs, "of one size");
    assert_eq!(ask(&app.room).await, Outcome::Contradicted);

    let found = kept(&app.room).await;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].kind.as_str(), found[0].size), ("fork", ours));
    let note = |bytes: &[u8]| SignedCheckpoint::parse(bytes).expect("a checkpoint");
    let (own, other) = (
        note(&found[0].ours),
        note(found[0].theirs.as_deref().expect("it was shown")),
    );
    let key = &app.room.log_key;
    let (own, other) = (
        own.verify(key).expect("signed"),
        other.verify(key).expect("signed"),
    );
    assert_eq!(own.size(), other.size());
    assert_ne!(own.root(), other.root());
    // The witness has both too.
    let conflicts = forked.witness.record().conflicts().expect("read");
    assert_eq!(conflicts.len(), 1);

    // It is told once, to administrators; the room goes on.
    assert_eq!(ask(&app.room).await, Outcome::Contradicted);
    assert_eq!(kept(&app.room).await.len(), 1);
    let told = notices(app, &app.admin).await;
    let count = told.iter().filter(|kind| *kind == "conflict_found").count();
    assert_eq!(count, 1, "{told:?}");
    let officer = app.person("officer", &[]).await;
    assert!(
        !notices(app, &officer)
            .await
            .contains(&"conflict_found".into())
    );
    let page = app.get(&app.admin, "/witnesses").await;
    assert_eq!(page.status(), 200);
    let page = page.text().await.expect("a page");
    for part in [
        "contradicts",
        "Another history",
        "neighbour",
        ORIGIN,
        "What was shown",
    ] {
        assert!(page.contains(part), "`{part}` is not on {page}");
    }
    let refused = app.get(&officer, "/witnesses").await;
    assert_eq!(refused.status(), 403);
    grow(&app.room, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_history_is_caught_when_it_has_grown() {
    let forked = forked().await;
    let (app, copy) = (&forked.app, &forked.copy);
    let theirs = grow(copy, 1).await;
    assert_eq!(ask(copy).await, Outcome::Confirmed(theirs));
    grow(&app.room, 5).await;
    assert_eq!(ask(&app.room).await, Outcome::Contradicted);
    let found = kept(&app.room).await;
    assert_eq!((found[0].kind.as_str(), found[0].size), ("fork", theirs));
    assert!(found[0].theirs.is_some() && found[0].proof.starts_with("[\""));
    // Sound again: what continues the witness's record would be confirmed; the copy does.
    let theirs = grow(copy, 1).await;
    assert_eq!(ask(copy).await, Outcome::Confirmed(theirs));
    assert!(kept(copy).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_was_put_back_is_caught() {
    let forked = forked().await;
    let (app, copy) = (&forked.app, &forked.copy);
    let theirs = grow(copy, 9).await;
    assert_eq!(ask(copy).await, Outcome::Confirmed(theirs));
    // It was asked since the start, and has nothing new to ask; after a start it asks at once.
    assert!(matches!(ask(&app.room).await, Outcome::Confirmed(_)));
    let started = app.room.clone().witnessed_by(vec![forked.witness.known()]);
    assert_eq!(ask(&started).await, Outcome::Contradicted);
    grow(&app.room, 1).await;
    assert_eq!(ask(&app.room).await, Outcome::Contradicted);
    let found = kept(&app.room).await;
    assert_eq!(found.len(), 1, "kept once");
    assert_eq!(
        (found[0].kind.as_str(), found[0].size),
        ("rollback", theirs)
    );
    assert!(found[0].theirs.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_shows_another_history_is_heard() {
    let forked = forked().await;
    let (app, copy) = (&forked.app, &forked.copy);
    let note = |room: &Room, size| {
        let room = room.clone();
        async move {
            let signed = custos::app::witnesses::cosigned(&room, size).await;
            signed.expect("published").as_bytes().to_vec()
        }
    };
    let size = grow(&app.room, 2).await;
    let own = note(&app.room, size).await;
    grow(&app.room, 2).await;
    let shown = conflicts::show(&app.room, "a court", &own)
        .await
        .expect("read");
    assert_eq!(shown, Shown::Continues { size });
    let theirs = grow(copy, 1).await;
    let other = note(copy, theirs).await;
    let shown = conflicts::show(&app.room, "a court", &other)
        .await
        .expect("read");
    let (kind, size) = (Kind::Fork, theirs);
    assert_eq!(shown, Shown::Conflict { kind, size });
    for odd in [&b"garbage"[..], b"", &own[1..]] {
        let shown = conflicts::show(&app.room, "a court", odd)
            .await
            .expect("read");
        assert!(matches!(shown, Shown::Foreign(_)));
    }
    assert_eq!(kept(&app.room).await.len(), 1);
}

/// The same without the room: beside it, and taken up by it later.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_elsewhere_is_left_for_the_room() {
    let forked = forked().await;
    let (app, copy) = (&forked.app, &forked.copy);
    let ours = grow(&app.room, 3).await;
    let theirs = grow(copy, 2).await;
    let ahead = grow(copy, 9).await;
    let note = |room: &Room, size| {
        let room = room.clone();
        async move {
            let signed = custos::app::witnesses::cosigned(&room, size).await;
            signed.expect("published").as_bytes().to_vec()
        }
    };
    let notes = [
        note(&app.room, ours).await,
        note(copy, theirs).await,
        note(copy, ahead).await,
        b"garbage".to_vec(),
    ];
    let places = Places {
        keys: app.folder.path().join("keys"),
        database: app.room.pool.location().clone(),
    };
    let data = app.folder.path().join("store");
    let shown = elsewhere::beside(&places, &data, &notes)
        .await
        .expect("compared");
    let conflict = |kind, size| Shown::Conflict { kind, size };
    assert_eq!(
        shown,
        [
            Shown::Continues { size: ours },
            conflict(Kind::Fork, theirs),
            conflict(Kind::Rollback, ahead),
            Shown::Foreign("it is no signed checkpoint"),
        ]
    );
    assert!(kept(&app.room).await.is_empty(), "nothing was written");
    let taken = elsewhere::take_up(&app.room, &data)
        .await
        .expect("taken up");
    assert_eq!(taken, 2);
    let rows = elsewhere::kept(&places).expect("read");
    let mut kinds: Vec<&str> = rows.iter().map(|row| row.kind.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["fork", "rollback"]);
    assert!(rows.iter().all(|row| row.source == "operator"));
    // Once; and what is left again after a crash is known.
    let taken = elsewhere::take_up(&app.room, &data).await.expect("none");
    assert_eq!(taken, 0);
    elsewhere::beside(&places, &data, &notes)
        .await
        .expect("compared");
    elsewhere::take_up(&app.room, &data)
        .await
        .expect("taken up");
    assert_eq!(kept(&app.room).await.len(), 2);
}
