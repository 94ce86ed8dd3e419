//! Lists of cases and of what is in them, each row filtered by policy before it is counted.

use custos_core::{
    event::slot,
    ids::{CaseId, ItemId, PartyId, PersonId, Timestamp},
};
use serde::Serialize;
use serde_json::json;

use super::{activity_scope, allowed, of_case};
use crate::{
    app::{
        SignedIn,
        context::Room,
        deciding::Asking,
        entering::{Draft, Tx},
        error::Error,
        writer::{Command, Stop},
    },
    db::{
        cases::{self, CaseRow},
        decide::{self, CaseFacts},
        evidence, people,
    },
    policy::{
        Permit,
        action::{AddParty, ChangeStage, Deposit, ListCases, ReadCase, ReadItem, Serve},
        facts::{CaseRole, Resource},
    },
};

/// A case in a list.
#[derive(Debug, Clone, Serialize)]
pub struct CaseSummary {
    /// Its id.
    pub id: CaseId,
    /// The agency's case number.
    pub number: String,
    /// A short title.
    pub title: String,
    /// `open` or `closed`.
    pub stage: String,
    /// The person's roles on it.
    pub roles: Vec<String>,
}

/// A party to a case.
#[derive(Debug, Clone, Serialize)]
pub struct PartySummary {
    /// Its id.
    pub id: PartyId,
    /// `prosecution`, `defence` or `victim`.
    pub side: String,
    /// Its name.
    pub name: String,
}

/// A person on a case.
#[derive(Debug, Clone, Serialize)]
pub struct MemberSummary {
    /// The person.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// Their role.
    pub role: String,
    /// On whose side.
    pub party: Option<PartyId>,
}

/// An item in a list.
#[derive(Debug, Clone, Serialize)]
pub struct ItemSummary {
    /// Its id.
    pub id: ItemId,
    /// Exhibit reference.
    pub reference: String,
    /// What it is.
    pub description: String,
    /// As the room found it.
    pub media_type: String,
    /// Bytes.
    pub size: u64,
    /// When its last byte was received.
    pub received_at: Timestamp,
    /// Names of the states that hold: `restricted`, `quarantined`, and `served` where it was
    /// served to anyone whom the reader may know of.
    pub states: Vec<String>,
}

/// What the reader may do on a case, so that pages offer nothing that would be refused.
#[derive(Debug, Clone, Copy, Default, Serialize)]
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
#[derive(Debug, Clone, Serialize)]
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
    /// Its items.
    pub items: Vec<ItemSummary>,
    /// What the reader may do.
    pub may: MayOnCase,
}

/// The cases that the person works on; one entry for the request.
///
/// # Errors
/// Refused.
pub async fn list_cases(room: &Room, who: &SignedIn) -> Result<Vec<CaseSummary>, Error> {
    Ok(room.writer.submit(List { who: *who }).await?.output)
}

/// A case with its parties, people and items; one entry for the request.
///
/// # Errors
/// Refused, which is told as not found where the person may not know of the case.
pub async fn read_case(room: &Room, who: &SignedIn, case: CaseId) -> Result<CasePage, Error> {
    Ok(room.writer.submit(Read { who: *who, case }).await?.output)
}

struct List {
    who: SignedIn,
}

impl Command for List {
    type Output = Vec<CaseSummary>;

    fn run(self, tx: &mut Tx<'_>) -> Result<Vec<CaseSummary>, Stop> {
        let asking = tx.asking(&self.who)?;
        let permit = tx.permit::<ListCases>(&asking, &Resource::Room(tx.room()))?;
        let draft = Draft::of_room("list", tx.room())
            .permitted(tx.acting(&asking, None), &permit)
            .detail(slot::DETAIL, json!({"of": "cases"}));
        tx.enter(draft)?;
        let mut ids: Vec<CaseId> = asking
            .actor
            .case_roles
            .iter()
            .map(|role| role.case)
            .collect();
        if !asking.actor.room_roles.is_empty() {
            ids.extend(decide::all_cases(tx.connection)?);
        }
        ids.sort_unstable();
        ids.dedup();
        let mut summaries = Vec::new();
        for id in ids {
            let Some(facts) = decide::case(tx.connection, &tx.core.keyring, id)? else {
                continue;
            };
            let Some(permit) = allowed::<ReadCase>(tx, &asking, &Resource::Case(facts.case)) else {
                continue;
            };
            summaries.extend(
                cases::get(tx.connection, &tx.core.keyring, &permit)?
                    .map(|row| summary(&asking, &row)),
            );
        }
        summaries.sort_by(|one, other| one.number.cmp(&other.number));
        Ok(summaries)
    }
}

