//! What valid bundles show.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use custos_core::{
    bundle::{About, BundleName, Place, Plan, PlannedFile},
    checkpoint::{Cosigner, TrustPolicy},
    event::{kind, slot},
    ids::{LeafIndex, Timestamp},
    receipt::Receipt,
    verify::{
        ContentCheck, HeldOutcome, NotLaterThan, Progress, Shown, TimestampCheck, Verified,
        VerifyError, verify,
    },
};

use crate::{
    defects,
    draft::{Draft, required, shown},
    room::{Room, START_SECONDS, id, index},
    samples,
};

pub fn now() -> Timestamp {
    Timestamp::from_micros((START_SECONDS + 86_400) * 1_000_000).expect("in range")
}

pub fn check(bytes: &[u8], trust: &TrustPolicy, held: &[Receipt]) -> Result<Verified, VerifyError> {
    verify(Cursor::new(bytes), trust, held, now(), &mut |_| {})
}

/// The word of the step that fails, if one does.
pub fn step(bytes: &[u8], trust: &TrustPolicy, held: &[Receipt]) -> Option<String> {
    match check(bytes, trust, held) {
        Ok(_) => None,
        Err(VerifyError::Failed(failure)) => Some(failure.step.word().into()),
        Err(VerifyError::Io(error)) => panic!("reading memory failed: {error}"),
    }
}

#[test]
fn every_sample_is_verified() {
    let trust = Room::new("any").trust();
    for (name, bytes) in samples::all() {
        if let Err(error) = check(&bytes, &trust, &[]) {
            panic!("{name}: {error}");
        }
        println!("{name}: {} bytes", bytes.len());
    }
}

#[test]
fn a_whole_item_is_shown_with_its_history() {
    let room = samples::room();
    let bytes = samples::whole(&room).seal(&room);
    let found = check(&bytes, &room.trust(), &[]).expect("verified");
    assert!(matches!(
        found.content,
        ContentCheck::Whole { added, size, .. }
            if added == index(1) && size == samples::TEXT.len() as u64
    ));
    let kinds: Vec<_> = found
        .history
        .iter()
        .map(|line| line.kind.as_deref())
        .collect();
    assert_eq!(kinds, [Some("deposit"), Some("view"), Some("bundle")]);
    let indices: Vec<u64> = found.history.iter().map(|line| line.index.get()).collect();
    assert_eq!(indices, [1, 2, 5]);
    assert_eq!(found.checkpoints, [3, 7]);
    assert_eq!(found.timestamps, TimestampCheck::default());
    assert_eq!(
        found.not_later_than,
        Some(NotLaterThan {
            time: Timestamp::from_micros((START_SECONDS + 7 * 60) * 1_000_000).expect("small"),
            witnesses: vec!["w1".into()],
            authority: None,
        })
    );
    assert!(!found.in_the_future);
    let sentences = found.sentences();
    assert!(sentences[0].contains("unchanged since its deposit as entry 1"));
    assert!(sentences[0].contains("not later than 2026-09-21 14:20:20 UTC"));
    assert!(sentences[1].contains("These 3 entries, without a gap"));
    assert!(sentences[2].contains("never rewritten between the 2 checkpoints"));
    assert!(sentences[3].contains("`w1` (2026-09-21 14:20:20 UTC)"));
}

