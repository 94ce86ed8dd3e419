//! Managing people, and one's own password.

use std::collections::BTreeSet;

use custos_core::{
    event::slot,
    ids::{AccountId, PersonId},
};
use serde_json::json;

use super::{
    NewPerson, RoomRole, Status, create_person, enrolment::ENROLMENT, issue_enrolment, list_people,
    set_account_status, set_password, set_person_status,
};
use crate::app::{
    Error, SignedIn,
    sessions::{attempts::MAX_FAILURES_PER_LOGIN, redeem::Purpose, session},
    tests::world::{PASSWORD, PEER, World, bound, detail, kind},
};

fn new(login: &str) -> NewPerson {
    NewPerson {
        name: " Bea Ortiz ".into(),
        office: "Sergeant".into(),
        login: login.into(),
        room_roles: BTreeSet::from([RoomRole::Custodian, RoomRole::Auditor]),
    }
}

#[tokio::test]
async fn a_person_is_created_with_account_and_roles_in_one_entry() {
    let world = World::new().await;
    let from = world.size();
    let done = create_person(&world.room, &world.ana, new("bea"))
        .await
        .expect("created");
    let (person, account) = done.output;
    let entries = world.entries(from).await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].values()[slot::ACTOR], json!(world.ana.person));
    assert_eq!(
        detail(&entries[0], "roles"),
        &json!(["custodian", "auditor"])
    );
    let mut tables = bound(&entries[0]);
    tables.sort();
    let one = |table: &str| (table.to_string(), 1);
    assert_eq!(
        tables,
        [one("accounts"), one("people"), one("roles"), one("roles")]
    );
    let from = world.size();
    let listed = list_people(&world.room, &world.ana).await.expect("listed");
    assert_eq!(world.kinds(from).await, ["list"]);
    assert_eq!(listed.len(), 2);
    let ana = &listed[0];
    assert_eq!(
        (ana.name.as_str(), ana.accounts[0].enrolled),
        ("Ana Ilić", true)
    );
    assert_eq!(ana.room_roles, ["administrator"]);
    let bea = &listed[1];
    assert_eq!((bea.id, bea.name.as_str()), (person, "Bea Ortiz"));
    assert_eq!(bea.room_roles, ["custodian", "auditor"]);
    assert_eq!(bea.accounts[0].id, account);
    assert!(!bea.accounts[0].enrolled);
    world.check_log().await;
}

#[tokio::test]
async fn a_login_name_is_taken_once() {
    let world = World::new().await;
    for login in ["ana", " ANA "] {
        let taken = create_person(&world.room, &world.ana, new(login)).await;
        assert!(matches!(taken, Err(Error::Conflict(_))), "{login:?}");
    }
    for odd in ["", "  ", "a\u{0}b"] {
        let refused = create_person(&world.room, &world.ana, new(odd)).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{odd:?}");
    }
}

/// What `who` gets when they try to manage `person` and `account`.
async fn all(
    world: &World,
    who: &SignedIn,
    (person, account): (PersonId, AccountId),
) -> Vec<Result<(), Error>> {
    let room = &world.room;
    let purpose = Purpose::SignIn;
    vec![
        issue_enrolment(room, who, account, purpose, ENROLMENT)
            .await
            .map(drop),
        set_account_status(room, who, account, Status::Suspended)
            .await
            .map(drop),
        set_person_status(room, who, person, Status::Suspended)
            .await
            .map(drop),
    ]
}

#[tokio::test]
async fn only_administrators_manage_and_others_learn_nothing() {
    let world = World::new().await;
    let bea = world.enrolled("bea", &[RoomRole::Custodian]).await;
    let known = (world.ana.person, world.ana.account);
    let unknown = (
        PersonId::from_bytes([7; 16]),
        AccountId::from_bytes([7; 16]),
    );
    for ids in [known, unknown] {
        let from = world.size();
        for outcome in all(&world, &bea, ids).await {
            assert!(matches!(outcome, Err(Error::Forbidden)));
        }
        let entries = world.entries(from).await;
        assert_eq!(entries.len(), 3);
        for entry in &entries {
            assert_eq!(kind(entry), "refuse");
            assert_eq!(entry.values()[slot::ACTOR], json!(bea.person));
            // The same for a known and for an unknown id.
            assert_eq!(detail(entry, "asked"), &json!(world.room.id));
        }
    }
    let from = world.size();
    assert!(matches!(
        list_people(&world.room, &bea).await,
        Err(Error::Forbidden)
    ));
    assert!(matches!(
        create_person(&world.room, &bea, new("carl")).await,
        Err(Error::Forbidden)
    ));
    // An administrator may know that there is nobody.
    for outcome in all(&world, &world.ana, unknown).await {
        assert!(matches!(outcome, Err(Error::NotFound)));
    }
    assert_eq!(world.kinds(from).await, ["refuse"; 5]);
    world.check_log().await;
}

