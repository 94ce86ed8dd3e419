//! Backups of a room at work, and what is restored from them.

mod damage;
mod refusals;

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use custos::{
    ambient::Ambient,
    app::{
        Room,
        audit::{self, Options as AuditOptions, Report},
        backup::{
            self, BackupError, Options, Phase, Progress, Restored, RootKey, Source, Taken, Wish,
        },
        open::{OpenError, Places, open},
    },
    store::Store,
};
use tempfile::TempDir;

use crate::support::{TestApp, bench::Bench};

/// A room at work with three items, and a place for backups.
struct Vault {
    bench: Bench,
    folder: TempDir,
}

impl Vault {
    async fn new() -> Self {
        let vault = Self {
            bench: Bench::at(TestApp::start_in_file().await).await,
            folder: tempfile::tempdir().expect("a folder"),
        };
        for size in [0, 20, 100_000] {
            vault.deposit(size).await;
        }
        vault
    }

    async fn deposit(&self, size: usize) {
        let Bench { app, officer, case } = &self.bench;
        app.deposit(officer, case, &vec![7; size]).await;
        app.room.publisher.publish().await.expect("published");
    }

    /// A path in a folder that is the test's alone.
    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn room(&self) -> &Path {
        self.bench.app.folder.path()
    }

    fn source(&self) -> Source {
        Source {
            data: self.room().join("store"),
            database: self.room().join("register.db").into(),
            keys: self.room().join("keys"),
        }
    }

    async fn back_up(&self) -> Taken {
        self.try_back_up(Options::default(), |_| ())
            .await
            .expect("a backup")
    }

    async fn try_back_up(
        &self,
        options: Options,
        progress: impl FnMut(Progress) + Send,
    ) -> Result<Taken, BackupError> {
        let (source, to) = (self.source(), self.at("backup"));
        backup::take(&source, &to, options, &Ambient::system(), progress).await
    }

    async fn restore(&self, to: &str, wish: Wish) -> Result<Restored, BackupError> {
        let (from, data) = (self.at("backup"), self.at(to));
        let keys = self.at("restored keys");
        let ambient = Ambient::system();
        backup::restore(&from, (&data, &keys), wish, &ambient, |_| ()).await
    }

    /// Audits what was restored, with the root key that was kept apart.
    async fn audit(&self, to: &str) -> Report {
        let data = self.at(to);
        let store = Store::to_read(&data).expect("a store");
        let database = data.join("register.db").into();
        let places = (self.room().join("keys"), database);
        let places = (places.0.as_path(), &places.1);
        let report = audit::audit(places, store, AuditOptions::default(), |_| ());
        report.await.expect("audited")
    }

    /// What was restored, opened as a room beside a copy of the root key that was kept apart.
    async fn opened(&self, to: &str) -> Result<u64, OpenError> {
        let keys = self.at("keys kept apart");
        if !keys.exists() {
            fs::create_dir(&keys).expect("made");
            fs::set_permissions(&keys, fs::Permissions::from_mode(0o700)).expect("set");
            let kept = self.room().join("keys").join("root.key");
            fs::copy(kept, keys.join("root.key")).expect("copied");
        }
        let room = self.opened_with(to, keys).await?;
        Ok(room.publisher.publish().await.expect("published"))
    }

    /// The same beside these keys, and what else lies with them.
    async fn opened_with(&self, to: &str, keys: PathBuf) -> Result<Room, OpenError> {
        let data = self.at(to);
        let places = Places {
            keys,
            database: data.join("register.db").into(),
        };
        let store = Store::local(&data).expect("a store");
        open(&places, store, Ambient::system()).await
    }

    /// Entries in the log of the room at work.
    fn size(&self) -> u64 {
        *self.bench.app.room.writer.committed().borrow()
    }
}

