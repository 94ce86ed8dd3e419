//! Custody entries as readers may have them: by permit, of one thing, in one scope.

mod exporting;

use custos_core::{
    checkpoint::MAX_CONTROLS,
    event::{Control, Entry, slot},
    ids::{Id, LeafIndex, ScopeId},
};
use diesel::prelude::*;

pub use exporting::{Listed, first_at, listed, opened, whose};

use super::{
    Connection, DbError,
    dialect::{Cell, Given, raw},
    entries::{self, Body, EntryRow, Link},
    head::signed,
    keys, schema,
};
use crate::{
    ambient::Ambient,
    keyring::Keyring,
    policy::{
        action::{ActionKind, MakeBundle, ReadHistory, TakeReceipt},
        permit::Permit,
    },
};

/// Permission to read the custody entries of one thing.
pub trait ReadsEntries: ActionKind {}
impl ReadsEntries for ReadHistory {}
impl ReadsEntries for TakeReceipt {}
impl ReadsEntries for MakeBundle {}

/// An entry with everything that is needed to disclose parts of it.
pub struct Opened {
    /// Its position in the log.
    pub index: LeafIndex,
    /// Its values.
    pub entry: Entry,
    /// The opening and commitments of its link slots.
    pub link: Link,
    /// The opening of its body slots.
    pub body: Body,
}

impl Opened {
    /// The kind, slot 2.
    pub fn kind(&self) -> &str {
        self.entry.values()[slot::KIND].as_str().unwrap_or_default()
    }
}

/// The entries in one scope about the thing that the permit is for, oldest first; only those
/// up to number `to` of its chain, if that is given.
///
/// # Errors
/// [`DbError::Damaged`] names the entry; what follows it is not given out either.
pub fn of_subject<A: ReadsEntries>(
    connection: &mut Connection,
    (keyring, ambient): (&Keyring, &Ambient),
    permit: &Permit<A>,
    scope: ScopeId,
    to: Option<u64>,
) -> Result<Vec<Opened>, DbError> {
    let subject = permit.resource().id;
    let rows = entries::of_subject(connection, scope, subject)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let keys = keys::scope(connection, keyring, scope)?;
    let entry_key = keys::entry_key(connection, ambient, &keys, subject, false)?;
    rows.iter()
        .filter(|row| to.is_none_or(|to| row.subject_nth.is_some_and(|nth| nth <= signed(to))))
        .map(|row| open(row, keys.value.as_bytes(), entry_key.as_bytes()))
        .collect()
}

/// The newest control entry below `index`: which keys are valid there. Control entries are
/// public.
///
/// # Errors
/// [`DbError::Damaged`] when there is none, which no log is without.
pub fn control_below(
    connection: &mut Connection,
    index: LeafIndex,
) -> Result<(LeafIndex, Vec<u8>), DbError> {
    use schema::entries::dsl;

    let row: Option<EntryRow> = dsl::entries
        .filter(dsl::idx.lt(signed(index.get())))
        .filter(dsl::scope_id.is_null())
        .order(dsl::idx.desc())
        .first(connection)
        .optional()?;
    let row = row.ok_or_else(|| DbError::damaged("entries", 0, "the first entry is missing"))?;
    Ok((row.index()?, row.leaf.clone()))
}

/// The control entries of a log, in their order, at most one more than a reader takes
/// ([`MAX_CONTROLS`]).
///
/// # Errors
/// The rows can't be read; one is not of its form.
pub fn controls(connection: &mut Connection) -> Result<Vec<(LeafIndex, Control)>, DbError> {
    // By the index of control entries; a longer leaf of a scope is damage, for the audit to tell.
    let query = "SELECT idx, leaf, scope_id FROM entries WHERE length(leaf) > 33 \
                 ORDER BY idx LIMIT ?";
    let limit = i64::try_from(MAX_CONTROLS + 1).expect("it is small");
    let rows = raw(connection, query, &[Given::Integer(limit)])?;
    let controls = rows.iter().filter(|row| row.get(2) == Some(&Cell::Null));
    let rows = controls.map(|row| {
        let [Cell::Integer(index), Cell::Blob(leaf), _] = &row[..] else {
            return Err(DbError::damaged("entries", "?", "it is no control entry"));
        };
        let odd = || DbError::damaged("entries", index, "it is no control entry");
        let number = u64::try_from(*index).ok();
        let number = number.and_then(|index| LeafIndex::new(index).ok());
        let control = Control::parse_leaf(leaf).map_err(|_| odd())?;
        Ok((number.ok_or_else(odd)?, control))
    });
    rows.collect()
}

/// Whether a thing has entries in a scope.
///
/// # Errors
/// The rows can't be read.
pub fn exists(connection: &mut Connection, scope: ScopeId, subject: Id) -> Result<bool, DbError> {
    Ok(!entries::of_subject(connection, scope, subject)?.is_empty())
}

fn open(row: &EntryRow, value_key: &[u8; 32], entry_key: &[u8; 32]) -> Result<Opened, DbError> {
    let link = row.open_link(value_key)?;
    let body = row
        .open_body(entry_key)?
        .ok_or_else(|| row.damaged("its body is missing"))?;
    let entry = row.assemble(&link, &body)?;
    Ok(Opened {
        index: row.index()?,
        entry,
        link,
        body,
    })
}
