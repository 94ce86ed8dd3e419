//! Sessions and tokens: who is asking.
//!
//! | module | what it is |
//! |---|---|
//! | [`sign_in()`] | a login name and a password become a session |
//! | [`redeem()`] | a single-use link becomes a session |
//! | [`own`] | the list of one's own sessions |
//! | [`secret`] | what is handed out, and what a form carries |
//! | [`passwords`] | Argon2id, a few evaluations at a time |
//! | [`attempts`] | how often anyone may try |
//!
//! A passkey, a one-time code and an identity provider come in beside [`sign_in()`]: each proves
//! an account in its own way and ends in the same session.

pub mod attempts;
pub mod own;
pub mod passwords;
pub mod redeem;
pub mod secret;
pub mod sign_in;
#[cfg(test)]
mod tests;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use custos_core::{
    event::slot,
    hash::Hash,
    ids::{AccountId, PersonId, SessionId, Timestamp},
};
use serde_json::json;

pub use own::{SessionSummary, end_session, list_sessions};
pub use redeem::redeem;
pub use secret::{CsrfToken, Secret};
pub use sign_in::sign_in;

pub use crate::db::people::tokens::Right;

use super::{
    SignedIn,
    context::{Core, Room},
    entering::{Acting, Draft, Tx},
    error::Error,
    tags::Upon,
    writer::{Command, Done, Stop},
};
use crate::{
    ambient::Ambient,
    db::{
        Connection, DbError, head,
        people::{AccountRow, PersonRow},
        sessions::{self, SessionRow},
    },
    policy::facts::Means,
};
use attempts::Attempts;
use passwords::Passwords;

/// A session that is not used for so long has ended.
pub const IDLE: Duration = Duration::from_secs(30 * 60);
/// A session ends so long after its beginning, however it is used.
pub const ABSOLUTE: Duration = Duration::from_secs(10 * 60 * 60);
/// So long before a session's end its pages warn.
pub const WARNING: Duration = Duration::from_secs(10 * 60);
/// Use is written down when the last was so long ago.
const SEEN_EVERY: Duration = Duration::from_secs(60);

/// Where those stand who are not signed in yet.
pub struct Entrance {
    /// How often they tried.
    pub attempts: Attempts,
    /// What they must know.
    pub passwords: Passwords,
    /// Failures under login names that nobody has; counted, not entered.
    refused: AtomicU64,
}

impl Entrance {
    /// An entrance where nobody has tried yet.
    pub fn new(ambient: &Ambient) -> Self {
        Self {
            attempts: Attempts::default(),
            passwords: Passwords::new(ambient),
            refused: AtomicU64::new(0),
        }
    }

