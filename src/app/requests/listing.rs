//! The requests that a person asked for or may answer.

use std::time::Duration;

use custos_core::{
    event::slot,
    ids::{CaseId, RowId, Timestamp},
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{facts_of, settle, status};
use crate::{
    app::{
        SignedIn,
        cases::allowed,
        context::Room,
        entering::{Draft, Tx},
        error::Error,
        schema,
        sessions::before,
        writer::{Command, Stop},
    },
    db::{
        decide, people,
        requests::{APPROVED, ASKED},
    },
    policy::{
        Permit,
        action::{Approve, AskApproval},
        facts::Resource,
    },
};

/// Requests asked so long ago are not listed any more; the custody log keeps them.
const LISTED_FOR: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Requests in one list.
const MAX_LISTED: u16 = 500;

/// A request in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RequestSummary {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: RowId,
    /// `transfer_case` or `recover_account`.
    #[schema(value_type = schema::AskedFor)]
    pub asked_for: String,
    /// Exactly what is asked for, with what it is about in words.
    #[schema(value_type = Object)]
    pub asked: Value,
    /// The case that it is about.
    #[schema(value_type = Option<schema::Id>)]
    pub case: Option<CaseId>,
    /// Why.
    pub reason: String,
    /// Who asks.
    pub asker: String,
    /// Who approved or declined it.
    pub approver: Option<String>,
    /// `asked`, `approved`, `done`, `withdrawn`, `declined` or `expired`.
    #[schema(value_type = schema::RequestStatus)]
    pub status: String,
    /// When it was asked.
    #[schema(value_type = schema::Time)]
    pub asked_at: Timestamp,
    /// When it can be neither approved nor carried out any more.
    #[schema(value_type = schema::Time)]
    pub expires_at: Timestamp,
    /// Whether the reader may approve it.
    pub may_approve: bool,
    /// Whether the reader may decline it.
    pub may_decline: bool,
    /// Whether the reader may carry it out.
    pub may_carry_out: bool,
    /// Whether the reader may take it back.
    pub may_withdraw: bool,
}

impl RequestSummary {
    /// What it is about, in words.
    pub fn about(&self) -> &str {
        self.asked["about"].as_str().unwrap_or_default()
    }

    /// A member of what is asked for, if that has it.
    pub fn member(&self, name: &str) -> &str {
        self.asked[name].as_str().unwrap_or_default()
    }
}

/// What one asked for or may answer, newest first; one entry for the request.
///
/// # Errors
/// [`Error::SignedOut`].
pub async fn list(room: &Room, who: &SignedIn) -> Result<Vec<RequestSummary>, Error> {
    Ok(room.writer.submit(List { who: *who }).await?.output)
}

/// Why a request may be read.
enum Readable {
    Own(Permit<AskApproval>),
    Others(Permit<Approve>),
}

struct List {
    who: SignedIn,
}

impl Command for List {
    type Output = Vec<RequestSummary>;

    fn run(self, tx: &mut Tx<'_>) -> Result<Vec<RequestSummary>, Stop> {
        let mut asking = tx.asking(&self.who)?;
        settle(tx, &mut asking)?;
        let (core, room, now) = (tx.core, tx.room(), tx.now());
        // Anyone may ask; each request in the answer is decided by itself.
        let draft = Draft::of_room("list", room)
            .by(tx.acting(&asking, None))
            .detail(slot::DETAIL, json!({"of": "requests"}));
        tx.enter(draft)?;
        // Whoever has no role in the room asks for nothing and answers nothing.
        if asking.actor.room_roles.is_empty() {
            return Ok(Vec::new());
        }
        let since = before(now, LISTED_FOR);
        let rows = decide::requests_since(tx.connection, &core.keyring, since, MAX_LISTED)?;
        let mut summaries = Vec::new();
        for row in rows {
            let resource = Resource::Request(facts_of(&row)?);
            let asks = allowed::<AskApproval>(tx, &asking, &resource);
            let approves = allowed::<Approve>(tx, &asking, &resource);
            let (own, answers) = (asks.is_some(), approves.is_some());
            let Some(readable) = asks.map(Readable::Own).or(approves.map(Readable::Others)) else {
                continue;
            };
            let mut name = |person| match &readable {
                Readable::Own(permit) => {
                    people::told_name(tx.connection, &core.keyring, room, permit, person)
                }
                Readable::Others(permit) => {
                    people::told_name(tx.connection, &core.keyring, room, permit, person)
                }
            };
            let asker = name(row.asker_id)?;
            let approver = row.approver_id.map(&mut name).transpose()?;
            let status = status(&row, now);
            let open = [ASKED, APPROVED].contains(&status);
            summaries.push(RequestSummary {
                id: row.id,
                may_approve: answers && status == ASKED,
                may_decline: answers && open,
                may_carry_out: own && status == APPROVED,
                may_withdraw: own && open,
                status: status.into(),
                asked_for: row.asked_for,
                asked: row.details.asked,
                case: row.case_id,
                reason: row.details.reason,
                asker,
                approver,
                asked_at: row.asked_at,
                expires_at: row.expires_at,
            });
        }
        Ok(summaries)
    }
}
