//! The register's file, the log in it, and what is published of that.

use std::{fs, thread, time::Duration};

use custos_core::{
    checkpoint::{LogKeys, SignedCheckpoint},
    ids::Timestamp,
};

use super::{Check, Places, clock, mark};
use crate::{
    ambient::Ambient,
    app::{log_keys, publisher::CHECKPOINT_PATH, timestamps::MAX_DIFFERENCE},
    db::{
        Connection, DbError,
        copying::{self, Standing},
        keys, timestamps, witnesses,
    },
    keyring::Keyring,
};

/// A room that is at work publishes within a second; this is how often it is looked at.
const LOOKS: u32 = 20;
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(150);

/// The database file: whole, of a schema that this program knows, with its settings.
pub(super) fn file(connection: &mut Connection) -> Check {
    const NAME: &str = "register";
    match look(connection) {
        Ok(Some(check)) => check,
        Ok(None) => Check::ok(
            NAME,
            "it opens, is whole, and has the schema of this version",
        ),
        Err(error) => Check::failed(
            NAME,
            error.to_string(),
            "run `custos audit`, or restore a backup",
        ),
    }
}

/// Whether anything contradicts the log; nothing where the register does not say.
pub(super) fn contradicted(connection: &mut Connection) -> Option<Check> {
    const NAME: &str = "contradictions";
    // What an older version wrote has no table of them, and is told of above.
    match witnesses::count_conflicts(connection).ok()? {
        0 => Some(Check::ok(
            NAME,
            "no checkpoint is known that contradicts the log",
        )),
        count => Some(Check::failed(
            NAME,
            format!("{count} checkpoints contradict the log"),
            "look at them with `custos checkpoint conflicts`, keep them, and ask an auditor",
        )),
    }
}

/// How old the newest token of a time authority is, how long its certificate is valid, and whether
/// that clock is this one; nothing where there is none.
pub(super) fn stamped(connection: &mut Connection, now: Timestamp) -> Option<Check> {
    const NAME: &str = "timestamps";
    const SECOND: i64 = 1_000_000;
    const DAY: i64 = 86_400 * SECOND;
    // What an older version wrote has no table of them, and is told of above.
    let newest = timestamps::newest(connection, None).ok()??;
    let (authority, size) = (&newest.authority, newest.size);
    let apart = newest.time.micros() - newest.kept_at.micros();
    // A token's time is of the moment before it was kept.
    let most = i64::try_from(MAX_DIFFERENCE.as_micros()).unwrap_or(i64::MAX) + 15 * SECOND;
    if apart.abs() > most {
        return Some(Check::warning(
            NAME,
            format!(
                "the clock of `{authority}` was {} seconds from this one's at the newest token",
                apart / SECOND
            ),
            "compare both with a third clock; the entry of the token holds both times",
        ));
    }
    let left = (newest.ends.micros() - now.micros()).div_euclid(DAY);
    if left < 30 {
        return Some(Check::warning(
            NAME,
            format!("the certificate of `{authority}` ends in {left} days"),
            "ask the authority for its next certificate; a token by it renews what is kept",
        ));
    }
    let age = (now.micros() - newest.kept_at.micros()) / (3_600 * SECOND);
    let told = format!("the log of {size} entries is stamped by `{authority}`, {age} hours ago");
    Some(if age > 48 {
        let fix = "look at the room's log for why no newer token came";
        Check::warning(NAME, told, fix)
    } else {
        Check::ok(
            NAME,
            format!("{told}; its certificate is valid for {left} days"),
        )
    })
}

fn look(connection: &mut Connection) -> Result<Option<Check>, DbError> {
    const NAME: &str = "register";
    if let Err(error) = copying::schema(connection) {
        let fix = "start the version of Custos that wrote it, or a newer one";
        return Ok(Some(Check::failed(NAME, error.to_string(), fix)));
    }
    let faults = copying::faults(connection)?;
    if !faults.is_empty() {
        return Ok(Some(Check::failed(
            NAME,
            format!("it is damaged: {}", faults.join("; ")),
            "stop the room, keep a copy of everything, and run `custos audit`",
        )));
    }
    let pending = copying::pending(connection)?;
    if !pending.is_empty() {
        return Ok(Some(Check::warning(
            NAME,
            format!(
                "an older version wrote it; {} migrations are pending",
                pending.len()
            ),
            "take a backup; the next start brings it up to date, and there is no way back",
        )));
    }
    let odd = copying::journal(connection)?.filter(|journal| journal != "wal");
    Ok(odd.map(|journal| {
        Check::warning(
            NAME,
            format!("it keeps its journal as `{journal}`, not `wal`"),
            "the next start sets it; a copy of a register looks like this",
        )
    }))
}

