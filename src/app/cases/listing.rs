//! The page of a case.

use custos_core::ids::{CaseId, PartyId, PersonId, ScopeId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    allowed,
    asked::Asked,
    decided,
    items::{Ground, ItemList, Reading, detail, entered},
};
use crate::{
    app::{
        SignedIn,
        context::{Core, Room},
        deciding::Asking,
        entering::Tx,
        error::Error,
        schema,
        tags::Tag,
        writer::Stop,
    },
    db::{
        Connection,
        cases::{self, CaseRow, HandedTo, RoleRow},
        decide::{self, CaseFacts},
        index::cases::opened_at,
        people,
    },
    policy::{
        Permit,
        action::{AddParty, ChangeStage, Deposit, ReadCase, Serve},
        facts::{CaseRole, Resource},
    },
};

/// A case in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CaseSummary {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: CaseId,
    /// The agency's case number.
    pub number: String,
    /// A short title.
    pub title: String,
    /// `open`, `closed`, `merged` or `transferred`.
    #[schema(value_type = schema::CaseStage)]
    pub stage: String,
    /// When it was opened.
    #[schema(value_type = schema::Time)]
    pub opened_at: Timestamp,
    /// The person's roles on it.
    #[schema(value_type = Vec<schema::Role>)]
    pub roles: Vec<String>,
}

/// A party to a case.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PartySummary {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: PartyId,
    /// `prosecution`, `defence` or `victim`.
    #[schema(value_type = schema::PartySide)]
    pub side: String,
    /// Its name.
    pub name: String,
}

/// A person on a case.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MemberSummary {
    /// The person.
    #[schema(value_type = schema::Id)]
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// Their role.
    #[schema(value_type = schema::RoleOnCase)]
    pub role: String,
    /// On whose side.
    #[schema(value_type = Option<schema::Id>)]
    pub party: Option<PartyId>,
}

/// Someone who has left the service, whose role on the case nobody has taken over.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SuccessionSummary {
    /// The name of whoever left.
    pub left: String,
    /// The role that they had.
    #[schema(value_type = schema::RoleOnCase)]
    pub role: String,
    /// On whose side.
    #[schema(value_type = Option<schema::Id>)]
    pub party: Option<PartyId>,
    /// Who was named to follow them.
    #[schema(value_type = schema::Id)]
    pub successor: PersonId,
    /// The successor's name.
    pub successor_name: String,
}

/// Another case that the reader may read.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CaseLink {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: CaseId,
    /// The agency's case number.
    pub number: String,
}

/// Where a case went, and which cases came into it, as far as the reader may know of them.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct CaseLinks {
    /// The case that it was put into.
    pub merged_into: Option<CaseLink>,
    /// The cases that were put into it.
    pub merged: Vec<CaseLink>,
    /// The authority that has it now.
    pub handed_to: Option<HandedTo>,
}

/// What the reader may do on a case, so that pages offer nothing that would be refused.
#[derive(Debug, Clone, Copy, Default, Serialize, ToSchema)]
#[allow(clippy::struct_excessive_bools, reason = "one answer for each action")]
pub struct MayOnCase {
    /// Deposit.
    pub deposit: bool,
    /// Give people roles.
    pub add_person: bool,
    /// Add parties.
    pub add_party: bool,
    /// Serve to parties.
    pub serve: bool,
    /// Close it or open it again, end roles, keep walls.
    pub change_stage: bool,
}

/// A case with what is in it, as far as the reader may know.
#[derive(Debug, Clone)]
pub struct CasePage {
    /// The case.
    pub case: CaseSummary,
    /// What it is about.
    pub description: String,
    /// How it ended, or why it was opened again; empty before it was ever closed.
    pub outcome: String,
    /// Its parties.
    pub parties: Vec<PartySummary>,
    /// Who works on it.
    pub people: Vec<MemberSummary>,
    /// Whose work somebody else was named to take over; for those who give roles.
    pub successions: Vec<SuccessionSummary>,
    /// Where it went, and what came into it.
    pub links: CaseLinks,
    /// A page of its items.
    pub list: ItemList,
    /// What the reader may do.
    pub may: MayOnCase,
}

