//! `custos deposit`: hands files to a room.

mod tell;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use custos_core::ids::{CaseId, ItemId};

use super::{access::Access, bars::Bars, failed};
use crate::{
    ambient::Ambient,
    app::uploads::PARTICULARS,
    client::{
        deposit::{Order, References, Run},
        error::ClientError,
        hashes::Hashes,
        journal::{self, Journal},
        listing::{Listing, Own},
        manifest::{Format, Manifest},
        names, place,
        report::{Line, Place, Report, Tally},
        told::{Captured, Derivation, Told},
    },
};

/// Hand files to a room, each once
///
/// Each file is hashed, announced with its SHA-256, and sent. Folders are gone into; symbolic
/// links in them are not followed, and named. A journal keeps what was acknowledged: after a
/// broken link, a closed laptop or a killed process run the same command again, and what is in
/// the room already is skipped.
///
/// A manifest names the files, with the hashes that were taken before. They are compared here and
/// sent with each file, so that the room puts a file into quarantine that is not what was noted.
/// At the end stands what matched, what did not (with both values), what is missing, what lies
/// there and is not named, what is named twice, and what can't be read.
///
/// Exit codes: 0 all files are in the room, as they were noted; 1 some failed, each is named; 2
/// usage; 3 all are in the room, but some in quarantine, because a hash that was noted is not
/// that of the bytes; 4 none failed, but manifest and disk differ: something is missing, outside
/// the root, not named, named twice, or was left out because it is not what was noted.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    #[command(flatten)]
    access: Access,
    /// The case
    #[arg(long, value_name = "ID")]
    case: CaseId,
    /// The files and folders
    #[arg(required_unless_present = "manifest", value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    manifests: ManifestArguments,
    /// What becomes of a file that is not what was noted of it
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Mismatches::Deposit)]
    mismatches: Mismatches,
    /// Exhibit references: `JS` goes on after the highest known, `JS/7` begins there and numbers
    /// in the order of the files, missing ones counted; without it a file's name is its reference
    #[arg(long, value_name = "PREFIX", value_parser = References::parse)]
    reference: Option<References>,
    #[command(flatten)]
    told: ToldArguments,
    /// Hashes taken before, as `sha256sum` writes them (MD5, SHA-1, SHA-256, SHA-512)
    #[arg(long, value_name = "LIST", conflicts_with = "manifest")]
    hashes: Vec<PathBuf>,
    /// Write what became of every file to this file, whole or not at all: a table if it ends in
    /// `.csv`, JSON if it ends in `.json`; an earlier report is replaced, nothing else is
    #[arg(long, value_name = "FILE", value_parser = Place::parse)]
    report: Option<Place>,
    /// Files that are hashed or sent at the same time
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    jobs: u8,
    /// The journal; usually `custos/deposits.jsonl` in your folder for state
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Fetch the receipt of each file into this folder
    #[arg(long, value_name = "FOLDER")]
    receipts: Option<PathBuf>,
    /// Write one JSON object a file for programs, and one with `summary` at the end
    #[arg(long)]
    json: bool,
}

/// What becomes of a file that is not what was noted of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mismatches {
    /// The room takes it into quarantine, with both values
    Deposit,
    /// It is left out, and named
    Skip,
}

/// Lists of the files.
#[derive(Debug, Args)]
struct ManifestArguments {
    /// A list of the files, as sha256sum and its kin, hashdeep or FTK Imager write it, or a table
    /// with `path` and what else is told of each file; may be given several times
    #[arg(long = "manifest", value_name = "FILE", conflicts_with = "paths")]
    manifest: Vec<PathBuf>,
    /// How manifests are written: `sums`, `hashdeep`, `ftk`, `csv`; seen by their content if not
    /// given
    #[arg(long, value_name = "FORM", value_parser = Format::parse, requires = "manifest")]
    manifest_format: Option<Format>,
    /// The folder from which manifests name their files; the folder of each, if not given. What
    /// lies outside is refused
    #[arg(long, value_name = "FOLDER", requires = "manifest")]
    root: Option<PathBuf>,
    /// Leave out the first N parts of each path in manifests
    #[arg(long, value_name = "N", default_value_t = 0, requires = "manifest")]
    strip: u8,
    /// Deposit what lies below the root and no manifest names, too
    #[arg(long, requires = "manifest")]
    unlisted: bool,
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
    deposit(arguments)
        .await
        .unwrap_or_else(|error| failed(&error))
}

