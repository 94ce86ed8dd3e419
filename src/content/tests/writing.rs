use std::{io::ErrorKind, time::Duration};

use proptest::prelude::*;
use tokio::io::AsyncReadExt;

use super::{MIB, Pieces, Room, SEGMENT, content, drain, salts};
use crate::{
    content::{
        declared::{Algorithm, Fingerprint},
        media::HEAD_BYTES,
        write::{WriteError, Written, write},
    },
    store::{StoreError, faults::Fault},
};
use custos_core::{
    cipher::{SegmentKind, object_context, open},
    content::{ContentHasher, TreeKind},
    hash::sha256,
    object::heads,
};

/// Compares all that was written with the same computed plainly, one thing after the other.
async fn check(room: &Room, content: &[u8], written: &Written) {
    let (deposit, stored) = (&room.deposit, &written.stored);
    assert_eq!(written.size, content.len() as u64);
    assert_eq!(written.sha256, sha256(&[content]));
    assert_eq!(written.crc32, crc32fast::hash(content));
    assert_eq!(written.head[..], content[..content.len().min(HEAD_BYTES)]);
    let mut tree = ContentHasher::new(deposit.tree_key.clone());
    tree.update(content);
    let tree = tree.finish();
    assert_eq!(written.leaves, tree.n());
    assert_eq!(written.content_root, tree.logged_root(TreeKind::Content));

    let bytes = room.faulty.bytes(deposit.object).await;
    let layout = stored.layout();
    assert_eq!(stored.object(), deposit.object);
    assert_eq!(layout.size(), content.len() as u64);
    assert_eq!(layout.stored_len(), bytes.len() as u64);
    assert_eq!(stored.blake3().as_bytes(), blake3::hash(&bytes).as_bytes());
    assert_eq!(*stored.heads(), heads(written.commitments.iter().copied()));
    assert_eq!(layout.segments(), written.commitments.len() as u64);
    let mut salts = std::collections::HashSet::new();
    let mut plain = Vec::new();
    for (segment, commitment) in (0..).zip(&written.commitments) {
        let range = layout.segment_stored(segment).expect("it has that segment");
        let message = &bytes[usize::try_from(range.start).expect("small")..]
            [..usize::try_from(range.end - range.start).expect("small")];
        assert!(
            salts.insert(message[..24].to_vec()),
            "a salt was used twice"
        );
        assert_eq!(message[24..56], *commitment);
        let context = object_context(
            &deposit.item,
            &deposit.object,
            SegmentKind::Content,
            segment,
        );
        let opened = open(deposit.data_key.as_bytes(), &context, message);
        plain.extend_from_slice(&opened.expect("it opens"));
    }
    assert_eq!(plain, content);
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_around_every_edge_are_written_as_the_formats_say() {
    let around = |edge: usize| [edge - 1, edge, edge + 1];
    let small = [16 << 10, 64 << 10, MIB].into_iter().flat_map(around);
    let large = around(SEGMENT)
        .into_iter()
        .chain([2 * SEGMENT, 17 * MIB + 3]);
    for size in [0, 1].into_iter().chain(small).chain(large) {
        let room = Room::new();
        let content = content(size);
        let written = room.write(&content, 300_000).await.expect("it is written");
        check(&room, &content, &written).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_length_changes_nothing_but_the_buffers() {
    for size in [0, 1, 65_536, SEGMENT - 1, SEGMENT, SEGMENT + 1] {
        let mut room = Room::new();
        room.deposit.length = Some(size as u64);
        room.deposit.limit = size as u64;
        let content = content(size);
        let written = room
            .write(&content, usize::MAX)
            .await
            .expect("it is written");
        check(&room, &content, &written).await;
    }
}

#[tokio::test]
async fn hashes_that_were_asked_for_are_those_of_the_tools() {
    let mut room = Room::new();
    room.deposit.declared = [Algorithm::ALL, Algorithm::ALL].concat();
    let written = room.write(b"abc", 1).await.expect("it is written");
    let expected = [
        (Algorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
        (Algorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (
            Algorithm::Sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            Algorithm::Sha512,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
    ];
    let expected = expected.map(|(a, hex)| Fingerprint::parse(a, hex).expect("it is hex"));
    assert_eq!(written.declared, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_do_not_mix() {
    let writes = (0..8_u8).map(|i| async move {
        let mut room = Room::new();
        room.deposit.item = custos_core::ids::ItemId::from_bytes([i; 16]);
        let content = content(MIB * usize::from(i) + usize::from(i));
        let written = room.write(&content, 100_000).await.expect("it is written");
        check(&room, &content, &written).await;
    });
    futures::future::join_all(writes).await;
}

#[tokio::test]
async fn cut_and_overlong_sources_leave_nothing() {
    let content = content(SEGMENT + 1000);
    let end = content.len() as u64;
    for (declared, gives, then) in [
        (Some(end), 0, None),
        (Some(end), 10, None),
        (Some(end), end - 1, None),
        (Some(end), SEGMENT as u64, None),
        (Some(end - 1), end, None),
        (Some(0), 1, None),
        (Some(end), end - 1, Some(ErrorKind::ConnectionReset)),
        (None, 0, Some(ErrorKind::UnexpectedEof)),
        (None, end, Some(ErrorKind::UnexpectedEof)),
        (Some(end), end, Some(ErrorKind::TimedOut)),
    ] {
        let mut room = Room::new();
        room.deposit.length = declared;
        let gives = usize::try_from(gives).expect("small");
        let mut source = Pieces::new(&content[..gives], 100_000);
        source.then = then;
        let result = write(&room.store, &room.deposit, source, salts(1)).await;
        match result {
            Err(WriteError::Incomplete {
                received,
                expected,
                source,
            }) => {
                assert_eq!(expected, declared);
                assert_eq!(source.map(|error| error.kind()), then);
                let most = declared.unwrap_or(end).max(gives as u64);
                assert!(received <= most, "{received} of {gives}");
            }
            other => panic!("{declared:?}, {gives}, {then:?} gave {other:?}"),
        }
        assert!(room.is_empty().await);
        assert_eq!(room.faulty.aborts(), 1);
    }
}

#[tokio::test]
async fn the_limit_holds_with_and_without_a_declared_length() {
    let content = content(100_001);
    for length in [None, Some(100_001)] {
        let mut room = Room::new();
        room.deposit.limit = 100_000;
        room.deposit.length = length;
        let result = room.write(&content, 1000).await;
        let limit = matches!(result, Err(WriteError::TooLarge { limit: 100_000 }));
        assert!(limit, "{result:?}");
        assert!(room.is_empty().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_store_leave_nothing() {
    let content = content(5 * SEGMENT);
    for (fault, full) in [
        (Fault::Part(0, ErrorKind::StorageFull), true),
        (Fault::Part(2, ErrorKind::StorageFull), true),
        (Fault::Part(5, ErrorKind::ConnectionReset), false),
        (Fault::Finish, false),
        (Fault::FinishedUnsaid, false),
    ] {
        let room = Room::new();
        room.faulty.tell(fault);
        let result = room.write(&content, usize::MAX).await;
        match result {
            Err(WriteError::Store(StoreError::Full { .. })) => assert!(full, "{fault:?}"),
            Err(WriteError::Store(StoreError::Unavailable { .. })) => assert!(!full, "{fault:?}"),
            other => panic!("{fault:?} gave {other:?}"),
        }
        assert!(room.is_empty().await, "{fault:?}");
        assert_eq!(room.faulty.aborts(), 1);
        // The same bytes go in when the store is well again, under a fresh id and salts.
        let again = room
            .write(&content, usize::MAX)
            .await
            .expect("it is written");
        check(&room, &content, &again).await;
    }
}

#[tokio::test]
async fn a_write_that_is_dropped_leaves_nothing() {
    let room = Room::new();
    let content = content(2 * SEGMENT);
    // A client that stops sending and never hangs up.
    let (_silent, hanging) = tokio::io::duplex(1);
    let source = Pieces::new(&content, 100_000).chain(hanging);
    let writing = write(&room.store, &room.deposit, source, salts(1));
    let late = tokio::time::timeout(Duration::from_millis(300), writing).await;
    assert!(late.is_err(), "it cannot have ended");
    for _ in 0..500 {
        if room.faulty.aborts() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(room.faulty.aborts(), 1);
    assert!(room.is_empty().await);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However the bytes arrive, the same is written, and ranges are slices.
    #[test]
    fn pieces_of_any_length_give_the_same(
        size in 0_usize..400_000,
        step in 1_usize..70_000,
        ranges in prop::collection::vec((0_usize..400_000, 0_usize..400_000), 4),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().build().expect("a runtime");
        runtime.block_on(async {
            let room = Room::new();
            let content = content(size);
            let written = room.write(&content, step).await.expect("it is written");
            check(&room, &content, &written).await;
            let reader = room.open(&written).await.expect("it opens");
            for (start, length) in ranges {
                let end = (start + length).min(size);
                if start < end {
                    let stream = reader.range(start as u64..end as u64).expect("within");
                    let (plain, error) = drain(stream).await;
                    assert!(error.is_none(), "{error:?}");
                    assert!(plain == content[start..end], "{start}..{end} of {size}");
                }
            }
        });
    }
}
