//! Someone with the database's file in hand changes rows: nothing of it is used.

use std::collections::BTreeSet;

use super::super::{Right, Secret, session, sign_out, token};
use crate::app::{
    Error,
    people::{Status, issue_token, set_account_status, set_person_status, tokens::MAX_TOKEN},
    sessions::redeem::Purpose,
    tests::world::{PASSWORD, World},
};

fn damaged<T>(outcome: &Result<T, Error>) -> bool {
    matches!(outcome, Err(Error::Damaged(_)))
}

/// Puts the copy of a table back, as it was.
fn restore(world: &World, table: &str) {
    world.tamper(&format!(
        "PRAGMA foreign_keys = OFF; BEGIN; DELETE FROM {table}; \
         INSERT INTO {table} SELECT * FROM {table}_copy; COMMIT"
    ));
}

fn copy(world: &World, table: &str) {
    world.tamper(&format!(
        "CREATE TABLE {table}_copy AS SELECT * FROM {table}"
    ));
}

#[tokio::test]
async fn a_changed_session_is_refused() {
    let world = World::new().await;
    let bea = world.enrolled("bea", &[]).await;
    let new = world.sign_in("ana", PASSWORD).await.expect("signs in");
    let (cookie, own) = (new.secret.text(), Secret::new(&world.room.core.ambient));
    let id = format!("WHERE id = x'{}'", new.session.who.holder);
    copy(&world, "sessions");
    for change in [
        format!("UPDATE sessions SET account_id = x'{}' {id}", bea.account),
        format!("UPDATE sessions SET means = 'passkey' {id}"),
        format!("UPDATE sessions SET created_at = created_at + 1 {id}"),
        format!("UPDATE sessions SET seen_at = seen_at + 1 {id}"),
        format!("UPDATE sessions SET mac = zeroblob(32) {id}"),
        format!("UPDATE sessions SET mac = x'' {id}"),
        format!("UPDATE sessions SET id = zeroblob(16) {id}"),
        format!("UPDATE sessions SET ended_at = created_at {id}"),
    ] {
        world.tamper(&change);
        assert!(damaged(&session(&world.room, &cookie).await), "{change}");
        restore(&world, "sessions");
        assert!(session(&world.room, &cookie).await.is_ok());
    }
    // A row that was never written here, for a secret that its forger knows.
    world.tamper(&format!(
        "INSERT INTO sessions SELECT randomblob(16), account_id, x'{}', means, created_at, \
         seen_at, ended_at, mac FROM sessions {id}",
        own.hash()
    ));
    assert!(damaged(&session(&world.room, &own.text()).await));
    // And it keeps nobody from ending the others.
    sign_out(&world.room, &new.session.who)
        .await
        .expect("ended");
    world.tamper(&format!("UPDATE sessions SET ended_at = NULL {id}"));
    assert!(damaged(&session(&world.room, &cookie).await));
}

#[tokio::test]
async fn a_changed_link_is_refused() {
    let world = World::new().await;
    let (_, account) = world.person("bea", &[]).await;
    let link = world.link(account, Purpose::SignIn).await;
    let hash = format!("WHERE secret_hash = x'{}'", link.hash());
    copy(&world, "enrolments");
    for change in [
        format!(
            "UPDATE enrolments SET account_id = x'{}' {hash}",
            world.ana.account
        ),
        format!("UPDATE enrolments SET purpose = 'enrol' {hash}"),
        format!("UPDATE enrolments SET expires_at = expires_at + 1 {hash}"),
        format!("UPDATE enrolments SET id = zeroblob(16) {hash}"),
        format!("UPDATE enrolments SET mac = zeroblob(32) {hash}"),
    ] {
        world.tamper(&change);
        assert!(damaged(&world.redeem(&link, None).await), "{change}");
        restore(&world, "enrolments");
    }
    world.redeem(&link, None).await.expect("it holds");
    world.tamper(&format!("UPDATE enrolments SET used_at = NULL {hash}"));
    assert!(damaged(&world.redeem(&link, None).await));
}

