//! Views: reading an item's content for a purpose, for 30 minutes, bound to who opened it.
//!
//! The entry of a view is durable before its first byte is given out. Ranges, pages and plays
//! carry the view's id; when it ends, one entry says what was delivered.

mod deliveries;
mod standing;

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use custos_core::{
    event::slot,
    hash::hmac_sha256,
    ids::{Id, ItemId, ScopeId, Timestamp, ViewId},
    keys::{DataKey, SessionKey},
    object::StoredObject,
};
use futures::stream::{self, BoxStream, StreamExt};
use serde::Serialize;
use serde_json::json;
use subtle::ConstantTimeEq;
use tokio::task::JoinHandle;
use tracing::error;

use super::{
    SignedIn,
    cases::activity_scope,
    context::{Core, Room},
    entering::{Acting, Draft, Purpose, Subject, Tx},
    error::Error,
    evidence::of_item,
    text,
    writer::{Command, Stop},
};
pub use crate::policy::facts::PurposeCode;
use crate::{
    content::read::{ReadError, Reader},
    db::{
        Connection, DbError, head,
        views::{self, ViewRow},
    },
    policy::{
        action::{Download, OpenView},
        facts::{Purpose as PolicyPurpose, Resource},
    },
};

pub use deliveries::Deliveries;
use deliveries::summary;

/// How long a view lasts, in microseconds: 30 minutes.
const VIEW_MICROS: i64 = 30 * 60 * 1_000_000;
/// A running delivery looks again whether its view is still open after so many bytes.
const RECHECK_BYTES: u64 = 4 << 20;
/// The same after so much time.
const RECHECK_AFTER: Duration = Duration::from_secs(2);
/// A view that was opened.
#[derive(Debug, Clone, Serialize)]
pub struct OpenedView {
    /// Its id.
    pub id: ViewId,
    /// The secret with which the second origin knows it; it ends with the view.
    #[serde(skip)]
    pub link: String,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// As the room found it.
    pub media_type: String,
    /// Bytes.
    pub size: u64,
    /// Whether a copy may be taken away.
    pub download: bool,
}

/// Who asks to read through a view.
#[derive(Debug, Clone)]
pub enum Holder {
    /// The session or token that opened it.
    SignedIn(Id),
    /// Whoever has its link.
    Link(String),
}

/// Content that may be read now.
pub struct ViewedContent {
    /// As the room found it.
    pub media_type: String,
    /// Bytes.
    pub size: u64,
    /// Whether a copy may be taken away.
    pub download: bool,
    room: Room,
    view: ViewRow,
    reader: Reader,
}

/// Opens a view of an item for a purpose.
///
/// # Errors
/// Refused, or a purpose that is not of its form.
pub async fn open_view(
    room: &Room,
    who: &SignedIn,
    item: ItemId,
    (code, why): (&str, &str),
    download: bool,
) -> Result<OpenedView, Error> {
    let code = PurposeCode::of(code).ok_or_else(|| {
        let known: Vec<&str> = PurposeCode::ALL.iter().map(|code| code.name()).collect();
        Error::invalid(format!("`purpose` is none of `{}`", known.join("`, `")))
    })?;
    let command = Open {
        who: *who,
        item,
        code,
        why: text::text("purpose", why)?,
        download,
    };
    Ok(room.writer.submit(command).await?.output)
}

