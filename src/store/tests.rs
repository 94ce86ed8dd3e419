use std::{collections::BTreeSet, fs, io::ErrorKind, path::Path};

use bytes::Bytes;
use futures::TryStreamExt;

use super::{
    Listed, MAX_PUBLIC_BYTES, Store, StoreError,
    faults::{Fault, Faulty, backend_error},
    object_path,
};
use custos_core::{ids::ObjectId, tile::Level};

const OBJECT: ObjectId = ObjectId::from_bytes([0xab; 16]);

fn part(byte: u8, bytes: usize) -> Bytes {
    vec![byte; bytes].into()
}

async fn write(store: &Store, object: ObjectId, parts: &[Bytes]) -> Result<(), StoreError> {
    let mut writer = store.create(object).await?;
    for part in parts {
        writer.put(part.clone()).await?;
    }
    writer.finish().await
}

/// All files below `root`, as paths below it, without the directories.
fn files(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).expect("it is a directory") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let below = path.strip_prefix(root).expect("it lies below");
                found.push(below.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn objects_are_written_read_listed_and_destroyed() {
    let folder = tempfile::tempdir().expect("a folder");
    for store in [
        Store::local(folder.path()).expect("a store"),
        Store::memory(),
    ] {
        let parts = [part(1, 300_000), part(2, 300_000), part(3, 5)];
        write(&store, OBJECT, &parts).await.expect("it is written");
        assert_eq!(store.size(OBJECT).await.expect("it is there"), 600_005);

        let range = store.get_range(OBJECT, 299_999..300_002).await;
        assert_eq!(range.expect("it is within")[..], [1, 2, 2]);
        let (size, stream) = store.get(OBJECT).await.expect("it is there");
        let pieces: Vec<Bytes> = stream.try_collect().await.expect("it is whole");
        assert_eq!((size, pieces.concat()), (600_005, parts.concat()));

        let listed: Vec<Listed> = store.list_objects().try_collect().await.expect("a list");
        let names: Vec<_> = listed.iter().map(|l| (l.object, l.size)).collect();
        assert_eq!(names, [(OBJECT, 600_005)]);

        store.delete(OBJECT).await.expect("it is destroyed");
        store.delete(OBJECT).await.expect("again is the same");
        let gone = store.size(OBJECT).await;
        assert!(matches!(gone, Err(StoreError::NotFound { .. })), "{gone:?}");
    }
    assert_eq!(files(folder.path()), [] as [&str; 0]);
}

/// Enough parts that the disk is told to begin before the end, twice.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_many_parts_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::local(folder.path()).expect("a store");
    let parts: Vec<Bytes> = (0..25).map(|i| part(i, 70_001)).collect();
    write(&store, OBJECT, &parts).await.expect("it is written");
    let (_, stream) = store.get(OBJECT).await.expect("it is there");
    let pieces: Vec<Bytes> = stream.try_collect().await.expect("it is whole");
    assert!(pieces.concat() == parts.concat());
    assert_eq!(files(folder.path()).len(), 1);
}

#[tokio::test]
async fn a_range_behind_the_object_is_refused_not_shortened() {
    let folder = tempfile::tempdir().expect("a folder");
    for store in [
        Store::local(folder.path()).expect("a store"),
        Store::memory(),
    ] {
        write(&store, OBJECT, &[part(1, 100)])
            .await
            .expect("written");
        for range in [99..101, 0..101, 100..101, 4_000..4_001] {
            let result = store.get_range(OBJECT, range.clone()).await;
            assert!(result.is_err(), "{range:?} gave {result:?}");
        }
    }
}

#[tokio::test]
async fn an_object_is_never_replaced() {
    let store = Store::memory();
    write(&store, OBJECT, &[part(1, 10)])
        .await
        .expect("written");
    let again = store.create(OBJECT).await;
    assert!(matches!(again, Err(StoreError::Exists { .. })), "{again:?}");
    let bytes = store.get_range(OBJECT, 0..10).await;
    assert_eq!(bytes.expect("it is there")[..], [1; 10]);
}

#[tokio::test]
async fn an_object_that_is_given_up_or_dropped_leaves_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::local(folder.path()).expect("a store");
    for by_drop in [false, true] {
        let mut writer = store.create(OBJECT).await.expect("begun");
        writer.put(part(1, 100_000)).await.expect("taken");
        assert_eq!(files(folder.path()).len(), 1);
        if by_drop {
            drop(writer);
        } else {
            writer.abort().await;
            assert_eq!(files(folder.path()), [] as [&str; 0]);
        }
        for _ in 0..500 {
            if files(folder.path()).is_empty() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert_eq!(files(folder.path()), [] as [&str; 0]);
    }
}

