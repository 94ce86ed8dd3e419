//! What is kept of a finding for those who see audits.
//!
//! They may have no case, and may stand behind a wall. So what is kept names what lies in the
//! store and in the public log, and of the register the table and the column: never the id of a
//! case, an item or a person. A row has a reference that only this room can make of its id, so
//! that one can be told from another and be found again in the next round. The command
//! `custos audit`, on the machine, names everything.

use custos_core::{hash::hmac_sha256, keys::SessionKey};

use crate::{
    app::audit::{Finding, Place},
    db::audits::FoundDetails,
};

/// Bytes of a reference.
const REFERENCE_BYTES: usize = 8;
/// An id is as long as this in hex; whatever is, or is longer, is left out of words.
const ID_DIGITS: usize = 32;
/// Longest words that are kept of a finding.
const MAX_WORDS_CHARS: usize = 200;

/// What is kept of a finding.
pub(super) fn located(key: &SessionKey, finding: &Finding) -> FoundDetails {
    let mut kept = FoundDetails {
        place: place_name(&finding.place).into(),
        what: without_ids(&finding.what),
        ..FoundDetails::default()
    };
    if of_items(&kept.what) && matches!(finding.place, Place::Entry { .. }) {
        kept.what = "it is not what it should be".into();
    }
    let natural = |number: i64| u64::try_from(number).ok();
    match &finding.place {
        Place::Database | Place::CheckpointFile => {}
        Place::Head { field } => kept.field = Some((*field).into()),
        Place::Entry { index, part } => {
            kept.leaf = natural(*index);
            kept.field = (!of_items(part)).then(|| (*part).into());
        }
        // Neither which chain nor the number in it: both tell of what a scope holds.
        Place::Chain { index, .. } => kept.leaf = natural(*index),
        Place::Row { table, id, column } => {
            kept.table = Some((*table).into());
            kept.row = Some(reference(key, table, id));
            kept.field = column.map(Into::into);
        }
        Place::Key { id, purpose, .. } => {
            let table = "wrapped_keys";
            kept.table = Some(table.into());
            kept.row = id.as_ref().map(|id| reference(key, table, id));
            kept.field = purpose.map(Into::into);
        }
        Place::Object { id, segment, chunk } => {
            kept.object = Some(id.to_string());
            (kept.segment, kept.chunk) = (*segment, *chunk);
        }
        Place::Tile { path, position } | Place::EntryBundle { path, position } => {
            kept.path = Some(path.clone());
            kept.position = *position;
        }
        Place::Checkpoint { size } => kept.size = natural(*size),
        Place::PublicFile { path } => kept.path = Some(path.clone()),
    }
    kept
}

/// The name of a kind of place, as in the report of the command.
const fn place_name(place: &Place) -> &'static str {
    match place {
        Place::Database => "database",
        Place::Head { .. } => "head",
        Place::Entry { .. } => "entry",
        Place::Chain { .. } => "chain",
        Place::Row { .. } => "row",
        Place::Key { .. } => "key",
        Place::Object { .. } => "object",
        Place::Tile { .. } => "tile",
        Place::EntryBundle { .. } => "entry_bundle",
        Place::Checkpoint { .. } => "checkpoint",
        Place::CheckpointFile => "checkpoint_file",
        Place::PublicFile { .. } => "public_file",
    }
}

/// `hex(first 8 bytes of HMAC-SHA-256(session key, "custos/audit-row/v1" 0x00 | table | 0x00 | id))`
fn reference(key: &SessionKey, table: &str, id: &str) -> String {
    let parts: [&[u8]; 4] = [
        b"custos/audit-row/v1\0",
        table.as_bytes(),
        b"\0",
        id.as_bytes(),
    ];
    let tag = hmac_sha256(key.as_bytes(), &parts);
    hex::encode(&tag[..REFERENCE_BYTES])
}

/// Whether what is said of an entry tells that it adds an item, which nobody else learns of it.
fn of_items(said: &str) -> bool {
    said.contains("item")
}

/// Words of a finding without whatever may be an id: what the database or the store says of
/// itself may hold one.
fn without_ids(what: &str) -> String {
    let mut kept = String::with_capacity(what.len());
    let mut rest = what;
    while let Some(first) = rest.chars().next() {
        let is_digit = first.is_ascii_hexdigit();
        let end = rest
            .find(|c: char| c.is_ascii_hexdigit() != is_digit)
            .unwrap_or(rest.len());
        let (run, behind) = rest.split_at(end);
        kept.push_str(if is_digit && run.len() >= ID_DIGITS {
            "…"
        } else {
            run
        });
        rest = behind;
    }
    kept.chars().take(MAX_WORDS_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use custos_core::ids::{Id, ObjectId, ScopeId};

    use super::*;
    use crate::app::audit::ChainOf;

    const ID: &str = "00112233445566778899aabbccddeeff";

    fn kept(place: Place, what: &'static str) -> String {
        let key = SessionKey::from_bytes([9; 32]);
        let what = what.into();
        let kept = located(&key, &Finding { place, what });
        serde_json::to_string(&kept).expect("JSON")
    }

    #[test]
    fn no_place_tells_an_id_of_a_case_an_item_or_a_person() {
        let id = || ID.to_owned();
        let scope: ScopeId = ID.parse::<Id>().expect("an id").into();
        let (table, column) = ("items", Some("details"));
        let (which, nth, index) = (ChainOf::Items, 7, 4);
        let purpose = Some("data");
        for place in [
            Place::Row {
                table,
                id: id(),
                column,
            },
            Place::Key {
                id: Some(id()),
                purpose,
                owner: Some(id()),
            },
            Place::Chain {
                scope,
                which,
                nth,
                index,
            },
            Place::Database,
        ] {
            let what = "row 00112233445566778899aabbccddeeff of `items` is damaged";
            let told = kept(place, what);
            assert!(!told.contains(ID), "{told}");
            assert!(told.contains("row … of `items` is damaged"), "{told}");
            assert!(!told.contains("nth") && !told.contains(":7"), "{told}");
        }
    }

    #[test]
    fn a_row_is_told_from_another_and_found_again() {
        let row = |table, id: &str| {
            let id = id.to_owned();
            let column = None;
            kept(Place::Row { table, id, column }, "it is missing")
        };
        assert_eq!(row("items", ID), row("items", ID));
        assert_ne!(row("items", ID), row("cases", ID));
        assert_ne!(row("items", ID), row("items", &ID.replace('0', "1")));
    }

    #[test]
    fn what_lies_in_the_store_and_in_the_public_log_is_named() {
        let object: ObjectId = ID.parse::<Id>().expect("an id").into();
        let (segment, chunk) = (Some(3), Some(17));
        let told = kept(
            Place::Object {
                id: object,
                segment,
                chunk,
            },
            "it does not open",
        );
        let wanted = format!(
            r#"{{"place":"object","object":"{ID}","segment":3,"chunk":17,"what":"it does not open"}}"#
        );
        assert_eq!(told, wanted);
        let place = Place::Tile {
            path: "tile/0/000".into(),
            position: Some(2),
        };
        let told = kept(place, "it is another hash");
        assert!(
            told.contains(r#""path":"tile/0/000","position":2"#),
            "{told}"
        );
    }
}
