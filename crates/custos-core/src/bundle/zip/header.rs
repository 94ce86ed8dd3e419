//! Every header byte of the canonical ZIP, from names, lengths, CRC-32s and offsets.

use super::Member;

/// A central header without name and extra, in bytes.
pub(super) const CENTRAL_BYTES: usize = 46;
/// The end record, in bytes.
pub(super) const END_BYTES: usize = 22;
/// The ZIP64 end record and its locator, in bytes.
pub(super) const ZIP64_END_BYTES: usize = 56 + 20;

/// From here on a size or an offset stands in a ZIP64 field.
pub(super) const LARGE: u64 = 0xFFFF_FFFF;
/// From here on the count stands in the ZIP64 end record.
pub(super) const MANY: u64 = 0xFFFF;

const VERSION: u16 = 0x002D;
const FLAGS: u16 = 0x0800;
const DATE: u16 = 0x0021;
const ZIP64_EXTRA: u16 = 0x0001;

/// Length of a local header with name and extra, in bytes.
pub(super) fn local_length(name: &str, length: u64) -> u64 {
    let extra = if length >= LARGE { 20 } else { 0 };
    30 + name.len() as u64 + extra
}

/// Length of a central header with name and extra, in bytes.
pub(super) fn central_length(name: &str, length: u64, offset: u64) -> u64 {
    let fields = if length >= LARGE { 16 } else { 0 } + if offset >= LARGE { 8 } else { 0 };
    let extra = if fields > 0 { 4 + fields } else { 0 };
    CENTRAL_BYTES as u64 + name.len() as u64 + extra
}

/// Length of all end records, in bytes.
pub(super) fn end_length(count: u64, size: u64, offset: u64) -> u64 {
    let zip64 = if needs_zip64(count, size, offset) {
        ZIP64_END_BYTES
    } else {
        0
    };
    (zip64 + END_BYTES) as u64
}

/// The local header of a file, with name and extra.
pub(super) fn local(member: &Member) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64 + member.name.as_str().len());
    bytes.extend_from_slice(b"PK\x03\x04");
    shared(&mut bytes, member);
    let large = member.length >= LARGE;
    u16s(
        &mut bytes,
        &[name_length(member), if large { 20 } else { 0 }],
    );
    bytes.extend_from_slice(member.name.as_str().as_bytes());
    if large {
        u16s(&mut bytes, &[ZIP64_EXTRA, 16]);
        u64s(&mut bytes, &[member.length, member.length]);
    }
    bytes
}

/// The central header of a file, with name and extra.
pub(super) fn central(member: &Member) -> Vec<u8> {
    let mut fields = Vec::with_capacity(24);
    if member.length >= LARGE {
        u64s(&mut fields, &[member.length, member.length]);
    }
    if member.offset >= LARGE {
        u64s(&mut fields, &[member.offset]);
    }
    let field_bytes = u16::try_from(fields.len()).expect("at most three fields of 8 bytes");
    let extra = if fields.is_empty() {
        0
    } else {
        4 + field_bytes
    };

    let mut bytes = Vec::with_capacity(128 + member.name.as_str().len());
    bytes.extend_from_slice(b"PK\x01\x02");
    u16s(&mut bytes, &[VERSION]);
    shared(&mut bytes, member);
    // Comment, disk, internal attributes; then external attributes.
    u16s(&mut bytes, &[name_length(member), extra, 0, 0, 0]);
    u32s(&mut bytes, &[0, low(member.offset)]);
    bytes.extend_from_slice(member.name.as_str().as_bytes());
    if extra > 0 {
        u16s(&mut bytes, &[ZIP64_EXTRA, field_bytes]);
        bytes.extend_from_slice(&fields);
    }
    bytes
}

/// The end records of an archive of `count` files whose central directory has `size` bytes
/// and begins at `offset`.
pub(super) fn end(count: u64, size: u64, offset: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ZIP64_END_BYTES + END_BYTES);
    if needs_zip64(count, size, offset) {
        bytes.extend_from_slice(b"PK\x06\x06");
        u64s(&mut bytes, &[44]);
        u16s(&mut bytes, &[VERSION, VERSION]);
        u32s(&mut bytes, &[0, 0]);
        u64s(&mut bytes, &[count, count, size, offset]);
        bytes.extend_from_slice(b"PK\x06\x07");
        u32s(&mut bytes, &[0]);
        u64s(&mut bytes, &[offset + size]);
        u32s(&mut bytes, &[1]);
    }
    let short = u16::try_from(count.min(MANY)).expect("capped at 0xFFFF");
    bytes.extend_from_slice(b"PK\x05\x06");
    u16s(&mut bytes, &[0, 0, short, short]);
    u32s(&mut bytes, &[low(size), low(offset)]);
    u16s(&mut bytes, &[0]);
    bytes
}

fn needs_zip64(count: u64, size: u64, offset: u64) -> bool {
    count >= MANY || size >= LARGE || offset >= LARGE
}

/// What local and central headers have in common, from the version needed to the sizes.
fn shared(bytes: &mut Vec<u8>, member: &Member) {
    u16s(bytes, &[VERSION, FLAGS, 0, 0, DATE]);
    u32s(
        bytes,
        &[member.crc32, low(member.length), low(member.length)],
    );
}

fn name_length(member: &Member) -> u16 {
    u16::try_from(member.name.as_str().len()).expect("names have at most 200 bytes")
}

/// The 32-bit field of a value: the value, or all ones where a ZIP64 field holds it.
fn low(value: u64) -> u32 {
    u32::try_from(value.min(LARGE)).expect("capped at 32 bits")
}

fn u16s(bytes: &mut Vec<u8>, values: &[u16]) {
    for value in values {
        bytes.extend_from_slice(&value.to_le_bytes());
    }
}

fn u32s(bytes: &mut Vec<u8>, values: &[u32]) {
    for value in values {
        bytes.extend_from_slice(&value.to_le_bytes());
    }
}

fn u64s(bytes: &mut Vec<u8>, values: &[u64]) {
    for value in values {
        bytes.extend_from_slice(&value.to_le_bytes());
    }
}
