//! How long an index is kept, what it follows, and what it does not say.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use custos_core::ids::Timestamp;

use crate::{
    app::{
        Error, Room,
        cases::{
            Asked, list_items, read_case,
            tests::{Case, references},
        },
        evidence,
        index::{IDLE_MICROS, Indexes, Measure},
        people::{self, Status},
    },
    db::decide,
};

const MINUTE: u64 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_wiped_once_nobody_uses_it() {
    let case = Case::new().await;
    let (room, clock) = (&case.world.room, &case.world.clock);
    case.deposit("JS/1", "").await;
    assert_eq!(
        room.indexes.measure(),
        Measure::default(),
        "it is made when it is asked for"
    );
    case.list(&case.officer, &[]).await;
    assert_eq!(
        (room.indexes.measure().indexes, room.indexes.measure().items),
        (1, 1)
    );
    clock.advance(Duration::from_secs(9 * MINUTE));
    room.indexes.forget_idle(clock_now(room));
    assert_eq!(room.indexes.measure().indexes, 1);
    case.list(&case.officer, &[]).await;
    clock.advance(Duration::from_secs(9 * MINUTE));
    room.indexes.forget_idle(clock_now(room));
    assert_eq!(room.indexes.measure().indexes, 1, "its use counts");
    clock.advance(Duration::from_secs(2 * MINUTE));
    room.indexes.forget_idle(clock_now(room));
    assert_eq!(room.indexes.measure(), Measure::default());
    let list = case.list(&case.officer, &[]).await;
    assert_eq!(references(&list), ["JS/1"], "it is made again");
    // A clock that was put back does not make it live longer.
    let before = clock_now(room).micros() - IDLE_MICROS;
    clock.set(Timestamp::from_micros(before).expect("a time"));
    room.indexes.forget_idle(clock_now(room));
    assert_eq!(room.indexes.measure(), Measure::default());
}

fn clock_now(room: &Room) -> Timestamp {
    room.core.ambient.now()
}

#[tokio::test(flavor = "multi_thread")]
async fn indexes_share_their_memory() {
    let case = Case::new().await;
    case.deposit("JS/1", "").await;
    let other = case.other().await;
    let mut room = case.world.room.clone();
    case.list(&case.officer, &[]).await;
    let one = room.indexes.measure().bytes;
    for (max_bytes, kept) in [(usize::MAX, 2), (one, 1), (0, 0)] {
        room.indexes = Arc::new(Indexes::within(max_bytes));
        for listed in [case.case, other, case.case] {
            let list = list_items(&room, &case.officer, listed, &Asked::default()).await;
            let count = u64::from(listed == case.case);
            assert_eq!(list.expect("listed").total, count);
            case.world.clock.advance(Duration::from_secs(1));
        }
        let taken = room.indexes.measure();
        assert_eq!(taken.indexes, kept, "{max_bytes}: {taken:?}");
        assert!(
            kept == 0 || taken.items == 1,
            "the least recently used was wiped"
        );
    }
}

/// A list that was entered, and not yet read, when facts change: it goes by the new ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_goes_by_facts_of_one_moment() {
    let case = Case::new().await;
    let room = &case.world.room;
    let item = case.deposit("JS/1", "").await;
    case.deposit("JS/2", "").await;
    evidence::restrict(room, &case.judge, item)
        .await
        .expect("restricted");
    let (core, id) = (room.core.clone(), case.case);
    let facts = room.read(move |connection| Ok(decide::case(connection, &core.keyring, id)?));
    let facts = facts.await.expect("read").expect("a case");
    assert_eq!(references(&case.list(&case.officer, &[]).await), ["JS/2"]);

    for suspended in [false, true] {
        let size = case.world.size();
        let shelf = room.indexes.shelf(facts.case.id, clock_now(room));
        let (holding, holds) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let holder = thread::spawn(move || {
            let _held = shelf.held.write().expect("not poisoned");
            holding.send(()).expect("somebody waits");
            // It ends when the other side is dropped.
            released.recv().expect_err("nothing is ever sent");
        });
        holds.recv().expect("the index is held");
        let listing = tokio::spawn({
            let (room, officer, case) = (room.clone(), case.officer, case.case);
            async move { read_case(&room, &officer, case, &Asked::default()).await }
        });
        while case.world.size() == size {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The list is entered and waits. Now its reader leaves, and then the item is opened.
        if suspended {
            let person = case.officer.person;
            people::set_person_status(room, &case.world.ana, person, Status::Suspended)
                .await
                .expect("suspended");
        }
        evidence::lift_restriction(room, &case.judge, item)
            .await
            .expect("lifted");
        drop(release);
        holder.join().expect("no panic");
        let listed = listing.await.expect("no panic");
        if suspended {
            assert!(matches!(listed, Err(Error::NotFound)), "{listed:?}");
        } else {
            let listed = listed.expect("listed");
            assert_eq!(references(&listed.list), ["JS/1", "JS/2"], "as it is now");
            evidence::restrict(room, &case.judge, item)
                .await
                .expect("restricted");
        }
    }
}
