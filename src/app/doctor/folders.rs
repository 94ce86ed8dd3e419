//! Folders, their owners and who may enter them; free space; the root key.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use super::{Check, Places};
use crate::{
    app::reserve::{Held, held},
    keyring::{Keyring, RootFile, same_disk},
};

const MIB: u64 = 1 << 20;
/// Below this nothing should be deposited any more.
const LEAST_FREE_BYTES: u64 = 512 * MIB;
/// Below this somebody should make room, if it is also a small part of the disk.
const LOW_FREE_BYTES: u64 = 50 * 1024 * MIB;
/// What a small part is: 5 %.
const LOW_PART: u64 = 20;

/// The room's folder: there, ours, and nobody else's.
pub(super) fn data(folder: &Path) -> Check {
    const NAME: &str = "data folder";
    let shown = folder.display();
    let found = match fs::metadata(folder) {
        Ok(found) if found.is_dir() => found,
        Ok(_) => {
            let fix = "name a folder in the setting `data`";
            return Check::failed(NAME, format!("`{shown}` is no folder"), fix);
        }
        Err(error) => {
            return Check::failed(
                NAME,
                format!("`{shown}` can't be used: {error}"),
                "name the room's folder in the setting `data`, or run `custos init` or `custos restore`",
            );
        }
    };
    let user = rustix::process::geteuid().as_raw();
    if is_of_another(&found) {
        return Check::failed(
            NAME,
            format!(
                "`{shown}` belongs to user {}, and this runs as user {user}",
                found.uid()
            ),
            "run every command of the room as the room's own user",
        );
    }
    let mode = found.mode() & 0o7777;
    let fix = format!("run `chmod 700 {shown}`");
    if mode & 0o007 != 0 {
        return Check::failed(
            NAME,
            format!("everyone may enter `{shown}` (mode {mode:04o})"),
            fix,
        );
    }
    if mode & 0o070 != 0 {
        return Check::warning(
            NAME,
            format!("a group may enter `{shown}` (mode {mode:04o})"),
            fix,
        );
    }
    Check::ok(NAME, format!("`{shown}` is its owner's alone"))
}

/// Whether somebody else owns a folder. The superuser may look at everybody's.
fn is_of_another(found: &fs::Metadata) -> bool {
    let user = rustix::process::geteuid();
    !user.is_root() && found.uid() != user.as_raw()
}

/// Whether the room's folder is there, and its register may be opened: what SQLite leaves beside
/// it belongs to whoever opens it.
pub(super) fn may_be_opened(folder: &Path) -> bool {
    fs::metadata(folder).is_ok_and(|found| found.is_dir() && !is_of_another(&found))
}

/// Space on the disk of the room's folder.
pub(super) fn space(folder: &Path) -> Check {
    const NAME: &str = "free space";
    match rustix::fs::statvfs(folder) {
        Ok(found) => compare(Space {
            free: found.f_bavail.saturating_mul(found.f_frsize),
            all: found.f_blocks.saturating_mul(found.f_frsize),
            free_files: found.f_favail,
            all_files: found.f_files,
        }),
        Err(error) => Check::warning(NAME, format!("it can't be asked for: {error}"), "use `df`"),
    }
}

/// The space that is kept for a full disk; nothing where none is asked for.
pub(super) fn reserve(folder: &Path, bytes: u64) -> Option<Check> {
    const NAME: &str = "reserve";

    if bytes == 0 {
        return None;
    }
    let whole = bytes / MIB;
    let fix = "make room: the running room makes it again when twice as much is free, and takes deposits; \
               one that does not run makes it when it starts";
    Some(match held(folder, bytes) {
        Held::Whole => Check::ok(NAME, format!("{whole} MiB are kept for a full disk")),
        Held::Part(part) => {
            let what = format!("{} of {whole} MiB are kept for a full disk", part / MIB);
            Check::failed(NAME, what, fix)
        }
        Held::Nothing => {
            let what = format!(
                "the {whole} MiB for a full disk are not there: it was full, and deposits are refused"
            );
            Check::failed(NAME, what, fix)
        }
    })
}

/// Bytes and files of a disk. A file system without a limit of files says 0 of 0.
#[derive(Clone, Copy)]
struct Space {
    free: u64,
    all: u64,
    free_files: u64,
    all_files: u64,
}

fn compare(space: Space) -> Check {
    const NAME: &str = "free space";
    let what = format!("{} of {} MiB are free", space.free / MIB, space.all / MIB);
    let fix = "make room, or move the room to a larger disk: what can't be stored is refused";
    let low_files = space.all_files > 0 && space.free_files < space.all_files / LOW_PART;
    if space.free < LEAST_FREE_BYTES {
        Check::failed(NAME, what, fix)
    } else if space.all_files > 0 && space.free_files == 0 {
        Check::failed(NAME, "no further file can be made on the disk", fix)
    } else if space.free < LOW_FREE_BYTES && space.free < space.all / LOW_PART {
        Check::warning(NAME, what, fix)
    } else if low_files {
        let what = format!("only {} further files can be made", space.free_files);
        Check::warning(NAME, what, fix)
    } else {
        Check::ok(NAME, what)
    }
}

/// The root key file: there, private, of its form, and on another disk than the data.
pub(super) fn root_key(places: &Places) -> (Check, Option<Keyring>) {
    const NAME: &str = "root key";
    let root = match RootFile::open(&places.keys) {
        Ok(root) => root,
        Err(error) => {
            let fix = "put the copy of the root key there, readable by the room's user alone";
            return (Check::failed(NAME, error.to_string(), fix), None);
        }
    };
    let check = if same_disk(&places.keys, &places.data) {
        Check::warning(
            NAME,
            "it lies on the disk of the data: whoever takes the disk takes both",
            "move it to another disk and name that in the setting `keys`",
        )
    } else {
        Check::ok(
            NAME,
            "it is its owner's alone, on another disk than the data",
        )
    };
    (check, Some(Keyring::new(root)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::doctor::Status;

    #[test]
    fn space_runs_out_in_bytes_and_in_files() {
        let space = |free_mib: u64, all_mib: u64, free_files: u64, all_files: u64| {
            compare(Space {
                free: free_mib * MIB,
                all: all_mib * MIB,
                free_files,
                all_files,
            })
            .status
        };
        let gib = 1024;
        assert_eq!(space(100 * gib, 200 * gib, 900, 1000), Status::Ok);
        assert_eq!(space(60 * gib, 4000 * gib, 900, 1000), Status::Ok);
        assert_eq!(space(40 * gib, 4000 * gib, 900, 1000), Status::Warning);
        assert_eq!(space(511, 600, 900, 1000), Status::Failed);
        assert_eq!(space(100 * gib, 200 * gib, 49, 1000), Status::Warning);
        assert_eq!(space(100 * gib, 200 * gib, 0, 1000), Status::Failed);
        assert_eq!(space(100 * gib, 200 * gib, 0, 0), Status::Ok);
    }
}
