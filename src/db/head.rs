//! The head of the custody log: one row, moved only by compare-and-swap.

use custos_core::{
    hash::Hash,
    ids::{ScopeId, Timestamp},
    merkle::Frontier,
};
use diesel::prelude::*;

use super::{
    Connection, DbError,
    schema::{checkpoints, log_head},
};

/// The head of the log, as committed.
#[derive(Debug, Clone)]
pub struct Head {
    /// The log's origin, `room.example/log`.
    pub origin: String,
    /// The room; its id is its scope's.
    pub room: ScopeId,
    /// The right edge of the tree, from which size and root follow.
    pub frontier: Frontier,
    /// Time of the newest entry.
    pub time: Timestamp,
    /// Size of the newest published checkpoint; 0 before the first.
    pub published: u64,
}

impl Head {
    /// Entries in the log.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Root of the tree.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }
}

#[derive(Queryable)]
struct Row {
    origin: String,
    room_id: Vec<u8>,
    size: i64,
    root: Vec<u8>,
    edge: Vec<u8>,
    time: i64,
    published: i64,
}

/// Makes the head of an empty log.
///
/// # Errors
/// There is one already.
pub fn create(connection: &mut Connection, origin: &str, room: ScopeId) -> Result<(), DbError> {
    let empty = Frontier::empty();
    diesel::insert_into(log_head::table)
        .values((
            log_head::id.eq(1),
            log_head::origin.eq(origin),
            log_head::room_id.eq(room.as_bytes().to_vec()),
            log_head::size.eq(0),
            log_head::root.eq(empty.root().as_bytes().to_vec()),
            log_head::edge.eq(empty.to_bytes()),
            log_head::time.eq(0),
            log_head::published.eq(0),
        ))
        .execute(connection)?;
    Ok(())
}

/// Reads the head; `None` in a database that holds no room yet.
///
/// # Errors
/// [`DbError::Damaged`] when size, root and right edge do not agree.
pub fn read(connection: &mut Connection) -> Result<Option<Head>, DbError> {
    let row: Option<Row> = log_head::table
        .find(1)
        .select((
            log_head::origin,
            log_head::room_id,
            log_head::size,
            log_head::root,
            log_head::edge,
            log_head::time,
            log_head::published,
        ))
        .first(connection)
        .optional()?;
    row.map(head).transpose()
}

/// Entries in the log, without a look at its tree.
///
/// # Errors
/// The row can't be read, or holds no size.
pub fn size(connection: &mut Connection) -> Result<u64, DbError> {
    let size: i64 = log_head::table
        .find(1)
        .select(log_head::size)
        .first(connection)?;
    u64::try_from(size).map_err(|_| DbError::damaged("log_head", 1, "its size is negative"))
}

/// Time of the newest entry: no clock of the room may fall behind it.
///
/// # Errors
/// The row can't be read, or holds no time.
pub fn time(connection: &mut Connection) -> Result<Timestamp, DbError> {
    let micros: i64 = log_head::table
        .find(1)
        .select(log_head::time)
        .first(connection)?;
    Timestamp::from_micros(micros)
        .map_err(|_| DbError::damaged("log_head", 1, "its time is out of range"))
}

fn head(row: Row) -> Result<Head, DbError> {
    let damaged = |what| DbError::damaged("log_head", 1, what);
    let size = u64::try_from(row.size).map_err(|_| damaged("its size is negative"))?;
    let frontier = Frontier::from_bytes(size, &row.edge)
        .map_err(|_| damaged("its right edge does not fit its size"))?;
    if frontier.root().as_bytes()[..] != row.root[..] {
        return Err(damaged("its root does not follow from its right edge"));
    }
    let published = u64::try_from(row.published)
        .ok()
        .filter(|published| *published <= size)
        .ok_or_else(|| damaged("more is published than there is"))?;
    let room = row
        .room_id
        .try_into()
        .map_err(|_| damaged("its room is no id"))?;
    Ok(Head {
        origin: row.origin,
        room: ScopeId::from_bytes(room),
        frontier,
        time: Timestamp::from_micros(row.time).map_err(|_| damaged("its time is out of range"))?,
        published,
    })
}

