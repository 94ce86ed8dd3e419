//! Facts on which policy decides, read without a `Permit`.
//!
//! They are read in the transaction that appends the custody entry, and every bound row among
//! them is checked against its entry first.

use std::collections::BTreeSet;

use custos_core::ids::{AccountId, CaseId, ItemId, PartyId, PersonId, RowId, ScopeId, Timestamp};

use super::{
    Connection, DbError,
    cases::{self, RoleRow},
    disclosures, evidence,
    filings::{self, Exhibit, FilingRow, Order},
    people,
    requests::{self, RequestRow},
    walls::{self, WallRow},
};
use crate::{
    keyring::Keyring,
    policy::facts::{self, Actor, Appointee, Assignment, CaseRole, ItemState, RoomRole, Stage},
};

/// A case as policy sees it, with the scopes to which its entries belong.
#[derive(Debug, Clone)]
pub struct CaseFacts {
    /// What policy sees.
    pub case: facts::Case,
    /// Scope of those who work on it.
    pub scope: ScopeId,
    /// Scope of its court.
    pub court: ScopeId,
}

/// An item as policy sees it, with its place.
#[derive(Debug, Clone)]
pub struct ItemFacts {
    /// What policy sees.
    pub item: facts::Item,
    /// The case it belongs to.
    pub case: CaseFacts,
    /// The scope that it was added to.
    pub scope: ScopeId,
    /// Revision of its state.
    pub state_rev: u64,
}

/// Everything that policy may see of the person behind an account; `None` when there is no
/// such account.
///
/// # Errors
/// [`DbError::Damaged`]: a row is not what its entry says, and nothing is decided on it.
pub fn actor(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    account: AccountId,
) -> Result<Option<Actor>, DbError> {
    let Some(account) = people::find_account(connection, keyring, room, account)? else {
        return Ok(None);
    };
    let Some(person) = people::find(connection, keyring, room, account.person_id)? else {
        return Err(DbError::damaged(
            "people",
            account.person_id,
            "it is missing",
        ));
    };
    let mut actor = Actor {
        person: person.id,
        account: account.id,
        person_active: person.status == "active",
        account_active: account.status == "active",
        room_roles: BTreeSet::new(),
        case_roles: BTreeSet::new(),
        walled_from: walls::of_person(connection, keyring, person.id)?,
        strong_factor_age: None,
    };
    for row in cases::roles_of(connection, keyring, person.id)? {
        match row.case_id {
            None => {
                actor.room_roles.insert(room_role(&row)?);
            }
            Some(case) => {
                actor.case_roles.insert(assignment(case, &row)?);
            }
        }
    }
    Ok(Some(actor))
}

/// The roles of a person on cases.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn actor_roles(
    connection: &mut Connection,
    keyring: &Keyring,
    person: PersonId,
) -> Result<Vec<Assignment>, DbError> {
    cases::roles_of(connection, keyring, person)?
        .iter()
        .filter_map(|row| row.case_id.map(|case| assignment(case, row)))
        .collect()
}

/// The roles of a person in the room.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn room_roles(
    connection: &mut Connection,
    keyring: &Keyring,
    person: PersonId,
) -> Result<BTreeSet<RoomRole>, DbError> {
    cases::roles_of(connection, keyring, person)?
        .iter()
        .filter(|row| row.case_id.is_none())
        .map(room_role)
        .collect()
}

fn room_role(row: &cases::RoleRow) -> Result<RoomRole, DbError> {
    RoomRole::of(&row.role).ok_or_else(|| DbError::damaged("roles", row.id, "its role is unknown"))
}

fn assignment(case: CaseId, row: &cases::RoleRow) -> Result<Assignment, DbError> {
    let role = CaseRole::of(&row.role)
        .ok_or_else(|| DbError::damaged("roles", row.id, "its role is unknown"))?;
    Ok(Assignment {
        case,
        role,
        party: row.party_id,
    })
}

