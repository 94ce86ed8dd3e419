//! People and their accounts: who there is, and who is suspended.
//!
//! | module | what it is |
//! |---|---|
//! | [`enrolment`] | single-use links for others |
//! | `one` | one person with their accounts |
//! | [`tokens`] | one's own tokens |
//! | [`own_password`] | one's own password |
//! | [`leaving`] | leaving the service |

pub mod enrolment;
pub mod leaving;
mod one;
pub mod own_password;
#[cfg(test)]
mod tests;
pub mod tokens;

use std::collections::BTreeSet;

use custos_core::{
    event::slot,
    ids::{AccountId, Id, PersonId, RowId},
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

pub use enrolment::{first_enrolment, issue_enrolment, operator_enrolment};
pub use leaving::leave;
pub use one::read_person;
pub use own_password::set_password;
pub use tokens::{issue_token, list_tokens, revoke_token};

pub use crate::policy::facts::RoomRole;

use super::{
    SignedIn,
    context::Room,
    deciding::Asking,
    entering::{Draft, Tx},
    error::Error,
    found::login_index,
    notices::{self, Kind},
    schema,
    sessions::end_sessions,
    text,
    writer::{Command, Done, Stop},
};
use crate::{
    db::{
        bound::{self, Binding},
        cases::{self, RoleRow},
        people::{
            self, AccountDetails, AccountRow, PersonDetails, PersonRow,
            tokens::{self as token_rows, TokenRow},
        },
        sessions,
    },
    policy::{Permit, action::ManagePeople, facts::Resource},
};

/// A person to be created, with the account to sign in with.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// Their name.
    pub name: String,
    /// Rank, office, chambers; may be empty.
    pub office: String,
    /// The name they will sign in with, without regard to case.
    pub login: String,
    /// Roles in the room; roles on cases are given on the case.
    pub room_roles: BTreeSet<RoomRole>,
}

/// Whether a person or an account may do anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// They may, as policy says.
    Active,
    /// They may do nothing.
    Suspended,
}

impl Status {
    /// The name in rows, entries and requests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    /// The status of this name, if there is one.
    pub fn of(name: &str) -> Option<Self> {
        [Self::Active, Self::Suspended]
            .into_iter()
            .find(|status| status.name() == name)
    }
}

/// The status of a person who has left the service, and of their accounts: for good.
const LEFT: &str = "left";

/// A person in the list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PersonSummary {
    /// Their id.
    #[schema(value_type = schema::Id)]
    pub id: PersonId,
    /// Their name.
    pub name: String,
    /// Rank, office, chambers.
    pub office: String,
    /// `active`, `suspended` or `left`.
    #[schema(value_type = schema::Standing)]
    pub status: String,
    /// Names of their roles in the room.
    #[schema(value_type = Vec<schema::RoleInRoom>)]
    pub room_roles: Vec<String>,
    /// What they sign in with.
    pub accounts: Vec<AccountSummary>,
}

/// An account in the list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AccountSummary {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: AccountId,
    /// The name to sign in with.
    pub login: String,
    /// `active`, `suspended` or `left`.
    #[schema(value_type = schema::Standing)]
    pub status: String,
    /// Whether a password was set.
    pub enrolled: bool,
}

/// Creates a person with an account, which can't sign in before it was enrolled.
///
/// # Errors
/// Refused, a text that is empty or too long, or a login name that is taken.
pub async fn create_person(
    room: &Room,
    who: &SignedIn,
    new: NewPerson,
) -> Result<Done<(PersonId, AccountId)>, Error> {
    let command = Create {
        who: *who,
        details: PersonDetails {
            name: text::line("name", &new.name)?,
            office: text::optional_line("office", &new.office)?,
            successor: None,
        },
        login: text::line("login", &new.login)?,
        room_roles: new.room_roles,
    };
    room.change(who, command).await
}

/// Everyone with their accounts, by name; one entry for the request.
///
/// # Errors
/// Refused.
pub async fn list_people(room: &Room, who: &SignedIn) -> Result<Vec<PersonSummary>, Error> {
    Ok(room.writer.submit(List { who: *who }).await?.output)
}

/// Suspends or reactivates one account. Suspension ends its sessions, tokens and links at once.
///
/// # Errors
/// Refused, an unknown account, one that is so already, or one's own.
pub async fn set_account_status(
    room: &Room,
    who: &SignedIn,
    account: AccountId,
    status: Status,
) -> Result<Done<()>, Error> {
    let command = SetAccount {
        who: *who,
        account,
        status,
    };
    room.change(who, command).await
}

