//! Looks at everything that a room needs, without opening it: for an operator who asks whether
//! all is well, and for one whose room does not start.
//!
//! It works beside a room that is running: it reads the register on a connection that can't
//! write, and writes one file where objects are staged, which it removes.

mod clock;
mod folders;
mod mark;
mod register;

use std::path::PathBuf;

use custos_core::ids::{Id, ObjectId, Timestamp};
use serde::Serialize;

use super::{
    auditing::{self, Last},
    backup,
};
use crate::{
    ambient::Ambient,
    db::{Location, copying},
    store::{has_objects, probe},
};

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// The room works; somebody should look at it.
    Warning,
    /// The room does not work, or does not protect what it should.
    Failed,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// How it is.
    pub status: Status,
    /// What was found.
    pub what: String,
    /// What to do about it.
    pub fix: Option<String>,
}

impl Check {
    /// All is well.
    pub fn ok(name: &'static str, what: impl Into<String>) -> Self {
        Self::new(name, Status::Ok, what, None)
    }

    /// Somebody should look at it.
    pub fn warning(name: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(name, Status::Warning, what, Some(fix.into()))
    }

    /// It does not work.
    pub fn failed(name: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(name, Status::Failed, what, Some(fix.into()))
    }

    fn new(
        name: &'static str,
        status: Status,
        what: impl Into<String>,
        fix: Option<String>,
    ) -> Self {
        Self {
            name,
            status,
            what: what.into(),
            fix,
        }
    }
}

/// Where the room lies.
#[derive(Debug, Clone)]
pub struct Places {
    /// Folder of objects, tiles and register.
    pub data: PathBuf,
    /// Where the register lies.
    pub database: Location,
    /// Folder of the root key file.
    pub keys: PathBuf,
    /// The file of the mark, where the settings name it.
    pub mark: Option<PathBuf>,
    /// Bytes of the reserve; 0 for none.
    pub reserve: u64,
}

/// Looks at everything. Blocks, for as long as it takes to read the register once.
pub fn examine(places: &Places, ambient: &Ambient) -> Vec<Check> {
    let mut checks = vec![folders::data(&places.data)];
    if !folders::may_be_opened(&places.data) {
        return checks;
    }
    checks.push(folders::space(&places.data));
    checks.extend(folders::reserve(&places.data, places.reserve));
    checks.extend(restored(places));
    let (key, keyring) = folders::root_key(places);
    checks.push(key);
    match copying::open(&places.database) {
        Ok(mut connection) => {
            checks.push(register::file(&mut connection));
            checks.extend(register::contradicted(&mut connection));
            checks.extend(register::stamped(&mut connection, ambient.now()));
            checks.extend(register::log(
                &mut connection,
                places,
                keyring.as_ref(),
                ambient,
            ));
        }
        Err(error) => checks.push(Check::failed(
            "register",
            error.to_string(),
            "name the room's folder in the settings, restore a backup, or found a room with `custos init`",
        )),
    }
    checks.push(store(places, ambient));
    checks.extend(audited(places, ambient));
    checks
}

/// What the room's own audit last found; nothing where it made none.
fn audited(places: &Places, ambient: &Ambient) -> Option<Check> {
    const NAME: &str = "audit";
    /// Rounds may take a day; this is how long one may be overdue.
    const LATE_MICROS: i64 = 7 * 24 * 3_600 * 1_000_000;

    let state = auditing::State::read(&places.data)?;
    let now = ambient.now().micros();
    let hours = |at: Timestamp| (now - at.micros()) / (3_600 * 1_000_000);
    let findings = state.last.map_or(0, |last| last.findings);
    let what = match state.last {
        None => "no round has ended yet".into(),
        Some(Last {
            ended_at,
            findings: 0,
        }) => {
            format!(
                "the round that ended {} hours ago found nothing",
                hours(ended_at)
            )
        }
        Some(Last { ended_at, findings }) => {
            format!(
                "the round that ended {} hours ago found {findings} things",
                hours(ended_at)
            )
        }
    };
    Some(if findings > 0 {
        Check::failed(
            NAME,
            what,
            "run `custos audit`, which says where; keep a copy of everything before you restore anything",
        )
    } else if now - state.next_at.micros() > LATE_MICROS {
        let fix = "look into the room's log for why it could not audit itself";
        Check::warning(NAME, format!("{what}; the next is overdue"), fix)
    } else {
        Check::ok(NAME, what)
    })
}

/// Whether the store takes bytes and gives them back.
fn store(places: &Places, ambient: &Ambient) -> Check {
    const NAME: &str = "store";
    if !has_objects(&places.data) {
        return Check::failed(
            NAME,
            "there is no folder for objects",
            "start the room once, which makes it, or restore a backup",
        );
    }
    let object = ObjectId::from_bytes(ambient.bytes::<{ Id::BYTES }>());
    match probe(&places.data, object) {
        Ok(()) => Check::ok(NAME, "it took, kept and gave back a file of 64 KiB"),
        Err(error) => {
            let why = std::error::Error::source(&error);
            let why = why.map_or_else(|| error.to_string(), ToString::to_string);
            Check::failed(
                NAME,
                format!("a file could not be written, synced and read back: {why}"),
                "look at the disk, and at who may write in the folder `objects`",
            )
        }
    }
}

/// What a restore left.
fn restored(places: &Places) -> Option<Check> {
    const NAME: &str = "restore";
    if let Err(error) = backup::refuse_unfinished(&places.data) {
        let fix = "run `custos restore` to the same folder again";
        return Some(Check::failed(NAME, error.to_string(), fix));
    }
    match backup::kept(&places.data) {
        Ok(None) => None,
        Ok(Some(kept)) => {
            let facts = &kept.backup;
            Some(Check::warning(
                NAME,
                format!(
                    "this room was restored from a backup of {} entries and checkpoint {}; receipts and checkpoints of more do not fit it",
                    facts.size, facts.published
                ),
                format!(
                    "compare with checkpoints kept elsewhere (docs/OPERATIONS.md), then remove `{}`",
                    backup::note(&places.data).display()
                ),
            ))
        }
        Err(error) => Some(Check::warning(
            NAME,
            error.to_string(),
            "look at the file, and remove it",
        )),
    }
}
