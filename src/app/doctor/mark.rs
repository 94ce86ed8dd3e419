//! The mark of what was published last, beside the register.

use std::{thread, time::Duration};

use custos_core::checkpoint::{LogKeys, SignedCheckpoint};

use super::{Check, Places};
use crate::{
    app::behind::Mark,
    db::{Connection, copying},
};

const NAME: &str = "mark";
/// A room that is at work writes it within a second; this is how often it is looked at.
const LOOKS: u32 = 20;
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(150);
const PUT_BACK: &str = "docs/OPERATIONS.md, \"A room that was put back\", says what to do";

/// Whether the register is what was published last, as far as the mark knows.
pub(super) fn check(connection: &mut Connection, places: &Places, keys: Option<&LogKeys>) -> Check {
    let mark = Mark::of(&places.keys, places.mark.as_deref());
    let shown = mark.path().display();
    if let Some(check) = put_back(connection, &mark, keys) {
        return check;
    }
    let mut last = None;
    for _ in 0..LOOKS {
        // What a room publishes while this looks can only make the register newer than the mark
        // was when it was read, and the mark newer than the register was before that.
        let before = match published(connection) {
            Ok(before) => before,
            Err(check) => return check,
        };
        let held = match mark.read() {
            Ok(None) if before == 0 => return Check::ok(NAME, "nothing is published yet"),
            Ok(None) => {
                return Check::warning(
                    NAME,
                    format!(
                        "`{shown}` is not there: that this room was put back would not be noticed"
                    ),
                    "the next start makes it; ask who removed it, and compare with checkpoints kept elsewhere first",
                );
            }
            Ok(Some(note)) => note,
            Err(error) => {
                let fix = "let the room's own user read and write it";
                return Check::failed(NAME, error.to_string(), fix);
            }
        };
        let size = match size(&held, keys) {
            Ok(size) => size,
            Err(said) => {
                return Check::failed(
                    NAME,
                    format!("`{shown}` {said}"),
                    "find out who wrote it; the next start sets it aside and makes another",
                );
            }
        };
        let after = match published(connection) {
            Ok(after) => after,
            Err(check) => return check,
        };
        if size > after {
            let what = format!(
                "it holds checkpoint {size}, and the register ends with {after}: this room was put back to an older state"
            );
            return Check::failed(NAME, what, PUT_BACK);
        }
        if size >= before {
            return Check::ok(NAME, format!("`{shown}` holds checkpoint {size}"));
        }
        last = Some((size, after));
        thread::sleep(PAUSE);
    }
    let (size, after) = last.unwrap_or_default();
    Check::warning(
        NAME,
        format!("`{shown}` holds checkpoint {size}, and {after} was published since"),
        "let the room's own user write it, or name another file in the setting `mark`; start the room, which brings it up to date",
    )
}

/// Whether the checkpoint of a rotation beside the mark is of more than the register: of a room that
/// was put back to before it, whose register does not know the key of the mark.
fn put_back(connection: &mut Connection, mark: &Mark, keys: Option<&LogKeys>) -> Option<Check> {
    // Read first: what is published meanwhile only makes the register newer.
    let turns = mark.turns().ok()?;
    let sizes = turns.iter().filter_map(|note| size(note, keys).ok());
    let held = sizes.max()?;
    let published = published(connection).ok()?;
    let what = format!(
        "`{}.{held}` holds checkpoint {held}, at which the log's key was rotated, and the register ends with {published}: this room was put back to an older state",
        mark.path().display()
    );
    (keys.is_some() && held > published).then(|| Check::failed(NAME, what, PUT_BACK))
}

/// The size that the register says was published.
fn published(connection: &mut Connection) -> Result<u64, Check> {
    const AUDIT: &str = "run `custos audit`";

    match copying::standing(connection) {
        Ok(Some(standing)) => Ok(standing.head.published),
        Ok(None) => Ok(0),
        Err(error) => Err(Check::failed(NAME, error.to_string(), AUDIT)),
    }
}

/// The size of the checkpoint that a mark holds.
fn size(note: &[u8], keys: Option<&LogKeys>) -> Result<u64, String> {
    let signed =
        SignedCheckpoint::parse(note).map_err(|error| format!("is not of its form: {error}"))?;
    if let Some(keys) = keys {
        keys.verify(&signed)
            .map_err(|error| format!("is not signed by this room's key: {error}"))?;
    }
    Ok(signed.checkpoint().size())
}
