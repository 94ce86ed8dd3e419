//! Bound rows: what slot 31 says of the database rows that an entry wrote.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    hash::{Hash, lp, sha256},
    ids::Id,
    json::{self, JsonError},
};

/// Length of a row's salt in bytes; 16 fresh random bytes at each write.
pub const ROW_SALT_BYTES: usize = 16;

/// `SHA-256("custos/row/v1" 0x00 | salt | lp(table) | JCS(columns))`.
///
/// `columns` holds all columns but C and the salt, decrypted, by name; those that are null
/// are left out, so that a new nullable column changes no old hash.
///
/// # Errors
/// A column is not JSON of the formats.
///
/// # Panics
/// The table's name is longer than 65,535 bytes; it is a constant of the program.
pub fn row_hash(
    salt: &[u8; ROW_SALT_BYTES],
    table: &str,
    columns: &Map<String, Value>,
) -> Result<Hash, JsonError> {
    let present: Map<String, Value> = columns
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let mut prefix = b"custos/row/v1\0".to_vec();
    prefix.extend_from_slice(salt);
    lp(&mut prefix, table.as_bytes());
    Ok(sha256(&[
        &prefix,
        &json::canonical(&Value::Object(present))?,
    ]))
}

/// The same hash of a row that serializes into its columns by name.
///
/// # Errors
/// A column is not JSON of the formats.
///
/// # Panics
/// The table's name is longer than 65,535 bytes; it is a constant of the program.
pub fn row_hash_of<T: Serialize>(
    salt: &[u8; ROW_SALT_BYTES],
    table: &str,
    row: &T,
) -> Result<Hash, JsonError> {
    let mut prefix = b"custos/row/v1\0".to_vec();
    prefix.extend_from_slice(salt);
    lp(&mut prefix, table.as_bytes());
    Ok(sha256(&[&prefix, &json::write(row, true)?]))
}

/// One row that an entry wrote: a member of slot 31's `rows`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundRow {
    /// The table's name.
    pub table: String,
    /// The row's id.
    pub id: Id,
    /// Its revision, from 1.
    pub rev: u64,
    /// Its [`row_hash`].
    pub hash: Hash,
}

/// The value of slot 31: `{"facts":null,"rows":[...]}`, sorted by (table, id) bytewise; of
/// a row that stands there more than once only the highest revision is kept.
pub fn rows_value(mut rows: Vec<BoundRow>) -> Value {
    rows.sort_by(|a, b| (&a.table, a.id, b.rev).cmp(&(&b.table, b.id, a.rev)));
    rows.dedup_by(|later, earlier| (&later.table, later.id) == (&earlier.table, earlier.id));
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| json!({"table": row.table, "id": row.id, "rev": row.rev, "hash": row.hash}))
        .collect();
    json!({"facts": null, "rows": rows})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{check_slot, slot};

    fn columns(value: &Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn the_hash_is_frozen_and_ignores_nulls() {
        let hash = |value| row_hash(&[1; 16], "grants", &columns(&value)).expect("JSON");
        let good = hash(json!({"rev": 1, "person": "ab", "until": null}));
        assert_eq!(
            good.to_string(),
            "cba45b9fc5d8e945292057eda31c6b475a308bf23198c2389b2195610aa3b462"
        );
        assert_eq!(hash(json!({"rev": 1, "person": "ab"})), good);
        assert_ne!(hash(json!({"rev": 2, "person": "ab"})), good);
        assert_ne!(
            hash(json!({"rev": 1, "person": "ab", "more": [null]})),
            good
        );
        let other = columns(&json!({"rev": 1, "person": "ab"}));
        assert_ne!(row_hash(&[2; 16], "grants", &other).expect("JSON"), good);
        assert_ne!(row_hash(&[1; 16], "grant", &other).expect("JSON"), good);
        assert!(row_hash(&[1; 16], "grants", &columns(&json!({"x": 0.5}))).is_err());
        for value in [
            json!({"rev": 1, "person": "ab", "until": null}),
            json!({"rev": 1, "person": "ab"}),
        ] {
            assert_eq!(row_hash_of(&[1; 16], "grants", &value), Ok(good));
        }
        assert!(row_hash_of(&[1; 16], "grants", &json!({"x": 0.5})).is_err());
    }

    #[test]
    fn rows_are_sorted_and_stand_once() {
        let row = |table: &str, id: u8, rev| BoundRow {
            table: table.into(),
            id: Id::from_bytes([id; 16]),
            rev,
            hash: Hash::from_bytes([rev as u8; 32]),
        };
        let value = rows_value(vec![
            row("roles", 1, 1),
            row("items", 2, 3),
            row("items", 2, 4),
            row("items", 2, 2),
            row("items", 1, 1),
        ]);
        assert_eq!(check_slot(slot::ROWS, &value), Ok(()));
        let revs: Vec<_> = value["rows"]
            .as_array()
            .expect("an array")
            .iter()
            .map(|row| row["rev"].clone())
            .collect();
        assert_eq!(revs, [json!(1), json!(4), json!(1)]);
    }
}
