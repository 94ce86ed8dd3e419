//! What became of every file, held against what manifests say: for people, for programs, and
//! as a file that is there whole or not at all.

mod write;

use custos_core::ids::CaseId;
use serde::Serialize;

use super::{
    deposit::{Became, Outcome},
    listing::{Entry, Found},
    source::Measured,
};

pub use write::{Place, object};

/// What a file is, beside what was noted of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Everything that was noted of it is so.
    Matched,
    /// Something that was noted of it is not so.
    Mismatched,
    /// Nothing that could be compared was noted of it.
    Unchecked,
    /// A manifest names it, and nothing is there.
    Missing,
    /// A manifest names it, but it lies outside the root.
    Outside,
    /// It is there, and no manifest names it.
    Unlisted,
    /// It can't be read.
    Unreadable,
    /// A symbolic link, which was not followed.
    Link,
    /// Neither file, folder nor link.
    Special,
    /// It belongs to the command itself.
    Own,
}

impl State {
    /// Every state, in the order in which they are told of.
    pub const ALL: [Self; 10] = [
        Self::Matched,
        Self::Unchecked,
        Self::Mismatched,
        Self::Missing,
        Self::Outside,
        Self::Unreadable,
        Self::Unlisted,
        Self::Link,
        Self::Special,
        Self::Own,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Mismatched => "mismatched",
            Self::Unchecked => "unchecked",
            Self::Missing => "missing",
            Self::Outside => "outside",
            Self::Unlisted => "unlisted",
            Self::Unreadable => "unreadable",
            Self::Link => "link",
            Self::Special => "special",
            Self::Own => "own",
        }
    }

    /// The state of what was not hashed.
    pub(super) fn of(entry: &Entry) -> Self {
        match entry.found {
            Found::Here => Self::Unchecked,
            Found::Missing => Self::Missing,
            Found::Outside => Self::Outside,
            Found::Unlisted => Self::Unlisted,
            Found::Link => Self::Link,
            Found::Special => Self::Special,
            Found::Own => Self::Own,
            Found::Unreadable(_) => Self::Unreadable,
        }
    }

    /// The state of what was hashed. A file that no manifest names stays one when it is wanted.
    pub(super) fn of_hashed(entry: &Entry, mismatches: &[Mismatch]) -> Self {
        if !mismatches.is_empty() {
            Self::Mismatched
        } else if entry.expected.is_empty() && entry.size.is_none() {
            Self::Unchecked
        } else {
            Self::Matched
        }
    }
}

/// Something that was noted and is not so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// `md5`, `sha1`, `sha256`, `sha512`, or `size`.
    pub algorithm: &'static str,
    /// What was noted.
    pub declared: String,
    /// What the file has.
    pub found: String,
}

/// What was noted of a file and is not so.
pub(super) fn mismatches(entry: &Entry, measured: &Measured) -> Vec<Mismatch> {
    let mut all = Vec::new();
    if let Some(size) = entry.size.filter(|size| *size != measured.size) {
        all.push(Mismatch {
            algorithm: "size",
            declared: size.to_string(),
            found: measured.size.to_string(),
        });
    }
    for expected in &entry.expected {
        let same = |found: &&super::told::Declared| found.algorithm == expected.algorithm;
        let found = measured.hashes.iter().find(same);
        let found = found.map_or("", |found| found.value.as_str());
        if found != expected.value {
            all.push(Mismatch {
                algorithm: expected.algorithm,
                declared: expected.value.clone(),
                found: found.into(),
            });
        }
    }
    all
}

/// What became of one file.
#[derive(Debug)]
pub struct Line<'a> {
    /// The file.
    pub entry: &'a Entry,
    /// What it is.
    pub state: State,
    /// What was noted of it and is not so.
    pub mismatches: Vec<Mismatch>,
    /// The file as it was hashed, if it was.
    pub measured: Option<Measured>,
    /// What became of it.
    pub became: Became,
}

impl Line<'_> {
    /// Whether it is in quarantine, if it is known to be in the room.
    pub fn quarantined(&self) -> Option<bool> {
        match &self.became {
            Became::In(done) => Some(done.kept.quarantined),
            _ => None,
        }
    }
}

