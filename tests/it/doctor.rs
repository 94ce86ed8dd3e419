//! The doctor beside a room at work, and before rooms that lack something.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use custos::{
    ambient::Ambient,
    app::doctor::{Check, Places, Status, examine},
    db::scratch,
};
use serde_json::json;

use crate::support::bench::Bench;

fn places(bench: &Bench) -> Places {
    let folder = bench.app.folder.path();
    Places {
        data: folder.join("store"),
        database: bench.app.room.pool.location().clone(),
        keys: folder.join("keys"),
        mark: None,
        reserve: 0,
    }
}

async fn examined(places: &Places) -> Vec<Check> {
    let places = places.clone();
    tokio::task::spawn_blocking(move || examine(&places, &Ambient::system()))
        .await
        .expect("no panic")
}

/// What a check found; panics where there is no such check.
fn found<'a>(checks: &'a [Check], name: &str) -> &'a Check {
    let check = checks.iter().find(|check| check.name == name);
    check.unwrap_or_else(|| panic!("no `{name}` in {checks:?}"))
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
}

fn sql(places: &Places, statements: &str) {
    scratch::run(&places.database, statements);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_at_work_is_well() {
    let bench = Bench::new().await;
    let places = places(&bench);
    mode(&places.data, 0o700);
    bench
        .app
        .deposit(&bench.officer, &bench.case, b"a recording")
        .await;
    let checks = examined(&places).await;
    for name in [
        "data folder",
        "register",
        "custody log",
        "clock",
        "store",
        "checkpoint",
        "mark",
    ] {
        let check = found(&checks, name);
        assert_eq!(check.status, Status::Ok, "{check:?}");
        assert!(check.fix.is_none());
    }
    // A temporary folder has one disk.
    assert_eq!(found(&checks, "root key").status, Status::Warning);
    assert!(checks.iter().all(|check| check.name != "restore"));
    assert!(checks.iter().all(|check| check.name != "reserve"));
    // A reserve that is asked for, and not there.
    let reserved = Places {
        reserve: 1 << 20,
        ..places.clone()
    };
    let check = examined(&reserved).await;
    assert_eq!(found(&check, "reserve").status, Status::Failed);
    let file = places.data.join("reserve");
    fs::write(&file, vec![7; 1 << 20]).expect("written");
    let check = examined(&reserved).await;
    assert_eq!(found(&check, "reserve").status, Status::Ok);
    fs::write(&file, b"cut").expect("written");
    let check = examined(&reserved).await;
    assert!(found(&check, "reserve").what.contains("0 of 1 MiB"));
    assert!(checks.iter().all(|check| check.name != "audit"));
    // What the room's own audit found is told.
    let state = places.data.join("audit.json");
    let mut round = json!({"next_at": i64::MAX >> 11, "round": null, "last": null});
    for (last, status) in [
        (json!(null), Status::Ok),
        (json!({"ended_at": 0, "findings": 0}), Status::Ok),
        (json!({"ended_at": 0, "findings": 2}), Status::Failed),
    ] {
        round["last"] = last;
        fs::write(&state, round.to_string()).expect("written");
        assert_eq!(found(&examined(&places).await, "audit").status, status);
    }
    round["next_at"] = json!(0);
    for last in [json!({"ended_at": 0, "findings": 0}), json!(null)] {
        round["last"] = last;
        fs::write(&state, round.to_string()).expect("written");
        let checks = examined(&places).await;
        assert_eq!(found(&checks, "audit").status, Status::Warning);
    }
    bench
        .app
        .deposit(&bench.officer, &bench.case, b"another one")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named_with_a_way_out() {
    let bench = Bench::new().await;
    let places = places(&bench);
    mode(&places.data, 0o700);
    bench.app.room.publisher.publish().await.expect("published");
    let failing = |checks: &[Check], name: &str, said: &str| {
        let check = found(checks, name);
        assert_eq!(check.status, Status::Failed, "{check:?}");
        assert!(check.what.contains(said), "{check:?}");
        assert!(check.fix.is_some(), "{check:?}");
    };

    mode(&places.data, 0o755);
    failing(&examined(&places).await, "data folder", "everyone");
    mode(&places.data, 0o750);
    let checks = examined(&places).await;
    assert_eq!(found(&checks, "data folder").status, Status::Warning);
    mode(&places.data, 0o700);

    let key = places.keys.join("root.key");
    mode(&key, 0o644);
    failing(&examined(&places).await, "root key", "read by others");
    mode(&key, 0o600);
    let line = fs::read_to_string(&key).expect("read");
    let other = line.replacen("custos-root-key-v1 ", "custos-root-key-v1 0", 1);
    fs::write(&key, &other).expect("written");
    failing(&examined(&places).await, "root key", "not a root key file");
    let (at, last) = (line.len() - 2, line.as_bytes()[line.len() - 2]);
    let flipped = if last == b'0' { "1" } else { "0" };
    fs::write(&key, format!("{}{flipped}\n", &line[..at])).expect("written");
    failing(&examined(&places).await, "room keys", "");
    fs::write(&key, &line).expect("written");

    let checkpoint = places.data.join("log/checkpoint");
    let note = fs::read_to_string(&checkpoint).expect("read");
    fs::write(
        &checkpoint,
        note.replacen("localhost/log\n", "elsewhere/log\n", 1),
    )
    .expect("written");
    failing(&examined(&places).await, "checkpoint", "not signed");
    fs::write(&checkpoint, "nonsense").expect("written");
    failing(&examined(&places).await, "checkpoint", "not of its form");
    fs::remove_file(&checkpoint).expect("removed");
    let checks = examined(&places).await;
    let check = found(&checks, "checkpoint");
    if scratch::is_served() {
        // A process among others looks after the file, and the doctor looks more than once.
        assert_eq!(check.status, Status::Ok, "{check:?}");
    } else {
        assert_eq!(check.status, Status::Warning);
        assert!(check.what.contains("missing"), "{check:?}");
    }
    fs::write(&checkpoint, &note).expect("written");

    fs::rename(places.data.join("objects"), places.data.join("elsewhere")).expect("moved");
    failing(&examined(&places).await, "store", "no folder for objects");
    fs::rename(places.data.join("elsewhere"), places.data.join("objects")).expect("moved");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_in_the_register_is_named() {
    let bench = Bench::new().await;
    let places = places(&bench);
    bench.app.room.publisher.publish().await.expect("published");
    // A century after everything that a clock of today says.
    sql(
        &places,
        "UPDATE log_head SET time = time + 3153600000000000",
    );
    let checks = examined(&places).await;
    let clock = found(&checks, "clock");
    assert_eq!(clock.status, Status::Failed, "{clock:?}");
    assert!(clock.what.contains("behind the newest entry"), "{clock:?}");

    sql(&places, "UPDATE log_head SET published = published - 1");
    let checks = examined(&places).await;
    assert_eq!(found(&checks, "custody log").status, Status::Failed);

    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000001')";
    sql(&places, newer);
    let checks = examined(&places).await;
    let register = found(&checks, "register");
    assert_eq!(register.status, Status::Failed);
    assert!(register.what.contains("99990101000001"), "{register:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_nothing_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let nowhere = Places {
        data: folder.path().join("data"),
        database: folder.path().join("data/register.db").into(),
        keys: folder.path().join("keys"),
        mark: None,
        reserve: 0,
    };
    let checks = examined(&nowhere).await;
    assert_eq!(found(&checks, "data folder").status, Status::Failed);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    fs::create_dir(&nowhere.data).expect("made");
    mode(&nowhere.data, 0o700);
    let checks = examined(&nowhere).await;
    for name in ["root key", "register", "store"] {
        assert_eq!(found(&checks, name).status, Status::Failed, "{name}");
    }
    assert_eq!(fs::read_dir(&nowhere.data).expect("a folder").count(), 0);
}
