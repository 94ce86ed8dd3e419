//! Bundles: what is read has one spelling, and no change to a valid one is accepted.

use std::io::Cursor;

use bolero::check;
use custos_core::{
    bundle::{
        Manifest, Place,
        zip::{Archive, Writer},
    },
    checkpoint::{NoteSigner, SignedNote, TrustPolicy},
    hash::sha256,
    ids::Timestamp,
    json,
    verify::verify,
};

const VALID: &[u8] = include_bytes!("../../tests/vectors/bundle/valid.zip");
const POLICY: &[u8] = include_bytes!("../../tests/vectors/bundle/trust.policy");
/// The key that signed the vectors; its seed is what their generator says.
const KEY: &str = "room.example/log/bundle";

/// Changes: where, and what is put there instead of how many bytes.
type Changes = Vec<(u16, u8, Vec<u8>)>;

fn change(bytes: &mut Vec<u8>, changes: &Changes) {
    for (at, drop, put) in changes {
        let at = usize::from(*at) % (bytes.len() + 1);
        let end = (at + usize::from(*drop)).min(bytes.len());
        bytes.splice(at..end, put.iter().copied());
    }
}

fn is_verified(bytes: &[u8]) -> bool {
    let trust = TrustPolicy::parse(POLICY).expect("a good policy");
    let now = Timestamp::from_micros(0).expect("in range");
    verify(Cursor::new(bytes), &trust, &[], now, &mut |_| {}).is_ok()
}

/// All files of an archive whose CRC-32s are right, with their bytes.
fn files(bytes: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut archive = Archive::open(Cursor::new(bytes)).ok()?;
    let names: Vec<String> = archive
        .members()
        .iter()
        .map(|member| member.name.to_string())
        .collect();
    let read = |(i, name)| Some((name, archive.read(i, 1 << 20).ok()?));
    names.into_iter().enumerate().map(read).collect()
}

fn pack(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (name, bytes) in files {
        let name = name.parse().expect("it was read");
        let crc32 = crc32(bytes);
        let length = bytes.len() as u64;
        let written = writer.file(&name, length, crc32, &mut &bytes[..]);
        written.expect("in the order in which they were read");
    }
    writer.finish().expect("into memory")
}

/// CRC-32 as ISO-HDLC has it, bit by bit: an opinion of its own.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    };
    !bytes.iter().fold(!0, step)
}

#[test]
fn bundle_archive() {
    check!().for_each(|bytes: &[u8]| {
        if let Some(files) = files(bytes) {
            assert_eq!(pack(&files), bytes);
        }
    });
}

#[test]
fn bundle_archive_changed() {
    let small = pack(&[
        ("bundle.note".into(), b"note".to_vec()),
        ("a/b".into(), Vec::new()),
        ("c".into(), b"bytes".to_vec()),
    ]);
    check!().with_type().for_each(|changes: &Changes| {
        let mut bytes = small.clone();
        change(&mut bytes, changes);
        if let Some(files) = files(&bytes) {
            assert_eq!(pack(&files), bytes);
        }
    });
}

#[test]
fn bundle_manifest() {
    let note = &files(VALID).expect("canonical")[0].1;
    let good = SignedNote::parse(note, 1 << 20).expect("signed");
    check!().with_type().for_each(|changes: &Changes| {
        let mut text = good.text().as_bytes().to_vec();
        change(&mut text, changes);
        if let Ok(manifest) = Manifest::parse(&text) {
            assert_eq!(manifest.to_text().expect("it was read"), text);
        }
    });
}

#[test]
fn bundle_place() {
    check!().with_type().for_each(|name: &String| {
        if let Ok(place) = name.parse::<Place>() {
            assert_eq!(place.name().as_str(), name);
        }
    });
}

#[test]
fn bundle_changed() {
    assert!(is_verified(VALID));
    check!().with_type().for_each(|changes: &Changes| {
        let mut bytes = VALID.to_vec();
        change(&mut bytes, changes);
        assert_eq!(is_verified(&bytes), bytes == VALID);
    });
}

/// One file changed and everything sealed anew around it, so that each parser is reached.
#[test]
fn bundle_sealed_anew() {
    let good = files(VALID).expect("canonical");
    let seed = *sha256(&[b"seed", KEY.as_bytes()]).as_bytes();
    let signer = NoteSigner::from_seed(KEY, &seed).expect("a good name");
    let note = SignedNote::parse(&good[0].1, 1 << 20).expect("signed");
    let manifest = json::parse(note.text().trim_end().as_bytes()).expect("JCS");
    check!()
        .with_type()
        .for_each(|(which, changes): &(u8, Changes)| {
            let mut all = good.clone();
            let which = 1 + usize::from(*which) % (all.len() - 1);
            change(&mut all[which].1, changes);
            let (name, bytes) = all[which].clone();
            let mut manifest = manifest.clone();
            manifest["files"][&name] =
                serde_json::json!({"length": bytes.len(), "sha256": sha256(&[&bytes])});
            let mut text = json::canonical(&manifest).expect("JCS");
            text.push(b'\n');
            let text = String::from_utf8(text).expect("JCS is UTF-8");
            let sealed = SignedNote::sign(&text, &[&signer]).expect("one key");
            all[0].1 = sealed.as_bytes().to_vec();
            let informs = name == "README.txt" || name.starts_with("keys/");
            let same = all[which].1 == good[which].1;
            assert_eq!(is_verified(&pack(&all)), same || informs, "{name}");
        });
}
