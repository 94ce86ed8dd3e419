//! Notices: people are told that there is something new for them, and never what.
//!
//! ```text
//! change ── queue(tx, event) ── rows of `notices`, in the same transaction
//!                                   │
//!                 the room's page ──┼── a letter ── an event to an endpoint
//! ```
//!
//! A notice names ids alone. It goes to whoever may know of what it is about: policy is asked
//! when it is queued, again before it is sent, and each time it is shown (decision 15).
//!
//! | module | what it is |
//! |---|---|
//! | [`kinds`] | the closed list of what is told |
//! | `deciding` | who may know of it |
//! | [`reading`] | one's own notices; those that could not be delivered |
//! | [`sending`] | taking up what is due, and what became of it |
//! | `letters` | the words of a letter, the body of an event |
//! | [`addresses`] | one's own address, and its confirmation |
//! | [`damage`] | the note that an audit leaves |
//! | [`outlets`] | mail server and endpoints, as the settings name them |

pub mod addresses;
pub mod damage;
mod deciding;
pub mod kinds;
mod letters;
pub mod outlets;
pub mod reading;
pub mod sending;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use custos_core::ids::{AccountId, CaseId, PersonId, RowId};

pub use kinds::{Event, Kind};
pub use outlets::{Hook, Outlets};

use self::deciding::{Moment, or_damaged};
use super::{entering::Tx, error::Error};
use crate::{
    db::{
        decide,
        outbox::{self, KEPT, NoticeRow, WAITING},
        people::addresses as address_rows,
    },
    policy::facts::{CaseRole, RoomRole},
};

/// Queues what is told of a change, in the transaction of that change: once for each account
/// that it concerns and whose person may know of it, and once for each endpoint that asked for
/// it and may learn of it.
///
/// Call it behind the rows of the change, so that policy sees them.
///
/// # Errors
/// The register can't be read or written. Damaged rows about a recipient leave only that
/// recipient untold.
pub fn queue(tx: &mut Tx<'_>, event: &Event) -> Result<(), Error> {
    let (kind, about) = (event.kind(), event.about());
    for account in recipients(tx, event)? {
        let mut moment = moment(tx);
        let decided = match moment.recipient(account) {
            Ok(Some(asking)) => moment.may_know(&asking, kind, about),
            Ok(None) => Ok(false),
            Err(error) => Err(error),
        };
        if or_damaged(decided, false)? {
            let row = for_account(tx, event, account)?;
            outbox::insert(tx.connection, &tx.core.keys.session, &row)?;
        }
    }
    let hooks = &tx.core.outlets.hooks;
    for hook in hooks.iter().filter(|hook| hook.kinds.contains(&kind)) {
        let name = &hook.endpoint.name;
        let leaves = moment(tx).may_leave(kind, about);
        if or_damaged(leaves, false)?
            && !outbox::is_gone(tx.connection, &tx.core.keys.session, name)?
        {
            let row = NoticeRow {
                endpoint: Some(name.clone()),
                state: WAITING.into(),
                next_at: Some(tx.now()),
                ..bare(tx, event)
            };
            outbox::insert(tx.connection, &tx.core.keys.session, &row)?;
        }
    }
    Ok(())
}

/// The same for each account of a person.
///
/// # Errors
/// As [`queue`].
pub fn queue_for_accounts(
    tx: &mut Tx<'_>,
    kind: Kind,
    accounts: &[AccountId],
) -> Result<(), Error> {
    for account in accounts {
        let account = *account;
        queue(tx, &Event::OfAccount { kind, account })?;
    }
    Ok(())
}

fn moment<'a>(tx: &'a mut Tx<'_>) -> Moment<'a> {
    Moment {
        room: tx.room(),
        now: tx.now(),
        core: tx.core,
        connection: tx.connection,
    }
}

/// A notice to nobody yet.
fn bare(tx: &Tx<'_>, event: &Event) -> NoticeRow {
    NoticeRow {
        id: tx.id::<RowId>(),
        account_id: None,
        endpoint: None,
        kind: event.kind().name().into(),
        about_id: event.about(),
        address_id: None,
        created_at: tx.now(),
        read_at: None,
        state: KEPT.into(),
        attempts: 0,
        next_at: None,
        told: None,
    }
}

/// A notice to an account; a letter too, where there is a mail server and an address.
fn for_account(tx: &mut Tx<'_>, event: &Event, account: AccountId) -> Result<NoticeRow, Error> {
    let row = NoticeRow {
        account_id: Some(account),
        ..bare(tx, event)
    };
    let (core, room) = (tx.core, tx.room());
    let address_id = match event {
        Event::OfAddress { address, .. } => Some(*address),
        _ => None,
    };
    let posted = core.outlets.mail.is_some()
        && (address_id.is_some() || {
            let found = address_rows::confirmed(tx.connection, &core.keyring, room, account);
            or_damaged(found, None)?.is_some()
        })
        // A mail server would count what happens by a letter for each.
        && !(event.kind().says_new()
            && outbox::has_waiting(tx.connection, account, &says_new())?);
    Ok(if posted {
        NoticeRow {
            address_id,
            state: WAITING.into(),
            next_at: Some(tx.now()),
            ..row
        }
    } else {
        NoticeRow { address_id, ..row }
    })
}

/// Names of the kinds of which one letter speaks for many.
fn says_new() -> Vec<&'static str> {
    let kinds = Kind::ALL.into_iter().filter(|kind| kind.says_new());
    kinds.map(Kind::name).collect()
}

/// The accounts that an event concerns, before anything is asked of policy.
fn recipients(tx: &mut Tx<'_>, event: &Event) -> Result<BTreeSet<AccountId>, Error> {
    let keyring = &tx.core.keyring;
    let people: BTreeSet<PersonId> = match event {
        Event::OfAccount { account, .. } | Event::OfAddress { account, .. } => {
            return Ok([*account].into());
        }
        Event::RoleGiven { person, .. } => [*person].into(),
        Event::DepositQuarantined { depositor, .. } => [*depositor].into(),
        Event::Served { case, party, .. } => on_case(tx, *case, |role| {
            role.role == CaseRole::Defence && role.party == Some(*party)
        })?,
        Event::OrderMade { case, by } => {
            let mut people = on_case(tx, *case, |role| {
                matches!(role.role, CaseRole::Judge | CaseRole::Prosecutor)
            })?;
            people.remove(by);
            people
        }
        Event::DamageFound { .. } | Event::ConflictFound { .. } => {
            let roles = [RoomRole::Administrator, RoomRole::Custodian];
            let found = decide::with_room_role(tx.connection, keyring, &roles);
            or_damaged(found, BTreeSet::new())?
        }
    };
    let mut accounts = BTreeSet::new();
    for person in people {
        accounts.extend(decide::accounts_of(tx.connection, person)?);
    }
    Ok(accounts)
}

/// The people on a case whose role is wanted.
fn on_case(
    tx: &mut Tx<'_>,
    case: CaseId,
    wanted: impl Fn(&crate::policy::facts::Assignment) -> bool,
) -> Result<BTreeSet<PersonId>, Error> {
    let found = decide::on_case(tx.connection, &tx.core.keyring, case);
    let found = or_damaged(found, Vec::new())?;
    let wanted = found.iter().filter(|(_, role)| wanted(role));
    Ok(wanted.map(|(person, _)| *person).collect())
}