/// The content behind a view, if it is open and `holder` may read through it.
///
/// # Errors
/// [`Error::NotFound`] for a view that is over, closed, another's or unknown.
pub async fn read_view(room: &Room, view: ViewId, holder: Holder) -> Result<ViewedContent, Error> {
    let (core, room_id) = (room.core.clone(), room.id);
    let (view, content) = room
        .read(move |connection| {
            let row = standing_view(connection, &core, room_id, view)?
                .filter(|row| holds(&core.keys.session, row, &holder))
                .ok_or(Error::NotFound)?;
            let content =
                views::content(connection, &core.keyring, &row)?.ok_or(Error::NotFound)?;
            Ok((row, content))
        })
        .await?;
    let damaged = |what| Error::from(DbError::damaged("items", view.item_id, what));
    let stored = StoredObject::from_value(&content.item.details.stored)
        .map_err(|_| damaged("what is stored of it is not described as it should be"))?;
    let (heads, rest) = content.heads.as_chunks::<32>();
    if !rest.is_empty() {
        return Err(damaged("the commitments of its segments are cut"));
    }
    let reader = Reader::open(
        &room.store,
        view.item_id,
        DataKey::from_bytes(*content.data_key),
        stored,
        heads.to_vec(),
    )
    .await
    .map_err(|error| read_error(&view, error))?;
    Ok(ViewedContent {
        media_type: content.item.details.media_type,
        size: reader.size(),
        download: view.download,
        room: room.clone(),
        view,
        reader,
    })
}

impl ViewedContent {
    /// Whose content it is.
    pub fn item(&self) -> ItemId {
        self.view.item_id
    }

    /// When the view ends by itself.
    pub fn expires_at(&self) -> Timestamp {
        self.view.expires_at
    }

    /// The secret with which the second origin knows the view.
    pub fn link(&self) -> String {
        link(&self.room.core.keys.session, self.view.id)
    }

    /// The bytes of a range; each piece is verified before it is given out, and a view that
    /// was closed meanwhile cuts the stream.
    ///
    /// # Errors
    /// The range is empty or ends behind the item.
    pub fn range(
        self,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        let pieces = self
            .reader
            .range(range.clone())
            .map_err(|error| read_error(&self.view, error))?;
        Ok(self.deliver(range.start, pieces))
    }

    /// All bytes.
    pub fn whole(self) -> BoxStream<'static, Result<Bytes, Error>> {
        let pieces = self.reader.whole();
        self.deliver(0, pieces)
    }

    fn deliver(
        self,
        start: u64,
        pieces: BoxStream<'static, Result<Bytes, ReadError>>,
    ) -> BoxStream<'static, Result<Bytes, Error>> {
        let state = Delivery {
            position: start,
            start,
            unchecked: 0,
            checking_since: Instant::now(),
            checked: None,
            check: None,
            pieces,
            content: self,
        };
        stream::try_unfold(state, |mut delivery| async move {
            let Some(piece) = delivery.pieces.next().await else {
                return Ok(None);
            };
            let piece = piece.map_err(|error| read_error(&delivery.content.view, error))?;
            delivery.unchecked += piece.len() as u64;
            delivery.recheck().await?;
            delivery.position += piece.len() as u64;
            Ok(Some((piece, delivery)))
        })
        .boxed()
    }
}

/// One running delivery; what it delivered is noted when it ends, however it ends.
struct Delivery {
    start: u64,
    position: u64,
    /// Bytes given out since the newest check began.
    unchecked: u64,
    /// When it began.
    checking_since: Instant,
    /// The newest check that was passed; none yet but that with which the view was looked up.
    checked: Option<Checked>,
    /// A check that runs while bytes are given out on the one before it.
    check: Option<JoinHandle<Result<Checked, Error>>>,
    pieces: BoxStream<'static, Result<Bytes, ReadError>>,
    content: ViewedContent,
}

impl Delivery {
    /// Halfway to the limit a check begins, and bytes go out meanwhile; at the limit it must
    /// have been answered. So at most [`RECHECK_BYTES`] go out behind a revocation. A delivery
    /// that stood still for [`RECHECK_AFTER`] waits for a check that begins now.
    async fn recheck(&mut self) -> Result<(), Error> {
        let time = self.checking_since.elapsed();
        if self.unchecked < RECHECK_BYTES / 2 && time < RECHECK_AFTER / 2 {
            return Ok(());
        }
        if let Some(check) = self.check.take() {
            let checked = check.await.map_err(|_| Error::CustodyUnavailable(None))?;
            self.checked = Some(checked?);
        }
        self.unchecked = 0;
        self.checking_since = Instant::now();
        let (room, view) = (self.content.room.clone(), self.content.view.id);
        let next = still_open(room, view, self.checked);
        if time < RECHECK_AFTER {
            self.check = Some(tokio::spawn(next));
        } else {
            self.checked = Some(next.await?);
        }
        Ok(())
    }
}