#[test]
fn a_plan_makes_the_same_bytes() {
    let room = samples::room();
    let draft = samples::whole(&room);
    let files: Vec<PlannedFile> = draft
        .files
        .iter()
        .map(|(name, bytes)| PlannedFile::of(name.parse().expect("a place"), bytes))
        .collect();
    let about = About {
        origin: crate::room::ORIGIN.into(),
        subject: custos_core::bundle::Subject {
            kind: "item".into(),
            id: id(samples::ITEM),
        },
        scope: id(samples::CASE_SCOPE).into(),
        checkpoint: 7,
        control: LeafIndex::new(4).expect("small"),
        withheld: vec![],
    };
    let plan = Plan::new(about.clone(), &files, &room.bundle_key).expect("a good plan");
    let open = |name: &BundleName| {
        let bytes = draft.files[name.as_str()].clone();
        Ok(Box::new(Cursor::new(bytes)) as Box<dyn Read>)
    };
    let written = plan.write_to(Vec::new(), open).expect("into memory");
    assert_eq!(written.len() as u64, plan.length());
    assert_eq!(written, draft.seal(&room));

    let changed = |_: &BundleName| Ok(Box::new(Cursor::new(b"x")) as Box<dyn Read>);
    assert!(plan.write_to(Vec::new(), changed).is_err());
    let twice = [files.as_slice(), &files[..1]].concat();
    assert!(Plan::new(about.clone(), &twice, &room.bundle_key).is_err());
    assert!(Plan::new(about, &files, &room.log_key).is_err());
}

#[test]
fn progress_reaches_the_end() {
    let room = samples::room();
    let bytes = samples::whole(&room).seal(&room);
    let mut last = None;
    let mut progress = |progress: Progress| last = Some(progress);
    verify(
        Cursor::new(&bytes),
        &room.trust(),
        &[],
        now(),
        &mut progress,
    )
    .expect("verified");
    let last = last.expect("it was called");
    assert_eq!(last.done, last.total);
}

#[test]
fn held_receipts_are_compared() {
    let room = samples::room();
    let mut draft = samples::whole(&room);
    let receipts = [
        room.receipt(index(1), 3),
        room.receipt(index(2), 5),
        room.receipt(index(5), 7),
    ];
    let found = check(&draft.seal(&room), &room.trust(), &receipts).expect("verified");
    let outcomes: Vec<_> = found.held.iter().map(|held| held.outcome).collect();
    use HeldOutcome::{Continued, NotCompared, SameCheckpoint};
    assert_eq!(outcomes, [SameCheckpoint, NotCompared, SameCheckpoint]);
    assert!(
        found
            .not_proven()
            .iter()
            .any(|line| line.contains("not compared"))
    );

    let joint = custos_core::bundle::Place::Consistency { old: 5, new: 7 };
    draft.put_json(&joint, &serde_json::json!(room.consistency(5, 7)));
    let found = check(&draft.seal(&room), &room.trust(), &receipts).expect("verified");
    let outcomes: Vec<_> = found.held.iter().map(|held| held.outcome).collect();
    assert_eq!(outcomes, [SameCheckpoint, Continued, SameCheckpoint]);
}

#[test]
fn a_register_is_stated_in_words() {
    let room = samples::register_room(&samples::REGISTERED);
    let found = check(&samples::register(&room).seal(&room), &room.trust(), &[]).expect("verified");
    let said = found.register_statement().expect("there is a register");
    assert!(
        said.contains(": 4; served 2; withheld 1 under these codes (PII.1: 1); expunged 1."),
        "{said}"
    );
    assert!(said.contains("Only the court"));
    assert!(said.contains(&format!("made for {}, states", id("party"))));
    let register = found.register.expect("there is a register");
    assert_eq!(register.recipient, id("party"));
    assert_eq!(register.scope, id(samples::CASE_SCOPE).into());
    let court = samples::register_with(&room, &samples::REGISTERED, |_| true);
    let found = check(&court.seal(&room), &room.trust(), &[]).expect("verified");
    assert!(
        !found
            .register_statement()
            .expect("there is a register")
            .contains("Only the court")
    );
}

#[test]
fn a_redaction_is_counted() {
    let room = samples::redaction_room();
    let found =
        check(&samples::redaction(&room).seal(&room), &room.trust(), &[]).expect("verified");
    let redaction = found.redaction.expect("there is a redaction");
    assert_eq!(
        (redaction.records, redaction.shown, redaction.withheld),
        (8, 5, 3)
    );
    assert_eq!(redaction.codes, ["W.1", "S2"]);
}

