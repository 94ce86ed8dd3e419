use std::{os::unix::fs::PermissionsExt, path::PathBuf, sync::Barrier, thread};

use custos_core::{
    checkpoint::{
        Checkpoint, Cosigner, NoteSigner, SignedCheckpoint, VerifierKey,
        witness::{AddCheckpoint, Refusal, read_cosignature},
    },
    ids::Timestamp,
    merkle::{MemoryLog, leaf_hash, prove_consistency},
};
use tempfile::TempDir;

use super::{
    Logs, LogsError,
    key::{self, KeyFileError},
    origin_hash,
    record::{Answer, Record, RecordError},
};
use crate::ambient::Ambient;

const ORIGIN: &str = "room.example/log";
const NAME: &str = "institute.example/witness";
const NOW: u64 = 1_790_000_000;

struct World {
    folder: TempDir,
    record: Record,
    cosigner: Cosigner,
    keys: Vec<VerifierKey>,
}

fn log_signer() -> NoteSigner {
    NoteSigner::from_seed(ORIGIN, &[1; 32]).expect("a key")
}

fn cosigner() -> Cosigner {
    Cosigner::from_seed(NAME, &[2; 32]).expect("a key")
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let cosigner = cosigner();
        let path = folder.path().join("witness.db");
        Record::create(&path, cosigner.verifier_key()).expect("made");
        let record = Record::open(&path, cosigner.verifier_key()).expect("opened");
        Self {
            folder,
            record,
            cosigner,
            keys: vec![log_signer().verifier_key().clone()],
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("witness.db")
    }

    fn add(&self, request: &AddCheckpoint, now: u64) -> Answer {
        let answer = self.record.add(request, &self.keys, &self.cosigner, now);
        answer.expect("the record is whole")
    }
}

fn log(size: u64, from: u64, fork: u8) -> MemoryLog {
    let leaf = |n: u64| [&n.to_be_bytes()[..], &[if n < from { 0 } else { fork }]].concat();
    (0..size).map(|n| leaf_hash(&leaf(n))).collect()
}

fn request(old: u64, log: &MemoryLog) -> AddCheckpoint {
    let proof = match old {
        0 => Vec::new(),
        old => prove_consistency(old, log.size(), log).expect("a proof"),
    };
    let checkpoint = Checkpoint::new(ORIGIN, log.size(), log.root()).expect("a checkpoint");
    AddCheckpoint {
        old,
        proof,
        checkpoint: SignedCheckpoint::sign(checkpoint, &[&log_signer()]).expect("signed"),
    }
}

fn time_of(request: &AddCheckpoint, answer: &Answer, now: u64) -> u64 {
    let Answer::Cosigned(line) = answer else {
        panic!("{answer:?}");
    };
    let now = Timestamp::from_micros(now as i64 * 1_000_000).expect("a time");
    let key = cosigner();
    read_cosignature(
        line.as_bytes(),
        &request.checkpoint,
        key.verifier_key(),
        now,
    )
    .expect("a cosignature")
    .unix_seconds
}

#[test]
fn a_key_is_its_owners_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("witness.key");
    let made = key::create(&path, NAME, &Ambient::system()).expect("made");
    let mode = std::fs::metadata(&path)
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    let read = key::open(&path, NAME).expect("read");
    assert_eq!(read.verifier_key(), made.verifier_key());
    let again = key::create(&path, NAME, &Ambient::system());
    assert!(matches!(again, Err(KeyFileError::Io { .. })));
    let other = key::open(&path, "other.example");
    assert!(matches!(other, Err(KeyFileError::Malformed { .. })));
    let whole = std::fs::read(&path).expect("read");
    for odd in [&whole[..whole.len() - 1], &whole[..40], b"", &[0xff; 700]] {
        std::fs::write(&path, odd).expect("written");
        let odd = key::open(&path, NAME);
        assert!(matches!(odd, Err(KeyFileError::Malformed { .. })));
    }
    std::fs::write(&path, &whole).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("set");
    let open = key::open(&path, NAME);
    assert!(matches!(open, Err(KeyFileError::Open { .. })));
    let odd_name = key::create(&folder.path().join("b"), "a b", &Ambient::system());
    assert!(matches!(odd_name, Err(KeyFileError::Name(_))));
}