/// The log: its head, the clock beside it, the room's keys, and the published checkpoint.
pub(super) fn log(
    connection: &mut Connection,
    places: &Places,
    keyring: Option<&Keyring>,
    ambient: &Ambient,
) -> Vec<Check> {
    const NAME: &str = "custody log";
    let standing = match copying::standing(connection) {
        Ok(Some(standing)) => standing,
        Ok(None) => {
            let fix = "found a room with `custos init`, or restore a backup";
            return vec![Check::failed(NAME, "there is no room in the register", fix)];
        }
        Err(error) => {
            let fix = "run `custos audit`, and restore a backup if it says so";
            return vec![Check::failed(NAME, error.to_string(), fix)];
        }
    };
    let head = &standing.head;
    let mut checks = vec![
        Check::ok(
            NAME,
            format!("`{}` with {} entries", head.origin, head.size()),
        ),
        clock::check(ambient, head.time),
    ];
    let seed = keyring.map(|keyring| keys::room_keys(connection, keyring, head.room));
    let keys = match seed.map(|keys| {
        let keys = keys?;
        log_keys::of_room(connection, &head.origin, &keys.log)
    }) {
        Some(Ok(keys)) => Some(keys),
        Some(Err(error @ DbError::Damaged { .. })) => {
            checks.push(Check::failed("room keys", error.to_string(), AUDIT));
            None
        }
        Some(Err(error)) => {
            checks.push(Check::failed(
                "room keys",
                error.to_string(),
                "this is not the root key of this register: put the right copy of it in place",
            ));
            None
        }
        None => None,
    };
    checks.push(published(connection, places, keys.as_ref()));
    checks.push(mark::check(connection, places, keys.as_ref()));
    checks
}

/// What is wrong with what is published, as it is at one look.
enum Wrong {
    /// A room at work puts it right within a second.
    Behind(Check),
    /// Nothing puts it right.
    Odd(Check),
}

/// The published checkpoint beside the register's. The file is read first: what a room publishes
/// in between then can't look like a register that went back.
fn published(connection: &mut Connection, places: &Places, keys: Option<&LogKeys>) -> Check {
    let file = places.data.join("log").join(CHECKPOINT_PATH);
    let (mut last, mut first_size) = (None, None);
    for _ in 0..LOOKS {
        let note = fs::read(&file);
        match copying::standing(connection) {
            Ok(Some(now)) => match compare(note, keys, &now) {
                Ok(check) | Err(Wrong::Odd(check)) => return check,
                Err(Wrong::Behind(check)) => {
                    let size = now.head.published;
                    if size > *first_size.get_or_insert(size) {
                        let what = format!("of size {size} and growing: the room is at work");
                        return Check::ok(NAME, what);
                    }
                    last = Some(check);
                }
            },
            Ok(None) => break,
            Err(error) => return Check::failed(NAME, error.to_string(), AUDIT),
        }
        thread::sleep(PAUSE);
    }
    last.unwrap_or_else(|| Check::failed(NAME, "the register can't be read", AUDIT))
}

const NAME: &str = "checkpoint";
const AUDIT: &str = "run `custos audit`";

fn compare(
    note: std::io::Result<Vec<u8>>,
    keys: Option<&LogKeys>,
    standing: &Standing,
) -> Result<Check, Wrong> {
    let (head, odd) = (&standing.head, |what: String| {
        Wrong::Odd(Check::failed(NAME, what, AUDIT))
    });
    let Some(kept) = &standing.note else {
        return match note {
            Ok(_) => Err(odd(
                "one is published, but the register knows of none: it is older than what was published".into(),
            )),
            Err(_) => Err(Wrong::Behind(Check::warning(
                NAME,
                "nothing is published yet",
                "start the room, which publishes within a second",
            ))),
        };
    };
    let note = match note {
        Ok(note) => note,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Wrong::Behind(Check::warning(
                NAME,
                "the published file is missing",
                "start the room, which writes it again",
            )));
        }
        Err(error) => return Err(odd(format!("the published file can't be read: {error}"))),
    };
    let signed = SignedCheckpoint::parse(&note)
        .map_err(|error| odd(format!("the published file is not of its form: {error}")))?;
    if let Some(keys) = keys {
        keys.verify(&signed)
            .map_err(|error| odd(format!("it is not signed by this room's key: {error}")))?;
    }
    let size = signed.checkpoint().size();
    if size > head.published {
        return Err(odd(format!(
            "one of size {size} is published, but the register ends at {}: it is older than what was published",
            head.published
        )));
    }
    if size < head.published {
        return Err(Wrong::Behind(Check::warning(
            NAME,
            format!(
                "the published file is of size {size}, the register's of {}",
                head.published
            ),
            "start the room, which replaces the file",
        )));
    }
    if note != *kept {
        return Err(odd(format!(
            "the published one of size {size} is not the one that the register keeps"
        )));
    }
    let pending = head.size() - head.published;
    if pending > 0 {
        return Err(Wrong::Behind(Check::warning(
            NAME,
            format!("{pending} entries are committed and not published"),
            "start the room, or look at its log if it is running: it publishes within a second",
        )));
    }
    let checked = match keys {
        Some(_) => "signed by this room",
        None => "its signature was not checked, without the root key",
    };
    Ok(Check::ok(
        NAME,
        format!("of size {size}, all that is committed; {checked}"),
    ))
}
