//! Messages, wrapped keys and stored objects against the frozen vectors.

mod common;

use std::collections::HashMap;

use common::{array, bytes, cases, generated, number, text, vectors};
use custos_core::{
    cipher::{self, CipherError, Layout, Opener, Salt, SegmentKind},
    hash::sha256,
    ids::{Id, ItemId, KeyId, ObjectId},
    json,
    keys::Purpose,
    object::{ObjectError, SegmentHeads, StoredObject, heads},
    wrap,
};
use serde_json::Value;

/// The error that a case names.
fn expected(case: &Value, length: usize) -> CipherError {
    match text(case, "error") {
        "length" => CipherError::Length(length as u64),
        "commitment" => CipherError::Commitment,
        "chunk" => CipherError::Chunk(case["chunk"].as_u64().unwrap_or(0)),
        other => panic!("no error is named `{other}`"),
    }
}

fn plain(case: &Value) -> Vec<u8> {
    match case["plain"]["generated"].as_u64() {
        Some(length) => generated(0..length),
        None => bytes(&case["plain"], "hex"),
    }
}

fn sealed(case: &Value) -> Vec<u8> {
    let salt = Salt::from_bytes(array(case, "salt"));
    cipher::seal(
        &array(case, "key"),
        &salt,
        &bytes(case, "context"),
        &plain(case),
    )
}

#[test]
fn messages_are_sealed_and_opened() {
    for case in cases(&vectors("cipher"), "valid") {
        let name = text(case, "name");
        let message = sealed(case);
        match case["message"]["sha256"].as_str() {
            Some(hash) => {
                assert_eq!(message.len() as u64, number(&case["message"], "length"));
                assert_eq!(sha256(&[&message]).to_string(), hash, "{name}");
            }
            None => assert_eq!(message, bytes(&case["message"], "hex"), "{name}"),
        }
        let (key, context) = (array(case, "key"), bytes(case, "context"));
        let opened = cipher::open(&key, &context, &message).expect("a valid message");
        assert!(*opened == plain(case), "{name}");
        let header = message.first_chunk().expect("longer than a header");
        let opener = Opener::new(&key, &context, header).expect("a valid header");
        assert_eq!(opener.commitment()[..], bytes(case, "commitment"), "{name}");
    }
}

#[test]
fn altered_messages_are_refused() {
    let vectors = vectors("cipher");
    let valid: HashMap<_, _> = cases(&vectors, "valid")
        .iter()
        .map(|case| (text(case, "name"), case))
        .collect();
    for case in cases(&vectors, "invalid") {
        let of = valid[text(case, "of")];
        let base = sealed(of);
        let mut message = Vec::new();
        for piece in cases_or_none(case, "message") {
            match piece.as_str() {
                Some(literal) => message.extend(hex::decode(literal).expect("hex")),
                None => {
                    let at = |i: usize| piece[i].as_u64().expect("an offset") as usize;
                    message.extend(&base[at(0)..at(1)]);
                }
            }
        }
        let given = |member| if case[member].is_null() { of } else { case };
        let key = array(given("key"), "key");
        let opened = cipher::open(&key, &bytes(given("context"), "context"), &message);
        let error = expected(case, message.len());
        assert_eq!(opened.err(), Some(error), "{}", text(case, "name"));
    }
}

/// The pieces of a message, of which the empty one has none.
fn cases_or_none<'a>(case: &'a Value, list: &str) -> &'a [Value] {
    case[list].as_array().expect("a list")
}

#[test]
fn contexts_are_spelled_as_written() {
    for case in cases(&vectors("cipher"), "contexts") {
        let id = |member: &str| text(case, member).parse::<Id>().expect("an id");
        let context = match text(case, "type") {
            "object" => {
                let kind = [SegmentKind::Content, SegmentKind::Staged]
                    .into_iter()
                    .find(|kind| kind.as_str() == text(case, "kind"))
                    .expect("a kind of segment");
                let (item, object) = (ItemId::from(id("item")), ObjectId::from(id("object")));
                cipher::object_context(&item, &object, kind, number(case, "segment"))
            }
            "wrap" => {
                let purpose = text(case, "purpose").parse().expect("a purpose");
                let (parent, child) = (KeyId::from(id("parent")), KeyId::from(id("child")));
                cipher::wrap_context(&parent, &child, purpose)
            }
            "value" => cipher::value_context(text(case, "table"), &id("row"), text(case, "column")),
            other => panic!("no context is named `{other}`"),
        };
        assert_eq!(context, bytes(case, "context"), "{}", text(case, "name"));
    }
}

