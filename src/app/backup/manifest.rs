//! The manifest of a backup: what there is, with lengths and hashes.
//!
//! ```text
//! custos-backup-v1
//! {facts, as one line of JSON}
//! <SHA-256> <bytes> <path>        a line for each file, in ascending order
//! <SHA-256 of all lines above> end
//! ```
//!
//! The last line is written last, so a manifest that was cut shows it. Hashes find damage; who
//! holds the folder and means harm is found by the audit, which needs the root key.

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
};

use custos_core::{
    hash::{Hash, sha256},
    ids::{ObjectId, ScopeId, Timestamp, decimal},
    tile::TilePath,
};
use serde::{Deserialize, Serialize};

/// The first line.
const LABEL: &str = "custos-backup-v1";
/// What the last line ends with.
const END: &str = " end";
/// What the name of a state's folder begins with.
pub(super) const STATE: &str = "state-";

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// The log's origin.
    pub origin: String,
    /// The room.
    pub room: ScopeId,
    /// Version of the program that took it.
    pub program: String,
    /// Version of the register's schema.
    pub schema: String,
    /// When the register was copied, by the clock of the room's machine.
    pub taken_at: Timestamp,
    /// Entries in the log.
    pub size: u64,
    /// Root of their tree.
    pub root: Hash,
    /// Time of the newest entry.
    pub newest_at: Timestamp,
    /// Size of the newest published checkpoint; 0 before the first.
    pub published: u64,
    /// When that was published.
    pub published_at: Option<Timestamp>,
    /// The folder of what changes from backup to backup.
    pub state: String,
    /// What the register names and the room's store did not have: paths.
    pub lost: Vec<String>,
}

/// Length and hash of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// SHA-256 of its bytes.
    pub sha256: Hash,
    /// How many they are.
    pub bytes: u64,
}

/// A file of what changes from backup to backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StateFile {
    /// The register.
    Register,
    /// The published checkpoint that belongs to it.
    Checkpoint,
    /// The policy file that trusts the room's log.
    Trust,
    /// The sizes that each key of that policy signs, once one was rotated.
    TrustSizes,
    /// The root key.
    RootKey,
}

impl StateFile {
    const ALL: [Self; 5] = [
        Self::Register,
        Self::Checkpoint,
        Self::Trust,
        Self::TrustSizes,
        Self::RootKey,
    ];

    /// Its name in the state's folder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Register => "register.db",
            Self::Checkpoint => "checkpoint",
            Self::Trust => "trust.policy",
            Self::TrustSizes => "trust.json",
            Self::RootKey => "root.key",
        }
    }
}

/// A file of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Of what changes from backup to backup.
    State(StateFile),
    /// A public tile or entry bundle.
    Tile(TilePath),
    /// An encrypted object.
    Object(ObjectId),
}

impl Part {
    /// Its path in the backup's folder, whose state lies in `state`.
    pub fn path(&self, state: &str) -> String {
        match self {
            Self::State(file) => format!("{state}/{}", file.name()),
            Self::Tile(tile) => format!("log/{tile}"),
            Self::Object(object) => {
                let name = object.to_string();
                format!("objects/{}/{name}", &name[..2])
            }
        }
    }

    /// The part that has this path, and no other spelling of it.
    fn parse(path: &str, state: &str) -> Option<Self> {
        let (top, below) = path.split_once('/')?;
        let part = match top {
            "log" => Self::Tile(below.parse().ok()?),
            "objects" => Self::Object(below.rsplit_once('/')?.1.parse().ok()?),
            _ => {
                let file = StateFile::ALL.into_iter().find(|file| file.name() == below);
                Self::State(file?)
            }
        };
        (part.path(state) == path).then_some(part)
    }
}

/// One line of a file.
pub(super) struct Line<'a>(pub(super) &'a str, pub(super) Part, pub(super) Mark);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(state, part, mark) = self;
        writeln!(f, "{} {} {}", mark.sha256, mark.bytes, part.path(state))
    }
}

/// Reads a line without its line feed.
pub(super) fn parse_line(line: &str, state: &str) -> Option<(Part, Mark)> {
    let mut words = line.splitn(3, ' ');
    let mark = Mark {
        sha256: words.next()?.parse().ok()?,
        bytes: decimal(words.next()?).ok()?,
    };
    Some((Part::parse(words.next()?, state)?, mark))
}

/// What a finished backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// What it says of itself.
    pub facts: Facts,
    /// Its files.
    pub files: BTreeMap<Part, Mark>,
}

impl Manifest {
    /// The manifest's text.
    pub fn to_text(&self) -> String {
        let facts = serde_json::to_string(&self.facts).expect("facts are JSON");
        let mut text = format!("{LABEL}\n{facts}\n");
        for (part, mark) in &self.files {
            write!(text, "{}", Line(&self.facts.state, *part, *mark))
                .expect("a text takes all that is written");
        }
        let end = sha256(&[text.as_bytes()]);
        text.push_str(&format!("{end}{END}\n"));
        text
    }