/// A case with its parties, people and a page of its items; one entry for the request.
///
/// # Errors
/// Refused, which is told as not found where the person may not know of the case, or a cursor
/// that is not of this list.
pub async fn read_case(
    room: &Room,
    who: &SignedIn,
    case: CaseId,
    asked: &Asked,
) -> Result<CasePage, Error> {
    let wanted = asked.wanted_by(&room.core, who.person, case)?;
    let (asked, scope) = (asked.clone(), room.id);
    let detail = detail("case", &asked);
    entered(room, who, case, detail, move |reading| {
        let list = reading.items(&asked, &wanted)?;
        page(reading, scope, list)
    })
    .await
}

impl CasePage {
    /// The tag of the case itself. What is deposited in it meanwhile does not change it.
    pub fn tag(&self, core: &Core) -> Tag {
        let about = (
            &self.description,
            &self.outcome,
            &self.parties,
            &self.people,
        );
        Tag::of(core, &(&self.case, about, &self.may))
    }
}

/// The tag of a case as whoever asks sees it now; `None` where they do not.
pub(in crate::app) fn tag(
    tx: &mut Tx<'_>,
    asking: &Asking,
    facts: &CaseFacts,
) -> Result<Option<Tag>, Stop> {
    let Some(permit) = allowed::<ReadCase>(tx, asking, &Resource::Case(facts.case)) else {
        return Ok(None);
    };
    let (core, room) = (tx.core, tx.room());
    let nothing = ItemList::default();
    let page = described(core, tx.connection, room, (asking, facts, &permit), nothing)?;
    Ok(Some(page.tag(core)))
}

fn page(reading: &mut Reading<'_>, room: ScopeId, list: ItemList) -> Result<CasePage, Error> {
    let Ground {
        asking,
        facts,
        permit,
    } = &reading.ground;
    let connection = &mut *reading.connection;
    described(
        reading.core,
        connection,
        room,
        (asking, facts, permit),
        list,
    )
}

fn described(
    core: &Core,
    connection: &mut Connection,
    room: ScopeId,
    (asking, facts, permit): (&Asking, &CaseFacts, &Permit<ReadCase>),
    list: ItemList,
) -> Result<CasePage, Error> {
    let row = cases::get(connection, &core.keyring, permit)?.ok_or(Error::NotFound)?;
    let parties = cases::parties(connection, &core.keyring, permit)?
        .into_iter()
        .map(|party| PartySummary {
            id: party.id,
            side: party.side,
            name: party.details.name,
        })
        .collect();
    let roles = cases::roles(connection, &core.keyring, permit)?;
    let successions = if may_add_person(asking) {
        successions(connection, core, (room, permit), &roles)?
    } else {
        Vec::new()
    };
    let links = links(connection, core, asking, &row)?;
    let mut members = Vec::new();
    for role in roles {
        if role.status != "active" {
            continue;
        }
        let person = role.person_id;
        members.push(MemberSummary {
            person,
            name: people::told_name(connection, &core.keyring, room, permit, person)?,
            role: role.role,
            party: role.party_id,
        });
    }
    let opened_at = opened_at(connection, &core.keyring, permit, facts.scope)?;
    let resource = Resource::Case(facts.case);
    Ok(CasePage {
        case: summary(asking, &row, opened_at),
        description: row.details.description,
        outcome: row.details.outcome,
        parties,
        people: members,
        successions,
        links,
        list,
        may: MayOnCase {
            deposit: decided::<Deposit>(core, asking, &resource).is_ok(),
            add_person: may_add_person(asking),
            add_party: decided::<AddParty>(core, asking, &resource).is_ok(),
            serve: decided::<Serve>(core, asking, &resource).is_ok(),
            change_stage: decided::<ChangeStage>(core, asking, &resource).is_ok(),
        },
    })
}

