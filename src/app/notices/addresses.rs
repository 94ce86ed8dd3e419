//! One's own mail address: named, confirmed by a code that only whoever reads it has, removed.
//!
//! A code is not kept anywhere. It follows from the session key, the address and the moment at
//! which its letter was written:
//!
//! ```text
//! MICROS "-" base64url(first 16 bytes of HMAC-SHA-256(session key,
//!     "custos/mail-code/v1" 0x00 | address[16] | i64 micros))
//! ```
//!
//! It is taken from the account that named the address and from no other, so that somebody to
//! whom a letter went by mistake confirms nothing.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use custos_core::{
    event::slot,
    hash::hmac_sha256,
    ids::{RowId, Timestamp},
};
use serde_json::json;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Event, Kind, queue};
use crate::{
    app::{
        SignedIn,
        context::{Core, Room},
        deciding::Asking,
        entering::{Draft, Tx},
        error::Error,
        sessions::{after, before},
        writer::{Command, Done, Stop},
    },
    db::{
        bound::{self, Binding},
        decide, outbox,
        people::addresses::{self, AddressDetails, AddressRow, CONFIRMED, REMOVED, UNCONFIRMED},
    },
    peers::mail,
    policy::{
        Permit,
        action::ManageTokens,
        facts::{Context, Facts, Resource},
    },
};

/// How long a code holds, from the moment at which its letter was written.
pub const CODE: Duration = Duration::from_secs(15 * 60);
/// Letters with a code that an account asks for in a day: it must not be a way to send letters
/// to anybody.
pub const MAX_CODES: i64 = 5;
/// Bytes of a code.
const CODE_BYTES: usize = 16;
/// The day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// One's own address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnAddress {
    /// Where letters go.
    pub confirmed: Option<String>,
    /// Where a code was sent, and nothing else goes.
    pub unconfirmed: Option<String>,
    /// Whether this room sends letters at all.
    pub is_served: bool,
}

/// One's own address. It says nothing that its owner does not know, so it leaves no entry.
///
/// # Errors
/// Refused.
pub async fn own(room: &Room, who: &SignedIn) -> Result<OwnAddress, Error> {
    let (core, scope, who) = (room.core.clone(), room.id, *who);
    room.read(move |connection| {
        let actor = decide::actor(connection, &core.keyring, scope, who.account)?;
        let actor = actor.ok_or(Error::SignedOut)?;
        let context = Context::new(core.ambient.now(), who.means, true);
        let facts = Facts {
            actor: &actor,
            resource: &Resource::Account(who.account),
            context: &context,
        };
        let permit = core.engine.decide::<ManageTokens>(facts);
        let permit = permit.map_err(|_| Error::Forbidden)?;
        let mut own = OwnAddress {
            is_served: core.outlets.mail.is_some(),
            ..OwnAddress::default()
        };
        for row in addresses::list(connection, &core.keyring, scope, &permit)? {
            let place = match row.status.as_str() {
                CONFIRMED => &mut own.confirmed,
                _ => &mut own.unconfirmed,
            };
            *place = Some(row.details.mail);
        }
        Ok(own)
    })
    .await
}

/// Names an address, to which a code is sent; for the one that waits for its code, another code.
///
/// # Errors
/// Refused, no address, a room that sends no letters, the address that is confirmed already,
/// [`Error::TooMany`] codes.
pub async fn name(room: &Room, who: &SignedIn, given: &str) -> Result<Done<()>, Error> {
    let given = given.trim();
    if !mail::is_address(given) {
        return Err(Error::invalid(
            "`mail` is not an address like `ana@agency.example`",
        ));
    }
    let command = Name {
        who: *who,
        mail: given.into(),
    };
    room.writer.submit(command).await
}

/// Confirms the address to which the code was sent; it takes the place of the one before.
///
/// # Errors
/// Refused; [`Error::Invalid`], the same for a code that was used, has expired, or is another's.
pub async fn confirm(room: &Room, who: &SignedIn, given: &str) -> Result<Done<()>, Error> {
    let command = Confirm {
        who: *who,
        code: Zeroizing::new(given.trim().into()),
    };
    room.writer.submit(command).await
}

/// Removes one's own address, confirmed or not.
///
/// # Errors
/// Refused, or there is none.
pub async fn remove(room: &Room, who: &SignedIn) -> Result<Done<()>, Error> {
    room.writer.submit(Remove { who: *who }).await
}

/// The code of an address in a letter that is written now.
pub(super) fn code(core: &Core, address: &AddressRow, now: Timestamp) -> Zeroizing<String> {
    let micros = now.micros();
    let tag = hmac_sha256(
        core.keys.session.as_bytes(),
        &[
            b"custos/mail-code/v1\0",
            address.id.as_bytes(),
            &micros.to_be_bytes(),
        ],
    );
    // Short enough for a line of a letter, and more than anybody guesses in its time.
    let tag = BASE64_URL_SAFE_NO_PAD.encode(&tag[..CODE_BYTES]);
    Zeroizing::new(format!("{micros}-{tag}"))
}

/// Whether a code is this address's, and holds.
fn holds(core: &Core, address: &AddressRow, given: &str, now: Timestamp) -> bool {
    let issued = given
        .split_once('-')
        .and_then(|(micros, _)| micros.parse().ok());
    let issued = issued.and_then(|micros| Timestamp::from_micros(micros).ok());
    issued.is_some_and(|issued| {
        let right = code(core, address, issued);
        let same: bool = right.as_bytes().ct_eq(given.as_bytes()).into();
        same && issued <= now && now < after(issued, CODE)
    })
}

struct Name {
    who: SignedIn,
    mail: String,
}

