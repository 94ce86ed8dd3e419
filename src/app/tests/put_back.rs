//! Rooms that were put back to an older state: what finds it, what they still do, and what is told.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use custos_core::{
    checkpoint::{Checkpoint, NoteSigner, SignedCheckpoint},
    hash::sha256,
};
use futures::TryStreamExt;

use super::{Bench, Cover, check_log};
use crate::{
    ambient::Ambient,
    app::{Error, Room, behind::Behind, publisher::Mismatch, witnesses::conflicts::Kind},
    app::{open::OpenError, public},
    store::Store,
};

/// Everything of a room but its root key.
#[derive(Clone)]
pub(super) struct State {
    pub(super) register: Vec<u8>,
    pub(super) public: BTreeMap<String, Bytes>,
    pub(super) mark: Vec<u8>,
}

/// A room, as it was and as it came to be.
struct Rolled {
    bench: Bench,
    old: State,
    new: State,
    /// Sizes of the newest checkpoints of both.
    sizes: (u64, u64),
    /// Signs as the log does.
    signer: NoteSigner,
}

impl Bench {
    pub(super) fn file(&self) -> &Path {
        self.database().file().expect("its register is a file")
    }

    fn mark(&self) -> PathBuf {
        self.places.keys.join("published.mark")
    }

    /// Waits until a room that was dropped has closed its register: its writer's thread does it
    /// last, and takes the write-ahead log away.
    pub(super) async fn left(&self) {
        for _ in 0..500 {
            if !self.file().with_extension("db-wal").exists() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the room is still open");
    }

    /// Copies what a room left that is not open any more.
    pub(super) async fn state(&self) -> State {
        self.left().await;
        let paths: Vec<String> = self.store.list_public().try_collect().await.expect("read");
        let mut public = BTreeMap::new();
        for path in paths {
            let bytes = self.store.get_public(&path).await.expect("read");
            public.insert(path, bytes);
        }
        State {
            register: fs::read(self.file()).expect("read"),
            public,
            mark: fs::read(self.mark()).expect("read"),
        }
    }
}

async fn cover(room: &Room, count: usize) -> u64 {
    let cover = Cover { count, fail: false };
    room.writer.submit(cover).await.expect("durable");
    room.publisher.publish().await.expect("published")
}

impl Rolled {
    async fn new() -> Self {
        let bench = Bench::founded_in_file(&Ambient::system());
        let room = bench.open().await.expect("opens");
        let older = cover(&room, 5).await;
        drop(room);
        let old = bench.state().await;
        let room = bench.open().await.expect("opens");
        let newer = cover(&room, 300).await;
        let signer = NoteSigner::from_seed(&room.origin, room.core.keys.log.as_bytes());
        drop(room);
        let new = bench.state().await;
        Self {
            bench,
            old,
            new,
            sizes: (older, newer),
            signer: signer.expect("a signer"),
        }
    }

    /// Puts a register, a public log and a mark in place, each from its time.
    async fn put(&mut self, register: &State, public: &State, mark: Option<&[u8]>) {
        self.bench.left().await;
        fs::write(self.bench.file(), &register.register).expect("written");
        let store = Store::memory();
        for (path, bytes) in &public.public {
            store.put_public(path, bytes.clone()).await.expect("put");
        }
        self.bench.store = store;
        let _gone = fs::remove_file(self.bench.mark());
        if let Some(mark) = mark {
            fs::write(self.bench.mark(), mark).expect("written");
        }
    }

    fn signed(&self, size: u64, root: &[u8]) -> Vec<u8> {
        let checkpoint = Checkpoint::new("room.example/log", size, sha256(&[root]));
        let signed = SignedCheckpoint::sign(checkpoint.expect("of its form"), &[&self.signer]);
        signed.expect("signed").as_bytes().to_vec()
    }

    /// The room opens, enters nothing, and says why; nothing of it was changed.
    async fn closed(&self) -> Behind {
        let before = fs::read(self.bench.file()).expect("read");
        let mark = fs::read(self.bench.mark()).ok();
        let room = self.bench.open().await.expect("opens for the public log");
        let behind = room.behind.clone().expect("it is behind");
        let entered = room
            .writer
            .submit(Cover {
                count: 1,
                fail: false,
            })
            .await;
        assert!(matches!(entered, Err(Error::PutBack(_))), "{entered:?}");
        let published = room.publisher.publish().await;
        assert!(matches!(published, Err(Error::PutBack(_))), "{published:?}");
        assert!(!room.writer.is_stopped());
        let told = Error::PutBack(behind.clone()).to_string();
        assert!(told.contains("nothing is given out or changed"), "{told}");
        drop(room);
        assert_eq!(self.bench.state_of_register(), before);
        assert_eq!(fs::read(self.bench.mark()).ok(), mark);
        Behind::clone(&behind)
    }

