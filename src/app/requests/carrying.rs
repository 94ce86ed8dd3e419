//! Carrying out what a second person approved.

use custos_core::{
    event::slot,
    ids::{AccountId, CaseId, PersonId, RowId},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    exact::{Exact, Proposal},
    facts_of, next, settle,
};
use crate::{
    app::{
        SignedIn,
        cases::{move_on, of_case},
        context::Room,
        deciding::Asking,
        entering::{Draft, Tx},
        error::Error,
        notices::{self, Event, Kind},
        once::KeptSecret,
        people::enrolment,
        sessions::Secret,
        writer::{Command, Done, Stop},
    },
    db::{
        DbError,
        bound::{self, Binding},
        cases::{self, CaseRow, HandedTo},
        people::{AccountRow, PersonRow},
        requests::{self, APPROVED, DONE, MovesRequest, RequestRow},
        sessions,
    },
    policy::{
        Permit,
        action::{AskApproval, RecoverAccount, TransferCase},
        facts::{Resource, Stage},
    },
};

/// What comes of a request.
#[derive(Debug, Serialize, Deserialize)]
pub struct CarriedOut {
    /// The single-use link of a recovery, told once.
    pub link: Option<KeptSecret>,
}

/// Carries out what one asked for and another person approved. It is done once.
///
/// # Errors
/// Refused, which is told as not found where the person may not know of it; a request that is
/// not approved, was carried out or has expired; something that has changed meanwhile.
pub async fn carry_out(
    room: &Room,
    who: &SignedIn,
    request: RowId,
) -> Result<Done<CarriedOut>, Error> {
    let command = CarryOut {
        who: *who,
        request,
        secret: KeptSecret(Secret::new(&room.core.ambient)),
    };
    room.change(who, command).await
}

struct CarryOut {
    who: SignedIn,
    request: RowId,
    secret: KeptSecret,
}

impl Command for CarryOut {
    type Output = CarriedOut;

    fn run(self, tx: &mut Tx<'_>) -> Result<CarriedOut, Stop> {
        let mut asking = tx.asking(&self.who)?;
        settle(tx, &mut asking)?;
        let row = tx.request::<AskApproval>(&asking, self.request)?;
        drop(tx.permit::<AskApproval>(&asking, &Resource::Request(facts_of(&row)?))?);
        let approved = Approved::of(tx, row)?;
        asking.context.approvals = [approver(tx, &approved.row)?].into();
        match approved.exact.proposal.clone() {
            Proposal::TransferCase {
                case,
                authority,
                reference,
            } => {
                let to = HandedTo {
                    authority,
                    reference,
                };
                transfer(tx, &asking, &approved, case, to)?;
                Ok(CarriedOut { link: None })
            }
            Proposal::RecoverAccount { account } => {
                recover(tx, &asking, &approved, account, &self.secret)?;
                Ok(CarriedOut {
                    link: Some(self.secret),
                })
            }
        }
    }
}

/// A request that was approved and is being carried out: its next and last revision.
struct Approved {
    exact: Exact,
    row: RequestRow,
    binding: Binding,
}

impl Approved {
    fn of(tx: &Tx<'_>, row: RequestRow) -> Result<Self, Stop> {
        let damaged = |what| DbError::damaged("requests", row.id, what);
        let exact: Exact = serde_json::from_value(row.details.asked.clone())
            .map_err(|_| damaged("what it asks for is not of its form"))?;
        // What is carried out is what was approved, word for word.
        if exact.hash() != row.asked_hash {
            return Err(damaged("what it asks for is not what was approved").into());
        }
        let row = next(tx, row, &[APPROVED], DONE)?;
        let binding = bound::bind(&row, &tx.core.ambient);
        Ok(Self {
            exact,
            row,
            binding,
        })
    }

    /// A draft with the approval, which uses it up.
    fn in_draft(&self, draft: Draft) -> Draft {
        Draft {
            // The row was read at the revision that the approval wrote.
            approvals: vec![self.row.entry],
            ..draft.writes(self.binding.slot.clone())
        }
    }

