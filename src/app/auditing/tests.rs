//! Rounds over sound and damaged rooms, and rounds that were cut.

use custos_core::ids::ItemId;
use futures::StreamExt;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::{
    app::{
        SignedIn, audits, cases::tests::Case, evidence, notices::reading, standing::standing,
        tests::world::Arm,
    },
    db::dialect::faults::{Fault, Outcome},
    store::Store,
};

const HOURS: Duration = Duration::from_secs(3_600);
const PACE: Pace = Pace {
    every: Duration::from_secs(24 * 3_600),
    bytes_per_second: NonZeroU32::MAX,
};

struct Bench {
    case: Case,
    data: TempDir,
}

impl Bench {
    async fn new() -> Self {
        Self {
            case: Case::new().await,
            data: tempfile::tempdir().expect("a folder"),
        }
    }

    async fn round(&self) -> Report {
        let (room, data) = (self.case.world.room.clone(), self.data.path().to_owned());
        let work = move || round(&room, &data, PACE);
        let done = tokio::task::spawn_blocking(work).await.expect("no panic");
        done.expect("a round goes to its end")
    }

    /// What the newest entry says of its round.
    async fn entered(&self) -> Value {
        let entries = self.case.world.entries(0).await;
        let newest = entries.last().expect("an entry");
        assert_eq!(newest.values()[slot::KIND], "audit");
        newest.values()[slot::DETAIL].clone()
    }

    async fn told(&self, who: &SignedIn) -> usize {
        let notices = reading::list(&self.case.world.room, who).await;
        let mut told = notices.expect("a list");
        told.retain(|notice| notice.kind == "damage_found");
        told.len()
    }

    /// Takes the first object out of the store that is there.
    async fn lose_an_object(&self) {
        let store = &self.case.world.room.store;
        let first = store.list_objects().next().await.expect("an object");
        store
            .delete(first.expect("listed").object)
            .await
            .expect("gone");
    }

