//! Reading the canonical ZIP: rebuild every header and compare.

use std::{
    collections::HashSet,
    io::{BufReader, Read, Seek, SeekFrom},
};

use super::{
    BundleName, MAX_FILES, Member, NOTE_NAME, ZipError,
    header::{self, CENTRAL_BYTES, END_BYTES, LARGE, MANY, ZIP64_END_BYTES},
    order,
    write::advance,
};
use crate::bundle::name::MAX_NAME_BYTES;

/// Longest ZIP64 extra of a central header, in bytes.
const MAX_EXTRA_BYTES: usize = 28;

/// An archive whose every header byte was compared with what its list of files demands.
pub struct Archive<R> {
    inner: R,
    members: Vec<Member>,
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the headers and compares them; no file's bytes are read.
    ///
    /// # Errors
    /// [`ZipError::NotCanonical`] says what differs first; [`ZipError::Io`].
    pub fn open(mut inner: R) -> Result<Self, ZipError> {
        let total = inner.seek(SeekFrom::End(0))?;
        let end = find_end(&mut inner, total)?;
        let members = read_directory(&mut inner, &end, total)?;
        for member in &members {
            let expected = header::local(member);
            let mut found = vec![0; expected.len()];
            inner.seek(SeekFrom::Start(member.offset))?;
            read_exact(&mut inner, &mut found)?;
            if found != expected {
                return Err(ZipError::NotCanonical(
                    "a local header differs from the central directory",
                ));
            }
        }
        Ok(Self { inner, members })
    }

    /// The files in their order.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The position in [`Archive::members`] of the file with this name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.members
            .binary_search_by(|member| order(member.name.as_str()).cmp(&order(name)))
            .ok()
    }

    /// The bytes of the file at `position`; neither CRC-32 nor hash are checked.
    ///
    /// # Errors
    /// Seeking failed.
    pub fn reader(&mut self, position: usize) -> Result<std::io::Take<&mut R>, ZipError> {
        let member = &self.members[position];
        self.inner.seek(SeekFrom::Start(member.data_offset()))?;
        Ok(self.inner.by_ref().take(member.length))
    }

    /// All bytes of a file that may have at most `limit`, after checking their CRC-32.
    ///
    /// # Errors
    /// [`ZipError::TooLong`], [`ZipError::Content`] or [`ZipError::Io`].
    pub fn read(&mut self, position: usize, limit: u64) -> Result<Vec<u8>, ZipError> {
        let Member {
            name,
            length,
            crc32,
            ..
        } = self.members[position].clone();
        if length > limit {
            return Err(ZipError::TooLong(name));
        }
        let mut bytes = Vec::new();
        self.reader(position)?.read_to_end(&mut bytes)?;
        if bytes.len() as u64 != length || crc32fast::hash(&bytes) != crc32 {
            return Err(ZipError::Content(name));
        }
        Ok(bytes)
    }
}

/// What the end records say; believed only once they are rebuilt.
struct End {
    count: u64,
    size: u64,
    offset: u64,
}

/// Reads the end records at the end of the archive, where alone they may stand.
fn find_end(inner: &mut (impl Read + Seek), total: u64) -> Result<End, ZipError> {
    let tail_bytes = total.min((ZIP64_END_BYTES + END_BYTES) as u64);
    inner.seek(SeekFrom::Start(total - tail_bytes))?;
    let mut tail = vec![0; usize::try_from(tail_bytes).expect("at most 98 bytes")];
    read_exact(inner, &mut tail)?;
    let Some(short) = tail.len().checked_sub(END_BYTES) else {
        return Err(ZipError::NotCanonical("it is too short"));
    };
    let (long, short) = tail.split_at(short);
    let mut end = End {
        count: u64::from(u16_at(short, 10)),
        size: u64::from(u32_at(short, 12)),
        offset: u64::from(u32_at(short, 16)),
    };
    if long.len() == ZIP64_END_BYTES {
        if end.count == MANY {
            end.count = u64_at(long, 32);
        }
        if end.size == LARGE {
            end.size = u64_at(long, 40);
        }
        if end.offset == LARGE {
            end.offset = u64_at(long, 48);
        }
    }
    if end.count > MAX_FILES {
        return Err(ZipError::NotCanonical("it has too many files"));
    }
    let complete = end
        .offset
        .checked_add(end.size)
        .and_then(|sum| sum.checked_add(header::end_length(end.count, end.size, end.offset)))
        == Some(total);
    if !complete || !tail.ends_with(&header::end(end.count, end.size, end.offset)) {
        return Err(ZipError::NotCanonical("its end records"));
    }
    Ok(end)
}

