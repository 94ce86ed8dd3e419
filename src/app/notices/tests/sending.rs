//! Retries, ends, and what an operator of the database does to a notice.

use std::time::Duration;

use super::{DESK, addressed, due, letter, page, quarantined, rows, sent_out, telling};
use crate::{
    app::{
        Error,
        notices::{Kind, damage, reading, sending as ways},
    },
    db::outbox::{DROPPED, GONE, SENT, UNDELIVERED, WAITING},
    peers::{NotSent, Then},
};

fn failed(then: Then) -> Result<(), NotSent> {
    Err(NotSent::new(then, "451 try later", &[]))
}

#[tokio::test]
async fn attempts_are_bounded_and_pauses_grow() {
    let case = telling().await;
    let (world, room) = (&case.world, &case.world.room);
    addressed(world, &case.officer, "officer@agency.example").await;
    quarantined(&case, "JS/1", "normal").await;
    let pauses = room.core.outlets.pauses;
    let mut ids = std::collections::BTreeSet::new();
    for attempt in 0..=pauses.len() {
        let (notice, sent) = letter(world).await.expect("a letter");
        ids.insert(sent.id);
        // Taken up and not settled, as a crash leaves it: it is put off, and not lost.
        assert!(due(world).await.is_empty(), "attempt {attempt}");
        ways::settle(room, notice, failed(Then::Again))
            .await
            .expect("settled");
        if let Some(pause) = pauses.get(attempt) {
            world.clock.advance(*pause - Duration::from_micros(1));
            assert!(due(world).await.is_empty(), "attempt {attempt}");
            world.clock.advance(Duration::from_micros(1));
        }
    }
    assert_eq!(ids.len(), 1, "a retry is not a second letter");
    world.clock.advance(Duration::from_secs(7 * 24 * 3_600));
    assert!(due(world).await.is_empty());
    let undelivered = reading::undelivered(room, &world.ana)
        .await
        .expect("listed");
    assert_eq!(undelivered.len(), 1, "{undelivered:?}");
    let shown = &undelivered[0];
    assert_eq!(
        (shown.to.as_str(), shown.told.as_str()),
        ("investigator", "451 try later")
    );
    assert_eq!(
        usize::try_from(shown.attempts).expect("few"),
        pauses.len() + 1
    );
    // What it is about is of a case, of which an administrator learns nothing.
    assert_eq!(shown.kind, None);
    let refused = reading::undelivered(room, &case.custodian).await;
    assert!(matches!(refused, Err(Error::Forbidden)), "{refused:?}");
}

#[tokio::test]
async fn a_crash_after_the_last_attempt_ends_it_too() {
    let case = telling().await;
    let (world, room) = (&case.world, &case.world.room);
    addressed(world, &case.officer, "officer@agency.example").await;
    quarantined(&case, "JS/1", "normal").await;
    for _ in 0..=room.core.outlets.pauses.len() {
        assert!(letter(world).await.is_some());
        world.clock.advance(Duration::from_secs(25 * 3_600));
    }
    let notice = due(world).await[0];
    let parcel = ways::take_up(room, notice).await.expect("taken up");
    assert!(parcel.is_none(), "{parcel:?}");
    let states: Vec<_> = rows(world).await.into_iter().map(|row| row.state).collect();
    assert!(states.contains(&UNDELIVERED.into()), "{states:?}");
    assert!(due(world).await.is_empty());
}