#[test]
fn bundle_keys_named_outside_decide() {
    let room = samples::room();
    let bytes = samples::whole(&room).seal(&room);
    let trust = |key: &str, to: &str| {
        let json = format!(
            r#"{{"v":1,"log_keys":[],"bundle_keys":[{{"vkey":"{key}","from":1,"to":{to}}}],"time_authorities":[]}}"#
        );
        room.trust()
            .with_trust_json(json.as_bytes())
            .expect("a good file")
    };
    let own = room.bundle_key.verifier_key().to_string();
    assert_eq!(step(&bytes, &trust(&own, "null"), &[]), None);
    assert_eq!(step(&bytes, &trust(&own, "6"), &[]), Some("key".into()));
    let other = custos_core::checkpoint::NoteSigner::from_seed(crate::room::BUNDLE_KEY, &[9; 32]);
    let other = other.expect("a good name");
    let only = trust(&other.verifier_key().to_string(), "null");
    assert_eq!(step(&bytes, &only, &[]), Some("key".into()));
    let resealed = samples::whole(&room).seal_by(&other);
    assert_eq!(step(&resealed, &only, &[]), None);
}

/// What a witness that is no quorum says of an older checkpoint decides nothing.
#[test]
fn a_moment_is_that_of_a_quorum() {
    let room = samples::room();
    let other = Cosigner::from_seed("witness.example/w2", &[2; 32]).expect("a good name");
    let trust = |quorum: &str| {
        let file = room.policy_file().replace(
            "quorum w1\n",
            &format!("witness w2 {}\n{quorum}", other.verifier_key()),
        );
        TrustPolicy::parse(file.as_bytes()).expect("a good policy")
    };
    let mut draft = samples::whole(&room);
    let early = room.checkpoint(3, false);
    let line = other.cosign(early.note().text(), 5);
    let early = early.with_signature(line).expect("small");
    draft.put(&Place::Checkpoint(3), early.as_bytes());
    let bytes = draft.seal(&room);
    let moment = |trust: &TrustPolicy| {
        let found = check(&bytes, trust, &[]).expect("verified");
        let moment = found.not_later_than.expect("it was deposited");
        (moment.time.micros() / 1_000_000, moment.witnesses)
    };
    let of_quorum = (START_SECONDS + 7 * 60, vec!["w1".to_string()]);
    assert_eq!(moment(&trust("quorum w1\n")), of_quorum);
    let either = trust("group either any w1 w2\nquorum either\n");
    assert_eq!(moment(&either), (5, vec!["w2".to_string()]));
    // Where the policy asks nobody, nobody but the room says when.
    let room_s = (START_SECONDS + 60, Vec::new());
    assert_eq!(moment(&trust("quorum none\n")), room_s);
}

#[test]
fn what_the_room_does_by_itself_is_not_withheld() {
    let mut room = Room::new("room");
    room.append_with(&samples::deposit(samples::ITEM, b"x"), |values| {
        values[slot::ACTOR] = serde_json::Value::Null;
        values[slot::ROLE] = serde_json::Value::Null;
    });
    room.append(&samples::event(kind::BUNDLE, samples::ITEM));
    let mut draft = Draft::new(("item", samples::ITEM), samples::CASE_SCOPE, 3);
    draft.checkpoints(&room, &[3]);
    draft.control(&room, index(0));
    draft.entry(&room, index(1), shown);
    draft.entry(&room, index(2), required);
    let found = check(&draft.seal(&room), &room.trust(), &[]).expect("verified");
    let [by_itself, withheld] = &found.history[..] else {
        panic!("two entries");
    };
    assert_eq!(by_itself.actor, Shown::Null);
    assert_eq!(by_itself.role, Shown::Null);
    assert_eq!(withheld.actor, Shown::Withheld);
    assert_eq!(withheld.role, Shown::Withheld);
}

