//! The JSON type of every slot. They are bytes of the commitments, so they are frozen.

use serde_json::Value;

use super::{EntryError, kind, slot};
use crate::{
    export::Made, hash::Hash, ids::Id, ids::MAX_INTEGER, json::Members, object::StoredObject,
};

/// What a subject of a known kind can be.
pub const SUBJECT_TYPES: [&str; 5] = ["case", "item", "request", "room", "set"];

/// The members of slot 28.
pub const DERIVATION: [&str; 6] = [
    "operator",
    "parameters",
    "reason",
    "sources",
    "tool",
    "version",
];

/// Checks one slot's value, as far as its type does not depend on the entry's kind.
///
/// # Errors
/// [`EntryError::Type`] naming the slot and what it should be.
pub fn check_slot(slot: usize, value: &Value) -> Result<(), EntryError> {
    use super::slot::*;

    let (good, expected) = match slot {
        V => (value.as_u64() == Some(1), "the integer 1"),
        ORIGIN | KIND => (value.is_string(), "a string"),
        TIME => (is_time(value), "a time in microseconds"),
        SCOPE => (is_id(value), "an id"),
        CASE | ACTOR | AUTHORITY => (value.is_null() || is_id(value), "an id or null"),
        SCOPE_NTH | ITEM_NTH | SUBJECT_NTH => (
            value.is_null()
                || value
                    .as_u64()
                    .is_some_and(|n| (1..=MAX_INTEGER).contains(&n)),
            "an integer from 1, or null",
        ),
        SCOPE_PREV | ITEM_PREV | SUBJECT_PREV | POLICY_SET => {
            (value.is_null() || is_hash(value), "64 hex digits or null")
        }
        ROLE | AUTHENTICATION => (value.is_null() || value.is_string(), "a string or null"),
        SIGNATURE => (value.is_null(), "null"),
        DECISION => (
            value.is_null() || is_decision(value),
            "`decision` and `policies`, or null",
        ),
        APPROVALS => (
            value.is_null() || value.as_array().is_some_and(|all| all.iter().all(is_hash)),
            "an array of hashes, or null",
        ),
        SUBJECT => (is_subject(value), "`type` and `id`"),
        PURPOSE => (
            value.is_null() || is_purpose(value),
            "`code` and `text`, or null",
        ),
        ROWS => (is_rows(value), "`facts` and sorted `rows`"),
        _ => (true, "any value"),
    };
    if good {
        Ok(())
    } else {
        Err(EntryError::Type { slot, expected })
    }
}

/// Checks that nth and prev of each chain agree, where both are known.
pub(super) fn check_chains<'a>(
    value: impl Fn(usize) -> Option<&'a Value>,
) -> Result<(), EntryError> {
    for nth in [slot::SCOPE_NTH, slot::ITEM_NTH, slot::SUBJECT_NTH] {
        let (Some(number), Some(prev)) = (value(nth), value(nth + 1)) else {
            continue;
        };
        let agree = match (number.as_u64(), prev.is_null()) {
            (None, first) => first,
            (Some(n), first) => (n == 1) == first,
        };
        if !agree {
            return Err(EntryError::Type {
                slot: nth,
                expected: "1 exactly when it has no entry before it",
            });
        }
    }
    Ok(())
}

/// Checks the details whose type the formats fix for the entry's kind; a slot of unknown
/// value is passed over, and so is every detail while the kind is unknown.
pub(super) fn check_detail<'a>(
    kind: Option<&str>,
    value: impl Fn(usize) -> Option<&'a Value>,
) -> Result<(), EntryError> {
    let Some(kind) = kind else { return Ok(()) };
    let check = |slot: usize, expected: &'static str, good: fn(&Value) -> bool| match value(slot) {
        Some(value) if !good(value) => Err(EntryError::Type { slot, expected }),
        _ => Ok(()),
    };
    // Readers put the type into sentences; only of a kind that they do not know may it be a
    // word that they do not know either.
    if kind::is_known(kind) {
        check(
            slot::SUBJECT,
            "of a type that its kind can have",
            has_known_type,
        )?;
    }
    if kind::adds_item(kind) {
        check(slot::SIZE, "a size in bytes", is_size)?;
        check(slot::SHA256, "64 hex digits", is_hash)?;
        check(slot::CONTENT_ROOT, "64 hex digits", is_hash)?;
        check(
            slot::STORED,
            "an object as the formats describe it",
            is_stored,
        )?;
        check(
            slot::DESCRIPTION,
            "without `hex` of bytes that are UTF-8",
            |value| !holds_needless_hex(value),
        )?;
    }
    match kind {
        kind::DERIVE => check(slot::DERIVATION, "a derivation", is_derivation),
        kind::RESTORED => check(
            slot::STORED,
            "an object as the formats describe it",
            is_stored,
        ),
        kind::RECORD_TREE => check(
            slot::RECORD_TREE,
            "`number`, `rule`, `n`, `root`",
            |value| {
                Members::exactly(value, &["n", "number", "root", "rule"]).is_ok_and(|tree| {
                    tree.integer("n").is_ok_and(|n| n > 0)
                        && tree
                            .integer("number")
                            .is_ok_and(|n| (1..1 << 32).contains(&n))
                        && tree.string("rule").is_ok()
                        && tree.parsed::<Hash>("root").is_ok()
                })
            },
        ),
        kind::EXPUNGE => check(slot::DETAIL, "`item` and `adding`", |value| {
            Members::exactly(value, &["adding", "item"]).is_ok_and(|detail| {
                detail.parsed::<Hash>("adding").is_ok() && detail.parsed::<Id>("item").is_ok()
            })
        }),
        kind::REGISTER => check(slot::DETAIL, "a register's summary", is_register),
        kind::EXPORT => check(slot::DETAIL, "what an export holds", |value| {
            Made::from_value(value).is_ok()
        }),
        _ => Ok(()),
    }
}

