//! What needs a second person: one asks for exactly something, another one approves exactly
//! that, and the first carries it out, once.
//!
//! | module | what it is |
//! |---|---|
//! | [`exact`] | what can be asked for, and its hash |
//! | [`carrying`] | carrying out what was approved |

pub mod carrying;
pub mod exact;
mod listing;

use std::time::Duration;

use custos_core::{
    event::slot,
    hash::Hash,
    ids::{RowId, Timestamp},
};
use serde_json::json;

use super::{
    SignedIn,
    context::Room,
    deciding::Asking,
    entering::{Draft, Subject, Tx},
    error::Error,
    sessions::{after, before},
    text,
    writer::{Command, Done, Stop},
};
use crate::{
    db::{
        bound, decide,
        requests::{self, APPROVED, ASKED, DECLINED, MovesRequest, RequestDetails, RequestRow},
    },
    policy::{
        Permit,
        action::{Approve, AskApproval},
        facts::{self, Asked, Resource, SETTLED},
    },
};

pub use carrying::{CarriedOut, carry_out};
pub use exact::Proposal;
pub use listing::{RequestSummary, list};

/// A request can be approved and carried out for so long.
pub const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Asks for what needs a second person.
///
/// # Errors
/// Refused, a text that is empty or too long, or something that can't be carried out as it is.
pub async fn ask(
    room: &Room,
    who: &SignedIn,
    proposal: Proposal,
    reason: &str,
) -> Result<Done<RowId>, Error> {
    let command = Ask {
        who: *who,
        proposal: proposal.read()?,
        reason: text::line("reason", reason)?,
    };
    room.change(who, command).await
}

/// Approves exactly what was asked for; whoever asked can carry it out now.
///
/// # Errors
/// Refused, which is told as not found where the person may not know of it; a request that was
/// answered or has expired.
pub async fn approve(room: &Room, who: &SignedIn, request: RowId) -> Result<Done<()>, Error> {
    let command = Answer {
        who: *who,
        request,
        answer: APPROVED,
    };
    room.change(who, command).await
}

/// Declines what somebody else asked for, also after it was approved.
///
/// # Errors
/// As [`approve`].
pub async fn decline(room: &Room, who: &SignedIn, request: RowId) -> Result<Done<()>, Error> {
    let command = Answer {
        who: *who,
        request,
        answer: DECLINED,
    };
    room.change(who, command).await
}

/// Takes back what one asked for.
///
/// # Errors
/// As [`approve`].
pub async fn withdraw(room: &Room, who: &SignedIn, request: RowId) -> Result<Done<()>, Error> {
    let command = Withdraw { who: *who, request };
    room.change(who, command).await
}

struct Ask {
    who: SignedIn,
    proposal: Proposal,
    reason: String,
}

impl Command for Ask {
    type Output = RowId;

    fn run(self, tx: &mut Tx<'_>) -> Result<RowId, Stop> {
        let asking = tx.asking(&self.who)?;
        let id: RowId = tx.id();
        let resource = Resource::Request(facts::Request {
            id,
            asked: self.proposal.asked(),
            asker: self.who.person,
            case: self.proposal.case(),
        });
        // Asked before anything is said of the case or the account.
        let permit = tx.permit::<AskApproval>(&asking, &resource)?;
        let (exact, scope) = exact::of(tx, &asking, self.proposal)?;
        let (core, now) = (tx.core, tx.now());
        let row = RequestRow {
            id,
            rev: 1,
            scope_id: scope,
            case_id: exact.proposal.case(),
            asked_for: exact.proposal.asked().name().into(),
            asked_hash: exact.hash(),
            asker_id: self.who.person,
            approver_id: None,
            status: ASKED.into(),
            asked_at: now,
            expires_at: after(now, LIFETIME),
            details: RequestDetails {
                asked: exact.value(),
                reason: self.reason,
            },
            entry: Hash::from_bytes([0; 32]),
        };
        let binding = bound::bind(&row, &core.ambient);
        let draft = of_request("request", &row)
            .permitted(tx.acting(&asking, row.case_id), &permit)
            .detail(
                slot::DETAIL,
                json!({
                    "asked": row.details.asked,
                    "asked_hash": row.asked_hash,
                    "reason": row.details.reason,
                    "expires_at": row.expires_at,
                }),
            )
            .writes(binding.slot.clone());
        let entered = tx.enter(draft)?;
        requests::insert(
            tx.connection,
            &permit,
            (&core.keyring, &core.ambient),
            &row,
            &binding,
            entered.c.as_bytes(),
        )?;
        Ok(id)
    }
}

