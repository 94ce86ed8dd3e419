//! Making a bundle: sums first, then one pass over the bytes.

use std::{
    collections::{BTreeMap, HashSet},
    io::{self, Read, Write},
};

use super::{
    manifest::{FileSum, MAX_NOTE_BYTES, Manifest, Subject, key_name},
    name::BundleName,
    parts::{Part, Parts, present},
    place::Place,
    zip::{MAX_FILES, NOTE_NAME, Writer, ZipError, archive_length},
};
use crate::{
    checkpoint::{NoteError, NoteSigner, SignedNote},
    hash::{Hash, sha256},
    ids::{LeafIndex, ScopeId},
    json::JsonError,
};

/// Why a bundle cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A file's name is no place of a bundle, or stands there twice.
    #[error("`{0}` has no place in a bundle, or stands there twice")]
    Name(BundleName),
    /// More files than a reader takes.
    #[error("a bundle has at most {MAX_FILES} files")]
    TooMany,
    /// `bundle.note` would be longer than a reader takes.
    #[error("`bundle.note` would be longer than {MAX_NOTE_BYTES} bytes")]
    TooLong,
    /// A part is both there and withheld, or a number is too large.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A key of another name, or none.
    #[error("the key that signs is not `{0}`")]
    Key(String),
    /// The note cannot be signed.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The archive would be too long.
    #[error(transparent)]
    Zip(#[from] ZipError),
}

/// What a bundle is about: `bundle.note` without its files.
#[derive(Clone, Debug)]
pub struct About {
    /// The log's origin.
    pub origin: String,
    /// What the bundle is about.
    pub subject: Subject,
    /// The scope whose history of the subject it holds.
    pub scope: ScopeId,
    /// Size of its newest checkpoint.
    pub checkpoint: u64,
    /// Index of the control entry that names the key that signs.
    pub control: LeafIndex,
    /// Parts that exist and this recipient is not given.
    pub withheld: Vec<Part>,
}

/// A file that the bundle will hold, its sums known before its bytes are read again.
#[derive(Clone, Debug)]
pub struct PlannedFile {
    /// Its place.
    pub place: Place,
    /// Length and SHA-256.
    pub sum: FileSum,
    /// CRC-32 (ISO-HDLC, as in ZIP).
    pub crc32: u32,
}

impl PlannedFile {
    /// A file whose bytes are at hand.
    pub fn of(place: Place, bytes: &[u8]) -> Self {
        Self {
            place,
            sum: FileSum {
                length: bytes.len() as u64,
                sha256: sha256(&[bytes]),
            },
            crc32: crc32fast::hash(bytes),
        }
    }
}

/// A bundle of which every byte is decided, and all but the files' bytes are written.
#[derive(Clone, Debug)]
pub struct Plan {
    note: Vec<u8>,
    files: BTreeMap<BundleName, (u64, u32)>,
    length: u64,
}

impl Plan {
    /// Puts the list of files into `bundle.note` and signs it.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn new(
        about: About,
        files: &[PlannedFile],
        signer: &NoteSigner,
    ) -> Result<Self, PlanError> {
        let key_name = key_name(&about.origin);
        if signer.verifier_key().name() != key_name {
            return Err(PlanError::Key(key_name));
        }
        if files.len() as u64 >= MAX_FILES {
            return Err(PlanError::TooMany);
        }
        let mut sums = BTreeMap::new();
        let mut lengths = BTreeMap::new();
        let mut folded = HashSet::new();
        for file in files {
            let name = file.place.name();
            if !folded.insert(name.folded()) {
                return Err(PlanError::Name(name));
            }
            sums.insert(name.clone(), file.sum);
            lengths.insert(name, (file.sum.length, file.crc32));
        }
        let included = present(sums.keys().map(BundleName::as_str));
        let manifest = Manifest {
            origin: about.origin,
            subject: about.subject,
            scope: about.scope,
            checkpoint: about.checkpoint,
            control: about.control,
            parts: Parts::new(included, about.withheld)?,
            files: sums,
        };
        Self::signed(&manifest.to_text()?, lengths, signer)
    }

    /// Signs a manifest's text, whatever it says.
    fn signed(
        text: &[u8],
        files: BTreeMap<BundleName, (u64, u32)>,
        signer: &NoteSigner,
    ) -> Result<Self, PlanError> {
        let text = std::str::from_utf8(text).expect("JCS is UTF-8");
        let note = SignedNote::sign(text, &[signer])?.as_bytes().to_vec();
        if note.len() > MAX_NOTE_BYTES {
            return Err(PlanError::TooLong);
        }
        let first = note_name();
        let lengths = std::iter::once((&first, note.len() as u64))
            .chain(files.iter().map(|(name, (length, _))| (name, *length)));
        Ok(Self {
            length: archive_length(lengths)?,
            note,
            files,
        })
    }

    /// `bundle.note`, byte for byte.
    pub fn note(&self) -> &[u8] {
        &self.note
    }

    /// SHA-256 of `bundle.note`, which names the bundle in its own entry's receipt and on paper.
    pub fn fingerprint(&self) -> Hash {
        sha256(&[&self.note])
    }

    /// Length of the archive in bytes.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Writes the archive front to back; `open` gives each file's bytes in turn.
    ///
    /// # Errors
    /// A file whose bytes are not those planned, or reading or writing failed: what was
    /// written must then be thrown away.
    pub fn write_to<W: Write>(
        &self,
        out: W,
        mut open: impl FnMut(&BundleName) -> io::Result<Box<dyn Read>>,
    ) -> Result<W, ZipError> {
        let mut writer = Writer::new(out);
        let note = &self.note;
        let crc32 = crc32fast::hash(note);
        writer.file(&note_name(), note.len() as u64, crc32, &mut &note[..])?;
        for (name, (length, crc32)) in &self.files {
            writer.file(name, *length, *crc32, &mut *open(name)?)?;
        }
        writer.finish()
    }
}

fn note_name() -> BundleName {
    NOTE_NAME.parse().expect("a good name")
}
