//! Bundles with tokens of time authorities, and their defects.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use custos_core::bundle::Place;
use serde_json::{Value, json};

use super::{Case, case};
use crate::{draft::Draft, room::Room, samples};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../../../tests/vectors/timestamp.json"))
        .expect("the vectors are JSON")
}

/// A token that `openssl` made.
fn token(name: &str) -> Vec<u8> {
    let vectors = vectors();
    let text = vectors["bundle"][name].as_str().expect(name);
    BASE64_STANDARD.decode(text).expect("base64")
}

/// The authorities of the vectors, for a verifier who names them.
pub fn trust_json() -> String {
    let vectors = vectors();
    // Sorted here: another crate of the same build may keep the order of the file by a feature.
    let all = vectors["authorities"].as_object().expect("authorities");
    let sorted: BTreeMap<&String, &Value> = all.iter().collect();
    let rows = sorted
        .into_iter()
        .map(|(name, certificate)| json!({"name": name, "certificate": certificate}));
    let rows: Vec<Value> = rows.collect();
    let file = json!({"v": 1, "log_keys": [], "bundle_keys": [], "time_authorities": rows});
    String::from_utf8(custos_core::json::canonical(&file).expect("JSON")).expect("UTF-8")
}

fn at(room: &Room, size: u64) -> Place {
    let key = room.log_key.verifier_key().id();
    Place::Timestamp { size, key }
}

/// The whole item, with these tokens: sizes of checkpoints and names.
fn with(tokens: &[(u64, &str)]) -> Vec<u8> {
    let room = samples::room();
    let mut draft = samples::whole(&room);
    for (size, name) in tokens {
        draft.put(&at(&room, *size), token(name));
    }
    draft.seal(&room)
}

/// Both checkpoints stamped, each by another authority.
pub fn stamped() -> Vec<u8> {
    with(&[(3, "older"), (7, "newest")])
}

/// Stamped by somebody whom nobody names.
pub fn strange() -> Vec<u8> {
    with(&[(7, "stranger")])
}

pub fn timestamp() -> Vec<Case> {
    let room = samples::room();
    let key = room.log_key.verifier_key().id();
    let holding = |place: &Place, bytes: &[u8]| {
        let mut draft: Draft = samples::whole(&room);
        draft.put(place, bytes);
        draft.seal(&room)
    };
    let asked = |name, bytes| Case {
        authorities: true,
        ..case(name, "timestamp", bytes)
    };
    let (size, other) = (7, key ^ 1);
    vec![
        case(
            "timestamp-for-no-checkpoint",
            "timestamp",
            holding(&at(&room, 5), b"x"),
        ),
        case(
            "timestamp-for-other-key",
            "timestamp",
            holding(&Place::Timestamp { size, key: other }, b"x"),
        ),
        case(
            "timestamp-that-is-none",
            "timestamp",
            holding(&at(&room, 7), b"x"),
        ),
        case(
            "timestamp-of-other-checkpoint",
            "timestamp",
            with(&[(7, "older")]),
        ),
        asked("timestamp-missing", with(&[])),
        asked("timestamp-by-unknown-authority", strange()),
        asked(
            "timestamp-by-ended-certificate",
            with(&[(3, "older"), (7, "ended")]),
        ),
    ]
}
