//! The room on a real SQLite file and a store in memory: founding, writing, publishing,
//! opening again, and what start-up refuses.

mod matrix;
mod put_back;
mod rotation;
mod two;
pub mod world;

use std::sync::Arc;

use custos_core::{
    checkpoint::SignedCheckpoint,
    event::slot,
    ids::Id,
    merkle,
    tile::{Level, TilePath, parse_entry_bundle},
};
use serde_json::json;
use tempfile::TempDir;

use self::world::World;
use super::{
    Room,
    entering::{Draft, Subject, Tx},
    error::Error,
    found::{FirstAdministrator, found},
    notices::Outlets,
    open::{OpenError, Places, open_telling},
    writer::{Command, Stop},
};
use crate::{
    ambient::Ambient,
    db,
    store::{
        Store,
        faults::{Fault, Faulty},
    },
};

/// A founded room on a disk of its own.
pub struct Bench {
    _folder: TempDir,
    places: Places,
    store: Store,
}

impl Bench {
    fn new() -> Self {
        Self::founded(&Ambient::system())
    }

    /// A room whose first administrator is `ana`.
    pub fn founded(ambient: &Ambient) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = db::scratch::register(folder.path());
        Self::founded_at(folder, database, ambient)
    }

    /// The same with its register in a file, whatever others have.
    pub fn founded_in_file(ambient: &Ambient) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = folder.path().join("register.db").into();
        Self::founded_at(folder, database, ambient)
    }

    fn founded_at(folder: TempDir, database: db::Location, ambient: &Ambient) -> Self {
        let places = Places {
            keys: folder.path().join("keys"),
            database,
        };
        let first = FirstAdministrator {
            name: "Ana Ilić".into(),
            login: "ana".into(),
        };
        found(
            (&places.keys, &places.database),
            "room.example/log",
            &first,
            ambient,
        )
        .expect("a room is founded");
        Self {
            _folder: folder,
            places,
            store: Store::memory(),
        }
    }

    /// With its objects and its public log in this store.
    fn over(self, store: Store) -> Self {
        Self { store, ..self }
    }

    async fn open(&self) -> Result<Room, OpenError> {
        self.open_in(Ambient::system()).await
    }

    /// Opens the room with time and randomness of the caller's.
    pub async fn open_in(&self, ambient: Ambient) -> Result<Room, OpenError> {
        self.open_telling(ambient, Outlets::default()).await
    }

    /// The same for a room that tells by mail and to endpoints.
    pub async fn open_telling(
        &self,
        ambient: Ambient,
        outlets: Outlets,
    ) -> Result<Room, OpenError> {
        open_telling(&self.places, self.store.clone(), ambient, outlets).await
    }

    /// Where the register lies.
    pub fn database(&self) -> &db::Location {
        &self.places.database
    }
}

/// Enters `0` cover entries, or fails after entering one.
struct Cover {
    count: usize,
    fail: bool,
}

impl Command for Cover {
    type Output = usize;

    fn run(self, tx: &mut Tx<'_>) -> Result<usize, Stop> {
        for n in 0..self.count {
            let draft = Draft::of_room("cover", tx.room()).detail(slot::DETAIL, json!(n));
            tx.enter(draft)?;
        }
        if self.fail {
            return Err(super::Error::invalid("told to fail").into());
        }
        Ok(self.count)
    }
}

/// Holds the writer, so that whoever comes meanwhile is in one batch.
struct Hold;

impl Command for Hold {
    type Output = ();

    fn run(self, _: &mut Tx<'_>) -> Result<(), Stop> {
        std::thread::sleep(std::time::Duration::from_millis(300));
        Ok(())
    }
}

/// Lets the database grow by so many pages and no further; `None` for no limit.
struct Space(Option<i64>);

impl Command for Space {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        Ok(db::scratch::fill(tx.connection, self.0)?)
    }
}

/// Everything that is published is one tree, and its root is what the checkpoint signs.
pub async fn check_log(room: &Room) {
    let size = room.publisher.publish().await.expect("published");
    let note = room
        .store
        .get_public("checkpoint")
        .await
        .expect("a checkpoint");
    let signed = SignedCheckpoint::parse(&note).expect("a signed checkpoint");
    let checkpoint = signed.verify(&room.log_key).expect("signed by the room");
    assert_eq!(checkpoint.size(), size);
    let mut log = merkle::MemoryLog::new();
    for tile in 0..size.div_ceil(256) {
        let width = (size - tile * 256).min(256) as u16;
        let path = TilePath::new(Level::Entries, tile, width).expect("a path");
        let bundle = room
            .store
            .get_public(&path.to_string())
            .await
            .expect("a bundle");
        for leaf in parse_entry_bundle(&bundle, width).expect("entries") {
            log.push(merkle::leaf_hash(leaf));
        }
    }
    assert_eq!(*checkpoint.root(), log.root());
}

