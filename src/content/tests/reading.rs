use super::{MIB, Room, SEGMENT, content, drain};
use crate::{
    content::read::{PIECE_BYTES, ReadError},
    store::faults::Fault,
};
use custos_core::{
    cipher::{HEADER_BYTES, SEALED_CHUNK_BYTES, TAG_BYTES},
    hash::sha256,
};
use futures::TryStreamExt;

#[tokio::test(flavor = "multi_thread")]
async fn whole_items_and_ranges_are_the_bytes_that_came() {
    for size in [0, 1, 16_384, MIB, SEGMENT, SEGMENT + 1, 2 * SEGMENT + 77] {
        let room = Room::new();
        let content = content(size);
        let written = room.write(&content, usize::MAX).await.expect("written");
        let reader = room.open(&written).await.expect("it opens");
        assert_eq!(reader.size(), size as u64);
        for (plain, error) in [
            drain(reader.whole()).await,
            drain(reader.whole_checked(written.sha256)).await,
        ] {
            assert!(error.is_none(), "{size}: {error:?}");
            assert!(plain == content, "{size}: other bytes came out");
        }
        let edges = [
            0,
            1,
            16_383,
            16_384,
            65_536,
            MIB - 1,
            MIB,
            SEGMENT - 1,
            SEGMENT,
            size,
        ];
        for start in edges {
            for end in edges.into_iter().filter(|end| start < *end && *end <= size) {
                let stream = reader
                    .range(start as u64..end as u64)
                    .expect("it is within");
                let pieces: Vec<_> = stream.try_collect().await.expect("it is sound");
                assert!(pieces.iter().all(|p| (1..=PIECE_BYTES).contains(&p.len())));
                assert!(
                    pieces.concat() == content[start..end],
                    "{start}..{end} of {size}"
                );
            }
        }
    }
}

#[tokio::test]
async fn ranges_outside_of_the_item_are_refused() {
    let room = Room::new();
    let written = room.write(&content(1000), 1000).await.expect("written");
    let reader = room.open(&written).await.expect("it opens");
    #[expect(clippy::reversed_empty_ranges)]
    for range in [
        0..0,
        10..10,
        20..10,
        999..1001,
        1000..1001,
        0..u64::MAX,
        u64::MAX..0,
    ] {
        let result = reader.range(range.clone());
        let refused = matches!(result, Err(ReadError::Range { size: 1000 }));
        assert!(refused, "{range:?} was not refused");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_range_reads_its_chunks_and_one_header() {
    let room = Room::new();
    let content = content(2 * SEGMENT + MIB);
    let written = room.write(&content, usize::MAX).await.expect("written");
    let reader = room.open(&written).await.expect("it opens");
    room.faulty.take_reads();
    let start = SEGMENT + 100;
    let stream = reader
        .range(start as u64..(start + 65_536) as u64)
        .expect("within");
    let (plain, error) = drain(stream).await;
    assert!(error.is_none() && plain == content[start..start + 65_536]);
    let read: u64 = room
        .faulty
        .take_reads()
        .iter()
        .map(|r| r.end - r.start)
        .sum();
    assert_eq!(read, (HEADER_BYTES + 5 * SEALED_CHUNK_BYTES) as u64);

    // Up to a segment's end: the empty chunk that ends it, too.
    let stream = reader
        .range(SEGMENT as u64 - 1..SEGMENT as u64)
        .expect("within");
    assert_eq!(drain(stream).await.0, content[SEGMENT - 1..SEGMENT]);
    let read: u64 = room
        .faulty
        .take_reads()
        .iter()
        .map(|r| r.end - r.start)
        .sum();
    assert_eq!(read, (HEADER_BYTES + SEALED_CHUNK_BYTES + TAG_BYTES) as u64);
}

#[tokio::test]
async fn the_last_piece_is_withheld_until_the_whole_is_what_was_named() {
    let room = Room::new();
    let content = content(PIECE_BYTES + 10);
    let written = room.write(&content, usize::MAX).await.expect("written");
    let reader = room.open(&written).await.expect("it opens");
    let (plain, error) = drain(reader.whole_checked(sha256(&[b"something else"]))).await;
    assert!(matches!(error, Some(ReadError::Sha256)), "{error:?}");
    assert!(plain == content[..PIECE_BYTES]);

    let room = Room::new();
    let written = room.write(b"", 1).await.expect("written");
    let reader = room.open(&written).await.expect("it opens");
    let (plain, error) = drain(reader.whole_checked(sha256(&[b"x"]))).await;
    assert!(matches!(error, Some(ReadError::Sha256)), "{error:?}");
    assert_eq!(plain, b"");
}

#[tokio::test]
async fn faults_of_the_store_end_the_stream_with_an_error() {
    let room = Room::new();
    let written = room.write(&content(MIB), MIB).await.expect("written");
    let reader = room.open(&written).await.expect("it opens");
    for (fault, damage) in [(Fault::ShortReads, true), (Fault::NoReads, false)] {
        room.faulty.tell(fault);
        let (plain, error) = drain(reader.whole()).await;
        assert_eq!(plain, b"");
        let error = error.expect("it fails");
        assert!(matches!(error, ReadError::Store(_)), "{error:?}");
        assert_eq!(error.is_damage(), damage, "{error:?}");
    }
}
