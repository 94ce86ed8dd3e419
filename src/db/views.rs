//! Views: the right of one session or token to read one item for a time.

use custos_core::{
    ids::{CaseId, Id, ItemId, PersonId, ScopeId, Timestamp, ViewId},
    keys::SessionKey,
};
use diesel::prelude::*;
use serde::Serialize;

use super::{
    Connection, DbError,
    evidence::{self, Content},
    mac::{self, Authenticated},
    rows::{id, time},
    schema::views,
};
use crate::{
    keyring::Keyring,
    policy::{action::OpenView, permit::Permit},
};

/// A view.
#[derive(Debug, Clone, Serialize)]
pub struct ViewRow {
    /// Its id.
    pub id: ViewId,
    /// The item.
    pub item_id: ItemId,
    /// The case.
    pub case_id: CaseId,
    /// The scope in which its entries are.
    pub scope_id: ScopeId,
    /// Who reads.
    pub person_id: PersonId,
    /// The session or token that it is bound to.
    pub holder_id: Id,
    /// Whether a copy may be taken away.
    pub download: bool,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
}

impl Authenticated for ViewRow {
    const TABLE: &'static str = "views";

    fn shown(&self) -> String {
        self.id.to_string()
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = views)]
struct Raw {
    id: Vec<u8>,
    item_id: Vec<u8>,
    case_id: Vec<u8>,
    scope_id: Vec<u8>,
    person_id: Vec<u8>,
    holder_id: Vec<u8>,
    download: bool,
    opened_at: i64,
    expires_at: i64,
    closed_at: Option<i64>,
    mac: Vec<u8>,
}

/// Writes a view that was permitted.
///
/// # Errors
/// The row can't be written.
pub fn insert(
    connection: &mut Connection,
    _permit: &Permit<OpenView>,
    key: &SessionKey,
    row: &ViewRow,
) -> Result<(), DbError> {
    diesel::insert_into(views::table)
        .values(Raw {
            id: row.id.as_bytes().to_vec(),
            item_id: row.item_id.as_bytes().to_vec(),
            case_id: row.case_id.as_bytes().to_vec(),
            scope_id: row.scope_id.as_bytes().to_vec(),
            person_id: row.person_id.as_bytes().to_vec(),
            holder_id: row.holder_id.as_bytes().to_vec(),
            download: row.download,
            opened_at: row.opened_at.micros(),
            expires_at: row.expires_at.micros(),
            closed_at: None,
            mac: mac::mac(key, row).to_vec(),
        })
        .execute(connection)?;
    Ok(())
}

/// A view that is neither closed nor over.
///
/// The row stands for the permit with which it was opened; its HMAC shows that the room
/// wrote it.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn open(
    connection: &mut Connection,
    key: &SessionKey,
    view: ViewId,
    now: Timestamp,
) -> Result<Option<ViewRow>, DbError> {
    let raw: Option<Raw> = views::table
        .find(view.as_bytes().to_vec())
        .select(Raw::as_select())
        .first(connection)
        .optional()?;
    let Some(raw) = raw else { return Ok(None) };
    let row = checked(key, &raw)?;
    let over = row.closed_at.is_some() || row.expires_at <= now;
    Ok((!over).then_some(row))
}

/// Views that have ended without being closed, oldest first; at most `limit`.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn ended(
    connection: &mut Connection,
    key: &SessionKey,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<ViewRow>, DbError> {
    let raw: Vec<Raw> = views::table
        .filter(views::closed_at.is_null())
        .filter(views::expires_at.le(now.micros()))
        .order(views::expires_at)
        .limit(limit)
        .select(Raw::as_select())
        .load(connection)?;
    Ok(sound(key, &raw))
}

/// Views that are open, oldest first; at most `limit`.
///
/// # Errors
/// The rows can't be read.
pub fn all_open(
    connection: &mut Connection,
    key: &SessionKey,
    limit: i64,
) -> Result<Vec<ViewRow>, DbError> {
    let raw: Vec<Raw> = views::table
        .filter(views::closed_at.is_null())
        .order(views::expires_at)
        .limit(limit)
        .select(Raw::as_select())
        .load(connection)?;
    Ok(sound(key, &raw))
}

/// One bad row must not keep the others open.
fn sound(key: &SessionKey, raw: &[Raw]) -> Vec<ViewRow> {
    let sound = raw.iter().filter_map(|raw| match checked(key, raw) {
        Ok(row) => Some(row),
        Err(error) => {
            tracing::error!(alarm = "damaged_row", %error, "a view can't be closed");
            None
        }
    });
    sound.collect()
}

/// Whether a view was not closed yet.
///
/// # Errors
/// The row can't be read.
pub fn is_open(connection: &mut Connection, view: ViewId) -> Result<bool, DbError> {
    let found: Option<Option<i64>> = views::table
        .find(view.as_bytes().to_vec())
        .select(views::closed_at)
        .first(connection)
        .optional()?;
    Ok(found == Some(None))
}

/// Closes a view.
///
/// # Errors
/// [`DbError::Damaged`] when it was closed before.
pub fn close(
    connection: &mut Connection,
    key: &SessionKey,
    mut row: ViewRow,
    now: Timestamp,
) -> Result<(), DbError> {
    row.closed_at = Some(now);
    let changed = diesel::update(views::table.find(row.id.as_bytes().to_vec()))
        .filter(views::closed_at.is_null())
        .set((
            views::closed_at.eq(now.micros()),
            views::mac.eq(mac::mac(key, &row).to_vec()),
        ))
        .execute(connection)?;
    if changed == 1 {
        Ok(())
    } else {
        Err(DbError::damaged("views", row.id, "it was closed before"))
    }
}

/// The content that a view reads.
///
/// # Errors
/// [`DbError::Damaged`], or the key was destroyed.
pub fn content(
    connection: &mut Connection,
    keyring: &Keyring,
    view: &ViewRow,
) -> Result<Option<Content>, DbError> {
    evidence::find_content(connection, keyring, view.item_id)
}

fn checked(key: &SessionKey, raw: &Raw) -> Result<ViewRow, DbError> {
    let row = ViewRow {
        id: id("views", &raw.id)?,
        item_id: id("views", &raw.item_id)?,
        case_id: id("views", &raw.case_id)?,
        scope_id: id("views", &raw.scope_id)?,
        person_id: id("views", &raw.person_id)?,
        holder_id: id("views", &raw.holder_id)?,
        download: raw.download,
        opened_at: time("views", raw.opened_at)?,
        expires_at: time("views", raw.expires_at)?,
        closed_at: raw.closed_at.map(|at| time("views", at)).transpose()?,
    };
    mac::check(key, &row, &raw.mac)?;
    Ok(row)
}
