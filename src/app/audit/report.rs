//! What an audit tells: places and verdicts, never values.

use std::{borrow::Cow, fmt};

use custos_core::ids::{Id, ObjectId, ScopeId};
use serde::Serialize;

/// Findings that a report names; more are only counted.
pub const MAX_NAMED_FINDINGS: usize = 10_000;

/// Which chain of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChainOf {
    /// All entries of the scope.
    Scope,
    /// Those that add an item.
    Items,
    /// Those about one subject.
    Subject,
}

/// Where something is wrong. Ids are in hex, as they lie in the register.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "place", rename_all = "snake_case")]
pub enum Place {
    /// The database file, or its schema.
    Database,
    /// A column of the log's head.
    Head {
        /// The column.
        field: &'static str,
    },
    /// A custody entry.
    Entry {
        /// Its index.
        index: i64,
        /// The column, or `row` for all of it.
        part: &'static str,
    },
    /// A place in a chain of entries.
    Chain {
        /// The scope.
        scope: ScopeId,
        /// Which of its chains.
        which: ChainOf,
        /// The number in the chain.
        nth: u64,
        /// Index of the entry that has it.
        index: i64,
    },
    /// A row of another table.
    Row {
        /// The table.
        table: &'static str,
        /// The row.
        id: String,
        /// The column, where it can be told.
        column: Option<&'static str>,
    },
    /// A wrapped key.
    Key {
        /// Its id; none of a key that is missing.
        id: Option<String>,
        /// What it is for.
        purpose: Option<&'static str>,
        /// Whose it is, where its own row does not say so.
        owner: Option<String>,
    },
    /// A stored object.
    Object {
        /// The object.
        id: ObjectId,
        /// The segment, from 0, where it can be told.
        segment: Option<u64>,
        /// The chunk within the segment, from 0.
        chunk: Option<u64>,
    },
    /// A published hash tile.
    Tile {
        /// Its path.
        path: String,
        /// The hash in it, from 0.
        position: Option<u64>,
    },
    /// A published entry bundle.
    EntryBundle {
        /// Its path.
        path: String,
        /// The entry in it, from 0.
        position: Option<u64>,
    },
    /// A checkpoint that the register keeps.
    Checkpoint {
        /// The size under which it is kept.
        size: i64,
    },
    /// The published file `checkpoint`.
    CheckpointFile,
    /// Another published file.
    PublicFile {
        /// Its path.
        path: String,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database => f.write_str("database"),
            Self::Head { field } => write!(f, "head of the log, `{field}`"),
            Self::Entry { index, part: "row" } => write!(f, "entry {index}"),
            Self::Entry { index, part } => write!(f, "entry {index}, `{part}`"),
            Self::Chain {
                scope,
                which,
                nth,
                index,
            } => {
                let which = match which {
                    ChainOf::Scope => "entries",
                    ChainOf::Items => "items",
                    ChainOf::Subject => "subject",
                };
                write!(
                    f,
                    "chain of {which} in scope {scope}, number {nth} (entry {index})"
                )
            }
            Self::Row { table, id, column } => {
                write!(f, "row {id} of `{table}`")?;
                column.map_or(Ok(()), |column| write!(f, ", `{column}`"))
            }
            Self::Key { id, purpose, owner } => {
                f.write_str("key")?;
                id.iter().try_for_each(|id| write!(f, " {id}"))?;
                purpose.map_or(Ok(()), |purpose| write!(f, " ({purpose})"))?;
                owner.iter().try_for_each(|owner| write!(f, " of {owner}"))
            }
            Self::Object { id, segment, chunk } => {
                write!(f, "object {id}")?;
                segment.map_or(Ok(()), |segment| write!(f, ", segment {segment}"))?;
                chunk.map_or(Ok(()), |chunk| write!(f, ", chunk {chunk}"))
            }
            Self::Tile { path, position } => {
                write!(f, "`{path}`")?;
                position.map_or(Ok(()), |position| write!(f, ", hash {position}"))
            }
            Self::EntryBundle { path, position } => {
                write!(f, "`{path}`")?;
                position.map_or(Ok(()), |position| write!(f, ", entry {position} in it"))
            }
            Self::Checkpoint { size } => write!(f, "kept checkpoint of size {size}"),
            Self::CheckpointFile => f.write_str("published file `checkpoint`"),
            Self::PublicFile { path } => write!(f, "published file `{path}`"),
        }
    }
}

/// Something that is wrong, or, as a note, something to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// What.
    pub what: Cow<'static, str>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// How much was checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Custody entries.
    pub entries: u64,
    /// Kept checkpoints.
    pub checkpoints: u64,
    /// Published hash tiles and entry bundles.
    pub tiles: u64,
    /// Authenticated rows.
    pub rows: u64,
    /// Wrapped keys.
    pub keys: u64,
    /// Items.
    pub items: u64,
    /// Stored bytes of their objects.
    pub stored_bytes: u64,
}

/// What an audit found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The first [`MAX_NAMED_FINDINGS`], in the order in which they were found.
    pub findings: Vec<Finding>,
    /// All of them.
    pub total: u64,
    /// What is worth knowing and no damage: orphans, what a crash left.
    pub notes: Vec<Finding>,
    /// All of those.
    pub notes_total: u64,
    /// Things that could not be checked because of a finding elsewhere.
    pub unchecked: u64,
    /// How much was checked.
    pub checked: Checked,
}

impl Report {
    /// Whether everything is what it should be.
    pub const fn is_sound(&self) -> bool {
        self.total == 0
    }

    /// Adds a finding.
    pub(super) fn found(&mut self, place: Place, what: impl Into<Cow<'static, str>>) {
        self.total += 1;
        if self.findings.len() < MAX_NAMED_FINDINGS {
            let what = what.into();
            self.findings.push(Finding { place, what });
        }
    }

    /// Adds a note.
    pub(super) fn note(&mut self, place: Place, what: impl Into<Cow<'static, str>>) {
        self.notes_total += 1;
        if self.notes.len() < MAX_NAMED_FINDINGS {
            let what = what.into();
            self.notes.push(Finding { place, what });
        }
    }
}

/// What is being checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The database file and its schema.
    Database,
    /// Wrapped keys.
    Keys,
    /// Entries, tiles, checkpoints, head.
    Log,
    /// Authenticated rows.
    Rows,
    /// What the room knows of its items.
    Items,
    /// What is stored of them.
    Content,
}

/// How far an audit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// What is being checked.
    pub phase: Phase,
    /// How many of them are done.
    pub done: u64,
    /// How many there are.
    pub total: u64,
    /// Findings so far.
    pub findings: u64,
    /// The first [`MAX_NAMED_FINDINGS`] of them.
    pub found: &'a [Finding],
    /// The item whose content was compared last.
    pub item: Option<Id>,
}