/// Suspends or reactivates a person with all their accounts. Suspension ends sessions, tokens
/// and links at once.
///
/// # Errors
/// Refused, an unknown person, one who is so already, or oneself.
pub async fn set_person_status(
    room: &Room,
    who: &SignedIn,
    person: PersonId,
    status: Status,
) -> Result<Done<()>, Error> {
    let command = SetPerson {
        who: *who,
        person,
        status,
    };
    room.change(who, command).await
}

struct Create {
    who: SignedIn,
    details: PersonDetails,
    login: String,
    room_roles: BTreeSet<RoomRole>,
}

impl Command for Create {
    type Output = (PersonId, AccountId);

    fn run(self, tx: &mut Tx<'_>) -> Result<(PersonId, AccountId), Stop> {
        let (asking, permit) = managing(tx, &self.who)?;
        let (core, room) = (tx.core, tx.room());
        let index = login_index(core, &self.login);
        if sessions::account_of_login(tx.connection, &core.keyring, room, &index)?.is_some() {
            return Err(Error::Conflict("this login name is taken".into()).into());
        }
        let person = PersonRow {
            id: tx.id(),
            rev: 1,
            status: Status::Active.name().into(),
            details: self.details,
        };
        let account = AccountRow {
            id: tx.id(),
            rev: 1,
            person_id: person.id,
            login_index: index.to_vec(),
            status: Status::Active.name().into(),
            details: AccountDetails { login: self.login },
        };
        let roles: Vec<(RoleRow, Binding)> = self
            .room_roles
            .iter()
            .map(|role| room_role(tx, person.id, *role))
            .collect();
        let bindings = (
            bound::bind(&person, &core.ambient),
            bound::bind(&account, &core.ambient),
        );
        let names: Vec<&str> = self.room_roles.iter().map(|role| role.name()).collect();
        let mut draft = Draft::of_room("person_create", room)
            .permitted(tx.acting(&asking, None), &permit)
            .detail(
                slot::DETAIL,
                json!({"person": person.id, "account": account.id, "roles": names}),
            )
            .writes(bindings.0.slot.clone())
            .writes(bindings.1.slot.clone());
        for (_, binding) in &roles {
            draft = draft.writes(binding.slot.clone());
        }
        let entered = tx.enter(draft)?;
        people::insert(
            tx.connection,
            &permit,
            (&core.keyring, &core.ambient, room),
            (&person, &bindings.0),
            (&account, &bindings.1),
            entered.c.as_bytes(),
        )?;
        for (role, binding) in &roles {
            cases::insert_room_role(tx.connection, &permit, role, binding, entered.c.as_bytes())?;
        }
        Ok((person.id, account.id))
    }
}

fn room_role(tx: &Tx<'_>, person: PersonId, role: RoomRole) -> (RoleRow, Binding) {
    let row = RoleRow {
        id: tx.id::<RowId>(),
        rev: 1,
        person_id: person,
        case_id: None,
        party_id: None,
        role: role.name().into(),
        status: "active".into(),
    };
    let binding = bound::bind(&row, &tx.core.ambient);
    (row, binding)
}

struct List {
    who: SignedIn,
}

impl Command for List {
    type Output = Vec<PersonSummary>;

    fn run(self, tx: &mut Tx<'_>) -> Result<Vec<PersonSummary>, Stop> {
        let (asking, permit) = managing(tx, &self.who)?;
        let (core, room) = (tx.core, tx.room());
        let draft = Draft::of_room("list", room)
            .permitted(tx.acting(&asking, None), &permit)
            .detail(slot::DETAIL, json!({"of": "people"}));
        tx.enter(draft)?;
        let mut summaries = Vec::new();
        for (person, accounts) in people::list(tx.connection, &core.keyring, room, &permit)? {
            summaries.push(one::summary(tx, person, accounts)?);
        }
        summaries.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
        Ok(summaries)
    }
}

struct SetAccount {
    who: SignedIn,
    account: AccountId,
    status: Status,
}