async fn deposit(arguments: Arguments) -> Result<ExitCode, ClientError> {
    let api = arguments.access.api()?;
    let place = arguments
        .journal
        .clone()
        .map_or_else(journal::usual_place, Ok)?;
    let journal = Journal::open(&place)?;
    if let Some(report) = &arguments.report {
        report.check()?;
    }
    let order = Order {
        case: arguments.case,
        listing: listing(&arguments, &place)?,
        told: told(arguments.told),
        references: arguments.reference.unwrap_or(References::Names),
        skip_mismatches: arguments.mismatches == Mismatches::Skip,
        jobs: arguments.jobs.into(),
        receipts: arguments.receipts,
    };
    let manifests: Vec<&Path> = order
        .listing
        .manifests
        .iter()
        .map(|m| m.path.as_path())
        .collect();
    let bars = Bars::new();
    let json = arguments.json;
    let ended = |line: &Line<'_>| bars.above(|| tell::one(line, &manifests, json));
    let run = Run {
        api: &api,
        journal: &journal,
        order: &order,
        watch: &bars,
        ended: &ended,
        ambient: &Ambient::system(),
    };
    let lines = run.run().await?;
    let report = Report {
        server: api.server().to_string(),
        case: order.case,
        tally: Tally::of(&lines, !manifests.is_empty()),
        manifests: &manifests,
        lines: &lines,
    };
    bars.above(|| tell::all(&report, json));
    // A crash before this leaves no report or an earlier one; the same command writes it.
    if let Some(place) = &arguments.report {
        place.write(&report)?;
    }
    Ok(ExitCode::from(report.tally.code()))
}

/// Receipts in a folder whose files are deposited would be deposited with them the next time.
fn refuse_receipts_among(arguments: &Arguments) -> Result<(), ClientError> {
    let Some(receipts) = &arguments.receipts else {
        return Ok(());
    };
    let named = &arguments.manifests;
    let beside = named
        .manifest
        .iter()
        .map(|manifest| place::folder(manifest));
    let roots = named.root.as_deref().map_or_else(
        || {
            beside
                .chain(arguments.paths.iter().map(PathBuf::as_path))
                .collect()
        },
        |root| vec![root],
    );
    // A folder that is not there yet is none of them.
    let Ok(receipts) = receipts.canonicalize() else {
        return Ok(());
    };
    if roots
        .iter()
        .any(|root| root.canonicalize().is_ok_and(|root| root == receipts))
    {
        let what = "`--receipts` is a folder whose files are looked at; name another one, in it or beside it; nothing was sent";
        return Err(ClientError::Usage(what.into()));
    }
    Ok(())
}

/// What is on the disk and what manifests say of it.
fn listing(arguments: &Arguments, journal: &Path) -> Result<Listing, ClientError> {
    let written = arguments.report.iter().map(|report| &report.path);
    let own = Own {
        secret: arguments
            .access
            .secrets()
            .chain([journal])
            .map(Path::to_owned)
            .collect(),
        written: written
            .chain(&arguments.receipts)
            .chain(&arguments.hashes)
            .cloned()
            .collect(),
    };
    refuse_receipts_among(arguments)?;
    let named = &arguments.manifests;
    if named.manifest.is_empty() {
        let reading = named.root.is_some() || named.manifest_format.is_some();
        if reading || named.unlisted || named.strip > 0 {
            let what = "`--root`, `--strip`, `--unlisted` and `--manifest-format` say how a manifest is read, and none is named; nothing was sent";
            return Err(ClientError::Usage(what.into()));
        }
        let mut hashes = Hashes::default();
        for list in &arguments.hashes {
            hashes.read(list)?;
        }
        return Listing::of_paths(&arguments.paths, &hashes, own);
    }
    let particulars: Vec<&str> = PARTICULARS.iter().map(|(name, _)| *name).collect();
    let mut manifests = Vec::new();
    for path in &named.manifest {
        let manifest = Manifest::read(path, named.manifest_format, &particulars)?;
        if !manifest.passed_over.is_empty() {
            let (shown, others) = (names::shown(path), manifest.passed_over.join(", "));
            let others = names::plain(&others);
            eprintln!(
                "custos: no room takes these hashes of `{shown}`, so they are passed over: {others}"
            );
        }
        manifests.push(manifest);
    }
    let root = (named.root.as_deref(), named.strip.into());
    Listing::of_manifests(manifests, root, named.unlisted, own)
}

fn told(told: ToldArguments) -> Told {
    Told {
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
    }
}