/// A check that a view passed.
#[derive(Debug, Clone, Copy)]
struct Checked {
    /// Size of the log just before it.
    log: u64,
    /// When it began.
    at: Instant,
}

/// Looks whether a view still stands. Whatever may end one leaves an entry, or is a matter of
/// time; so within a second nothing is looked at again while the log has not grown.
async fn still_open(room: Room, view: ViewId, before: Option<Checked>) -> Result<Checked, Error> {
    let (core, room_id) = (room.core.clone(), room.id);
    room.read(move |connection| {
        let (log, at) = (head::size(connection)?, Instant::now());
        if let Some(before) = before
            && before.log == log
            && before.at.elapsed() < RECHECK_AFTER / 2
        {
            return Ok(before);
        }
        standing_view(connection, &core, room_id, view)?.ok_or(Error::NotFound)?;
        Ok(Checked { log, at })
    })
    .await
}

/// A view that is open, and on which what it was opened on still stands.
fn standing_view(
    connection: &mut Connection,
    core: &Core,
    room: ScopeId,
    view: ViewId,
) -> Result<Option<ViewRow>, Error> {
    let now = core.ambient.now();
    let Some(row) = views::open(connection, &core.keys.session, view, now)? else {
        return Ok(None);
    };
    Ok(standing::stands(connection, core, room, &row)?.then_some(row))
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let deliveries = self.content.room.deliveries.clone();
        deliveries.note(self.content.view.id, self.start..self.position);
    }
}

/// Closes a view of whoever is signed in, and enters what was delivered.
///
/// # Errors
/// [`Error::NotFound`] for a view that is over, closed, another's or unknown.
pub async fn close_view(room: &Room, who: &SignedIn, view: ViewId) -> Result<(), Error> {
    let (core, holder) = (room.core.clone(), Holder::SignedIn(who.holder));
    let now = core.ambient.now();
    let row = room
        .read(move |connection| {
            views::open(connection, &core.keys.session, view, now)?
                .filter(|row| holds(&core.keys.session, row, &holder))
                .ok_or(Error::NotFound)
        })
        .await?;
    let command = Close {
        rows: vec![row],
        how: "closed",
        deliveries: room.deliveries.clone(),
    };
    room.writer.submit(command).await?;
    Ok(())
}

/// Closes the views whose time is over; returns how many. At most `limit` at once.
///
/// # Errors
/// The register can't be read or written.
pub async fn close_ended(room: &Room, limit: i64) -> Result<usize, Error> {
    let core = room.core.clone();
    let now = core.ambient.now();
    let rows = room
        .read(move |connection| Ok(views::ended(connection, &core.keys.session, now, limit)?))
        .await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let command = Close {
        rows,
        how: "expired",
        deliveries: room.deliveries.clone(),
    };
    Ok(room.writer.submit(command).await?.output)
}

struct Open {
    who: SignedIn,
    item: ItemId,
    code: PurposeCode,
    why: String,
    download: bool,
}

impl Command for Open {
    type Output = OpenedView;

