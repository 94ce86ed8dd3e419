//! Sessions and tokens while they hold, and how they end.

use std::{collections::BTreeSet, time::Duration};

use custos_core::ids::{Timestamp, TokenId};

use super::super::{
    ABSOLUTE, IDLE, Right, Secret, WARNING, session, sign_out, sign_out_everywhere, token,
};
use crate::{
    app::{
        Error, SignedIn,
        people::{
            Status, issue_token, list_people, list_tokens, revoke_token, set_password,
            set_person_status,
            tokens::{MAX_TOKEN, MAX_TOKENS},
        },
        sessions::redeem::Purpose,
        tests::world::{PASSWORD, PEER, World, bound, detail, kind},
    },
    db::sessions,
    policy::facts::Means,
};

/// Another password than everyone's.
const NEW: &str = "several other words";

fn signed_out<T>(outcome: &Result<T, Error>) -> bool {
    matches!(outcome, Err(Error::SignedOut))
}

#[tokio::test]
async fn a_session_that_is_not_used_ends() {
    let world = World::new().await;
    let new = world.sign_in("ana", PASSWORD).await.expect("signs in");
    let cookie = new.secret.text();
    for _ in 0..3 {
        world.clock.advance(IDLE - Duration::from_micros(1));
        let held = session(&world.room, &cookie).await.expect("holds");
        assert!(!held.ends_soon);
        let left = held.idle_until.micros() - world.room.core.ambient.now().micros();
        assert_eq!(left, 30 * 60 * 1_000_000);
    }
    world.clock.advance(IDLE);
    assert!(signed_out(&session(&world.room, &cookie).await));
    // Nothing brings it back.
    world.clock.set(new.session.ends_at);
    assert!(signed_out(&session(&world.room, &cookie).await));
}

#[tokio::test]
async fn a_session_ends_after_ten_hours_however_it_is_used() {
    let world = World::new().await;
    let new = world.sign_in("ana", PASSWORD).await.expect("signs in");
    let cookie = new.secret.text();
    let steps = (ABSOLUTE.as_secs() / 60 - 5) / 5;
    for _ in 0..steps {
        world.minutes(5);
        let held = session(&world.room, &cookie).await.expect("holds");
        assert_eq!(held.ends_at, new.session.ends_at);
        assert!(held.idle_until <= held.ends_at);
        let left = held.ends_at.micros() - world.room.core.ambient.now().micros();
        let warning = i64::try_from(WARNING.as_micros()).expect("minutes");
        assert_eq!(held.ends_soon, left <= warning);
    }
    world.clock.advance(Duration::from_secs(5 * 60 - 1));
    assert!(
        session(&world.room, &cookie)
            .await
            .expect("holds")
            .ends_soon
    );
    world.clock.advance(Duration::from_secs(1));
    assert!(signed_out(&session(&world.room, &cookie).await));
}

#[tokio::test]
async fn use_is_noted_once_a_minute_and_not_in_the_log() {
    let world = World::new().await;
    let new = world.sign_in("ana", PASSWORD).await.expect("signs in");
    let (cookie, hash) = (new.secret.text(), new.secret.hash());
    let seen = async || -> Timestamp {
        let core = world.room.core.clone();
        let row = world
            .room
            .read(move |connection| Ok(sessions::find(connection, &core.keys.session, &hash)?))
            .await;
        row.expect("read").expect("a session").seen_at
    };
    let (from, began) = (world.size(), seen().await);
    world.clock.advance(Duration::from_secs(59));
    session(&world.room, &cookie).await.expect("holds");
    assert_eq!(seen().await, began);
    world.clock.advance(Duration::from_secs(1));
    session(&world.room, &cookie).await.expect("holds");
    assert_eq!(seen().await.micros() - began.micros(), 60_000_000);
    assert_eq!(world.size(), from);
}

#[tokio::test]
async fn a_clock_that_goes_back_revives_no_session() {
    let world = World::new().await;
    let bea = world.enrolled("bea", &[]).await;
    let link = world.link(bea.account, Purpose::SignIn).await;
    let new = world.redeem(&link, None).await.expect("signs in");
    let then = world.room.core.ambient.now();
    world.clock.advance(IDLE);
    // An entry carries the time; it holds even when the clock forgets.
    list_people(&world.room, &world.ana)
        .await
        .expect("an entry");
    world.clock.set(then);
    assert!(signed_out(&session(&world.room, &new.secret.text()).await));
}

