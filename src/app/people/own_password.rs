//! Changing one's own password.

use std::net::IpAddr;

use custos_core::{event::slot, ids::RowId};
use serde_json::json;

use crate::{
    app::{
        SignedIn,
        context::Room,
        entering::{Draft, Tx},
        error::Error,
        found::login_index,
        notices::{self, Event, Kind},
        sessions::{end_sessions, passwords::Password, redeem::next_password, sign_in},
        writer::{Command, Done, Stop},
    },
    db::{
        bound,
        people::{credentials, tokens},
        sessions,
    },
    policy::{
        action::ManageTokens,
        facts::{Means, Resource},
    },
};

/// Changes one's own password; every other session of the account ends. A failed attempt
/// counts as one to sign in.
///
/// # Errors
/// Refused, a present password that is not right, a new one that may not be set, an account
/// that has none to change; [`Error::TooMany`].
pub async fn set_password(
    room: &Room,
    who: &SignedIn,
    (old, new): (Password, Password),
    peer: IpAddr,
) -> Result<Done<()>, Error> {
    new.check()?;
    let (core, scope, account) = (room.core.clone(), room.id, who.account);
    let (login, stored) = room
        .read(move |connection| {
            let (account, _) = sessions::account(connection, &core.keyring, scope, account)?
                .ok_or(Error::SignedOut)?;
            let stored = sessions::password(connection, &core.keyring, scope, account.id)?
                .filter(|row| row.status == "active");
            Ok((account.details.login, stored))
        })
        .await?;
    let Some(stored) = stored else {
        return Err(Error::Conflict(
            "this account has no password yet; ask for a link to enrol".into(),
        ));
    };
    let entrance = &room.entrance;
    let index = login_index(&room.core, &login);
    let attempt = entrance
        .attempts
        .begin(room.core.ambient.now(), Some(index), peer)?;
    let changed = verified(
        room,
        who,
        (stored.id, stored.rev),
        stored.details.phc,
        old,
        new,
    )
    .await;
    match &changed {
        Ok(_) => entrance.attempts.succeeded(&attempt),
        // It stays counted.
        Err(Error::Invalid(_)) => {}
        Err(_) => entrance.attempts.take_back(&attempt),
    }
    changed
}

async fn verified(
    room: &Room,
    who: &SignedIn,
    stored: (RowId, u64),
    phc: String,
    old: Password,
    new: Password,
) -> Result<Done<()>, Error> {
    let passwords = &room.entrance.passwords;
    let right = passwords.verify(old, Some(phc)).await?;
    let phc = if right {
        Some(passwords.hash(&room.core.ambient, new).await?)
    } else {
        None
    };
    let command = Change {
        who: *who,
        proved: stored,
        phc,
    };
    room.writer.submit(command).await
}

struct Change {
    who: SignedIn,
    /// The credential as it stood when it was verified.
    proved: (RowId, u64),
    /// The new hash; none when the present password was not right.
    phc: Option<String>,
}

impl Command for Change {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let asking = tx.asking(&self.who)?;
        let account = self.who.account;
        let permit = tx.permit::<ManageTokens>(&asking, &Resource::Account(account))?;
        let Some(phc) = self.phc else {
            let draft =
                sign_in::failed(tx, account, "present_password").by(tx.acting(&asking, None));
            return Err(Stop {
                error: Error::invalid("the present password is not right"),
                leaves: Some(Box::new(draft)),
            });
        };
        let row = next_password(tx, account, phc)?;
        if (row.id, row.rev) != (self.proved.0, self.proved.1 + 1) {
            return Err(Error::Conflict("the password was changed meanwhile".into()).into());
        }
        let (core, room) = (tx.core, tx.room());
        let kept = (self.who.means != Means::Token).then(|| self.who.holder.into());
        let ended = end_sessions(tx, account, kept)?;
        // A token outlives its session, and may be somebody else's who knew the old password.
        let held = tokens::list(tx.connection, &core.keyring, room, &permit)?;
        let tokens = tokens::to_end(held, &core.ambient, tx.now());
        let ids: Vec<_> = tokens.iter().map(|(token, _)| token.id).collect();
        let binding = bound::bind(&row, &core.ambient);
        let mut draft = Draft::of_room("password_set", room)
            .permitted(tx.acting(&asking, None), &permit)
            .detail(
                slot::DETAIL,
                json!({
                    "account": account,
                    "credential": row.id,
                    "sessions": ended,
                    "tokens": ids,
                }),
            )
            .writes(binding.slot.clone());
        for (_, binding) in &tokens {
            draft = draft.writes(binding.slot.clone());
        }
        let entered = tx.enter(draft)?;
        credentials::change(
            tx.connection,
            &permit,
            (&core.keyring, &core.ambient, room),
            &row,
            &binding,
            entered.c.as_bytes(),
        )?;
        for (token, binding) in &tokens {
            tokens::revoke(tx.connection, &permit, token, binding, entered.c.as_bytes())?;
        }
        let kind = Kind::PasswordChanged;
        notices::queue(tx, &Event::OfAccount { kind, account })?;
        Ok(())
    }
}
