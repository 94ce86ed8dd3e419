//! Round trips, every flipped byte, ZIP64, and what a reader refuses.

use std::io::{Cursor, Read, Seek, SeekFrom};

use proptest::prelude::*;

use super::*;

fn name(text: &str) -> BundleName {
    text.parse().expect("a good name")
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (file, bytes) in files {
        writer
            .file(
                &name(file),
                bytes.len() as u64,
                crc32fast::hash(bytes),
                &mut &bytes[..],
            )
            .expect("in order");
    }
    writer.finish().expect("into memory")
}

const FILES: [(&str, &[u8]); 4] = [
    ("bundle.note", b"note\n"),
    ("a/b", b""),
    ("b", b"bytes of b"),
    ("b.c", b"more"),
];

/// Opens an archive and reads every file of it.
fn read_all(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, ZipError> {
    let mut archive = Archive::open(Cursor::new(bytes))?;
    (0..archive.members().len())
        .map(|i| {
            let name = archive.members()[i].name.to_string();
            assert_eq!(archive.find(&name), Some(i));
            Ok((name, archive.read(i, 1 << 20)?))
        })
        .collect()
}

#[test]
fn what_is_written_is_read() {
    let bytes = archive(&FILES);
    let files = read_all(&bytes).expect("canonical");
    assert_eq!(files.len(), FILES.len());
    for ((found, content), (expected, original)) in files.iter().zip(FILES) {
        assert_eq!((found.as_str(), content.as_slice()), (expected, original));
    }
    let lengths = FILES.map(|(file, bytes)| (name(file), bytes.len() as u64));
    let length = archive_length(lengths.iter().map(|(name, length)| (name, *length)));
    assert_eq!(length.expect("small"), bytes.len() as u64);
}

#[test]
fn every_flipped_bit_and_every_cut_is_seen() {
    let good = archive(&FILES);
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            assert!(read_all(&bad).is_err(), "byte {at}, bit {bit}");
        }
        assert!(read_all(&good[..at]).is_err(), "cut at {at}");
        assert!(read_all(&good[at + 1..]).is_err(), "begun after {at}");
    }
    for odd in [
        [&good[..], b"\0"].concat(),
        [b"\0", &good[..]].concat(),
        [&good[..], &good[..]].concat(),
    ] {
        assert!(read_all(&odd).is_err());
    }
}

#[test]
fn order_and_names_are_kept() {
    let empty = crc32fast::hash(b"");
    let mut writer = Writer::new(Vec::new());
    assert!(writer.file(&name("a"), 0, empty, &mut &b""[..]).is_err());
    writer
        .file(&name("bundle.note"), 0, empty, &mut &b""[..])
        .expect("the first");
    writer
        .file(&name("b"), 0, empty, &mut &b""[..])
        .expect("the second");
    for odd in ["a", "b", "bundle.note", "B"] {
        assert!(writer.file(&name(odd), 0, empty, &mut &b""[..]).is_err());
    }
    writer
        .file(&name("c"), 0, empty, &mut &b""[..])
        .expect("the third");
    assert!(
        Writer::new(Vec::new()).finish().is_err(),
        "an archive without files"
    );
}

#[test]
fn a_source_of_other_bytes_is_refused() {
    let crc = crc32fast::hash(b"four");
    for source in [&b"fou"[..], b"fours", b"five"] {
        let mut writer = Writer::new(Vec::new());
        let written = writer.file(&name("bundle.note"), 4, crc, &mut &source[..]);
        assert!(matches!(written, Err(ZipError::Content(_))));
    }
}

#[test]
fn names_that_differ_in_case_are_refused_when_read() {
    // "b" and "c" in place of "B" and "b": the reader sees what no writer makes.
    let bytes = archive(&[("bundle.note", b""), ("B", b""), ("c", b"")]);
    let swapped: Vec<u8> = replace(&bytes, b"c", b"b");
    assert!(matches!(
        Archive::open(Cursor::new(swapped)),
        Err(ZipError::NotCanonical("two names differ only in case"))
    ));
    let dots = replace(&bytes, b"c", b".");
    assert!(matches!(
        Archive::open(Cursor::new(dots)),
        Err(ZipError::NotCanonical("a file name"))
    ));
}

/// Replaces a one-byte name wherever it ends a header.
fn replace(bytes: &[u8], from: &[u8; 1], to: &[u8; 1]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for at in 0..out.len() - 30 {
        let header = if out[at..].starts_with(b"PK\x03\x04") {
            30
        } else if out[at..].starts_with(b"PK\x01\x02") {
            46
        } else {
            continue;
        };
        if out[at + header] == from[0] && out[at + if header == 30 { 26 } else { 28 }] == 1 {
            out[at + header] = to[0];
        }
    }
    out
}

