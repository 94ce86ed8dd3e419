//! Signing in with a password.
//!
//! Unknown and known accounts cost the same: one Argon2id evaluation each, and failures are
//! answered at multiples of [`FAILURE_STEP`], which covers what the register does for a known
//! one and what an evaluation had to wait for.

use std::{net::IpAddr, time::Duration};

use custos_core::{
    event::slot,
    hash::Hash,
    ids::{AccountId, RowId},
};
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::{NewSession, Secret, Session, acting, active, begin, passwords::Password};
use crate::{
    app::{
        context::Room,
        entering::{Draft, Tx},
        error::Error,
        found::login_index,
        writer::{Command, Stop},
    },
    db::sessions,
    policy::facts::Means,
};

/// Failures are answered at multiples of this, so that what an attempt had to wait for does not
/// show.
pub const FAILURE_STEP: Duration = Duration::from_millis(250);

/// Signs in with a login name and a password.
///
/// # Errors
/// [`Error::SignedOut`] for an unknown name, a wrong password and a suspended account alike;
/// [`Error::TooMany`].
pub async fn sign_in(
    room: &Room,
    login: &str,
    password: Password,
    peer: IpAddr,
) -> Result<NewSession, Error> {
    let started = Instant::now();
    let index = login_index(&room.core, login);
    let attempts = &room.entrance.attempts;
    let attempt = attempts.begin(room.core.ambient.now(), Some(index), peer)?;
    let outcome = attempted(room, index, password).await;
    match &outcome {
        Ok(_) => attempts.succeeded(&attempt),
        // It stays counted.
        Err(Error::SignedOut) => {
            let steps = started.elapsed().as_millis() / FAILURE_STEP.as_millis() + 1;
            let steps = u32::try_from(steps).unwrap_or(u32::MAX);
            sleep_until(started + FAILURE_STEP.saturating_mul(steps)).await;
        }
        Err(_) => attempts.take_back(&attempt),
    }
    outcome
}

async fn attempted(room: &Room, index: [u8; 32], password: Password) -> Result<NewSession, Error> {
    let (core, scope) = (room.core.clone(), room.id);
    let found = room
        .read(move |connection| {
            let found = sessions::account_of_login(connection, &core.keyring, scope, &index)?;
            let Some((account, _)) = found else {
                return Ok(None);
            };
            let password = sessions::password(connection, &core.keyring, scope, account.id)?
                .filter(|row| row.status == "active");
            Ok(Some((account.id, password)))
        })
        .await?;
    let (account, credential) = found.unzip();
    let credential = credential.flatten();
    let phc = credential.as_ref().map(|row| row.details.phc.clone());
    let right = room.entrance.passwords.verify(password, phc).await?;
    // Nobody has shown who they are, so nothing is entered: anyone may read how the log grows,
    // and would learn from it which names there are.
    let (Some(account), Some(proved)) = (account, credential.filter(|_| right)) else {
        room.entrance.count_refused();
        return Err(Error::SignedOut);
    };
    let secret = Secret::new(&room.core.ambient);
    let command = SignIn {
        account,
        proved: (proved.id, proved.rev),
        secret_hash: secret.hash(),
    };
    let session = room.writer.submit(command).await?.output;
    Ok(NewSession { secret, session })
}

pub(super) struct SignIn {
    pub(super) account: AccountId,
    /// The credential that was shown, as it stood then.
    pub(super) proved: (RowId, u64),
    pub(super) secret_hash: Hash,
}

impl Command for SignIn {
    type Output = Session;

    fn run(self, tx: &mut Tx<'_>) -> Result<Session, Stop> {
        let (core, room) = (tx.core, tx.room());
        let found = sessions::account(tx.connection, &core.keyring, room, self.account)?
            .ok_or(Error::SignedOut)?;
        // Read again: a password that was changed meanwhile proves nothing any more.
        let stands = sessions::password(tx.connection, &core.keyring, room, self.account)?
            .filter(|row| row.status == "active")
            .map(|row| (row.id, row.rev));
        let reason = if Some(self.proved) != stands {
            Some("password")
        } else if !active(&found) {
            Some("suspended")
        } else {
            None
        };
        if let Some(reason) = reason {
            let draft = failed(tx, self.account, reason);
            return Err(Stop {
                error: Error::SignedOut,
                leaves: Some(Box::new(draft)),
            });
        }
        let person = found.1.id;
        let session = begin(
            tx,
            (self.account, person),
            Means::Password,
            self.secret_hash,
        )?;
        let draft = Draft::of_room("sign_in", room)
            .by(acting(person, Means::Password))
            .detail(
                slot::DETAIL,
                json!({"account": self.account, "session": session.who.holder}),
            );
        tx.enter(draft)?;
        Ok(session)
    }
}

/// The entry of an attempt that failed although the password, or a session, was right before.
/// Nobody acts in it: nobody was signed in by it.
pub(in crate::app) fn failed(tx: &Tx<'_>, account: AccountId, reason: &str) -> Draft {
    Draft::of_room("sign_in_failed", tx.room())
        .detail(slot::DETAIL, json!({"account": account, "reason": reason}))
}
