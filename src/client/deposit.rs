//! Depositing files: each once, in parallel, resumable by running the same command again.

mod plan;
mod send;

use std::{collections::HashSet, path::PathBuf, sync::Mutex};

use custos_core::{
    hash::Hash,
    ids::{CaseId, PersonId, Timestamp},
};
use futures::{StreamExt, stream};

use super::{
    api::{Api, Listed},
    error::{ClientError, Problem},
    hashes::Hashes,
    journal::{Journal, Kept},
    names,
    source::{self, Count, Measured},
    told::Told,
};
use crate::ambient::Ambient;

/// What is to be deposited, and how.
#[derive(Debug)]
pub struct Order {
    /// The case.
    pub case: CaseId,
    /// The files.
    pub files: Vec<PathBuf>,
    /// What is told of each of them.
    pub told: Told,
    /// How exhibit references are made.
    pub references: References,
    /// Hashes taken before.
    pub hashes: Hashes,
    /// Files that are sent at the same time.
    pub jobs: usize,
    /// Where receipts are kept, if they are wanted.
    pub receipts: Option<PathBuf>,
}

/// How exhibit references are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum References {
    /// Of the file's name.
    Names,
    /// `PREFIX/n`, after the highest number that is known.
    After(String),
    /// `PREFIX/n` from this number on, in the order of the files.
    From(String, u64),
}

impl References {
    /// Reads `JS` or `JS/7`.
    ///
    /// # Errors
    /// A line that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let form = "give initials, like `JS`, or the first reference, like `JS/7`";
        let (prefix, number) = match text.rsplit_once('/') {
            Some((prefix, number)) => (prefix, Some(number)),
            None => (text, None),
        };
        let odd = prefix.trim() != prefix || prefix.chars().any(char::is_control);
        if prefix.is_empty() || odd || prefix.chars().count() > 100 {
            return Err(form.into());
        }
        match number {
            None | Some("") => Ok(Self::After(prefix.into())),
            Some(number) => {
                let first = custos_core::ids::decimal(number).map_err(|_| form)?;
                Ok(Self::From(prefix.into(), first))
            }
        }
    }
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
    fn out(error: ClientError) -> Self {
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

/// What became of one file.
#[derive(Debug)]
pub struct Report {
    /// As it was named on the command line.
    pub file: PathBuf,
    /// The file as it was hashed, if that succeeded.
    pub measured: Option<Measured>,
    /// What became of it.
    pub result: Result<Done, Failure>,
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
    /// A file of `size` bytes is worked on until the answer is dropped.
    fn begins(
        &self,
        stage: Stage,
        file: &std::path::Path,
        size: u64,
        count: Count,
    ) -> Box<dyn Send>;
}

/// How many files came out how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// In the room, by this run or an earlier one.
    pub deposited: u64,
    /// Of them, those that an earlier run deposited.
    pub skipped: u64,
    /// Of them, those in quarantine.
    pub quarantined: u64,
    /// Failed.
    pub failed: u64,
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
    pub ended: &'a (dyn Fn(&Report) + Sync),
    /// The time.
    pub ambient: &'a Ambient,
}

/// What the room says before anything is sent.
struct Ground {
    /// Who deposits; `None` when the token may not read.
    person: Option<PersonId>,
    /// The items of the case, as far as the depositor may know of them.
    items: Vec<Listed>,
    /// Why nothing more is tried.
    over: Mutex<Option<&'static str>>,
}

impl Run<'_> {
    /// Deposits every file of the order. What becomes of each is told to `ended`.
    ///
    /// # Errors
    /// Nothing was sent, because nothing can be deposited at all.
    pub async fn run(&self) -> Result<Tally, ClientError> {
        let files = self.files()?;
        let ground = self.ground().await?;
        let mut tally = Tally::default();
        let mut measured = Vec::new();
        let mut hashed = stream::iter(files.into_iter().enumerate())
            .map(|(position, file)| async move { (position, self.measure(&file).await, file) })
            .buffered(self.order.jobs);
        while let Some((position, result, file)) = hashed.next().await {
            match result {
                Ok(file) => measured.push((position, file)),
                Err(error) => self.end(
                    &mut tally,
                    &Report {
                        file,
                        measured: None,
                        result: Err(Failure::out(error)),
                    },
                ),
            }
        }
        drop(hashed);
        let plans = self.plan(&ground, measured).await;
        let mut reports = stream::iter(plans)
            .map(|planned| self.carry_out(&ground, planned))
            .buffer_unordered(self.order.jobs);
        while let Some(report) = reports.next().await {
            self.end(&mut tally, &report);
        }
        Ok(tally)
    }

    /// The files, each once, with nothing in the order that could not be meant.
    fn files(&self) -> Result<Vec<PathBuf>, ClientError> {
        let mut seen = HashSet::new();
        let mut files = self.order.files.clone();
        files.retain(|file| {
            let canonical = std::fs::canonicalize(file).unwrap_or_else(|_| file.clone());
            seen.insert(canonical)
        });
        if let Some(file) = self.order.hashes.shared(&files) {
            return Err(ClientError::Usage(format!(
                "the list of hashes names `{}` without its folder, and two files have that name; nothing was sent",
                names::shown(file)
            )));
        }
        if let Some(folder) = &self.order.receipts {
            std::fs::create_dir_all(folder).map_err(ClientError::file(folder, "written"))?;
        }
        Ok(files)
    }

    /// Asks what would make everything fail, before hours of hashing.
    async fn ground(&self) -> Result<Ground, ClientError> {
        let person = self.api.me().await?;
        let mut items = Vec::new();
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
            items = case.items;
        } else if self.order.receipts.is_some() {
            return Err(ClientError::Usage(
                "the token may not read, so it can't take receipts; nothing was sent, use another token or leave `--receipts`".into(),
            ));
        }
        Ok(Ground {
            person,
            items,
            over: Mutex::new(None),
        })
    }

    async fn measure(&self, file: &std::path::Path) -> Result<Measured, ClientError> {
        let count = Count::default();
        let size = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
        let _shown = self.watch.begins(Stage::Hashing, file, size, count.clone());
        let (path, shown) = (file.to_path_buf(), file.to_path_buf());
        tokio::task::spawn_blocking(move || source::measure(&path, &count))
            .await
            .map_err(|stopped| ClientError::file(shown, "read")(std::io::Error::other(stopped)))?
    }

    fn end(&self, tally: &mut Tally, report: &Report) {
        match &report.result {
            Ok(done) => {
                tally.deposited += 1;
                tally.skipped += u64::from(done.outcome != Outcome::Deposited);
                tally.quarantined += u64::from(done.kept.quarantined);
            }
            Err(_) => tally.failed += 1,
        }
        (self.ended)(report);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_counted_from_what_is_given() {
        assert_eq!(References::parse("JS"), Ok(References::After("JS".into())));
        assert_eq!(References::parse("JS/"), Ok(References::After("JS".into())));
        assert_eq!(
            References::parse("JS/7"),
            Ok(References::From("JS".into(), 7))
        );
        assert_eq!(
            References::parse("A/B/7"),
            Ok(References::From("A/B".into(), 7))
        );
        for odd in ["", "/", "/7", "JS/x", "JS/07", " JS", "J\nS", "JS/-1"] {
            assert!(References::parse(odd).is_err(), "{odd}");
        }
    }
}