/// A case; `None` when there is none of this id.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn case(
    connection: &mut Connection,
    keyring: &Keyring,
    case: CaseId,
) -> Result<Option<CaseFacts>, DbError> {
    let Some(row) = cases::find(connection, keyring, case)? else {
        return Ok(None);
    };
    let stage = Stage::of(&row.stage)
        .ok_or_else(|| DbError::damaged("cases", case, "its stage is unknown"))?;
    Ok(Some(CaseFacts {
        case: facts::Case { id: case, stage },
        scope: row.scope_id,
        court: row.court_scope_id,
    }))
}

/// Every case, by its id: each is then decided by policy.
///
/// # Errors
/// The rows can't be read.
pub fn case_ids(connection: &mut Connection) -> Result<Vec<CaseId>, DbError> {
    cases::ids(connection)
}

/// An item; `None` when there is none of this id.
///
/// # Errors
/// [`DbError::Damaged`]; a row that must stand beside the item is missing.
pub fn item(
    connection: &mut Connection,
    keyring: &Keyring,
    item: ItemId,
) -> Result<Option<ItemFacts>, DbError> {
    let Some(row) = evidence::find(connection, keyring, item)? else {
        return Ok(None);
    };
    let case = case(connection, keyring, row.case_id)?
        .ok_or_else(|| DbError::damaged("cases", row.case_id, "it is missing"))?;
    // What forbids is a column of a row that must exist.
    let state = evidence::state(connection, keyring, item)?
        .ok_or_else(|| DbError::damaged("states", item, "it is missing"))?;
    let states = item_states(&state)?;
    Ok(Some(ItemFacts {
        item: facts::Item {
            id: item,
            case: row.case_id,
            states,
            served_to: disclosures::served_to(connection, keyring, item)?,
            depositor: row.details.depositor,
        },
        case,
        scope: row.scope_id,
        state_rev: state.rev,
    }))
}

/// The states in a row's words.
pub(super) fn item_states(row: &evidence::StateRow) -> Result<BTreeSet<ItemState>, DbError> {
    let unknown = || DbError::damaged("states", row.id, "its state is unknown");
    row.state
        .split(',')
        .filter(|name| !name.is_empty())
        .map(|name| ItemState::of(name).ok_or_else(unknown))
        .collect()
}

/// Whom a role on a case would be given; `None` when there is no such person.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn appointee(
    connection: &mut Connection,
    keyring: &Keyring,
    (room, case): (ScopeId, CaseId),
    person: PersonId,
    (role, party): (CaseRole, Option<PartyId>),
) -> Result<Option<Appointee>, DbError> {
    if people::find(connection, keyring, room, person)?.is_none() {
        return Ok(None);
    }
    let defence_of = cases::roles_of(connection, keyring, person)?
        .into_iter()
        .filter(|held| held.case_id == Some(case) && held.role == CaseRole::Defence.name())
        .filter_map(|held| held.party_id)
        .collect();
    Ok(Some(Appointee {
        person,
        role,
        party,
        defence_of,
        walled: walls::of_person(connection, keyring, person)?.contains(&case),
    }))
}

/// Whether a party belongs to a case.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn party_in_case(
    connection: &mut Connection,
    keyring: &Keyring,
    case: &CaseFacts,
    party: PartyId,
) -> Result<bool, DbError> {
    let of_case = (case.case.id, case.scope);
    let found = cases::find_party(connection, keyring, of_case, party)?;
    // The column that was looked for is not what counts: the row that its entry vouches for is.
    Ok(found.is_some_and(|row| row.case_id == case.case.id))
}

/// Whether an order was made in a case.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn order_in_case(
    connection: &mut Connection,
    keyring: &Keyring,
    case: &CaseFacts,
    order: RowId,
) -> Result<bool, DbError> {
    if !filings::is_of_case(connection, case.case.id, order)? {
        return Ok(false);
    }
    Ok(filings::find::<Order>(connection, keyring, case.scope, order)?.is_some())
}