/// All files below a folder, as paths from there.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![folder.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let below = path.strip_prefix(folder).expect("below it");
                found.insert(below.to_string_lossy().into_owned());
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_at_work_is_backed_up_and_restored_and_goes_on() {
    let vault = Vault::new().await;
    let taken = vault.back_up().await;
    assert_eq!(taken.facts.size, vault.size());
    assert_eq!(taken.facts.origin, "localhost/log");
    assert!(taken.facts.lost.is_empty());
    let backed_up = files(&vault.at("backup"));
    assert!(backed_up.iter().all(|path| !path.contains("root.key")));
    // What happens after it is not in it.
    vault.deposit(30).await;

    let restored = vault
        .restore("data", Wish::Restore)
        .await
        .expect("restored");
    assert!(restored.restored && restored.damaged.is_empty());
    assert_eq!(restored.root_key, RootKey::NotInBackup);
    let report = vault.audit("data").await;
    assert!(report.is_sound(), "{:?}", report.findings);
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    assert_eq!(report.checked.items, 3);
    assert_eq!(report.checked.entries, taken.facts.size);

    // Beside the keys of the room that went on it is found to be older, and enters nothing.
    vault
        .bench
        .app
        .room
        .publisher
        .publish()
        .await
        .expect("published");
    let keys = vault.room().join("keys");
    let older = vault.opened_with("data", keys).await.expect("opens");
    let behind = older.behind.clone().expect("it is behind");
    assert_eq!(behind.register, taken.facts.published);
    assert!(behind.held > taken.facts.size, "{behind}");
    older
        .publisher
        .publish()
        .await
        .expect_err("nothing is signed");
    drop(older);
    // The room opens, and says of itself what it was restored from.
    assert_eq!(vault.opened("data").await.expect("opens"), taken.facts.size);
    let kept = backup::kept(&vault.at("data"))
        .expect("read")
        .expect("a note");
    assert_eq!(kept.backup, taken.facts);
    assert!(kept.restored_at >= taken.facts.taken_at);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_checkpoint_ever_published_can_be_proven_from_a_backup() {
    let vault = Vault::new().await;
    for _ in 0..4 {
        vault.deposit(1).await;
    }
    vault.back_up().await;
    vault
        .restore("data", Wish::Restore)
        .await
        .expect("restored");
    let log = |folder: &Path| {
        let mut log = files(&folder.join("log"));
        log.retain(|path| path.starts_with("tile/"));
        log
    };
    // The room publishes by itself, too: it may have published more since.
    let (room, restored) = (log(&vault.source().data), log(&vault.at("data")));
    assert!(restored.is_subset(&room));
    let partial = restored.iter().filter(|path| path.contains(".p/"));
    assert!(partial.count() > 4, "{restored:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_backup_copies_what_is_new_and_drops_what_it_does_not_need() {
    let vault = Vault::new().await;
    let first = vault.back_up().await;
    assert_eq!(first.copied, first.files - 1, "all but the checkpoint");
    let again = vault.back_up().await;
    // The register is always copied afresh; entries of the publisher may have come.
    assert_eq!(again.copied, 1, "{again:?}");
    vault.deposit(50_000).await;
    let second = vault.back_up().await;
    assert!(second.copied < first.copied, "{second:?}");
    let objects = |files: &BTreeSet<String>| {
        let objects = files.iter().filter(|path| path.starts_with("objects/"));
        objects.count()
    };
    let there = files(&vault.at("backup"));
    assert_eq!(objects(&there), 4);
    let states: BTreeSet<_> = there
        .iter()
        .filter(|path| path.starts_with("state-"))
        .filter_map(|path| path.split('/').next())
        .collect();
    assert_eq!(states, BTreeSet::from([second.facts.state.as_str()]));
    assert_eq!(there.len() as u64, second.files + 2, "marker and manifest");

    // An object that no register names any more goes with the next backup.
    let spare = vault
        .at("backup")
        .join("objects/00/00000000000000000000000000000000");
    fs::write(&spare, b"spare").expect("written");
    vault.back_up().await;
    assert!(!spare.exists());
    vault
        .restore("data", Wish::Restore)
        .await
        .expect("restored");
    assert!(vault.audit("data").await.is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_cut_is_no_backup_and_goes_on_where_it_was() {
    let vault = Vault::new().await;
    cut_at_objects(&vault, 2).await;
    let unfinished = vault.restore("data", Wish::Restore).await;
    assert!(
        matches!(unfinished, Err(BackupError::Unfinished(_))),
        "{unfinished:?}"
    );
    assert!(!vault.at("data").exists());
    let copied = files(&vault.at("backup"));
    let there = copied.iter().filter(|path| path.starts_with("objects/"));
    let there = there.count() as u64;
    assert!(there >= 2);
    let taken = vault.back_up().await;
    assert!(taken.copied <= taken.files - there, "{taken:?}");
    let whole = vault
        .restore("data", Wish::Restore)
        .await
        .expect("restored");
    assert!(whole.damaged.is_empty());

    // The one that is complete stays so while the next one is cut.
    for _ in 0..3 {
        vault.deposit(10).await;
    }
    cut_at_objects(&vault, 5).await;
    let check = vault.restore("unused", Wish::Check).await.expect("checked");
    assert!(check.damaged.is_empty(), "{:?}", check.damaged);
    assert_eq!(check.facts, taken.facts);
    assert!(!vault.at("unused").exists());
    let next = vault.back_up().await;
    assert!(next.facts.size > taken.facts.size);
    let check = vault.restore("unused", Wish::Check).await.expect("checked");
    assert_eq!((check.damaged.len(), check.facts), (0, next.facts));
}

/// A backup that ends as a killed process does, after so many objects.
async fn cut_at_objects(vault: &Vault, objects: u64) {
    let (source, to) = (vault.source(), vault.at("backup"));
    let cut = tokio::spawn(async move {
        let progress = |now: Progress| {
            assert!(
                now.phase != Phase::Objects || now.done < objects,
                "cut by the test"
            );
        };
        let ambient = Ambient::system();
        backup::take(&source, &to, Options::default(), &ambient, progress).await
    });
    assert!(cut.await.expect_err("it is cut").is_panic());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_key_comes_only_when_it_is_asked_for() {
    let vault = Vault::new().await;
    let options = Options {
        with_keys: true,
        ..Options::default()
    };
    let taken = vault.try_back_up(options, |_| ()).await.expect("taken");
    let warned = |taken: &Taken| {
        let mut warnings = taken.warnings.iter();
        warnings.any(|warning| warning.contains("protects nothing"))
    };
    assert!(warned(&taken), "{:?}", taken.warnings);
    let restored = vault
        .restore("data", Wish::Restore)
        .await
        .expect("restored");
    assert_eq!(restored.root_key, RootKey::Restored);
    let key = |folder: &Path| fs::read(folder.join("root.key")).expect("a key");
    assert_eq!(
        key(&vault.at("restored keys")),
        key(&vault.room().join("keys"))
    );
    let again = vault
        .restore("other", Wish::Restore)
        .await
        .expect("restored");
    assert_eq!(again.root_key, RootKey::LeftAsItIs);

    let without = vault.back_up().await;
    assert!(!warned(&without));
    let there = files(&vault.at("backup"));
    assert!(there.iter().all(|path| !path.contains("root.key")));
}
