//! Rotation of the log's key: what signs what, what a crash leaves at each step, and what is not
//! believed any more.

use std::{fs, io::ErrorKind};

use custos_core::{
    checkpoint::{Checkpoint, LogKeys, NoteSigner, SignedCheckpoint, TrustPolicy, VerifierKey},
    hash::sha256,
};

use super::{Bench, Cover, check_log};
use crate::{
    ambient::Ambient,
    app::{
        Error, Room,
        audit::{Content, Options, audit},
        behind::Behind,
        leading,
        log_keys::{
            files,
            rotate::{RotateError, Turned, rotate},
        },
        open::OpenError,
        publisher::{CHECKPOINT_PATH, Mismatch},
        witnesses::conflicts::{self, Kind, Shown},
    },
    db::{
        DbError,
        dialect::{self, Cell, raw},
        head, scratch, witnesses,
    },
    store::{
        Store,
        faults::{Fault, Faulty, Outcome, Public},
    },
};

async fn cover(room: &Room, count: usize) -> u64 {
    let cover = Cover { count, fail: false };
    room.writer.submit(cover).await.expect("durable");
    room.publisher.publish().await.expect("published")
}

/// A signer with the key that a room has now.
fn signer(room: &Room) -> NoteSigner {
    NoteSigner::from_seed(&room.origin, room.core.keys.log.as_bytes()).expect("a signer")
}

fn note(signer: &NoteSigner, size: u64) -> Vec<u8> {
    let origin = signer.verifier_key().name();
    let checkpoint = Checkpoint::new(origin, size, sha256(&[b"another"])).expect("of its form");
    let signed = SignedCheckpoint::sign(checkpoint, &[signer]).expect("signed");
    signed.as_bytes().to_vec()
}

/// The kept checkpoint of a size.
async fn kept(room: &Room, size: u64) -> SignedCheckpoint {
    let note = room
        .read(move |connection| Ok(head::checkpoint(connection, size)?))
        .await;
    let note = note.expect("read").expect("it is kept");
    SignedCheckpoint::parse(&note).expect("a signed checkpoint")
}

fn signers(signed: &SignedCheckpoint) -> Vec<u32> {
    let lines = signed.note().signatures().iter();
    lines.map(|line| line.id()).collect()
}

impl Bench {
    /// How many keys of the log the register holds.
    fn log_key_rows(&self) -> i64 {
        let mut connection = dialect::connect(self.database()).expect("it connects");
        let query = "SELECT count(*) FROM wrapped_keys WHERE purpose = 'log'";
        let rows = raw(&mut connection, query, &[]).expect("read");
        match rows[0][0] {
            Cell::Integer(count) => count,
            ref other => panic!("{other:?}"),
        }
    }

    async fn audited(&self) {
        let report = audit(
            (&self.places.keys, &self.places.database),
            self.store.clone(),
            Options {
                content: Content::Skip,
                ..Options::default()
            },
            |_| (),
        );
        let report = report.await.expect("audited");
        let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        assert!(report.is_sound(), "{findings:?}");
    }

    /// Rotates, and stops right behind the transaction.
    async fn turn(&self) -> Turned {
        let room = self.open().await.expect("opens");
        rotate(room).await.expect("rotated")
    }

    fn rotation_mark(&self, size: u64) -> std::path::PathBuf {
        self.places.keys.join(format!("published.mark.{size}"))
    }

