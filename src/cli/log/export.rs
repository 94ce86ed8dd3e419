//! `custos log export`: takes part of the custody log away, redacted, as a file that verifies.

use std::{path::PathBuf, process::ExitCode, sync::atomic::Ordering};

use clap::{ArgGroup, Args, ValueEnum};
use custos_core::{
    export::Field,
    hash::{Hash, Sha256},
    ids::{CaseId, ItemId, PersonId, Timestamp},
};
use serde_json::{Value, json};
use time::{
    Date, OffsetDateTime, PrimitiveDateTime, Time,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::format_description,
};

use crate::{
    cli::{access::Access, bars::Bars, bundle::stopped, failed},
    client::{
        deposit::{Stage, Watch},
        error::ClientError,
        names,
        place::Draft,
        source::Count,
    },
};

const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("of").required(true).multiple(true))]
pub(in crate::cli) struct Export {
    #[command(flatten)]
    access: Access,
    /// Entries of this case
    #[arg(long, value_name = "ID", group = "of", conflicts_with = "item")]
    case: Option<CaseId>,
    /// Entries about this item
    #[arg(long, value_name = "ID", group = "of")]
    item: Option<ItemId>,
    /// What this person did
    #[arg(long, value_name = "ID", group = "of")]
    person: Option<PersonId>,
    /// Not before: a day, or a moment such as 2026-11-27T09:30:00Z; a day begins in UTC
    #[arg(long, value_name = "TIME", value_parser = moment, group = "of")]
    from: Option<Timestamp>,
    /// Before this day or moment
    #[arg(long, value_name = "TIME", value_parser = moment, group = "of")]
    to: Option<Timestamp>,
    /// Fields that no entry shows, with commas between: actor, approvals, authentication,
    /// authority, case, description, detail, fingerprints, kind, numbers, policy, provenance,
    /// purpose, role, scope, subject, time
    #[arg(long, value_name = "FIELDS", value_delimiter = ',', value_parser = field)]
    withhold: Vec<Field>,
    /// jsonl verifies; csv and html are for people, and html carries what verifies
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// Where the file is put: whole, or not at all
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace what stands there
    #[arg(long)]
    force: bool,
    /// Answer with one JSON object, also of what goes wrong
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Jsonl,
    Csv,
    Html,
}

impl Export {
    pub(in crate::cli) async fn run(&self) -> ExitCode {
        // Whoever stops it finds nothing half: the unfinished file goes with the draft.
        let taken = tokio::select! {
            taken = self.take() => taken,
            () = stopped() => Err(ClientError::NotTried("it was stopped")),
        };
        match taken {
            Ok((length, sha256)) => {
                if self.json {
                    let told = json!({"file": names::shown(&self.out).to_string(),
                        "bytes": length, "sha256": sha256});
                    println!("{told}");
                } else {
                    let check = match self.format {
                        Format::Jsonl => "; check it with `custos-verify --trust POLICY FILE`",
                        Format::Html => "; the lines at its end verify with `custos-verify`",
                        Format::Csv => "",
                    };
                    println!("{}: {length} bytes{check}", names::shown(&self.out));
                }
                ExitCode::SUCCESS
            }
            Err(error) if self.json => {
                println!("{}", json!({"error": error.to_string()}));
                match error {
                    ClientError::Usage(_) => ExitCode::from(2),
                    _ => ExitCode::FAILURE,
                }
            }
            Err(error) => failed(&error),
        }
    }

    async fn take(&self) -> Result<(u64, Hash), ClientError> {
        let api = self.access.api()?;
        // Before the room is asked, because asking is an entry in the custody log.
        let mut draft = Draft::beside(&self.out, self.force)?;
        let mut coming = api.export(&self.wish()).await?;
        let (bars, count) = (Bars::new(), Count::default());
        let shown = bars.begins(Stage::Taking, &self.out, coming.length(), count.clone());
        let (mut length, mut hasher) = (0, Sha256::new());
        while let Some(piece) = coming.next().await? {
            draft.write(&piece)?;
            hasher.update(&piece);
            length += piece.len() as u64;
            count.store(length, Ordering::Relaxed);
        }
        drop(shown);
        if length != coming.length() {
            return Err(ClientError::Broken(format!(
                "{length} of {} bytes came; nothing was kept",
                coming.length()
            )));
        }
        draft.place()?;
        Ok((length, hasher.finish()))
    }

    /// The body of the request.
    fn wish(&self) -> Value {
        let withhold: Vec<&str> = self.withhold.iter().map(|field| field.name()).collect();
        let format = match self.format {
            Format::Jsonl => "jsonl",
            Format::Csv => "csv",
            Format::Html => "html",
        };
        json!({
            "case": self.case,
            "item": self.item,
            "person": self.person,
            "from": self.from,
            "to": self.to,
            "withhold": withhold,
            "format": format,
        })
    }
}

fn field(text: &str) -> Result<Field, String> {
    Field::of(text).ok_or_else(|| "this is no field that can be withheld".into())
}

/// A day in UTC, or a moment by RFC 3339.
fn moment(text: &str) -> Result<Timestamp, String> {
    let day = Date::parse(text, DAY).map(|day| PrimitiveDateTime::new(day, Time::MIDNIGHT));
    let moment = match day {
        Ok(day) => day.assume_utc(),
        Err(_) => OffsetDateTime::parse(text, &Rfc3339).map_err(
            |_| "give a day such as 2026-11-27, or a moment such as 2026-11-27T09:30:00Z",
        )?,
    };
    let micros = i64::try_from(moment.unix_timestamp_nanos() / 1_000);
    let time = micros
        .ok()
        .and_then(|micros| Timestamp::from_micros(micros).ok());
    time.ok_or_else(|| "this lies too far away".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_moments_are_read() {
        let micros = |text| moment(text).map(|time| time.micros()).ok();
        assert_eq!(micros("1970-01-02"), Some(86_400_000_000));
        assert_eq!(micros("1970-01-01T01:00:01+01:00"), Some(1_000_000));
        assert_eq!(micros("yesterday"), None);
    }
}
