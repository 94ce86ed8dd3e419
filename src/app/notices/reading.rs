//! One's own notices, in the room; and those that could not be delivered, for administrators.

use std::collections::HashMap;

use custos_core::{
    event::slot,
    ids::{Id, RowId, Timestamp},
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    Kind,
    deciding::{Moment, or_damaged},
    kinds::About,
    moment,
};
use crate::{
    app::{
        SignedIn,
        context::Room,
        deciding::Asking,
        entering::{Draft, Tx},
        error::Error,
        schema,
        writer::{Command, Done, Stop},
    },
    db::{
        dialect,
        outbox::{self, GONE, NoticeRow},
        sessions,
    },
    policy::{action::ManagePeople, facts::Resource},
};

/// Notices on the page of one's own, the newest.
pub const MAX_SHOWN: usize = 200;
/// The head of a page counts no further.
pub const MAX_COUNTED: usize = 20;
/// Rows that are read at once.
const READ_AT_ONCE: i64 = 64;
/// Rows that are looked at, the newest. What lies behind them is neither shown nor counted: many
/// that one may not know of any more would hold the room up, and their number would show.
const MAX_LOOKED_AT: i64 = 1_024;
/// Undelivered notices on their page, the newest.
const MAX_UNDELIVERED: i64 = 200;

/// One's own notice.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Notice {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: RowId,
    /// What happened, by a name of the closed list.
    #[schema(value_type = schema::NoticeKind)]
    pub kind: &'static str,
    /// The same in words.
    pub says: &'static str,
    /// When.
    #[schema(value_type = schema::Time)]
    pub at: Timestamp,
    /// Whether it was marked as read.
    pub read: bool,
    /// The item that it is about, if its page may be opened.
    #[schema(value_type = Option<schema::Id>)]
    pub item: Option<Id>,
    /// The case that it is about, if its page may be opened.
    #[schema(value_type = Option<schema::Id>)]
    pub case: Option<Id>,
}

/// How many notices are unread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unread {
    /// At most [`MAX_COUNTED`].
    pub count: usize,
    /// Whether there are more.
    pub more: bool,
}

/// A notice that could not be handed over.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Undelivered {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: RowId,
    /// Sign-in name of the account, or name of the endpoint.
    pub to: String,
    /// Whether it is an endpoint.
    pub is_endpoint: bool,
    /// What it was about, where an administrator may learn that: nothing of cases.
    #[schema(value_type = Option<schema::NoticeKind>)]
    pub kind: Option<&'static str>,
    /// When it was queued.
    #[schema(value_type = schema::Time)]
    pub at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// What the other side answered last.
    pub told: String,
    /// Whether the endpoint said that it is gone, so that nothing goes to it any more.
    pub stopped: bool,
}

/// One's own notices, newest first, as far as their reader may know of what they are about; one
/// entry for the request.
///
/// # Errors
/// [`Error::SignedOut`] when the account is gone.
pub async fn list(room: &Room, who: &SignedIn) -> Result<Vec<Notice>, Error> {
    Ok(room.writer.submit(List { who: *who }).await?.output)
}

/// How many of one's own notices are unread. It says nothing that is not on their page, so it
/// leaves no entry, like the rest of a page's head.
///
/// # Errors
/// The register can't be read.
pub async fn unread(room: &Room, who: &SignedIn) -> Result<Unread, Error> {
    let (core, scope, who) = (room.core.clone(), room.id, *who);
    room.read(move |connection| {
        // Who asks and what is there are of one moment.
        dialect::snapshot(connection, |connection| {
            let now = core.ambient.now();
            let mut here = Moment {
                connection,
                core: &core,
                room: scope,
                now,
            };
            let mut asking = here.recipient(who.account)?.ok_or(Error::SignedOut)?;
            asking.context.means = who.means;
            let known = known(&mut here, &asking, true, MAX_COUNTED + 1)?;
            Ok(Unread {
                count: known.len().min(MAX_COUNTED),
                more: known.len() > MAX_COUNTED,
            })
        })?
    })
    .await
}

/// Marks one's own notices as read: one, or all of which their reader may know.
///
/// It has no entry: it says nothing of anybody else, and changes nothing for them.
///
/// # Errors
/// [`Error::NotFound`] for one that is not one's own, or of which its reader may not know.
pub async fn mark_read(
    room: &Room,
    who: &SignedIn,
    notice: Option<RowId>,
) -> Result<Done<()>, Error> {
    let command = MarkRead { who: *who, notice };
    room.change(who, command).await
}

/// Those that could not be delivered, newest first; one entry for the request.
///
/// # Errors
/// Refused.
pub async fn undelivered(room: &Room, who: &SignedIn) -> Result<Vec<Undelivered>, Error> {
    Ok(room
        .writer
        .submit(ListUndelivered { who: *who })
        .await?
        .output)
}

/// What was decided so far: many notices are about one thing.
type Decided = HashMap<(Kind, Id), bool>;