    async fn opens(&self) {
        let room = self.bench.open().await.expect("opens");
        assert!(room.behind.is_none());
        cover(&room, 1).await;
        check_log(&room).await;
    }
}

impl Bench {
    fn state_of_register(&self) -> Vec<u8> {
        fs::read(self.file()).expect("read")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_register_alone_is_found_by_the_public_log() {
    let mut rolled = Rolled::new().await;
    let (old, new) = (rolled.old.clone(), rolled.new.clone());
    rolled.put(&old, &new, None).await;
    let behind = rolled.closed().await;
    let (older, newer) = rolled.sizes;
    assert_eq!((behind.register, behind.held), (older, newer));
    assert_eq!(behind.kind, Kind::Rollback);
    assert!(behind.held_by.contains("public log"), "{behind}");
    // What was published last is still given to anyone, whole.
    let room = rolled.bench.open().await.expect("opens");
    let note = public::checkpoint(&room).await.expect("given out");
    assert_eq!(note, new.public["checkpoint"]);
    for (path, bytes) in &new.public {
        if let Ok(tile) = path.parse() {
            let given = public::tile(&room, tile).await.expect("given out");
            assert_eq!(given, *bytes, "{path}");
        }
    }
    let beyond = "tile/entries/009".parse().expect("a path");
    public::tile(&room, beyond).await.expect_err("not there");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_folder_is_found_by_the_mark() {
    let mut rolled = Rolled::new().await;
    let (old, new) = (rolled.old.clone(), rolled.new.clone());
    rolled.put(&old, &old, Some(&new.mark)).await;
    let behind = rolled.closed().await;
    let (older, newer) = rolled.sizes;
    assert_eq!((behind.register, behind.held), (older, newer));
    assert!(behind.held_by.contains("mark"), "{behind}");
    assert!(behind.to_string().contains("older than what was published"));
    // It stays so until a newer register is there.
    rolled.closed().await;
    rolled.put(&new, &new, Some(&new.mark)).await;
    rolled.opens().await;
}

/// What was put back with everything else is found by nobody here.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_mark_or_none_closes_nothing() {
    let mut rolled = Rolled::new().await;
    let (old, new) = (rolled.old.clone(), rolled.new.clone());
    rolled.put(&old, &old, Some(&old.mark)).await;
    rolled.opens().await;
    // A crash between register and mark leaves it older.
    rolled.put(&new, &new, Some(&old.mark)).await;
    rolled.opens().await;
    rolled.put(&new, &new, None).await;
    let room = rolled.bench.open().await.expect("opens");
    assert_eq!(fs::read(rolled.bench.mark()).expect("made"), new.mark);
    drop(room);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_that_the_log_did_not_sign_is_set_aside() {
    let mut rolled = Rolled::new().await;
    let new = rolled.new.clone();
    let other = NoteSigner::from_seed("room.example/log", &[9; 32]).expect("a signer");
    let checkpoint = Checkpoint::new("room.example/log", 9_999, sha256(&[b"?"]));
    let forged = SignedCheckpoint::sign(checkpoint.expect("of its form"), &[&other]);
    let forged = forged.expect("signed").as_bytes().to_vec();
    for odd in [forged, b"garbage".to_vec(), Vec::new()] {
        rolled.put(&new, &new, Some(&odd)).await;
        rolled.opens().await;
        let aside = rolled.bench.mark().with_file_name("published.mark.odd");
        assert_eq!(fs::read(&aside).expect("set aside"), odd);
        fs::remove_file(aside).expect("removed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_of_more_than_there_ever_was_closes_the_room() {
    let mut rolled = Rolled::new().await;
    let new = rolled.new.clone();
    let newer = rolled.sizes.1;
    let ahead = rolled.signed(newer + 7, b"?");
    rolled.put(&new, &new, Some(&ahead)).await;
    let behind = rolled.closed().await;
    assert_eq!((behind.held, behind.kind), (newer + 7, Kind::Rollback));
    // Another tree of a size that both have: another history.
    for size in [newer, newer - 3, 2] {
        let fork = rolled.signed(size, b"another");
        rolled.put(&new, &new, Some(&fork)).await;
        let behind = rolled.closed().await;
        assert_eq!((behind.held, behind.kind), (size, Kind::Fork));
        assert!(behind.to_string().contains("another history"), "{behind}");
    }
}

/// What the store shows beside the register's own size is no older state, and refused as ever.
#[tokio::test(flavor = "multi_thread")]
async fn another_published_file_is_refused_as_damage() {
    let mut rolled = Rolled::new().await;
    let mut new = rolled.new.clone();
    let fork = rolled.signed(rolled.sizes.1, b"another");
    new.public.insert("checkpoint".into(), fork.into());
    rolled.put(&new.clone(), &new, None).await;
    match rolled.bench.open().await {
        Err(OpenError::Mismatch(Mismatch::Disagree(said))) => {
            assert!(said.contains("is not the one"), "{said}");
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it opens"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mark_is_never_behind_what_anyone_saw() {
    let bench = Bench::founded_in_file(&Ambient::system());
    let room = bench.open().await.expect("opens");
    for count in [1, 300, 2] {
        cover(&room, count).await;
        let seen = room.store.get_public("checkpoint").await.expect("there");
        assert_eq!(fs::read(bench.mark()).expect("kept"), seen);
    }
    // A place that can't be written stops nobody.
    fs::remove_dir_all(&bench.places.keys).expect("gone");
    let size = cover(&room, 1).await;
    assert_eq!(*room.published.borrow(), size);
    drop(Arc::new(room));
}