#[test]
fn lengths_follow_or_are_refused() {
    let lengths = &vectors("cipher")["lengths"];
    for case in cases(lengths, "messages") {
        let (plain, sealed) = (number(case, "plain"), number(case, "sealed"));
        assert_eq!(cipher::sealed_len(plain as usize) as u64, sealed);
        assert_eq!(cipher::plain_len(sealed), Ok(plain));
    }
    for length in cases(lengths, "impossible_messages") {
        let length = length.as_u64().expect("a length");
        assert_eq!(cipher::plain_len(length), Err(CipherError::Length(length)));
    }
    for case in cases(lengths, "objects") {
        let layout = Layout::of(number(case, "size")).expect("a possible size");
        assert_eq!(layout.segments(), number(case, "segments"));
        assert_eq!(layout.stored_len(), number(case, "stored"));
        assert_eq!(Layout::of_stored(number(case, "stored")), Ok(layout));
    }
    for length in cases(lengths, "impossible_objects") {
        assert!(Layout::of_stored(length.as_u64().expect("a length")).is_err());
    }
}

#[test]
fn keys_are_wrapped_and_unwrapped() {
    let vectors = vectors("wrap");
    let id = |case: &Value, member| text(case, member).parse::<KeyId>().expect("an id");
    let purpose = |case: &Value| text(case, "purpose").parse::<Purpose>().expect("a purpose");
    let unwrap = |case: &Value| {
        let (parent, child) = (id(case, "parent_id"), id(case, "child_id"));
        let wrapped = bytes(case, "wrapped");
        wrap::unwrap(
            &array(case, "parent"),
            &parent,
            &child,
            purpose(case),
            &wrapped,
        )
    };
    assert_eq!(cases(&vectors, "valid").len(), Purpose::ALL.len());
    for case in cases(&vectors, "valid") {
        let wrapped = wrap::wrap(
            &array(case, "parent"),
            &id(case, "parent_id"),
            &id(case, "child_id"),
            purpose(case),
            &Salt::from_bytes(array(case, "salt")),
            &array(case, "child"),
        );
        assert_eq!(
            wrapped[..],
            bytes(case, "wrapped"),
            "{}",
            text(case, "name")
        );
        assert_eq!(*unwrap(case).expect("a valid wrap"), array(case, "child"));
    }
    for case in cases(&vectors, "invalid") {
        let error = expected(case, bytes(case, "wrapped").len());
        assert_eq!(unwrap(case), Err(error), "{}", text(case, "name"));
    }
}

fn stored(case: &Value) -> Result<StoredObject, ObjectError> {
    StoredObject::from_value(&json::parse(text(case, "slot").as_bytes())?)
}

fn commitments(case: &Value) -> Vec<[u8; 32]> {
    let list = case["commitments"].as_array().expect("a list");
    list.iter()
        .map(|one| hex::decode(one.as_str().expect("hex")).expect("hex"))
        .map(|one| one.try_into().expect("32 bytes"))
        .collect()
}

#[test]
fn stored_objects_are_bound_to_their_segments() {
    let vectors = vectors("object");
    for case in cases(&vectors, "valid") {
        let stored = stored(case).expect("a valid slot");
        let jcs = json::canonical(&stored.to_value()).expect("canonical");
        assert_eq!(jcs, text(case, "slot").as_bytes());
        assert_eq!(heads(commitments(case).into_iter()), *stored.heads());
        assert!(SegmentHeads::check(&stored, commitments(case)).is_ok());
        assert!(SegmentHeads::parse(&stored, &commitments(case).concat()).is_ok());
    }
    for case in cases(&vectors, "invalid_slots") {
        assert!(stored(case).is_err(), "{}", text(case, "name"));
    }
    let three = stored(&cases(&vectors, "valid")[0]).expect("a valid slot");
    for case in cases(&vectors, "invalid_lists") {
        let list = commitments(case);
        let error = match text(case, "error") {
            "heads" => ObjectError::Heads,
            _ => ObjectError::Count {
                segments: 3,
                listed: list.len() as u64,
            },
        };
        let checked = SegmentHeads::check(&three, list);
        assert_eq!(checked, Err(error), "{}", text(case, "name"));
    }
}