/// SQLite gives a whole transaction up when the disk is full in the middle of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_within_a_batch_undoes_all_of_it() {
    let bench = Bench::new();
    let room = bench.open().await.expect("opens");
    let before = *room.writer.committed().borrow();
    room.writer.submit(Space(Some(8))).await.expect("set");
    let holding = tokio::spawn({
        let writer = room.writer.clone();
        async move { writer.submit(Hold).await }
    });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let cover = |count| room.writer.submit(Cover { count, fail: false });
    let batch = [cover(1), cover(1), cover(200), cover(1), cover(1)];
    let outcomes = futures::future::join_all(batch).await;
    holding.await.expect("no panic").expect("held");
    for outcome in outcomes {
        assert!(matches!(outcome, Err(super::Error::Full)), "{outcome:?}");
    }
    assert_eq!(*room.writer.committed().borrow(), before);

    room.writer.submit(Space(None)).await.expect("set");
    let done = cover(2).await.expect("there is space again");
    assert_eq!(done.entered[0].index.get(), before);
    check_log(&room).await;
    drop(room);
    let room = bench.open().await.expect("opens again");
    assert_eq!(*room.writer.committed().borrow(), before + 2);
}

#[tokio::test]
async fn a_checkpoint_that_could_not_be_given_out_is_given_out_later() {
    let store = Faulty::new();
    let world = World::in_store(store.store()).await;
    world.check_log().await;
    let before = *world.room.published.borrow();
    world.person("p", &[]).await;
    store.tell(Fault::Checkpoint);
    for _ in 0..2 {
        let published = world.room.publisher.publish().await;
        assert!(matches!(published, Err(Error::Full)), "{published:?}");
        assert_eq!(*world.room.published.borrow(), before);
    }
    store.tell(Fault::None);
    world.person("q", &[]).await;
    world.check_log().await;
    assert_eq!(*world.room.published.borrow(), world.size());
}

#[tokio::test]
async fn a_room_is_founded_written_published_and_opened_again() {
    let bench = Bench::new();
    let room = bench.open().await.expect("opens");
    check_log(&room).await;
    let mut indices = Vec::new();
    for round in 0..5 {
        let many = (0..70).map(|_| {
            room.writer.submit(Cover {
                count: 2,
                fail: false,
            })
        });
        for done in futures::future::join_all(many).await {
            let done = done.expect("durable");
            assert_eq!((done.output, done.entered.len()), (2, 2));
            indices.extend(done.entered.iter().map(|entered| entered.index.get()));
        }
        if round % 2 == 0 {
            check_log(&room).await;
        }
    }
    indices.sort_unstable();
    let first = indices[0];
    assert_eq!(indices, (first..first + 700).collect::<Vec<_>>());
    drop(room);
    let room = bench
        .open()
        .await
        .expect("opens again with entries pending");
    check_log(&room).await;
    room.writer
        .submit(Cover {
            count: 1,
            fail: false,
        })
        .await
        .expect("goes on");
    check_log(&room).await;
}

#[tokio::test]
async fn a_command_that_fails_leaves_nothing_and_the_next_goes_on() {
    let bench = Bench::new();
    let room = bench.open().await.expect("opens");
    let before = *room.writer.committed().borrow();
    let (good, bad, good_too) = futures::join!(
        room.writer.submit(Cover {
            count: 1,
            fail: false
        }),
        room.writer.submit(Cover {
            count: 3,
            fail: true
        }),
        room.writer.submit(Cover {
            count: 1,
            fail: false
        }),
    );
    assert!(good.is_ok() && good_too.is_ok());
    assert!(matches!(bad, Err(super::Error::Invalid(_))));
    assert_eq!(*room.writer.committed().borrow(), before + 2);
    check_log(&room).await;
}