impl Command for SetAccount {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let (asking, _) = managing(tx, &self.who)?;
        let (mut row, person) = tx.account::<ManagePeople>(&asking, self.account)?;
        let permit = tx.permit::<ManagePeople>(&asking, &Resource::Person(person.id))?;
        one::upon(tx, &self.who, &permit, &person, self.status)?;
        change(self.status, &row.status, person.id == self.who.person)?;
        row.status = self.status.name().into();
        row.rev += 1;
        let core = tx.core;
        let binding = bound::bind(&row, &core.ambient);
        let draft = Draft::of_room("account_status", tx.room())
            .permitted(tx.acting(&asking, None), &permit)
            .detail(
                slot::DETAIL,
                json!({"account": row.id, "person": person.id, "status": row.status}),
            )
            .writes(binding.slot.clone());
        let accounts = match self.status {
            Status::Suspended => vec![row.id],
            Status::Active => Vec::new(),
        };
        let entry = enter_and_end(tx, &permit, draft, &accounts)?;
        people::set_account_status(tx.connection, &permit, &row, &binding, &entry)?;
        notices::queue_for_accounts(tx, Kind::AccountSuspended, &accounts)?;
        Ok(())
    }
}

struct SetPerson {
    who: SignedIn,
    person: PersonId,
    status: Status,
}

impl Command for SetPerson {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let (asking, _) = managing(tx, &self.who)?;
        let mut row = tx.person::<ManagePeople>(&asking, self.person)?;
        let permit = tx.permit::<ManagePeople>(&asking, &Resource::Person(row.id))?;
        one::upon(tx, &self.who, &permit, &row, self.status)?;
        change(self.status, &row.status, row.id == self.who.person)?;
        row.status = self.status.name().into();
        row.rev += 1;
        let (core, room) = (tx.core, tx.room());
        let binding = bound::bind(&row, &core.ambient);
        let draft = Draft::of_room("person_status", room)
            .permitted(tx.acting(&asking, None), &permit)
            .detail(
                slot::DETAIL,
                json!({"person": row.id, "status": row.status}),
            )
            .writes(binding.slot.clone());
        let accounts = match self.status {
            Status::Suspended => {
                people::accounts_of(tx.connection, &core.keyring, room, &permit, row.id)?
                    .into_iter()
                    .map(|account| account.id)
                    .collect()
            }
            Status::Active => Vec::new(),
        };
        let entry = enter_and_end(tx, &permit, draft, &accounts)?;
        people::set_person_status(tx.connection, &permit, &row, &binding, &entry)?;
        notices::queue_for_accounts(tx, Kind::AccountSuspended, &accounts)?;
        Ok(())
    }
}

/// Who asks, with the permit to manage people at all: asked for before anyone is looked up, so
/// that a refusal says nothing about who there is.
fn managing(tx: &mut Tx<'_>, who: &SignedIn) -> Result<(Asking, Permit<ManagePeople>), Stop> {
    let asking = tx.asking(who)?;
    let permit = tx.permit::<ManagePeople>(&asking, &Resource::Room(tx.room()))?;
    Ok((asking, permit))
}

/// Whether a status may change. Nobody suspends themselves, so that an administrator who can
/// act is always left.
fn change(wanted: Status, present: &str, oneself: bool) -> Result<(), Error> {
    if present == wanted.name() {
        return Err(Error::Conflict(format!("this is {present} already")));
    }
    if present == LEFT {
        return Err(Error::Conflict(
            "this person has left the service; whoever comes back is a new person".into(),
        ));
    }
    if oneself {
        return Err(Error::Conflict(
            "nobody suspends themselves; another administrator can".into(),
        ));
    }
    Ok(())
}

/// Enters `draft`, and ends what signs in for `accounts` with it; returns the entry's `C`.
fn enter_and_end(
    tx: &mut Tx<'_>,
    permit: &Permit<ManagePeople>,
    mut draft: Draft,
    accounts: &[AccountId],
) -> Result<[u8; 32], Stop> {
    let (core, room, now) = (tx.core, tx.room(), tx.now());
    let mut ended: Vec<(TokenRow, Binding)> = Vec::new();
    for account in accounts {
        let tokens =
            token_rows::list_managed(tx.connection, &core.keyring, room, permit, *account)?;
        ended.extend(token_rows::to_end(tokens, &core.ambient, now));
        end_sessions(tx, *account, None)?;
        sessions::withdraw_enrolments(tx.connection, &core.keys.session, *account, None, now)?;
    }
    let tokens: Vec<Id> = ended.iter().map(|(token, _)| token.id.id()).collect();
    for (_, binding) in &ended {
        draft = draft.writes(binding.slot.clone());
    }
    if let Value::Object(detail) = &mut draft.detail[0] {
        detail.insert("tokens".into(), json!(tokens));
    }
    let entry = *tx.enter(draft)?.c.as_bytes();
    for (token, binding) in &ended {
        token_rows::end_managed(tx.connection, permit, token, binding, &entry)?;
    }
    Ok(entry)
}
