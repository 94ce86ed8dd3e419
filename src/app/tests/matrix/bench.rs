//! The room of the fault matrix, and all that it ever said.

use std::{
    io::ErrorKind,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use custos_core::{
    checkpoint::{Checkpoint, NoteSigner, SignedCheckpoint},
    hash::Hash,
    ids::{ItemId, UploadId},
    merkle::{self, MemoryLog},
    tile::{Level, TilePath, parse_entry_bundle},
};
use futures::{TryStreamExt, future::join_all};
use tokio::{sync::oneshot, time::timeout};

use super::{How, Point};
use crate::{
    app::{
        Error, SignedIn,
        audit::{self, Content, Options, Parts},
        cases::{add_person, tests::Case},
        entering::Tx,
        publisher::faults as signing,
        tests::{Cover, world::Arm},
        uploads::{self, Deposited, NewItem},
        views::{self, Holder},
        writer::{Command, Stop},
    },
    db::{
        dialect::faults::{self, Hook},
        head,
    },
    store::faults::{Fault, Faulty, Public},
};

/// Deposits at a time, so that a batch has several.
const CROWD: usize = 3;
/// How long a writer may take to stop.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a batch is held for those who come.
const HELD: Duration = Duration::from_millis(200);

/// Holds the writer, so that whoever comes meanwhile is in one batch.
struct Hold(oneshot::Sender<()>);

impl Command for Hold {
    type Output = ();

    fn run(self, _: &mut Tx<'_>) -> Result<(), Stop> {
        let _gone = self.0.send(());
        std::thread::sleep(HELD);
        Ok(())
    }
}

/// Plants something before each commit.
struct Plant(Hook);

impl Command for Plant {
    type Output = ();

    fn run(self, _: &mut Tx<'_>) -> Result<(), Stop> {
        faults::before_commits(Some(self.0));
        Ok(())
    }
}

/// What was acknowledged.
pub struct Acknowledged {
    item: ItemId,
    reference: String,
    entry: Option<(u64, Hash)>,
}

/// What was sent, and not acknowledged.
struct Unsure {
    upload: UploadId,
    reference: String,
}

/// A room, and all that it ever said.
pub struct Matrix {
    pub case: Case,
    reader: SignedIn,
    pub store: Faulty,
    /// Signed elsewhere than by the publisher.
    planted: Arc<Mutex<Vec<Vec<u8>>>>,
    /// Signed by publishers that are gone.
    signed: Vec<Vec<u8>>,
    pub acknowledged: Vec<Acknowledged>,
    unsure: Vec<Unsure>,
    number: usize,
    /// How much was taken in without being acknowledged.
    pub lost_answers: usize,
}

fn content(reference: &str) -> Vec<u8> {
    format!("the bytes of {reference}; ")
        .repeat(700)
        .into_bytes()
}

/// Only what says that the room can't at present.
fn temporary(error: Error) -> Result<(), String> {
    match error {
        Error::Full | Error::CustodyUnavailable(_) | Error::StoreUnavailable(_) => Ok(()),
        other => Err(format!("told {other:?}")),
    }
}

impl Matrix {
    pub async fn new() -> Self {
        let store = Faulty::new();
        let case = Case::in_store(store.store()).await;
        // Somebody with a session, because only through one content is read.
        let reader = case.world.enrolled("reader", &[]).await;
        let role = ("investigator", None);
        let given = add_person(
            &case.world.room,
            &case.custodian,
            case.case,
            reader.person,
            role,
        );
        given.await.expect("a role");
        let mut matrix = Self {
            case,
            reader,
            store,
            planted: Arc::default(),
            signed: Vec::new(),
            acknowledged: Vec::new(),
            unsure: Vec::new(),
            number: 0,
            lost_answers: 0,
        };
        matrix.deposits(None).await.expect("nothing fails");
        matrix.check().await.expect("a sound room");
        matrix
    }

    /// One cell: something goes wrong, the room goes on or is started again, and is compared.
    pub async fn cell(&mut self, point: Point, how: How, restarts: bool) -> Result<(), String> {
        if point.is_wide() {
            // To the end of a tile; what is deposited next begins another.
            let count = 256 - self.case.world.size() as usize % 256;
            let cover = Cover { count, fail: false };
            let done = self.case.world.room.writer.submit(cover).await;
            done.map_err(|error| format!("{error:?}"))?;
        }
        let before = self.lost_answers;
        let failures = match point {
            Point::Announced => self.deposits(Some(how)).await?,
            Point::TakenIn | Point::Part | Point::Object => self.sent(point, how).await?,
            Point::Viewed => self.viewed(how).await?,
            _ => self.published(point, how).await?,
        };
        if failures == 0 && how != How::Lost {
            return Err("nothing went wrong".into());
        }
        self.store.tell(Fault::None);
        let broken = matches!(how, How::Broken | How::UnsaidBroken);
        self.stops(broken).await?;
        if restarts || broken {
            self.signed
                .extend(self.case.world.room.publisher.told.signed());
            let opened = self.case.world.restart().await;
            opened.map_err(|error| format!("it does not start: {error}"))?;
            if let Some(behind) = &self.case.world.room.behind {
                return Err(format!("it does not start: {behind}"));
            }
        }
        self.settle().await?;
        let answers_lost = self.lost_answers > before;
        if point == Point::TakenIn && how != How::Lost && answers_lost != how.is_unsaid() {
            return Err(format!("{} answers lost", self.lost_answers - before));
        }
        // As it stands now, and when it has gone on.
        self.check_log().await?;
        self.deposits(None).await?;
        self.check().await
    }

    /// After a disk that fails the writer stops, and after nothing else.
    async fn stops(&self, broken: bool) -> Result<(), String> {
        let mut committed = self.case.world.room.writer.committed();
        let closed = async { while committed.changed().await.is_ok() {} };
        if broken && timeout(PATIENCE, closed).await.is_err() {
            return Err("the writer goes on".into());
        }
        if !broken && self.case.world.room.writer.is_stopped() {
            return Err("the writer stopped".into());
        }
        Ok(())
    }

    /// Tells the writer what becomes of the commit after so many others.
    async fn arm(&self, how: How, after: usize) -> Result<(), String> {
        let armed = self
            .case
            .world
            .room
            .writer
            .submit(Arm(how.commit(after)))
            .await;
        armed.map(drop).map_err(|error| format!("{error:?}"))
    }

    /// Announces and sends; with a fault in the announcement, of which nothing is kept that
    /// matters. Says how much failed.
    async fn deposits(&mut self, fault: Option<How>) -> Result<usize, String> {
        if let Some(how) = fault {
            self.arm(how, 0).await?;
        }
        let mut failures = 0;
        for announced in self.announce().await {
            match announced {
                Ok(unsure) => self.unsure.push(unsure),
                Err(error) => {
                    failures += 1;
                    temporary(error)?;
                }
            }
        }
        if fault.is_none() {
            failures += self.send().await?;
        }
        Ok(failures)
    }

    async fn announce(&mut self) -> Vec<Result<Unsure, Error>> {
        let first = self.number;
        self.number += CROWD;
        let case = &self.case;
        let announced = (first..self.number).map(|number| async move {
            let reference = format!("M/{number}");
            let new = NewItem {
                reference: reference.clone(),
                ..NewItem::default()
            };
            let upload = uploads::announce(&case.world.room, &case.officer, case.case, new);
            upload.await.map(|upload| Unsure { upload, reference })
        });
        join_all(announced).await
    }

    /// Sends what was announced, all at once.
    async fn send(&mut self) -> Result<usize, String> {
        let (mut failures, unsure) = (0, std::mem::take(&mut self.unsure));
        let (room, who) = (&self.case.world.room, &self.case.officer);
        let sent = unsure.iter().map(|unsure| async move {
            let bytes = content(&unsure.reference);
            uploads::receive(room, who, unsure.upload, &bytes[..], None).await
        });
        let answers: Vec<Result<Deposited, Error>> = join_all(sent).await;
        for (unsure, answer) in unsure.into_iter().zip(answers) {
            match answer {
                Ok(done) => self.acknowledged.push(Acknowledged {
                    item: done.item,
                    reference: unsure.reference,
                    entry: Some((done.entered.index.get(), done.entered.leaf_hash)),
                }),
                Err(error) => {
                    failures += 1;
                    temporary(error)?;
                    self.unsure.push(unsure);
                }
            }
        }
        Ok(failures)
    }

    /// Bytes are sent, and they or their entry go wrong.
    async fn sent(&mut self, point: Point, how: How) -> Result<usize, String> {
        for announced in self.announce().await {
            self.unsure
                .push(announced.map_err(|error| format!("{error:?}"))?);
        }
        match (point, how) {
            (Point::Part, How::Full) => self.store.tell(Fault::Part(0, ErrorKind::StorageFull)),
            (Point::Part, _) => self.store.tell(Fault::Part(0, ErrorKind::TimedOut)),
            (Point::Object, How::Failed) => self.store.tell(Fault::Finish),
            (Point::Object, _) => self.store.tell(Fault::FinishedUnsaid),
            _ => {
                // The writer is held meanwhile, so that all are in one batch.
                self.arm(how, 1).await?;
                let writer = self.case.world.room.writer.clone();
                let (begun, holds) = oneshot::channel();
                tokio::spawn(async move { writer.submit(Hold(begun)).await });
                holds.await.map_err(|_| "the writer is not held")?;
            }
        }
        self.send().await
    }

    /// Somebody looks at an item, and the entry of it goes wrong: then they see nothing.
    async fn viewed(&mut self, how: How) -> Result<usize, String> {
        let item = self.acknowledged[0].item;
        self.arm(how, 0).await?;
        match self.view(item).await {
            Ok(_) => Ok(0),
            Err(error) => temporary(error).map(|()| 1),
        }
    }

    async fn view(&self, item: ItemId) -> Result<Vec<u8>, Error> {
        let (room, who) = (&self.case.world.room, &self.reader);
        let why = ("investigation", "to compare what was deposited");
        let view = views::open_view(room, who, item, why, true).await?;
        let holder = Holder::SignedIn(who.holder);
        let read = views::read_view(room, view.id, holder).await?;
        let pieces: Vec<Bytes> = read.whole().try_collect().await?;
        Ok(pieces.concat())
    }

    /// What is committed is published, and that goes wrong.
    async fn published(&mut self, point: Point, how: How) -> Result<usize, String> {
        self.deposits(None).await?;
        let publisher = &self.case.world.room.publisher;
        let file = |kind, after| self.store.tell(Fault::Public(kind, after, how.file()));
        match point {
            Point::Bundle(after) => file(Public::Bundle, after),
            Point::Tile(after) => file(Public::Tile, after),
            Point::Checkpoint => file(Public::Checkpoint, 0),
            Point::Signed if how == How::Failed => publisher.told.tell(signing::Fault::Failed),
            Point::Signed => publisher.told.tell(signing::Fault::Unsaid),
            _ => self.arm(how, 0).await?,
        }
        match publisher.publish().await {
            Ok(_) => Ok(0),
            Err(error) => temporary(error).map(|()| 1),
        }
    }

    /// Whatever was sent and not acknowledged is there once, or can be sent again.
    async fn settle(&mut self) -> Result<(), String> {
        let unsure = std::mem::take(&mut self.unsure);
        for sent in unsure {
            let state = uploads::state(&self.case.world.room, &self.case.officer, sent.upload);
            match state.await.map_err(|error| format!("{error:?}"))? {
                None => self.unsure.push(sent),
                Some(item) => {
                    self.lost_answers += 1;
                    self.acknowledged.push(Acknowledged {
                        item,
                        reference: sent.reference,
                        entry: None,
                    });
                }
            }
        }
        match self.send().await? {
            0 => Ok(()),
            failures => Err(format!("{failures} deposits are not taken")),
        }
    }

    /// The room, compared with everything that it ever said, and by its own audit.
    async fn check(&self) -> Result<(), String> {
        self.check_log().await?;
        for known in self.acknowledged.iter().rev().take(2 * CROWD) {
            self.compare(known).await?;
        }
        self.audit().await
    }

    /// The log continues every checkpoint ever seen, and holds every acknowledged entry.
    async fn check_log(&self) -> Result<(), String> {
        let room = &self.case.world.room;
        let size = room.publisher.publish().await;
        let size = size.map_err(|error| format!("it does not publish: {error:?}"))?;
        let log = self.whole_log(size).await?;
        let given_out = self.store.checkpoints();
        let signed = [&self.signed[..], &room.publisher.told.signed()].concat();
        let planted = self.planted.lock().expect("no test panics here").clone();
        let notes = given_out.iter().map(AsRef::as_ref);
        let notes = notes.chain(signed.iter().chain(&planted).map(AsRef::as_ref));
        for note in notes {
            let signed = SignedCheckpoint::parse(note).map_err(|error| error.to_string())?;
            let seen = signed
                .verify(&room.log_key)
                .map_err(|error| error.to_string())?;
            if log.root_at(seen.size()).as_ref() != Some(seen.root()) {
                return Err(format!(
                    "a fork: checkpoint {} is not of this log",
                    seen.size()
                ));
            }
        }
        for known in &self.acknowledged {
            if let Some((index, leaf)) = known.entry
                && log.leaves().get(index as usize) != Some(&leaf)
            {
                return Err(format!("entry {index} is lost"));
            }
        }
        Ok(())
    }

    pub async fn compare(&self, known: &Acknowledged) -> Result<(), String> {
        let found = self.view(known.item).await;
        let found = found.map_err(|error| format!("`{}`: {error:?}", known.reference))?;
        if found == content(&known.reference) {
            Ok(())
        } else {
            Err(format!("`{}` has other bytes", known.reference))
        }
    }

    /// The log as a stranger reads it: all its published entries.
    async fn whole_log(&self, size: u64) -> Result<MemoryLog, String> {
        let mut log = MemoryLog::new();
        for tile in 0..size.div_ceil(256) {
            let width = (size - tile * 256).min(256) as u16;
            let path = TilePath::new(Level::Entries, tile, width).expect("a path");
            let store = &self.case.world.room.store;
            let bundle = store.get_public(&path.to_string()).await;
            let bundle = bundle.map_err(|error| error.to_string())?;
            let leaves = parse_entry_bundle(&bundle, width).map_err(|error| error.to_string())?;
            for leaf in leaves {
                log.push(merkle::leaf_hash(leaf));
            }
        }
        Ok(log)
    }

    async fn audit(&self) -> Result<(), String> {
        let room = self.case.world.room.clone();
        let runtime = tokio::runtime::Handle::current();
        let audited = tokio::task::spawn_blocking(move || {
            let mut connection = room.pool.connect().expect("connects");
            let parts = Parts {
                connection: &mut connection,
                store: &room.store,
                keyring: &room.core.keyring,
            };
            // Content is compared by reading it, which costs less here.
            let options = Options {
                content: Content::Blake3Only,
                ..Options::default()
            };
            audit::run(parts, &runtime, options, &mut |_| {})
        });
        let report = audited.await.expect("no panic");
        let report = report.map_err(|error| error.to_string())?;
        if report.is_sound() {
            Ok(())
        } else {
            Err(format!("the audit found {:?}", report.findings))
        }
    }

    /// From now on a tree is signed before it is committed.
    pub async fn plant_early_signatures(&self) {
        let room = &self.case.world.room;
        let signer = NoteSigner::from_seed(&room.origin, room.core.keys.log.as_bytes());
        let (signer, planted) = (signer.expect("a signer"), self.planted.clone());
        let hook = Box::new(move |connection: &mut _| {
            let head = head::read(connection).expect("read").expect("a head");
            let checkpoint = Checkpoint::new(&head.origin, head.size(), head.root());
            let signed = SignedCheckpoint::sign(checkpoint.expect("of its form"), &[&signer]);
            let note = signed.expect("signed").as_bytes().to_vec();
            planted.lock().expect("no test panics here").push(note);
        });
        room.writer.submit(Plant(hook)).await.expect("planted");
    }
}
