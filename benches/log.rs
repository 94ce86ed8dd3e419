//! What grows with the custody log, as ratios within one run: proofs from its tiles, opening the
//! room, bytes of the public log; beside others' programs on the same tiles, where they are there.
//!
//! `cargo bench --bench log [-- ENTRIES]`; nothing here is asserted.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use custos::{
    ambient::Ambient,
    app::{
        Room,
        found::{FirstAdministrator, found},
        open::{Places, open},
        proofs::Published,
        synthetic,
    },
    store::Store,
};
use custos_core::{
    hash::Hash,
    ids::LeafIndex,
    merkle::{leaf_hash, node_hash},
    tile::{FULL_WIDTH, Level, TilePath, parse_entry_bundle},
};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Proofs that are timed.
const PROOFS: u64 = 20_000;
/// Leaves that are asked for again and again: their tiles are kept.
const WARM: u64 = 256;
/// Times that the room is opened.
const OPENED: usize = 5;

fn main() -> Outcome<()> {
    let largest: u64 = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .next()
        .unwrap_or(1_000_000);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    println!("one hash of two: {:.0} ns", hashing() * 1e9);
    for entries in [10_000, 100_000, largest] {
        let folder = tempfile::tempdir_in(".")?;
        runtime.block_on(measure(folder.path(), entries))?;
        peer(folder.path(), entries);
    }
    Ok(())
}

/// Seconds for one inner node.
fn hashing() -> f64 {
    let mut hash = leaf_hash(&[]);
    let begin = Instant::now();
    for _ in 0..1_000_000 {
        hash = node_hash(&hash, &hash);
    }
    std::hint::black_box(hash);
    begin.elapsed().as_secs_f64() / 1e6
}

async fn measure(folder: &Path, entries: u64) -> Outcome<()> {
    println!("a log of {entries} entries");
    let places = Places {
        keys: folder.join("keys"),
        database: folder.join("register.db"),
    };
    let first = FirstAdministrator {
        name: "Bench".into(),
        login: "bench".into(),
    };
    let ambient = Ambient::system();
    found(
        (&places.keys, &places.database),
        synthetic::ORIGIN,
        &first,
        &ambient,
    )?;
    let room = open(&places, Store::local(folder)?, ambient).await?;
    let begin = Instant::now();
    synthetic::fill(&room, entries, |_| ()).await?;
    println!("  built in {:.0} s", begin.elapsed().as_secs_f64());
    // Bundles have 2 and 33 bytes for each leaf, tiles 32 for each leaf and each full tile.
    let theory = entries as f64 * (35.0 + 32.0 * 256.0 / 255.0);
    let public = bytes(&folder.join("log"))? as f64;
    println!(
        "  public log {:.1} bytes an entry, {:.3} x the theoretical",
        public / entries as f64,
        public / theory
    );
    drop(room);
    // The writer's thread ends once its last caller is gone.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut times = Vec::new();
    for _ in 0..OPENED {
        let begin = Instant::now();
        let room = open(&places, Store::local(folder)?, Ambient::system()).await?;
        times.push(begin.elapsed().as_secs_f64());
        drop(room);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("  opened in {:.1} ms", middle(&mut times) * 1e3);
    let room = open(&places, Store::local(folder)?, Ambient::system()).await?;
    proofs(&room, entries).await
}

async fn proofs(room: &Room, entries: u64) -> Outcome<()> {
    let published = Published::of_size(room, entries).await?;
    let store = room.store.clone();
    let spread = move |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % entries;
    let (warm, anywhere): (Vec<u64>, Vec<u64>) = (
        (0..PROOFS).map(|n| spread(n % WARM)).collect(),
        (0..PROOFS).map(|n| spread(WARM + n)).collect(),
    );
    let mut leaves = Vec::new();
    for index in warm.iter().take(WARM as usize).chain(&anywhere) {
        leaves.push((*index, leaf(&store, entries, *index).await?));
    }
    let leaves: std::collections::HashMap<u64, Hash> = leaves.into_iter().collect();
    let timed = tokio::task::spawn_blocking(move || -> Result<_, custos::app::Error> {
        let mut all = Vec::new();
        for (name, indices) in [("kept tiles", warm), ("any leaf", anywhere)] {
            let mut times = Vec::new();
            for round in 0..2 {
                for index in &indices {
                    let at = LeafIndex::new(*index).expect("it is small");
                    let begin = Instant::now();
                    let proof = published.inclusion(at, &leaves[index])?;
                    let took = begin.elapsed().as_secs_f64();
                    std::hint::black_box(proof);
                    // The first round fills what is kept.
                    if round == 1 {
                        times.push(took);
                    }
                }
            }
            all.push((name, times));
        }
        let mut times = Vec::new();
        for n in 1..PROOFS / 10 {
            let old = spread(n).max(1);
            let begin = Instant::now();
            std::hint::black_box(published.consistency(old)?);
            times.push(begin.elapsed().as_secs_f64());
        }
        all.push(("consistency", times));
        Ok(all)
    });
    for (name, mut times) in timed.await?? {
        let half = middle(&mut times) * 1e6;
        let most = times[times.len() * 99 / 100] * 1e6;
        println!("  proof, checked, {name:<12} p50 {half:>7.1} us, p99 {most:>7.1} us");
    }
    Ok(())
}

async fn leaf(store: &Store, entries: u64, index: u64) -> Outcome<Hash> {
    let full = u64::from(FULL_WIDTH);
    let bundle = index / full;
    let width = u16::try_from((entries - bundle * full).min(full))?;
    let bytes = store
        .get_tile(TilePath::new(Level::Entries, bundle, width)?)
        .await?;
    let entries = parse_entry_bundle(&bytes, width)?;
    Ok(leaf_hash(entries[usize::try_from(index % full)?]))
}

fn bytes(folder: &Path) -> Outcome<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        sum += if meta.is_dir() {
            bytes(&entry.path())?
        } else {
            meta.len()
        };
    }
    Ok(sum)
}

/// The same proofs by Go's sumdb/tlog, if there is Go.
fn peer(folder: &Path, entries: u64) {
    let log = folder.join("log");
    let ran = Command::new("go")
        .args(["run", ".", "prove"])
        .arg(fs::canonicalize(log).unwrap_or_default())
        .arg(entries.to_string())
        .current_dir("benches/peers")
        .status();
    if !ran.is_ok_and(|status| status.success()) {
        println!("  Go's sumdb/tlog could not be run");
    }
}

fn middle(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