#[tokio::test]
async fn what_was_refused_for_good_is_not_tried_again() {
    let case = telling().await;
    let (world, room) = (&case.world, &case.world.room);
    addressed(world, &case.officer, "officer@agency.example").await;
    quarantined(&case, "JS/1", "normal").await;
    let (notice, _) = letter(world).await.expect("a letter");
    ways::settle(room, notice, failed(Then::Never))
        .await
        .expect("settled");
    world.clock.advance(Duration::from_secs(7 * 24 * 3_600));
    assert!(due(world).await.is_empty());
    // Settling it again, as after an answer that came twice, changes nothing.
    ways::settle(room, notice, Ok(())).await.expect("settled");
    let row = rows(world).await.into_iter().find(|row| row.id == notice);
    assert_eq!(row.expect("a row").state, UNDELIVERED);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_gets_nothing_more() {
    let case = telling().await;
    let (world, room) = (&case.world, &case.world.room);
    let way = || ways::due(room, ways::SentBy::Endpoint(DESK));
    let waiting = way().await.expect("due");
    assert!(waiting.len() > 2, "{waiting:?}");
    ways::take_up(room, waiting[0])
        .await
        .expect("taken up")
        .expect("an event");
    ways::settle(room, waiting[0], failed(Then::Gone))
        .await
        .expect("settled");
    let before = sent_out(world).await.len();
    quarantined(&case, "JS/1", "normal").await;
    assert_eq!(sent_out(world).await.len(), before);
    assert!(way().await.expect("due").is_empty());
    let shown = reading::undelivered(room, &world.ana)
        .await
        .expect("listed");
    assert_eq!(shown.iter().filter(|notice| notice.stopped).count(), 1);
    assert_eq!(shown.len(), before);
    assert!(
        shown
            .iter()
            .all(|notice| notice.is_endpoint && notice.to == DESK)
    );
    // It is remembered however old it grows.
    world.clock.advance(ways::KEPT_FOR * 2);
    ways::forget_old(room).await.expect("forgotten");
    let left: Vec<_> = rows(world).await.into_iter().map(|row| row.state).collect();
    assert_eq!(left, [GONE]);
}

#[tokio::test]
async fn a_notice_that_the_room_did_not_write_is_not_sent() {
    let case = telling().await;
    let (world, room) = (&case.world, &case.world.room);
    addressed(world, &case.officer, "officer@agency.example").await;
    addressed(world, &case.judge, "judge@court.example").await;
    quarantined(&case, "JS/1", "normal").await;
    let officer = case.officer.account;
    world.tamper(&format!(
        "UPDATE notices SET account_id = x'{}' WHERE account_id = x'{officer}' AND state = '{WAITING}'",
        case.judge.account
    ));
    let forged = due(world).await;
    assert_eq!(forged.len(), 1);
    assert!(
        ways::take_up(room, forged[0])
            .await
            .expect("taken up")
            .is_none()
    );
    assert!(due(world).await.is_empty(), "it is not tried over and over");
    assert!(
        !page(world, &case.judge)
            .await
            .contains(&"deposit_quarantined")
    );
    assert!(
        reading::unread(room, &case.judge)
            .await
            .expect("counted")
            .count
            > 0
    );
}

#[tokio::test]
async fn settings_that_went_away_leave_nothing_waiting() {
    let case = telling().await;
    let (world, room) = (&case.world, &case.world.room);
    ways::drop_unreachable(room).await.expect("looked");
    let waiting = |rows: &[crate::db::outbox::NoticeRow]| {
        rows.iter().filter(|row| row.state == WAITING).count()
    };
    let before = rows(world).await;
    assert!(waiting(&before) > 0, "what is in the settings waits on");
    // The same register under settings that name another endpoint.
    let core = &room.core;
    let mut named = before
        .iter()
        .find(|row| row.endpoint.is_some())
        .expect("one")
        .clone();
    named.endpoint = Some("elsewhere".into());
    named.id = custos_core::ids::RowId::from_bytes([9; 16]);
    let mac = hex::encode(crate::db::mac::mac(&core.keys.session, &named));
    world.tamper(&format!(
        "INSERT INTO notices SELECT x'{}', account_id, 'elsewhere', kind, about_id, address_id, \
         created_at, read_at, state, attempts, next_at, told, x'{mac}' FROM notices \
         WHERE endpoint = '{DESK}' AND about_id = x'{}' AND kind = '{}' LIMIT 1",
        named.id, named.about_id, named.kind
    ));
    ways::drop_unreachable(room).await.expect("looked");
    let after = rows(world).await;
    let row = after.iter().find(|row| row.id == named.id).expect("a row");
    assert_eq!(row.state, DROPPED);
    assert_eq!(waiting(&after), waiting(&before));
}

#[tokio::test]
async fn damage_is_told_once_to_those_who_keep_the_room() {
    let case = telling().await;
    let (world, room) = (&case.world, &case.world.room);
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    assert!(!damage::take_up(room, data).await.expect("looked"));
    damage::leave(data, &room.core.ambient).expect("left");
    let note = std::fs::read(damage::note(data)).expect("a note");
    assert!(damage::take_up(room, data).await.expect("told"));
    assert!(!damage::note(data).exists());
    // A crash before it was removed: the same note again.
    std::fs::write(damage::note(data), note).expect("put back");
    assert!(damage::take_up(room, data).await.expect("told"));
    let kind = Kind::DamageFound.name();
    let told: Vec<_> = rows(world)
        .await
        .into_iter()
        .filter(|row| row.kind == kind)
        .collect();
    let accounts: Vec<_> = told.iter().filter_map(|row| row.account_id).collect();
    assert_eq!(accounts.len(), 2, "{told:?}");
    for who in [&world.ana, &case.custodian] {
        assert!(accounts.contains(&who.account));
        assert!(page(world, who).await.contains(&kind));
    }
    assert_eq!(
        sent_out(world)
            .await
            .iter()
            .filter(|sent| *sent == kind)
            .count(),
        1
    );
    // A note that can't be read still says that something was found.
    std::fs::write(damage::note(data), "?").expect("written");
    assert!(damage::take_up(room, data).await.expect("told"));
    let told = rows(world).await.into_iter().filter(|row| row.kind == kind);
    assert_eq!(told.count(), 6);
}

#[tokio::test]
async fn what_is_old_and_done_is_forgotten() {
    let case = telling().await;
    let (world, room) = (&case.world, &case.world.room);
    addressed(world, &case.officer, "officer@agency.example").await;
    let sent = rows(world).await;
    assert!(sent.iter().any(|row| row.state == SENT));
    world.clock.advance(ways::KEPT_FOR - Duration::from_secs(1));
    ways::forget_old(room).await.expect("looked");
    assert_eq!(rows(world).await.len(), sent.len());
    world.clock.advance(Duration::from_secs(2));
    ways::forget_old(room).await.expect("forgotten");
    let left = rows(world).await;
    assert!(left.iter().all(|row| row.state == WAITING), "{left:?}");
    assert!(left.len() < sent.len());
}