    fn state(&self) -> State {
        State::read(self.data.path()).expect("a state")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_over_a_sound_room_is_entered_and_tells_nobody() {
    let bench = Bench::new().await;
    bench.case.deposit("A1", "").await;
    let before = bench.case.world.size();
    let report = bench.round().await;
    assert!(report.is_sound(), "{report:?}");
    let detail = bench.entered().await;
    assert_eq!(detail["entries"], json!(before));
    assert_eq!(
        (&detail["findings"], &detail["items"]),
        (&json!(0), &json!(1))
    );
    assert!(detail["stored_bytes"].as_u64() > Some(0), "{detail}");
    assert_eq!(bench.told(&bench.case.world.ana).await, 0);
    assert_eq!(bench.state().last.expect("a last").findings, 0);
    // What it entered is what the next one finds.
    assert!(bench.round().await.is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_told_and_entered_and_sound_items_stay_readable() {
    let bench = Bench::new().await;
    let item: ItemId = bench.case.deposit("A1", "").await;
    bench.lose_an_object().await;
    let sound = bench.case.deposit("A2", "").await;
    let report = bench.round().await;
    assert_eq!(report.total, 1, "{report:?}");
    assert_eq!(bench.entered().await["findings"], 1);
    for who in [&bench.case.world.ana, &bench.case.custodian] {
        assert_eq!(bench.told(who).await, 1);
    }
    assert_eq!(bench.told(&bench.case.officer).await, 0);
    for item in [item, sound] {
        let room = &bench.case.world.room;
        evidence::read_item(room, &bench.case.officer, item)
            .await
            .expect("its page opens");
    }
    let state = bench.state();
    assert_eq!(state.last.expect("a last").findings, 1);
    // A round more finds it again, and tells it again: it is still so.
    bench.round().await;
    assert_eq!(bench.told(&bench.case.world.ana).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_that_was_cut_goes_on_with_what_it_had_not_compared() {
    let bench = Bench::new().await;
    let compared = bench.case.deposit("A1", "").await;
    bench.lose_an_object().await;
    bench.case.deposit("A2", "").await;
    let whole = bench.round().await.checked.stored_bytes;
    let now = bench.case.world.room.core.ambient.now();
    let cut = Round {
        id: Id::from_bytes([7; 16]),
        began_at: now,
        after: Some(compared.id()),
        stored_bytes: 1_000,
        findings: 3,
        found: vec![FoundDetails {
            place: "object".into(),
            what: "it is missing".into(),
            ..FoundDetails::default()
        }],
    };
    let state = State {
        round: Some(cut.clone()),
        ..bench.state()
    };
    state.keep(bench.data.path()).expect("kept");
    let room = &bench.case.world.room;
    let due = due_in(room, bench.data.path(), PACE.every).expect("known");
    assert_eq!(due, Duration::ZERO, "a round that was cut goes on at once");
    let report = bench.round().await;
    assert!(
        report.is_sound(),
        "the lost object is behind it: {report:?}"
    );
    assert!(report.checked.stored_bytes < whole);
    let detail = bench.entered().await;
    assert_eq!(
        (&detail["audit"], &detail["findings"]),
        (&json!(cut.id), &json!(3))
    );
    let read = report.checked.stored_bytes + 1_000;
    assert_eq!(detail["stored_bytes"], json!(read));
    assert_eq!(bench.state().round, None);
    // What was found before the cut is named with the round.
    let shown = audits::read(room, &bench.case.world.ana, cut.id).await;
    let shown = shown.expect("shown");
    assert_eq!((shown.round.findings, shown.unnamed()), (3, 2));
    assert_eq!(shown.found[0].what, "it is missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_round_found_is_shown_to_those_who_may_and_names_no_item() {
    let bench = Bench::new().await;
    let world = &bench.case.world;
    let item = bench.case.deposit("A1", "").await;
    bench.round().await;
    let room = &world.room;
    let stands = async || standing(room, &world.ana).await.expect("known");
    assert!(stands().await.sees_audits && !stands().await.damage_found);
    let object = room.store.list_objects().next().await.expect("an object");
    let object = object.expect("listed").object;
    bench.lose_an_object().await;
    let change = "UPDATE items SET nth = nth + 1";
    world.tamper(change);
    assert_eq!(bench.round().await.total, 3);
    assert!(stands().await.damage_found);
    let list = audits::list(room, &world.ana).await.expect("a list");
    assert_eq!((list.unresolved, list.damaged, list.items.len()), (3, 0, 2));
    assert_eq!(list.under_way, None);
    let newest = audits::read(room, &world.ana, list.items[0].id).await;
    let newest = newest.expect("shown");
    assert_eq!(newest.round, list.items[0]);
    let places: Vec<_> = newest.found.iter().map(|one| one.place.as_str()).collect();
    assert!(
        places.contains(&"row") && places.contains(&"object"),
        "{places:?}"
    );
    let lost = newest.found.iter().find(|one| one.place == "object");
    let lost = lost.expect("it is named");
    assert_eq!(lost.object, Some(object.to_string()));
    let told = serde_json::to_string(&newest).expect("JSON");
    assert!(!told.contains(&item.to_string()), "{told}");
    for who in [&bench.case.custodian, &bench.case.officer] {
        let refused = audits::list(room, who).await.expect_err("refused");
        assert!(matches!(refused, Error::Forbidden), "{refused:?}");
        let refused = audits::read(room, who, list.items[0].id).await;
        assert!(matches!(refused, Err(Error::Forbidden)), "{refused:?}");
        let stands = standing(room, who).await.expect("known");
        assert!(!stands.sees_audits && !stands.damage_found);
    }
    let none = audits::read(room, &world.ana, Id::from_bytes([9; 16])).await;
    assert!(matches!(none, Err(Error::NotFound)), "{none:?}");
    // The row of a round that somebody changed hides neither itself nor the others.
    world.tamper("UPDATE audits SET findings = 0 WHERE findings = 3");
    let list = audits::list(room, &world.ana).await.expect("a list");
    assert_eq!((list.unresolved, list.damaged, list.items.len()), (1, 1, 1));
    assert!(stands().await.damage_found, "a changed count hides nothing");
    let damaged = audits::read(room, &world.ana, newest.round.id).await;
    assert!(matches!(damaged, Err(Error::Damaged(_))), "{damaged:?}");
}

/// What a round came to is entered behind everything else, and where it stands kept behind that.
#[tokio::test(flavor = "multi_thread")]
async fn a_round_whose_entry_got_no_answer_is_gone_on_with() {
    let bench = Bench::new().await;
    bench.case.deposit("A1", "").await;
    let room = bench.case.world.room.clone();
    for (outcome, entered) in [(Outcome::Failed, 1), (Outcome::Unsaid, 2)] {
        let fault = Fault {
            after: 0,
            outcome,
            words: "the connection was lost",
        };
        room.writer.submit(Arm(fault)).await.expect("told");
        let from = bench.case.world.size();
        let (again, data) = (room.clone(), bench.data.path().to_owned());
        let cut = tokio::task::spawn_blocking(move || round(&again, &data, PACE));
        let cut = cut.await.expect("no panic").expect_err("no answer");
        assert!(matches!(cut, RoundError::Room(_)), "{cut:?}");
        let id = bench.state().round.expect("it is not over").id;
        assert!(bench.round().await.is_sound());
        assert_eq!(bench.state().round, None);
        let entries = bench.case.world.entries(from).await;
        let details = entries.iter().map(|entry| &entry.values()[slot::DETAIL]);
        let rounds: Vec<_> = details.map(|detail| detail["audit"].clone()).collect();
        assert_eq!(rounds, vec![json!(id); entered], "{outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_come_after_their_span_whatever_the_clock_does() {
    let bench = Bench::new().await;
    let (room, data) = (&bench.case.world.room, bench.data.path());
    let due = || due_in(room, data, PACE.every).expect("known");
    assert_eq!(due(), 24 * HOURS, "none begins under a new room");
    bench.case.world.clock.advance(23 * HOURS);
    assert_eq!(due(), HOURS);
    bench.case.world.clock.advance(2 * HOURS);
    assert_eq!(due(), Duration::ZERO);
    bench.round().await;
    assert_eq!(due(), 24 * HOURS);
    // The clock was wrong by years when the last one ended.
    let far = State {
        next_at: after(room.core.ambient.now(), 100_000 * HOURS),
        ..bench.state()
    };
    far.keep(data).expect("kept");
    assert_eq!(due(), 24 * HOURS);
    // A file that can't be read is none.
    std::fs::write(State::file(data), "?").expect("written");
    assert_eq!(due(), 24 * HOURS);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_slowly_is_the_same() {
    let bench = Bench::new().await;
    bench.case.deposit("A1", "").await;
    let memory = &bench.case.world.room.store;
    let object = memory.list_objects().next().await.expect("an object");
    let listed = object.expect("listed");
    // The same object in a folder, as rooms have it.
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Store::local(folder.path()).expect("a store");
    let mut copy = disk.create(listed.object).await.expect("begun");
    let bytes = memory.get_range(listed.object, 0..listed.size).await;
    copy.put(bytes.expect("read")).await.expect("written");
    copy.finish().await.expect("finished");
    for store in [memory, &disk] {
        let slow = store.paced(NonZeroU32::new(1 << 20).expect("not zero"));
        for range in [0..listed.size, 3..17] {
            let read = slow.get_range(listed.object, range.clone()).await;
            let same = store.get_range(listed.object, range).await;
            assert_eq!(read.expect("read"), same.expect("read"));
        }
        let (size, mut pieces) = slow.get(listed.object).await.expect("there");
        let mut read = 0;
        while let Some(piece) = pieces.next().await {
            read += piece.expect("a piece").len() as u64;
        }
        assert_eq!((read, size), (listed.size, listed.size));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_on_a_disk_audits_itself_past_an_object_that_cannot_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::local(folder.path()).expect("a store");
    let bench = Bench {
        case: Case::in_store(store.clone()).await,
        data: tempfile::tempdir().expect("a folder"),
    };
    for reference in ["A1", "A2", "A3"] {
        bench.case.deposit(reference, "").await;
    }
    assert!(bench.round().await.is_sound());
    // A folder in the place of an object can't be read as one, whoever asks.
    let listed = store.list_objects().next().await.expect("an object");
    let name = listed.expect("listed").object.to_string();
    let path = folder.path().join("objects").join(&name[..2]).join(&name);
    std::fs::remove_file(&path).expect("gone");
    std::fs::create_dir(&path).expect("made");
    let report = bench.round().await;
    assert_eq!(report.total, 1, "{report:?}");
    assert_eq!(bench.told(&bench.case.world.ana).await, 1);
}
