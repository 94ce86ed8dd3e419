//! Nobody is told of what they may not know of: when it is queued, when it is sent, when it is
//! shown.

use custos_core::ids::{Id, RowId};

use super::{addressed, due, page, quarantined, rows, sent_out, telling, told};
use crate::{
    app::{
        Error,
        cases::{add_party, add_person, end_role, tests::Case},
        disclosures, evidence,
        notices::{reading, sending as ways},
        orders::{self, NewOrder},
        people::{self, Status, issue_token},
        sessions::Right,
        walls::{self, Wall},
    },
    db::outbox::{DROPPED, SENT},
};

#[tokio::test]
async fn a_serving_is_told_to_counsel_of_its_party_alone() {
    let case = telling().await;
    let room = case.world.room.clone();
    let other = add_party(&room, &case.custodian, case.case, ("defence", "E."))
        .await
        .expect("a party")
        .output;
    let stranger = case.world.hired("counsel of E", &[]).await;
    add_person(
        &room,
        &case.custodian,
        case.case,
        stranger.person,
        ("defence", Some(other)),
    )
    .await
    .expect("a role");
    let item = case.deposit("JS/1", "normal").await;
    case.serve(item).await;
    let again = disclosures::serve(&room, &case.prosecutor, item, case.party).await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    assert_eq!(
        told(&case.world, &case.counsel).await,
        ["role_given", "served"]
    );
    for untold in [&stranger, &case.prosecutor, &case.officer, &case.judge] {
        assert_eq!(told(&case.world, untold).await, ["role_given"]);
    }
    // The row names the item by its id, and nothing else that anybody said.
    let row = rows(&case.world)
        .await
        .into_iter()
        .find(|row| row.kind == "served");
    let row = row.expect("a row");
    assert_eq!(row.about_id, item.id());
    let json = serde_json::to_string(&row).expect("JSON");
    for word in ["JS/1", "26/1", "D.", "Name of"] {
        assert!(!json.contains(word), "{json}");
    }
}

/// The items that the officer's notices of quarantine lead to.
async fn offered(case: &Case) -> Vec<Option<Id>> {
    let listed = reading::list(&case.world.room, &case.officer).await;
    let listed = listed.expect("listed").into_iter();
    let about = listed.filter(|notice| notice.kind == "deposit_quarantined");
    about.map(|notice| notice.item).collect()
}

#[tokio::test]
async fn a_restricted_deposit_is_told_to_its_depositor_and_never_leaves_the_house() {
    let case = telling().await;
    let before = sent_out(&case.world).await.len();
    let hidden = quarantined(&case, "JS/1", "restricted").await;
    let at = rows(&case.world).await;
    let about: Vec<_> = at
        .iter()
        .filter(|row| row.about_id == hidden.id())
        .collect();
    assert_eq!(about.len(), 1, "{about:?}");
    assert_eq!(about[0].account_id, Some(case.officer.account));
    assert_eq!(sent_out(&case.world).await.len(), before);
    // Its depositor is told that something needs a look, and offered no page that is not theirs.
    assert_eq!(offered(&case).await, [None]);
    // An item that is not restricted goes out, by its id.
    let open = quarantined(&case, "JS/2", "normal").await;
    let out = rows(&case.world).await;
    let out: Vec<_> = out.iter().filter(|row| row.about_id == open.id()).collect();
    assert_eq!(out.len(), 2, "{out:?}");
    let offered = offered(&case).await;
    assert!(
        offered.contains(&Some(open.id())) && offered.contains(&None),
        "{offered:?}"
    );
}

