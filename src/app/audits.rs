//! What the room's audits of itself came to, for those who may see it.
//!
//! A round is whole: whatever is still damaged, the newest one found. So what that found is what
//! is unresolved.

use custos_core::{
    event::slot,
    ids::{Id, Timestamp},
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    SignedIn,
    auditing::UnderWay,
    context::Room,
    entering::{Draft, Tx},
    error::Error,
    schema,
    writer::{Command, Stop},
};
use crate::{
    db::audits::{self, AuditRow, FoundDetails},
    policy::{Permit, action::ReadAudit, facts::Resource},
};

/// Rounds on the list, the newest.
pub const MAX_SHOWN: i64 = 200;

/// How much a round compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Covered {
    /// Custody entries.
    pub entries: u64,
    /// Rows.
    pub rows: u64,
    /// Items.
    pub items: u64,
    /// Stored bytes of their objects.
    pub stored_bytes: u64,
}

/// A round of the room's audit of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditSummary {
    /// Its id, as in its entry and in notices.
    #[schema(value_type = schema::Id)]
    pub id: Id,
    /// When it began.
    #[schema(value_type = schema::Time)]
    pub began_at: Timestamp,
    /// When it was entered.
    #[schema(value_type = schema::Time)]
    pub ended_at: Timestamp,
    /// How much it compared.
    pub covered: Covered,
    /// How much is not what it should be.
    pub findings: u64,
    /// How much could not be checked because of a finding elsewhere.
    pub unchecked: u64,
}

/// A round with what it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditPage {
    /// The round.
    #[serde(flatten)]
    pub round: AuditSummary,
    /// The first findings, in the order in which they were found.
    pub found: Vec<Found>,
}

impl AuditPage {
    /// How many findings are counted and not named.
    pub fn unnamed(&self) -> u64 {
        self.round.findings.saturating_sub(self.found.len() as u64)
    }
}

/// A finding. It names no case, no item and no person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Found {
    /// What kind of place it is.
    pub place: String,
    /// The place in words.
    pub says: String,
    /// The stored object.
    #[schema(value_type = Option<schema::Id>)]
    pub object: Option<String>,
    /// The segment of an object, from 0.
    pub segment: Option<u64>,
    /// The chunk within the segment, from 0.
    pub chunk: Option<u64>,
    /// The entry.
    #[schema(value_type = Option<schema::LogIndex>)]
    pub leaf: Option<u64>,
    /// Path of a published file.
    pub path: Option<String>,
    /// Which hash or entry in it, from 0.
    pub position: Option<u64>,
    /// Size of a kept checkpoint.
    pub size: Option<u64>,
    /// The table of a row.
    pub table: Option<String>,
    /// What stands for the row's id: the same in every round, and made by this room alone.
    pub row: Option<String>,
    /// The column, or what a key is for.
    pub field: Option<String>,
    /// What is wrong.
    pub what: String,
}

/// The rounds, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditList {
    /// Rounds that came to their end, newest first.
    pub items: Vec<AuditSummary>,
    /// How many more can't be shown, because what is stored of them is not what their entry says.
    pub damaged: u64,
    /// What is not what it should be, by the newest round and the one under way.
    pub unresolved: u64,
    /// The round under way in the process that was asked.
    pub under_way: Option<UnderWay>,
}

/// The rounds; one entry for the request.
///
/// # Errors
/// Refused.
pub async fn list(room: &Room, who: &SignedIn) -> Result<AuditList, Error> {
    let done = room.writer.submit(List { who: *who }).await?;
    let (items, damaged) = done.output;
    let under_way = room.auditing.under_way();
    Ok(AuditList {
        unresolved: unresolved(items.first().map(|round| round.findings), under_way) + damaged,
        items,
        damaged,
        under_way,
    })
}

/// One round with what it found; one entry for the request.
///
/// # Errors
/// Refused; [`Error::NotFound`] where there is no such round.
pub async fn read(room: &Room, who: &SignedIn, audit: Id) -> Result<AuditPage, Error> {
    let command = Read { who: *who, audit };
    Ok(room.writer.submit(command).await?.output)
}

