//! A copy of a whole public log: its entries, its tiles, its checkpoint.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use custos_core::{
    checkpoint::{SignedCheckpoint, TrustPolicy},
    tile::{MAX_BUNDLE_BYTES, TilePath},
    verify::{Progress, WholeError, check_whole},
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
    Ok(if json {
        machine::log(checkpoint, &log, &endorsement)
    } else {
        people::log(checkpoint, &log, &endorsement)
    })
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
