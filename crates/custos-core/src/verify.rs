//! Checking a bundle, or an export of the log, offline, without trusting the room that made it.
//!
//! Either is hostile input: every length, count and loop is bounded, and nothing is
//! believed before the step that proves it. The steps run in the order of [`Step`]; the
//! first that fails ends the verification, and what the steps before it found is not given
//! out, so that nobody relies on half of it.
//!
//! Memory: the list of files and some hundred bytes for each entry; files themselves pass
//! through bounded buffers. A bundle's files are read once whole, and those that are parsed
//! once more, with their SHA-256 compared again.

mod chain;
mod content;
mod entries;
mod export;
mod heads;
mod held;
mod open;
mod redaction;
mod register;
mod report;
mod stream;
mod timestamps;
mod whole;

use std::{
    fmt,
    io::{self, Read, Seek},
};

use crate::{checkpoint::TrustPolicy, ids::Timestamp, receipt::Receipt};

pub use entries::Shown;
pub use export::{VerifiedExport, asked_in_words, verify_export};
pub use report::{
    ContentCheck, HeldCheck, HeldOutcome, HistoryLine, NotLaterThan, RedactionCheck, RegisterCheck,
    Stamped, TimestampCheck, Verified, utc,
};
pub use whole::{WholeError, WholeLog, check_whole};

/// A step of the verification, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// `zip`: the archive is the canonical one of its files.
    Zip,
    /// `bundle.note`: the note and its text are of their form.
    Note,
    /// `files`: the note lists exactly the files, with their SHA-256.
    Files,
    /// `export`: the lines of an export of the log are of their form and number.
    Export,
    /// `checkpoint`: a trusted key of the log signed every checkpoint.
    Checkpoint,
    /// `witness`: cosignatures hold, and the newest checkpoint has the quorum asked for.
    Witness,
    /// `consistency`: each checkpoint's log continues that of the one before.
    Consistency,
    /// `entry`: every entry is of its form and of this log.
    Entry,
    /// `inclusion`: every entry is in the log of the newest checkpoint.
    Inclusion,
    /// `key`: a key that the log or the verifier names signed the bundle.
    Key,
    /// `chain`: the subject's history has no gap and ends with this bundle.
    Chain,
    /// `content`: the content is what was deposited.
    Content,
    /// `redaction`: what a redacted copy shows is verbatim from the original.
    Redaction,
    /// `register`: the register counts every item once.
    Register,
    /// `asked`: an export holds what was asked for, and its own entry names exactly this.
    Asked,
    /// `timestamp`: time authorities stamped the checkpoints.
    Timestamp,
    /// `held`: receipts kept elsewhere belong to the same history.
    Held,
}

impl Step {
    /// Every step with its word, in order; those of a bundle and those of an export.
    pub const ALL: [(Self, &'static str); 17] = [
        (Self::Zip, "zip"),
        (Self::Note, "bundle.note"),
        (Self::Files, "files"),
        (Self::Export, "export"),
        (Self::Checkpoint, "checkpoint"),
        (Self::Witness, "witness"),
        (Self::Consistency, "consistency"),
        (Self::Entry, "entry"),
        (Self::Inclusion, "inclusion"),
        (Self::Key, "key"),
        (Self::Chain, "chain"),
        (Self::Content, "content"),
        (Self::Redaction, "redaction"),
        (Self::Register, "register"),
        (Self::Asked, "asked"),
        (Self::Timestamp, "timestamp"),
        (Self::Held, "held"),
    ];

    /// The step's word.
    pub fn word(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The step that failed, and how.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {what}")]
pub struct Failure {
    /// Where the verification ended.
    pub step: Step,
    /// What is wrong, in plain words; names of files stand in backticks.
    pub what: String,
}

impl Failure {
    /// What is safe to do now, in one or two sentences.
    pub const fn advice(&self) -> &'static str {
        match self.step {
            Step::Zip | Step::Note | Step::Files => {
                "Do not rely on this file. It was damaged or changed on its way, or was never a \
                 bundle: keep it as it is, and get another copy from where it came from."
            }
            Step::Export | Step::Asked => {
                "Do not rely on this file. It was changed on its way, or was never an export of \
                 the custody log: keep it as it is, and get another copy from where it came from."
            }
            Step::Checkpoint | Step::Witness | Step::Key => {
                "Do not rely on this file yet. Compare the trust policy with the one that is \
                 published elsewhere than by the room; if it is current, the file was not made \
                 or not confirmed by whom it says."
            }
            Step::Consistency | Step::Held => {
                "Keep this file and every receipt and bundle that you hold, unchanged. If they \
                 are genuine they show two histories of one log: have both examined by an expert \
                 and tell the court."
            }
            _ => {
                "Do not rely on this file. Keep it unchanged, and ask the room for a new one; if \
                 that fails in the same way, tell the court."
            }
        }
    }
}

/// Why a bundle or an export is not verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A step failed: the file must not be relied on.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// Reading failed; says nothing about the file.
    #[error("the file could not be read: {0}; nothing is known about it, try again")]
    Io(#[from] io::Error),
}

/// How far the one pass over all bytes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read so far.
    pub done: u64,
    /// Bytes of all files.
    pub total: u64,
}

/// Checks a bundle against whom the verifier trusts and against receipts kept elsewhere.
///
/// `now` is the verifier's clock, used only to say that something lies in the future.
/// `progress` is called from this thread, at least once for each MiB.
///
/// # Errors
/// [`VerifyError::Failed`] names the first step that failed.
pub fn verify<R: Read + Seek>(
    bundle: R,
    trust: &TrustPolicy,
    held: &[Receipt],
    now: Timestamp,
    progress: &mut dyn FnMut(Progress),
) -> Result<Verified, VerifyError> {
    let mut opened = open::open(bundle)?;
    let item = open::check_files(&mut opened, progress)?;
    let heads = heads::check(&mut opened, trust)?;
    let log = entries::check(&mut opened, &heads, trust)?;
    let history = chain::check(&log, &opened.manifest)?;
    let content = content::check(&mut opened, &log, &history, item)?;
    let redaction = redaction::check(&mut opened, &log, &history)?;
    let register = register::check(&mut opened, &log)?;
    let timestamps = timestamps::check(&mut opened, &heads, trust)?;
    let manifest = &opened.manifest;
    let of = (manifest.origin.as_str(), manifest.checkpoint);
    let held = held::check(held, of, &heads, &log, trust)?;
    Ok(report::assemble(report::Findings {
        manifest: opened.manifest,
        heads,
        log,
        history,
        content,
        redaction,
        register,
        timestamps,
        held,
        trust,
        now,
    }))
}

/// A step's failure.
fn fail(step: Step, what: impl Into<String>) -> VerifyError {
    let what = what.into();
    VerifyError::Failed(Failure { step, what })
}

/// A step's failure in one file.
fn fail_in(step: Step, file: impl fmt::Display, what: impl fmt::Display) -> VerifyError {
    fail(step, format!("`{file}`: {what}"))
}