fn is_id(value: &Value) -> bool {
    value.as_str().is_some_and(|id| id.parse::<Id>().is_ok())
}

fn is_hash(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|hash| hash.parse::<Hash>().is_ok())
}

fn is_size(value: &Value) -> bool {
    value.as_u64().is_some_and(|n| n <= MAX_INTEGER)
}

fn is_time(value: &Value) -> bool {
    value
        .as_i64()
        .is_some_and(|n| n.unsigned_abs() <= MAX_INTEGER)
}

fn is_decision(value: &Value) -> bool {
    Members::exactly(value, &["decision", "policies"]).is_ok_and(|decision| {
        decision.string("decision").is_ok()
            && decision
                .array("policies")
                .is_ok_and(|ids| ids.iter().all(Value::is_string))
    })
}

fn is_subject(value: &Value) -> bool {
    Members::exactly(value, &["id", "type"])
        .is_ok_and(|subject| subject.parsed::<Id>("id").is_ok() && subject.string("type").is_ok())
}

fn has_known_type(value: &Value) -> bool {
    let known = |noun: &str| SUBJECT_TYPES.contains(&noun);
    value.get("type").and_then(Value::as_str).is_some_and(known)
}

/// Whether some `{"hex"}` in the value is not the one spelling of bytes that are not UTF-8.
fn holds_needless_hex(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().any(holds_needless_hex),
        Value::Object(members) => match members.get("hex") {
            Some(text) if members.len() == 1 => !text.as_str().is_some_and(is_hex_of_no_text),
            _ => members.values().any(holds_needless_hex),
        },
        _ => false,
    }
}

fn is_hex_of_no_text(text: &str) -> bool {
    hex::decode(text)
        .is_ok_and(|bytes| hex::encode(&bytes) == text && std::str::from_utf8(&bytes).is_err())
}

fn is_purpose(value: &Value) -> bool {
    Members::exactly(value, &["code", "text"])
        .is_ok_and(|purpose| purpose.string("code").is_ok() && purpose.string("text").is_ok())
}

/// Slot 31: rows strictly ascending by table, then id, both bytewise.
fn is_rows(value: &Value) -> bool {
    let Ok(members) = Members::exactly(value, &["facts", "rows"]) else {
        return false;
    };
    let (Some(facts), Ok(rows)) = (members.value("facts").ok(), members.array("rows")) else {
        return false;
    };
    let mut last: Option<(&str, &str)> = None;
    facts.is_null()
        && rows.iter().all(|row| {
            let Ok(row) = Members::exactly(row, &["hash", "id", "rev", "table"]) else {
                return false;
            };
            let (Ok(table), Ok(id)) = (row.string("table"), row.string("id")) else {
                return false;
            };
            let ascending = last.is_none_or(|before| before < (table, id));
            last = Some((table, id));
            ascending
                && id.parse::<Id>().is_ok()
                && row.integer("rev").is_ok_and(|rev| rev >= 1)
                && row.parsed::<Hash>("hash").is_ok()
        })
}

fn is_stored(value: &Value) -> bool {
    StoredObject::from_value(value).is_ok()
}

fn is_derivation(value: &Value) -> bool {
    Members::exactly(value, &DERIVATION).is_ok_and(|derivation| {
        derivation
            .array("sources")
            .is_ok_and(|sources| !sources.is_empty() && sources.iter().all(is_hash))
    })
}

fn is_register(value: &Value) -> bool {
    Members::exactly(
        value,
        &["last_item", "last_item_nth", "n", "recipient", "root"],
    )
    .is_ok_and(|register| {
        let (Ok(n), Ok(nth)) = (register.integer("n"), register.integer("last_item_nth")) else {
            return false;
        };
        let last = register.value("last_item").ok();
        n == nth
            && register.parsed::<Id>("recipient").is_ok()
            && register.parsed::<Hash>("root").is_ok()
            && last.is_some_and(|c| if n == 0 { c.is_null() } else { is_hash(c) })
    })
}