/// How many files came out how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// In the room, by this run or an earlier one.
    pub in_room: u64,
    /// Of them, those that this run sent.
    pub deposited: u64,
    /// Of them, those that an earlier run deposited.
    pub skipped: u64,
    /// Of them, those in quarantine.
    pub quarantined: u64,
    /// Failed.
    pub failed: u64,
    /// Not to be deposited.
    pub left_out: u64,
    /// Everything noted of them is so.
    pub matched: u64,
    /// Something noted of them is not so.
    pub mismatched: u64,
    /// Of them, those that were left out for it.
    pub mismatched_left_out: u64,
    /// Of them, those that are in the room and not in quarantine: no room is told of sizes.
    pub mismatched_not_held: u64,
    /// Nothing to compare was noted of them.
    pub unchecked: u64,
    /// Named, and not there.
    pub missing: u64,
    /// Named, and outside the root.
    pub outside: u64,
    /// There, not named, and left out.
    pub unlisted: u64,
    /// There, not named, and deposited because that was wanted.
    pub unlisted_wanted: u64,
    /// There, and can't be read.
    pub unreadable: u64,
    /// Symbolic links.
    pub links: u64,
    /// Neither file, folder nor link.
    pub special: u64,
    /// The command's own.
    pub own: u64,
    /// Those of them that a manifest names: they are not deposited all the same.
    pub own_named: u64,
    /// Named for a second time in one manifest.
    pub twice: u64,
}

/// Something is not in the room.
const FAILED: u8 = 1;
/// Everything is in the room, and some of it in quarantine.
const QUARANTINED: u8 = 3;
/// Nothing failed, but manifest and disk are not the same.
const DIFFERENT: u8 = 4;

impl Tally {
    /// Counts. `manifests` says whether there are any.
    pub fn of(lines: &[Line<'_>], manifests: bool) -> Self {
        let mut tally = Self::default();
        for line in lines {
            tally.add(line, manifests);
        }
        tally
    }

    fn add(&mut self, line: &Line<'_>, manifests: bool) {
        let left_out = matches!(line.became, Became::LeftOut);
        match &line.became {
            Became::In(done) => {
                self.in_room += 1;
                let new = done.outcome == Outcome::Deposited;
                self.deposited += u64::from(new);
                self.skipped += u64::from(!new);
                self.quarantined += u64::from(done.kept.quarantined);
            }
            Became::LeftOut => self.left_out += 1,
            Became::Failed(_) => self.failed += 1,
        }
        *match line.state {
            State::Matched => &mut self.matched,
            State::Mismatched => &mut self.mismatched,
            State::Unchecked => &mut self.unchecked,
            State::Missing => &mut self.missing,
            State::Outside => &mut self.outside,
            State::Unlisted => &mut self.unlisted,
            State::Unreadable => &mut self.unreadable,
            State::Link => &mut self.links,
            State::Special => &mut self.special,
            State::Own => &mut self.own,
        } += 1;
        self.mismatched_left_out += u64::from(left_out && line.state == State::Mismatched);
        let held = line.quarantined() != Some(false);
        self.mismatched_not_held += u64::from(line.state == State::Mismatched && !held);
        let named = !line.entry.named.is_empty();
        self.unlisted_wanted += u64::from(manifests && !named && line.entry.counts());
        self.own_named += u64::from(named && line.state == State::Own);
        self.twice += u64::from(line.entry.twice);
    }

    /// The exit code: see the help of `custos deposit`.
    pub fn code(&self) -> u8 {
        let different = self.missing
            + self.outside
            + self.unlisted
            + self.twice
            + self.own_named
            + self.mismatched_left_out
            + self.mismatched_not_held;
        match self {
            Self { failed: 1.., .. } => FAILED,
            _ if different > 0 => DIFFERENT,
            Self {
                quarantined: 1.., ..
            } => QUARANTINED,
            _ => 0,
        }
    }
}

/// Everything of one run.
#[derive(Debug)]
pub struct Report<'a> {
    /// The room.
    pub server: String,
    /// The case.
    pub case: CaseId,
    /// Where the manifests are.
    pub manifests: &'a [&'a std::path::Path],
    /// Every file, in the order of the listing.
    pub lines: &'a [Line<'a>],
    /// How many came out how.
    pub tally: Tally,
}
