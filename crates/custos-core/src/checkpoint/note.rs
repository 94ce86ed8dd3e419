//! Signed notes (C2SP signed-note).
//!
//! ```text
//! text, its last line feed included
//!                                                       blank line
//! — name base64(u32 BE key id | signature)              one line a signature
//! ```
//!
//! `signed_note` reads and writes the signature lines. Its own `Note` ends at 1,000,000
//! bytes, and a bundle's note may be larger, so text and lines are parted here; the tests
//! hold both to the same answers.

use std::collections::HashSet;

use signed_note::Signature;

use super::{MAX_SIGNATURES, key::VerifierKey};

/// Why something is not a signed note, or not one signed as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than its kind of note may be.
    #[error("the note is longer than its limit")]
    TooLong,
    /// Not UTF-8, a control character, no blank line before the signatures, no last line feed.
    #[error("not a signed note")]
    Form,
    /// A signature line that is not of its form.
    #[error("a signature line is not `— name base64`")]
    Line,
    /// No signature, or more than [`MAX_SIGNATURES`].
    #[error("a note has 1 to {MAX_SIGNATURES} signatures")]
    Signatures,
    /// None of the keys asked for signed it.
    #[error("no known key signed the note")]
    Unsigned,
    /// A line of a known key is not its signature.
    #[error("a signature of a known key does not verify")]
    Signature,
}

/// One signature line: whose it says it is, and the signature.
#[derive(Clone, Debug, PartialEq)]
pub struct NoteSignature(Signature);

impl Eq for NoteSignature {}

impl NoteSignature {
    /// A line of this key.
    pub(super) fn new(key: &VerifierKey, bytes: Vec<u8>) -> Self {
        let line = Signature::new(key.name().into(), key.id(), bytes);
        Self(line.expect("a key's name is a name of signed notes"))
    }

    /// Reads one line, with or without its line feed.
    ///
    /// # Errors
    /// [`NoteError::Line`].
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        let line = line.strip_suffix('\n').unwrap_or(line);
        if line.bytes().any(|byte| byte < 0x20) {
            return Err(NoteError::Line);
        }
        Signature::from_bytes(line.as_bytes())
            .map(Self)
            .map_err(|_| NoteError::Line)
    }

    /// The line with its line feed.
    pub fn to_line(&self) -> String {
        String::from_utf8(self.0.to_bytes()).expect("name and base64 are UTF-8")
    }

    /// Whether name and id are this key's. Whether it verifies is another question.
    pub fn is_by(&self, key: &VerifierKey) -> bool {
        self.0.name() == key.name() && self.0.id() == key.id()
    }

    /// The name that the line bears.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The key id that the line bears.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// The signature without the key id; for a cosignature, its time first.
    pub fn bytes(&self) -> &[u8] {
        self.0.signature()
    }
}

/// A text and its signature lines, kept byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    bytes: Vec<u8>,
    // INVARIANT: `bytes` is `text`, a line feed, and the lines of `signatures`.
    text: String,
    signatures: Vec<NoteSignature>,
}

impl SignedNote {
    /// Signs a text with each key, in their order.
    ///
    /// # Errors
    /// [`NoteError::Form`] for a text that no note may have; [`NoteError::Signatures`].
    pub fn sign(text: &str, keys: &[&super::NoteSigner]) -> Result<Self, NoteError> {
        check_text(text)?;
        Self::new(text.into(), keys.iter().map(|key| key.sign(text)).collect())
    }

    fn new(text: String, signatures: Vec<NoteSignature>) -> Result<Self, NoteError> {
        if signatures.is_empty() || signatures.len() > MAX_SIGNATURES {
            return Err(NoteError::Signatures);
        }
        let mut bytes = text.clone().into_bytes();
        bytes.push(b'\n');
        for signature in &signatures {
            bytes.extend_from_slice(signature.to_line().as_bytes());
        }
        Ok(Self {
            bytes,
            text,
            signatures,
        })
    }

    /// Reads a note of at most `max_bytes`; its signatures are not checked yet.
    ///
    /// # Errors
    /// See [`NoteError`].
    pub fn parse(bytes: &[u8], max_bytes: usize) -> Result<Self, NoteError> {
        if bytes.len() > max_bytes {
            return Err(NoteError::TooLong);
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::Form)?;
        let blank = note.rfind("\n\n").ok_or(NoteError::Form)?;
        let (text, lines) = (&note[..=blank], &note[blank + 2..]);
        check_text(text)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Form)?;
        // One line more than allowed is enough to know that there are too many.
        let signatures = lines
            .split('\n')
            .take(MAX_SIGNATURES + 1)
            .map(NoteSignature::parse)
            .collect::<Result<Vec<_>, _>>()?;
        let note = Self::new(text.into(), signatures)?;
        if note.bytes == bytes {
            Ok(note)
        } else {
            Err(NoteError::Form)
        }
    }

    /// The same note with one more line. A line of the same name and key id is replaced.
    ///
    /// # Errors
    /// [`NoteError::Signatures`] when there would be too many.
    pub fn with_signature(&self, signature: NoteSignature) -> Result<Self, NoteError> {
        let same =
            |line: &NoteSignature| line.name() == signature.name() && line.id() == signature.id();
        let mut signatures: Vec<_> = self
            .signatures
            .iter()
            .filter(|line| !same(line))
            .cloned()
            .collect();
        signatures.push(signature);
        Self::new(self.text.clone(), signatures)
    }

    /// What is signed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The note, byte for byte.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The lines, in their order.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The signatures of known keys, each verified. Lines of other keys are ignored, and so
    /// is a second line of one key, as C2SP signed-note says.
    ///
    /// # Errors
    /// [`NoteError::Signature`] when a known key's line does not verify: the whole note is
    /// then refused; [`NoteError::Unsigned`] when no known key has a line.
    pub fn verify<'a, 'k>(
        &'a self,
        known: &[&'k VerifierKey],
    ) -> Result<Vec<(&'k VerifierKey, &'a NoteSignature)>, NoteError> {
        let mut seen = HashSet::new();
        let mut verified = Vec::new();
        for signature in &self.signatures {
            let Some(key) = known.iter().find(|key| signature.is_by(key)) else {
                continue;
            };
            if !seen.insert((signature.name(), signature.id())) {
                continue;
            }
            if !key.verifies(&self.text, signature) {
                return Err(NoteError::Signature);
            }
            verified.push((*key, signature));
        }
        if verified.is_empty() {
            return Err(NoteError::Unsigned);
        }
        Ok(verified)
    }
}

/// A note's text ends with a line feed and has no other control character of ASCII.
fn check_text(text: &str) -> Result<(), NoteError> {
    let odd = |byte: u8| byte < 0x20 && byte != b'\n';
    if text.ends_with('\n') && !text.bytes().any(odd) {
        Ok(())
    } else {
        Err(NoteError::Form)
    }
}