#[tokio::test]
async fn what_becomes_hidden_is_neither_shown_nor_counted_nor_sent() {
    let case = telling().await;
    let room = case.world.room.clone();
    addressed(&case.world, &case.counsel, "counsel@chambers.example").await;
    reading::mark_read(&room, &case.counsel, None)
        .await
        .expect("read");
    let item = case.deposit("JS/1", "normal").await;
    case.serve(item).await;
    let unread = || async {
        reading::unread(&room, &case.counsel)
            .await
            .expect("counted")
            .count
    };
    assert_eq!(unread().await, 1);
    evidence::restrict(&room, &case.judge, item)
        .await
        .expect("restricted");
    assert_eq!(unread().await, 0);
    assert!(!page(&case.world, &case.counsel).await.contains(&"served"));
    // One that is hidden and one that never was are answered alike, and neither leaves a trace.
    let row = rows(&case.world)
        .await
        .into_iter()
        .find(|row| row.kind == "served" && row.account_id.is_some());
    let row = row.expect("a row");
    let size = case.world.size();
    for id in [row.id, RowId::from_bytes([7; 16])] {
        let marked = reading::mark_read(&room, &case.counsel, Some(id)).await;
        assert!(matches!(marked, Err(Error::NotFound)), "{marked:?}");
    }
    let foreign = reading::mark_read(&room, &case.officer, Some(row.id)).await;
    assert!(matches!(foreign, Err(Error::NotFound)), "{foreign:?}");
    assert_eq!(case.world.size(), size);
    // The letter was queued while it might be told, and is dropped now that it may not.
    for notice in due(&case.world).await {
        let parcel = ways::take_up(&room, notice).await.expect("taken up");
        assert!(parcel.is_none(), "{parcel:?}");
    }
    let hook = ways::due(&room, ways::SentBy::Endpoint(super::DESK))
        .await
        .expect("due");
    for notice in hook {
        ways::take_up(&room, notice).await.expect("taken up");
    }
    let after = rows(&case.world).await;
    for row in after.iter().filter(|row| row.kind == "served") {
        assert_eq!(row.state, DROPPED);
        assert!(
            row.told
                .as_deref()
                .is_some_and(|why| why.contains("any more")),
            "{row:?}"
        );
    }
    // Lifted again, it is there again; what was dropped is not sent.
    evidence::lift_restriction(&room, &case.judge, item)
        .await
        .expect("lifted");
    assert_eq!(unread().await, 1);
    assert!(due(&case.world).await.is_empty());
}

#[tokio::test]
async fn one_letter_speaks_for_many_and_none_is_lost_with_it() {
    let case = telling().await;
    let room = case.world.room.clone();
    addressed(&case.world, &case.counsel, "counsel@chambers.example").await;
    let mut items = Vec::new();
    for reference in ["JS/1", "JS/2", "JS/3"] {
        items.push(case.deposit(reference, "normal").await);
        case.serve(*items.last().expect("one")).await;
    }
    let shown = page(&case.world, &case.counsel).await;
    assert_eq!(shown.iter().filter(|kind| **kind == "served").count(), 3);
    assert_eq!(
        due(&case.world).await.len(),
        1,
        "the mail server counts no items"
    );
    // What the letter was about is hidden before it is sent: another one speaks for the rest.
    evidence::restrict(&room, &case.judge, items[0])
        .await
        .expect("restricted");
    let first = due(&case.world).await[0];
    let parcel = ways::take_up(&room, first).await.expect("taken up");
    assert!(parcel.is_none(), "{parcel:?}");
    let next = due(&case.world).await;
    assert_eq!(next.len(), 1);
    let parcel = ways::take_up(&room, next[0]).await.expect("taken up");
    assert!(parcel.is_some());
    ways::settle(&room, next[0], Ok(())).await.expect("settled");
    assert!(due(&case.world).await.is_empty());
    // What concerns the account itself always has a letter of its own.
    for _ in 0..2 {
        let rights = [Right::Read].into();
        let span = std::time::Duration::from_secs(60);
        issue_token(&room, &case.counsel, "l", rights, span)
            .await
            .expect("a token");
    }
    assert_eq!(due(&case.world).await.len(), 2);
}

