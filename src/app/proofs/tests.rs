//! Proofs of every published size, while partial tiles make way for full ones.

use custos_core::{
    event::leaf_data,
    merkle,
    tile::{Level, TilePath},
};
use futures::TryStreamExt;

use super::Published;
use crate::{
    app::{
        entering::{Draft, Entered, Tx},
        tests::world::World,
        writer::{Command, Stop},
    },
    store::Store,
};

struct Cover(usize);

impl Command for Cover {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        for _ in 0..self.0 {
            tx.enter(Draft::of_room("cover", tx.room()))?;
        }
        Ok(())
    }
}

/// Enters so many entries, a checkpoint after each of the rounds, and gives entries and sizes.
async fn grown(world: &World, rounds: &[usize]) -> (Vec<Entered>, Vec<u64>) {
    let (mut entries, mut sizes) = (Vec::new(), Vec::new());
    for count in rounds {
        let done = world.room.writer.submit(Cover(*count)).await;
        entries.extend(done.expect("durable").entered);
        sizes.push(world.room.publisher.publish().await.expect("published"));
    }
    (entries, sizes)
}

async fn partial(store: &Store) -> Vec<TilePath> {
    let paths: Vec<String> = store.list_public().try_collect().await.expect("listed");
    let tiles = paths
        .iter()
        .filter_map(|path| path.parse::<TilePath>().ok());
    tiles.filter(TilePath::is_partial).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn partial_tiles_make_way_and_every_size_can_still_be_proven() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::local(folder.path()).expect("a store");
    let world = World::in_store(store.clone()).await;
    let (entries, sizes) = grown(&world, &[3, 40, 1, 200, 30, 5]).await;
    let left = partial(&store).await;
    assert!(left.iter().any(|path| path.index() == 1), "{left:?}");
    let grown_over = left
        .iter()
        .filter(|path| path.index() == 0 && path.level() != Level::Hashes(1));
    assert_eq!(grown_over.count(), 0, "{left:?}");
    assert!(!folder.path().join("log/tile/0/000.p").exists());

    for size in &sizes {
        let published = Published::of_size(&world.room, *size)
            .await
            .expect("published");
        let (entries, sizes) = (entries.clone(), sizes.clone());
        let proven = tokio::task::spawn_blocking(move || {
            for entry in entries
                .iter()
                .filter(|entry| entry.index.get() < published.size())
            {
                published
                    .inclusion(entry.index, &entry.leaf_hash)
                    .expect("proven");
            }
            for old in sizes.iter().filter(|old| **old <= published.size()) {
                published.consistency(*old).expect("proven");
            }
        });
        proven.await.expect("no panic");
    }
    world.check_log().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_proof_leaves_that_does_not_hold_and_a_repair_needs_no_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::local(folder.path()).expect("a store");
    let world = World::in_store(store).await;
    let (entries, sizes) = grown(&world, &[300]).await;
    let tile = folder.path().join("log/tile/0/000");
    let sound = std::fs::read(&tile).expect("a tile");
    let mut damaged = sound.clone();
    damaged[40] ^= 1;
    let prove = |entry: Entered| {
        let room = world.room.clone();
        async move {
            let published = Published::of_size(&room, sizes[0])
                .await
                .expect("published");
            tokio::task::spawn_blocking(move || {
                let wrong = merkle::leaf_hash(&leaf_data(&entry.leaf_hash));
                assert!(published.inclusion(entry.index, &wrong).is_err());
                published.inclusion(entry.index, &entry.leaf_hash)
            })
            .await
            .expect("no panic")
        }
    };
    std::fs::write(&tile, damaged).expect("damaged");
    assert!(prove.clone()(entries[10]).await.is_err());
    std::fs::write(&tile, sound).expect("repaired");
    prove(entries[10]).await.expect("proven");
}
