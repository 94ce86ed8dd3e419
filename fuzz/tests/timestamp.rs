//! Replies of time authorities: nobody signs by chance, and none of them panics.

use bolero::check;
use custos_core::timestamp::{Anchor, Reply};

const VECTORS: &str = include_str!("../../tests/vectors/timestamp.json");

/// Base64 of what a list of the vectors holds under a name.
fn texts(list: &str, name: &str) -> Vec<String> {
    let vectors: serde_json::Value = serde_json::from_str(VECTORS).expect("JSON");
    let found: Vec<String> = match &vectors[list] {
        serde_json::Value::Array(all) => all.iter().map(|one| text(&one[name])).collect(),
        serde_json::Value::Object(all) => all.values().map(text).collect(),
        other => panic!("{list}: {other}"),
    };
    assert!(!found.is_empty());
    found
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().expect("a text").into()
}

fn bytes(base64: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut out) = (0_u32, 0, Vec::new());
    for digit in base64.chars().filter(|digit| *digit != '=') {
        bits = bits << 6 | DIGITS.find(digit).expect("base64") as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    out
}

fn anchors() -> Vec<Anchor> {
    let ders = texts("authorities", "");
    let anchors = ders.iter().map(|der| Anchor::parse(&bytes(der)));
    anchors
        .map(|anchor| anchor.expect("a certificate"))
        .collect()
}

#[test]
fn reply_of_a_time_authority() {
    let anchors = anchors();
    check!().for_each(|bytes: &[u8]| {
        if let Ok(reply) = Reply::parse(bytes) {
            assert!(reply.vouched_by(&anchors).is_err());
        }
        let _ = Anchor::parse(bytes);
    });
}

/// What was signed once and is changed in one place says the same or does not hold.
#[test]
fn edited_reply_of_a_time_authority() {
    let anchors = anchors();
    let replies: Vec<Vec<u8>> = texts("valid", "reply")
        .iter()
        .map(|one| bytes(one))
        .collect();
    check!()
        .with_type()
        .for_each(|(choice, at, with): &(u8, u16, u8)| {
            let good = &replies[usize::from(*choice) % replies.len()];
            let mut bad = good.clone();
            let at = usize::from(*at) % bad.len();
            bad[at] = *with;
            let found = Reply::parse(&bad).and_then(|reply| reply.vouched_by(&anchors));
            if let Ok(found) = found {
                let before = Reply::parse(good).and_then(|reply| reply.vouched_by(&anchors));
                assert_eq!(Ok(found), before);
            }
        });
}

#[test]
fn edited_certificate_of_a_time_authority() {
    let ders = texts("authorities", "");
    let ders: Vec<Vec<u8>> = ders.iter().map(|one| bytes(one)).collect();
    check!()
        .with_type()
        .for_each(|(choice, at, with): &(u8, u16, u8)| {
            let mut bad = ders[usize::from(*choice) % ders.len()].clone();
            let at = usize::from(*at) % bad.len();
            bad[at] = *with;
            let _ = Anchor::parse(&bad);
        });
}
