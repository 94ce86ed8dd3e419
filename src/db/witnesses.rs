//! What witnesses confirmed of published checkpoints, and checkpoints that contradict them.
//!
//! Neither is bound to an entry: every line and note proves itself by its signature, and is
//! checked when it is read.

use std::collections::BTreeMap;

use custos_core::{
    checkpoint::{NoteSignature, SignedCheckpoint, VerifierKey},
    ids::{Id, Timestamp},
};
use diesel::{dsl::max, prelude::*};

use super::{
    Connection, DbError, head,
    head::signed,
    rows::{id, time},
    schema::{conflicts, cosignatures},
};
use crate::policy::{action::ManagePeople, permit::Permit};

/// Cosignatures that are looked at to find a checkpoint that many confirmed.
const MAX_LOOKED_AT: i64 = 256;

/// From which end a checkpoint is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The oldest.
    Oldest,
    /// The newest.
    Newest,
}

/// The published checkpoint of this size with every cosignature that is kept of it, each
/// verified by the key beside it.
///
/// # Errors
/// The rows can't be read; the kept note is none.
pub fn cosigned(
    connection: &mut Connection,
    size: u64,
) -> Result<Option<SignedCheckpoint>, DbError> {
    let Some(note) = head::checkpoint(connection, size)? else {
        return Ok(None);
    };
    let mut checkpoint = SignedCheckpoint::parse(&note)
        .map_err(|_| DbError::damaged("checkpoints", size, "it is no signed checkpoint"))?;
    let rows: Vec<(String, String)> = cosignatures::table
        .filter(cosignatures::size.eq(signed(size)))
        .order((cosignatures::time, cosignatures::vkey))
        .select((cosignatures::vkey, cosignatures::line))
        .load(connection)?;
    for (vkey, line) in rows {
        let key: Option<VerifierKey> = vkey.parse().ok();
        let line = NoteSignature::parse(&line).ok();
        let verified = key.zip(line).filter(|(key, line)| {
            let text = checkpoint.note().text();
            key.name() != checkpoint.checkpoint().origin() && key.verifies(text, line)
        });
        // One that does not verify would spoil the whole note, and is worth nothing.
        let joined = verified.and_then(|(_, line)| checkpoint.with_signature(line).ok());
        match joined {
            Some(joined) => checkpoint = joined,
            None => tracing::error!(
                alarm = "damaged_cosignature",
                log.size = size,
                "a kept cosignature is not given out"
            ),
        }
    }
    Ok(Some(checkpoint))
}

/// Keeps a cosignature that was verified, unless there is one of this key already: says whether
/// it was kept.
///
/// # Errors
/// The row can't be written.
pub fn keep(
    connection: &mut Connection,
    size: u64,
    key: &VerifierKey,
    line: &NoteSignature,
    now: Timestamp,
) -> Result<bool, DbError> {
    let vkey = key.to_string();
    let there: i64 = cosignatures::table
        .filter(cosignatures::size.eq(signed(size)))
        .filter(cosignatures::vkey.eq(&vkey))
        .count()
        .get_result(connection)?;
    if there > 0 {
        return Ok(false);
    }
    diesel::insert_into(cosignatures::table)
        .values((
            cosignatures::size.eq(signed(size)),
            cosignatures::vkey.eq(vkey),
            cosignatures::line.eq(line.to_line()),
            cosignatures::time.eq(now.micros()),
        ))
        .execute(connection)?;
    Ok(true)
}

/// The largest size that a witness confirmed and when that came, as far as its cosignatures are
/// kept.
///
/// # Errors
/// The rows can't be read.
pub fn confirmed(
    connection: &mut Connection,
    key: &VerifierKey,
) -> Result<Option<(u64, Timestamp)>, DbError> {
    let vkey = key.to_string();
    let newest: Option<i64> = cosignatures::table
        .filter(cosignatures::vkey.eq(&vkey))
        .select(max(cosignatures::size))
        .first(connection)?;
    let Some(newest) = newest else {
        return Ok(None);
    };
    let size = u64::try_from(newest)
        .map_err(|_| DbError::damaged("cosignatures", newest, "its size is negative"))?;
    let at: i64 = cosignatures::table
        .find((newest, vkey))
        .select(cosignatures::time)
        .first(connection)?;
    Ok(Some((size, time("cosignatures", at)?)))
}

