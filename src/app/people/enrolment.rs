//! Single-use links: what an administrator hands to someone who can't sign in yet, or any more.

use std::time::Duration;

use custos_core::{
    event::slot,
    hash::Hash,
    ids::{AccountId, RowId},
};
use serde_json::json;

use super::managing;
use crate::{
    app::{
        SignedIn,
        context::Room,
        entering::{Draft, Tx},
        error::Error,
        found::login_index,
        notices::{self, Event, Kind},
        once::KeptSecret,
        sessions::{Secret, after, redeem::Purpose},
        writer::{Command, Done, Stop},
    },
    db::{
        decide, founding,
        people::AccountRow,
        sessions::{self, EnrolmentRow},
    },
    policy::{
        action::ManagePeople,
        facts::{Resource, RoomRole},
    },
};

/// How long a link lives where nobody says otherwise.
pub const ENROLMENT: Duration = Duration::from_secs(15 * 60);
/// How long a link lives at most.
pub const MAX_ENROLMENT: Duration = Duration::from_secs(24 * 60 * 60);

/// Issues a single-use link for an account; earlier ones of the same purpose are withdrawn.
///
/// # Errors
/// Refused, an unknown or suspended account, or a lifetime of nothing or above
/// [`MAX_ENROLMENT`].
pub async fn issue_enrolment(
    room: &Room,
    who: &SignedIn,
    account: AccountId,
    purpose: Purpose,
    lifetime: Duration,
) -> Result<Done<Secret>, Error> {
    check(lifetime)?;
    let secret = Secret::new(&room.core.ambient);
    let command = Issue {
        who: *who,
        account,
        link: Link {
            purpose,
            lifetime,
            secret_hash: secret.hash(),
        },
        secret: KeptSecret(secret),
    };
    let done = room.change(who, command).await?;
    Ok(Done {
        output: done.output.0,
        entered: done.entered,
    })
}

/// Issues the link with which the first administrator sets a password; entered as done by the
/// room itself. It is for whoever holds the room's keys, and for a room that nobody has
/// enrolled in yet: once anyone has, links come from an administrator.
///
/// # Errors
/// [`Error::Conflict`] when someone has enrolled; [`Error::NotFound`] for a login name that is
/// not an administrator's.
pub async fn first_enrolment(
    room: &Room,
    login: &str,
    lifetime: Duration,
) -> Result<Done<Secret>, Error> {
    check(lifetime)?;
    let secret = Secret::new(&room.core.ambient);
    let command = First {
        login_index: login_index(&room.core, login),
        link: Link {
            purpose: Purpose::Enrol,
            lifetime,
            secret_hash: secret.hash(),
        },
    };
    let done = room.writer.submit(command).await?;
    Ok(Done {
        output: secret,
        entered: done.entered,
    })
}

fn check(lifetime: Duration) -> Result<(), Error> {
    if lifetime.is_zero() || lifetime > MAX_ENROLMENT {
        return Err(Error::invalid("a link lives for at most 24 hours"));
    }
    Ok(())
}

struct Link {
    purpose: Purpose,
    lifetime: Duration,
    secret_hash: Hash,
}

impl Link {
    fn row(self, tx: &Tx<'_>, account: &AccountRow) -> EnrolmentRow {
        EnrolmentRow {
            id: tx.id::<RowId>(),
            account_id: account.id,
            purpose: self.purpose.name().into(),
            secret_hash: self.secret_hash,
            expires_at: after(tx.now(), self.lifetime),
            used_at: None,
        }
    }
}

fn draft(tx: &Tx<'_>, row: &EnrolmentRow) -> Draft {
    Draft::of_room("enrolment_issue", tx.room()).detail(
        slot::DETAIL,
        json!({
            "account": row.account_id,
            "enrolment": row.id,
            "purpose": row.purpose,
            "expires_at": row.expires_at,
        }),
    )
}

struct Issue {
    who: SignedIn,
    account: AccountId,
    link: Link,
    secret: KeptSecret,
}

impl Command for Issue {
    type Output = KeptSecret;

    fn run(self, tx: &mut Tx<'_>) -> Result<KeptSecret, Stop> {
        let (asking, _) = managing(tx, &self.who)?;
        let (account, person) = tx.account::<ManagePeople>(&asking, self.account)?;
        let permit = tx.permit::<ManagePeople>(&asking, &Resource::Person(person.id))?;
        if account.status != "active" || person.status != "active" {
            return Err(Error::Conflict("this account is suspended".into()).into());
        }
        let row = self.link.row(tx, &account);
        let draft = draft(tx, &row).permitted(tx.acting(&asking, None), &permit);
        tx.enter(draft)?;
        let (now, key) = (tx.now(), &tx.core.keys.session);
        let purpose = Some(row.purpose.as_str());
        sessions::withdraw_enrolments(tx.connection, key, account.id, purpose, now)?;
        sessions::insert_enrolment(tx.connection, key, &permit, &row)?;
        // Who has never signed in expects it.
        let (core, room, account) = (tx.core, tx.room(), account.id);
        if sessions::password(tx.connection, &core.keyring, room, account)?.is_some() {
            let kind = Kind::LinkMade;
            notices::queue(tx, &Event::OfAccount { kind, account })?;
        }
        Ok(self.secret)
    }
}

struct First {
    login_index: [u8; 32],
    link: Link,
}

impl Command for First {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let (core, room) = (tx.core, tx.room());
        let found =
            sessions::account_of_login(tx.connection, &core.keyring, room, &self.login_index)?;
        let (account, person) = found.ok_or(Error::NotFound)?;
        let roles = decide::room_roles(tx.connection, &core.keyring, person.id)?;
        if !roles.contains(&RoomRole::Administrator) {
            return Err(Error::NotFound.into());
        }
        if sessions::anyone_enrolled(tx.connection)? {
            return Err(Error::Conflict(
                "someone has enrolled in this room; an administrator issues further links".into(),
            )
            .into());
        }
        let row = self.link.row(tx, &account);
        let draft = draft(tx, &row);
        tx.enter(draft)?;
        let (now, key) = (tx.now(), &core.keys.session);
        let purpose = Some(row.purpose.as_str());
        sessions::withdraw_enrolments(tx.connection, key, account.id, purpose, now)?;
        founding::first_enrolment(tx.connection, key, &row)?;
        Ok(())
    }
}
