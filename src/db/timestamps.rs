//! Tokens of time authorities over published checkpoints.
//!
//! None is bound to an entry: a token proves itself by its signature, and the entry that names its
//! SHA-256 says which one was received.

use custos_core::ids::Timestamp;
use diesel::prelude::*;

use super::{Connection, DbError, head::signed, rows::time, schema::timestamps};

/// What is kept of a token, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamped {
    /// Size of the checkpoint that it is over.
    pub size: u64,
    /// The authority's name in the settings of that time.
    pub authority: String,
    /// When, by the authority's clock.
    pub time: Timestamp,
    /// When it was kept, by the room's clock.
    pub kept_at: Timestamp,
    /// Until when the signer's certificate is valid.
    pub ends: Timestamp,
    /// The entry with its SHA-256.
    pub leaf: u64,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = timestamps)]
struct Raw {
    size: i64,
    authority: String,
    time: i64,
    kept_at: i64,
    ends: i64,
    leaf: i64,
}

impl Raw {
    fn read(self) -> Result<Stamped, DbError> {
        const TABLE: &str = "timestamps";
        let natural = |number: i64| {
            u64::try_from(number)
                .map_err(|_| DbError::damaged(TABLE, self.size, "a size is negative"))
        };
        Ok(Stamped {
            size: natural(self.size)?,
            leaf: natural(self.leaf)?,
            authority: self.authority,
            time: time(TABLE, self.time)?,
            kept_at: time(TABLE, self.kept_at)?,
            ends: time(TABLE, self.ends)?,
        })
    }
}

/// Keeps a token. There is none over that checkpoint yet, or it fails.
///
/// # Errors
/// The row can't be written.
pub fn keep(connection: &mut Connection, row: &Stamped, token: &[u8]) -> Result<(), DbError> {
    diesel::insert_into(timestamps::table)
        .values((
            timestamps::size.eq(signed(row.size)),
            timestamps::authority.eq(&row.authority),
            timestamps::time.eq(row.time.micros()),
            timestamps::kept_at.eq(row.kept_at.micros()),
            timestamps::ends.eq(row.ends.micros()),
            timestamps::leaf.eq(signed(row.leaf)),
            timestamps::token.eq(token),
        ))
        .execute(connection)?;
    Ok(())
}

/// The token over the checkpoint of this size, as it was received.
///
/// # Errors
/// The row can't be read.
pub fn token(connection: &mut Connection, size: u64) -> Result<Option<Vec<u8>>, DbError> {
    let found = timestamps::table
        .find(signed(size))
        .select(timestamps::token)
        .first(connection)
        .optional()?;
    Ok(found)
}

/// The newest of all, or of one authority.
///
/// # Errors
/// The rows can't be read.
pub fn newest(
    connection: &mut Connection,
    authority: Option<&str>,
) -> Result<Option<Stamped>, DbError> {
    let mut query = timestamps::table
        .order(timestamps::size.desc())
        .select(Raw::as_select())
        .into_boxed();
    if let Some(authority) = authority {
        query = query.filter(timestamps::authority.eq(authority.to_owned()));
    }
    let found: Option<Raw> = query.first(connection).optional()?;
    found.map(Raw::read).transpose()
}

/// The size of the oldest stamped checkpoint that covers the entry at `index`.
///
/// # Errors
/// The rows can't be read.
pub fn first_over(connection: &mut Connection, index: u64) -> Result<Option<u64>, DbError> {
    let found: Option<i64> = timestamps::table
        .filter(timestamps::size.gt(signed(index)))
        .order(timestamps::size.asc())
        .select(timestamps::size)
        .first(connection)
        .optional()?;
    Ok(found.and_then(|size| u64::try_from(size).ok()))
}

/// How many tokens have their entry from this index on.
///
/// # Errors
/// The rows can't be read.
pub fn entered_from(connection: &mut Connection, index: u64) -> Result<u64, DbError> {
    let count: i64 = timestamps::table
        .filter(timestamps::leaf.ge(signed(index)))
        .count()
        .get_result(connection)?;
    Ok(u64::try_from(count).unwrap_or(0))
}
