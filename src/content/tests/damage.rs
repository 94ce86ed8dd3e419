use super::{MIB, Room, SEGMENT, content, drain, salts};
use crate::content::{
    audit::{self, Damage},
    read::ReadError,
    write::{Written, write},
};
use custos_core::{
    cipher::{HEADER_BYTES, SEALED_CHUNK_BYTES, SEALED_SEGMENT_BYTES},
    hash::sha256,
    ids::{ItemId, ObjectId},
    object::ObjectError,
};

/// What the two audits find, the one without keys first.
async fn audits(room: &Room, written: &Written) -> (Vec<Damage>, Vec<Damage>) {
    let without = audit::stored(&room.store, &written.stored).await;
    let with = audit::content(&room.store, &room.expected(written)).await;
    let (without, with) = (without.expect("no fault"), with.expect("no fault"));
    assert_eq!(with.total, with.named.len() as u64);
    assert_eq!(with.is_sound(), with.named.is_empty());
    (without.named, with.named)
}

/// Reads the whole item: what came out, and the place of the damage.
async fn read(room: &Room, written: &Written) -> (Vec<u8>, Option<Damage>) {
    let reader = match room.open(written).await {
        Ok(reader) => reader,
        Err(ReadError::Length { expected, found }) => {
            return (Vec::new(), Some(Damage::Length { expected, found }));
        }
        Err(other) => panic!("{other:?}"),
    };
    let (plain, error) = drain(reader.whole()).await;
    let damage = error.map(|error| match error {
        ReadError::Header { segment } => Damage::Header { segment },
        ReadError::Chunk { segment, chunk } => Damage::Chunk { segment, chunk },
        other => panic!("{other:?}"),
    });
    (plain, damage)
}