#[tokio::test]
async fn what_a_killed_process_left_is_swept_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::local(folder.path()).expect("a store");
    write(&store, OBJECT, &[part(1, 10)])
        .await
        .expect("written");
    let tile = "tile/0/x001/234.p/5";
    store.put_public(tile, part(2, 32)).await.expect("put");
    let before = files(folder.path());

    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    for left in [
        format!("{}#1", object_path(OBJECT)),
        "log/tile/0/x001/234.p/5#12".into(),
    ] {
        let staged = fs::File::create_new(folder.path().join(left)).expect("made");
        staged.set_modified(old).expect("aged");
    }
    assert_eq!(files(folder.path()).len(), before.len() + 2);

    let store = Store::local(folder.path()).expect("it opens again");
    // What this process stages while it sweeps is somebody's deposit or tile.
    let own = folder.path().join("log/tile/0/x001/234.p/5#13");
    fs::write(&own, b"half a tile").expect("written");
    let listed: Vec<Listed> = store.list_objects().try_collect().await.expect("a list");
    assert_eq!(listed.len(), 1);
    assert_eq!(
        store
            .sweep_staging(std::time::Duration::ZERO)
            .await
            .expect("it is swept"),
        2
    );
    assert_eq!(
        store
            .sweep_staging(std::time::Duration::ZERO)
            .await
            .expect("nothing is left"),
        0
    );
    fs::remove_file(own).expect("it was left");
    assert_eq!(files(folder.path()), before);
}

#[tokio::test]
async fn public_files_are_replaced_as_a_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    for store in [
        Store::local(folder.path()).expect("a store"),
        Store::memory(),
    ] {
        for path in ["checkpoint", "tile/0/000", "tile/entries/x001/000.p/17"] {
            for byte in [1, 2, 2] {
                let bytes = part(byte, 100 - usize::from(byte));
                store.put_public(path, bytes.clone()).await.expect("put");
                assert_eq!(store.get_public(path).await.expect("got"), bytes);
            }
        }
        let none = store.get_public("tile/0/001").await;
        assert!(matches!(none, Err(StoreError::NotFound { .. })), "{none:?}");
        let listed: Vec<Listed> = store.list_objects().try_collect().await.expect("a list");
        assert_eq!(listed, []);
    }
}

#[tokio::test]
async fn public_paths_lead_nowhere_else() {
    let store = Store::memory();
    for path in [
        "",
        "/",
        "/checkpoint",
        "checkpoint/",
        "a//b",
        ".",
        "..",
        "../objects/ab",
        "a/../b",
        "a#1",
        "a b",
        "a\0",
        "\u{e9}",
        "a\\b",
        "a%2fb",
        &"a".repeat(257),
    ] {
        let put = store.put_public(path, part(1, 1)).await;
        assert!(
            matches!(put, Err(StoreError::Path { .. })),
            "{path:?}: {put:?}"
        );
        let got = store.get_public(path).await;
        assert!(
            matches!(got, Err(StoreError::Path { .. })),
            "{path:?}: {got:?}"
        );
    }
    let large = usize::try_from(MAX_PUBLIC_BYTES).expect("32 MiB") + 1;
    let put = store.put_public("checkpoint", part(1, large)).await;
    assert!(matches!(put, Err(StoreError::Length { .. })), "{put:?}");
}

#[tokio::test]
async fn faults_are_told_apart_and_leave_nothing() {
    for (fault, full) in [
        (Fault::Part(0, ErrorKind::StorageFull), true),
        (Fault::Part(3, ErrorKind::QuotaExceeded), true),
        (Fault::Part(2, ErrorKind::ConnectionReset), false),
        (Fault::Finish, false),
        (Fault::FinishedUnsaid, false),
    ] {
        let faulty = Faulty::new();
        let store = faulty.store();
        faulty.tell(fault);
        let parts: Vec<Bytes> = (0..6).map(|i| part(i, 1000)).collect();
        let mut writer = store.create(OBJECT).await.expect("begun");
        let mut failed = None;
        for part in parts {
            failed = failed.or(writer.put(part).await.err());
        }
        let error = match failed {
            Some(error) => {
                writer.abort().await;
                error
            }
            None => writer.finish().await.expect_err("it cannot be finished"),
        };
        match error {
            StoreError::Full { .. } => assert!(full, "{fault:?}"),
            StoreError::Unavailable { .. } => assert!(!full, "{fault:?}"),
            other => panic!("{fault:?} gave {other:?}"),
        }
        assert_eq!(faulty.aborts(), 1, "{fault:?}");
        let gone = store.size(OBJECT).await;
        assert!(
            matches!(gone, Err(StoreError::NotFound { .. })),
            "{fault:?}: {gone:?}"
        );
    }
}

