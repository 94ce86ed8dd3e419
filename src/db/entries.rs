//! Custody entries as the room keeps them: what the log holds, and two encrypted parts.
//!
//! ```text
//! link = value key  ( opening[32] | c_0[32] ... c_31[32] | JCS of slots 0-19 and 31 )
//! body = entry key  ( opening[32] | JCS of slots 20-30 )
//! ```

mod linked;

use std::{cell::OnceCell, ops::Range};

use custos_core::{
    cipher::Salt,
    event::{Commitments, Entry, Opening, SLOTS, leaf_data, slot},
    hash::Hash,
    ids::{Id, LeafIndex, ScopeId},
    json,
};
use diesel::prelude::*;
use serde_json::Value;
use zeroize::Zeroizing;

pub(super) use linked::{LINKED, Linked, linked};

use super::{Connection, DbError, dialect, head::signed, schema::entries, value::Place};

const TABLE: &str = "entries";
/// Slots kept in the link part: 0 to 19, and 31.
const LINK_SLOTS: usize = 21;
/// Slots kept in the body part: 20 to 30.
const BODY_SLOTS: usize = 11;

const NO_SLOTS: &str = "its slots are not of their form";

/// An entry's row.
#[derive(Debug, Clone, Queryable)]
pub struct EntryRow {
    /// Position in the log.
    pub idx: i64,
    /// The row's own id, which binds its encrypted parts to it.
    pub id: Vec<u8>,
    /// What the log holds: `0x01 | C`, or `0x02 | JCS`.
    pub leaf: Vec<u8>,
    /// The entry's scope; null for a control entry, as are all that follow.
    pub scope_id: Option<Vec<u8>>,
    /// Number in the scope's chain.
    pub scope_nth: Option<i64>,
    /// Number in the scope's chain of items.
    pub item_nth: Option<i64>,
    /// The subject's id.
    pub subject_id: Option<Vec<u8>>,
    /// Number in the subject's chain within the scope.
    pub subject_nth: Option<i64>,
    /// Whether it wrote bound rows, so that they find it by its commitment.
    pub writes_rows: bool,
    /// Link part, encrypted under the scope's value key.
    pub link: Option<Vec<u8>>,
    /// Body part, encrypted under the subject's entry key; null once expunged.
    pub body: Option<Vec<u8>>,
}

/// The link part in the clear.
pub struct Link {
    /// From which the keys of the link slots follow.
    pub opening: Opening,
    /// All 32 commitments.
    pub commitments: Commitments,
    /// Slots 0 to 19, then 31; each parsed once somebody looks at it.
    values: Vec<OnceCell<Value>>,
    /// What was decrypted, and where the slots lie in it.
    plain: Zeroizing<Vec<u8>>,
    places: Vec<Range<usize>>,
}

impl Link {
    /// The value of a link slot.
    ///
    /// # Panics
    /// The slot is one of the body's; callers name slots by constants.
    pub fn value(&self, slot: usize) -> &Value {
        assert!(slot < slot::SUBJECT || slot == slot::ROWS, "a link slot");
        self.nth(slot.min(LINK_SLOTS - 1))
    }

    fn nth(&self, nth: usize) -> &Value {
        self.values[nth].get_or_init(|| {
            let text = &self.plain[self.places[nth].clone()];
            serde_json::from_slice(text).expect("all of it was read once")
        })
    }
}

/// The body part in the clear.
pub struct Body {
    /// From which the keys of the body slots follow.
    pub opening: Opening,
    /// Slots 20 to 30.
    values: Vec<Value>,
}

impl Body {
    /// The value of a body slot.
    ///
    /// # Panics
    /// The slot is one of the link's; callers name slots by constants.
    pub fn value(&self, slot: usize) -> &Value {
        assert!(
            (slot::SUBJECT..=slot::PROVENANCE).contains(&slot),
            "a body slot"
        );
        &self.values[slot - slot::SUBJECT]
    }
}

/// The position of an entry in one chain, and the commitment before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainHead {
    /// Number of the newest entry.
    pub nth: u64,
    /// Its `C`.
    pub c: Hash,
}