/// The place of stored byte `at`.
fn place(at: usize) -> Damage {
    let (segment, at) = (at / SEALED_SEGMENT_BYTES, at % SEALED_SEGMENT_BYTES);
    let segment = segment as u64;
    match at.checked_sub(HEADER_BYTES) {
        None => Damage::Header { segment },
        Some(at) => Damage::Chunk {
            segment,
            chunk: (at / SEALED_CHUNK_BYTES) as u64,
        },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_objects_raise_no_alarm() {
    for size in [0, 1, 16_384, 65_536, MIB + 1, SEGMENT, SEGMENT + 5] {
        let room = Room::new();
        let written = room.write(&content(size), MIB).await.expect("written");
        assert_eq!(audits(&room, &written).await, (vec![], vec![]), "{size}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flipped_byte_is_found_and_located() {
    for size in [0, 17_000] {
        let room = Room::new();
        let content = content(size);
        let written = room.write(&content, usize::MAX).await.expect("written");
        let object = room.deposit.object;
        let sound = room.faulty.bytes(object).await;
        for at in 0..sound.len() {
            let mut flipped = sound.clone();
            flipped[at] ^= 1 << (at % 8);
            room.faulty.replace(object, flipped).await;
            let (plain, damage) = read(&room, &written).await;
            assert_eq!(damage, Some(place(at)), "byte {at} of {size}");
            assert_eq!(plain, b"", "a fetch with damage gives nothing");
            // Both audits for some of them: they are slower.
            if at < 100 || at % 97 == 0 || at + 100 > sound.len() {
                let found = audits(&room, &written).await;
                assert_eq!(found, (vec![Damage::Stored], vec![place(at)]), "byte {at}");
            }
        }
        room.faulty.replace(object, sound).await;
        assert_eq!(read(&room, &written).await, (content, None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_in_a_large_object_is_located_and_what_precedes_it_is_released() {
    let room = Room::new();
    let content = content(2 * SEGMENT);
    let written = room.write(&content, usize::MAX).await.expect("written");
    let sound = room.faulty.bytes(room.deposit.object).await;
    let chunk = |segment: usize, chunk: usize| {
        segment * SEALED_SEGMENT_BYTES + HEADER_BYTES + chunk * SEALED_CHUNK_BYTES
    };
    // In the middle; the empty chunks that end the full segments and the empty segment.
    let places = [
        chunk(0, 100) + 7,
        chunk(1, 0),
        chunk(1, 512) + 15,
        chunk(2, 0) + 3,
    ];
    for at in places
        .into_iter()
        .chain([SEALED_SEGMENT_BYTES + 2, 2 * SEALED_SEGMENT_BYTES])
    {
        let mut flipped = sound.clone();
        flipped[at] ^= 0x80;
        room.faulty.replace(room.deposit.object, flipped).await;
        let (plain, damage) = read(&room, &written).await;
        assert_eq!(damage, Some(place(at)));
        assert!(content.starts_with(&plain));
        let before = at / SEALED_SEGMENT_BYTES * SEGMENT;
        assert!(
            plain.len() >= before.saturating_sub(MIB),
            "too little came before {at}"
        );
    }
    // All at once: the audit goes on behind the first.
    let mut flipped = sound.clone();
    places.iter().for_each(|at| flipped[*at] ^= 1);
    room.faulty.replace(room.deposit.object, flipped).await;
    let found = audits(&room, &written).await;
    assert_eq!(found.0, [Damage::Stored]);
    assert_eq!(found.1, places.map(place));
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_and_extended_objects_are_refused_before_any_plaintext() {
    let room = Room::new();
    let written = room.write(&content(40_000), MIB).await.expect("written");
    let object = room.deposit.object;
    let sound = room.faulty.bytes(object).await;
    let expected = sound.len() as u64;
    let chunk_edge = HEADER_BYTES + SEALED_CHUNK_BYTES;
    for found in [
        0,
        1,
        HEADER_BYTES,
        chunk_edge,
        sound.len() - 1,
        sound.len() + 1,
        100_000,
    ] {
        let mut other = sound.clone();
        other.resize(found, 0);
        room.faulty.replace(object, other).await;
        let found = found as u64;
        let length = Damage::Length { expected, found };
        assert_eq!(read(&room, &written).await, (vec![], Some(length)));
        let (without, with) = audits(&room, &written).await;
        assert_eq!((without, with[0]), (vec![length], length));
        let missing = if found < HEADER_BYTES as u64 {
            vec![Damage::Header { segment: 0 }]
        } else {
            let whole = (found - HEADER_BYTES as u64) / SEALED_CHUNK_BYTES as u64;
            let first = if found > expected { 3 } else { whole };
            (first..3)
                .map(|chunk| Damage::Chunk { segment: 0, chunk })
                .collect()
        };
        assert_eq!(with[1..], missing, "{found}");
    }
    room.store.delete(object).await.expect("destroyed");
    let missing = (vec![Damage::Missing], vec![Damage::Missing]);
    assert_eq!(audits(&room, &written).await, missing);
    let error = room.open(&written).await.expect_err("it is gone");
    assert!(error.is_damage(), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn swapped_chunks_and_segments_are_found() {
    let room = Room::new();
    let written = room
        .write(&content(2 * SEGMENT + 9), MIB)
        .await
        .expect("written");
    let sound = room.faulty.bytes(room.deposit.object).await;

    let mut swapped = sound.clone();
    let (first, rest) = swapped.split_at_mut(SEALED_SEGMENT_BYTES);
    first.swap_with_slice(&mut rest[..SEALED_SEGMENT_BYTES]);
    room.faulty.replace(room.deposit.object, swapped).await;
    let header = |segment| Damage::Header { segment };
    assert_eq!(read(&room, &written).await, (vec![], Some(header(0))));
    assert_eq!(audits(&room, &written).await.1, [header(0), header(1)]);

    let mut swapped = sound;
    let (first, rest) = swapped[HEADER_BYTES..].split_at_mut(SEALED_CHUNK_BYTES);
    first.swap_with_slice(&mut rest[..SEALED_CHUNK_BYTES]);
    room.faulty.replace(room.deposit.object, swapped).await;
    let chunk = |chunk| Damage::Chunk { segment: 0, chunk };
    assert_eq!(read(&room, &written).await, (vec![], Some(chunk(0))));
    assert_eq!(audits(&room, &written).await.1, [chunk(0), chunk(1)]);
}

/// The same bytes under the same key and id, sealed at another time: a roll-back.
#[tokio::test]
async fn another_writing_of_the_same_bytes_is_not_this_one() {
    let room = Room::new();
    let content = content(50_000);
    let written = room.write(&content, MIB).await.expect("written");
    room.store
        .delete(room.deposit.object)
        .await
        .expect("destroyed");
    let again = write(&room.store, &room.deposit, &content[..], salts(2)).await;
    let again = again.expect("written");
    assert_eq!(again.content_root, written.content_root);
    let header = Damage::Header { segment: 0 };
    assert_eq!(read(&room, &written).await, (vec![], Some(header)));
    let found = audits(&room, &written).await;
    assert_eq!(found, (vec![Damage::Stored], vec![header]));
    assert_eq!(audits(&room, &again).await, (vec![], vec![]));
}

#[tokio::test]
async fn an_object_of_another_item_or_id_opens_nothing() {
    let mut room = Room::new();
    let written = room.write(&content(50_000), MIB).await.expect("written");
    let header = Some(Damage::Header { segment: 0 });
    let item = std::mem::replace(&mut room.deposit.item, ItemId::from_bytes([9; 16]));
    assert_eq!(read(&room, &written).await, (vec![], header));
    room.deposit.item = item;

    let bytes = room.faulty.bytes(room.deposit.object).await;
    room.deposit.object = ObjectId::from_bytes([8; 16]);
    let other = room.write(&content(50_001), MIB).await.expect("written");
    let mut bytes = bytes;
    bytes.push(0);
    room.faulty.replace(room.deposit.object, bytes).await;
    assert_eq!(read(&room, &other).await, (vec![], header));
}

#[tokio::test]
async fn a_list_of_commitments_that_is_not_the_entrys_opens_nothing() {
    let room = Room::new();
    let mut written = room
        .write(&content(SEGMENT + 1), MIB)
        .await
        .expect("written");
    let sound = written.commitments.clone();
    room.faulty.take_reads();
    written.commitments.swap(0, 1);
    let error = room.open(&written).await.expect_err("it is another list");
    assert!(
        matches!(error, ReadError::Object(ObjectError::Heads)),
        "{error:?}"
    );
    for length in [0, 1, 3] {
        written.commitments = sound.clone();
        written.commitments.resize(length, [0; 32]);
        let error = room.open(&written).await.expect_err("it is another list");
        assert!(
            matches!(error, ReadError::Object(ObjectError::Count { .. })),
            "{error:?}"
        );
    }
    assert_eq!(room.faulty.take_reads(), []);
}

#[tokio::test]
async fn sums_that_are_not_the_entrys_are_found_by_the_audit() {
    let room = Room::new();
    let written = room.write(&content(1000), MIB).await.expect("written");
    let mut expected = room.expected(&written);
    expected.sha256 = sha256(&[b"another file"]);
    expected.content_root = expected.sha256;
    let report = audit::content(&room.store, &expected)
        .await
        .expect("no fault");
    assert_eq!(report.named, [Damage::Sha256, Damage::ContentRoot]);
}
