//! The canonical ZIP: one archive for one list of files, byte for byte.
//!
//! ```text
//! bundle.note, then the others by bytewise name, each:
//!   local header 30 | name | ZIP64 extra (0 or 20) | bytes, stored
//! then for each file, in the same order:
//!   central header 46 | name | ZIP64 extra (0, 12, 20 or 28)
//! ZIP64 end record 56 and locator 20, where a count, size or offset needs them
//! end record 22
//! ```
//!
//! Names, lengths and CRC-32s decide every other byte (APPNOTE.TXT 6.3.10, sections 4.3 and
//! 4.5.3): methods are 0, versions 0x002D, flags 0x0800, the time is 0 and the date 0x0021;
//! attributes, disk numbers and comments are zero (the ZIP64 locator counts one disk, as it
//! must). So a reader rebuilds the archive from what it reads and compares, and two readers
//! can never see two different lists of files.

mod header;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::io;

use super::name::BundleName;

pub use read::Archive;
pub use write::{Writer, archive_length};

/// Most files in a bundle.
pub const MAX_FILES: u64 = 200_000;

/// The file that every bundle begins with.
pub const NOTE_NAME: &str = "bundle.note";

/// Why an archive cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ZipError {
    /// Reading or writing itself failed; says nothing about the archive.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The archive is not the canonical ZIP of any list of files.
    #[error("not a canonical archive: {0}")]
    NotCanonical(&'static str),
    /// A file's bytes do not have the length or CRC-32 that the archive or its plan gives.
    #[error("the bytes of `{0}` are not those that the archive announces")]
    Content(BundleName),
    /// A file is longer than its reader takes.
    #[error("`{0}` is longer than its limit")]
    TooLong(BundleName),
}

/// One file of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: BundleName,
    /// Its length in bytes.
    pub length: u64,
    /// Its CRC-32 (ISO-HDLC, as in ZIP).
    pub crc32: u32,
    /// Where its local header begins, in bytes from the start of the archive.
    pub(crate) offset: u64,
}

impl Member {
    /// Where its bytes begin.
    fn data_offset(&self) -> u64 {
        self.offset + header::local_length(self.name.as_str(), self.length)
    }
}

/// The order of files: `bundle.note`, then bytewise.
fn order(name: &str) -> (bool, &[u8]) {
    (name != NOTE_NAME, name.as_bytes())
}
