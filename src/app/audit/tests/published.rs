//! Every byte of published files; files that are missing, cut, longer or spare.

use super::bench::{Copy, made, names, shown};
use crate::app::audit::{Place, Report};

/// Where a byte of a file lies, as a finding names it.
fn is_at(place: &Place, file: &str, at: Option<usize>) -> bool {
    let position = |width: usize| at.map(|at| (at / width) as u64);
    match place {
        Place::CheckpointFile => file == "checkpoint",
        Place::Tile {
            path,
            position: found,
        } => path == file && (found.is_none() || at.is_none() || *found == position(32)),
        Place::EntryBundle {
            path,
            position: found,
        } => path == file && (found.is_none() || at.is_none() || *found == entry_at(file, at)),
        _ => false,
    }
}

/// The entry in a bundle whose length or leaf covers a byte.
fn entry_at(file: &str, at: Option<usize>) -> Option<u64> {
    let files = made().below(&format!("log/{file}"));
    let mut rest = files[0].1.as_slice();
    let mut left = at?;
    for position in 0.. {
        let (length, _) = rest.split_first_chunk::<2>()?;
        let whole = 2 + usize::from(u16::from_be_bytes(*length));
        if left < whole {
            return Some(position);
        }
        left -= whole;
        rest = &rest[whole..];
    }
    None
}

fn located(report: &Report, file: &str, at: Option<usize>) {
    assert!(
        names(report, |place| is_at(place, file, at)),
        "`{file}` at {at:?} was not located:\n{}",
        shown(report)
    );
    // What the store holds says nothing against the register.
    let blamed = report.findings.iter().find(|finding| {
        !matches!(
            finding.place,
            Place::Tile { .. } | Place::EntryBundle { .. } | Place::CheckpointFile
        )
    });
    assert!(blamed.is_none(), "{blamed:?}");
}

#[test]
fn every_byte_of_what_is_published_is_watched() {
    let mut copy = Copy::new();
    let files = made().below("log/");
    assert!(files.len() > 8, "{}", files.len());
    let newest = files.iter().map(|(_, bytes)| bytes.len()).max();
    let mut flips = 0;
    for (path, bytes) in &files {
        let file = path.strip_prefix("log/").expect("below log");
        // Partial tiles of older sizes hold the same bytes; of those some are enough.
        let stride = if Some(bytes.len()) == newest || file == "checkpoint" {
            1
        } else {
            7
        };
        for at in (0..bytes.len()).step_by(stride) {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            let report = copy.with_file(path, Some(changed));
            located(&report, file, Some(at));
            flips += 1;
        }
        let cut = bytes[..bytes.len() - 1].to_vec();
        located(&copy.with_file(path, Some(cut)), file, None);
        let longer = [bytes.as_slice(), b"\0"].concat();
        located(&copy.with_file(path, Some(longer)), file, None);
        located(&copy.with_file(path, Some(Vec::new())), file, None);
    }
    assert!(flips > 1_500, "{flips}");
}

#[test]
fn missing_and_spare_files_are_told() {
    let mut copy = Copy::new();
    let newest = |folder: &str| {
        let mut files = made().below(folder);
        files.sort_by_key(|(_, bytes)| bytes.len());
        files.pop().expect("a file")
    };
    for path in [
        newest("log/tile/0/").0,
        newest("log/tile/entries/").0,
        "log/checkpoint".into(),
    ] {
        let file = path.strip_prefix("log/").expect("below log").to_string();
        located(&copy.with_file(&path, None), &file, None);
    }
    let spare = "log/tile/0/001";
    let report = copy.with_file(spare, Some(vec![0; 8_192]));
    located(&report, "tile/0/001", None);
    let report = copy.with_file("log/stranger", Some(vec![1]));
    assert!(
        report.is_sound() && report.notes_total == 1,
        "{}",
        shown(&report)
    );
}

#[test]
fn an_older_checkpoint_file_is_what_a_crash_leaves() {
    use crate::db::dialect::{Cell, raw};

    let mut copy = Copy::new();
    let query = "SELECT note FROM checkpoints ORDER BY size";
    let notes = raw(&mut copy.connection, query, &[]).expect("notes");
    let Cell::Blob(older) = notes[0][0].clone() else {
        panic!("a note");
    };
    let report = copy.with_file("log/checkpoint", Some(older));
    assert!(
        report.is_sound() && report.notes_total == 1,
        "{}",
        shown(&report)
    );
    // The register itself rolled back is damage.
    let report = copy
        .changed("DELETE FROM checkpoints WHERE size = (SELECT max(size) FROM checkpoints)")
        .expect("deleted");
    assert!(names(&report, |place| matches!(
        place,
        Place::Checkpoint { .. }
    )));
}