#[test]
fn logs_are_known_by_their_own_keys() {
    let key = log_signer().verifier_key().to_string();
    let logs = Logs::new([(ORIGIN, key.as_str())]).expect("one");
    assert_eq!(logs.keys(ORIGIN).map(<[_]>::len), Some(1));
    assert_eq!(logs.origin_of(&origin_hash(ORIGIN)), Some(ORIGIN));
    assert_eq!(logs.origin_of(&origin_hash("other.example/log")), None);
    let refused = |pairs: &[(&str, &str)]| Logs::new(pairs.iter().copied()).expect_err("refused");
    let name = |text: &str| text.to_owned();
    let twice = [(ORIGIN, key.as_str()), (ORIGIN, key.as_str())];
    assert_eq!(refused(&twice), LogsError::Twice(name(ORIGIN)));
    let other = [("other.example/log", key.as_str())];
    assert_eq!(refused(&other), LogsError::Name(name("other.example/log")));
    let cosigner = cosigner().verifier_key().to_string();
    assert_eq!(refused(&[(NAME, &cosigner)]), LogsError::Key(name(NAME)));
    assert_eq!(refused(&[(ORIGIN, "x")]), LogsError::Key(name(ORIGIN)));
}

#[test]
fn what_was_confirmed_is_remembered_over_a_restart() {
    let world = World::new();
    let (first, grown) = (log(5, 5, 0), log(9, 9, 0));
    let asked = request(0, &first);
    assert_eq!(time_of(&asked, &world.add(&asked, NOW), NOW), NOW);
    let path = world.path();
    drop(world.record);
    let record = Record::open(&path, world.cosigner.verifier_key()).expect("opened");
    let world = World { record, ..world };
    let stale = Answer::Refused(Refusal::Stale { known: 5 });
    assert_eq!(world.add(&request(0, &grown), NOW), stale);
    let asked = request(5, &grown);
    time_of(&asked, &world.add(&asked, NOW + 1), NOW);
    let newest = world.record.newest(ORIGIN).expect("read").expect("one");
    assert_eq!(newest.checkpoint().size(), 9);
    assert_eq!(newest.note().signatures().len(), 2);
    assert!(newest.verify(&world.keys[0]).is_ok());
    assert_eq!(
        world.record.newest("other.example/log").expect("read"),
        None
    );
}

#[test]
fn an_answer_that_was_lost_is_given_again() {
    let world = World::new();
    let log = log(5, 5, 0);
    let first = world.add(&request(0, &log), NOW);
    assert_eq!(world.add(&request(5, &log), NOW + 60), first);
    let later = request(5, &log);
    assert_eq!(time_of(&later, &world.add(&later, NOW + 61), NOW), NOW + 61);
}

#[test]
fn strangers_lines_are_not_passed_on() {
    let world = World::new();
    let mut asked = request(0, &log(5, 5, 0));
    let text = asked.checkpoint.note().text().to_owned();
    let stranger = Cosigner::from_seed("stranger.example", &[7; 32]).expect("a key");
    let with = asked.checkpoint.with_signature(stranger.cosign(&text, NOW));
    asked.checkpoint = with.expect("room");
    time_of(&asked, &world.add(&asked, NOW), NOW);
    let newest = world.record.newest(ORIGIN).expect("read").expect("one");
    let lines = newest.note().signatures();
    let names: Vec<&str> = lines.iter().map(|line| line.name()).collect();
    assert_eq!(names, [ORIGIN, NAME]);
}

#[test]
fn a_fork_is_refused_and_both_sides_are_kept() {
    let world = World::new();
    let (ours, theirs) = (log(5, 5, 0), log(5, 4, 1));
    let first = request(0, &ours);
    time_of(&first, &world.add(&first, NOW), NOW);
    // By whatever old size it is shown, its signature is enough.
    let other = Answer::Refused(Refusal::OtherRoot);
    assert_eq!(world.add(&request(5, &theirs), NOW), other);
    let stale = Answer::Refused(Refusal::Stale { known: 5 });
    assert_eq!(world.add(&request(0, &theirs), NOW + 1), stale);
    let kept = world.record.conflicts().expect("read");
    assert_eq!(kept.len(), 1);
    let before = SignedCheckpoint::parse(&kept[0].kept).expect("a checkpoint");
    let shown = AddCheckpoint::parse(&kept[0].request).expect("a request");
    assert_eq!(before.checkpoint().root(), &ours.root());
    assert_eq!(shown.checkpoint.checkpoint().root(), &theirs.root());
    // Anyone can send a good checkpoint with a bad proof: that is no evidence.
    let mut mixed = request(5, &log(9, 9, 0));
    mixed.proof.pop();
    assert_eq!(world.add(&mixed, NOW), Answer::Refused(Refusal::Proof));
    // Nor is what the log did not sign.
    let foreign = NoteSigner::from_seed(ORIGIN, &[9; 32]).expect("a key");
    let mut forged = request(5, &log(5, 3, 2));
    let checkpoint = forged.checkpoint.checkpoint().clone();
    forged.checkpoint = SignedCheckpoint::sign(checkpoint, &[&foreign]).expect("signed");
    assert_eq!(world.add(&forged, NOW), Answer::Refused(Refusal::Unsigned));
    assert_eq!(world.record.conflicts().expect("read").len(), 1);
    // The log may go on as it was.
    let grown = request(5, &log(9, 9, 0));
    time_of(&grown, &world.add(&grown, NOW), NOW);
}