    fn used<A: MovesRequest>(
        &self,
        tx: &mut Tx<'_>,
        permit: &Permit<A>,
        entry: &[u8; 32],
    ) -> Result<(), DbError> {
        requests::revise(tx.connection, permit, &self.row, &self.binding, entry)
    }
}

/// Who approved a request. Whoever is suspended or has left since vouches for nothing any more.
fn approver(tx: &mut Tx<'_>, row: &RequestRow) -> Result<PersonId, Error> {
    let damaged = || DbError::damaged("requests", row.id, "nobody approved it");
    let person = row.approver_id.ok_or_else(damaged)?;
    let room = tx.room();
    let found = sessions::person(tx.connection, &tx.core.keyring, room, person)?;
    if found.is_some_and(|person| person.status == "active") {
        return Ok(person);
    }
    Err(Error::Conflict(
        "whoever approved this request is suspended or has left since; take it back and ask again"
            .into(),
    ))
}

/// Whether a case can be handed over as it is.
pub(super) fn may_leave(case: &CaseRow) -> Result<(), Error> {
    match case.stage.as_str() {
        "open" | "closed" => Ok(()),
        stage => Err(Error::Conflict(format!("the case is {stage} already"))),
    }
}

fn transfer(
    tx: &mut Tx<'_>,
    asking: &Asking,
    approved: &Approved,
    case: CaseId,
    to: HandedTo,
) -> Result<(), Stop> {
    let facts = tx.case::<TransferCase>(asking, case)?;
    let permit = tx.permit::<TransferCase>(asking, &Resource::Case(facts.case))?;
    let keyring = &tx.core.keyring;
    let mut row = cases::staged(tx.connection, keyring, &permit)?.ok_or(Error::NotFound)?;
    may_leave(&row)?;
    row.stage = Stage::Transferred.name().into();
    let detail = json!({
        "request": approved.row.id,
        "authority": to.authority,
        "reference": to.reference,
    });
    row.details.handed_to = Some(to);
    let draft = of_case("case_transfer", case, facts.scope).detail(slot::DETAIL, detail);
    let entered = move_on(tx, asking, &permit, row, approved.in_draft(draft))?;
    approved.used(tx, &permit, entered.c.as_bytes())?;
    Ok(())
}

/// Whether a link of recovery is what this account needs.
pub(super) fn may_recover(
    (account, person): (&AccountRow, &PersonRow),
    enrolled: bool,
) -> Result<(), Error> {
    if account.status != "active" || person.status != "active" {
        return Err(Error::Conflict("this account is suspended".into()));
    }
    if !enrolled {
        return Err(Error::Conflict(
            "nobody has enrolled with this account yet; an administrator issues a link alone"
                .into(),
        ));
    }
    Ok(())
}

fn recover(
    tx: &mut Tx<'_>,
    asking: &Asking,
    approved: &Approved,
    account: AccountId,
    secret: &KeptSecret,
) -> Result<(), Stop> {
    let (account, person) = tx.account::<RecoverAccount>(asking, account)?;
    let permit = tx.permit::<RecoverAccount>(asking, &Resource::Person(person.id))?;
    let (core, room) = (tx.core, tx.room());
    let password = sessions::password(tx.connection, &core.keyring, room, account.id)?;
    may_recover((&account, &person), password.is_some())?;
    let link = enrolment::Link::of_recovery(secret.0.hash());
    let row = link.row(tx, &account);
    let draft = enrolment::draft(tx, &row).permitted(tx.acting(asking, None), &permit);
    let entered = tx.enter(approved.in_draft(draft))?;
    approved.used(tx, &permit, entered.c.as_bytes())?;
    enrolment::replace(tx, &permit, &row)?;
    let (kind, account) = (Kind::LinkMade, account.id);
    notices::queue(tx, &Event::OfAccount { kind, account })?;
    Ok(())
}