    /// The room as it must be once a rotation has ended.
    async fn ended(&self, turned: &Turned, old: &VerifierKey) -> Room {
        let room = self.open().await.expect("opens");
        let turn = turned.index.get() + 1;
        assert!(room.behind.is_none());
        assert_eq!(*room.log_key, turned.key);
        assert!(!room.publisher.is_rotating());
        assert_eq!(self.log_key_rows(), 1);
        let both = kept(&room, turn).await;
        assert_eq!(signers(&both), [old.id(), turned.key.id()]);
        room.log_keys.verify_all(&both).expect("by both");
        assert_eq!(
            fs::read(self.rotation_mark(turn)).expect("kept"),
            both.as_bytes()
        );
        let file = room.store.get_public(CHECKPOINT_PATH).await.expect("there");
        let size = *room.published.borrow();
        assert_eq!(file, kept(&room, size).await.as_bytes());
        room
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_keys_sign_where_one_follows_the_other() {
    let bench = Bench::founded(&Ambient::system());
    let room = bench.open().await.expect("opens");
    let before = cover(&room, 5).await;
    let old = (*room.log_key).clone();
    let pending = Cover {
        count: 3,
        fail: false,
    };
    room.writer.submit(pending).await.expect("durable");
    drop(room);
    let first = bench.turn().await;
    let turn = first.index.get() + 1;
    let room = bench.ended(&first, &old).await;
    // What was pending was published before, under the old key alone.
    assert_eq!(signers(&kept(&room, turn - 1).await), [old.id()]);
    let later = cover(&room, 300).await;
    check_log(&room).await;
    assert_eq!(signers(&kept(&room, later).await), [first.key.id()]);
    bench.audited().await;
    drop(room);

    // A second rotation, and everything that was ever published is believed by its size.
    let second = bench.turn().await;
    let room = bench.ended(&second, &first.key).await;
    let newest = cover(&room, 1).await;
    let keys = &room.log_keys;
    let sizes: Vec<_> = keys
        .all()
        .iter()
        .map(|key| (key.from(), key.to()))
        .collect();
    let next = second.index.get() + 1;
    assert_eq!(sizes, [(1, Some(turn)), (turn, Some(next)), (next, None)]);
    let policy = files::policy(None, keys).expect("written");
    let json = files::trust_json(None, &policy, keys).expect("written");
    let trust = TrustPolicy::parse(policy.as_bytes()).expect("a policy");
    let trust = trust.with_trust_json(json.as_bytes()).expect("of its form");
    let stale = TrustPolicy::of_log(old);
    for size in [before, turn - 1, turn, later, next, newest] {
        let signed = kept(&room, size).await;
        keys.verify_all(&signed).expect("the room believes it");
        trust.verify_newest(&signed).expect("its verifiers do");
        assert_eq!(stale.verify_newest(&signed).is_ok(), size <= turn, "{size}");
    }
    bench.audited().await;
}

/// A crash behind the transaction: both keys are there, and an entry that is not published.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_was_cut_is_ended_by_the_next_start() {
    let bench = Bench::founded(&Ambient::system());
    let room = bench.open().await.expect("opens");
    cover(&room, 5).await;
    let old = (*room.log_key).clone();
    drop(room);
    let turned = bench.turn().await;
    assert_eq!(bench.log_key_rows(), 2);
    bench.audited().await;
    let room = bench.ended(&turned, &old).await;
    cover(&room, 1).await;
    bench.audited().await;
}

/// Crashes while the checkpoint of both is published, at each file of it.
#[tokio::test(flavor = "multi_thread")]
async fn every_step_of_publishing_it_may_be_cut() {
    for (public, outcome) in [
        (Public::Tile, Outcome::Failed(ErrorKind::StorageFull)),
        (Public::Checkpoint, Outcome::Failed(ErrorKind::StorageFull)),
        (Public::Checkpoint, Outcome::Unsaid(ErrorKind::Other)),
    ] {
        let store = Faulty::new();
        let bench = Bench::founded(&Ambient::system()).over(store.store());
        let room = bench.open().await.expect("opens");
        cover(&room, 5).await;
        let old = (*room.log_key).clone();
        drop(room);
        let turned = bench.turn().await;
        store.tell(Fault::Public(public, 0, outcome));
        let room = bench.open().await.expect("opens all the same");
        // The key is kept for as long as it may have to sign again.
        assert!(room.publisher.is_rotating(), "{public:?} {outcome:?}");
        assert_eq!(bench.log_key_rows(), 2);
        drop(room);
        store.tell(Fault::None);
        let room = bench.ended(&turned, &old).await;
        cover(&room, 2).await;
        bench.audited().await;
    }
}

/// A crash between the file and the end of the old key leaves a key that signs nothing more.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_key_that_was_left_is_destroyed_by_the_next_start() {
    let bench = Bench::founded(&Ambient::system());
    let room = bench.open().await.expect("opens");
    cover(&room, 5).await;
    let old = (*room.log_key).clone();
    drop(room);
    let turned = bench.turn().await;
    let run = |statements| scratch::run(bench.database(), statements);
    run(
        "CREATE TABLE left_over AS SELECT * FROM wrapped_keys WHERE purpose = 'log' AND owner_id = id",
    );
    drop(bench.ended(&turned, &old).await);
    run(
        "INSERT INTO wrapped_keys (id, parent_id, purpose, scope_id, owner_id, wrapped) \
         SELECT id, parent_id, purpose, scope_id, owner_id, wrapped FROM left_over; \
         DROP TABLE left_over",
    );
    assert_eq!(bench.log_key_rows(), 2);
    bench.audited().await;
    let room = bench.ended(&turned, &old).await;
    cover(&room, 1).await;
    bench.audited().await;
}

