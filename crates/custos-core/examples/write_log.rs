//! Writes a published log into a folder, for readers of other makes to check.
//!
//! `cargo run -p custos-core --example write_log -- FOLDER SIZE...` writes what a room
//! publishes when it grows through the given sizes: `checkpoint`, `tile/...` with partial
//! tiles of every size, and beside them `checkpoints/<size>` and `vkey` for the reader's sake.
//! The key and the entries are made up and the same each time.

use std::{error::Error, fs, path::Path};

use custos_core::{
    checkpoint::{Checkpoint, NoteSigner, SignedCheckpoint},
    event::{Control, ControlKind, leaf_data},
    hash::sha256,
    merkle::{MemoryLog, TileSource, leaf_hash},
    tile::{FULL_WIDTH, Level, TilePath, tiles_between, write_entry_bundle, write_hash_tile},
};

const ORIGIN: &str = "room.example/log";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("a folder and sizes are needed")?;
    let sizes = arguments
        .map(|size| size.parse())
        .collect::<Result<Vec<u64>, _>>()?;
    if sizes.is_empty() || !sizes.is_sorted() {
        return Err("sizes in ascending order are needed".into());
    }
    let signer = NoteSigner::from_seed(ORIGIN, &[7; 32])?;
    let folder = Path::new(&folder);
    write(
        folder,
        "vkey",
        format!("{}\n", signer.verifier_key()).as_bytes(),
    )?;

    let mut entries: Vec<Vec<u8>> = Vec::new();
    let mut log = MemoryLog::new();
    let mut published = 0;
    for size in sizes {
        while log.size() < size {
            let entry = entry(log.size(), &signer)?;
            log.push(leaf_hash(&entry));
            entries.push(entry);
        }
        for path in tiles_between(published, size) {
            let tile = tile(&log, &entries, path)?;
            write(folder, &path.to_string(), &tile)?;
        }
        published = size;
        let checkpoint = Checkpoint::new(ORIGIN, size, log.root())?;
        let signed = SignedCheckpoint::sign(checkpoint, &[&signer])?;
        write(folder, &format!("checkpoints/{size}"), signed.as_bytes())?;
        write(folder, "checkpoint", signed.as_bytes())?;
    }
    Ok(())
}

/// Leaf 0 opens the log; the others are made-up commitments.
fn entry(index: u64, signer: &NoteSigner) -> Result<Vec<u8>, Box<dyn Error>> {
    if index > 0 {
        return Ok(leaf_data(&sha256(&[&index.to_be_bytes()])).into());
    }
    let open = Control {
        kind: ControlKind::Open,
        origin: ORIGIN.into(),
        log_keys: vec![signer.verifier_key().to_string()],
        bundle_keys: vec![],
        previous: None,
    };
    Ok(open.to_leaf()?)
}

fn tile(log: &MemoryLog, entries: &[Vec<u8>], path: TilePath) -> Result<Vec<u8>, Box<dyn Error>> {
    match path.level() {
        Level::Hashes(level) => {
            let tile = log.tile(level, path.index(), path.width())?;
            Ok(write_hash_tile(tile.hashes())?)
        }
        Level::Entries => {
            let first = usize::try_from(path.index())? * usize::from(FULL_WIDTH);
            let bundle = &entries[first..first + usize::from(path.width())];
            Ok(write_entry_bundle(bundle)?)
        }
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    let file = folder.join(name);
    fs::create_dir_all(file.parent().ok_or("a file has a folder")?)?;
    Ok(fs::write(file, bytes)?)
}
