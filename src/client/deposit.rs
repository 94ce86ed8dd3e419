//! Depositing files: each once, in parallel, resumable by running the same command again.

mod numbers;
mod plan;
mod send;

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::Mutex,
};

use custos_core::{
    hash::Hash,
    ids::{CaseId, ItemId, PersonId, Timestamp},
};
use futures::{StreamExt, stream};

use super::{
    api::{Api, Item, Listed},
    error::{ClientError, Problem},
    journal::{Journal, Kept},
    listing::{Entry, Found, Listing},
    report::{Line, Mismatch, State, mismatches},
    source::{self, Count, Measured},
    told::Told,
};
use crate::ambient::Ambient;

pub use numbers::References;

/// Files that wait for their receipt at the same time: a checkpoint comes once a second, and
/// until then there is none.
const RECEIPTS_WAITING: usize = 2_048;

/// What is to be deposited, and how.
#[derive(Debug)]
pub struct Order {
    /// The case.
    pub case: CaseId,
    /// The files.
    pub listing: Listing,
    /// What is told of each of them.
    pub told: Told,
    /// How exhibit references are made.
    pub references: References,
    /// Whether a file is left out that is not what a manifest says.
    pub skip_mismatches: bool,
    /// Files that are hashed or sent at the same time.
    pub jobs: usize,
    /// Where receipts are kept, if they are wanted.
    pub receipts: Option<PathBuf>,
}

/// How a deposit came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Now.
    Deposited,
    /// It was acknowledged before; nothing was sent.
    Skipped,
    /// The room had taken it in, but its acknowledgement was lost; nothing was sent.
    Recovered,
}

/// A file that is in the room.
#[derive(Debug, Clone)]
pub struct Done {
    /// How.
    pub outcome: Outcome,
    /// What the room acknowledged.
    pub kept: Kept,
    /// When its last byte was received, if that was acknowledged now.
    pub received_at: Option<Timestamp>,
    /// Where its receipt is.
    pub receipt: Option<PathBuf>,
}

/// Whether a file that failed is in the room all the same.
#[derive(Debug, Clone)]
pub enum Standing {
    /// It is not.
    Out,
    /// Only the room knows.
    Unknown,
    /// It is; what failed came after.
    In(Box<Kept>),
}

/// A file that failed.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub error: ClientError,
    /// Whether it is in the room all the same.
    pub standing: Standing,
}

impl Failure {
    pub(super) fn out(error: ClientError) -> Self {
        let standing = Standing::Out;
        Self { error, standing }
    }

    /// What happened, what is safe, what to do.
    pub fn text(&self) -> String {
        let error = &self.error;
        match &self.standing {
            Standing::Out => format!("not deposited: {error}"),
            Standing::Unknown => format!(
                "it is not known whether it was deposited: {error}; run the same command again, \
                 which asks the room first and deposits nothing twice"
            ),
            Standing::In(kept) => {
                format!(
                    "deposited as item {}, which is safe, but {error}",
                    kept.item
                )
            }
        }
    }
}

/// What became of a file.
#[derive(Debug)]
pub enum Became {
    /// It is in the room.
    In(Done),
    /// It was not to be deposited.
    LeftOut,
    /// It failed.
    Failed(Failure),
}

/// What is being done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its SHA-256 is computed.
    Hashing,
    /// Its bytes are sent.
    Sending,
    /// Its bytes come from the room.
    Taking,
}

/// Whoever shows what is going on.
pub trait Watch {
    /// So many files are to be hashed or sent.
    fn stage(&self, _stage: Stage, _files: usize) {}

    /// A file of `size` bytes is worked on until the answer is dropped.
    fn begins(
        &self,
        stage: Stage,
        file: &std::path::Path,
        size: u64,
        count: Count,
    ) -> Box<dyn Send>;

    /// One more of the stage is done with.
    fn ended(&self) {}
}

/// One run of a deposit.
pub struct Run<'a> {
    /// The room.
    pub api: &'a Api,
    /// What was done before.
    pub journal: &'a Journal,
    /// What is to be done.
    pub order: &'a Order,
    /// Whoever shows it.
    pub watch: &'a (dyn Watch + Sync),
    /// Is told what became of each file, as soon as it is known.
    pub ended: &'a (dyn Fn(&Line<'_>) + Sync),
    /// The time.
    pub ambient: &'a Ambient,
}

/// What the room says before anything is sent.
struct Ground {
    /// Who deposits; `None` when the token may not read.
    person: Option<PersonId>,
    /// The items of the case, as far as the depositor may know of them, by their size.
    items: HashMap<u64, Vec<Listed>>,
    /// Items that were read; `None` is one that can't be.
    read: tokio::sync::Mutex<HashMap<ItemId, Option<Item>>>,
    /// How much of the log is published, as far as was asked; whoever asks holds it.
    published: tokio::sync::Mutex<u64>,
    /// Receipts that are asked for at the same time, as many as files are sent.
    receipts: tokio::sync::Semaphore,
    /// References that this run gives, as the room compares them: no file takes another's.
    given: Mutex<HashSet<String>>,
    /// Why nothing more is tried.
    over: Mutex<Option<&'static str>>,
}

/// A file that was hashed.
struct Hashed<'a> {
    /// Its place in the listing.
    position: usize,
    /// Its number among those that are counted, from 0.
    number: u64,
    entry: &'a Entry,
    measured: Measured,
    mismatches: Vec<Mismatch>,
}