impl Command for Name {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let (asking, permit) = own_permit(tx, &self.who)?;
        let (core, room, now) = (tx.core, tx.room(), tx.now());
        let account = self.who.account;
        if core.outlets.mail.is_none() {
            return Err(Error::Conflict("this room sends no letters".into()).into());
        }
        let kind = Kind::AddressNamed;
        let sent = outbox::count_since(tx.connection, account, kind.name(), before(now, DAY))?;
        if sent >= MAX_CODES {
            return Err(Error::TooMany {
                seconds: DAY.as_secs(),
            }
            .into());
        }
        let rows = addresses::list(tx.connection, &core.keyring, room, &permit)?;
        let same = rows.iter().find(|row| row.details.mail == self.mail);
        let address = match same {
            Some(row) if row.status == CONFIRMED => {
                return Err(Error::Conflict("this address is confirmed already".into()).into());
            }
            Some(row) => row.id,
            None => {
                let new = AddressRow {
                    id: tx.id::<RowId>(),
                    rev: 1,
                    account_id: account,
                    status: UNCONFIRMED.into(),
                    details: AddressDetails { mail: self.mail },
                };
                let waited = rows.into_iter().filter(|row| row.status == UNCONFIRMED);
                let removed = waited.map(|row| next(row, REMOVED)).collect();
                let id = new.id;
                change(
                    tx,
                    (&asking, &permit),
                    Some(new),
                    removed,
                    (id, UNCONFIRMED),
                )?;
                id
            }
        };
        queue(
            tx,
            &Event::OfAddress {
                kind,
                account,
                address,
            },
        )?;
        Ok(())
    }
}

struct Confirm {
    who: SignedIn,
    code: Zeroizing<String>,
}

impl Command for Confirm {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let (asking, permit) = own_permit(tx, &self.who)?;
        let (core, room, now) = (tx.core, tx.room(), tx.now());
        let rows = addresses::list(tx.connection, &core.keyring, room, &permit)?;
        let (waiting, others): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.status == UNCONFIRMED);
        let confirmed = waiting
            .into_iter()
            .find(|row| holds(core, row, &self.code, now));
        let Some(confirmed) = confirmed else {
            return Err(Error::invalid(
                "this code was used, has expired, or is not for your account; ask for a new one",
            )
            .into());
        };
        let (id, former) = (confirmed.id, others.first().map(|row| row.id));
        let mut changed = vec![next(confirmed, CONFIRMED)];
        changed.extend(others.into_iter().map(|row| next(row, REMOVED)));
        change(tx, (&asking, &permit), None, changed, (id, CONFIRMED))?;
        tell_former(tx, &self.who, former)
    }
}

struct Remove {
    who: SignedIn,
}

impl Command for Remove {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let (asking, permit) = own_permit(tx, &self.who)?;
        let (core, room) = (tx.core, tx.room());
        let rows = addresses::list(tx.connection, &core.keyring, room, &permit)?;
        let Some(any) = rows.first().map(|row| row.id) else {
            return Err(Error::Conflict("your account has no mail address".into()).into());
        };
        let former = rows.iter().find(|row| row.status == CONFIRMED);
        let former = former.map(|row| row.id);
        let named = former.unwrap_or(any);
        let removed = rows.into_iter().map(|row| next(row, REMOVED)).collect();
        change(tx, (&asking, &permit), None, removed, (named, REMOVED))?;
        tell_former(tx, &self.who, former)
    }
}

fn own_permit(tx: &mut Tx<'_>, who: &SignedIn) -> Result<(Asking, Permit<ManageTokens>), Stop> {
    let asking = tx.asking(who)?;
    let permit = tx.permit::<ManageTokens>(&asking, &Resource::Account(who.account))?;
    Ok((asking, permit))
}

/// The row's next revision.
fn next(mut row: AddressRow, status: &str) -> AddressRow {
    row.rev += 1;
    row.status = status.into();
    row
}

/// Enters a change of addresses, and writes it.
fn change(
    tx: &mut Tx<'_>,
    (asking, permit): (&Asking, &Permit<ManageTokens>),
    new: Option<AddressRow>,
    changed: Vec<AddressRow>,
    (named, status): (RowId, &str),
) -> Result<(), Stop> {
    let (core, room) = (tx.core, tx.room());
    let bind = |row: AddressRow| {
        let binding = bound::bind(&row, &core.ambient);
        (row, binding)
    };
    let new = new.map(bind);
    let changed: Vec<(AddressRow, Binding)> = changed.into_iter().map(bind).collect();
    // The address itself is in no entry: it can be removed, and an entry can't.
    let mut draft = Draft::of_room("mail_address", room)
        .permitted(tx.acting(asking, None), permit)
        .detail(
            slot::DETAIL,
            json!({"account": permit.account(), "address": named, "status": status}),
        );
    for (_, binding) in new.iter().chain(&changed) {
        draft = draft.writes(binding.slot.clone());
    }
    let entry = *tx.enter(draft)?.c.as_bytes();
    for (row, binding) in &changed {
        addresses::set_status(tx.connection, permit, row, binding, &entry)?;
    }
    if let Some((row, binding)) = &new {
        let place = (&core.keyring, &core.ambient, room);
        addresses::insert(tx.connection, permit, place, row, binding, &entry)?;
    }
    Ok(())
}

/// Tells the address that letters went to so far: whoever reads it may not know of the change.
fn tell_former(tx: &mut Tx<'_>, who: &SignedIn, former: Option<RowId>) -> Result<(), Stop> {
    let (kind, account) = (Kind::AddressChanged, who.account);
    if let Some(address) = former {
        queue(
            tx,
            &Event::OfAddress {
                kind,
                account,
                address,
            },
        )?;
    }
    Ok(())
}
