//! The lines of an export: one at a time, strict and bounded.

use std::io::{self, BufRead, Read};

use serde_json::{Value, json};

use super::{Asked, MAX_EXPORT_ENTRIES, Withheld};
use crate::{
    checkpoint::{CheckpointError, SignedCheckpoint},
    event::{Disclosed, EntryError, MAX_DISCLOSED_BYTES},
    hash::Hash,
    ids::LeafIndex,
    json::{self, JsonError, Members},
    merkle::MAX_PROOF_HASHES,
};

/// Longest line that is read, in bytes, its line feed not counted: an entry, a proof of 63
/// hashes, and what names them.
pub const MAX_EXPORT_LINE_BYTES: usize = MAX_DISCLOSED_BYTES + MAX_PROOF_HASHES * 67 + 256;

/// The format's name in the header.
const FORMAT: &str = "custos/export";

/// Why a file is not an export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Reading failed; says nothing about the file.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line that is longer than [`MAX_EXPORT_LINE_BYTES`].
    #[error("a line is longer than its limit")]
    TooLong,
    /// The last line has no line feed, or the header is not there.
    #[error("the file ends before its time")]
    Cut,
    /// A line that is not JSON of its form.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Another format or version.
    #[error("it is not an export of version 1")]
    Version,
    /// The header's checkpoint is not one.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The header names another log than its checkpoint.
    #[error("the checkpoint is of another log")]
    Origin,
    /// More than [`MAX_EXPORT_ENTRIES`].
    #[error("an export has at most {MAX_EXPORT_ENTRIES} entries")]
    TooMany,
    /// An index that is not above that of the line before.
    #[error("the indices do not rise")]
    Order,
    /// Other lines than the header counts.
    #[error("it does not hold as many entries as its first line says")]
    Count,
    /// A line whose entry is not of its form.
    #[error("entry {index}: {error}")]
    Entry {
        /// The entry's index.
        index: LeafIndex,
        /// What is wrong with it.
        error: EntryError,
    },
}

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The log's origin.
    pub origin: String,
    /// To which every proof leads.
    pub checkpoint: SignedCheckpoint,
    /// What was asked for.
    pub asked: Asked,
    /// Which fields are withheld of every entry.
    pub withheld: Withheld,
    /// Entries, that of the export's own making not counted.
    pub n: u64,
}

impl Header {
    /// The line, its line feed counted.
    ///
    /// # Errors
    /// It is longer than a reader takes.
    pub fn to_line(&self) -> Result<Vec<u8>, ExportError> {
        let note = std::str::from_utf8(self.checkpoint.as_bytes()).expect("a note is UTF-8");
        line(&json!({
            "asked": self.asked.to_value(),
            "checkpoint": note,
            "format": FORMAT,
            "n": self.n,
            "origin": self.origin,
            "v": 1,
            "withheld": self.withheld.to_value(),
        }))
    }

    fn parse(bytes: &[u8]) -> Result<Self, ExportError> {
        let value = json::parse(bytes)?;
        let names = "asked checkpoint format n origin v withheld";
        let names: Vec<&str> = names.split(' ').collect();
        let members = Members::exactly(&value, &names)?;
        if members.string("format")? != FORMAT || members.integer("v")? != 1 {
            return Err(ExportError::Version);
        }
        let header = Self {
            origin: members.string("origin")?.into(),
            checkpoint: SignedCheckpoint::parse(members.string("checkpoint")?.as_bytes())?,
            asked: Asked::from_value(members.value("asked")?)?,
            withheld: Withheld::from_value(members.value("withheld")?)?,
            n: members.integer("n")?,
        };
        if header.checkpoint.checkpoint().origin() != header.origin {
            return Err(ExportError::Origin);
        }
        if header.n > MAX_EXPORT_ENTRIES {
            return Err(ExportError::TooMany);
        }
        Ok(header)
    }
}

/// Any other line: an entry and the hashes that lead from it to the checkpoint's root.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The entry's position in the log.
    pub index: LeafIndex,
    /// The entry, as it is shown.
    pub entry: Disclosed,
    /// From the leaf's sibling up to the root's child.
    pub proof: Vec<Hash>,
}

impl Line {
    /// The line, its line feed counted.
    ///
    /// # Errors
    /// It is longer than a reader takes.
    pub fn to_line(&self) -> Result<Vec<u8>, ExportError> {
        line(&json!({
            "entry": self.entry.to_value(),
            "index": self.index.get(),
            "proof": self.proof,
        }))
    }

    fn parse(bytes: &[u8]) -> Result<Self, ExportError> {
        let value = json::parse(bytes)?;
        let members = Members::exactly(&value, &["entry", "index", "proof"])?;
        let index = members.integer("index")?;
        let index = LeafIndex::new(index).map_err(|_| json::wrong("index"))?;
        let hashes = members.array("proof")?.iter();
        let hashes = hashes.map(|hash| hash.as_str()?.parse().ok());
        let proof: Vec<Hash> = hashes
            .collect::<Option<_>>()
            .ok_or_else(|| json::wrong("proof"))?;
        if proof.len() > MAX_PROOF_HASHES {
            return Err(json::wrong("proof").into());
        }
        let entry = Disclosed::from_value(members.value("entry")?)
            .map_err(|error| ExportError::Entry { index, error })?;
        Ok(Self {
            index,
            entry,
            proof,
        })
    }
}

fn line(value: &Value) -> Result<Vec<u8>, ExportError> {
    let mut jcs = json::canonical(value)?;
    if jcs.len() > MAX_EXPORT_LINE_BYTES {
        return Err(ExportError::TooLong);
    }
    jcs.push(b'\n');
    Ok(jcs)
}

/// Reads an export, a line at a time; what it says is believed only once it is verified.
pub struct Reader<R> {
    from: R,
    header: Header,
    /// The line that is read next, from 0; `header.n` is the export's own entry.
    next: u64,
    last: Option<LeafIndex>,
}

impl<R: BufRead> Reader<R> {
    /// Reads the first line.
    ///
    /// # Errors
    /// See [`ExportError`].
    pub fn open(mut from: R) -> Result<Self, ExportError> {
        let first = read_line(&mut from)?.ok_or(ExportError::Cut)?;
        Ok(Self {
            header: Header::parse(&first)?,
            from,
            next: 0,
            last: None,
        })
    }

    /// The first line.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The next entry, and whether it is that of the export's own making, which is the last;
    /// `None` behind it.
    ///
    /// # Errors
    /// See [`ExportError`].
    pub fn next_line(&mut self) -> Result<Option<(Line, bool)>, ExportError> {
        let bytes = read_line(&mut self.from)?;
        if self.next > self.header.n {
            return match bytes {
                None => Ok(None),
                Some(_) => Err(ExportError::Count),
            };
        }
        let line = Line::parse(&bytes.ok_or(ExportError::Count)?)?;
        if self.last.is_some_and(|last| last >= line.index) {
            return Err(ExportError::Order);
        }
        self.last = Some(line.index);
        let own = self.next == self.header.n;
        self.next += 1;
        Ok(Some((line, own)))
    }
}

/// A line without its line feed; `None` at the end.
fn read_line(from: &mut impl BufRead) -> Result<Option<Vec<u8>>, ExportError> {
    let mut bytes = Vec::new();
    let limit = MAX_EXPORT_LINE_BYTES as u64 + 1;
    from.by_ref().take(limit).read_until(b'\n', &mut bytes)?;
    match bytes.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(bytes)),
        Some(_) if bytes.len() >= MAX_EXPORT_LINE_BYTES => Err(ExportError::TooLong),
        Some(_) => Err(ExportError::Cut),
    }
}