/// The exhibits of a case, oldest first; each is then filtered by what may be known of its item.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn exhibits(
    connection: &mut Connection,
    keyring: &Keyring,
    case: &CaseFacts,
) -> Result<Vec<FilingRow<Exhibit>>, DbError> {
    filings::of_case(connection, keyring, case.scope, case.case.id)
}

/// The wall between a person and a case, up or down; `None` where none was ever raised.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn wall(
    connection: &mut Connection,
    keyring: &Keyring,
    person: PersonId,
    case: CaseId,
) -> Result<Option<WallRow>, DbError> {
    walls::between(connection, keyring, person, case)
}

/// The active role of this name that a person has on a case.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn role_on_case(
    connection: &mut Connection,
    keyring: &Keyring,
    (case, person): (CaseId, PersonId),
    role: CaseRole,
) -> Result<Option<RoleRow>, DbError> {
    let held = cases::roles_of(connection, keyring, person)?;
    Ok(held
        .into_iter()
        .find(|row| row.case_id == Some(case) && row.role == role.name()))
}

/// Every active role of a person, on cases and in the room.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn roles(
    connection: &mut Connection,
    keyring: &Keyring,
    person: PersonId,
) -> Result<Vec<RoleRow>, DbError> {
    cases::roles_of(connection, keyring, person)
}

/// Whether there is such a person.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn is_person(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
    person: PersonId,
) -> Result<bool, DbError> {
    Ok(people::find(connection, keyring, room, person)?.is_some())
}

/// The orders made in a case, oldest first.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn orders(
    connection: &mut Connection,
    keyring: &Keyring,
    case: &CaseFacts,
) -> Result<Vec<FilingRow<Order>>, DbError> {
    filings::of_case(connection, keyring, case.scope, case.case.id)
}

/// The roles of a person in the room that were given at `moment` or before.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn settled_roles(
    connection: &mut Connection,
    keyring: &Keyring,
    person: PersonId,
    moment: Timestamp,
) -> Result<BTreeSet<RoomRole>, DbError> {
    cases::room_roles_since(connection, keyring, person)?
        .iter()
        .filter(|(_, since)| *since <= moment)
        .map(|(row, _)| room_role(row))
        .collect()
}

/// A request for what needs a second person; `None` when there is none of this id.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn request(
    connection: &mut Connection,
    keyring: &Keyring,
    request: RowId,
) -> Result<Option<RequestRow>, DbError> {
    requests::find(connection, keyring, request)
}

/// The requests asked since a moment, newest first and `most` of them; each is then filtered by
/// policy.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn requests_since(
    connection: &mut Connection,
    keyring: &Keyring,
    moment: Timestamp,
    most: u16,
) -> Result<Vec<RequestRow>, DbError> {
    requests::since(connection, keyring, moment, most)
}

/// Who has an active role on a case, in the order of the roles' ids: whom something in it may
/// concern. What each of them may know is then decided by policy.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn on_case(
    connection: &mut Connection,
    keyring: &Keyring,
    case: CaseId,
) -> Result<Vec<(PersonId, Assignment)>, DbError> {
    cases::active_roles(connection, keyring, case)?
        .iter()
        .map(|row| Ok((row.person_id, assignment(case, row)?)))
        .collect()
}

/// Who has one of these roles in the room.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn with_room_role(
    connection: &mut Connection,
    keyring: &Keyring,
    wanted: &[RoomRole],
) -> Result<BTreeSet<PersonId>, DbError> {
    let rows = cases::active_room_roles(connection, keyring)?;
    let wanted: Vec<&str> = wanted.iter().map(|role| role.name()).collect();
    Ok(rows
        .iter()
        .filter(|row| wanted.contains(&row.role.as_str()))
        .map(|row| row.person_id)
        .collect())
}

/// The accounts of a person, in the order of their ids.
///
/// # Errors
/// The rows can't be read.
pub fn accounts_of(
    connection: &mut Connection,
    person: PersonId,
) -> Result<Vec<AccountId>, DbError> {
    people::account_ids(connection, person)
}
