//! One person with their accounts.

use custos_core::{event::slot, ids::PersonId};
use serde_json::json;

use super::{AccountSummary, PersonSummary, Status, managing};
use crate::{
    app::{
        SignedIn,
        context::Room,
        entering::{Draft, Tx},
        error::Error,
        tags::Tag,
        writer::{Command, Stop},
    },
    db::{
        decide,
        people::{self, AccountRow, PersonRow},
        sessions,
    },
    policy::{Permit, action::ManagePeople, facts::Resource},
};

/// A person with their accounts; one entry for the request.
///
/// # Errors
/// Refused, or an unknown person.
pub async fn read_person(
    room: &Room,
    who: &SignedIn,
    person: PersonId,
) -> Result<PersonSummary, Error> {
    let command = Read { who: *who, person };
    Ok(room.writer.submit(command).await?.output)
}

struct Read {
    who: SignedIn,
    person: PersonId,
}

impl Command for Read {
    type Output = PersonSummary;

    fn run(self, tx: &mut Tx<'_>) -> Result<PersonSummary, Stop> {
        let (asking, _) = managing(tx, &self.who)?;
        let row = tx.person::<ManagePeople>(&asking, self.person)?;
        let permit = tx.permit::<ManagePeople>(&asking, &Resource::Person(row.id))?;
        let draft = Draft::of_room("list", tx.room())
            .permitted(tx.acting(&asking, None), &permit)
            .detail(slot::DETAIL, json!({"of": "person", "person": row.id}));
        tx.enter(draft)?;
        shown(tx, &permit, row)
    }
}

fn shown(
    tx: &mut Tx<'_>,
    permit: &Permit<ManagePeople>,
    person: PersonRow,
) -> Result<PersonSummary, Stop> {
    let (core, room) = (tx.core, tx.room());
    let accounts = people::accounts_of(tx.connection, &core.keyring, room, permit, person.id)?;
    summary(tx, person, accounts)
}

/// What administrators see of a person.
pub(super) fn summary(
    tx: &mut Tx<'_>,
    person: PersonRow,
    accounts: Vec<AccountRow>,
) -> Result<PersonSummary, Stop> {
    let (core, room) = (tx.core, tx.room());
    let room_roles = decide::room_roles(tx.connection, &core.keyring, person.id)?;
    let mut summaries = Vec::new();
    for account in accounts {
        let password = sessions::password(tx.connection, &core.keyring, room, account.id)?;
        summaries.push(AccountSummary {
            id: account.id,
            login: account.details.login,
            status: account.status,
            enrolled: password.is_some(),
        });
    }
    Ok(PersonSummary {
        id: person.id,
        name: person.details.name,
        office: person.details.office,
        status: person.status,
        room_roles: room_roles
            .into_iter()
            .map(|role| role.name().into())
            .collect(),
        accounts: summaries,
    })
}

/// Whether a status of the person, or of an account of theirs, may be changed upon what there
/// is now. Suspending protects and may be done unseen; lifting a suspension may not.
pub(super) fn upon(
    tx: &mut Tx<'_>,
    who: &SignedIn,
    permit: &Permit<ManagePeople>,
    person: &PersonRow,
    wanted: Status,
) -> Result<(), Stop> {
    who.upon.holds(wanted == Status::Active, || {
        let now = shown(tx, permit, person.clone())?;
        Ok(Some(Tag::of(tx.core, &now)))
    })
}