/// Of the checkpoints that cover the entry at `index` and that any of these keys confirmed, the
/// one that most of them did, and how many: of several the first from the end that is asked for.
/// Only a bounded number of cosignatures is looked at.
///
/// # Errors
/// The rows can't be read.
pub fn most_confirmed(
    connection: &mut Connection,
    index: u64,
    keys: &[VerifierKey],
    from: From,
) -> Result<Option<(u64, usize)>, DbError> {
    let vkeys: Vec<String> = keys.iter().map(ToString::to_string).collect();
    let wanted = cosignatures::table
        .filter(cosignatures::size.gt(signed(index)))
        .filter(cosignatures::vkey.eq_any(vkeys))
        .select(cosignatures::size)
        .limit(MAX_LOOKED_AT);
    let sizes: Vec<i64> = match from {
        From::Oldest => wanted.order(cosignatures::size.asc()).load(connection)?,
        From::Newest => wanted.order(cosignatures::size.desc()).load(connection)?,
    };
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    for size in sizes {
        *counts.entry(size).or_default() += 1;
    }
    let best = counts.into_iter().max_by_key(|(size, count)| {
        let nearer = match from {
            From::Oldest => -size,
            From::Newest => *size,
        };
        (*count, nearer)
    });
    Ok(best.and_then(|(size, count)| Some((u64::try_from(size).ok()?, count))))
}

/// A checkpoint that contradicts the room's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictRow {
    /// Follows from what is shown, so that it is kept once.
    pub id: Id,
    /// When it was found.
    pub found_at: Timestamp,
    /// `fork` or `rollback`.
    pub kind: String,
    /// The witness's name, or who else showed it.
    pub source: String,
    /// The size of the other checkpoint.
    pub size: u64,
    /// The room's own newest checkpoint at that time.
    pub ours: Vec<u8>,
    /// The other one, signed by the log; none where it was not shown.
    pub theirs: Option<Vec<u8>>,
    /// The hashes that should lead from the smaller to the larger and do not, as JSON.
    pub proof: String,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = conflicts)]
struct Raw {
    id: Vec<u8>,
    found_at: i64,
    kind: String,
    source: String,
    size: i64,
    ours: Vec<u8>,
    theirs: Option<Vec<u8>>,
    proof: String,
}

/// Keeps evidence, unless it is kept already or there are `most`: says whether it was kept.
///
/// # Errors
/// The row can't be written.
pub fn keep_conflict(
    connection: &mut Connection,
    row: &ConflictRow,
    most: u64,
) -> Result<bool, DbError> {
    let there: i64 = conflicts::table
        .find(row.id.as_bytes().to_vec())
        .count()
        .get_result(connection)?;
    if there > 0 || count_conflicts(connection)? >= most {
        return Ok(false);
    }
    let raw = Raw {
        id: row.id.as_bytes().to_vec(),
        found_at: row.found_at.micros(),
        kind: row.kind.clone(),
        source: row.source.clone(),
        size: signed(row.size),
        ours: row.ours.clone(),
        theirs: row.theirs.clone(),
        proof: row.proof.clone(),
    };
    diesel::insert_into(conflicts::table)
        .values(raw)
        .execute(connection)?;
    Ok(true)
}

/// How many there are.
///
/// # Errors
/// The rows can't be read.
pub fn count_conflicts(connection: &mut Connection) -> Result<u64, DbError> {
    let count: i64 = conflicts::table.count().get_result(connection)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// All of them for administrators, the oldest first.
///
/// # Errors
/// The rows can't be read.
pub fn conflicts_for(
    connection: &mut Connection,
    _permit: &Permit<ManagePeople>,
) -> Result<Vec<ConflictRow>, DbError> {
    all_conflicts(connection)
}

/// The same for whoever may read the register's file: evidence is made to be handed out.
///
/// # Errors
/// The rows can't be read.
pub fn all_conflicts(connection: &mut Connection) -> Result<Vec<ConflictRow>, DbError> {
    let rows: Vec<Raw> = conflicts::table
        .select(Raw::as_select())
        .order((conflicts::found_at, conflicts::id))
        .load(connection)?;
    let rows = rows.into_iter().map(|raw| {
        Ok(ConflictRow {
            id: id("conflicts", &raw.id)?,
            found_at: time("conflicts", raw.found_at)?,
            kind: raw.kind,
            source: raw.source,
            size: u64::try_from(raw.size)
                .map_err(|_| DbError::damaged("conflicts", raw.size, "its size is negative"))?,
            ours: raw.ours,
            theirs: raw.theirs,
            proof: raw.proof,
        })
    });
    rows.collect()
}