impl EntryRow {
    /// The entry's position in the log.
    ///
    /// # Errors
    /// [`DbError::Damaged`].
    pub fn index(&self) -> Result<LeafIndex, DbError> {
        u64::try_from(self.idx)
            .ok()
            .and_then(|index| LeafIndex::new(index).ok())
            .ok_or_else(|| self.damaged("its index is out of range"))
    }

    /// `C`, if this is no control entry.
    pub fn commitment(&self) -> Option<Hash> {
        match self.leaf.split_first() {
            Some((0x01, c)) => c.try_into().ok().map(Hash::from_bytes),
            _ => None,
        }
    }

    /// The scope, if this is no control entry.
    ///
    /// # Errors
    /// [`DbError::Damaged`].
    pub fn scope(&self) -> Result<Option<ScopeId>, DbError> {
        let id = self
            .scope_id
            .as_ref()
            .map(|id| self.id_of(id))
            .transpose()?;
        Ok(id.map(ScopeId::from))
    }

    /// The subject, if this is no control entry.
    ///
    /// # Errors
    /// [`DbError::Damaged`].
    pub fn subject(&self) -> Result<Option<Id>, DbError> {
        self.subject_id
            .as_ref()
            .map(|id| self.id_of(id))
            .transpose()
    }

    /// Decrypts the link part and checks that its commitments make the leaf.
    ///
    /// # Errors
    /// [`DbError::Damaged`] says what does not hold.
    pub fn open_link(&self, value_key: &[u8; 32]) -> Result<Link, DbError> {
        let link = self.decrypt_link(value_key)?;
        if self.leaf != leaf_data(&link.commitments.entry()) {
            return Err(self.damaged("its commitments do not make its leaf"));
        }
        Ok(link)
    }

    /// Decrypts the link part without a look at the leaf; for the audit, which then knows
    /// what the leaf should be.
    ///
    /// # Errors
    /// [`DbError::Damaged`] says what does not hold.
    pub fn decrypt_link(&self, value_key: &[u8; 32]) -> Result<Link, DbError> {
        let sealed = self
            .link
            .as_ref()
            .ok_or_else(|| self.damaged("its link part is missing"))?;
        let plain = self.place("link")?.open(value_key, sealed)?;
        let Some((head, jcs)) = plain.split_at_checked(32 + 32 * SLOTS) else {
            return Err(self.damaged("its link part is too short"));
        };
        let (opening, commitments) = head.split_at(32);
        let mut hashes = [Hash::from_bytes([0; 32]); SLOTS];
        for (hash, bytes) in hashes.iter_mut().zip(commitments.as_chunks::<32>().0) {
            *hash = Hash::from_bytes(*bytes);
        }
        let begin = head.len();
        let places = json::elements(jcs).ok();
        let places = places.filter(|places| places.len() == LINK_SLOTS);
        let places = places.ok_or_else(|| self.damaged(NO_SLOTS))?;
        let places = places.iter();
        Ok(Link {
            opening: self.opening(opening)?,
            commitments: Commitments::new(hashes),
            values: vec![OnceCell::new(); LINK_SLOTS],
            places: places
                .map(|place| place.start + begin..place.end + begin)
                .collect(),
            plain,
        })
    }

    /// Decrypts the body part; `None` when it was destroyed with its subject.
    ///
    /// # Errors
    /// [`DbError::Damaged`].
    pub fn open_body(&self, entry_key: &[u8; 32]) -> Result<Option<Body>, DbError> {
        let Some(sealed) = &self.body else {
            return Ok(None);
        };
        let plain = self.place("body")?.open(entry_key, sealed)?;
        let Some((opening, jcs)) = plain.split_at_checked(32) else {
            return Err(self.damaged("its body part is too short"));
        };
        Ok(Some(Body {
            opening: self.opening(opening)?,
            values: self.values(jcs, BODY_SLOTS)?,
        }))
    }