#[tokio::test]
async fn a_changed_token_is_refused() {
    let world = World::new().await;
    let bea = world.enrolled("bea", &[]).await;
    let rights = BTreeSet::from([Right::Read]);
    let issued = issue_token(&world.room, &bea, "script", rights, MAX_TOKEN).await;
    let (id, secret) = issued.expect("a token").output;
    let own = Secret::new(&world.room.core.ambient);
    let hash = format!("WHERE id = x'{id}'");
    copy(&world, "tokens");
    for (change, shown) in [
        (r#"rights = '["read","deposit"]'"#.to_string(), &secret),
        (r#"rights = '["everything"]'"#.to_string(), &secret),
        ("expires_at = expires_at + 1".to_string(), &secret),
        (format!("account_id = x'{}'", world.ana.account), &secret),
        (format!("secret_hash = x'{}'", own.hash()), &own),
        ("rev = 2".to_string(), &secret),
        ("salt = zeroblob(16)".to_string(), &secret),
        ("entry = zeroblob(32)".to_string(), &secret),
        ("details = zeroblob(100)".to_string(), &secret),
    ] {
        world.tamper(&format!("UPDATE tokens SET {change} {hash}"));
        assert!(
            damaged(&token(&world.room, &shown.text()).await),
            "{change}"
        );
        restore(&world, "tokens");
        assert!(token(&world.room, &secret.text()).await.is_ok());
    }
    crate::app::people::revoke_token(&world.room, &bea, id)
        .await
        .expect("revoked");
    world.tamper(&format!("UPDATE tokens SET status = 'active' {hash}"));
    assert!(damaged(&token(&world.room, &secret.text()).await));
}

#[tokio::test]
async fn a_changed_password_is_refused() {
    let world = World::new().await;
    let bea = world.enrolled("bea", &[]).await;
    let theirs = format!("WHERE account_id = x'{}'", bea.account);
    let anas = format!("WHERE account_id = x'{}'", world.ana.account);
    copy(&world, "credentials");
    for change in [
        // Ana's password for bea's account.
        format!(
            "UPDATE credentials SET details = (SELECT details FROM credentials {anas}) {theirs}"
        ),
        format!(
            "BEGIN; DELETE FROM credentials {theirs}; \
             UPDATE credentials SET account_id = x'{}' {anas}; COMMIT",
            bea.account
        ),
        // A second one beside the first.
        format!(
            "INSERT INTO credentials SELECT randomblob(16), rev, salt, entry, x'{}', kind, \
             status, details FROM credentials {anas}",
            bea.account
        ),
        format!("UPDATE credentials SET rev = 2 {theirs}"),
        format!("UPDATE credentials SET status = 'ended ' {theirs}"),
    ] {
        world.tamper(&change);
        let outcome = world.sign_in("bea", PASSWORD).await;
        assert!(damaged(&outcome), "{change}: {outcome:?}");
        restore(&world, "credentials");
        assert!(world.sign_in("bea", PASSWORD).await.is_ok());
    }
}

#[tokio::test]
async fn a_suspension_is_not_lifted_in_the_database() {
    let world = World::new().await;
    let (room, ana) = (&world.room, &world.ana);
    let bea = world.enrolled("bea", &[]).await;
    let carl = world.enrolled("carl", &[]).await;
    set_account_status(room, ana, bea.account, Status::Suspended)
        .await
        .expect("suspended");
    set_person_status(room, ana, carl.person, Status::Suspended)
        .await
        .expect("suspended");
    world.tamper("UPDATE accounts SET status = 'active'; UPDATE people SET status = 'active'; ");
    for login in ["bea", "carl"] {
        let outcome = world.sign_in(login, PASSWORD).await;
        assert!(damaged(&outcome), "{login}: {outcome:?}");
    }
    assert!(world.sign_in("ana", PASSWORD).await.is_ok());
    // Nor is a login name handed to another account.
    let swap = |from: &str, to: &str| {
        format!("UPDATE accounts SET login_index = x'{to}' WHERE login_index = x'{from}'; ")
    };
    let index = |login| hex::encode(crate::app::found::login_index(&world.room.core, login));
    let (anas, dorian) = (index("ana"), index("dorian"));
    world.tamper(&swap(&anas, &dorian));
    assert!(damaged(&world.sign_in("dorian", PASSWORD).await));
}

#[tokio::test]
async fn rows_that_are_rolled_back_do_not_outlive_a_suspension() {
    let world = World::new().await;
    let (room, ana) = (&world.room, &world.ana);
    let bea = world.enrolled("bea", &[]).await;
    let new = world.sign_in("bea", PASSWORD).await.expect("signs in");
    let rights = BTreeSet::from([Right::Read]);
    let issued = issue_token(room, &bea, "script", rights, MAX_TOKEN).await;
    let (_, secret) = issued.expect("a token").output;
    let link = world.link(bea.account, Purpose::SignIn).await;
    for person in [false, true] {
        if !person {
            for table in ["sessions", "tokens", "enrolments"] {
                copy(&world, table);
            }
        }
        let set = async |status| {
            if person {
                set_person_status(room, ana, bea.person, status).await
            } else {
                set_account_status(room, ana, bea.account, status).await
            }
        };
        set(Status::Suspended).await.expect("suspended");
        for table in ["sessions", "tokens", "enrolments"] {
            restore(&world, table);
        }
        let held = session(room, &new.secret.text()).await;
        assert!(matches!(held, Err(Error::SignedOut)));
        let held = token(room, &secret.text()).await;
        assert!(matches!(held, Err(Error::SignedOut)));
        let redeemed = world.redeem(&link, None).await;
        assert!(matches!(redeemed, Err(Error::Invalid(_))));
        set(Status::Active).await.expect("reactivated");
    }
    // The rows themselves are sound: a rollback is the audit's to find.
    assert!(session(room, &new.secret.text()).await.is_ok());
    assert!(token(room, &secret.text()).await.is_ok());
}