/// Moves the head from `old` to `new`, if it is still where `old` is.
///
/// # Errors
/// [`DbError::HeadMoved`] when another writer moved it.
pub fn advance(connection: &mut Connection, old: &Head, new: &Head) -> Result<(), DbError> {
    let moved = diesel::update(log_head::table.find(1))
        .filter(log_head::size.eq(signed(old.size())))
        .filter(log_head::root.eq(old.root().as_bytes().to_vec()))
        .set((
            log_head::size.eq(signed(new.size())),
            log_head::root.eq(new.root().as_bytes().to_vec()),
            log_head::edge.eq(new.frontier.to_bytes()),
            log_head::time.eq(new.time.micros()),
        ))
        .execute(connection)?;
    if moved == 1 {
        Ok(())
    } else {
        Err(DbError::HeadMoved)
    }
}

/// Keeps a signed checkpoint and moves the published size from `from` to `to`. Its time is not
/// earlier than that of the one before, whatever the clock does.
///
/// # Errors
/// [`DbError::HeadMoved`] when another publisher was faster.
pub fn publish(
    connection: &mut Connection,
    from: u64,
    to: u64,
    note: &[u8],
    now: Timestamp,
) -> Result<(), DbError> {
    let moved = diesel::update(log_head::table.find(1))
        .filter(log_head::published.eq(signed(from)))
        .set(log_head::published.eq(signed(to)))
        .execute(connection)?;
    if moved != 1 {
        return Err(DbError::HeadMoved);
    }
    let before: Option<i64> = checkpoints::table
        .find(signed(from))
        .select(checkpoints::time)
        .first(connection)
        .optional()?;
    let time = before.map_or(now.micros(), |before| now.micros().max(before));
    diesel::insert_into(checkpoints::table)
        .values((
            checkpoints::size.eq(signed(to)),
            checkpoints::note.eq(note),
            checkpoints::time.eq(time),
        ))
        .execute(connection)?;
    Ok(())
}

/// The published checkpoint of this size, as a signed note.
///
/// # Errors
/// The row can't be read.
pub fn checkpoint(connection: &mut Connection, size: u64) -> Result<Option<Vec<u8>>, DbError> {
    Ok(checkpoints::table
        .find(signed(size))
        .select(checkpoints::note)
        .first(connection)
        .optional()?)
}

/// The smallest published size above `size`: the first checkpoint that covers the entry at
/// index `size`.
///
/// # Errors
/// The row can't be read.
pub fn published_after(connection: &mut Connection, size: u64) -> Result<Option<u64>, DbError> {
    let found: Option<i64> = checkpoints::table
        .filter(checkpoints::size.gt(signed(size)))
        .select(checkpoints::size)
        .order(checkpoints::size.asc())
        .first(connection)
        .optional()?;
    Ok(found.and_then(|size| u64::try_from(size).ok()))
}

/// All published sizes, ascending, with their notes.
///
/// # Errors
/// The rows can't be read.
pub fn checkpoints(connection: &mut Connection) -> Result<Vec<(u64, Vec<u8>)>, DbError> {
    let rows: Vec<(i64, Vec<u8>)> = checkpoints::table
        .select((checkpoints::size, checkpoints::note))
        .order(checkpoints::size.asc())
        .load(connection)?;
    rows.into_iter()
        .map(|(size, note)| {
            let number = u64::try_from(size)
                .map_err(|_| DbError::damaged("checkpoints", size, "its size is negative"))?;
            Ok((number, note))
        })
        .collect()
}

/// Sizes and indices are below 2^53.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).expect("sizes and indices are below 2^53")
}
