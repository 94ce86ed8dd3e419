//! `custos deposit`: hands files to a room.

use std::{ffi::OsStr, io::Write, path::PathBuf, process::ExitCode};

use clap::Args;
use custos_core::ids::{CaseId, ItemId};
use serde_json::{Value, json};

use super::{access::Access, bars::Bars, failed};
use crate::{
    ambient::Ambient,
    client::{
        deposit::{Done, Failure, Order, Outcome, References, Report, Run, Standing, Tally},
        error::ClientError,
        hashes::Hashes,
        journal::{self, Journal, Kept},
        names::{self, Name},
        told::{Captured, Derivation, Told},
    },
};

/// The exit code when everything is deposited and something of it is in quarantine.
const QUARANTINED: u8 = 3;

/// Hand files to a room, each once
///
/// Each file is hashed, announced with its SHA-256, and sent. A journal keeps what was
/// acknowledged: after a broken link, a closed laptop or a killed process run the same command
/// again, and what is in the room already is skipped.
///
/// Exit codes: 0 all files are in the room; 1 some are not, each is named; 2 usage; 3 all are in
/// the room, but some in quarantine, because a declared hash is not that of the bytes.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    #[command(flatten)]
    access: Access,
    /// The case
    #[arg(long, value_name = "ID")]
    case: CaseId,
    /// The files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Exhibit references: `JS` goes on after the highest known, `JS/7` begins there; without
    /// it a file's name is its reference
    #[arg(long, value_name = "PREFIX", value_parser = References::parse)]
    reference: Option<References>,
    #[command(flatten)]
    told: ToldArguments,
    /// Hashes taken before, as `sha256sum` writes them (MD5, SHA-1, SHA-256, SHA-512)
    #[arg(long, value_name = "LIST")]
    hashes: Vec<PathBuf>,
    /// Files that are hashed or sent at the same time
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    jobs: u8,
    /// The journal; usually `custos/deposits.jsonl` in your folder for state
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Fetch the receipt of each file into this folder
    #[arg(long, value_name = "FOLDER")]
    receipts: Option<PathBuf>,
    /// Write one JSON object a file for programs
    #[arg(long)]
    json: bool,
}

/// What is told of every file.
#[derive(Debug, Args)]
struct ToldArguments {
    /// What it is, in a sentence
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    description: String,
    /// Where it was obtained
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    place: String,
    /// When it was obtained, with the clock's offset: `2026-03-01T14:05:00+01:00`
    #[arg(long, value_name = "TIME", value_parser = Captured::parse)]
    captured_at: Option<Captured>,
    /// The device: type, make, model, serial number
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    device: String,
    /// The acquisition tool and its version
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    tool: String,
    /// Under which authority it was obtained
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    authority: String,
    /// From whom or what; a pseudonym where a person must be protected
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    source: String,
    /// Restrict it from the start
    #[arg(long)]
    restricted: bool,
    /// More of its origin: `device_serial=KX-77`, `consent=given in writing`, ...
    #[arg(long = "particular", value_name = "NAME=TEXT", value_parser = particular)]
    particulars: Vec<(String, String)>,
    #[command(flatten)]
    derivation: DerivationArguments,
}

/// How the files were made from items of the case.
#[derive(Debug, Args)]
#[group(id = "derivation")]
struct DerivationArguments {
    /// An item of the case from which the file was made; may be given several times
    #[arg(long = "made-from", value_name = "ITEM", requires_all = ["made_with", "made_by", "made_for"])]
    made_from: Vec<ItemId>,
    /// The tool that made it
    #[arg(long, value_name = "TEXT", requires = "made_from")]
    made_with: Option<String>,
    /// Version of that tool
    #[arg(long, value_name = "TEXT", requires = "made_from")]
    made_version: Option<String>,
    /// How that tool was set, without words that are withheld
    #[arg(long, value_name = "TEXT", requires = "made_from")]
    made_how: Option<String>,
    /// Who ran it
    #[arg(long, value_name = "TEXT", requires = "made_from")]
    made_by: Option<String>,
    /// Why: `redaction`, `transcript`, `translation`, ...
    #[arg(long, value_name = "TEXT", requires = "made_from")]
    made_for: Option<String>,
}

impl DerivationArguments {
    fn derivation(self) -> Option<Derivation> {
        (!self.made_from.is_empty()).then(|| Derivation {
            sources: self.made_from,
            tool: self.made_with.unwrap_or_default(),
            version: self.made_version.unwrap_or_default(),
            parameters: self.made_how.unwrap_or_default(),
            operator: self.made_by.unwrap_or_default(),
            reason: self.made_for.unwrap_or_default(),
        })
    }
}

fn particular(text: &str) -> Result<(String, String), String> {
    let (name, told) = text
        .split_once('=')
        .ok_or("give name and text, like `device_serial=KX-77`")?;
    Ok((name.trim().into(), told.trim().into()))
}

