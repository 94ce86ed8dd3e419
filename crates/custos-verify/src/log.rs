//! A copy of a whole public log: its entries, its tiles, its checkpoint.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use custos_core::{
    checkpoint::{Checkpoint, Endorsement, LogKeys, SignedCheckpoint, TrustPolicy},
    tile::{MAX_BUNDLE_BYTES, TilePath},
    verify::{Progress, WholeError, WholeLog, check_whole},
};

use crate::{
    machine, people,
    run::{LARGE_BUNDLE_BYTES, Meter, Refusal, read_small, unreadable},
};

/// Checks the log in `folder`, which is laid out as the room serves it below `/log`.
pub fn check(folder: &Path, trust: &TrustPolicy, json: bool) -> Result<String, Refusal> {
    let note = read_small(&folder.join("checkpoint"))?;
    let refused = |what: &dyn std::fmt::Display| Refusal::Log(what.to_string());
    let signed = SignedCheckpoint::parse(&note).map_err(|error| refused(&error))?;
    let endorsement = trust
        .verify_newest(&signed)
        .map_err(|error| refused(&error))?;
    let checkpoint = signed.checkpoint();
    let mut meter = Meter::new(
        checkpoint
            .size()
            .saturating_mul(LARGE_BUNDLE_BYTES / 1_000_000),
    );
    let checked = check_whole(
        checkpoint,
        |path| file(folder, path),
        |done| {
            meter.show(Progress {
                done,
                total: checkpoint.size(),
            });
        },
    );
    meter.clear();
    let log = match checked {
        Ok(log) => log,
        Err(WholeError::Read(path, error)) => {
            return Err(unreadable(&folder.join(path.to_string()), &error));
        }
        Err(error) => return Err(refused(&error)),
    };
    let own = log.keys().map_err(|error| refused(&error))?;
    let key = check_key(&own, &signed, &endorsement, trust).map_err(|what| refused(&what))?;
    let before = predecessor(&log, trust).map_err(|what| refused(&what))?;
    let found = Found {
        checkpoint,
        log: &log,
        keys: &own,
        endorsement: &endorsement,
        key,
        before: before.as_ref(),
    };
    Ok(if json {
        machine::log(&found)
    } else {
        people::log(&found)
    })
}

/// What was found of a log that holds.
pub struct Found<'a> {
    /// Its newest checkpoint.
    pub checkpoint: &'a Checkpoint,
    /// Its entries.
    pub log: &'a WholeLog,
    /// Its keys, by its own word.
    pub keys: &'a LogKeys,
    /// Who vouches for the checkpoint.
    pub endorsement: &'a Endorsement,
    /// How the key that signed it stands to the log's own word.
    pub key: Key,
    /// The log that it continues.
    pub before: Option<&'a Before>,
}

/// How the key that signed the checkpoint stands to what the log itself says of its keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// It signs this size by the log's own word, too.
    Named,
    /// Only `trust.json` lets it sign this size, and that decides.
    Trusted,
}

/// The log that another one continues.
pub struct Before {
    /// Its last checkpoint, as its successor names it.
    pub signed: SignedCheckpoint,
    /// Whether the trust files vouch for that checkpoint.
    pub trusted: bool,
}

/// A key that the log retired itself signs nothing more, unless `trust.json` names sizes for it.
fn check_key(
    own: &LogKeys,
    signed: &SignedCheckpoint,
    endorsement: &Endorsement,
    trust: &TrustPolicy,
) -> Result<Key, String> {
    let size = signed.checkpoint().size();
    let trusted = trust.logs().iter();
    let mut trusted =
        trusted.filter(|log| log.is_valid_for(size) && signed.note().verify(&[log.key()]).is_ok());
    let valid = own.valid_for(size);
    if trusted.clone().any(|log| valid.contains(&log.key())) {
        Ok(Key::Named)
    } else if trusted.any(custos_core::checkpoint::LogKey::is_limited) {
        Ok(Key::Trusted)
    } else {
        Err(format!(
            "the key {} signed it, and by the log's own control entries that key does not sign a \
             log of {size} entries: it was retired, or is not the log's. If it is right all the \
             same, `trust.json` must name its sizes",
            endorsement.log_key
        ))
    }
}

/// The log that this one continues. Where the trust files name that log, they must vouch for the
/// checkpoint.
fn predecessor(log: &WholeLog, trust: &TrustPolicy) -> Result<Option<Before>, String> {
    let Some(signed) = log.continues() else {
        return Ok(None);
    };
    let origin = signed.checkpoint().origin();
    let known = trust.logs().iter().any(|log| log.key().name() == origin);
    if known && let Err(error) = trust.verify_newest(&signed) {
        return Err(format!(
            "the checkpoint of `{origin}` that it says it continues does not hold: {error}"
        ));
    }
    Ok(Some(Before {
        signed,
        trusted: known,
    }))
}

fn file(folder: &Path, path: TilePath) -> io::Result<Vec<u8>> {
    let place = folder.join(path.to_string());
    let file = match File::open(&place) {
        // A partial file may have made way for the full one, which holds its beginning.
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_partial() => {
            return path
                .cut_from(&read(&folder.join(path.full().to_string()))?)
                .ok_or(error);
        }
        file => file?,
    };
    bounded(file)
}

fn read(place: &Path) -> io::Result<Vec<u8>> {
    bounded(File::open(place)?)
}

fn bounded(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MAX_BUNDLE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
