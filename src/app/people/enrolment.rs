//! Single-use links: what an administrator hands to someone who can't sign in yet, or any more.

use std::time::Duration;

use custos_core::{
    event::slot,
    hash::Hash,
    ids::{AccountId, RowId},
};
use serde_json::{Value, json};

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
        DbError, decide, founding,
        people::AccountRow,
        sessions::{self, EnrolmentRow, IssuesLinks},
    },
    policy::{
        Permit,
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
/// Refused, an unknown or suspended account, one with which somebody has enrolled, or a lifetime
/// of nothing or above [`MAX_ENROLMENT`].
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
    by_the_room(room, login, lifetime, false).await
}

/// Issues the link with which an administrator sets a password in place of one that is lost,
/// where no other administrator could ask for it; entered as done by the operator. It is for
/// whoever holds the room's keys, who could read everything anyway.
///
/// # Errors
/// [`Error::NotFound`] for a login name that is not an active administrator's.
pub async fn operator_enrolment(
    room: &Room,
    login: &str,
    lifetime: Duration,
) -> Result<Done<Secret>, Error> {
    by_the_room(room, login, lifetime, true).await
}

async fn by_the_room(
    room: &Room,
    login: &str,
    lifetime: Duration,
    recovers: bool,
) -> Result<Done<Secret>, Error> {
    check(lifetime)?;
    let secret = Secret::new(&room.core.ambient);
    let command = First {
        recovers,
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

/// A link that is to be issued.
pub(in crate::app) struct Link {
    purpose: Purpose,
    lifetime: Duration,
    secret_hash: Hash,
}

impl Link {
    /// One with which somebody sets a password in place of the one that they can't use.
    pub(in crate::app) const fn of_recovery(secret_hash: Hash) -> Self {
        Self {
            purpose: Purpose::Enrol,
            lifetime: ENROLMENT,
            secret_hash,
        }
    }

    /// Its row, for an account.
    pub(in crate::app) fn row(self, tx: &Tx<'_>, account: &AccountRow) -> EnrolmentRow {
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

/// The entry of a link that is issued.
pub(in crate::app) fn draft(tx: &Tx<'_>, row: &EnrolmentRow) -> Draft {
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

/// Whether one person alone may issue a link: whoever has it can act in the owner's name, so
/// only while there is nothing yet that the owner did.
fn check_alone(tx: &mut Tx<'_>, account: &AccountRow) -> Result<(), Error> {
    let room = tx.room();
    if sessions::password(tx.connection, &tx.core.keyring, room, account.id)?.is_some() {
        return Err(Error::Conflict(
            "somebody has enrolled with this account; a link for it needs a second person: ask \
             for its recovery"
                .into(),
        ));
    }
    Ok(())
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
        check_alone(tx, &account)?;
        let row = self.link.row(tx, &account);
        let draft = draft(tx, &row).permitted(tx.acting(&asking, None), &permit);
        tx.enter(draft)?;
        replace(tx, &permit, &row)?;
        Ok(self.secret)
    }
}

/// Writes a link, and withdraws earlier ones of its account and purpose.
pub(in crate::app) fn replace<A: IssuesLinks>(
    tx: &mut Tx<'_>,
    permit: &Permit<A>,
    row: &EnrolmentRow,
) -> Result<(), DbError> {
    let (now, key) = (tx.now(), &tx.core.keys.session);
    let purpose = Some(row.purpose.as_str());
    sessions::withdraw_enrolments(tx.connection, key, row.account_id, purpose, now)?;
    sessions::insert_enrolment(tx.connection, key, permit, row)
}

struct First {
    /// Whether somebody may have enrolled before.
    recovers: bool,
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
        let active = account.status == "active" && person.status == "active";
        if !active || !roles.contains(&RoomRole::Administrator) {
            return Err(Error::NotFound.into());
        }
        if !self.recovers && sessions::anyone_enrolled(tx.connection)? {
            return Err(Error::Conflict(
                "someone has enrolled in this room; an administrator issues further links".into(),
            )
            .into());
        }
        let row = self.link.row(tx, &account);
        let mut draft = draft(tx, &row);
        if let (true, Value::Object(detail)) = (self.recovers, &mut draft.detail[0]) {
            detail.insert("operator".into(), json!(true));
        }
        tx.enter(draft)?;
        let (now, key) = (tx.now(), &core.keys.session);
        let purpose = Some(row.purpose.as_str());
        sessions::withdraw_enrolments(tx.connection, key, account.id, purpose, now)?;
        if self.recovers {
            founding::operator_enrolment(tx.connection, key, &row)?;
            let (kind, account) = (Kind::LinkMade, account.id);
            notices::queue(tx, &Event::OfAccount { kind, account })?;
        } else {
            founding::first_enrolment(tx.connection, key, &row)?;
        }
        Ok(())
    }
}

/// Links for tests of what a link does, which are not about who may issue it.
#[cfg(test)]
pub(in crate::app) mod testing {
    use super::*;

    /// A link for any account, entered as an administrator's.
    pub async fn link(room: &Room, who: &SignedIn, account: AccountId, purpose: Purpose) -> Secret {
        let secret = Secret::new(&room.core.ambient);
        let (who, secret_hash) = (*who, secret.hash());
        let link = Link {
            purpose,
            lifetime: ENROLMENT,
            secret_hash,
        };
        let command = Alone { who, account, link };
        room.writer.submit(command).await.expect("a link");
        secret
    }

    struct Alone {
        who: SignedIn,
        account: AccountId,
        link: Link,
    }

    impl Command for Alone {
        type Output = ();

        fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
            let (asking, permit) = managing(tx, &self.who)?;
            let (account, _) = tx.account::<ManagePeople>(&asking, self.account)?;
            let row = self.link.row(tx, &account);
            let draft = draft(tx, &row).permitted(tx.acting(&asking, None), &permit);
            tx.enter(draft)?;
            Ok(replace(tx, &permit, &row)?)
        }
    }
}
