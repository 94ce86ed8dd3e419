//! Entries of a scope, a piece at a time, for an export of the log. Which of them somebody may
//! see is decided by the floor above, of each thing that they are about.

use std::collections::{HashMap, hash_map::Entry};

use custos_core::{
    event::slot,
    hash::Hash,
    ids::{Id, LeafIndex, ScopeId, Timestamp},
    keys::EntryKey,
};
use diesel::prelude::*;

use super::{Opened, open};
use crate::{
    ambient::Ambient,
    db::{
        Connection, DbError,
        entries::{self, Chain, EntryRow, LINKED, Link, Linked, linked},
        head::signed,
        keys,
        schema::entries::dsl,
    },
    keyring::Keyring,
    policy::{action::ExportCustody, permit::Permit},
};

/// An entry by what lies open in its row.
pub struct Listed {
    /// Its number in the scope.
    pub nth: u64,
    /// Its position in the log.
    pub index: LeafIndex,
    /// Its commitment.
    pub c: Hash,
    /// What it is about.
    pub subject: Id,
    row: EntryRow,
}

impl Listed {
    /// Its link part: kind, time, who acted.
    ///
    /// # Errors
    /// [`DbError::Damaged`].
    pub fn link(
        &self,
        connection: &mut Connection,
        keyring: &Keyring,
        scope: ScopeId,
    ) -> Result<Link, DbError> {
        let keys = keys::scope(connection, keyring, scope)?;
        self.row.open_link(keys.value.as_bytes())
    }
}

/// The entries of a scope behind number `after` and below index `below`, at most `most`.
///
/// # Errors
/// The rows can't be read, or one is not of its form.
pub fn listed(
    connection: &mut Connection,
    _permit: &Permit<ExportCustody>,
    scope: ScopeId,
    (after, below): (u64, LeafIndex),
    most: i64,
) -> Result<Vec<Listed>, DbError> {
    let found: Vec<Found> = dsl::entries
        .filter(dsl::scope_id.eq(scope.as_bytes().to_vec()))
        .filter(dsl::scope_nth.gt(signed(after)))
        .filter(dsl::idx.lt(signed(below.get())))
        .order(dsl::scope_nth.asc())
        .limit(most)
        .select((dsl::scope_nth, dsl::subject_id, LINKED))
        .load(connection)?;
    found.into_iter().map(read).collect()
}

/// The columns of a [`Listed`].
type Found = (Option<i64>, Option<Vec<u8>>, Linked);

fn read((nth, subject, entry): Found) -> Result<Listed, DbError> {
    let row = EntryRow {
        subject_id: subject,
        ..linked(entry)
    };
    let nth = nth.and_then(|nth| u64::try_from(nth).ok());
    let odd = |what| row.damaged(what);
    Ok(Listed {
        nth: nth.ok_or_else(|| odd("it has no number in its scope"))?,
        index: row.index()?,
        c: row
            .commitment()
            .ok_or_else(|| odd("it is no custody entry"))?,
        subject: row.subject()?.ok_or_else(|| odd("it has no subject"))?,
        row,
    })
}

/// The number of a scope's last entry before a moment; 0 where there is none. Times do not fall
/// as numbers rise.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn first_at(
    connection: &mut Connection,
    keyring: &Keyring,
    _permit: &Permit<ExportCustody>,
    scope: ScopeId,
    moment: Timestamp,
) -> Result<u64, DbError> {
    let head = entries::chain_head(connection, Chain::Scope(scope))?;
    // INVARIANT: the entry number `before` lies before the moment, number `behind` does not.
    let (mut before, mut behind) = (0, head.map_or(1, |head| head.nth + 1));
    while behind - before > 1 {
        let middle = before + (behind - before) / 2;
        let found: Option<Found> = dsl::entries
            .filter(dsl::scope_id.eq(scope.as_bytes().to_vec()))
            .filter(dsl::scope_nth.eq(signed(middle)))
            .select((dsl::scope_nth, dsl::subject_id, LINKED))
            .first(connection)
            .optional()?;
        let missing = || DbError::damaged("entries", scope, "a number of its chain is missing");
        let link = read(found.ok_or_else(missing)?)?.link(connection, keyring, scope)?;
        match link.value(slot::TIME).as_i64() {
            Some(micros) if micros < moment.micros() => before = middle,
            _ => behind = middle,
        }
    }
    Ok(before)
}

/// These entries of a scope, in the order of the log, opened.
///
/// # Errors
/// [`DbError::Damaged`]: one is missing, of another scope, or not what its leaf says.
pub fn opened(
    connection: &mut Connection,
    (keyring, ambient): (&Keyring, &Ambient),
    _permit: &Permit<ExportCustody>,
    scope: ScopeId,
    indices: &[LeafIndex],
) -> Result<Vec<Opened>, DbError> {
    let wanted: Vec<i64> = indices.iter().map(|index| signed(index.get())).collect();
    let rows: Vec<EntryRow> = dsl::entries
        .filter(dsl::idx.eq_any(&wanted))
        .filter(dsl::scope_id.eq(scope.as_bytes().to_vec()))
        .order(dsl::idx.asc())
        .load(connection)?;
    if rows.len() != wanted.len() {
        return Err(DbError::damaged("entries", scope, "an entry is missing"));
    }
    let scope_keys = keys::scope(connection, keyring, scope)?;
    let mut entry_keys: HashMap<Id, EntryKey> = HashMap::new();
    let mut all = Vec::with_capacity(rows.len());
    for row in &rows {
        let subject = row
            .subject()?
            .ok_or_else(|| row.damaged("it has no subject"))?;
        let key = match entry_keys.entry(subject) {
            Entry::Occupied(key) => key.into_mut(),
            Entry::Vacant(place) => {
                let key = keys::entry_key(connection, ambient, &scope_keys, subject, false)?;
                place.insert(key)
            }
        };
        all.push(open(row, scope_keys.value.as_bytes(), key.as_bytes())?);
    }
    Ok(all)
}

/// Scope, subject and commitment of an entry.
///
/// # Errors
/// It is missing, or no custody entry.
pub fn whose(
    connection: &mut Connection,
    _permit: &Permit<ExportCustody>,
    index: LeafIndex,
) -> Result<(ScopeId, Id, Hash), DbError> {
    let row = entries::at(connection, index.get())?;
    let row = row.ok_or_else(|| DbError::damaged("entries", index, "it is missing"))?;
    match (row.scope()?, row.subject()?, row.commitment()) {
        (Some(scope), Some(subject), Some(c)) => Ok((scope, subject, c)),
        _ => Err(row.damaged("it is no custody entry")),
    }
}