#[tokio::test]
async fn no_other_cookie_is_a_session() {
    let world = World::new().await;
    let new = world.sign_in("ana", PASSWORD).await.expect("signs in");
    let id = new.session.who.holder.to_string();
    let other = Secret::new(&world.room.core.ambient).text();
    for odd in ["", "custos_", &id, &other, new.session.csrf.as_str()] {
        assert!(signed_out(&session(&world.room, odd).await), "{odd:?}");
        assert!(signed_out(&token(&world.room, odd).await), "{odd:?}");
    }
    // A cookie is no token, and a token no cookie.
    assert!(signed_out(&token(&world.room, &new.secret.text()).await));
    let (_, secret) = read_token(&world, &world.ana).await;
    assert!(signed_out(&session(&world.room, &secret.text()).await));
}

#[tokio::test]
async fn signing_out_ends_one_session_or_all_of_ones_own() {
    let world = World::new().await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(world.sign_in("ana", PASSWORD).await.expect("signs in"));
    }
    let bea = world.enrolled("bea", &[]).await;
    let link = world.link(bea.account, Purpose::SignIn).await;
    let beas = world.redeem(&link, None).await.expect("signs in");
    let from = world.size();
    let who = sessions[0].session.who;
    sign_out(&world.room, &who).await.expect("signed out");
    assert!(signed_out(&sign_out(&world.room, &who).await));
    assert!(signed_out(&sign_out_everywhere(&world.room, &who).await));
    let held = async |n: usize| {
        session(&world.room, &sessions[n].secret.text())
            .await
            .is_ok()
    };
    assert!(!held(0).await && held(1).await && held(2).await);
    // The session in which ana enrolled is one of them.
    let ended = sign_out_everywhere(&world.room, &sessions[1].session.who).await;
    assert_eq!(ended.expect("signed out").output, 3);
    assert!(!held(1).await && !held(2).await);
    assert!(session(&world.room, &beas.secret.text()).await.is_ok());
    let entries = world.entries(from).await;
    let counts: Vec<_> = entries
        .iter()
        .map(|entry| detail(entry, "sessions"))
        .collect();
    assert_eq!(counts, [1, 3]);
    assert!(entries.iter().all(|entry| kind(entry) == "sign_out"));
    world.check_log().await;
}

async fn read_token(world: &World, who: &SignedIn) -> (TokenId, Secret) {
    let rights = BTreeSet::from([Right::Read]);
    issue_token(&world.room, who, "script", rights, MAX_TOKEN)
        .await
        .expect("a token")
        .output
}

#[tokio::test]
async fn a_token_has_its_rights_until_it_expires() {
    let world = World::new().await;
    let bea = world.enrolled("bea", &[]).await;
    let from = world.size();
    let rights = BTreeSet::from([Right::Deposit, Right::Read]);
    let hour = Duration::from_secs(3_600);
    let (id, secret) = issue_token(&world.room, &bea, " uploader ", rights.clone(), hour)
        .await
        .expect("a token")
        .output;
    let entries = world.entries(from).await;
    assert_eq!(kind(&entries[0]), "token_issue");
    assert_eq!(bound(&entries[0]), [("tokens".into(), 1)]);
    let (who, granted) = token(&world.room, &secret.text()).await.expect("holds");
    assert_eq!(granted, [Right::Read, Right::Deposit]);
    assert_eq!(
        (who.account, who.person, who.holder, who.means),
        (bea.account, bea.person, id.id(), Means::Token)
    );
    // F15: a delegate does not delegate, and is told so of its own account.
    let more = issue_token(&world.room, &who, "more", rights, hour).await;
    assert!(matches!(more, Err(Error::Forbidden)));
    assert!(matches!(
        sign_out(&world.room, &who).await,
        Err(Error::Invalid(_))
    ));
    let listed = list_tokens(&world.room, &bea).await.expect("listed");
    assert_eq!(
        (listed[0].label.as_str(), listed[0].status),
        ("uploader", "active")
    );
    world.clock.advance(hour - Duration::from_micros(1));
    assert!(token(&world.room, &secret.text()).await.is_ok());
    world.clock.advance(Duration::from_micros(1));
    assert!(signed_out(&token(&world.room, &secret.text()).await));
    let listed = list_tokens(&world.room, &bea).await.expect("listed");
    assert_eq!(listed[0].status, "expired");
    let kinds = world.kinds(from).await;
    assert_eq!(kinds, ["token_issue", "refuse", "list", "list"]);
}