impl<'a> Run<'a> {
    /// Deposits every file of the order. What becomes of each is told to `ended`, and all of it
    /// at the end, in the order of the listing.
    ///
    /// # Errors
    /// Nothing was sent, because nothing can be deposited at all.
    pub async fn run(&self) -> Result<Vec<Line<'a>>, ClientError> {
        if let Some(folder) = &self.order.receipts {
            std::fs::create_dir_all(folder).map_err(ClientError::file(folder, "written"))?;
        }
        let ground = self.ground().await?;
        let mut lines: Vec<(usize, Line<'a>)> = Vec::new();
        let mut end = |position: usize, line: Line<'a>| {
            (self.ended)(&line);
            lines.push((position, line));
        };
        let mut measured = Vec::new();
        let (here, elsewhere) = self.numbered();
        for (position, _, entry) in elsewhere {
            end(position, Line::left_out(entry));
        }
        self.watch.stage(Stage::Hashing, here.len());
        let mut hashed = stream::iter(here)
            .map(|file| async move { (file, self.measure(file.2).await) })
            .buffered(self.order.jobs);
        while let Some(((position, number, entry), result)) = hashed.next().await {
            self.watch.ended();
            match result {
                Ok(found) => measured.push(Hashed {
                    position,
                    number,
                    entry,
                    mismatches: mismatches(entry, &found),
                    measured: found,
                }),
                Err(error) => end(position, Line::unreadable(entry, error)),
            }
        }
        drop(hashed);
        let plans = self.plan(&ground, measured).await?;
        self.watch.stage(Stage::Sending, plans.len());
        let mut carried = stream::iter(plans)
            .map(|planned| self.carry_out(&ground, planned))
            .buffer_unordered(self.order.jobs)
            .map(|(position, line)| self.take_receipt(&ground, position, line))
            .buffer_unordered(RECEIPTS_WAITING);
        while let Some((position, line)) = carried.next().await {
            self.watch.ended();
            end(position, line);
        }
        drop(carried);
        lines.sort_by_key(|(position, _)| *position);
        Ok(lines.into_iter().map(|(_, line)| line).collect())
    }

    /// Files that are to be hashed, and what is only reported, each with its place in the
    /// listing and its number among those that are counted.
    #[expect(clippy::type_complexity, reason = "two lists of the same three things")]
    fn numbered(&self) -> (Vec<(usize, u64, &'a Entry)>, Vec<(usize, u64, &'a Entry)>) {
        let mut number = 0;
        let numbered = self.order.listing.entries.iter().enumerate();
        let numbered = numbered.map(|(position, entry)| {
            let of_entry = number;
            number += u64::from(entry.counts());
            (position, of_entry, entry)
        });
        numbered.partition(|(_, _, entry)| entry.found == Found::Here)
    }

    /// Asks what would make everything fail, before hours of hashing.
    async fn ground(&self) -> Result<Ground, ClientError> {
        let person = self.api.me().await?;
        let mut items: HashMap<u64, Vec<Listed>> = HashMap::new();
        if person.is_some() {
            let case = self.api.case(self.order.case).await?;
            if !case.may.deposit {
                return Err(ClientError::Refused(Problem {
                    status: 403,
                    name: "forbidden".into(),
                    detail: "you may not deposit in this case; nothing was sent".into(),
                    retry_seconds: None,
                }));
            }
            for item in case.items {
                items.entry(item.size).or_default().push(item);
            }
        } else if self.order.receipts.is_some() {
            return Err(ClientError::Usage(
                "the token may not read, so it can't take receipts; nothing was sent, use another token or leave `--receipts`".into(),
            ));
        }
        Ok(Ground {
            person,
            items,
            read: tokio::sync::Mutex::default(),
            published: tokio::sync::Mutex::default(),
            receipts: tokio::sync::Semaphore::new(self.order.jobs),
            given: Mutex::default(),
            over: Mutex::new(None),
        })
    }

    async fn measure(&self, entry: &Entry) -> Result<Measured, ClientError> {
        let count = Count::default();
        let file = entry.file.as_path();
        let size = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
        let _shown = self.watch.begins(Stage::Hashing, file, size, count.clone());
        let (path, shown) = (file.to_path_buf(), file.to_path_buf());
        let wanted: Vec<&str> = entry.expected.iter().map(|hash| hash.algorithm).collect();
        let listed = entry.canonical.clone();
        tokio::task::spawn_blocking(move || {
            source::measure((&path, listed.as_deref()), &wanted, &count)
        })
        .await
        .map_err(|stopped| ClientError::file(shown, "read")(std::io::Error::other(stopped)))?
    }
}

/// Whether an acknowledgement is that of the bytes that were sent.
fn fits(size: u64, sha256: &Hash, measured: &Measured) -> Result<(), ClientError> {
    if size == measured.size && *sha256 == measured.sha256 {
        return Ok(());
    }
    Err(ClientError::Answer(format!(
        "it acknowledges {size} bytes of SHA-256 {sha256}, but {} bytes of {} were sent",
        measured.size, measured.sha256
    )))
}

impl<'a> Line<'a> {
    /// What is only reported.
    fn left_out(entry: &'a Entry) -> Self {
        let became = match &entry.found {
            Found::Unreadable(why) => {
                Became::Failed(Failure::out(ClientError::file(&entry.file, "read")(
                    std::io::Error::other(why.clone()),
                )))
            }
            _ => Became::LeftOut,
        };
        Self {
            entry,
            state: State::of(entry),
            mismatches: Vec::new(),
            measured: None,
            became,
        }
    }

    fn unreadable(entry: &'a Entry, error: ClientError) -> Self {
        Self {
            entry,
            state: State::Unreadable,
            mismatches: Vec::new(),
            measured: None,
            became: Became::Failed(Failure::out(error)),
        }
    }
}