    /// Puts the two parts together and checks every slot against its commitment.
    ///
    /// # Errors
    /// [`DbError::Damaged`].
    pub fn assemble(&self, link: &Link, body: &Body) -> Result<Entry, DbError> {
        let mut link_values = (0..LINK_SLOTS).map(|nth| link.nth(nth).clone());
        let mut body_values = body.values.iter().cloned();
        let values: [Value; SLOTS] = std::array::from_fn(|slot| {
            let from = if (slot::SUBJECT..=slot::PROVENANCE).contains(&slot) {
                &mut body_values as &mut dyn Iterator<Item = Value>
            } else {
                &mut link_values
            };
            from.next().unwrap_or(Value::Null)
        });
        let entry = Entry::new(values).map_err(|_| self.damaged("a slot is of the wrong type"))?;
        let commitments = entry.commit(&link.opening, &body.opening);
        if commitments != link.commitments {
            return Err(self.damaged("a slot does not fit its commitment"));
        }
        Ok(entry)
    }

    fn opening(&self, bytes: &[u8]) -> Result<Opening, DbError> {
        let bytes = bytes
            .try_into()
            .map_err(|_| self.damaged("its opening is too short"))?;
        Ok(Opening::from_bytes(bytes))
    }

    fn values(&self, jcs: &[u8], count: usize) -> Result<Vec<Value>, DbError> {
        match json::parse(jcs) {
            Ok(Value::Array(values)) if values.len() == count => Ok(values),
            _ => Err(self.damaged(NO_SLOTS)),
        }
    }

    fn place(&self, column: &'static str) -> Result<Place, DbError> {
        Ok(Place {
            table: TABLE,
            row: self.id_of(&self.id)?,
            column,
        })
    }

    fn id_of(&self, bytes: &[u8]) -> Result<Id, DbError> {
        let bytes = bytes
            .try_into()
            .map_err(|_| self.damaged("an id is not 16 bytes"))?;
        Ok(Id::from_bytes(bytes))
    }

    /// The error that names this entry.
    pub fn damaged(&self, what: &'static str) -> DbError {
        DbError::damaged(TABLE, self.idx, what)
    }
}

/// The two encrypted parts of a new entry.
pub struct Sealed {
    /// For the `link` column.
    pub link: Vec<u8>,
    /// For the `body` column.
    pub body: Vec<u8>,
}

/// Encrypts an entry's values, openings and commitments for the row `id`.
pub fn seal(
    id: Id,
    (value_key, entry_key): (&[u8; 32], &[u8; 32]),
    [link_salt, body_salt]: &[Salt; 2],
    (link_opening, body_opening): (&Opening, &Opening),
    entry: &Entry,
    commitments: &Commitments,
) -> Sealed {
    let mut link = Zeroizing::new(Vec::with_capacity(4096));
    link.extend_from_slice(link_opening.as_bytes());
    for commitment in commitments.slots() {
        link.extend_from_slice(commitment.as_bytes());
    }
    extend_array(&mut link, entry, (0..slot::SUBJECT).chain([slot::ROWS]));

    let mut body = Zeroizing::new(Vec::with_capacity(1024));
    body.extend_from_slice(body_opening.as_bytes());
    extend_array(&mut body, entry, slot::SUBJECT..=slot::PROVENANCE);

    let place = |column| Place {
        table: TABLE,
        row: id,
        column,
    };
    Sealed {
        link: place("link").seal_with(value_key, link_salt, &link),
        body: place("body").seal_with(entry_key, body_salt, &body),
    }
}

/// The JCS of an array of these slots.
fn extend_array(into: &mut Vec<u8>, entry: &Entry, slots: impl Iterator<Item = usize>) {
    into.push(b'[');
    for (position, slot) in slots.enumerate() {
        if position > 0 {
            into.push(b',');
        }
        into.extend_from_slice(entry.jcs(slot));
    }
    into.push(b']');
}

/// Writes an entry's row.
///
/// # Errors
/// Its position in the log or in a chain is taken.
pub fn insert(connection: &mut Connection, row: &EntryRow) -> Result<(), DbError> {
    Ok(dialect::insert_entry(connection, row)?)
}

/// The entry at an index.
///
/// # Errors
/// The row can't be read.
pub fn at(connection: &mut Connection, index: u64) -> Result<Option<EntryRow>, DbError> {
    Ok(entries::table
        .find(signed(index))
        .first(connection)
        .optional()?)
}

