//! What a backup and a restore refuse, and that nothing is changed then.

use std::fs;

use custos::{
    ambient::Ambient,
    app::backup::{self, BackupError, Options, Phase, Source, Wish},
    db::{Location, scratch},
};

use super::{Vault, files};

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_something_else_is_not_touched() {
    let vault = Vault::new().await;
    fs::create_dir(vault.at("backup")).expect("made");
    fs::write(vault.at("backup").join("notes.txt"), b"mine").expect("written");
    let refused = vault.try_back_up(Options::default(), |_| ()).await;
    assert!(
        matches!(refused, Err(BackupError::Stranger(_))),
        "{refused:?}"
    );
    assert_eq!(files(&vault.at("backup")).len(), 1);
    let refused = vault.restore("data", Wish::Restore).await;
    assert!(
        matches!(refused, Err(BackupError::NoBackup(_))),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_lies_outside_of_the_room() {
    let vault = Vault::new().await;
    let source = vault.source();
    let inside = source.data.join("backup");
    let around = vault.room().to_owned();
    for to in [&inside, &source.data, &around] {
        let ambient = Ambient::system();
        let refused = backup::take(&source, to, Options::default(), &ambient, |_| ()).await;
        assert!(
            matches!(refused, Err(BackupError::Within(_))),
            "{refused:?}"
        );
    }
    assert!(!inside.exists());
    vault.back_up().await;
    let restored = vault.restore("backup/data", Wish::Restore).await;
    assert!(
        matches!(restored, Err(BackupError::Within(_))),
        "{restored:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_backups_to_one_folder_are_one_too_many() {
    let vault = Vault::new().await;
    let (source, to) = (vault.source(), vault.at("backup"));
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (started, mut running) = tokio::sync::mpsc::unbounded_channel();
    let first = tokio::task::spawn_blocking(move || {
        let progress = move |now: backup::Progress| {
            if now.phase == Phase::Register && now.done == 1 {
                started.send(()).expect("somebody waits");
                wait.recv().expect("told to go on");
            }
        };
        let ambient = Ambient::system();
        let taken = backup::take(&source, &to, Options::default(), &ambient, progress);
        tokio::runtime::Handle::current().block_on(taken)
    });
    running.recv().await.expect("it runs");
    let second = vault.try_back_up(Options::default(), |_| ()).await;
    go.send(()).expect("it waits");
    assert!(matches!(second, Err(BackupError::Busy(_))), "{second:?}");
    first.await.expect("no panic").expect("taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_restored_into_an_empty_folder_only() {
    let vault = Vault::new().await;
    vault.back_up().await;
    fs::create_dir(vault.at("data")).expect("made");
    fs::write(vault.at("data").join("register.db"), b"another room").expect("written");
    for wish in [Wish::Restore, Wish::EvenDamaged] {
        let refused = vault.restore("data", wish).await;
        assert!(
            matches!(refused, Err(BackupError::NotEmpty(_))),
            "{refused:?}"
        );
    }
    assert_eq!(files(&vault.at("data")).len(), 1);
    fs::create_dir_all(vault.at("fresh").join("lost+found")).expect("made");
    vault
        .restore("fresh", Wish::Restore)
        .await
        .expect("a fresh disk");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_was_cut_leaves_no_room_and_begins_again() {
    let vault = Vault::new().await;
    vault.back_up().await;
    let (from, data, keys) = (vault.at("backup"), vault.at("data"), vault.at("keys"));
    let cut = tokio::spawn(async move {
        let progress = |now: backup::Progress| {
            assert!(
                now.phase != Phase::Objects || now.done < 2,
                "cut by the test"
            );
        };
        let ambient = Ambient::system();
        backup::restore(&from, (&data, &keys), Wish::Restore, &ambient, progress).await
    });
    assert!(cut.await.expect_err("it is cut").is_panic());
    let unfinished = backup::refuse_unfinished(&vault.at("data"));
    assert!(matches!(unfinished, Err(BackupError::HalfRestored(_))));
    let opened = vault.opened("data").await.expect_err("no room");
    assert!(
        matches!(opened, custos::app::open::OpenError::NoRoom),
        "{opened:?}"
    );
    vault
        .restore("data", Wish::Restore)
        .await
        .expect("restored");
    backup::refuse_unfinished(&vault.at("data")).expect("finished");
    assert!(vault.audit("data").await.is_sound());
}

/// A crash between the register's rename and the mark's end, and a backup that was damaged since.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_was_cut_at_its_end_is_cleared_away_whole() {
    let vault = Vault::new().await;
    vault.back_up().await;
    let data = vault.at("data");
    vault
        .restore("data", Wish::Restore)
        .await
        .expect("restored");
    fs::write(data.join("restoring"), "").expect("marked");
    let backup = vault.at("backup");
    let all = files(&backup);
    let object = all.iter().find(|path| path.starts_with("objects/"));
    fs::remove_file(backup.join(object.expect("one"))).expect("damaged");
    let told = vault.restore("data", Wish::Restore).await.expect("it ends");
    assert!(!told.restored && !told.damaged.is_empty());
    assert!(files(&data).is_empty(), "{:?}", files(&data));
    backup::refuse_unfinished(&data).expect("nothing is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_went_back_or_forked_does_not_replace_its_backup() {
    let vault = Vault::new().await;
    vault.back_up().await;
    vault
        .restore("older", Wish::Restore)
        .await
        .expect("restored");
    vault.deposit(5).await;
    let newer = vault.back_up().await;
    let older = Source {
        data: vault.at("older"),
        database: vault.at("older").join("register.db").into(),
        keys: vault.room().join("keys"),
    };
    let to = vault.at("backup");
    let back_up = || async {
        let ambient = Ambient::system();
        backup::take(&older, &to, Options::default(), &ambient, |_| ()).await
    };
    let refused = back_up().await;
    let Err(BackupError::WentBack { there, here, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(there, newer.facts.size);
    assert!(here < there);

    // The same older room, as it would look after it grew into another history.
    // A size that the head agrees with, and a checkpoint that is not the one backed up.
    let (size, published) = (newer.facts.size, newer.facts.published);
    let live = vault.source().database;
    scratch::run(
        &older.database,
        &format!(
            "ATTACH '{}' AS live;
             UPDATE log_head SET (size, root, edge, published) =
                 (SELECT size, root, edge, {published} FROM live.log_head);
             INSERT INTO checkpoints SELECT * FROM live.checkpoints
                 WHERE size NOT IN (SELECT size FROM main.checkpoints);
             UPDATE checkpoints SET note = x'00' WHERE size = {published};",
            live.file().expect("a file").display()
        ),
    );
    let refused = back_up().await;
    let Err(BackupError::Forked { size: at, .. }) = refused else {
        panic!("{refused:?}, size {size}");
    };
    assert_eq!(at, published);
    let check = vault.restore("unused", Wish::Check).await.expect("checked");
    assert!(check.damaged.is_empty());
    assert_eq!(check.facts, newer.facts);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_room_does_not_replace_a_backup() {
    let (vault, other) = (Vault::new().await, Vault::new().await);
    let taken = vault.back_up().await;
    let to = vault.at("backup");
    let (source, ambient) = (other.source(), Ambient::system());
    let refused = backup::take(&source, &to, Options::default(), &ambient, |_| ()).await;
    let Err(BackupError::OtherRoom { room, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(room, taken.facts.room);
    let check = vault.restore("unused", Wish::Check).await.expect("checked");
    assert!(check.damaged.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_newer_version_is_refused_by_name() {
    let vault = Vault::new().await;
    vault.back_up().await;
    let path = vault.at("backup").join("manifest");
    let text = fs::read_to_string(&path).expect("read");
    let mut manifest = backup::Manifest::parse(&text).expect("whole");
    manifest.facts.schema = "99990101000001".into();
    manifest.facts.program = "9.9.9".into();
    fs::write(&path, manifest.to_text()).expect("written");
    let refused = vault.restore("data", Wish::Restore).await;
    let said = refused.expect_err("refused").to_string();
    assert!(
        said.contains("9.9.9") && said.contains("99990101000001"),
        "{said}"
    );
    assert!(!vault.at("data").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_register_makes_no_backup_and_spoils_none() {
    let vault = Vault::new().await;
    let taken = vault.back_up().await;
    vault
        .restore("copy", Wish::Restore)
        .await
        .expect("restored");
    let database = vault.at("copy").join("register.db");
    let mut bytes = fs::read(&database).expect("read");
    let page = 4_096;
    bytes[page * 3..page * 20].fill(0xff);
    fs::write(&database, bytes).expect("written");
    let source = Source {
        data: vault.at("copy"),
        database: database.into(),
        keys: vault.room().join("keys"),
    };
    let to = vault.at("backup");
    let ambient = Ambient::system();
    let refused = backup::take(&source, &to, Options::default(), &ambient, |_| ()).await;
    let refused = refused.expect_err("refused");
    assert!(!to.join("register.unfinished").exists());
    assert!(
        matches!(
            refused,
            BackupError::Register(_) | BackupError::Copy(_) | BackupError::Db(_)
        ),
        "{refused:?}"
    );
    let check = vault.restore("unused", Wish::Check).await.expect("checked");
    assert!(check.damaged.is_empty());
    assert_eq!(check.facts, taken.facts);
    vault.back_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_on_a_server_is_left_to_its_own_tools() {
    let vault = Vault::new().await;
    let source = Source {
        database: Location::server("postgres://u:secret@127.0.0.1:1/room").expect("a URL"),
        ..vault.source()
    };
    let (to, ambient) = (vault.at("backup"), Ambient::system());
    let refused = backup::take(&source, &to, Options::default(), &ambient, |_| ()).await;
    let said = refused.expect_err("refused").to_string();
    assert!(
        said.contains("pg_dump") && !said.contains("secret"),
        "{said}"
    );
    assert!(!to.exists());
    // A backup holds a register in a file, which is not put beside a server's.
    vault.back_up().await;
    let restored = std::process::Command::new(env!("CARGO_BIN_EXE_custos"))
        .args(["restore", "--from"])
        .env_remove("CUSTOS_CONFIG")
        .arg(&to)
        .env("CUSTOS_DATABASE", "postgres://u:secret@127.0.0.1:1/room")
        .env("CUSTOS_DATA", vault.at("restored"))
        .env("CUSTOS_KEYS", vault.at("keys"))
        .output()
        .expect("it runs");
    assert_eq!(restored.status.code(), Some(1));
    let said = String::from_utf8_lossy(&restored.stderr);
    assert!(
        said.contains("pg_restore") && !said.contains("secret"),
        "{said}"
    );
    assert!(!vault.at("restored").exists());
}
