//! Cases: opening them, who works on them, and what is in them.

mod asked;
mod course;
mod cursor;
mod items;
mod listing;
mod merging;
mod overview;
#[cfg(test)]
pub mod tests;

use custos_core::{
    event::slot,
    ids::{CaseId, PartyId, PersonId, RowId, ScopeId},
};
use serde_json::json;

use super::{
    SignedIn,
    context::{Core, Room},
    deciding::Asking,
    entering::{Draft, Subject, Tx},
    error::Error,
    notices::{self, Event},
    text,
    writer::{Command, Done, Stop},
};
use crate::{
    db::{
        bound,
        cases::{self, CaseDetails, CaseRow, PartyDetails, PartyRow, RoleRow},
        decide::{self, CaseFacts},
        keys,
        keys::ScopeKind,
    },
    policy::{
        Permit, Refusal,
        action::{ActionKind, AddParty, AddPerson, OpenCase},
        facts::{Facts, Resource},
    },
};

pub use crate::policy::facts::CaseRole;
pub use asked::{Asked, MAX_PAGE_ITEMS, PAGE_ITEMS};
pub(in crate::app) use course::move_on;
pub use course::{NewStage, end_role, set_stage};
pub use items::{Facets, ItemList, ItemSummary, list_items};
pub(super) use listing::shown_states;
pub use listing::{
    CaseLinks, CasePage, CaseSummary, MayOnCase, MemberSummary, PartySummary, SuccessionSummary,
    read_case,
};
pub use merging::merge;
pub use overview::{AskedCases, CaseFacets, CaseList, list_cases};

/// Longest case number, title, reference or name, in characters.
pub const MAX_LINE_CHARS: usize = 300;
/// Longest description, in characters.
pub const MAX_TEXT_CHARS: usize = 20_000;
/// The sides of a case that have parties.
pub const SIDES: &[&str] = &["prosecution", "defence", "victim"];

/// What a new case is opened with.
#[derive(Debug, Clone)]
pub struct NewCase {
    /// The agency's case number.
    pub number: String,
    /// A short title.
    pub title: String,
    /// What it is about.
    pub description: String,
}

/// Opens a case, with its two scopes.
///
/// # Errors
/// Refused, or a text that is empty or too long.
pub async fn open_case(room: &Room, who: &SignedIn, new: NewCase) -> Result<Done<CaseId>, Error> {
    let details = CaseDetails {
        number: text::line("case number", &new.number)?,
        title: text::line("title", &new.title)?,
        description: text::text("description", &new.description)?,
        ..CaseDetails::default()
    };
    room.change(who, Open { who: *who, details }).await
}

/// Adds a party to a case.
///
/// # Errors
/// Refused, or an unknown side.
pub async fn add_party(
    room: &Room,
    who: &SignedIn,
    case: CaseId,
    (side, name): (&str, &str),
) -> Result<Done<PartyId>, Error> {
    if !SIDES.contains(&side) {
        return Err(Error::invalid(format!(
            "`side` is none of `{}`",
            SIDES.join("`, `")
        )));
    }
    let command = Party {
        who: *who,
        case,
        side: side.into(),
        name: text::line("name", name)?,
    };
    room.change(who, command).await
}

/// Gives a person a role on a case.
///
/// # Errors
/// Refused, an unknown person, role or party, or a role that the person has already.
pub async fn add_person(
    room: &Room,
    who: &SignedIn,
    case: CaseId,
    person: PersonId,
    (role, party): (&str, Option<PartyId>),
) -> Result<Done<()>, Error> {
    let role =
        CaseRole::of(role).ok_or_else(|| Error::invalid("`role` is not a role on a case"))?;
    let command = Member {
        who: *who,
        case,
        person,
        role,
        party,
    };
    room.change(who, command).await
}

struct Open {
    who: SignedIn,
    details: CaseDetails,
}

impl Command for Open {
    type Output = CaseId;

    fn run(self, tx: &mut Tx<'_>) -> Result<CaseId, Stop> {
        let asking = tx.asking(&self.who)?;
        let permit = tx.permit::<OpenCase>(&asking, &Resource::Room(tx.room()))?;
        let row = CaseRow {
            id: tx.id(),
            rev: 1,
            scope_id: tx.id(),
            court_scope_id: tx.id(),
            stage: "open".into(),
            details: self.details,
        };
        let core = tx.core;
        for (scope, kind) in [
            (row.scope_id, ScopeKind::Case),
            (row.court_scope_id, ScopeKind::Court),
        ] {
            keys::create_scope(
                tx.connection,
                &core.keyring,
                &core.ambient,
                scope,
                kind,
                Some(row.id),
            )?;
        }
        let binding = bound::bind(&row, &core.ambient);
        let draft = of_case("case_open", row.id, row.scope_id)
            .permitted(tx.acting(&asking, None), &permit)
            .detail(
                slot::DETAIL,
                json!({"number": row.details.number, "title": row.details.title}),
            )
            .writes(binding.slot.clone());
        let entered = tx.enter(draft)?;
        cases::insert(
            tx.connection,
            &permit,
            (&core.keyring, &core.ambient),
            &row,
            &binding,
            entered.c.as_bytes(),
        )?;
        Ok(row.id)
    }
}

