//! Leaving the service: everything that a person could do ends at once and for good, and whoever
//! follows them is named to those who give roles on cases.

use custos_core::{
    event::slot,
    ids::{AccountId, PersonId},
};
use serde_json::json;

use super::{LEFT, enter_and_end, managing};
use crate::{
    app::{
        SignedIn,
        cases::of_case,
        context::Room,
        entering::{Draft, Tx},
        error::Error,
        notices::{self, Kind},
        writer::{Command, Done, Stop},
    },
    db::{
        bound::{self, Binding},
        cases::{self, RoleRow},
        decide,
        people::{self, AccountRow},
    },
    policy::{Permit, action::ManagePeople, facts::Resource},
};

/// Ends a person's service: sessions, tokens, links, accounts and roles. A successor gets
/// nothing by this: whoever gives roles on a case sees who was named, and decides.
///
/// The entries of the cases concerned are not among those returned: an administrator sees no
/// case, nor how many there are.
///
/// # Errors
/// Refused, an unknown person or successor, one who has left already, or oneself.
pub async fn leave(
    room: &Room,
    who: &SignedIn,
    person: PersonId,
    successor: Option<PersonId>,
) -> Result<Done<()>, Error> {
    let command = Leave {
        who: *who,
        person,
        successor,
    };
    let mut done = room.change(who, command).await?;
    done.entered.truncate(1);
    Ok(done)
}

struct Leave {
    who: SignedIn,
    person: PersonId,
    successor: Option<PersonId>,
}

impl Command for Leave {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let (asking, _) = managing(tx, &self.who)?;
        let mut row = tx.person::<ManagePeople>(&asking, self.person)?;
        let permit = tx.permit::<ManagePeople>(&asking, &Resource::Person(row.id))?;
        if row.status == LEFT {
            return Err(Error::Conflict("this person has left already".into()).into());
        }
        if row.id == self.who.person {
            let text = "nobody ends their own service; another administrator can";
            return Err(Error::Conflict(text.into()).into());
        }
        if let Some(successor) = self.successor {
            let named = tx.person::<ManagePeople>(&asking, successor)?;
            if named.id == row.id || named.status != "active" {
                return Err(
                    Error::invalid("`successor` is not somebody else who is active").into(),
                );
            }
        }
        let (core, room) = (tx.core, tx.room());
        row.rev += 1;
        row.status = LEFT.into();
        row.details.successor = self.successor;
        let accounts = accounts(tx, &permit)?;
        let (on_cases, in_room) = roles(tx, row.id)?;
        let binding = bound::bind(&row, &core.ambient);
        let ids: Vec<AccountId> = accounts.iter().map(|(account, _)| account.id).collect();
        let mut draft = Draft::of_room("person_leave", room)
            .permitted(tx.acting(&asking, None), &permit)
            .detail(
                slot::DETAIL,
                json!({"person": row.id, "successor": self.successor, "accounts": ids}),
            )
            .writes(binding.slot.clone());
        let bindings = accounts.iter().map(|(_, binding)| binding);
        for binding in bindings.chain(in_room.iter().map(|(_, binding)| binding)) {
            draft = draft.writes(binding.slot.clone());
        }
        let entry = enter_and_end(tx, &permit, draft, &ids)?;
        let keys = (&core.keyring, &core.ambient, room);
        people::leave(tx.connection, &permit, keys, (&row, &binding), &entry)?;
        for (account, binding) in &accounts {
            people::set_account_status(tx.connection, &permit, account, binding, &entry)?;
        }
        for (role, binding) in &in_room {
            cases::end_role(tx.connection, &permit, role, binding, &entry)?;
        }
        // Else an administrator could end another one's service and nobody would be told.
        notices::queue_for_accounts(tx, Kind::AccountSuspended, &ids)?;
        for (role, binding) in &on_cases {
            end_on_case(tx, &asking, &permit, (role, binding), self.successor)?;
        }
        Ok(())
    }
}

/// The accounts of whoever leaves, each at its last revision.
fn accounts(
    tx: &mut Tx<'_>,
    permit: &Permit<ManagePeople>,
) -> Result<Vec<(AccountRow, Binding)>, Stop> {
    let (core, room) = (tx.core, tx.room());
    let person = permit.resource().id.into();
    let held = people::accounts_of(tx.connection, &core.keyring, room, permit, person)?;
    Ok(held
        .into_iter()
        .map(|account| {
            let account = AccountRow {
                rev: account.rev + 1,
                status: LEFT.into(),
                ..account
            };
            let binding = bound::bind(&account, &core.ambient);
            (account, binding)
        })
        .collect())
}

type Ended = Vec<(RoleRow, Binding)>;

/// The roles of whoever leaves, on cases and in the room, each at its last revision.
fn roles(tx: &mut Tx<'_>, person: PersonId) -> Result<(Ended, Ended), Stop> {
    let core = tx.core;
    let held = decide::roles(tx.connection, &core.keyring, person)?;
    Ok(held
        .into_iter()
        .map(|role| {
            let role = RoleRow {
                rev: role.rev + 1,
                status: LEFT.into(),
                ..role
            };
            let binding = bound::bind(&role, &core.ambient);
            (role, binding)
        })
        .partition(|(role, _)| role.case_id.is_some()))
}

/// Ends a role on a case with an entry of the case's own, where those who work on it find it.
fn end_on_case(
    tx: &mut Tx<'_>,
    asking: &crate::app::deciding::Asking,
    permit: &Permit<ManagePeople>,
    (role, binding): (&RoleRow, &Binding),
    successor: Option<PersonId>,
) -> Result<(), Stop> {
    let Some(case) = role.case_id else {
        return Ok(());
    };
    let facts = decide::case(tx.connection, &tx.core.keyring, case)?.ok_or(Error::NotFound)?;
    let draft = of_case("role_end", case, facts.scope)
        .permitted(tx.acting(asking, None), permit)
        .detail(
            slot::DETAIL,
            json!({
                "person": role.person_id,
                "role": role.role,
                "party": role.party_id,
                "left": true,
                "successor": successor,
            }),
        )
        .writes(binding.slot.clone());
    let entered = tx.enter(draft)?;
    cases::end_role(tx.connection, permit, role, binding, entered.c.as_bytes())?;
    Ok(())
}