/// Reads the central directory and compares each header with the one that its file demands.
fn read_directory(
    inner: &mut (impl Read + Seek),
    end: &End,
    total: u64,
) -> Result<Vec<Member>, ZipError> {
    inner.seek(SeekFrom::Start(end.offset))?;
    let mut directory = BufReader::new(inner.take(end.size));
    let mut members: Vec<Member> = Vec::new();
    let mut folded = HashSet::new();
    let (mut offset, mut size) = (0, 0);
    for _ in 0..end.count {
        let (member, bytes) = read_central(&mut directory, offset)?;
        let in_order = match members.last() {
            None => member.name.as_str() == NOTE_NAME,
            Some(last) => order(last.name.as_str()) < order(member.name.as_str()),
        };
        if !in_order {
            return Err(ZipError::NotCanonical("its files are not in order"));
        }
        if !folded.insert(member.name.folded()) {
            return Err(ZipError::NotCanonical("two names differ only in case"));
        }
        offset = advance(offset, &member.name, member.length)?;
        if offset > total {
            return Err(ZipError::NotCanonical("a file is longer than the archive"));
        }
        size += bytes;
        members.push(member);
    }
    if members.is_empty() || offset != end.offset || size != end.size {
        return Err(ZipError::NotCanonical("its central directory"));
    }
    Ok(members)
}

/// Reads one central header; its length in bytes stands beside it.
fn read_central(directory: &mut impl Read, offset: u64) -> Result<(Member, u64), ZipError> {
    const DIFFERS: ZipError = ZipError::NotCanonical("a central header");

    let mut found = vec![0; CENTRAL_BYTES];
    read_exact(directory, &mut found)?;
    let name_bytes = usize::from(u16_at(&found, 28));
    let extra_bytes = usize::from(u16_at(&found, 30));
    if name_bytes > MAX_NAME_BYTES || extra_bytes > MAX_EXTRA_BYTES {
        return Err(DIFFERS);
    }
    found.resize(CENTRAL_BYTES + name_bytes + extra_bytes, 0);
    read_exact(directory, &mut found[CENTRAL_BYTES..])?;
    let (name, extra) = found[CENTRAL_BYTES..].split_at(name_bytes);
    let name: BundleName = std::str::from_utf8(name)
        .ok()
        .and_then(|name| name.parse().ok())
        .ok_or(ZipError::NotCanonical("a file name"))?;
    let mut length = u64::from(u32_at(&found, 24));
    if length == LARGE {
        if extra.len() < 12 {
            return Err(DIFFERS);
        }
        length = u64_at(extra, 4);
    }
    let member = Member {
        name,
        length,
        crc32: u32_at(&found, 16),
        offset,
    };
    if header::central(&member) != found {
        return Err(DIFFERS);
    }
    Ok((member, found.len() as u64))
}

/// Fills `into`; an end that comes too early is the archive's fault, not that of reading.
fn read_exact(from: &mut impl Read, into: &mut [u8]) -> Result<(), ZipError> {
    from.read_exact(into).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => ZipError::NotCanonical("it is too short"),
        _ => ZipError::Io(error),
    })
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().expect("two bytes"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