/// What is not what it should be: the newest round says it, until one under way says more.
pub(super) fn unresolved(newest: Option<u64>, under_way: Option<UnderWay>) -> u64 {
    let now = under_way.map_or(0, |round| round.findings);
    newest.unwrap_or(0).max(now)
}

struct List {
    who: SignedIn,
}

impl Command for List {
    type Output = (Vec<AuditSummary>, u64);

    fn run(self, tx: &mut Tx<'_>) -> Result<Self::Output, Stop> {
        let permit = looking(tx, &self.who, json!({"of": "audits"}))?;
        let of = (&tx.core.keyring, tx.room());
        let (rows, damaged) = audits::list(tx.connection, of, &permit, MAX_SHOWN)?;
        Ok((rows.iter().map(summary).collect(), damaged))
    }
}

struct Read {
    who: SignedIn,
    audit: Id,
}

impl Command for Read {
    type Output = AuditPage;

    fn run(self, tx: &mut Tx<'_>) -> Result<AuditPage, Stop> {
        let detail = json!({"of": "audit", "audit": self.audit});
        let permit = looking(tx, &self.who, detail)?;
        let of = (&tx.core.keyring, tx.room());
        let row = audits::get(tx.connection, of, &permit, self.audit)?.ok_or(Error::NotFound)?;
        Ok(AuditPage {
            round: summary(&row),
            found: row.details.found.into_iter().map(found).collect(),
        })
    }
}

/// Permission to look, entered.
fn looking(
    tx: &mut Tx<'_>,
    who: &SignedIn,
    detail: serde_json::Value,
) -> Result<Permit<ReadAudit>, Stop> {
    let asking = tx.asking(who)?;
    let room = tx.room();
    let permit = tx.permit::<ReadAudit>(&asking, &Resource::Room(room))?;
    let draft = Draft::of_room("list", room)
        .permitted(tx.acting(&asking, None), &permit)
        .detail(slot::DETAIL, detail);
    tx.enter(draft)?;
    Ok(permit)
}

fn summary(row: &AuditRow) -> AuditSummary {
    AuditSummary {
        id: row.id,
        began_at: row.began_at,
        ended_at: row.ended_at,
        covered: Covered {
            entries: row.details.entries,
            rows: row.details.rows,
            items: row.details.items,
            stored_bytes: row.details.stored_bytes,
        },
        findings: row.findings,
        unchecked: row.details.unchecked,
    }
}

fn found(kept: FoundDetails) -> Found {
    Found {
        says: words(&kept),
        place: kept.place,
        object: kept.object,
        segment: kept.segment,
        chunk: kept.chunk,
        leaf: kept.leaf,
        path: kept.path,
        position: kept.position,
        size: kept.size,
        table: kept.table,
        row: kept.row,
        field: kept.field,
        what: kept.what,
    }
}

/// A place in words.
fn words(kept: &FoundDetails) -> String {
    let path = kept.path.as_deref().unwrap_or_default();
    let leaf = kept.leaf.map(|leaf| format!(" {leaf}")).unwrap_or_default();
    let mut words = match kept.place.as_str() {
        "database" => "the database".to_owned(),
        "head" => "head of the log".into(),
        "entry" => format!("entry{leaf}"),
        "chain" => format!("a chain of entries, at entry{leaf}"),
        "row" | "key" => {
            let row = kept.row.as_deref().unwrap_or("?");
            let table = kept.table.as_deref().unwrap_or_default();
            format!("row {row} of `{table}`")
        }
        "object" => format!("object {}", kept.object.as_deref().unwrap_or("?")),
        "checkpoint" => format!("kept checkpoint of size {}", kept.size.unwrap_or(0)),
        "checkpoint_file" => "published file `checkpoint`".into(),
        _ => format!("published file `{path}`"),
    };
    let part = if kept.place == "tile" {
        "hash"
    } else {
        "entry"
    };
    for (name, number) in [
        ("segment", kept.segment),
        ("chunk", kept.chunk),
        (part, kept.position),
    ] {
        if let Some(number) = number {
            words.push_str(&format!(", {name} {number}"));
        }
    }
    if let Some(field) = &kept.field {
        words.push_str(&format!(", `{field}`"));
    }
    words
}
