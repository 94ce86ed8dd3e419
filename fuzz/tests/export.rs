//! Exports of the custody log: a reader takes one spelling, and no edit of a valid export verifies.

use std::fs;

use bolero::check;
use custos_core::{checkpoint::TrustPolicy, export::Reader, ids::Timestamp, verify::verify_export};

fn vector(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/export/");
    fs::read(format!("{folder}{name}")).expect("the vectors are committed")
}

#[test]
fn export() {
    check!().for_each(|bytes: &[u8]| {
        let Ok(mut reader) = Reader::open(bytes) else {
            return;
        };
        let mut again = reader.header().to_line().expect("it was read");
        while let Ok(Some((line, _))) = reader.next_line() {
            again.extend(line.to_line().expect("it was read"));
        }
        assert!(bytes.starts_with(&again));
    });
}

#[test]
fn edited_export() {
    let good = vector("valid-of-a-person.jsonl");
    let trust = TrustPolicy::parse(&vector("trust.policy")).expect("a policy");
    let now = Timestamp::from_micros(4_000_000_000_000_000).expect("a time");
    check!()
        .with_type()
        .for_each(|(at, byte, cut): &(u16, u8, bool)| {
            let at = usize::from(*at) % good.len();
            let mut bytes = good.clone();
            bytes[at] = *byte;
            if *cut {
                bytes.truncate(at);
            }
            let verified = verify_export(bytes.as_slice(), &trust, &[], now).is_ok();
            assert_eq!(verified, bytes == good);
        });
}
