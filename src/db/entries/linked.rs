//! Entries of which only the link part is opened, as most are: it says what they wrote.

use super::EntryRow;
use crate::db::schema::entries;

/// The columns of an entry from which its link part is opened.
pub(in crate::db) const LINKED: (
    entries::idx,
    entries::id,
    entries::leaf,
    entries::scope_id,
    entries::link,
) = (
    entries::idx,
    entries::id,
    entries::leaf,
    entries::scope_id,
    entries::link,
);

/// What is read of such an entry.
pub(in crate::db) type Linked = (i64, Vec<u8>, Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>);

/// An entry of which only its link part is opened.
pub(in crate::db) fn linked((idx, id, leaf, scope_id, link): Linked) -> EntryRow {
    EntryRow {
        idx,
        id,
        leaf,
        scope_id,
        scope_nth: None,
        item_nth: None,
        subject_id: None,
        subject_nth: None,
        writes_rows: true,
        link,
        body: None,
    }
}