struct Read {
    who: SignedIn,
    case: CaseId,
}

impl Command for Read {
    type Output = CasePage;

    fn run(self, tx: &mut Tx<'_>) -> Result<CasePage, Stop> {
        let asking = tx.asking(&self.who)?;
        let facts = tx.case::<ReadCase>(&asking, self.case)?;
        let resource = Resource::Case(facts.case);
        let permit = tx.permit::<ReadCase>(&asking, &resource)?;
        let scope = activity_scope(&asking, &facts);
        let draft = of_case("list", self.case, scope)
            .permitted(tx.acting(&asking, Some(self.case)), &permit)
            .detail(slot::DETAIL, json!({"of": "case"}));
        tx.enter(draft)?;
        page(tx, &asking, &facts, &permit)
    }
}

fn page(
    tx: &mut Tx<'_>,
    asking: &Asking,
    facts: &CaseFacts,
    permit: &Permit<ReadCase>,
) -> Result<CasePage, Stop> {
    let core = tx.core;
    let row = cases::get(tx.connection, &core.keyring, permit)?.ok_or(Error::NotFound)?;
    let parties = cases::parties(tx.connection, &core.keyring, permit)?
        .into_iter()
        .map(|party| PartySummary {
            id: party.id,
            side: party.side,
            name: party.details.name,
        })
        .collect();
    let mut members = Vec::new();
    for role in cases::roles(tx.connection, &core.keyring, permit)? {
        if role.status != "active" {
            continue;
        }
        let name = people::name_on_case(
            tx.connection,
            &core.keyring,
            tx.room(),
            permit,
            role.person_id,
        )?;
        members.push(MemberSummary {
            person: role.person_id,
            name,
            role: role.role,
            party: role.party_id,
        });
    }
    let resource = Resource::Case(facts.case);
    Ok(CasePage {
        case: summary(asking, &row),
        description: row.details.description,
        outcome: row.details.outcome,
        parties,
        people: members,
        items: items(tx, asking, facts)?,
        may: MayOnCase {
            deposit: allowed::<Deposit>(tx, asking, &resource).is_some(),
            add_person: may_add_person(asking),
            add_party: allowed::<AddParty>(tx, asking, &resource).is_some(),
            serve: allowed::<Serve>(tx, asking, &resource).is_some(),
            change_stage: allowed::<ChangeStage>(tx, asking, &resource).is_some(),
        },
    })
}

/// The items of a case, each filtered by policy before it is counted or shown.
fn items(tx: &mut Tx<'_>, asking: &Asking, facts: &CaseFacts) -> Result<Vec<ItemSummary>, Stop> {
    let core = tx.core;
    let mut summaries = Vec::new();
    for item in decide::items(tx.connection, &core.keyring, facts.case.id)? {
        let states = shown_states(asking, &item.item);
        let Some(permit) = allowed::<ReadItem>(tx, asking, &Resource::Item(item.item)) else {
            continue;
        };
        let Some(row) = evidence::get(tx.connection, &core.keyring, &permit)? else {
            continue;
        };
        summaries.push(ItemSummary {
            id: row.id,
            reference: row.details.reference,
            description: row.details.description,
            media_type: row.details.media_type,
            size: row.details.size,
            received_at: row.details.received_at,
            states,
        });
    }
    Ok(summaries)
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

fn summary(asking: &Asking, row: &CaseRow) -> CaseSummary {
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
        roles: on_case
            .map(|role| role.role.name().to_string())
            .chain(in_room)
            .collect(),
    }
}