#[tokio::test]
async fn a_role_that_ended_or_a_wall_stops_the_letter() {
    let case = telling().await;
    let room = case.world.room.clone();
    addressed(&case.world, &case.prosecutor, "p@court.example").await;
    addressed(&case.world, &case.judge, "j@court.example").await;
    let order = |number: &str| NewOrder {
        number: number.into(),
        orders: "other".into(),
        text: "It is ordered.".into(),
    };
    let other = case.world.hired("second judge", &[]).await;
    let role = ("judge", None);
    add_person(&room, &case.custodian, case.case, other.person, role)
        .await
        .expect("a role");
    orders::make(&room, &other, case.case, order("O/1"))
        .await
        .expect("made");
    assert_eq!(
        told(&case.world, &other).await,
        ["role_given"],
        "not one's own order"
    );
    assert!(
        !told(&case.world, &case.officer)
            .await
            .contains(&"order_made".into())
    );
    assert!(
        !told(&case.world, &case.counsel)
            .await
            .contains(&"order_made".into())
    );
    assert_eq!(due(&case.world).await.len(), 2);
    let ended = (case.prosecutor.person, "prosecutor");
    end_role(&room, &case.custodian, case.case, ended)
        .await
        .expect("ended");
    let between = (case.case, case.judge.person);
    walls::set(&room, &case.custodian, between, Wall::Up, "kin")
        .await
        .expect("raised");
    for notice in due(&case.world).await {
        let parcel = ways::take_up(&room, notice).await.expect("taken up");
        assert!(parcel.is_none(), "{parcel:?}");
    }
    let dropped = rows(&case.world).await;
    let dropped = dropped.iter().filter(|row| row.state == DROPPED);
    assert_eq!(dropped.count(), 2);
    for who in [&case.prosecutor, &case.judge] {
        assert!(!page(&case.world, who).await.contains(&"order_made"));
    }
}

#[tokio::test]
async fn the_suspended_are_told_that_they_are_and_nothing_else() {
    let case = telling().await;
    let room = case.world.room.clone();
    addressed(&case.world, &case.counsel, "counsel@chambers.example").await;
    let item = case.deposit("JS/1", "normal").await;
    case.serve(item).await;
    people::set_account_status(
        &room,
        &case.world.ana,
        case.counsel.account,
        Status::Suspended,
    )
    .await
    .expect("suspended");
    let mut sent = Vec::new();
    for notice in due(&case.world).await {
        if let Some(parcel) = ways::take_up(&room, notice).await.expect("taken up") {
            ways::settle(&room, notice, Ok(())).await.expect("settled");
            sent.push(parcel);
        }
    }
    assert_eq!(sent.len(), 1, "{sent:?}");
    let states: Vec<_> = rows(&case.world)
        .await
        .into_iter()
        .filter(|row| row.account_id == Some(case.counsel.account))
        .map(|row| (row.kind, row.state))
        .collect();
    assert!(
        states.contains(&("served".into(), DROPPED.into())),
        "{states:?}"
    );
    assert!(
        states.contains(&("account_suspended".into(), SENT.into())),
        "{states:?}"
    );
}

#[tokio::test]
async fn what_counsel_does_does_not_leave_the_house() {
    let case = telling().await;
    let room = case.world.room.clone();
    let token = |who| {
        let rights = [Right::Read].into();
        issue_token(
            &room,
            who,
            "a program",
            rights,
            std::time::Duration::from_secs(3_600),
        )
    };
    token(&case.counsel).await.expect("a token");
    assert_eq!(
        told(&case.world, &case.counsel).await,
        ["role_given", "token_made"]
    );
    let out = || async {
        let rows = rows(&case.world).await.into_iter();
        rows.filter(|row| row.endpoint.is_some() && row.kind == "token_made")
            .map(|row| row.about_id)
            .collect::<Vec<_>>()
    };
    assert!(out().await.is_empty());
    token(&case.officer).await.expect("a token");
    assert_eq!(out().await, [case.officer.account.id()]);
    // An officer who becomes counsel before it is sent.
    let role = ("defence", Some(case.party));
    add_person(&room, &case.custodian, case.case, case.officer.person, role)
        .await
        .expect("a role");
    let waiting = ways::due(&room, ways::SentBy::Endpoint(super::DESK))
        .await
        .expect("due");
    for notice in waiting {
        ways::take_up(&room, notice).await.expect("taken up");
    }
    let rows = rows(&case.world).await;
    let row = rows
        .iter()
        .find(|row| row.endpoint.is_some() && row.kind == "token_made");
    assert_eq!(row.expect("a row").state, DROPPED);
}