/// Whoever takes the old key away too early leaves a checkpoint that nobody can sign as it must be.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_key_that_is_gone_too_early_is_told() {
    let bench = Bench::founded(&Ambient::system());
    drop(bench.open().await.expect("opens"));
    bench.turn().await;
    let gone = "DELETE FROM wrapped_keys WHERE purpose = 'log' AND owner_id = id";
    scratch::run(bench.database(), gone);
    match bench.open().await {
        Err(OpenError::Mismatch(Mismatch::Disagree(said))) => {
            assert!(said.contains("the one before it"), "{said}");
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it opens"),
    }
}

/// A process that was at work meanwhile has a key that signs no more, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_with_the_old_key_publishes_nothing() {
    let bench = Bench::founded(&Ambient::system());
    let stale = bench.open().await.expect("opens");
    cover(&stale, 5).await;
    let old = (*stale.log_key).clone();
    if scratch::is_served() {
        assert!(leading::keep(&stale).await.expect("asked"));
        let beside = bench.open().await.expect("opens beside it");
        let refused = rotate(beside).await.expect_err("another one serves it");
        assert!(matches!(refused, RotateError::Others), "{refused}");
        leading::give_up(&stale, true).await.expect("given up");
    }
    let turned = bench.turn().await;
    let before = *stale.published.borrow();
    let entered = Cover {
        count: 2,
        fail: false,
    };
    // What it enters is in the log; what it signs is not given out.
    stale.writer.submit(entered).await.expect("durable");
    let refused = stale.publisher.publish().await.expect_err("refused");
    let said = matches!(
        &refused,
        Error::CustodyUnavailable(Some(DbError::KeyRotated))
    );
    assert!(said && refused.is_fatal(), "{refused:?}");
    assert_eq!(*stale.published.borrow(), before);
    // Whoever starts next publishes the checkpoint of both first, then the rest.
    let room = bench.ended(&turned, &old).await;
    let turn = turned.index.get() + 1;
    assert_eq!(*room.published.borrow(), turn + 2);
    check_log(&room).await;
    // The stale one follows up to there, and learns that it has to be started again.
    let (count, fail) = (1, false);
    let more = stale.writer.submit(Cover { count, fail });
    more.await.expect("durable");
    let refused = stale.publisher.publish().await.expect_err("refused");
    assert!(refused.is_fatal(), "{refused:?}");
    room.publisher.publish().await.expect("published");
    check_log(&room).await;
}