#[tokio::test]
async fn nobody_suspends_themselves_or_anyone_twice() {
    let world = World::new().await;
    let bea = world.enrolled("bea", &[]).await;
    let own = (world.ana.person, world.ana.account);
    for outcome in all(&world, &world.ana, own).await.into_iter().skip(1) {
        assert!(matches!(outcome, Err(Error::Conflict(_))));
    }
    let (room, ana) = (&world.room, &world.ana);
    let active = set_account_status(room, ana, bea.account, Status::Active).await;
    assert!(matches!(active, Err(Error::Conflict(_))));
    set_account_status(room, ana, bea.account, Status::Suspended)
        .await
        .expect("suspended");
    let purpose = Purpose::Enrol;
    let link = issue_enrolment(room, ana, bea.account, purpose, ENROLMENT).await;
    assert!(matches!(link, Err(Error::Conflict(_))));
    // F9: who is suspended is refused whatever they hold.
    let refused = super::list_tokens(room, &bea).await;
    assert!(matches!(refused, Err(Error::Forbidden)));
}

#[tokio::test]
async fn a_changed_password_ends_every_other_session() {
    let world = World::new().await;
    let other = world.sign_in("ana", PASSWORD).await.expect("signs in");
    let own = world.sign_in("ana", PASSWORD).await.expect("signs in");
    let (room, who) = (&world.room, own.session.who);
    let from = world.size();
    let next = "a wholly new one";
    let done = set_password(room, &who, (PASSWORD.into(), next.into()), PEER).await;
    done.expect("changed");
    let entries = world.entries(from).await;
    assert_eq!(kind(&entries[0]), "password_set");
    assert_eq!(bound(&entries[0]), [("credentials".into(), 2)]);
    assert!(session(room, &own.secret.text()).await.is_ok());
    assert!(session(room, &other.secret.text()).await.is_err());
    assert!(world.sign_in("ana", PASSWORD).await.is_err());
    assert!(world.sign_in("ana", next).await.is_ok());
    world.check_log().await;
}

#[tokio::test]
async fn a_stolen_session_guesses_no_password() {
    let world = World::new().await;
    let bea = world.enrolled("bea", &[]).await;
    let next = "a wholly new one";
    let change = async |old: &str, new: &str| {
        set_password(&world.room, &bea, (old.into(), new.into()), PEER).await
    };
    assert!(matches!(
        change(PASSWORD, "too short").await,
        Err(Error::Invalid(_))
    ));
    let from = world.size();
    for _ in 0..MAX_FAILURES_PER_LOGIN {
        assert!(matches!(
            change("wrong", next).await,
            Err(Error::Invalid(_))
        ));
    }
    assert!(matches!(
        change(PASSWORD, next).await,
        Err(Error::TooMany { .. })
    ));
    let entries = world.entries(from).await;
    assert_eq!(entries.len(), MAX_FAILURES_PER_LOGIN as usize);
    for entry in &entries {
        assert_eq!(kind(entry), "sign_in_failed");
        assert_eq!(entry.values()[slot::ACTOR], json!(bea.person));
        assert_eq!(detail(entry, "reason"), "present_password");
    }
}

#[tokio::test]
async fn a_password_is_changed_by_whoever_has_one() {
    let world = World::new().await;
    let (_, account) = world.person("bea", &[]).await;
    let link = world.link(account, Purpose::SignIn).await;
    let who = world.redeem(&link, None).await.expect("signs in");
    let passwords = (PASSWORD.into(), "a wholly new one".into());
    let refused = set_password(&world.room, &who.session.who, passwords, PEER).await;
    assert!(matches!(refused, Err(Error::Conflict(_))));
}
