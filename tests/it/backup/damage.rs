//! What is damaged in a backup or in the room is named, and nothing else.

use std::{fs, io, path::Path};

use custos::{
    app::backup::{BackupError, Options, Phase, Wish},
    db::{Location, scratch},
};

use super::{Vault, files};

type Damage = fn(&Path) -> io::Result<()>;

/// Ways to damage a file, and what is said of it then.
const WAYS: [(&str, Damage); 4] = [
    ("its bytes were changed", flip),
    ("bytes are there", cut),
    ("bytes are there", extend),
    ("it is missing", remove),
];

fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

fn flip(path: &Path) -> io::Result<()> {
    let mut bytes = fs::read(path)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes)
}

fn cut(path: &Path) -> io::Result<()> {
    let bytes = fs::read(path)?;
    fs::write(path, &bytes[..bytes.len() - 1])
}

fn extend(path: &Path) -> io::Result<()> {
    let mut bytes = fs::read(path)?;
    bytes.push(0);
    fs::write(path, bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_damaged_file_is_named_and_nothing_is_restored() {
    let vault = Vault::new().await;
    vault.back_up().await;
    let backup = vault.at("backup");
    let parts = files(&backup);
    let parts: Vec<_> = parts.iter().filter(|path| path.contains('/')).collect();
    assert!(parts.len() > 6, "{parts:?}");
    for (nth, path) in parts.iter().enumerate() {
        let whole = fs::read(backup.join(path)).expect("read");
        let (what, damage) = WAYS[nth % WAYS.len()];
        damage(&backup.join(path)).expect("damaged");
        for wish in [Wish::Check, Wish::Restore] {
            let found = vault.restore("data", wish).await.expect("it ends");
            assert_eq!(found.damaged.len(), 1, "{path}: {:?}", found.damaged);
            assert_eq!(found.damaged[0].path, **path);
            assert!(found.damaged[0].what.contains(what), "{:?}", found.damaged);
            assert!(!found.restored);
        }
        let left = files(&vault.at("data"));
        assert!(left.is_empty(), "{left:?}");
        fs::write(backup.join(path), whole).expect("mended");
    }
    // The folder is as empty as it was, so a whole backup can be restored into it.
    let found = vault
        .restore("data", Wish::Restore)
        .await
        .expect("restored");
    assert!(found.restored && found.damaged.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_manifest_restores_nothing() {
    let vault = Vault::new().await;
    vault.back_up().await;
    let manifest = vault.at("backup").join("manifest");
    let whole = fs::read(&manifest).expect("read");
    for (_, damage) in &WAYS[..3] {
        damage(&manifest).expect("damaged");
        let refused = vault.restore("data", Wish::EvenDamaged).await;
        let Err(BackupError::Manifest { path, .. }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(path, manifest);
        fs::write(&manifest, &whole).expect("mended");
    }
    assert!(!vault.at("data").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_a_damaged_backup_can_be_restored_if_its_register_is_whole() {
    let vault = Vault::new().await;
    let taken = vault.back_up().await;
    let backup = vault.at("backup");
    let all = files(&backup);
    let objects: Vec<_> = all
        .iter()
        .filter(|path| path.starts_with("objects/"))
        .collect();
    flip(&backup.join(objects[0])).expect("damaged");
    fs::remove_file(backup.join(objects[1])).expect("removed");
    let found = vault
        .restore("data", Wish::EvenDamaged)
        .await
        .expect("it ends");
    assert!(found.restored);
    assert_eq!(found.damaged.len(), 2);
    // The audit of the room finds the same two.
    let report = vault.audit("data").await;
    assert_eq!(report.total, 2, "{:?}", report.findings);
    for path in &objects[..2] {
        let object = path.rsplit_once('/').expect("a path").1;
        let named = |finding: &custos::app::audit::Finding| finding.to_string().contains(object);
        assert!(report.findings.iter().any(named), "{path}");
    }

    let register = backup.join(taken.facts.state).join("register.db");
    flip(&register).expect("damaged");
    let found = vault
        .restore("other", Wish::EvenDamaged)
        .await
        .expect("it ends");
    assert!(!found.restored);
    assert_eq!(files(&vault.at("other")).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_damaged_in_the_backup_since_is_found_by_a_recheck_and_copied_again() {
    let vault = Vault::new().await;
    vault.back_up().await;
    let backup = vault.at("backup");
    let all = files(&backup);
    let object = all
        .iter()
        .find(|path| path.starts_with("objects/"))
        .expect("one");
    let tile = all
        .iter()
        .find(|path| path.starts_with("log/"))
        .expect("one");
    for path in [object, tile] {
        flip(&backup.join(path)).expect("damaged");
    }
    assert_eq!(
        vault.back_up().await.mended,
        0,
        "lengths alone are looked at"
    );
    let recheck = Options {
        recheck: true,
        ..Options::default()
    };
    let taken = vault.try_back_up(recheck, |_| ()).await.expect("taken");
    assert_eq!(taken.mended, 2);
    let found = vault.restore("data", Wish::Check).await.expect("checked");
    assert!(found.damaged.is_empty(), "{:?}", found.damaged);
    // What is shorter is copied again without being asked.
    cut(&backup.join(object)).expect("damaged");
    assert_eq!(vault.back_up().await.mended, 1);
}

/// Objects never change, so what the room gives in other bytes than before is damage in the room,
/// and the copy in the backup, damaged or not, may be the better one.
#[tokio::test(flavor = "multi_thread")]
async fn no_damaged_copy_gives_way_to_a_damaged_original() {
    let vault = Vault::new().await;
    vault.back_up().await;
    let (backup, data) = (vault.at("backup"), vault.source().data);
    let object = files(&backup)
        .into_iter()
        .find(|path| path.starts_with("objects/"))
        .expect("one");
    flip(&backup.join(&object)).expect("damaged");
    extend(&data.join(&object)).expect("damaged");
    let kept = fs::read(backup.join(&object)).expect("read");
    let recheck = Options {
        recheck: true,
        ..Options::default()
    };
    let nothing: Damage = |_| Ok(());
    for damage in [remove, nothing] {
        let taken = vault.try_back_up(recheck, |_| ()).await.expect("taken");
        assert_eq!(taken.mended, 0);
        assert_eq!(taken.facts.lost, std::slice::from_ref(&object));
        assert_eq!(fs::read(backup.join(&object)).expect("still there"), kept);
        damage(&data.join(&object)).expect("damaged");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_room_lost_is_told_and_the_rest_is_backed_up() {
    let vault = Vault::new().await;
    let data = vault.source().data;
    let all = files(&data);
    let object = all
        .iter()
        .find(|path| path.starts_with("objects/"))
        .expect("one");
    fs::remove_file(data.join(object)).expect("removed");
    let taken = vault.back_up().await;
    assert_eq!(taken.facts.lost, std::slice::from_ref(object));
    assert!(
        taken
            .warnings
            .iter()
            .any(|said| said.contains("can't be read"))
    );
    let restored = vault
        .restore("data", Wish::Restore)
        .await
        .expect("restored");
    assert!(restored.restored && restored.damaged.is_empty());
    let report = vault.audit("data").await;
    assert_eq!(report.total, 1, "{:?}", report.findings);
}

/// The register is copied anew when something that it named is gone and not named any more.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_expunged_while_it_is_copied_is_not_in_the_backup() {
    let vault = Vault::new().await;
    let source = vault.source();
    let all = files(&source.data);
    let object = all
        .iter()
        .find(|path| path.starts_with("objects/"))
        .expect("one");
    let id = object.rsplit_once('/').expect("a path").1.to_owned();
    let (mut copies, mut expunged) = (0, false);
    let taken = vault.try_back_up(Options::default(), |now| {
        if now.phase == Phase::Register && now.done == 1 {
            copies += 1;
            if !expunged {
                expunged = true;
                forget(&source.database, &id);
                fs::remove_file(source.data.join(object)).expect("removed");
            }
        }
    });
    let taken = taken.await.expect("taken");
    assert_eq!(copies, 2);
    assert!(taken.facts.lost.is_empty());
    let there = files(&vault.at("backup"));
    assert!(!there.iter().any(|path| path.contains(&id)));
    let found = vault.restore("data", Wish::Check).await.expect("checked");
    assert!(found.damaged.is_empty());
}

/// Takes every row of an object away, as an expungement will.
fn forget(database: &Location, object: &str) {
    let item = format!("(SELECT id FROM items WHERE object_id = x'{object}')");
    scratch::run(
        database,
        &format!(
            "DELETE FROM states WHERE id IN {item}; DELETE FROM objects WHERE id = x'{object}';
             DELETE FROM items WHERE object_id = x'{object}';"
        ),
    );
}
