//! Every byte of a stored object; objects cut, longer, exchanged, gone, or named by nobody.

use custos_core::{
    cipher::{HEADER_BYTES, SEALED_CHUNK_BYTES},
    ids::ObjectId,
};

use super::bench::{Copy, made, names, shown};
use crate::app::audit::{Content, Place, Report};

fn located(report: &Report, object: ObjectId, wanted: (Option<u64>, Option<u64>)) {
    let exact = |place: &Place| {
        matches!(place, Place::Object { id, segment, chunk }
            if *id == object && (*segment, *chunk) == wanted)
    };
    assert!(names(report, exact), "{wanted:?}:\n{}", shown(report));
    let elsewhere = report
        .findings
        .iter()
        .find(|finding| !matches!(&finding.place, Place::Object { id, .. } if *id == object));
    assert!(elsewhere.is_none(), "{elsewhere:?}");
}

/// Segment and chunk of a stored byte; a header has none.
fn place_of(at: usize) -> (Option<u64>, Option<u64>) {
    let chunk = at.checked_sub(HEADER_BYTES);
    (Some(0), chunk.map(|at| (at / SEALED_CHUNK_BYTES) as u64))
}

#[test]
fn every_byte_of_an_object_is_watched() {
    let mut copy = Copy::new();
    for (object, stride) in [(made().small, 1), (made().large, 211)] {
        let (path, bytes) = made().object(object);
        for at in (0..bytes.len()).step_by(stride) {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            let report = copy.with_file(&path, Some(changed));
            located(&report, object, place_of(at));
            assert_eq!(report.total, 1, "{}", shown(&report));
        }
    }
}

#[test]
fn an_object_of_another_length_is_located() {
    let mut copy = Copy::new();
    let (path, bytes) = made().object(made().large);
    let longer = [bytes.as_slice(), b"\0"].concat();
    located(
        &copy.with_file(&path, Some(longer)),
        made().large,
        (None, None),
    );
    for keep in [0, 10, HEADER_BYTES, SEALED_CHUNK_BYTES, bytes.len() - 1] {
        let report = copy.with_file(&path, Some(bytes[..keep].to_vec()));
        located(&report, made().large, (None, None));
        located(&report, made().large, place_of(keep));
    }
    located(&copy.with_file(&path, None), made().large, (None, None));
}

#[test]
fn exchanged_objects_are_found_and_orphans_are_no_damage() {
    let mut copy = Copy::new();
    let (path, _) = made().object(made().small);
    let (_, other) = made().object(made().large);
    let report = copy.with_file(&path, Some(other));
    located(&report, made().small, (Some(0), None));
    let orphan = "objects/00/00000000000000000000000000000000";
    let report = copy.with_file(orphan, Some(vec![1, 2, 3]));
    assert!(
        report.is_sound() && report.notes_total == 1,
        "{}",
        shown(&report)
    );
}

#[test]
fn without_keys_the_object_is_named() {
    let mut copy = Copy::new();
    let (path, bytes) = made().object(made().small);
    let at = object_store::path::Path::from(path.as_str());
    let mut changed = bytes.clone();
    changed[70] ^= 1;
    copy.runtime.block_on(async {
        use object_store::ObjectStoreExt;

        let put = copy.files.put(&at, changed.into()).await;
        put.expect("put");
    });
    let report = copy.audit_with(Content::Blake3Only);
    located(&report, made().small, (None, None));
    assert!(copy.audit_with(Content::Skip).is_sound());
}

#[test]
fn exchanged_item_keys_are_told_from_damaged_objects() {
    let mut copy = Copy::new();
    for purpose in ["data", "salt"] {
        let swap = format!(
            "CREATE TEMP TABLE k AS SELECT rowid AS r, owner_id AS o FROM wrapped_keys \
               WHERE purpose = '{purpose}'; \
             UPDATE wrapped_keys SET owner_id = zeroblob(16) || x'00' || rowid \
               WHERE purpose = '{purpose}'; \
             UPDATE wrapped_keys SET owner_id = (SELECT o FROM k WHERE r <> wrapped_keys.rowid) \
               WHERE purpose = '{purpose}'; DROP TABLE k"
        );
        let report = copy.changed(&swap).expect("exchanged");
        let key = |place: &Place| matches!(place, Place::Key { id: Some(_), purpose: Some(found), .. } if *found == purpose);
        assert!(names(&report, key), "{}", shown(&report));
        assert_eq!(report.total, 2, "{}", shown(&report));
    }
}
