//! The report as objects for programs, and as a file.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{Line, Report};
use crate::client::{
    deposit::{Became, Done, Failure, Outcome, Standing},
    error::ClientError,
    journal::Kept,
    names::{self, Name},
    place::Draft,
};

/// The columns of a report as a table.
const COLUMNS: [&str; 12] = [
    "file",
    "state",
    "outcome",
    "reference",
    "item",
    "quarantined",
    "size",
    "sha256",
    "index",
    "mismatches",
    "named",
    "error",
];
/// How a report as JSON begins.
const JSON_MARK: &str = "{\"custos_deposit_report\":1,";

/// Where a report is written, and how.
#[derive(Debug, Clone)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    json: bool,
}

impl Place {
    /// Reads a path that ends in `.csv` or `.json`.
    ///
    /// # Errors
    /// A line that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let path = PathBuf::from(text);
        let extension = path.extension().and_then(OsStr::to_str);
        let json = match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("csv") => false,
            Some("json") => true,
            _ => return Err("give a file that ends in `.csv` or `.json`".into()),
        };
        Ok(Self { path, json })
    }

    /// Whether a report may be put there: over nothing, or over an earlier one.
    ///
    /// # Errors
    /// Something else stands there, or the folder can't be written.
    pub fn check(&self) -> Result<(), ClientError> {
        let stands = self.path.symlink_metadata().is_ok();
        if stands && !self.holds_a_report() {
            let cause = io::Error::new(
                io::ErrorKind::AlreadyExists,
                "something that is no report stands there; it was not touched and nothing was sent",
            );
            return Err(ClientError::file(&self.path, "written")(cause));
        }
        drop(Draft::beside(&self.path, true)?);
        Ok(())
    }

    fn holds_a_report(&self) -> bool {
        let mark = match self.json {
            true => JSON_MARK.to_string(),
            false => COLUMNS.join(","),
        };
        let mut begin = Vec::new();
        let plain = self.path.symlink_metadata().is_ok_and(|m| m.is_file());
        let read = |path: &Path| {
            File::open(path)?
                .take(mark.len() as u64)
                .read_to_end(&mut begin)
        };
        plain && { read }(&self.path).is_ok() && begin == mark.as_bytes()
    }

    /// Writes the report, whole or not at all, and durably.
    ///
    /// # Errors
    /// It can't be written.
    pub fn write(&self, report: &Report<'_>) -> Result<(), ClientError> {
        let bytes = match self.json {
            true => whole(report),
            false => table(report).map_err(ClientError::file(&self.path, "written"))?,
        };
        let mut draft = Draft::beside(&self.path, true)?;
        draft.write(&bytes)?;
        draft.place()
    }
}

fn whole(report: &Report<'_>) -> Vec<u8> {
    let manifests = report
        .manifests
        .iter()
        .map(|path| Name::of(path.as_os_str()));
    let rest = json!({
        "server": report.server,
        "case": report.case,
        "manifests": manifests.collect::<Vec<_>>(),
        "summary": summary(report),
    });
    let rest = rest.to_string();
    // By hand, so that it begins as it is known by, and no file is held twice in memory.
    let mut text = JSON_MARK.to_string();
    text.push_str(&rest[1..rest.len() - 1]);
    text.push_str(",\"files\":[");
    for (at, line) in report.lines.iter().enumerate() {
        text.push_str(if at == 0 { "\n" } else { ",\n" });
        text.push_str(&object(line, report.manifests).to_string());
    }
    text.push_str("\n]}\n");
    text.into_bytes()
}

/// The counts, and the exit code that follows from them.
pub(super) fn summary(report: &Report<'_>) -> Value {
    let mut summary = json!(report.tally);
    summary["exit_code"] = json!(report.tally.code());
    summary
}

impl Report<'_> {
    /// What programs are told at the end.
    pub fn summary(&self) -> Value {
        json!({"summary": summary(self)})
    }
}

fn table(report: &Report<'_>) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for line in report.lines {
        let object = object(line, report.manifests);
        let cell = |name: &str| match &object[name] {
            Value::Null => String::new(),
            Value::String(text) => names::plain(text),
            other => other.to_string(),
        };
        let mismatches = line.mismatches.iter().map(|mismatch| {
            let (algorithm, declared, found) =
                (mismatch.algorithm, &mismatch.declared, &mismatch.found);
            format!("{algorithm}: declared {declared}, found {found}")
        });
        let named = line.entry.named.iter().map(|named| {
            let manifest = names::shown(report.manifests[named.manifest]);
            format!("{manifest}:{}", named.line)
        });
        let record = COLUMNS.map(|column| match column {
            "file" => names::shown(&line.entry.file),
            "mismatches" => mismatches.clone().collect::<Vec<_>>().join("; "),
            "named" => named.clone().collect::<Vec<_>>().join("; "),
            other => cell(other),
        });
        writer.write_record(&record)?;
    }
    writer
        .into_inner()
        .map_err(|error| io::Error::other(error.to_string()))
}

/// What programs are told of one file.
pub fn object(line: &Line<'_>, manifests: &[&Path]) -> Value {
    let measured = line.measured.as_ref();
    let named = line.entry.named.iter().map(|named| {
        json!({
            "manifest": Name::of(manifests[named.manifest].as_os_str()),
            "line": named.line,
            "name": Name::of(OsStr::from_bytes(&named.name)),
        })
    });
    let mut object = json!({
        "file": Name::of(line.entry.file.as_os_str()),
        "state": line.state,
        "size": measured.map(|measured| measured.size),
        "sha256": measured.map(|measured| measured.sha256),
        "mismatches": line.mismatches,
        "named": named.collect::<Vec<_>>(),
        "twice": line.entry.twice,
    });
    let (kept, more) = match &line.became {
        Became::In(done) => (Some(&done.kept), told_of(done)),
        Became::LeftOut => (None, json!({"outcome": "left_out"})),
        Became::Failed(failure) => told_of_failure(failure),
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
    let receipt = done.receipt.as_deref().map(Path::as_os_str);
    json!({
        "outcome": match done.outcome {
            Outcome::Deposited => "deposited",
            Outcome::Skipped => "skipped",
            Outcome::Recovered => "recovered",
        },
        "received_at": done.received_at,
        "receipt": receipt.map(Name::of),
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