#[tokio::test]
async fn what_a_store_promised_and_did_not_give_is_an_error() {
    let faulty = Faulty::new();
    let store = faulty.store();
    write(&store, OBJECT, &[part(7, 1000)])
        .await
        .expect("written");
    faulty.tell(Fault::ShortReads);
    let range = store.get_range(OBJECT, 10..20).await;
    assert!(
        matches!(
            range,
            Err(StoreError::Length {
                wanted: 10,
                got: 5,
                ..
            })
        ),
        "{range:?}"
    );
    let (_, stream) = store.get(OBJECT).await.expect("it begins");
    let whole: Result<Vec<Bytes>, _> = stream.try_collect().await;
    assert!(
        matches!(
            whole,
            Err(StoreError::Length {
                wanted: 1000,
                got: 500,
                ..
            })
        ),
        "{whole:?}"
    );
    faulty.tell(Fault::NoReads);
    let range = store.get_range(OBJECT, 10..20).await;
    assert!(
        matches!(range, Err(StoreError::Unavailable { .. })),
        "{range:?}"
    );
}

#[test]
fn a_failure_at_the_commit_point_is_fatal_but_for_a_full_disk() {
    let fatal = StoreError::of_commit(backend_error(ErrorKind::Other));
    assert!(fatal.is_fatal(), "{fatal:?}");
    let full = StoreError::of_commit(backend_error(ErrorKind::StorageFull));
    assert!(matches!(full, StoreError::Full { .. }), "{full:?}");
}

/// The last step of an upload fails for real: a folder stands where the object shall be.
#[tokio::test]
async fn a_local_object_that_cannot_be_put_in_place_leaves_no_staged_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::local(folder.path()).expect("a store");
    let mut writer = store.create(OBJECT).await.expect("begun");
    writer.put(part(1, 1000)).await.expect("taken");
    let obstacle = folder.path().join(object_path(OBJECT).as_ref());
    fs::create_dir_all(obstacle.join("in the way")).expect("made");
    let error = writer.finish().await.expect_err("it cannot be renamed");
    assert!(error.is_fatal(), "{error:?}");
    assert_eq!(files(folder.path()), [] as [&str; 0]);
}

#[tokio::test]
async fn partial_tiles_make_way_and_are_cut_from_the_full_one() {
    let folder = tempfile::tempdir().expect("a folder");
    for store in [
        Store::memory(),
        Store::local(folder.path()).expect("a store"),
    ] {
        let put = |path: &'static str, bytes: Vec<u8>| {
            let store = store.clone();
            async move { store.put_public(path, bytes.into()).await.expect("put") }
        };
        let tile = |path: &str| {
            let (store, path) = (store.clone(), path.parse().expect("a tile"));
            async move { store.get_tile(path).await }
        };
        let hashes: Vec<u8> = (0..=255).flat_map(|n: u8| [n; 32]).collect();
        put("tile/0/000.p/7", hashes[..7 * 32].to_vec()).await;
        put("tile/0/000.p/255", hashes[..255 * 32].to_vec()).await;
        put("tile/0/001.p/7", hashes[..7 * 32].to_vec()).await;
        put("tile/entries/000.p/2", vec![0, 1, 5, 0, 1, 6]).await;
        assert!(matches!(
            tile("tile/0/000.p/8").await,
            Err(StoreError::NotFound { .. })
        ));
        put("tile/0/000", hashes.clone()).await;
        let level = Level::Hashes(0);
        store.drop_partial(level, 0).await.expect("dropped");
        store
            .drop_partial(level, 0)
            .await
            .expect("nothing is left to drop");
        let left: BTreeSet<String> = store.list_public().try_collect().await.expect("listed");
        let kept = ["tile/0/000", "tile/0/001.p/7", "tile/entries/000.p/2"];
        assert_eq!(left, kept.map(String::from).into());
        for width in [1, 7, 255] {
            let cut = tile(&format!("tile/0/000.p/{width}")).await.expect("cut");
            assert_eq!(cut, hashes[..width * 32]);
        }
        let entries: Vec<u8> = (0..=255).flat_map(|n: u8| [0, 1, n]).collect();
        put("tile/entries/000", entries).await;
        store
            .drop_partial(Level::Entries, 0)
            .await
            .expect("dropped");
        let cut = tile("tile/entries/000.p/2").await.expect("cut");
        assert_eq!(cut, [0, 1, 0, 0, 1, 1][..]);
        put("tile/0/000", hashes[1..].to_vec()).await;
        let odd = tile("tile/0/000.p/7").await;
        assert!(matches!(odd, Err(StoreError::Length { .. })), "{odd:?}");
    }
    assert!(!folder.path().join("log/tile/0/000.p").exists());
}