/// The entry with this commitment, if it wrote bound rows; without its body.
///
/// # Errors
/// The row can't be read.
pub fn that_wrote(connection: &mut Connection, c: &Hash) -> Result<Option<EntryRow>, DbError> {
    let found: Option<Linked> = entries::table
        .filter(entries::leaf.eq(leaf_data(c).to_vec()))
        .filter(entries::writes_rows)
        .select(LINKED)
        .first(connection)
        .optional()?;
    Ok(found.map(linked))
}

/// A subject's entries in one scope, oldest first.
///
/// # Errors
/// The rows can't be read.
pub fn of_subject(
    connection: &mut Connection,
    scope: ScopeId,
    subject: Id,
) -> Result<Vec<EntryRow>, DbError> {
    Ok(entries::table
        .filter(entries::scope_id.eq(scope.as_bytes().to_vec()))
        .filter(entries::subject_id.eq(subject.as_bytes().to_vec()))
        .order(entries::subject_nth.asc())
        .load(connection)?)
}

/// Entries from `from` on, at most `limit`, in the order of the log.
///
/// # Errors
/// The rows can't be read.
pub fn range(connection: &mut Connection, from: u64, limit: i64) -> Result<Vec<EntryRow>, DbError> {
    Ok(entries::table
        .filter(entries::idx.ge(signed(from)))
        .order(entries::idx.asc())
        .limit(limit)
        .load(connection)?)
}

/// What the log holds of the entries from `from` up to and without `to`.
///
/// # Errors
/// The rows can't be read, or one of them is missing.
pub fn leaves(connection: &mut Connection, from: u64, to: u64) -> Result<Vec<Vec<u8>>, DbError> {
    let rows: Vec<(i64, Vec<u8>)> = entries::table
        .filter(entries::idx.ge(signed(from)))
        .filter(entries::idx.lt(signed(to)))
        .order(entries::idx.asc())
        .select((entries::idx, entries::leaf))
        .load(connection)?;
    for (index, (found, _)) in (from..to).zip(&rows) {
        if *found != signed(index) {
            return Err(DbError::damaged(TABLE, index, "it is missing"));
        }
    }
    if rows.len() as u64 != to - from {
        return Err(DbError::damaged(
            TABLE,
            from + rows.len() as u64,
            "it is missing",
        ));
    }
    Ok(rows.into_iter().map(|(_, leaf)| leaf).collect())
}

/// Which chain of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Chain {
    /// All entries of the scope.
    Scope(ScopeId),
    /// Those that add an item to it.
    Items(ScopeId),
    /// Those about one subject.
    Subject(ScopeId, Id),
}

/// The newest entry of a chain; `None` before its first.
///
/// # Errors
/// The row can't be read.
pub fn chain_head(connection: &mut Connection, chain: Chain) -> Result<Option<ChainHead>, DbError> {
    let scope = match chain {
        Chain::Scope(scope) | Chain::Items(scope) | Chain::Subject(scope, _) => scope,
    };
    let in_scope = entries::table.filter(entries::scope_id.eq(scope.as_bytes().to_vec()));
    let found: Option<(Option<i64>, Vec<u8>)> = match chain {
        Chain::Scope(_) => in_scope
            .order(entries::scope_nth.desc())
            .select((entries::scope_nth, entries::leaf))
            .first(connection)
            .optional()?,
        Chain::Items(_) => in_scope
            .filter(entries::item_nth.is_not_null())
            .order(entries::item_nth.desc())
            .select((entries::item_nth, entries::leaf))
            .first(connection)
            .optional()?,
        Chain::Subject(_, subject) => in_scope
            .filter(entries::subject_id.eq(subject.as_bytes().to_vec()))
            .order(entries::subject_nth.desc())
            .select((entries::subject_nth, entries::leaf))
            .first(connection)
            .optional()?,
    };
    let Some((nth, leaf)) = found else {
        return Ok(None);
    };
    let nth = nth.and_then(|nth| u64::try_from(nth).ok());
    let c = leaf.get(1..).and_then(|c| c.try_into().ok());
    match (nth, c) {
        (Some(nth), Some(c)) => Ok(Some(ChainHead {
            nth,
            c: Hash::from_bytes(c),
        })),
        _ => Err(DbError::damaged(
            TABLE,
            hex::encode(&leaf),
            "its place in a chain is odd",
        )),
    }
}