struct Answer {
    who: SignedIn,
    request: RowId,
    answer: &'static str,
}

impl Command for Answer {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let mut asking = tx.asking(&self.who)?;
        settle(tx, &mut asking)?;
        let row = tx.request::<Approve>(&asking, self.request)?;
        let permit = tx.permit::<Approve>(&asking, &Resource::Request(facts_of(&row)?))?;
        let answerable: &[&str] = match self.answer {
            APPROVED => &[ASKED],
            _ => &[ASKED, APPROVED],
        };
        let kind = match self.answer {
            APPROVED => "request_approve",
            _ => "request_end",
        };
        let row = next(tx, row, answerable, self.answer)?;
        let row = RequestRow {
            approver_id: Some(self.who.person),
            ..row
        };
        move_on(tx, &asking, &permit, kind, &row)
    }
}

struct Withdraw {
    who: SignedIn,
    request: RowId,
}

impl Command for Withdraw {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let mut asking = tx.asking(&self.who)?;
        settle(tx, &mut asking)?;
        let row = tx.request::<AskApproval>(&asking, self.request)?;
        let permit = tx.permit::<AskApproval>(&asking, &Resource::Request(facts_of(&row)?))?;
        let row = next(tx, row, &[ASKED, APPROVED], requests::WITHDRAWN)?;
        move_on(tx, &asking, &permit, "request_end", &row)
    }
}

/// Reads which roles the person has had for long enough to approve by them.
fn settle(tx: &mut Tx<'_>, asking: &mut Asking) -> Result<(), Stop> {
    let moment = before(tx.now(), SETTLED);
    let person = asking.actor.person;
    asking.context.settled_roles =
        decide::settled_roles(tx.connection, &tx.core.keyring, person, moment)?;
    Ok(())
}

/// A request as policy sees it.
fn facts_of(row: &RequestRow) -> Result<facts::Request, Error> {
    let asked = Asked::of(&row.asked_for).ok_or_else(|| {
        crate::db::DbError::damaged("requests", row.id, "what it asks for is unknown")
    })?;
    Ok(facts::Request {
        id: row.id,
        asked,
        asker: row.asker_id,
        case: row.case_id,
    })
}

/// The next revision of a request, which is in one of these states and has not expired.
fn next(tx: &Tx<'_>, row: RequestRow, from: &[&str], to: &str) -> Result<RequestRow, Error> {
    let status = status(&row, tx.now());
    if !from.contains(&status) {
        return Err(Error::Conflict(match status {
            ASKED => "nobody has approved this request yet".into(),
            "expired" => "this request has expired; ask again".into(),
            status => format!("this request was {status} already"),
        }));
    }
    Ok(RequestRow {
        rev: row.rev + 1,
        status: to.into(),
        ..row
    })
}

/// The status of a request at a moment, in a word of its own or `expired`.
fn status(row: &RequestRow, now: Timestamp) -> &str {
    match row.status.as_str() {
        ASKED | APPROVED if row.expires_at <= now => "expired",
        status => status,
    }
}

/// Enters that a request moved on, and writes it.
fn move_on<A: MovesRequest>(
    tx: &mut Tx<'_>,
    asking: &Asking,
    permit: &Permit<A>,
    kind: &'static str,
    row: &RequestRow,
) -> Result<(), Stop> {
    let binding = bound::bind(row, &tx.core.ambient);
    let draft = of_request(kind, row)
        .permitted(tx.acting(asking, row.case_id), permit)
        .detail(
            slot::DETAIL,
            json!({"asked_hash": row.asked_hash, "status": row.status}),
        )
        .writes(binding.slot.clone());
    let entered = tx.enter(draft)?;
    requests::revise(tx.connection, permit, row, &binding, entered.c.as_bytes())?;
    Ok(())
}

/// A draft about a request.
fn of_request(kind: &'static str, row: &RequestRow) -> Draft {
    let subject = Subject {
        noun: "request",
        id: row.id.id(),
    };
    Draft {
        case: row.case_id,
        ..Draft::new(kind, row.scope_id, subject)
    }
}
