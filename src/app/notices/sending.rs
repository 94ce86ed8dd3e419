//! Notices on their way out of the house: taken up one at a time, decided again, handed over,
//! and what became of them.
//!
//! ```text
//! waiting ── take up: decided again, counted, put off ── handed over ── sent
//!    ^                    │                                  │
//!    │                    └── dropped: may not know, nobody  └── undelivered, gone
//!    └──────────────────── again, after a growing pause ─────┘
//! ```
//!
//! *A crash* before it is taken up leaves it waiting. Between taking up and settling it leaves a
//! notice that is tried again after its pause: what was handed over by then comes twice, under
//! the same id. Nothing is lost, and nothing is sent that was not committed.

use std::time::Duration;

use custos_core::ids::{RowId, Timestamp};
use tracing::{info, warn};

use super::{Kind, addresses, deciding::or_damaged, letters, moment, says_new};
use crate::{
    app::{
        context::Room,
        entering::Tx,
        error::Error,
        sessions::{after, before},
        writer::{Command, Stop},
    },
    db::{
        DbError, head,
        outbox::{self, DROPPED, GONE, NoticeRow, SENT, UNDELIVERED, WAITING, Way},
        people::addresses as address_rows,
    },
    peers::{NotSent, Then, mail, webhooks},
};

pub use crate::{db::outbox::Way as SentBy, peers::webhooks::Sender};

/// Notices that are looked up at once.
const MAX_DUE: i64 = 64;
/// How long a notice is kept.
pub const KEPT_FOR: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Why no event is sent to any endpoint.
const NO_CLIENT: &str = "this machine has no certificates by which an endpoint could be known";

/// What is handed over for one notice.
#[derive(Debug)]
pub(super) enum Parcel {
    Letter(mail::Letter),
    Event(webhooks::Endpoint, webhooks::Event),
}

/// The notices that are due on a way, those that wait longest first.
///
/// # Errors
/// The register can't be read.
pub async fn due(room: &Room, way: Way<'_>) -> Result<Vec<RowId>, Error> {
    let core = room.core.clone();
    let endpoint = match way {
        Way::Mail => None,
        Way::Endpoint(name) => Some(name.to_owned()),
    };
    room.read(move |connection| {
        let now = core.ambient.now().max(head::time(connection)?);
        let way = endpoint.as_deref().map_or(Way::Mail, Way::Endpoint);
        Ok(outbox::due(connection, way, Some(now), MAX_DUE)?)
    })
    .await
}

/// Takes one notice up, hands it over, and notes what became of it.
///
/// # Errors
/// The register can't be written; the notice is tried again after its pause.
pub async fn deliver(
    room: &Room,
    sender: Option<&webhooks::Sender>,
    notice: RowId,
) -> Result<(), Error> {
    let Some(parcel) = take_up(room, notice).await? else {
        return Ok(());
    };
    let outcome = match (&parcel, &room.core.outlets.mail) {
        (Parcel::Letter(letter), Some(server)) => server.send(letter).await,
        (Parcel::Letter(_), None) => Err(NotSent::new(Then::Never, "no mail server", &[])),
        (Parcel::Event(endpoint, event), _) => match sender {
            Some(sender) => sender.send(endpoint, event).await,
            None => Err(NotSent::new(Then::Again, NO_CLIENT, &[])),
        },
    };
    // A crash here leaves a notice that was sent and is sent again, under the same id.
    settle(room, notice, outcome).await
}

/// Takes one notice up; none where nothing is to be handed over.
pub(super) async fn take_up(room: &Room, notice: RowId) -> Result<Option<Parcel>, Error> {
    Ok(room.writer.submit(TakeUp { notice }).await?.output)
}

/// Notes what became of a notice that was taken up.
pub(super) async fn settle(
    room: &Room,
    notice: RowId,
    outcome: Result<(), NotSent>,
) -> Result<(), Error> {
    room.writer.submit(Settle { notice, outcome }).await?;
    Ok(())
}

/// Drops what waits for a mail server or an endpoint that is not in the settings any more.
///
/// # Errors
/// The register can't be read or written.
pub async fn drop_unreachable(room: &Room) -> Result<(), Error> {
    room.writer.submit(DropUnreachable).await?;
    Ok(())
}