    fn run(self, tx: &mut Tx<'_>) -> Result<OpenedView, Stop> {
        let mut asking = tx.asking(&self.who)?;
        asking.context = asking
            .context
            .with_purpose(PolicyPurpose::new(self.code, &self.why));
        let facts = tx.item::<OpenView>(&asking, self.item)?;
        let resource = Resource::Item(facts.item.clone());
        let permit = tx.permit::<OpenView>(&asking, &resource)?;
        if self.download {
            // A right of its own; the view's permit is what the entry shows.
            let _download = tx.permit::<Download>(&asking, &resource)?;
        }
        let core = tx.core;
        let content = crate::db::evidence::content(tx.connection, &core.keyring, &permit)?
            .ok_or(Error::NotFound)?;
        let scope = activity_scope(&asking, &facts.case);
        let row = ViewRow {
            id: tx.id(),
            item_id: self.item,
            case_id: facts.item.case,
            scope_id: scope,
            person_id: self.who.person,
            holder_id: self.who.holder,
            download: self.download,
            opened_at: tx.now(),
            expires_at: Timestamp::from_micros(tx.now().micros() + VIEW_MICROS)
                .map_err(|_| Error::CustodyUnavailable(None))?,
            closed_at: None,
        };
        let mut draft = of_item("view", &facts, scope)
            .permitted(tx.acting(&asking, Some(facts.item.case)), &permit)
            .detail(
                slot::DETAIL,
                json!({"view": row.id, "download": row.download, "expires_at": row.expires_at}),
            );
        draft.purpose = Some(Purpose {
            code: self.code.name().into(),
            text: self.why,
        });
        tx.enter(draft)?;
        views::insert(tx.connection, &permit, &core.keys.session, &row)?;
        Ok(OpenedView {
            id: row.id,
            link: link(&core.keys.session, row.id),
            expires_at: row.expires_at,
            media_type: content.item.details.media_type,
            size: content.item.details.size,
            download: row.download,
        })
    }
}

/// Closes views and enters what each delivered.
pub(super) struct Close {
    pub(super) rows: Vec<ViewRow>,
    /// `closed`, `expired`, `signed_out`.
    pub(super) how: &'static str,
    pub(super) deliveries: Arc<Deliveries>,
}

impl Command for Close {
    type Output = usize;

    fn run(self, tx: &mut Tx<'_>) -> Result<usize, Stop> {
        let closed = self.rows.len();
        for row in self.rows {
            let delivered = self.deliveries.take(row.id);
            let subject = Subject {
                noun: "item",
                id: row.item_id.id(),
            };
            let draft = Draft::new("view_close", row.scope_id, subject)
                .case(row.case_id)
                .by(Acting {
                    person: row.person_id,
                    role: None,
                    means: "view".into(),
                })
                .detail(
                    slot::DETAIL,
                    summary(&row, self.how, delivered.as_ref(), tx.now()),
                );
            tx.enter(draft)?;
            let now = tx.now();
            views::close(tx.connection, &tx.core.keys.session, row, now)?;
        }
        Ok(closed)
    }
}

/// The secret of a view's link: `HMAC(session key, "custos/view-link/v1" 0x00 | view id)`.
fn link(key: &SessionKey, view: ViewId) -> String {
    let parts: [&[u8]; 2] = [b"custos/view-link/v1\0", view.as_bytes()];
    hex::encode(hmac_sha256(key.as_bytes(), &parts))
}

fn holds(key: &SessionKey, row: &ViewRow, holder: &Holder) -> bool {
    match holder {
        Holder::SignedIn(holder) => row.holder_id == *holder,
        Holder::Link(given) => link(key, row.id).as_bytes().ct_eq(given.as_bytes()).into(),
    }
}

fn read_error(view: &ViewRow, error: ReadError) -> Error {
    if error.is_damage() {
        error!(alarm = "damaged_object", item.id = %view.item_id, error = %error, "an item's content was refused");
        return DbError::damaged(
            "objects",
            view.item_id,
            "its content is not what was deposited",
        )
        .into();
    }
    match error {
        ReadError::Store(error) => error.into(),
        ReadError::Range { size } => {
            Error::invalid(format!("the range ends behind the item's {size} bytes"))
        }
        _ => Error::StoreUnavailable(None),
    }
}