/// The roles of those who left that nobody has taken over as it was meant.
fn successions(
    connection: &mut Connection,
    core: &Core,
    (room, permit): (ScopeId, &Permit<ReadCase>),
    roles: &[RoleRow],
) -> Result<Vec<SuccessionSummary>, Error> {
    let mut open = Vec::new();
    for role in roles.iter().filter(|role| role.status == "left") {
        let left = role.person_id;
        let named = people::successor_on_case(connection, &core.keyring, room, permit, left)?;
        let Some((successor, successor_name)) = named else {
            continue;
        };
        let taken = roles.iter().any(|other| {
            (other.person_id, &other.role, other.party_id) == (successor, &role.role, role.party_id)
        });
        if !taken {
            open.push(SuccessionSummary {
                left: people::told_name(connection, &core.keyring, room, permit, left)?,
                role: role.role.clone(),
                party: role.party_id,
                successor,
                successor_name,
            });
        }
    }
    Ok(open)
}

/// The cases that a case names, as far as the reader may read them. One that was opened again is
/// no longer in the other.
fn links(
    connection: &mut Connection,
    core: &Core,
    asking: &Asking,
    case: &CaseRow,
) -> Result<CaseLinks, Error> {
    let details = &case.details;
    let mut readable = |case: CaseId| -> Result<Option<CaseRow>, Error> {
        let Some(facts) = decide::case(connection, &core.keyring, case)? else {
            return Ok(None);
        };
        let Ok(permit) = decided::<ReadCase>(core, asking, &Resource::Case(facts.case)) else {
            return Ok(None);
        };
        Ok(cases::get(connection, &core.keyring, &permit)?)
    };
    let link = |row: CaseRow| CaseLink {
        id: row.id,
        number: row.details.number,
    };
    let merged_into = details
        .merged_into
        .map(&mut readable)
        .transpose()?
        .flatten();
    let mut merged = Vec::new();
    for other in &details.merged {
        let other = readable(*other)?;
        let is_here = |row: &CaseRow| row.details.merged_into == Some(case.id);
        merged.extend(other.filter(is_here).map(link));
    }
    Ok(CaseLinks {
        merged_into: merged_into.map(link),
        merged,
        handed_to: details.handed_to.clone(),
    })
}

/// The states of an item in words; counsel learns only of what was served to their own party.
pub(in crate::app) fn shown_states(
    asking: &Asking,
    item: &crate::policy::facts::Item,
) -> Vec<String> {
    let defends = defended(asking, item.case);
    let served = if defends.is_empty() {
        !item.served_to.is_empty()
    } else {
        item.served_to.iter().any(|party| defends.contains(party))
    };
    let mut states: Vec<String> = item
        .states
        .iter()
        .map(|state| state.name().into())
        .collect();
    if served {
        states.push("served".into());
    }
    states
}

/// The parties of a case whose counsel the person is.
fn defended(asking: &Asking, case: CaseId) -> Vec<PartyId> {
    let roles = asking.actor.case_roles.iter();
    roles
        .filter(|role| role.case == case && role.role == CaseRole::Defence)
        .filter_map(|role| role.party)
        .collect()
}

/// Policy asks for the appointee, who is not known before the form is sent.
fn may_add_person(asking: &Asking) -> bool {
    asking
        .actor
        .room_roles
        .contains(&crate::policy::facts::RoomRole::Custodian)
}

/// A case as it stands in a list.
pub(super) fn summary(asking: &Asking, row: &CaseRow, opened_at: Timestamp) -> CaseSummary {
    let on_case = asking
        .actor
        .case_roles
        .iter()
        .filter(|role| role.case == row.id);
    let in_room = asking
        .actor
        .room_roles
        .iter()
        .map(|role| role.name().to_string());
    CaseSummary {
        id: row.id,
        number: row.details.number.clone(),
        title: row.details.title.clone(),
        stage: row.stage.clone(),
        opened_at,
        roles: on_case
            .map(|role| role.role.name().to_string())
            .chain(in_room)
            .collect(),
    }
}
