//! The course of a case: closing it, opening it again, and the end of a role on it.

use custos_core::{
    event::slot,
    ids::{CaseId, PersonId},
};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{listing::tag, of_case};
use crate::{
    app::{
        SignedIn,
        context::Room,
        deciding::Asking,
        entering::{Draft, Entered, Tx},
        error::Error,
        schema, text,
        writer::{Command, Done, Stop},
    },
    db::{
        bound,
        cases::{self, CaseRow, MovesCase},
        decide,
    },
    policy::{
        Permit,
        action::{ChangeStage, EndRole},
        facts::{CaseRole, Resource, Stage},
    },
};

/// A case that is to be closed or opened again.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStage {
    /// `open` or `closed`.
    #[schema(value_type = schema::GivenStage)]
    pub stage: String,
    /// How it ended, or why it is opened again.
    #[schema(value_type = schema::Line)]
    pub outcome: String,
}

/// Closes a case or opens it again. A closed case takes nothing in; what is in it stays as
/// readable as it was.
///
/// # Errors
/// Refused, an unknown stage, or the one that it has.
pub async fn set_stage(
    room: &Room,
    who: &SignedIn,
    case: CaseId,
    new: &NewStage,
) -> Result<Done<()>, Error> {
    let command = SetStage {
        who: *who,
        case,
        stage: Stage::of(&new.stage)
            .filter(|stage| [Stage::Open, Stage::Closed].contains(stage))
            .ok_or_else(|| Error::invalid("`stage` is neither `open` nor `closed`"))?,
        outcome: text::line("outcome", &new.outcome)?,
    };
    room.change(who, command).await
}

/// Ends a person's role on a case, as when counsel is substituted. It takes effect at once.
///
/// # Errors
/// Refused, or a role that the person does not have.
pub async fn end_role(
    room: &Room,
    who: &SignedIn,
    case: CaseId,
    (person, role): (PersonId, &str),
) -> Result<Done<()>, Error> {
    let role =
        CaseRole::of(role).ok_or_else(|| Error::invalid("`role` is not a role on a case"))?;
    let command = End {
        who: *who,
        case,
        person,
        role,
    };
    room.change(who, command).await
}

struct SetStage {
    who: SignedIn,
    case: CaseId,
    stage: Stage,
    outcome: String,
}

impl Command for SetStage {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let asking = tx.asking(&self.who)?;
        let facts = tx.case::<ChangeStage>(&asking, self.case)?;
        let permit = tx.permit::<ChangeStage>(&asking, &Resource::Case(facts.case))?;
        // The stage and its reason take the place of those before.
        self.who.upon.holds(true, || tag(tx, &asking, &facts))?;
        if facts.case.stage == self.stage {
            let stage = self.stage.name();
            return Err(Error::Conflict(format!("the case is {stage} already")).into());
        }
        if self.stage == Stage::Closed && facts.case.stage != Stage::Open {
            let stage = facts.case.stage.name();
            return Err(Error::Conflict(format!("the case is {stage}; it is not open")).into());
        }
        let keyring = &tx.core.keyring;
        let mut row = cases::staged(tx.connection, keyring, &permit)?.ok_or(Error::NotFound)?;
        row.stage = self.stage.name().into();
        row.details.outcome = self.outcome;
        // The log keeps where it was.
        row.details.merged_into = None;
        row.details.handed_to = None;
        let draft = of_case("case_stage", self.case, facts.scope).detail(
            slot::DETAIL,
            json!({"stage": row.stage, "outcome": row.details.outcome}),
        );
        move_on(tx, &asking, &permit, row, draft)?;
        Ok(())
    }
}

/// Writes the next revision of a case, with `draft` as its entry.
pub(in crate::app) fn move_on<A: MovesCase>(
    tx: &mut Tx<'_>,
    asking: &Asking,
    permit: &Permit<A>,
    mut row: CaseRow,
    draft: Draft,
) -> Result<Entered, Stop> {
    row.rev += 1;
    let core = tx.core;
    let binding = bound::bind(&row, &core.ambient);
    let draft = draft
        .permitted(tx.acting(asking, Some(row.id)), permit)
        .writes(binding.slot.clone());
    let entered = tx.enter(draft)?;
    let (keys, entry) = ((&core.keyring, &core.ambient), entered.c.as_bytes());
    cases::set_stage(tx.connection, permit, keys, &row, &binding, entry)?;
    Ok(entered)
}

struct End {
    who: SignedIn,
    case: CaseId,
    person: PersonId,
    role: CaseRole,
}

impl Command for End {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let asking = tx.asking(&self.who)?;
        let facts = tx.case::<EndRole>(&asking, self.case)?;
        let permit = tx.permit::<EndRole>(&asking, &Resource::Case(facts.case))?;
        self.who.upon.holds(false, || tag(tx, &asking, &facts))?;
        let core = tx.core;
        let held = decide::role_on_case(
            tx.connection,
            &core.keyring,
            (self.case, self.person),
            self.role,
        )?;
        let Some(mut row) = held else {
            return Err(Error::Conflict("this person has no such role on the case".into()).into());
        };
        row.rev += 1;
        row.status = "ended".into();
        let binding = bound::bind(&row, &core.ambient);
        let draft = of_case("role_end", self.case, facts.scope)
            .permitted(tx.acting(&asking, Some(self.case)), &permit)
            .detail(
                slot::DETAIL,
                json!({"person": row.person_id, "role": row.role, "party": row.party_id}),
            )
            .writes(binding.slot.clone());
        let entered = tx.enter(draft)?;
        cases::end_role(tx.connection, &permit, &row, &binding, entered.c.as_bytes())?;
        Ok(())
    }
}