    /// Reads a manifest, and nothing that was cut or changed.
    ///
    /// # Errors
    /// Says what is wrong, in words that follow a path.
    pub fn parse(text: &str) -> Result<Self, String> {
        let cut = || "it was cut".to_string();
        let body = text.strip_suffix('\n').ok_or_else(cut)?;
        let (above, end) = body.rsplit_once('\n').ok_or_else(cut)?;
        let told = end.strip_suffix(END).ok_or_else(cut)?;
        let above = &text[..=above.len()];
        if told != sha256(&[above.as_bytes()]).to_string() {
            return Err("its last line is not the hash of what stands above it".into());
        }
        let mut lines = above.lines();
        if lines.next() != Some(LABEL) {
            return Err(format!("it does not begin with `{LABEL}`"));
        }
        let facts = lines.next().unwrap_or_default();
        let facts: Facts =
            serde_json::from_str(facts).map_err(|error| format!("its facts: {error}"))?;
        let number = facts.state.strip_prefix(STATE).unwrap_or_default();
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
            return Err("the folder of its state has another name".into());
        }
        let mut files = BTreeMap::new();
        for line in lines {
            let read = parse_line(line, &facts.state);
            let Some((part, mark)) = read else {
                return Err(format!("`{line}` is no line of it"));
            };
            let last = files.last_key_value();
            if last.is_some_and(|(last, _)| *last >= part) {
                return Err(format!("`{line}` is not in its place"));
            }
            files.insert(part, mark);
        }
        if !files.contains_key(&Part::State(StateFile::Register)) {
            return Err("it names no register".into());
        }
        Ok(Self { facts, files })
    }

    /// The path of a part in this backup's folder.
    pub fn path(&self, part: Part) -> String {
        part.path(&self.facts.state)
    }

    /// Bytes of all files together.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|mark| mark.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let mark = |n: u8| Mark {
            sha256: Hash::from_bytes([n; 32]),
            bytes: n.into(),
        };
        let time = Timestamp::from_micros(1_764_000_000_000_000).expect("in range");
        let facts = Facts {
            origin: "room.example/log".into(),
            room: ScopeId::from_bytes([7; 16]),
            program: "0.1.0".into(),
            schema: "20261123000001".into(),
            taken_at: time,
            size: 300,
            root: Hash::from_bytes([9; 32]),
            newest_at: time,
            published: 299,
            published_at: Some(time),
            state: "state-300-1764000000000000".into(),
            lost: vec!["log/tile/0/000".into()],
        };
        let tile: TilePath = "tile/entries/001.p/43".parse().expect("a path");
        let files = [
            (Part::State(StateFile::Register), mark(1)),
            (Part::State(StateFile::Checkpoint), mark(2)),
            (Part::Tile(tile), mark(3)),
            (Part::Object(ObjectId::from_bytes([0xab; 16])), mark(4)),
        ];
        Manifest {
            facts,
            files: files.into(),
        }
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        let manifest = manifest();
        let text = manifest.to_text();
        assert_eq!(Manifest::parse(&text).expect("it is whole"), manifest);
        let paths: Vec<_> = manifest
            .files
            .keys()
            .map(|part| manifest.path(*part))
            .collect();
        assert_eq!(
            paths,
            [
                "state-300-1764000000000000/register.db",
                "state-300-1764000000000000/checkpoint",
                "log/tile/entries/001.p/43",
                "objects/ab/abababababababababababababababab",
            ]
        );
        assert_eq!(manifest.bytes(), 10);
    }

    #[test]
    fn no_byte_of_a_manifest_can_be_changed_or_cut() {
        let text = manifest().to_text();
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                Manifest::parse(&changed).expect_err("a changed byte");
            }
            Manifest::parse(&text[..at]).expect_err("a cut");
        }
    }

    #[test]
    fn only_paths_of_a_backup_are_read() {
        let forged = |old: &str, new: &str| {
            let text = manifest().to_text().replace(old, new);
            let body = text.trim_end_matches('\n');
            let (above, _) = body.rsplit_once('\n').expect("lines");
            let end = sha256(&[above.as_bytes(), b"\n"]);
            Manifest::parse(&format!("{above}\n{end} end\n"))
        };
        for (old, new) in [
            ("objects/ab/abab", "objects/../abab"),
            ("objects/ab/", "objects/cd/"),
            ("objects/ab/", "objects//ab/"),
            ("log/tile", "log/../tile"),
            ("001.p/43", "1.p/43"),
            ("/checkpoint", "/../checkpoint"),
            ("/checkpoint", "/checkpoint "),
            ("state-300-", "state-300/"),
            ("state-300-", "../300-"),
            ("/register.db", "/registers.db"),
            ("\"size\":300", "\"size\":300,\"more\":1"),
            (" 3 log", " 03 log"),
            (" 3 log", " -3 log"),
        ] {
            forged(old, new).expect_err(new);
        }
        forged("(nothing)", "(nothing)").expect("what was not changed is read");
    }
}
