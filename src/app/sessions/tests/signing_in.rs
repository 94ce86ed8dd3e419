//! Passwords: right, wrong, unknown, too often, suspended.

use std::time::Duration;

use custos_core::{event::slot, ids::AccountId};
use serde_json::json;

use super::super::{
    attempts::{MAX_FAILURES_PER_LOGIN, WINDOW_SECONDS},
    session,
    sign_in::SignIn,
};
use crate::{
    app::{
        Error,
        people::{Status, set_account_status, set_person_status},
        sessions::{Secret, redeem::Purpose},
        tests::world::{PASSWORD, World, bound, detail, kind},
    },
    db::sessions,
    policy::facts::Means,
};

#[tokio::test]
async fn a_right_password_begins_a_session() {
    let world = World::new().await;
    let bea = world.enrolled("Bea", &[]).await;
    let from = world.size();
    let new = world.sign_in(" bEA ", PASSWORD).await.expect("signs in");
    let held = session(&world.room, &new.secret.text())
        .await
        .expect("holds");
    assert_eq!(held.who, new.session.who);
    assert_eq!(
        (held.who.account, held.who.person, held.who.means),
        (bea.account, bea.person, Means::Password)
    );
    assert_ne!(held.who.holder, bea.holder);
    assert!(held.csrf.matches(new.session.csrf.as_str()));
    let entries = world.entries(from).await;
    assert_eq!(entries.len(), 1);
    assert_eq!(kind(&entries[0]), "sign_in");
    assert_eq!(entries[0].values()[slot::ACTOR], json!(bea.person));
    assert_eq!(entries[0].values()[slot::AUTHENTICATION], json!("password"));
    assert_eq!(detail(&entries[0], "session"), &json!(held.who.holder));
    world.check_log().await;
}

#[tokio::test]
async fn unknown_and_known_accounts_answer_alike_for_the_same_work() {
    let world = World::new().await;
    world.enrolled("bea", &[]).await;
    world.person("carl", &[]).await;
    let passwords = &world.room.entrance.passwords;
    let mut answers = Vec::new();
    // A wrong password, an account that has none, a name that nobody has.
    for login in ["bea", "carl", "dora"] {
        let (from, work) = (world.size(), passwords.evaluations());
        let unknown = world.room.entrance.refused_attempts();
        let started = tokio::time::Instant::now();
        let error = world.sign_in(login, "wrong horse battery").await;
        assert!(started.elapsed() >= super::super::sign_in::FAILURE_STEP);
        let error = error.expect_err("refused");
        assert!(matches!(error, Error::SignedOut), "{login}: {error}");
        answers.push((error.to_string(), passwords.evaluations() - work));
        assert_eq!(world.size(), from, "{login}: anyone sees the log grow");
        let counted = world.room.entrance.refused_attempts() - unknown;
        assert_eq!(counted, 1, "{login}");
    }
    assert_eq!(answers[0].1, 1);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    world.check_log().await;
}

#[tokio::test]
async fn a_name_is_heard_ten_times_whether_anyone_has_it_or_not() {
    let world = World::new().await;
    world.enrolled("bea", &[]).await;
    for login in ["bea", "dora"] {
        let many = (0..MAX_FAILURES_PER_LOGIN).map(|_| world.sign_in(login, "wrong"));
        for outcome in futures::future::join_all(many).await {
            assert!(matches!(outcome, Err(Error::SignedOut)), "{login}");
        }
        let (from, work) = (world.size(), world.room.entrance.passwords.evaluations());
        // Not even with the right password.
        let error = world.sign_in(login, PASSWORD).await;
        assert!(
            matches!(error, Err(Error::TooMany { seconds }) if seconds == WINDOW_SECONDS),
            "{login}"
        );
        assert_eq!(world.size(), from);
        assert_eq!(world.room.entrance.passwords.evaluations(), work);
    }
    world.clock.advance(Duration::from_secs(WINDOW_SECONDS));
    assert!(world.sign_in("bea", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn success_forgives_what_failed_before() {
    let world = World::new().await;
    world.enrolled("bea", &[]).await;
    for _ in 0..3 {
        let many = (1..MAX_FAILURES_PER_LOGIN).map(|_| world.sign_in("bea", "wrong"));
        for outcome in futures::future::join_all(many).await {
            assert!(matches!(outcome, Err(Error::SignedOut)));
        }
        world.sign_in("bea", PASSWORD).await.expect("signs in");
    }
}

#[tokio::test]
async fn a_suspended_account_is_refused_like_a_wrong_password() {
    let world = World::new().await;
    let bea = world.enrolled("bea", &[]).await;
    let (room, ana) = (&world.room, &world.ana);
    for person in [false, true] {
        let old = world.sign_in("bea", PASSWORD).await.expect("signs in");
        let link = world.link(bea.account, Purpose::SignIn).await;
        let set = async |status| {
            if person {
                set_person_status(room, ana, bea.person, status).await
            } else {
                set_account_status(room, ana, bea.account, status).await
            }
        };
        let from = world.size();
        set(Status::Suspended).await.expect("suspended");
        let entries = world.entries(from).await;
        let (named, table) = if person {
            ("person_status", "people")
        } else {
            ("account_status", "accounts")
        };
        assert_eq!(kind(&entries[0]), named);
        assert_eq!(bound(&entries[0]), [(table.into(), 2)]);
        let from = world.size();
        let error = world.sign_in("bea", PASSWORD).await;
        assert!(matches!(error, Err(Error::SignedOut)));
        assert_eq!(detail(&world.entries(from).await[0], "reason"), "suspended");
        assert!(matches!(
            session(room, &old.secret.text()).await,
            Err(Error::SignedOut)
        ));
        set(Status::Active).await.expect("reactivated");
        // What was ended stays ended.
        assert!(matches!(
            session(room, &old.secret.text()).await,
            Err(Error::SignedOut)
        ));
        assert!(matches!(
            world.redeem(&link, None).await,
            Err(Error::Invalid(_))
        ));
        assert!(world.sign_in("bea", PASSWORD).await.is_ok());
    }
    world.check_log().await;
}

#[tokio::test]
async fn a_password_that_was_changed_meanwhile_proves_nothing() {
    let world = World::new().await;
    let (core, scope, account) = (world.room.core.clone(), world.room.id, world.ana.account);
    let stored = world
        .room
        .read(move |connection| {
            Ok(sessions::password(
                connection,
                &core.keyring,
                scope,
                account,
            )?)
        })
        .await
        .expect("read")
        .expect("ana has one");
    let attempt = |account: AccountId, rev| {
        world.room.writer.submit(SignIn {
            account,
            proved: (stored.id, rev),
            secret_hash: Secret::new(&world.room.core.ambient).hash(),
        })
    };
    assert!(attempt(account, stored.rev).await.is_ok());
    let stale = attempt(account, stored.rev + 1).await;
    assert!(matches!(stale, Err(Error::SignedOut)));
    let bea = world.enrolled("bea", &[]).await;
    let anothers = attempt(bea.account, stored.rev).await;
    assert!(matches!(anothers, Err(Error::SignedOut)));
}