/// A file whose one byte is another from the second reading on.
struct Turncoat {
    inner: Cursor<Vec<u8>>,
    at: usize,
    later: u8,
    read: u32,
}

impl Read for Turncoat {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let start = self.inner.position() as usize;
        let got = self.inner.read(into)?;
        if (start..start + got).contains(&self.at) {
            self.read += 1;
            if self.read > 1 {
                into[self.at - start] = self.later;
            }
        }
        Ok(got)
    }
}

impl Seek for Turncoat {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// The first reading is that of what was deposited, the second a redaction of another text.
#[test]
fn a_copy_that_changes_between_two_readings_is_refused() {
    let other = samples::REDACTED.replace("name", "fame");
    let room = samples::redaction_room_with(&samples::runs(), &other);
    let draft = samples::redaction_of(&room, &other, &samples::SHOWN_WORDS);
    let bytes = draft.seal(&room);
    let text = other.as_bytes();
    let at = bytes.windows(text.len()).position(|window| window == text);
    let file = Turncoat {
        inner: Cursor::new(bytes),
        at: at.expect("the copy is stored as it is") + 3,
        later: b'n',
        read: 0,
    };
    let found = verify(file, &room.trust(), &[], now(), &mut |_| {});
    let Err(VerifyError::Failed(failure)) = found else {
        panic!("it was taken");
    };
    assert_eq!(failure.step.word(), "files");
}

/// A reader that gives one byte at a time.
struct Slow<R>(R);

impl<R: Read> Read for Slow<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let end = into.len().min(1);
        self.0.read(&mut into[..end])
    }
}

impl<R: Seek> Seek for Slow<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn slow_readers_and_slow_clocks_change_little() {
    let room = samples::room();
    let bytes = samples::whole(&room).seal(&room);
    let then = Timestamp::from_micros(0).expect("in range");
    let slow = Slow(Cursor::new(&bytes));
    let found = verify(slow, &room.trust(), &[], then, &mut |_| {}).expect("verified");
    assert!(found.in_the_future);
    assert!(found.not_proven().iter().any(|line| line.contains("clock")));
}

/// What a time authority says dates what the log held; what a stranger says does not.
#[test]
fn authorities_tell_the_time() {
    let room = samples::room();
    let trust = room.trust();
    let trust = trust.with_trust_json(defects::trust_json().as_bytes());
    let trust = trust.expect("a good file");
    let found = check(&defects::stamped(), &trust, &[]).expect("verified");
    let told: Vec<_> = found
        .timestamps
        .confirmed
        .iter()
        .map(|stamped| (stamped.authority.as_str(), stamped.size))
        .collect();
    assert_eq!(told, [("Root E", 3), ("Root R", 7)]);
    let moment = found.not_later_than.clone().expect("it was deposited");
    // The witness came first.
    assert_eq!(moment.witnesses, ["w1"]);
    let sentences = found.sentences();
    assert!(sentences[3].contains(
        "the log of 3 entries existed at 2026-09-21 14:21:00 UTC, according to `Root E`"
    ));
    let alone = TrustPolicy::of_log(room.log_key.verifier_key().clone());
    let alone = alone.with_trust_json(defects::trust_json().as_bytes());
    let found = check(&defects::stamped(), &alone.expect("good"), &[]).expect("verified");
    let moment = found.not_later_than.clone().expect("it was deposited");
    assert_eq!(moment.authority.as_deref(), Some("Root E"));
    assert!(found.sentences()[0].contains("according to the time authority `Root E`"));

    let found = check(&defects::strange(), &room.trust(), &[]).expect("verified");
    assert_eq!(found.timestamps.others, 1);
    assert!(found.timestamps.confirmed.is_empty());
    assert!(
        found
            .not_proven()
            .iter()
            .any(|line| line.contains("1 timestamps"))
    );
}