/// Two commands at once: the second finds another key than it began with.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_rotations_at_once_one_is_made() {
    let bench = Bench::founded(&Ambient::system());
    let one = bench.open().await.expect("opens");
    cover(&one, 2).await;
    let old = (*one.log_key).clone();
    let turned = bench.turn().await;
    rotate(one).await.expect_err("it was rotated meanwhile");
    bench.ended(&turned, &old).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_key_is_not_believed_for_larger_sizes() {
    let bench = Bench::founded(&Ambient::system());
    let room = bench.open().await.expect("opens");
    let before = cover(&room, 5).await;
    let thief = signer(&room);
    let old = (*room.log_key).clone();
    drop(room);
    let turned = bench.turn().await;
    let turn = turned.index.get() + 1;
    let room = bench.ended(&turned, &old).await;
    let newest = cover(&room, 20).await;

    // Shown by somebody: an alarm, no contradiction, and the room goes on.
    for size in [turn + 1, newest, newest + 100] {
        let shown = conflicts::show(&room, "somebody", &note(&thief, size)).await;
        assert_eq!(shown.expect("looked at"), Shown::Misused { size });
    }
    // For its own sizes it still speaks: a contradiction there is one.
    for size in [before, turn] {
        let shown = conflicts::show(&room, "somebody", &note(&thief, size)).await;
        let kind = Kind::Fork;
        assert_eq!(shown.expect("looked at"), Shown::Conflict { kind, size });
    }
    // The new key has no word about sizes of the old one.
    let shown = conflicts::show(&room, "somebody", &note(&signer(&room), before)).await;
    assert_eq!(shown.expect("looked at"), Shown::Misused { size: before });
    let count = room
        .read(|connection| Ok(witnesses::count_conflicts(connection)?))
        .await;
    assert_eq!(count.expect("counted"), 2);
    drop(room);

    // As a mark: set aside, with an alarm, and it closes nothing.
    let forged = note(&thief, newest + 100);
    let mark = bench.places.keys.join("published.mark");
    fs::write(&mark, &forged).expect("written");
    let room = bench.open().await.expect("opens");
    assert!(room.behind.is_none());
    let aside = bench.places.keys.join("published.mark.odd");
    assert_eq!(fs::read(aside).expect("set aside"), forged);
    drop(room);
    // As the published file: damage, and it is said whose key that is.
    let file = bench.store.get_public(CHECKPOINT_PATH).await.expect("read");
    let put = bench.store.put_public(CHECKPOINT_PATH, forged.into());
    put.await.expect("put");
    match bench.open().await {
        Err(OpenError::Mismatch(Mismatch::Disagree(said))) => {
            assert!(
                said.contains("somebody has a key that was retired"),
                "{said}"
            );
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it opens"),
    }
    let put = bench.store.put_public(CHECKPOINT_PATH, file);
    put.await.expect("put");
    // Kept in the register: found by the audit and by the start.
    let forged = note(&thief, newest);
    let statement = format!(
        "UPDATE checkpoints SET note = x'{}' WHERE size = {newest}",
        hex::encode(forged)
    );
    if !scratch::is_served() {
        scratch::run(bench.database(), &statement);
        bench.open().await.map(|_| ()).expect_err("refused");
        let report = audit(
            (&bench.places.keys, &bench.places.database),
            bench.store.clone(),
            Options::default(),
            |_| (),
        );
        let report = report.await.expect("audited");
        let said: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        assert!(
            said.iter()
                .any(|said| said.contains("does not sign such a size")),
            "{said:?}"
        );
    }
}

/// The whole data folder and the mark of before a rotation, which are put back.
async fn put_back_before_a_rotation() -> (Bench, Turned, super::put_back::State, Store) {
    let bench = Bench::founded_in_file(&Ambient::system());
    let room = bench.open().await.expect("opens");
    cover(&room, 5).await;
    drop(room);
    let old = bench.state().await;
    let turned = bench.turn().await;
    let room = bench.open().await.expect("opens");
    cover(&room, 30).await;
    drop(room);
    bench.left().await;
    let store = Store::memory();
    for (path, bytes) in &old.public {
        store.put_public(path, bytes.clone()).await.expect("put");
    }
    (bench, turned, old, store)
}

async fn closed(bench: &Bench) -> Behind {
    let room = bench.open().await.expect("opens for the public log");
    let behind = room.behind.clone().expect("it is behind");
    Behind::clone(&behind)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_was_put_back_to_before_a_rotation_enters_nothing() {
    let (mut bench, turned, old, store) = put_back_before_a_rotation().await;
    let turn = turned.index.get() + 1;
    let (newer, mark) = (
        bench.store.clone(),
        bench.places.keys.join("published.mark"),
    );
    let newer_mark = fs::read(&mark).expect("there");
    // Register and log of before; the mark is under a key that this register does not know.
    fs::write(bench.file(), &old.register).expect("written");
    bench.store = store;
    let behind = closed(&bench).await;
    assert_eq!((behind.held, behind.kind), (turn, Kind::Rollback));
    assert!(behind.held_by.contains("rotation"), "{behind}");
    assert_eq!(fs::read(&mark).expect("as it was"), newer_mark);
    bench.left().await;
    // The register alone: what was published last is still given to anyone, whole.
    bench.store = newer.clone();
    let room = bench.open().await.expect("opens for the public log");
    assert!(room.behind.is_some());
    let note = crate::app::public::checkpoint(&room).await.expect("given");
    assert_eq!(note, newer_mark);
    drop(room);
    bench.left().await;
    // Nothing beside the keys: the file is of a key that nobody knows here, and it does not start.
    fs::remove_file(bench.rotation_mark(turn)).expect("removed");
    fs::remove_file(&mark).expect("removed");
    match bench.open().await {
        Err(OpenError::Mismatch(Mismatch::Disagree(said))) => {
            assert!(said.contains("does not know yet"), "{said}");
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it opens"),
    }
}

/// A mark of before a rotation is older, and its key is known.
#[tokio::test(flavor = "multi_thread")]
async fn a_mark_of_the_old_key_closes_nothing_and_is_brought_up_to_date() {
    let (bench, turned, old, _) = put_back_before_a_rotation().await;
    let mark = bench.places.keys.join("published.mark");
    fs::write(&mark, &old.mark).expect("written");
    fs::remove_file(bench.rotation_mark(turned.index.get() + 1)).expect("removed");
    let old_key = SignedCheckpoint::parse(&old.mark).expect("a checkpoint");
    let room = bench.open().await.expect("opens");
    let keys: &LogKeys = &room.log_keys;
    keys.verify(&old_key).expect("it is believed");
    assert!(room.behind.is_none());
    assert!(!bench.places.keys.join("published.mark.odd").exists());
    let kept = SignedCheckpoint::parse(&fs::read(&mark).expect("there")).expect("a checkpoint");
    assert_eq!(kept.checkpoint().size(), *room.published.borrow());
    let old = keys.all()[0].key().clone();
    drop(room);
    bench.ended(&turned, &old).await;
}

/// Whoever changes the control entry in the register changes who is believed: it does not start.
#[tokio::test(flavor = "multi_thread")]
async fn a_control_entry_that_names_another_key_is_refused() {
    let bench = Bench::founded(&Ambient::system());
    let room = bench.open().await.expect("opens");
    cover(&room, 3).await;
    drop(room);
    let turned = bench.turn().await;
    drop(bench.open().await.expect("opens"));
    let delete = format!("DELETE FROM entries WHERE idx = {}", turned.index.get());
    scratch::run(bench.database(), &delete);
    let refused = bench.open().await.map(|_| ());
    let refused = refused.expect_err("refused").to_string();
    assert!(refused.contains("entries"), "{refused}");
}