pub(super) async fn run(arguments: Arguments) -> ExitCode {
    let json = arguments.json;
    match deposit(arguments).await {
        Ok(tally) => {
            if !json {
                println!("{}", summary(&tally));
            }
            match tally {
                Tally { failed: 1.., .. } => ExitCode::FAILURE,
                Tally {
                    quarantined: 1.., ..
                } => ExitCode::from(QUARANTINED),
                _ => ExitCode::SUCCESS,
            }
        }
        Err(error) => failed(&error),
    }
}

async fn deposit(arguments: Arguments) -> Result<Tally, ClientError> {
    let api = arguments.access.api()?;
    let mut hashes = Hashes::default();
    for list in &arguments.hashes {
        hashes.read(list)?;
    }
    let place = arguments.journal.map_or_else(journal::usual_place, Ok)?;
    let journal = Journal::open(&place)?;
    let told = arguments.told;
    let order = Order {
        case: arguments.case,
        files: arguments.files,
        told: Told {
            description: told.description,
            place: told.place,
            captured: told.captured_at,
            device: told.device,
            tool: told.tool,
            authority: told.authority,
            source: told.source,
            restricted: told.restricted,
            particulars: told.particulars.into_iter().collect(),
            derived: told.derivation.derivation(),
        },
        references: arguments.reference.unwrap_or(References::Names),
        hashes,
        jobs: arguments.jobs.into(),
        receipts: arguments.receipts,
    };
    let bars = Bars::new();
    let json = arguments.json;
    let ended = |report: &Report| bars.above(|| tell(report, json));
    let run = Run {
        api: &api,
        journal: &journal,
        order: &order,
        watch: &bars,
        ended: &ended,
        ambient: &Ambient::system(),
    };
    run.run().await
}

fn tell(report: &Report, json: bool) {
    if json {
        say(&object(report).to_string());
        return;
    }
    let file = names::shown(&report.file);
    match &report.result {
        Ok(done) => say(&format!("{file}: {}", sentence(done))),
        Err(failure) => eprintln!("{file}: {}", failure.text()),
    }
}

/// A line on standard output; whoever closed it does not stop the deposit.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

fn sentence(done: &Done) -> String {
    let Kept {
        item, reference, ..
    } = &done.kept;
    let reference = names::plain(reference);
    let how = match done.outcome {
        Outcome::Deposited => format!("deposited as {reference}, item {item}"),
        Outcome::Skipped => {
            format!("skipped, it was deposited before as {reference}, item {item}")
        }
        Outcome::Recovered => {
            format!("skipped, an earlier attempt had deposited it as {reference}, item {item}")
        }
    };
    let quarantine = if done.kept.quarantined {
        "; QUARANTINED, because a declared hash is not that of its bytes: the item is safe, both values are kept with it"
    } else {
        ""
    };
    let receipt = done.receipt.as_deref().map(names::shown);
    let receipt = receipt.map_or_else(String::new, |path| format!("; receipt {path}"));
    format!("{how}{quarantine}{receipt}")
}

/// What programs are told of one file.
fn object(report: &Report) -> Value {
    let measured = report.measured.as_ref();
    let mut object = json!({
        "file": Name::of(report.file.as_os_str()),
        "size": measured.map(|measured| measured.size),
        "sha256": measured.map(|measured| measured.sha256),
    });
    let (kept, more) = match &report.result {
        Ok(done) => (Some(&done.kept), told_of(done)),
        Err(failure) => told_of_failure(failure),
    };
    let kept = json!({
        "item": kept.map(|kept| kept.item),
        "reference": kept.map(|kept| &kept.reference),
        "quarantined": kept.map(|kept| kept.quarantined),
        "index": kept.and_then(|kept| kept.index),
        "c": kept.and_then(|kept| kept.c),
    });
    for part in [kept, more] {
        if let (Some(object), Value::Object(part)) = (object.as_object_mut(), part) {
            object.extend(part);
        }
    }
    object
}

fn told_of(done: &Done) -> Value {
    let receipt = done.receipt.as_deref().map(std::path::Path::as_os_str);
    json!({
        "outcome": match done.outcome {
            Outcome::Deposited => "deposited",
            Outcome::Skipped => "skipped",
            Outcome::Recovered => "recovered",
        },
        "received_at": done.received_at,
        "receipt": receipt.map(|path: &OsStr| Name::of(path)),
    })
}

fn told_of_failure(failure: &Failure) -> (Option<&Kept>, Value) {
    let (kept, standing) = match &failure.standing {
        Standing::Out => (None, "no"),
        Standing::Unknown => (None, "unknown"),
        Standing::In(kept) => (Some(kept.as_ref()), "yes"),
    };
    let more = json!({
        "outcome": "failed",
        "deposited": standing,
        "problem": failure.error.problem(),
        "error": failure.text(),
    });
    (kept, more)
}

fn summary(tally: &Tally) -> String {
    let new = tally.deposited - tally.skipped;
    let mut text = format!("{new} deposited");
    for (count, what) in [
        (tally.skipped, "skipped because they are in the room"),
        (tally.quarantined, "in quarantine"),
        (tally.failed, "failed"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    text
}