/// Where the activity of a person on a case is entered: the defence's in the scope of the
/// court, so that the prosecution and the institution can neither read nor count it.
pub(super) fn activity_scope(asking: &Asking, facts: &CaseFacts) -> ScopeId {
    let defends = asking
        .actor
        .case_roles
        .iter()
        .any(|role| role.case == facts.case.id && role.role == CaseRole::Defence);
    if defends { facts.court } else { facts.scope }
}

struct Party {
    who: SignedIn,
    case: CaseId,
    side: String,
    name: String,
}

impl Command for Party {
    type Output = PartyId;

    fn run(self, tx: &mut Tx<'_>) -> Result<PartyId, Stop> {
        let asking = tx.asking(&self.who)?;
        let facts = tx.case::<AddParty>(&asking, self.case)?;
        let permit = tx.permit::<AddParty>(&asking, &Resource::Case(facts.case))?;
        let row = PartyRow {
            id: tx.id(),
            rev: 1,
            case_id: self.case,
            side: self.side,
            details: PartyDetails { name: self.name },
        };
        let core = tx.core;
        let binding = bound::bind(&row, &core.ambient);
        let draft = of_case("party_add", self.case, facts.scope)
            .permitted(tx.acting(&asking, Some(self.case)), &permit)
            .detail(
                slot::DETAIL,
                json!({"party": row.id, "side": row.side, "name": row.details.name}),
            )
            .writes(binding.slot.clone());
        let entered = tx.enter(draft)?;
        cases::insert_party(
            tx.connection,
            &permit,
            (&core.keyring, &core.ambient, facts.scope),
            &row,
            &binding,
            entered.c.as_bytes(),
        )?;
        Ok(row.id)
    }
}

struct Member {
    who: SignedIn,
    case: CaseId,
    person: PersonId,
    role: CaseRole,
    party: Option<PartyId>,
}

impl Command for Member {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let mut asking = tx.asking(&self.who)?;
        let facts = tx.case::<AddPerson>(&asking, self.case)?;
        let core = tx.core;
        asking.context.appointee = decide::appointee(
            tx.connection,
            &core.keyring,
            (tx.room(), self.case),
            self.person,
            (self.role, self.party),
        )?;
        // Asked before anything is said about the person, so that nobody probes for people.
        let permit = tx.permit::<AddPerson>(&asking, &Resource::Case(facts.case))?;
        if let Some(party) = self.party
            && !decide::party_in_case(tx.connection, &core.keyring, &facts, party)?
        {
            return Err(Error::invalid("`party` is not a party to this case").into());
        }
        let held = decide::actor_roles(tx.connection, &core.keyring, self.person)?;
        if held
            .iter()
            .any(|role| (role.case, role.role, role.party) == (self.case, self.role, self.party))
        {
            return Err(
                Error::Conflict("this person has this role on the case already".into()).into(),
            );
        }
        let row = RoleRow {
            id: tx.id::<RowId>(),
            rev: 1,
            person_id: self.person,
            case_id: Some(self.case),
            party_id: self.party,
            role: self.role.name().into(),
            status: "active".into(),
        };
        let binding = bound::bind(&row, &core.ambient);
        let draft = of_case("person_add", self.case, facts.scope)
            .permitted(tx.acting(&asking, Some(self.case)), &permit)
            .detail(
                slot::DETAIL,
                json!({"person": row.person_id, "role": row.role, "party": row.party_id}),
            )
            .writes(binding.slot.clone());
        let entered = tx.enter(draft)?;
        cases::insert_role(tx.connection, &permit, &row, &binding, entered.c.as_bytes())?;
        let (case, person) = (self.case, self.person);
        notices::queue(tx, &Event::RoleGiven { case, person })?;
        Ok(())
    }
}

/// A draft about a case.
pub(super) fn of_case(kind: &'static str, case: CaseId, scope: ScopeId) -> Draft {
    let subject = Subject {
        noun: "case",
        id: case.id(),
    };
    Draft::new(kind, scope, subject).case(case)
}

/// A permit, or nothing, where a refusal is no event: offering a button.
pub(super) fn allowed<A: ActionKind>(
    tx: &Tx<'_>,
    asking: &Asking,
    resource: &Resource,
) -> Option<Permit<A>> {
    decided(tx.core, asking, resource).ok()
}

/// What policy answers, where the answer leaves no entry of its own.
pub(super) fn decided<A: ActionKind>(
    core: &Core,
    asking: &Asking,
    resource: &Resource,
) -> Result<Permit<A>, Refusal> {
    core.engine.decide::<A>(Facts {
        actor: &asking.actor,
        resource,
        context: &asking.context,
    })
}