/// Deletes notices that are older than [`KEPT_FOR`].
///
/// # Errors
/// The register can't be written.
pub async fn forget_old(room: &Room) -> Result<(), Error> {
    room.writer.submit(Forget).await?;
    Ok(())
}

/// Decides again, and puts the notice off before it is handed over, so that a crash in between
/// does not have it sent over and over.
struct TakeUp {
    notice: RowId,
}

impl Command for TakeUp {
    type Output = Option<Parcel>;

    fn run(self, tx: &mut Tx<'_>) -> Result<Option<Parcel>, Stop> {
        let now = tx.now();
        let key = &tx.core.keys.session;
        let Some(mut row) = whole(tx, self.notice)?.filter(|row| {
            row.state == WAITING && row.next_at.is_some_and(|next_at| next_at <= now)
        }) else {
            return Ok(None);
        };
        let pauses = tx.core.outlets.pauses;
        let tried = usize::try_from(row.attempts).unwrap_or(usize::MAX);
        if tried > pauses.len() {
            row.state = UNDELIVERED.into();
            row.next_at = None;
            outbox::update(tx.connection, key, &row)?;
            return Ok(None);
        }
        match or_damaged_parcel(parcel(tx, &row, now))? {
            Ok(parcel) => {
                row.attempts += 1;
                row.next_at = Some(after(now, pause(pauses, row.attempts)));
                outbox::update(tx.connection, key, &row)?;
                Ok(Some(parcel))
            }
            Err(why) => {
                drop_it(tx, row, why)?;
                Ok(None)
            }
        }
    }
}

/// A notice that this room wrote. Another is never sent: it is put aside, and its check raised
/// the alarm.
fn whole(tx: &mut Tx<'_>, notice: RowId) -> Result<Option<NoticeRow>, DbError> {
    match outbox::get(tx.connection, &tx.core.keys.session, notice) {
        Err(DbError::Damaged { .. }) => {
            outbox::put_aside(tx.connection, notice)?;
            Ok(None)
        }
        found => found,
    }
}

/// Either what is handed over, or why nothing is.
type Wrapped = Result<Parcel, &'static str>;

fn or_damaged_parcel(outcome: Result<Wrapped, Error>) -> Result<Wrapped, Error> {
    match outcome {
        Err(Error::Damaged(cause)) => {
            or_damaged(Err(cause), Err("what would decide it is damaged"))
        }
        other => other,
    }
}

/// What is handed over for a notice, if its recipient may still know of what it is about.
fn parcel(tx: &mut Tx<'_>, row: &NoticeRow, now: Timestamp) -> Result<Wrapped, Error> {
    let Some(kind) = Kind::of(&row.kind) else {
        return Ok(Err("its kind is not known to this version"));
    };
    if let Some(name) = &row.endpoint {
        let Some(hook) = tx.core.outlets.hook(name) else {
            return Ok(Err("no such endpoint in the settings"));
        };
        if !moment(tx).may_leave(kind, row.about_id)? {
            return Ok(Err("it may not leave the house any more"));
        }
        let endpoint = hook.endpoint.clone();
        return Ok(Ok(Parcel::Event(endpoint, letters::event(row, kind, now))));
    }
    let Some(account) = row.account_id else {
        return Ok(Err("it is for nobody"));
    };
    let mut here = moment(tx);
    let Some(asking) = here.recipient(account)? else {
        return Ok(Err("the account is gone"));
    };
    if !here.may_know(&asking, kind, row.about_id)? {
        return Ok(Err("its recipient may not know of it any more"));
    }
    let (core, room) = (tx.core, tx.room());
    let address = match row.address_id {
        Some(address) => address_rows::get(tx.connection, &core.keyring, room, address)?
            .filter(|address| address.account_id == account)
            .filter(|address| {
                kind != Kind::AddressNamed || address.status == address_rows::UNCONFIRMED
            }),
        None => address_rows::confirmed(tx.connection, &core.keyring, room, account)?,
    };
    let Some(address) = address else {
        return Ok(Err("there is no address to send it to"));
    };
    let code = (kind == Kind::AddressNamed).then(|| addresses::code(core, &address, now));
    let code = code.as_ref().map(|code| code.as_str());
    let to = &address.details.mail;
    let letter = letters::letter(&core.outlets.room, (row, kind), to, code);
    Ok(Ok(Parcel::Letter(letter)))
}

