//! Exchanging a single-use link for a session.

use std::{fmt, net::IpAddr};

use custos_core::{
    event::slot,
    hash::Hash,
    ids::{AccountId, RowId},
};
use serde_json::json;

use super::{
    NewSession, Secret, Session, acting, active, begin, end_sessions, now, passwords::Password,
};
use crate::{
    app::{
        context::Room,
        entering::{Draft, Entered, Tx},
        error::Error,
        notices::{self, Event, Kind},
        writer::{Command, Stop},
    },
    db::{
        bound,
        people::{
            credentials::{self, CredentialDetails, CredentialRow, PASSWORD},
            tokens,
        },
        sessions::{self, EnrolmentRow},
    },
    policy::facts::Means,
};

/// What a single-use link allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To set a password: the first one, or one in place of a forgotten one.
    Enrol,
    /// To sign in once without one.
    SignIn,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 2] = [Self::Enrol, Self::SignIn];

    /// The name in rows and entries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enrol => "enrol",
            Self::SignIn => "sign_in",
        }
    }

    /// The purpose of this name, if there is one.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a link that still holds allows; for the page that asks for a password. It uses
/// nothing up.
///
/// # Errors
/// [`Error::Invalid`], the same for a used, an expired and an unknown link; [`Error::TooMany`].
pub async fn purpose(room: &Room, secret: &str, peer: IpAddr) -> Result<Purpose, Error> {
    let Some(secret) = Secret::parse(secret) else {
        return Err(dead());
    };
    let attempts = &room.entrance.attempts;
    let attempt = attempts.begin(room.core.ambient.now(), None, peer)?;
    let outcome = looked_up(room, secret.hash()).await;
    if !matches!(outcome, Err(Error::Invalid(_))) {
        attempts.take_back(&attempt);
    }
    outcome
}

/// Exchanges a single-use link for a session. One that enrols needs a password to set; another
/// takes none.
///
/// # Errors
/// [`Error::Invalid`], the same for a used, an expired and an unknown link, and for a password
/// that may not be set, after which the link can still be used; [`Error::TooMany`].
pub async fn redeem(
    room: &Room,
    secret: &str,
    new_password: Option<Password>,
    peer: IpAddr,
) -> Result<NewSession, Error> {
    let purpose = purpose(room, secret, peer).await?;
    let phc = match (purpose, new_password) {
        (Purpose::Enrol, Some(password)) => {
            let passwords = &room.entrance.passwords;
            Some(passwords.hash(&room.core.ambient, password).await?)
        }
        (Purpose::Enrol, None) => {
            return Err(Error::invalid("this link asks for a password to set"));
        }
        (Purpose::SignIn, None) => None,
        (Purpose::SignIn, Some(_)) => {
            return Err(Error::invalid("this link signs in and sets no password"));
        }
    };
    let link = Secret::parse(secret).ok_or_else(dead)?;
    let secret = Secret::new(&room.core.ambient);
    let command = Redeem {
        link: link.hash(),
        purpose,
        phc,
        secret_hash: secret.hash(),
    };
    let session = room.writer.submit(command).await?.output;
    Ok(NewSession { secret, session })
}

async fn looked_up(room: &Room, link: Hash) -> Result<Purpose, Error> {
    let (core, scope) = (room.core.clone(), room.id);
    let found = room
        .read(move |connection| {
            let now = now(connection, &core)?;
            let found = sessions::find_enrolment(connection, &core.keys.session, &link)?;
            let Some(row) = found.filter(|row| row.used_at.is_none() && now < row.expires_at)
            else {
                return Ok(None);
            };
            let account = sessions::account(connection, &core.keyring, scope, row.account_id)?;
            Ok(account
                .is_some_and(|found| active(&found))
                .then(|| Purpose::of(&row.purpose))
                .flatten())
        })
        .await?;
    found.ok_or_else(|| {
        room.entrance.count_refused();
        dead()
    })
}

/// One answer for every link that does not hold, so that nobody learns which once did.
fn dead() -> Error {
    Error::invalid("this link was used, has expired or never was; ask for a new one")
}

struct Redeem {
    link: Hash,
    purpose: Purpose,
    phc: Option<String>,
    secret_hash: Hash,
}

impl Command for Redeem {
    type Output = Session;

    fn run(self, tx: &mut Tx<'_>) -> Result<Session, Stop> {
        let (core, room, now) = (tx.core, tx.room(), tx.now());
        let key = &core.keys.session;
        // Read again under the writer: of two that redeem at once, one comes second.
        let link = sessions::find_enrolment(tx.connection, key, &self.link)?
            .filter(|row| row.used_at.is_none() && now < row.expires_at)
            .filter(|row| row.purpose == self.purpose.name())
            .ok_or_else(dead)?;
        let account = link.account_id;
        let found = sessions::account(tx.connection, &core.keyring, room, account)?
            .filter(active)
            .ok_or_else(dead)?;
        let person = found.1.id;
        let link = sessions::use_enrolment(tx.connection, key, &link, now)?;
        if self.phc.is_some() {
            // Whoever knew the old password is out.
            end_sessions(tx, account, None)?;
        }
        let session = begin(tx, (account, person), Means::Link, self.secret_hash)?;
        let draft = Draft::of_room("enrolment_use", room)
            .by(acting(person, Means::Link))
            .detail(
                slot::DETAIL,
                json!({
                    "account": account,
                    "enrolment": link.id,
                    "purpose": self.purpose.name(),
                    "session": session.who.holder,
                }),
            );
        match self.phc {
            Some(phc) => set_password(tx, &link, draft, phc)?,
            None => tx.enter(draft)?,
        };
        Ok(session)
    }
}

/// Enters `draft` with the password that it sets.
fn set_password(
    tx: &mut Tx<'_>,
    link: &EnrolmentRow,
    draft: Draft,
    phc: String,
) -> Result<Entered, Stop> {
    let row = next_password(tx, link.account_id, phc)?;
    let (core, room) = (tx.core, tx.room());
    let binding = bound::bind(&row, &core.ambient);
    // Whoever knew the old password may have made tokens with it.
    let held = tokens::list_enrolling(tx.connection, &core.keyring, room, link)?;
    let tokens = tokens::to_end(held, &core.ambient, tx.now());
    let mut draft = draft.writes(binding.slot.clone());
    for (_, binding) in &tokens {
        draft = draft.writes(binding.slot.clone());
    }
    let entered = tx.enter(draft)?;
    for (token, binding) in &tokens {
        tokens::end_enrolling(tx.connection, link, token, binding, entered.c.as_bytes())?;
    }
    credentials::enrol(
        tx.connection,
        link,
        (&core.keyring, &core.ambient, room),
        &row,
        &binding,
        entered.c.as_bytes(),
    )?;
    // The first one is set by whoever was expected to.
    if row.rev > 1 {
        let (kind, account) = (Kind::PasswordChanged, link.account_id);
        notices::queue(tx, &Event::OfAccount { kind, account })?;
    }
    Ok(entered)
}

/// The account's password row as it is to be written: its first revision, or the next.
pub(in crate::app) fn next_password(
    tx: &mut Tx<'_>,
    account: AccountId,
    phc: String,
) -> Result<CredentialRow, Stop> {
    let room = tx.room();
    let stored = sessions::password(tx.connection, &tx.core.keyring, room, account)?;
    let (id, rev) = match stored {
        Some(row) => (row.id, row.rev + 1),
        None => (tx.id::<RowId>(), 1),
    };
    Ok(CredentialRow {
        id,
        rev,
        account_id: account,
        kind: PASSWORD.into(),
        status: "active".into(),
        details: CredentialDetails { phc },
    })
}