    /// Attempts since the start by which nobody showed who they are.
    pub fn refused_attempts(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// A session that has just begun; its secret is never seen again.
#[derive(Debug)]
pub struct NewSession {
    /// For the cookie.
    pub secret: Secret,
    /// What the secret recognises from now on.
    pub session: Session,
}

/// A session that holds.
#[derive(Debug, Clone)]
pub struct Session {
    /// Who is signed in; the holder is the session.
    pub who: SignedIn,
    /// What every form that changes something carries.
    pub csrf: CsrfToken,
    /// When it ends unless it is used again.
    pub idle_until: Timestamp,
    /// When it ends however it is used.
    pub ends_at: Timestamp,
    /// Whether the end is near enough that pages say so.
    pub ends_soon: bool,
}

impl Session {
    fn of(core: &Core, row: &SessionRow, who: SignedIn, now: Timestamp) -> Self {
        let ends_at = after(row.created_at, ABSOLUTE);
        Self {
            who,
            csrf: CsrfToken::of(&core.keys.session, row.id),
            idle_until: after(now, IDLE).min(ends_at),
            ends_at,
            ends_soon: after(now, WARNING) >= ends_at,
        }
    }
}

/// Recognises a session by its cookie, and notes at most once a minute that it was used.
///
/// # Errors
/// [`Error::SignedOut`] for anything but a session that holds; [`Error::Damaged`] for a row
/// that this room did not write.
pub async fn session(room: &Room, cookie_secret: &str) -> Result<Session, Error> {
    let hash = Secret::parse(cookie_secret).ok_or(Error::SignedOut)?.hash();
    let (core, scope) = (room.core.clone(), room.id);
    let (session, stale) = room
        .read(move |connection| {
            let now = now(connection, &core)?;
            let row = sessions::find(connection, &core.keys.session, &hash)?
                .filter(|row| holds(row, now))
                .ok_or(Error::SignedOut)?;
            let person = recognised(connection, &core, scope, row.account_id)?;
            let who = SignedIn {
                account: row.account_id,
                person,
                holder: row.id.id(),
                means: Means::of(&row.means)
                    .ok_or_else(|| DbError::damaged("sessions", row.id, "its means are unknown"))?,
                once: None,
                upon: Upon::Unsaid,
            };
            let stale = after(row.seen_at, SEEN_EVERY) <= now;
            Ok((Session::of(&core, &row, who, now), stale))
        })
        .await?;
    if stale {
        let id = SessionId::from(session.who.holder);
        room.writer.submit(Seen { id }).await?;
    }
    Ok(session)
}

/// Recognises a token, with what it may be used for.
///
/// # Errors
/// [`Error::SignedOut`] for anything but a token that holds; [`Error::Damaged`] for a row that
/// is not what its entry says.
pub async fn token(room: &Room, bearer: &str) -> Result<(SignedIn, Vec<Right>), Error> {
    let hash = Secret::parse(bearer).ok_or(Error::SignedOut)?.hash();
    let (core, scope) = (room.core.clone(), room.id);
    room.read(move |connection| {
        let now = now(connection, &core)?;
        let row = sessions::token(connection, &core.keyring, scope, &hash)?
            .filter(|row| row.status == "active" && now < row.expires_at)
            .ok_or(Error::SignedOut)?;
        let person = recognised(connection, &core, scope, row.account_id)?;
        let who = SignedIn {
            account: row.account_id,
            person,
            holder: row.id.id(),
            means: Means::Token,
            once: None,
            upon: Upon::Unsaid,
        };
        Ok((who, row.rights))
    })
    .await
}

/// Ends the session.
///
/// # Errors
/// [`Error::SignedOut`] when it has ended already.
pub async fn sign_out(room: &Room, who: &SignedIn) -> Result<Done<()>, Error> {
    room.writer.submit(SignOut { who: *who }).await
}

/// Ends every session of the account; returns how many. Tokens stay.
///
/// # Errors
/// [`Error::SignedOut`] when the caller's own has ended already.
pub async fn sign_out_everywhere(room: &Room, who: &SignedIn) -> Result<Done<usize>, Error> {
    room.writer.submit(SignOutEverywhere { who: *who }).await
}

/// The moment `span` after `from`; where time ends, `from` itself, so that what would last
/// longer does not begin.
pub(super) fn after(from: Timestamp, span: Duration) -> Timestamp {
    let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(from.micros().saturating_add(micros)).unwrap_or(from)
}

/// The moment `span` before `to`.
pub(super) fn before(to: Timestamp, span: Duration) -> Timestamp {
    let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(to.micros().saturating_sub(micros)).unwrap_or(to)
}

/// Ends the sessions of an account but `kept`.
pub(super) fn end_sessions(
    tx: &mut Tx<'_>,
    account: AccountId,
    kept: Option<SessionId>,
) -> Result<usize, DbError> {
    let now = tx.now();
    let span = (before(now, ABSOLUTE), now);
    sessions::end_all(tx.connection, &tx.core.keys.session, account, span, kept)
}

/// Time never falls behind the newest entry, whatever the clock does.
fn now(connection: &mut Connection, core: &Core) -> Result<Timestamp, DbError> {
    Ok(core.ambient.now().max(head::time(connection)?))
}

fn holds(row: &SessionRow, now: Timestamp) -> bool {
    row.ended_at.is_none()
        && now < after(row.created_at, ABSOLUTE)
        && now < after(row.seen_at, IDLE)
}

/// The account of a session or token that still holds.
pub(super) fn holder_account(
    connection: &mut Connection,
    core: &Core,
    scope: custos_core::ids::ScopeId,
    holder: custos_core::ids::Id,
) -> Result<Option<AccountId>, DbError> {
    let now = now(connection, core)?;
    if let Some(row) = sessions::get(connection, &core.keys.session, holder.into())? {
        return Ok(holds(&row, now).then_some(row.account_id));
    }
    let token = sessions::token_by_id(connection, &core.keyring, scope, holder.into())?;
    Ok(token
        .filter(|row| row.status == "active" && now < row.expires_at)
        .map(|row| row.account_id))
}

/// The person behind an account, where neither is suspended.
fn recognised(
    connection: &mut Connection,
    core: &Core,
    scope: custos_core::ids::ScopeId,
    account: AccountId,
) -> Result<PersonId, Error> {
    sessions::account(connection, &core.keyring, scope, account)?
        .filter(active)
        .map(|(_, person)| person.id)
        .ok_or(Error::SignedOut)
}

fn active((account, person): &(AccountRow, PersonRow)) -> bool {
    account.status == "active" && person.status == "active"
}

/// Begins a session; the caller enters why.
fn begin(
    tx: &mut Tx<'_>,
    (account, person): (AccountId, PersonId),
    means: Means,
    secret_hash: Hash,
) -> Result<Session, DbError> {
    let now = tx.now();
    let row = SessionRow {
        id: tx.id(),
        account_id: account,
        secret_hash,
        means: means.name().into(),
        created_at: now,
        seen_at: now,
        ended_at: None,
    };
    sessions::insert(tx.connection, &tx.core.keys.session, &row)?;
    let who = SignedIn {
        account,
        person,
        holder: row.id.id(),
        means,
        once: None,
        upon: Upon::Unsaid,
    };
    Ok(Session::of(tx.core, &row, who, now))
}

/// Who acts before, or without, a decision of policy.
fn acting(person: PersonId, means: Means) -> Acting {
    Acting {
        person,
        role: None,
        means: means.name().into(),
    }
}

/// Notes that a session was used. It has no entry: it says nothing that the entries of what
/// was done in the session do not say.
struct Seen {
    id: SessionId,
}

impl Command for Seen {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let (now, key) = (tx.now(), &tx.core.keys.session);
        // Read again: what ended meanwhile stays ended.
        let mut row = sessions::get(tx.connection, key, self.id)?
            .filter(|row| holds(row, now))
            .ok_or(Error::SignedOut)?;
        row.seen_at = now;
        sessions::update(tx.connection, key, &row)?;
        Ok(())
    }
}

struct SignOut {
    who: SignedIn,
}

impl Command for SignOut {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let mut row = own(tx, &self.who)?;
        row.ended_at = Some(tx.now());
        sessions::update(tx.connection, &tx.core.keys.session, &row)?;
        let draft = Draft::of_room("sign_out", tx.room())
            .by(acting(self.who.person, self.who.means))
            .detail(
                slot::DETAIL,
                json!({"account": self.who.account, "session": row.id, "sessions": 1}),
            );
        tx.enter(draft)?;
        Ok(())
    }
}

struct SignOutEverywhere {
    who: SignedIn,
}

impl Command for SignOutEverywhere {
    type Output = usize;

    fn run(self, tx: &mut Tx<'_>) -> Result<usize, Stop> {
        let row = own(tx, &self.who)?;
        let ended = end_sessions(tx, self.who.account, None)?;
        let draft = Draft::of_room("sign_out", tx.room())
            .by(acting(self.who.person, self.who.means))
            .detail(
                slot::DETAIL,
                json!({"account": self.who.account, "session": row.id, "sessions": ended}),
            );
        tx.enter(draft)?;
        Ok(ended)
    }
}

/// The session that asks, still holding. A token has none.
fn own(tx: &mut Tx<'_>, who: &SignedIn) -> Result<SessionRow, Stop> {
    if who.means == Means::Token {
        return Err(Error::invalid("a token is revoked, not signed out").into());
    }
    let (now, key) = (tx.now(), &tx.core.keys.session);
    let row = sessions::get(tx.connection, key, who.holder.into())?
        .filter(|row| row.account_id == who.account && holds(row, now))
        .ok_or(Error::SignedOut)?;
    Ok(row)
}