#[tokio::test]
async fn a_token_is_revoked_by_its_owner_alone() {
    let world = World::new().await;
    let bea = world.enrolled("bea", &[]).await;
    let (id, secret) = read_token(&world, &bea).await;
    let foreign = revoke_token(&world.room, &world.ana, id).await;
    let unknown = revoke_token(&world.room, &world.ana, TokenId::from_bytes([7; 16])).await;
    assert!(matches!(foreign, Err(Error::NotFound)));
    assert!(matches!(unknown, Err(Error::NotFound)));
    assert!(token(&world.room, &secret.text()).await.is_ok());
    revoke_token(&world.room, &bea, id).await.expect("revoked");
    assert!(signed_out(&token(&world.room, &secret.text()).await));
    assert!(matches!(
        revoke_token(&world.room, &bea, id).await,
        Err(Error::Conflict(_))
    ));
    world.check_log().await;
}

#[tokio::test]
async fn suspension_ends_tokens_for_good() {
    let world = World::new().await;
    let bea = world.enrolled("bea", &[]).await;
    let (_, secret) = read_token(&world, &bea).await;
    let (revoked, _) = read_token(&world, &bea).await;
    revoke_token(&world.room, &bea, revoked)
        .await
        .expect("revoked");
    let from = world.size();
    let (room, ana) = (&world.room, &world.ana);
    for status in [Status::Suspended, Status::Active] {
        set_person_status(room, ana, bea.person, status)
            .await
            .expect("set");
        assert!(signed_out(&token(room, &secret.text()).await));
    }
    let entries = world.entries(from).await;
    assert_eq!(
        bound(&entries[0]),
        [("people".into(), 2), ("tokens".into(), 2)]
    );
    assert_eq!(bound(&entries[1]), [("people".into(), 3)]);
    world.check_log().await;
}

#[tokio::test]
async fn a_new_password_ends_the_tokens_that_the_old_one_made() {
    let world = World::new().await;
    let bea = world.enrolled("bea", &[]).await;
    let (_, first) = read_token(&world, &bea).await;
    let from = world.size();
    set_password(&world.room, &bea, (PASSWORD.into(), NEW.into()), PEER)
        .await
        .expect("changed");
    assert!(signed_out(&token(&world.room, &first.text()).await));
    let entries = world.entries(from).await;
    assert_eq!(
        bound(&entries[0]),
        [("credentials".into(), 2), ("tokens".into(), 2)]
    );
    // By a link that sets a password too, which nobody can use who only knows the old one.
    let (_, second) = read_token(&world, &bea).await;
    let link = world.link(bea.account, Purpose::Enrol).await;
    world.redeem(&link, Some(PASSWORD)).await.expect("enrols");
    assert!(signed_out(&token(&world.room, &second.text()).await));
    world.check_log().await;
}

#[tokio::test]
async fn tokens_are_bounded_in_time_rights_and_number() {
    let world = World::new().await;
    let rights = || BTreeSet::from([Right::Read]);
    let too_long = MAX_TOKEN + Duration::from_micros(1);
    for (label, rights, lifetime) in [
        ("script", rights(), Duration::ZERO),
        ("script", rights(), too_long),
        ("script", BTreeSet::new(), MAX_TOKEN),
        (" ", rights(), MAX_TOKEN),
        ("a\nb", rights(), MAX_TOKEN),
    ] {
        let refused = issue_token(&world.room, &world.ana, label, rights, lifetime).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{label:?}");
    }
    let issue = |_| issue_token(&world.room, &world.ana, "script", rights(), MAX_TOKEN);
    let many = futures::future::join_all((0..=MAX_TOKENS).map(issue)).await;
    let refused: Vec<_> = many.iter().filter_map(|one| one.as_ref().err()).collect();
    assert_eq!(refused.len(), 1);
    assert!(matches!(refused[0], Error::Conflict(_)));
    // Those that have expired make room.
    world.clock.advance(MAX_TOKEN);
    assert!(issue(0).await.is_ok());
}
