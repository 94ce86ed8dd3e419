//! Views: reading an item's content for a purpose, for 30 minutes, bound to who opened it.
//!
//! The entry of a view is durable before its first byte is given out. Ranges, pages and plays
//! carry the view's id; when it ends, one entry says what was delivered.

mod deliveries;
pub(super) mod standing;

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use custos_core::{
    event::slot,
    hash::{Hash, hmac_sha256},
    ids::{Id, ItemId, ScopeId, Timestamp, ViewId},
    keys::{DataKey, SessionKey},
    object::StoredObject,
};
use futures::stream::{self, BoxStream, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::json;
use subtle::ConstantTimeEq;
use tracing::error;

use super::{
    SignedIn,
    cases::activity_scope,
    context::{Core, Room},
    entering::{Acting, Draft, Purpose, Subject, Tx},
    error::Error,
    evidence::of_item,
    rechecking::{Recheck, Stands},
    sessions::holder_account,
    text,
    writer::{Command, Stop},
};
pub use crate::policy::facts::PurposeCode;
use crate::{
    content::read::{ReadError, Reader},
    db::{
        Connection, DbError,
        views::{self, ViewRow},
    },
    policy::{
        action::{Download, OpenView},
        facts::{Purpose as PolicyPurpose, Resource},
    },
};

pub use deliveries::Deliveries;
use deliveries::{Running, summary};

/// How long a view lasts, in microseconds: 30 minutes.
const VIEW_MICROS: i64 = 30 * 60 * 1_000_000;
/// Open views that are looked at to see whether their session has ended.
const MAX_OPEN_LOOKED_AT: i64 = 10_000;
/// A view that was opened.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    /// SHA-256 of the whole.
    pub sha256: Hash,
    room: Room,
    view: ViewRow,
    reader: Reader,
    running: Running,
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
    Ok(room.change(who, command).await?.output)
}

/// The content behind a view, if it is open and `holder` may read through it.
///
/// # Errors
/// [`Error::NotFound`] for a view that is over, closed, another's or unknown.
pub async fn read_view(room: &Room, view: ViewId, holder: Holder) -> Result<ViewedContent, Error> {
    let (core, room_id) = (room.core.clone(), room.id);
    // Before the look whether it is open: whoever closes it meanwhile finds it here.
    let running = room.deliveries.begin(view);
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
    running.asked();
    let damaged = |what| Error::from(DbError::damaged("items", view.item_id, what));
    let stored = StoredObject::from_value(&content.item.details.stored)
        .map_err(|_| damaged("what is stored of it is not described as it should be"))?;
    let sha256 = content.item.details.sha256.parse::<Hash>();
    let sha256 = sha256.map_err(|_| damaged("its fingerprint is not one"))?;
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
        sha256,
        size: reader.size(),
        download: view.download,
        room: room.clone(),
        view,
        reader,
        running,
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
        let (core, room, view) = (self.room.core.clone(), self.room.id, self.view.id);
        let stands: Stands =
            Arc::new(move |connection| Ok(standing_view(connection, &core, room, view)?.is_some()));
        let state = Delivery {
            position: start,
            recheck: Recheck::new(self.room.clone(), stands),
            pieces,
            content: self,
        };
        stream::try_unfold(state, |mut delivery| async move {
            let Some(piece) = delivery.pieces.next().await else {
                return Ok(None);
            };
            let piece = piece.map_err(|error| read_error(&delivery.content.view, error))?;
            let bytes = piece.len() as u64;
            delivery.recheck.before(bytes).await?;
            let end = delivery.position + bytes;
            // What the closing entry says is never less than what went out: a piece that can't
            // be counted any more, because the view is being closed, is not given out.
            if !delivery.content.running.given(delivery.position..end) {
                return Err(Error::NotFound);
            }
            delivery.position = end;
            Ok(Some((piece, delivery)))
        })
        .boxed()
    }
}

/// One running delivery.
struct Delivery {
    position: u64,
    recheck: Recheck,
    pieces: BoxStream<'static, Result<Bytes, ReadError>>,
    content: ViewedContent,
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
    close(room, vec![row], "closed").await.map(drop)
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
    close(room, rows, "expired").await
}

/// Closes the views of sessions and tokens that have ended; nothing is given out through them
/// since, and now their entries say so. Returns how many.
///
/// # Errors
/// The register can't be read or written.
pub async fn close_abandoned(room: &Room) -> Result<usize, Error> {
    let (core, room_id) = (room.core.clone(), room.id);
    let rows = room
        .read(move |connection| {
            let open = views::all_open(connection, &core.keys.session, MAX_OPEN_LOOKED_AT)?;
            let mut abandoned = Vec::new();
            for row in open {
                if holder_account(connection, &core, room_id, row.holder_id)?.is_none() {
                    abandoned.push(row);
                }
            }
            Ok(abandoned)
        })
        .await?;
    if rows.is_empty() {
        return Ok(0);
    }
    close(room, rows, "signed_out").await
}

/// Closes views; returns how many were looked at.
async fn close(room: &Room, rows: Vec<ViewRow>, how: &'static str) -> Result<usize, Error> {
    let views: Vec<ViewId> = rows.iter().map(|row| row.id).collect();
    let command = Close {
        rows,
        how,
        deliveries: room.deliveries.clone(),
    };
    let done = room.writer.submit(command).await;
    for view in &views {
        match done {
            Ok(_) => room.deliveries.forget(*view),
            // They are still open, and what they delivered is still to be entered.
            Err(_) => room.deliveries.reopen(*view),
        }
    }
    done.map(|done| done.output)
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
struct Close {
    rows: Vec<ViewRow>,
    /// `closed`, `expired`, `signed_out`.
    how: &'static str,
    deliveries: Arc<Deliveries>,
}

impl Command for Close {
    type Output = usize;

    fn run(self, tx: &mut Tx<'_>) -> Result<usize, Stop> {
        let closed = self.rows.len();
        for row in self.rows {
            // Two may close a view at once; the first has entered it.
            if !views::is_open(tx.connection, row.id)? {
                continue;
            }
            let delivered = self.deliveries.closing(row.id);
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