#[test]
fn contradictions_are_bounded() {
    let world = World::new();
    let first = request(0, &log(2, 2, 0));
    time_of(&first, &world.add(&first, NOW), NOW);
    for fork in 1..=80 {
        world.add(&request(0, &log(2, 1, fork)), NOW);
    }
    assert_eq!(world.record.conflicts().expect("read").len(), 64);
}

#[test]
fn times_never_fall() {
    let world = World::new();
    let first = request(0, &log(5, 5, 0));
    assert_eq!(time_of(&first, &world.add(&first, NOW), NOW), NOW);
    let second = request(5, &log(6, 6, 0));
    assert_eq!(time_of(&second, &world.add(&second, NOW - 200), NOW), NOW);
    let third = request(6, &log(7, 7, 0));
    let behind = world
        .record
        .add(&third, &world.keys, &world.cosigner, NOW - 301);
    assert!(matches!(behind, Err(RecordError::Clock(301))));
    time_of(&third, &world.add(&third, NOW + 5), NOW);
}

/// Two connections stand for two processes: no lock of the program is between them.
#[test]
fn of_two_that_ask_at_once_only_one_is_confirmed() {
    for round in 0..20 {
        let world = World::new();
        let first = request(0, &log(5, 5, 0));
        time_of(&first, &world.add(&first, NOW), NOW);
        let key = world.cosigner.verifier_key();
        let second = Record::open(&world.path(), key).expect("opened");
        let forks = [request(5, &log(8, 5, 1)), request(5, &log(8, 5, 2))];
        let barrier = Barrier::new(2);
        let answers: Vec<Answer> = thread::scope(|scope| {
            let asked = [&world.record, &second].into_iter().zip(&forks);
            let threads = asked.map(|(record, fork)| {
                let (barrier, world) = (&barrier, &world);
                scope.spawn(move || {
                    barrier.wait();
                    let answer = record.add(fork, &world.keys, &world.cosigner, NOW);
                    answer.expect("the record is whole")
                })
            });
            let threads: Vec<_> = threads.collect();
            let joined = threads.into_iter().map(|thread| thread.join());
            joined.map(|answer| answer.expect("no panic")).collect()
        });
        let signed = answers
            .iter()
            .filter(|answer| matches!(answer, Answer::Cosigned(_)));
        assert_eq!(signed.count(), 1, "round {round}: {answers:?}");
        let newest = world.record.newest(ORIGIN).expect("read").expect("one");
        let roots = forks.iter().map(|fork| fork.checkpoint.checkpoint());
        assert!(roots.into_iter().any(|root| root == newest.checkpoint()));
        assert_eq!(world.record.conflicts().expect("read").len(), 1);
    }
}

#[test]
fn a_record_that_is_missing_or_anothers_is_refused() {
    let world = World::new();
    let key = world.cosigner.verifier_key();
    let missing = Record::open(&world.folder.path().join("none"), key);
    assert!(matches!(missing, Err(RecordError::Missing(_))));
    assert!(!world.folder.path().join("none").exists());
    let taken = Record::create(&world.path(), key);
    assert!(matches!(taken, Err(RecordError::Taken(_))));
    let other = Cosigner::from_seed(NAME, &[3; 32]).expect("a key");
    let other = Record::open(&world.path(), other.verifier_key());
    assert!(matches!(other, Err(RecordError::Other(_))));
    let empty = world.folder.path().join("empty.db");
    std::fs::write(&empty, b"").expect("written");
    assert!(matches!(
        Record::open(&empty, key),
        Err(RecordError::Other(_))
    ));
    let garbage = world.folder.path().join("garbage.db");
    std::fs::write(&garbage, [7; 4096]).expect("written");
    assert!(Record::open(&garbage, key).is_err());
}