/// One's own notices of which one may know, newest first, the first `limit`. Counting stops at
/// what is known: how many are hidden in between does not show.
fn known(
    here: &mut Moment<'_>,
    asking: &Asking,
    unread_only: bool,
    limit: usize,
) -> Result<Vec<(NoticeRow, Kind)>, Error> {
    let (key, account) = (&here.core.keys.session, asking.actor.account);
    let mut decided = Decided::new();
    let mut known = Vec::new();
    let mut passed = 0;
    loop {
        let some = (passed, READ_AT_ONCE);
        let (rows, more) = outbox::of_account(here.connection, key, account, unread_only, some)?;
        for row in rows {
            if let Some(kind) = knows(here, asking, &row, &mut decided)? {
                known.push((row, kind));
                if known.len() == limit {
                    return Ok(known);
                }
            }
        }
        passed += READ_AT_ONCE;
        if !more || passed >= MAX_LOOKED_AT {
            return Ok(known);
        }
    }
}

/// The kind of a notice that is shown in the room, if its reader may know of what it is about.
fn knows(
    here: &mut Moment<'_>,
    asking: &Asking,
    row: &NoticeRow,
    decided: &mut Decided,
) -> Result<Option<Kind>, Error> {
    let kind = Kind::of(&row.kind).filter(|kind| *kind != Kind::AddressNamed);
    let Some(kind) = kind else { return Ok(None) };
    let about = (kind, row.about_id);
    let may = match decided.get(&about) {
        Some(may) => *may,
        None => or_damaged(here.may_know(asking, kind, row.about_id), false)?,
    };
    decided.insert(about, may);
    Ok(may.then_some(kind))
}

struct List {
    who: SignedIn,
}

impl Command for List {
    type Output = Vec<Notice>;

    fn run(self, tx: &mut Tx<'_>) -> Result<Vec<Notice>, Stop> {
        let asking = tx.asking(&self.who)?;
        let draft = Draft::of_room("list", tx.room())
            .by(tx.acting(&asking, None))
            .detail(slot::DETAIL, json!({"of": "notices"}));
        tx.enter(draft)?;
        let mut here = moment(tx);
        let mut notices = Vec::new();
        for (row, kind) in known(&mut here, &asking, false, MAX_SHOWN)? {
            let opens = here.may_open(&asking, kind, row.about_id);
            let opens = or_damaged(opens, false)?.then_some(row.about_id);
            notices.push(Notice {
                id: row.id,
                kind: kind.name(),
                says: kind.words(),
                at: row.created_at,
                read: row.read_at.is_some(),
                item: opens.filter(|_| kind.about() == About::Item),
                case: opens.filter(|_| kind.about() == About::Case),
            });
        }
        Ok(notices)
    }
}

struct MarkRead {
    who: SignedIn,
    notice: Option<RowId>,
}

impl Command for MarkRead {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let asking = tx.asking(&self.who)?;
        let key = &tx.core.keys.session;
        let known = match self.notice {
            None => known(&mut moment(tx), &asking, true, MAX_SHOWN)?,
            Some(notice) => {
                let found = outbox::get(tx.connection, key, notice)?;
                let own = found.filter(|row| row.account_id == Some(self.who.account));
                let row = own.ok_or(Error::NotFound)?;
                let kind = knows(&mut moment(tx), &asking, &row, &mut Decided::new())?;
                vec![(row, kind.ok_or(Error::NotFound)?)]
            }
        };
        for (mut row, _) in known {
            row.read_at = row.read_at.or(Some(tx.now()));
            outbox::update(tx.connection, key, &row)?;
        }
        Ok(())
    }
}

struct ListUndelivered {
    who: SignedIn,
}

impl Command for ListUndelivered {
    type Output = Vec<Undelivered>;

    fn run(self, tx: &mut Tx<'_>) -> Result<Vec<Undelivered>, Stop> {
        let asking = tx.asking(&self.who)?;
        let room = tx.room();
        let permit = tx.permit::<ManagePeople>(&asking, &Resource::Room(room))?;
        let draft = Draft::of_room("list", room)
            .permitted(tx.acting(&asking, None), &permit)
            .detail(slot::DETAIL, json!({"of": "undelivered"}));
        tx.enter(draft)?;
        let core = tx.core;
        let rows = outbox::undelivered(tx.connection, &core.keys.session, MAX_UNDELIVERED)?;
        let mut shown = Vec::new();
        for row in rows {
            let to = match (&row.endpoint, row.account_id) {
                (Some(name), _) => name.clone(),
                (None, Some(account)) => {
                    sessions::account(tx.connection, &core.keyring, room, account)?
                        .map(|(account, _)| account.details.login)
                        .unwrap_or_default()
                }
                (None, None) => String::new(),
            };
            shown.push(Undelivered {
                id: row.id,
                to,
                is_endpoint: row.endpoint.is_some(),
                kind: Kind::of(&row.kind).and_then(for_administrators),
                at: row.created_at,
                attempts: row.attempts,
                stopped: row.state == GONE,
                told: row.told.unwrap_or_default(),
            });
        }
        Ok(shown)
    }
}

/// What an administrator may learn of a notice: an account is theirs to keep, a case is not.
fn for_administrators(kind: Kind) -> Option<&'static str> {
    match kind.about() {
        About::Account | About::Room | About::Log => Some(kind.name()),
        About::Item | About::Case => None,
    }
}
