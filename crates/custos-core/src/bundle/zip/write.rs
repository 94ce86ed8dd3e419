//! Writing the canonical ZIP, front to back, without seeking.

use std::{
    collections::HashSet,
    io::{Read, Write},
};

use super::{BundleName, MAX_FILES, Member, NOTE_NAME, ZipError, header, order};

/// Copied at a time, in bytes.
const COPY_BYTES: usize = 256 << 10;

/// Writes an archive into anything that takes bytes in order.
///
/// Lengths and CRC-32s are known before the bytes, so that headers need no second visit and
/// a file of any size passes through one small buffer.
pub struct Writer<W: Write> {
    out: W,
    members: Vec<Member>,
    folded: HashSet<String>,
    offset: u64,
}

impl<W: Write> Writer<W> {
    /// An archive without files yet.
    pub fn new(out: W) -> Self {
        Self {
            out,
            members: Vec::new(),
            folded: HashSet::new(),
            offset: 0,
        }
    }

    /// Writes the next file: exactly `length` bytes of `source`, which must then be at its end.
    ///
    /// # Errors
    /// A name out of order or not unique, too many files; bytes of another length or CRC-32
    /// than given ([`ZipError::Content`]); or `source` or the output failed. The archive is
    /// then unusable, and what was written of it must be thrown away.
    pub fn file(
        &mut self,
        name: &BundleName,
        length: u64,
        crc32: u32,
        source: &mut dyn Read,
    ) -> Result<(), ZipError> {
        self.check_order(name)?;
        let member = Member {
            name: name.clone(),
            length,
            crc32,
            offset: self.offset,
        };
        let end = advance(self.offset, name, length)?;
        self.out.write_all(&header::local(&member))?;
        copy(&member, source, &mut self.out)?;
        self.offset = end;
        self.folded.insert(name.folded());
        self.members.push(member);
        Ok(())
    }

    /// Writes the central directory and returns the output, not flushed.
    ///
    /// # Errors
    /// The output failed, or there is no `bundle.note`.
    pub fn finish(mut self) -> Result<W, ZipError> {
        if self.members.is_empty() {
            return Err(ZipError::NotCanonical("it has no `bundle.note`"));
        }
        let mut size = 0;
        for member in &self.members {
            let bytes = header::central(member);
            self.out.write_all(&bytes)?;
            size += bytes.len() as u64;
        }
        let count = self.members.len() as u64;
        self.out.write_all(&header::end(count, size, self.offset))?;
        Ok(self.out)
    }

    fn check_order(&self, name: &BundleName) -> Result<(), ZipError> {
        let after = match self.members.last() {
            None => name.as_str() == NOTE_NAME,
            Some(last) => order(last.name.as_str()) < order(name.as_str()),
        };
        if !after {
            return Err(ZipError::NotCanonical("its files are not in order"));
        }
        if self.folded.contains(&name.folded()) {
            return Err(ZipError::NotCanonical("two names differ only in case"));
        }
        if self.members.len() as u64 == MAX_FILES {
            return Err(ZipError::NotCanonical("it has too many files"));
        }
        Ok(())
    }
}

/// Length in bytes of the archive of these files, given in their order in the archive.
///
/// # Errors
/// The sum does not fit 64 bits.
pub fn archive_length<'a>(
    files: impl IntoIterator<Item = (&'a BundleName, u64)>,
) -> Result<u64, ZipError> {
    let (mut offset, mut size, mut count) = (0, 0, 0);
    for (name, length) in files {
        size += header::central_length(name.as_str(), length, offset);
        offset = advance(offset, name, length)?;
        count += 1;
    }
    offset
        .checked_add(size)
        .and_then(|sum| sum.checked_add(header::end_length(count, size, offset)))
        .ok_or(TOO_LARGE)
}

const TOO_LARGE: ZipError = ZipError::NotCanonical("its length does not fit 64 bits");

/// Where the next local header begins.
pub(super) fn advance(offset: u64, name: &BundleName, length: u64) -> Result<u64, ZipError> {
    offset
        .checked_add(header::local_length(name.as_str(), length))
        .and_then(|start| start.checked_add(length))
        .ok_or(TOO_LARGE)
}

/// Copies a file's bytes and checks that they are those announced.
fn copy(member: &Member, source: &mut dyn Read, out: &mut dyn Write) -> Result<(), ZipError> {
    let wrong = || ZipError::Content(member.name.clone());
    let mut crc = crc32fast::Hasher::new();
    let mut left = member.length;
    let mut buffer = vec![0; COPY_BYTES];
    while left > 0 {
        let want = usize::try_from(left.min(COPY_BYTES as u64)).expect("at most COPY_BYTES");
        let got = source.read(&mut buffer[..want])?;
        if got == 0 {
            return Err(wrong());
        }
        crc.update(&buffer[..got]);
        out.write_all(&buffer[..got])?;
        left -= got as u64;
    }
    if source.read(&mut buffer[..1])? != 0 || crc.finalize() != member.crc32 {
        return Err(wrong());
    }
    Ok(())
}
