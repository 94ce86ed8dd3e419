//! The list of one's own sessions, and the end of one of them.

use custos_core::{
    event::slot,
    ids::{SessionId, Timestamp},
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{ABSOLUTE, IDLE, after, before, holds};
use crate::{
    app::{
        SignedIn,
        context::Room,
        entering::{Draft, Tx},
        error::Error,
        schema,
        writer::{Command, Done, Stop},
    },
    db::sessions::{self, SessionRow},
    policy::{action::ManageTokens, facts::Resource},
};

/// A session of one's own that holds.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SessionSummary {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: SessionId,
    /// How it began: `password` or `link`.
    #[schema(value_type = schema::RecognisedBy)]
    pub means: String,
    /// When it began.
    #[schema(value_type = schema::Time)]
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    #[schema(value_type = schema::Time)]
    pub seen_at: Timestamp,
    /// When it ends unless it is used again.
    #[schema(value_type = schema::Time)]
    pub ends_at: Timestamp,
    /// Whether it is the one that asks.
    pub present: bool,
}

/// One's own sessions that hold, newest first; one entry for the request.
///
/// # Errors
/// Refused.
pub async fn list_sessions(room: &Room, who: &SignedIn) -> Result<Vec<SessionSummary>, Error> {
    Ok(room.writer.submit(List { who: *who }).await?.output)
}

/// Ends one of one's own sessions, at once.
///
/// # Errors
/// Refused; [`Error::NotFound`] for one that is not one's own or does not hold.
pub async fn end_session(
    room: &Room,
    who: &SignedIn,
    session: SessionId,
) -> Result<Done<()>, Error> {
    room.change(who, End { who: *who, session }).await
}

struct List {
    who: SignedIn,
}

impl Command for List {
    type Output = Vec<SessionSummary>;

    fn run(self, tx: &mut Tx<'_>) -> Result<Vec<SessionSummary>, Stop> {
        let (held, draft) = holding(tx, &self.who, "list")?;
        tx.enter(draft.detail(slot::DETAIL, json!({"of": "sessions"})))?;
        let mut summaries: Vec<SessionSummary> = held
            .into_iter()
            .map(|row| SessionSummary {
                id: row.id,
                ends_at: after(row.seen_at, IDLE).min(after(row.created_at, ABSOLUTE)),
                means: row.means,
                created_at: row.created_at,
                seen_at: row.seen_at,
                present: row.id.id() == self.who.holder,
            })
            .collect();
        summaries.sort_by_key(|session| (std::cmp::Reverse(session.created_at), session.id));
        Ok(summaries)
    }
}

struct End {
    who: SignedIn,
    session: SessionId,
}

impl Command for End {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let (held, draft) = holding(tx, &self.who, "session_end")?;
        let mut row = held
            .into_iter()
            .find(|row| row.id == self.session)
            .ok_or(Error::NotFound)?;
        row.ended_at = Some(tx.now());
        let detail = json!({"account": self.who.account, "session": row.id});
        tx.enter(draft.detail(slot::DETAIL, detail))?;
        sessions::update(tx.connection, &tx.core.keys.session, &row)?;
        Ok(())
    }
}

/// The account's sessions that hold, and a draft by whoever asks.
fn holding(
    tx: &mut Tx<'_>,
    who: &SignedIn,
    kind: &'static str,
) -> Result<(Vec<SessionRow>, Draft), Stop> {
    let asking = tx.asking(who)?;
    let permit = tx.permit::<ManageTokens>(&asking, &Resource::Account(who.account))?;
    let now = tx.now();
    let mut rows = sessions::of_account(
        tx.connection,
        &tx.core.keys.session,
        &permit,
        before(now, ABSOLUTE),
    )?;
    rows.retain(|row| holds(row, now));
    let draft = Draft::of_room(kind, tx.room()).permitted(tx.acting(&asking, None), &permit);
    Ok((rows, draft))
}
