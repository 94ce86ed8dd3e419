//! Putting a case into another one. What is in it stays where it is, under its keys and in its
//! chains, and as readable as it was; new work goes into the other case.

use custos_core::{event::slot, ids::CaseId};
use serde_json::json;

use super::{move_on, of_case};
use crate::{
    app::{
        SignedIn,
        context::Room,
        entering::Tx,
        error::Error,
        text,
        writer::{Command, Done, Stop},
    },
    db::cases,
    policy::{
        action::MergeCases,
        facts::{Resource, Stage},
    },
};

/// Puts a case into another one, which is open.
///
/// # Errors
/// Refused on either, one case given twice, or a stage that does not allow it.
pub async fn merge(
    room: &Room,
    who: &SignedIn,
    (case, into): (CaseId, CaseId),
    reason: &str,
) -> Result<Done<()>, Error> {
    if case == into {
        return Err(Error::invalid("`into` is this case itself"));
    }
    let command = Merge {
        who: *who,
        case,
        into,
        reason: text::line("reason", reason)?,
    };
    room.change(who, command).await
}

struct Merge {
    who: SignedIn,
    case: CaseId,
    into: CaseId,
    reason: String,
}

impl Command for Merge {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let asking = tx.asking(&self.who)?;
        let from = tx.case::<MergeCases>(&asking, self.case)?;
        let permit = tx.permit::<MergeCases>(&asking, &Resource::Case(from.case))?;
        let into = tx.case::<MergeCases>(&asking, self.into)?;
        let into_permit = tx.permit::<MergeCases>(&asking, &Resource::Case(into.case))?;
        match (from.case.stage, into.case.stage) {
            (Stage::Open | Stage::Closed, Stage::Open) => {}
            (Stage::Open | Stage::Closed, stage) => {
                let stage = stage.name();
                return Err(Error::Conflict(format!("the other case is {stage}")).into());
            }
            (stage, _) => {
                let stage = stage.name();
                return Err(Error::Conflict(format!("the case is {stage} already")).into());
            }
        }
        let keyring = &tx.core.keyring;
        let mut row = cases::staged(tx.connection, keyring, &permit)?.ok_or(Error::NotFound)?;
        row.stage = Stage::Merged.name().into();
        row.details.merged_into = Some(self.into);
        let detail = json!({"into": self.into, "reason": self.reason});
        let draft = of_case("case_merge", self.case, from.scope).detail(slot::DETAIL, detail);
        move_on(tx, &asking, &permit, row, draft)?;

        let mut row =
            cases::staged(tx.connection, keyring, &into_permit)?.ok_or(Error::NotFound)?;
        row.details.merged.retain(|merged| *merged != self.case);
        row.details.merged.push(self.case);
        let detail = json!({"from": self.case, "reason": self.reason});
        let draft = of_case("case_merge", self.into, into.scope).detail(slot::DETAIL, detail);
        move_on(tx, &asking, &into_permit, row, draft)?;
        Ok(())
    }
}