#[test]
fn many_files_need_zip64() {
    for count in [0xFFFE_u32, 0xFFFF, 0x10000] {
        let mut writer = Writer::new(Vec::new());
        let empty = crc32fast::hash(b"");
        writer
            .file(&name(NOTE_NAME), 0, empty, &mut &b""[..])
            .expect("the first");
        for i in 1..count {
            writer
                .file(&name(&format!("{i:06}")), 0, empty, &mut &b""[..])
                .expect("in order");
        }
        let bytes = writer.finish().expect("into memory");
        let zip64 = bytes.windows(4).any(|w| w == b"PK\x06\x06");
        assert_eq!(zip64, count >= 0xFFFF, "{count}");
        let archive = Archive::open(Cursor::new(bytes)).expect("canonical");
        assert_eq!(archive.members().len(), count as usize);
    }
}

/// An archive whose files are holes: only the headers take memory.
struct Sparse {
    pieces: Vec<(u64, Vec<u8>)>,
    length: u64,
    position: u64,
}

impl Sparse {
    fn of(files: &[(&str, u64)]) -> Self {
        let (mut pieces, mut members, mut offset) = (Vec::new(), Vec::new(), 0);
        for (file, length) in files {
            let member = Member {
                name: name(file),
                length: *length,
                crc32: 7,
                offset,
            };
            pieces.push((offset, header::local(&member)));
            offset = write::advance(offset, &member.name, *length).expect("fits");
            members.push(member);
        }
        let directory: Vec<u8> = members.iter().flat_map(header::central).collect();
        let end = header::end(members.len() as u64, directory.len() as u64, offset);
        let length = offset + (directory.len() + end.len()) as u64;
        pieces.push((offset, [directory, end].concat()));
        Self {
            pieces,
            length,
            position: 0,
        }
    }
}

impl Read for Sparse {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let Some(into) = into.get_mut(..1) else {
            return Ok(0);
        };
        if self.position == self.length {
            return Ok(0);
        }
        let at = self.position;
        let piece = self.pieces.iter().rev().find(|(start, _)| *start <= at);
        into[0] = piece
            .and_then(|(start, bytes)| bytes.get(usize::try_from(at - start).ok()?))
            .copied()
            .unwrap_or(0);
        self.position += 1;
        Ok(1)
    }
}

impl Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.position = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(0) => self.length,
            _ => return Err(std::io::ErrorKind::Unsupported.into()),
        };
        Ok(self.position)
    }
}

#[test]
fn large_files_and_offsets_need_zip64() {
    let edge = 0xFFFF_FFFF_u64;
    for first in [edge - 1, edge, edge + 1, 8 << 30] {
        let files = [(NOTE_NAME, 1), ("a", first), ("b", 5), ("c", edge)];
        let sparse = Sparse::of(&files);
        let lengths = files.map(|(file, length)| (name(file), length));
        let length = archive_length(lengths.iter().map(|(name, length)| (name, *length)));
        assert_eq!(length.expect("fits"), sparse.length);
        let archive = Archive::open(sparse).expect("canonical");
        for (member, (file, length)) in archive.members().iter().zip(files) {
            assert_eq!((member.name.as_str(), member.length), (file, length));
        }
    }
}

#[test]
fn zip64_extras_hold_only_what_needs_them() {
    let member = |length, offset| Member {
        name: name("a"),
        length,
        crc32: 0,
        offset,
    };
    let extra = |length, offset| header::central(&member(length, offset)).len() - 47;
    assert_eq!(extra(1, 1), 0);
    assert_eq!(extra(0xFFFF_FFFE, 0xFFFF_FFFE), 0);
    assert_eq!(extra(0xFFFF_FFFF, 1), 20);
    assert_eq!(extra(1, 0xFFFF_FFFF), 12);
    assert_eq!(extra(1 << 33, 1 << 33), 28);
    assert_eq!(header::local(&member(1 << 33, 1 << 33)).len(), 31 + 20);
}

#[test]
fn lengths_that_overflow_are_refused() {
    let files = [(name(NOTE_NAME), u64::MAX - 5), (name("a"), 10)];
    assert!(archive_length(files.iter().map(|(name, length)| (name, *length))).is_err());
    let sparse = Sparse::of(&[(NOTE_NAME, 1), ("a", (1 << 62) - 1)]);
    assert!(Archive::open(sparse).is_ok());
}

proptest! {
    #[test]
    fn any_list_of_files_round_trips(
        files in prop::collection::btree_map("[a-z_][a-z0-9_.-]{0,8}(/[a-z0-9_][a-z0-9_.-]{0,8}){0,3}",
            prop::collection::vec(any::<u8>(), 0..200), 0..12),
        note in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let mut all: Vec<(&str, &[u8])> = vec![(NOTE_NAME, &note)];
        all.extend(files.iter().filter(|(n, _)| *n != NOTE_NAME).map(|(n, b)| (n.as_str(), b.as_slice())));
        let bytes = archive(&all);
        let read = read_all(&bytes).expect("canonical");
        prop_assert_eq!(read.len(), all.len());
        for ((n, b), (m, c)) in read.iter().zip(&all) {
            prop_assert_eq!((n.as_str(), b.as_slice()), (*m, *c));
        }
    }

    #[test]
    fn hostile_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>()) {
        let _ = read_all(&bytes);
        let mut good = archive(&FILES);
        let at = at.index(good.len());
        let end = (at + bytes.len()).min(good.len());
        good[at..end].copy_from_slice(&bytes[..end - at]);
        let _ = read_all(&good);
    }
}
