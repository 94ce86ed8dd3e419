//! Valid vectors as a beginning, and edits to them.

use serde_json::Value;

/// Replaces `cut` bytes by `put`, both somewhere in the input.
pub type Edit = (u16, u8, Vec<u8>);

/// The texts named `member` of all valid vectors of one list.
pub fn valid(file: &str, list: &str, member: &str) -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/");
    let text = std::fs::read(format!("{folder}{file}")).expect("the vectors are there");
    let vectors: Value = serde_json::from_slice(&text).expect("the vectors are JSON");
    let vectors = vectors[list].as_array().expect("a list");
    let texts: Vec<_> = vectors
        .iter()
        .map(|vector| vector[member].as_str().expect("a text").to_owned())
        .collect();
    assert!(!texts.is_empty());
    texts
}

/// One of the inputs, chosen and edited.
pub fn edited(inputs: &[String], choice: u8, (at, cut, put): &Edit) -> (usize, Vec<u8>) {
    let choice = usize::from(choice) % inputs.len();
    let mut bytes = inputs[choice].clone().into_bytes();
    let at = usize::from(*at) % (bytes.len() + 1);
    let end = (at + usize::from(*cut) % 8).min(bytes.len());
    bytes.splice(at..end, put.iter().copied());
    (choice, bytes)
}
