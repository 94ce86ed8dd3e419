//! The frozen tokens of time authorities, which `openssl` made (`tests/vectors/make`).

use base64::prelude::{BASE64_STANDARD, Engine as _};
use custos_core::{
    hash::{Hash, sha256},
    timestamp::{Anchor, PolicyId, Request, Stamp, TimestampError},
};
use serde_json::Value;

fn vectors() -> Value {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/timestamp.json"
    );
    let text = std::fs::read(file).expect("the vectors are there");
    serde_json::from_slice(&text).expect("the vectors are JSON")
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().expect(name)
}

fn bytes(value: &Value, name: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text(value, name)).expect(name)
}

fn request(vectors: &Value) -> Request {
    let imprint: Hash = text(vectors, "imprint").parse().expect("a hash");
    assert_eq!(imprint, sha256(&[text(vectors, "stamped").as_bytes()]));
    Request {
        imprint,
        nonce: text(vectors, "nonce").parse().expect("a number"),
        policy: Some(text(vectors, "policy").parse().expect("a policy")),
        any_order: true,
    }
}

/// Names of the authorities and their certificates, in one order.
fn authorities(vectors: &Value) -> (Vec<String>, Vec<Anchor>) {
    let all = vectors["authorities"].as_object().expect("authorities");
    let names = all.keys().cloned().collect();
    let anchors = all.keys().map(|name| {
        let der = bytes(&vectors["authorities"], name);
        Anchor::parse(&der).expect("a certificate")
    });
    (names, anchors.collect())
}

fn judge(request: &Request, reply: &[u8], anchors: &[Anchor]) -> Result<Stamp, TimestampError> {
    request.answered_by(reply)?.vouched_by(anchors)
}

#[test]
fn a_request_is_that_of_the_standard() {
    let vectors = vectors();
    let der = request(&vectors).to_der();
    assert_eq!(hex::encode(der), text(&vectors, "request"));
    for nonce in [0, 1, 0x7f, 0x80, 0xff, u64::MAX] {
        let other = Request {
            nonce,
            policy: None,
            ..request(&vectors)
        };
        let der = other.to_der();
        assert_eq!(usize::from(der[1]) + 2, der.len());
    }
}

#[test]
fn tokens_of_authorities_hold() {
    let vectors = vectors();
    let request = request(&vectors);
    let (names, anchors) = authorities(&vectors);
    let valid = vectors["valid"].as_array().expect("a list");
    assert!(valid.len() >= 8);
    for vector in valid {
        let name = text(vector, "name");
        let stamp = judge(&request, &bytes(vector, "reply"), &anchors).expect(name);
        assert_eq!(names[stamp.anchor], text(vector, "authority"), "{name}");
        assert!(stamp.certificate_ends > stamp.time, "{name}");
        if let Some(micros) = vector["micros"].as_i64() {
            assert_eq!(stamp.time.micros(), micros, "{name}");
        }
        let strict = Request {
            any_order: false,
            ..request
        };
        let strictly = judge(&strict, &bytes(vector, "reply"), &anchors);
        let sorted = vector["sorted"].as_bool().expect("sorted or not");
        assert_eq!(strictly.is_ok(), sorted, "{name}: {strictly:?}");
        // Somebody else's certificate vouches for nothing.
        let others: Vec<Anchor> = (anchors.iter().zip(&names))
            .filter(|(_, other)| *other != text(vector, "authority"))
            .map(|(anchor, _)| anchor.clone())
            .collect();
        let unknown = judge(&request, &bytes(vector, "reply"), &others);
        assert_eq!(unknown, Err(TimestampError::UnknownAuthority), "{name}");
    }
}

#[test]
fn each_defect_has_its_name() {
    let vectors = vectors();
    let request = request(&vectors);
    let (_, anchors) = authorities(&vectors);
    let invalid = vectors["invalid"].as_array().expect("a list");
    let mut wrong = Vec::new();
    for vector in invalid {
        let reply = bytes(vector, "reply");
        let strict = Request {
            any_order: false,
            ..request
        };
        let found =
            judge(&request, &reply, &anchors).and_then(|_| judge(&strict, &reply, &anchors));
        let found = found.map_or_else(
            |error| format!("{error:?}"),
            |stamp| format!("valid: {stamp:?}"),
        );
        let expected = text(vector, "error");
        if found.split(['(', ' ']).next() != Some(expected) {
            wrong.push(format!("{}: {found}, not {expected}", text(vector, "name")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(invalid.len() >= 40);
}

#[test]
fn a_signer_who_is_trusted_by_name_needs_no_path() {
    let vectors = vectors();
    let signer = &vectors["signer"];
    let anchor = Anchor::parse(&bytes(signer, "certificate")).expect("a certificate");
    let stamp = judge(&request(&vectors), &bytes(signer, "reply"), &[anchor]);
    assert_eq!(stamp.map(|stamp| stamp.anchor), Ok(0));
}

/// Whatever byte is changed, no changed reply holds, unless nothing that is signed or needed was
/// touched: then it says the same.
#[test]
fn no_changed_reply_says_something_else() {
    let vectors = vectors();
    let request = request(&vectors);
    let (_, anchors) = authorities(&vectors);
    let good = bytes(&vectors["valid"][1], "reply");
    let stamp = judge(&request, &good, &anchors).expect("it is valid");
    let mut still = 0;
    for at in 0..good.len() {
        for mask in [0x01, 0x20, 0x80] {
            let mut bad = good.clone();
            bad[at] ^= mask;
            if let Ok(found) = judge(&request, &bad, &anchors) {
                assert_eq!(found, stamp, "byte {at}");
                still += 1;
            }
        }
        let mut bad = good.clone();
        bad.remove(at);
        assert!(judge(&request, &bad, &anchors).is_err(), "byte {at}");
        assert!(judge(&request, &good[..at], &anchors).is_err(), "byte {at}");
    }
    // The root that came with the reply, and the version and digests of the outer form.
    assert!(still < good.len(), "{still} of {}", good.len());
}

#[test]
fn what_is_no_certificate_is_no_anchor() {
    let vectors = vectors();
    let der = bytes(&vectors["signer"], "certificate");
    assert!(Anchor::parse(&der).is_ok());
    for bad in [
        &der[..der.len() - 1],
        &[&der[..], b"\0"].concat(),
        b"",
        b"0\0",
        &vec![0x30; 20_000],
    ] {
        let error = Anchor::parse(bad).expect_err("no certificate");
        assert!(matches!(error, TimestampError::Certificate(_)), "{error}");
    }
}

#[test]
fn policies_are_object_identifiers() {
    let policy: PolicyId = "1.2.840.113549".parse().expect("an identifier");
    assert_eq!(policy.to_string(), "1.2.840.113549");
    for bad in ["", "1", "one", "1.2.", "3.2.1", "1.2.3 "] {
        assert!(bad.parse::<PolicyId>().is_err(), "{bad}");
    }
}
