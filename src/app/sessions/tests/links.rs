//! Single-use links.

use std::time::Duration;

use custos_core::event::slot;
use serde_json::json;

use crate::{
    app::{
        Error,
        people::{
            enrolment::{ENROLMENT, MAX_ENROLMENT},
            first_enrolment, issue_enrolment,
        },
        sessions::{
            Secret, redeem,
            redeem::{Purpose, purpose},
            session,
        },
        tests::world::{PASSWORD, PEER, World, bound, detail, kind},
    },
    policy::facts::Means,
};

#[tokio::test]
async fn the_first_administrator_enrols_once_and_the_room_says_so() {
    let (world, link) = World::founded().await;
    // The link is lost; whoever holds the keys makes another, and the first is withdrawn.
    let second = first_enrolment(&world.room, " ANA ", ENROLMENT)
        .await
        .expect("nobody has enrolled yet")
        .output;
    assert!(matches!(
        world.redeem(&link, Some(PASSWORD)).await,
        Err(Error::Invalid(_))
    ));
    assert!(matches!(
        first_enrolment(&world.room, "bea", ENROLMENT).await,
        Err(Error::NotFound)
    ));
    let from = world.size();
    let new = world.redeem(&second, Some(PASSWORD)).await.expect("enrols");
    let held = session(&world.room, &new.secret.text())
        .await
        .expect("holds");
    assert_eq!(held.who.means, Means::Link);
    let entries = world.entries(from).await;
    assert_eq!(entries.len(), 1);
    assert_eq!(kind(&entries[0]), "enrolment_use");
    assert_eq!(entries[0].values()[slot::ACTOR], json!(held.who.person));
    assert_eq!(entries[0].values()[slot::AUTHENTICATION], json!("link"));
    assert_eq!(bound(&entries[0]), [("credentials".into(), 1)]);
    let issued = world.entries(0).await;
    let issued = issued.iter().find(|entry| kind(entry) == "enrolment_issue");
    let issued = issued.expect("an entry").values();
    assert_eq!(issued[slot::ACTOR], json!(null));
    // From now on there is an administrator who issues links.
    assert!(matches!(
        first_enrolment(&world.room, "ana", ENROLMENT).await,
        Err(Error::Conflict(_))
    ));
    world.check_log().await;
}

#[tokio::test]
async fn a_link_is_used_once() {
    let world = World::new().await;
    let (_, account) = world.person("bea", &[]).await;
    for asked in Purpose::ALL {
        let link = world.link(account, asked).await;
        let password = (asked == Purpose::Enrol).then_some(PASSWORD);
        let found = purpose(&world.room, &link.text(), PEER).await;
        assert_eq!(found.expect("holds"), asked);
        let from = world.size();
        let both = futures::join!(world.redeem(&link, password), world.redeem(&link, password));
        let ok = usize::from(both.0.is_ok()) + usize::from(both.1.is_ok());
        assert_eq!(ok, 1);
        assert_eq!(world.kinds(from).await, ["enrolment_use"]);
        assert!(matches!(
            world.redeem(&link, password).await,
            Err(Error::Invalid(_))
        ));
    }
    assert!(world.sign_in("bea", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn links_that_do_not_hold_answer_alike() {
    let world = World::new().await;
    let (_, account) = world.person("bea", &[]).await;
    let used = world.link(account, Purpose::SignIn).await;
    world.redeem(&used, None).await.expect("once");
    let withdrawn = world.link(account, Purpose::SignIn).await;
    let expired = world.link(account, Purpose::SignIn).await;
    world.clock.advance(ENROLMENT);
    let unknown = Secret::new(&world.room.core.ambient);
    let from = world.size();
    let mut answers = Vec::new();
    for link in [&used, &withdrawn, &expired, &unknown] {
        answers.push(world.redeem(link, None).await.expect_err("dead"));
        let looked = purpose(&world.room, &link.text(), PEER).await;
        answers.push(looked.expect_err("dead"));
    }
    for odd in ["", "custos_", "../../etc/passwd"] {
        answers.push(
            redeem(&world.room, odd, None, PEER)
                .await
                .expect_err("dead"),
        );
    }
    let texts: Vec<String> = answers.iter().map(ToString::to_string).collect();
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    assert_eq!(world.size(), from);
    assert_eq!(world.room.entrance.refused_attempts(), 8);
}

#[tokio::test]
async fn a_link_that_enrols_waits_for_a_password_that_may_be_set() {
    let world = World::new().await;
    let (_, account) = world.person("bea", &[]).await;
    let link = world.link(account, Purpose::Enrol).await;
    let from = world.size();
    for password in [None, Some("elf letters"), Some("")] {
        let refused = world.redeem(&link, password).await;
        assert!(matches!(refused, Err(Error::Invalid(_))));
    }
    assert_eq!(world.size(), from);
    world.redeem(&link, Some(PASSWORD)).await.expect("enrols");
    let link = world.link(account, Purpose::SignIn).await;
    assert!(matches!(
        world.redeem(&link, Some("another password")).await,
        Err(Error::Invalid(_))
    ));
    world.redeem(&link, None).await.expect("signs in");
    assert!(world.sign_in("bea", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_and_whoever_knew_it_is_out() {
    let world = World::new().await;
    let bea = world.enrolled("bea", &[]).await;
    let old = world.sign_in("bea", PASSWORD).await.expect("signs in");
    let link = world.link(bea.account, Purpose::Enrol).await;
    let from = world.size();
    let new = world
        .redeem(&link, Some("a wholly new one"))
        .await
        .expect("enrols");
    assert_eq!(
        bound(&world.entries(from).await[0]),
        [("credentials".into(), 2)]
    );
    assert!(matches!(
        session(&world.room, &old.secret.text()).await,
        Err(Error::SignedOut)
    ));
    assert!(session(&world.room, &new.secret.text()).await.is_ok());
    assert!(world.sign_in("bea", PASSWORD).await.is_err());
    assert!(world.sign_in("bea", "a wholly new one").await.is_ok());
    world.check_log().await;
}

#[tokio::test]
async fn links_live_as_long_as_was_said_and_never_beyond_a_day() {
    let world = World::new().await;
    let (_, account) = world.person("bea", &[]).await;
    let issue = async |lifetime| {
        issue_enrolment(&world.room, &world.ana, account, Purpose::SignIn, lifetime).await
    };
    for odd in [Duration::ZERO, MAX_ENROLMENT + Duration::from_micros(1)] {
        assert!(matches!(issue(odd).await, Err(Error::Invalid(_))));
    }
    for late in [false, true] {
        let from = world.size();
        let link = issue(MAX_ENROLMENT).await.expect("a link").output;
        let entries = world.entries(from).await;
        assert_eq!(kind(&entries[0]), "enrolment_issue");
        assert_eq!(entries[0].values()[slot::ACTOR], json!(world.ana.person));
        assert_eq!(detail(&entries[0], "purpose"), "sign_in");
        let left = u64::from(!late);
        world
            .clock
            .advance(MAX_ENROLMENT - Duration::from_micros(left));
        assert_eq!(world.redeem(&link, None).await.is_err(), late);
    }
}
