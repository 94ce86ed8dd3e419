//! Every byte of a small bundle: as it is, and sealed anew around the change.

use crate::{draft::Draft, samples, valid::step};

#[test]
fn every_flipped_byte_is_seen() {
    let room = samples::room();
    let trust = room.trust();
    let good = samples::whole(&room).seal(&room);
    assert_eq!(step(&good, &trust, &[]), None);
    let mut bytes = good.clone();
    for at in 0..bytes.len() {
        bytes[at] ^= 1 << (at % 8);
        assert!(step(&bytes, &trust, &[]).is_some(), "byte {at}");
        bytes[at] = good[at];
    }
    assert_eq!(bytes, good);
}

#[test]
fn every_cut_is_seen() {
    let room = samples::room();
    let trust = room.trust();
    let good = samples::whole(&room).seal(&room);
    for length in 0..good.len() {
        assert_eq!(
            step(&good[..length], &trust, &[]).as_deref(),
            Some("zip"),
            "{length} bytes"
        );
    }
}

/// A room that signs what it changed is still bound by what the log holds.
#[test]
fn changes_sealed_anew_are_seen() {
    for (draft, room) in drafts() {
        let trust = room.trust();
        for name in draft.files.keys() {
            // Nothing but the note vouches for what is there for information.
            if name == "README.txt" || name.starts_with("keys/") {
                continue;
            }
            for at in (0..draft.files[name].len()).step_by(13) {
                let mut changed = draft.clone();
                changed.files.get_mut(name).expect("it is there")[at] ^= 1 << (at % 7);
                let step = step(&changed.seal(&room), &trust, &[]);
                assert!(step.is_some(), "byte {at} of {name}");
            }
        }
    }
}

fn drafts() -> Vec<(Draft, crate::room::Room)> {
    let statement = samples::room();
    let words = samples::redaction_room();
    vec![
        (samples::whole(&statement), statement),
        (samples::redaction(&words), words),
    ]
}