/// The pause behind the attempt of this number, from 1; the last one behind those that follow.
fn pause(pauses: &[Duration], attempt: u32) -> Duration {
    let at = usize::try_from(attempt)
        .unwrap_or(usize::MAX)
        .saturating_sub(1);
    pauses
        .get(at)
        .or(pauses.last())
        .copied()
        .unwrap_or_default()
}

fn drop_it(tx: &mut Tx<'_>, mut row: NoticeRow, why: &str) -> Result<(), Error> {
    info!(notice.id = %row.id, why, "a notice was dropped");
    row.state = DROPPED.into();
    row.next_at = None;
    row.told = Some(why.into());
    let key = &tx.core.keys.session;
    outbox::update(tx.connection, key, &row)?;
    // It would have spoken for those behind it.
    let speaks = Kind::of(&row.kind).is_some_and(Kind::says_new);
    if let Some(account) = row.account_id.filter(|_| speaks) {
        let since = (account, row.created_at);
        if let Some(mut next) = outbox::newest_kept(tx.connection, key, since, &says_new())? {
            next.state = WAITING.into();
            next.next_at = Some(tx.now());
            outbox::update(tx.connection, key, &next)?;
        }
    }
    Ok(())
}

/// Notes what became of a notice.
struct Settle {
    notice: RowId,
    outcome: Result<(), NotSent>,
}

impl Command for Settle {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let key = &tx.core.keys.session;
        let found = outbox::get(tx.connection, key, self.notice)?;
        let Some(mut row) = found.filter(|row| row.state == WAITING) else {
            return Ok(());
        };
        let pauses = tx.core.outlets.pauses;
        let last = usize::try_from(row.attempts).unwrap_or(usize::MAX) > pauses.len();
        let (state, told) = match self.outcome {
            Ok(()) => (SENT, None),
            Err(NotSent { then, told }) => {
                let state = match then {
                    Then::Gone => GONE,
                    Then::Again if !last => WAITING,
                    Then::Again | Then::Never => UNDELIVERED,
                };
                warn!(
                    notice.id = %row.id,
                    notice.attempts = row.attempts,
                    notice.state = state,
                    endpoint = row.endpoint.as_deref(),
                    told,
                    "a notice was not taken"
                );
                (state, Some(told))
            }
        };
        row.state = state.into();
        row.told = told;
        row.next_at = (state == WAITING).then(|| after(tx.now(), pause(pauses, row.attempts)));
        outbox::update(tx.connection, key, &row)?;
        if state == GONE
            && let Some(name) = &row.endpoint
        {
            give_up(tx, Way::Endpoint(name), UNDELIVERED, "the endpoint is gone")?;
        }
        Ok(())
    }
}

/// Ends the waiting of everything on a way.
fn give_up(tx: &mut Tx<'_>, way: Way<'_>, state: &str, why: &str) -> Result<(), Error> {
    let key = &tx.core.keys.session;
    // Bounded by what waits: each pass ends the waiting of all it found, or finds nothing new.
    for notice in outbox::due(tx.connection, way, None, i64::MAX)? {
        let Some(mut row) = whole(tx, notice)? else {
            continue;
        };
        row.state = state.into();
        row.next_at = None;
        row.told = Some(why.into());
        outbox::update(tx.connection, key, &row)?;
    }
    Ok(())
}

struct DropUnreachable;

impl Command for DropUnreachable {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        if tx.core.outlets.mail.is_none() {
            let why = "no mail server in the settings";
            give_up(tx, Way::Mail, DROPPED, why)?;
        }
        for name in outbox::waiting_endpoints(tx.connection)? {
            if tx.core.outlets.hook(&name).is_none() {
                let why = "no such endpoint in the settings";
                give_up(tx, Way::Endpoint(&name), DROPPED, why)?;
            }
        }
        Ok(())
    }
}

struct Forget;

impl Command for Forget {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let moment = before(tx.now(), KEPT_FOR);
        outbox::forget(tx.connection, moment)?;
        Ok(())
    }
}