#[tokio::test]
async fn every_entry_opens_and_fits_its_commitments_and_chains() {
    let bench = Bench::new();
    let room = bench.open().await.expect("opens");
    // What fails gives its place in the chains back, to others of its batch too.
    let cover = |count, fail| room.writer.submit(Cover { count, fail });
    let (first, failed, rest) = futures::join!(cover(1, false), cover(2, true), cover(3, false));
    assert!(first.is_ok() && failed.is_err() && rest.is_ok());
    let core = Arc::clone(&room.core);
    let scope = room.id;
    room.read(move |connection| {
        let keys = db::keys::scope(connection, &core.keyring, scope)?;
        let rows = db::entries::of_subject(connection, scope, scope.id())?;
        assert_eq!(rows.len(), 6);
        let mut before = None;
        for (nth, row) in rows.iter().enumerate() {
            let link = row.open_link(keys.value.as_bytes())?;
            let key =
                db::keys::entry_key(connection, &core.ambient, &keys, Id::from(scope), false)?;
            let body = row.open_body(key.as_bytes())?.expect("not expunged");
            let entry = row.assemble(&link, &body)?;
            assert_eq!(entry.values()[slot::SUBJECT_NTH], json!(nth + 1));
            assert_eq!(entry.values()[slot::SUBJECT_PREV], json!(before));
            assert_eq!(entry.values()[slot::SCOPE_PREV], json!(before));
            before = row.commitment();
        }
        Ok(())
    })
    .await
    .expect("all entries open");
}

/// Enters something about a subject, whose first entry makes its key.
struct About {
    subject: Id,
    fail: bool,
}

impl Command for About {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let subject = Subject {
            noun: "item",
            id: self.subject,
        };
        for _ in 0..2 {
            tx.enter(Draft::new("cover", tx.room(), subject))?;
        }
        if self.fail {
            return Err(super::Error::invalid("told to fail").into());
        }
        Ok(())
    }
}

/// The key that a command made and that was undone with it is used by nobody: what the next
/// one of the same batch enters opens with the key that is kept.
#[tokio::test]
async fn a_key_that_was_undone_is_forgotten() {
    let bench = Bench::new();
    let room = bench.open().await.expect("opens");
    let subject = Id::from_bytes([7; 16]);
    let about = |fail| room.writer.submit(About { subject, fail });
    let (failed, good, good_too) = futures::join!(about(true), about(false), about(false));
    assert!(failed.is_err() && good.is_ok() && good_too.is_ok());
    let core = Arc::clone(&room.core);
    let scope = room.id;
    room.read(move |connection| {
        let keys = db::keys::scope(connection, &core.keyring, scope)?;
        let key = db::keys::entry_key(connection, &core.ambient, &keys, subject, false)?;
        let rows = db::entries::of_subject(connection, scope, subject)?;
        assert_eq!(rows.len(), 4);
        for row in &rows {
            row.open_body(key.as_bytes())?.expect("not expunged");
        }
        Ok(())
    })
    .await
    .expect("all entries open");
}

#[tokio::test]
async fn start_up_refuses_what_does_not_fit_together() {
    let bench = Bench::new();
    let room = bench.open().await.expect("opens");
    room.writer
        .submit(Cover {
            count: 300,
            fail: false,
        })
        .await
        .expect("durable");
    check_log(&room).await;
    room.writer
        .submit(Cover {
            count: 3,
            fail: false,
        })
        .await
        .expect("durable");
    drop(room);
    let folder = tempfile::tempdir().expect("a folder");
    let copy = db::scratch::register(folder.path());
    let fresh = || db::scratch::copy(&copy, bench.database());
    // The last connection is closed by the writer's thread; wait for its checkpoint.
    for _ in 0..500 {
        let file = bench.database().file();
        if !file.is_some_and(|file| file.with_extension("db-wal").exists()) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    db::scratch::copy(bench.database(), &copy);
    let mut refused = Vec::new();
    for damage in [
        "UPDATE log_head SET size = size - 1",
        "UPDATE log_head SET root = zeroblob(32)",
        "UPDATE log_head SET edge = zeroblob(length(edge))",
        "UPDATE log_head SET published = published + 1",
        "UPDATE log_head SET published = 0",
        "DELETE FROM entries WHERE idx = (SELECT max(idx) FROM entries)",
        "UPDATE entries SET leaf = zeroblob(33) WHERE idx = (SELECT max(idx) FROM entries)",
        "INSERT INTO entries (idx, id, leaf, writes_rows) \
         SELECT max(idx) + 1, zeroblob(16), zeroblob(33), FALSE FROM entries",
        "UPDATE checkpoints SET note = substr(note, 2)",
        "DELETE FROM checkpoints",
        "UPDATE wrapped_keys SET wrapped = zeroblob(104) WHERE purpose = 'log'",
        "UPDATE policies SET status = 'past'",
        "UPDATE policies SET salt = zeroblob(16)",
    ] {
        fresh();
        db::scratch::run(bench.database(), damage);
        match bench.open().await {
            Ok(room) => match room.behind {
                Some(behind) => refused.push(behind.to_string()),
                None => panic!("`{damage}` was not noticed"),
            },
            Err(error) => refused.push(error.to_string()),
        }
    }
    fresh();
    bench.open().await.expect("the copy is sound");
    assert!(refused.iter().all(|text| !text.is_empty()));
}
