//! Reading the frozen vectors under `tests/vectors/`.
#![allow(dead_code)]

use std::{fs, ops::Range, path::PathBuf};

use serde_json::Value;

/// The vector file of this subject.
pub fn vectors(subject: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/vectors")
        .join(format!("{subject}.json"));
    let text = fs::read(path).expect("the vectors are committed");
    serde_json::from_slice(&text).expect("the vectors are JSON")
}

/// The cases of one list, which is never empty.
pub fn cases<'a>(vectors: &'a Value, list: &str) -> &'a [Value] {
    let cases = vectors[list].as_array().expect("a list of cases");
    assert!(!cases.is_empty(), "{list}");
    cases
}

/// A member that is a string.
pub fn text<'a>(case: &'a Value, member: &str) -> &'a str {
    case[member]
        .as_str()
        .unwrap_or_else(|| panic!("`{member}` of {case}"))
}

/// A member that is a number.
pub fn number(case: &Value, member: &str) -> u64 {
    case[member]
        .as_u64()
        .unwrap_or_else(|| panic!("`{member}` of {case}"))
}

/// A member that is bytes in hex.
pub fn bytes(case: &Value, member: &str) -> Vec<u8> {
    hex::decode(text(case, member)).expect("hex")
}

/// A member that is exactly `N` bytes in hex.
pub fn array<const N: usize>(case: &Value, member: &str) -> [u8; N] {
    bytes(case, member)
        .try_into()
        .expect("bytes of that length")
}

/// Bytes of the generated input, whose rule stands in the head of the files.
pub fn generated(range: Range<u64>) -> Vec<u8> {
    range
        .map(|i| ((i * 31 + i / 256 * 17 + i / 65_536 * 101 + 7) % 256) as u8)
        .collect()
}
