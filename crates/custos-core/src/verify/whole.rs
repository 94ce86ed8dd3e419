//! The whole public log, checked from its files: what anyone can do who holds a copy of it.
//!
//! Every entry is hashed; every hash tile must be what its entries make, and the root must be
//! the one that was signed. Memory: a few entry bundles and a tile for each level.

use std::{sync::mpsc::sync_channel, thread};

use crate::{
    checkpoint::{Checkpoint, LogKeys, LogKeysError, SignedCheckpoint},
    event::{Control, ControlKind},
    hash::Hash,
    ids::LeafIndex,
    merkle::{Edge, Grown, leaf_hash},
    tile::{FULL_WIDTH, Level, TilePath, parse_entry_bundle, write_hash_tile},
};

/// Leaf data of a custody entry: `0x01 | C[32]`.
const ENTRY_BYTES: usize = 1 + Hash::BYTES;
/// Entry bundles that are hashed ahead.
const AHEAD_BUNDLES: usize = 16;

/// What was found in a log that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeLog {
    /// Its entries.
    pub size: u64,
    /// Hash tiles that were compared.
    pub tiles: u64,
    /// Its public control entries, which say whose signatures count from which entry on.
    pub controls: Vec<(LeafIndex, Control)>,
}

impl WholeLog {
    /// The log's keys with the sizes that each signs, by its own word.
    ///
    /// # Errors
    /// [`LogKeysError`]: it does not say.
    pub fn keys(&self) -> Result<LogKeys, LogKeysError> {
        let controls = self.controls.iter();
        LogKeys::named_by(controls.map(|(index, control)| (*index, control)))
    }

    /// The last checkpoint of the log that this one continues, by its own word. Who signed that is
    /// for the caller to check.
    pub fn continues(&self) -> Option<SignedCheckpoint> {
        let (_, first) = self.controls.first()?;
        first.predecessor()
    }
}

/// Why a log does not hold, or is not known to.
#[derive(Debug, thiserror::Error)]
pub enum WholeError<E> {
    /// A file could not be had: nothing is known.
    #[error("`{0}` could not be read")]
    Read(TilePath, #[source] E),
    /// A file is not of its form.
    #[error("`{0}` is not of its form")]
    Form(TilePath),
    /// A hash tile is not what the entries make.
    #[error("`{0}` is not what the entries make")]
    Tile(TilePath),
    /// An entry that no log of ours has.
    #[error("entry {0} is {1}")]
    Entry(u64, &'static str),
    /// The entries make another root than the one that was signed.
    #[error("the entries do not make the root that was signed")]
    Root,
}

/// Checks that all entries and tiles of a log are those that the checkpoint was signed for.
/// `read` gives the bytes of one file of the log, `progress` is told how many entries were checked.
///
/// Entries are read and hashed on a thread of their own, ahead of the tree that is made of them.
///
/// # Errors
/// See [`WholeError`]; the checkpoint's signatures are for the caller to check.
pub fn check_whole<E: Send>(
    checkpoint: &Checkpoint,
    read: impl Fn(TilePath) -> Result<Vec<u8>, E> + Sync,
    mut progress: impl FnMut(u64),
) -> Result<WholeLog, WholeError<E>> {
    let read = &read;
    let mut walk = Walk {
        read,
        edge: Edge::default(),
        log: WholeLog {
            size: checkpoint.size(),
            tiles: 0,
            controls: Vec::new(),
        },
    };
    thread::scope(|scope| {
        let (sender, bundles) = sync_channel(AHEAD_BUNDLES);
        scope.spawn(move || {
            for first in (0..checkpoint.size()).step_by(FULL_WIDTH.into()) {
                let bundle = Bundle::of(checkpoint, first, read);
                let is_last = bundle.is_err();
                // Nobody takes it any more where something else was wrong.
                if sender.send(bundle).is_err() || is_last {
                    return;
                }
            }
        });
        for bundle in bundles {
            let bundle = bundle?;
            for leaf in bundle.leaves {
                for tile in walk.edge.push(leaf) {
                    walk.compare(&tile)?;
                }
            }
            walk.log.controls.extend(bundle.controls);
            progress(walk.edge.size());
        }
        Ok(())
    })?;
    for tile in walk.edge.partial_since(0) {
        walk.compare(&tile)?;
    }
    if walk.edge.root() != *checkpoint.root() {
        return Err(WholeError::Root);
    }
    Ok(walk.log)
}

/// One entry bundle, each entry of it of a form that our logs have.
struct Bundle {
    leaves: Vec<Hash>,
    controls: Vec<(LeafIndex, Control)>,
}

impl Bundle {
    /// The bundle that begins with the entry `first`.
    fn of<E>(
        checkpoint: &Checkpoint,
        first: u64,
        read: impl Fn(TilePath) -> Result<Vec<u8>, E>,
    ) -> Result<Self, WholeError<E>> {
        let width = (checkpoint.size() - first).min(FULL_WIDTH.into()) as u16;
        let path = path(Level::Entries, first / u64::from(FULL_WIDTH), width);
        let bytes = read(path).map_err(|error| WholeError::Read(path, error))?;
        let entries = parse_entry_bundle(&bytes, width).map_err(|_| WholeError::Form(path))?;
        let mut bundle = Self {
            leaves: Vec::with_capacity(entries.len()),
            controls: Vec::new(),
        };
        for (index, leaf) in (first..).zip(entries) {
            let control = control_of(leaf, index, checkpoint.origin())
                .map_err(|what| WholeError::Entry(index, what))?;
            bundle.controls.extend(control);
            bundle.leaves.push(leaf_hash(leaf));
        }
        Ok(bundle)
    }
}

/// The control entry that a leaf is, if it is one; or what is odd about it.
fn control_of(
    leaf: &[u8],
    index: u64,
    origin: &str,
) -> Result<Option<(LeafIndex, Control)>, &'static str> {
    if leaf.first() == Some(&0x01) && index > 0 {
        let is_commitment = leaf.len() == ENTRY_BYTES;
        return is_commitment.then_some(None).ok_or("no commitment");
    }
    let control = Control::parse_leaf(leaf).map_err(|_| "of no known form")?;
    let begins = matches!(control.kind, ControlKind::Open | ControlKind::Succeed);
    if begins != (index == 0) {
        return Err("not where such a control entry stands");
    }
    if control.origin != origin {
        return Err("of another log");
    }
    if control.previous.is_some() && control.predecessor().is_none() {
        return Err("of a log whose predecessor it does not name");
    }
    let index = LeafIndex::new(index).map_err(|_| "out of range")?;
    Ok(Some((index, control)))
}

struct Walk<R> {
    read: R,
    edge: Edge,
    log: WholeLog,
}

impl<E, R: Fn(TilePath) -> Result<Vec<u8>, E>> Walk<R> {
    fn compare(&mut self, (level, index, hashes): &Grown) -> Result<(), WholeError<E>> {
        let path = path(Level::Hashes(*level), *index, hashes.len() as u16);
        let bytes = (self.read)(path).map_err(|error| WholeError::Read(path, error))?;
        self.log.tiles += 1;
        let is_so = write_hash_tile(hashes).is_ok_and(|wanted| wanted == bytes);
        is_so.then_some(()).ok_or(WholeError::Tile(path))
    }
}

fn path(level: Level, index: u64, width: u16) -> TilePath {
    TilePath::new(level, index, width).expect("a tree of fewer than 2^53 leaves has such a tile")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::{
        checkpoint::Checkpoint,
        event::leaf_data,
        hash::sha256,
        merkle::{MemoryLog, TileSource},
        tile::{tiles_between, write_entry_bundle},
    };

    const ORIGIN: &str = "room.example/log";

    fn open(origin: &str) -> Vec<u8> {
        let control = Control {
            kind: ControlKind::Open,
            origin: origin.into(),
            log_keys: vec![],
            bundle_keys: vec![],
            previous: None,
        };
        control.to_leaf().expect("short")
    }

    /// The files and the checkpoint of a log.
    fn published(leaves: &[Vec<u8>]) -> (HashMap<TilePath, Vec<u8>>, Checkpoint) {
        let log: MemoryLog = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
        let files = tiles_between(0, log.size()).map(|path| {
            let bytes = match path.level() {
                Level::Entries => {
                    let first = path.index() as usize * 256;
                    let bundle = &leaves[first..first + usize::from(path.width())];
                    write_entry_bundle(bundle).expect("a bundle")
                }
                Level::Hashes(level) => {
                    let tile = log.tile(level, path.index(), path.width()).expect("a tile");
                    write_hash_tile(tile.hashes()).expect("a tile")
                }
            };
            (path, bytes)
        });
        let checkpoint = Checkpoint::new(ORIGIN, log.size(), log.root()).expect("a checkpoint");
        (files.collect(), checkpoint)
    }

    fn leaves(count: u64) -> Vec<Vec<u8>> {
        let entry = |n: u64| leaf_data(&sha256(&[&n.to_be_bytes()])).to_vec();
        std::iter::once(open(ORIGIN))
            .chain((1..count).map(entry))
            .collect()
    }

    fn check(
        files: &HashMap<TilePath, Vec<u8>>,
        checkpoint: &Checkpoint,
    ) -> Result<WholeLog, WholeError<&'static str>> {
        let read = |path: TilePath| files.get(&path).cloned().ok_or("missing");
        check_whole(checkpoint, read, |_| ())
    }

    #[test]
    fn a_log_is_checked_whole_whatever_its_size() {
        for size in [1, 2, 255, 256, 257, 65_536, 65_793] {
            let (files, checkpoint) = published(&leaves(size));
            let log = check(&files, &checkpoint).expect("it holds");
            assert_eq!((log.size, log.controls.len()), (size, 1));
            let bundles = files.keys().filter(|path| path.level() == Level::Entries);
            assert_eq!(
                log.tiles + bundles.count() as u64,
                files.len() as u64,
                "{size}"
            );
        }
    }

    #[test]
    fn every_changed_file_is_found() {
        let (mut files, checkpoint) = published(&leaves(1_300));
        let paths: Vec<TilePath> = files.keys().copied().collect();
        for path in paths {
            let sound = files.remove(&path).expect("it is there");
            let missing = check(&files, &checkpoint);
            assert!(matches!(missing, Err(WholeError::Read(..))), "{path}");
            for place in [0, 1, 40, sound.len() - 1]
                .into_iter()
                .filter(|at| *at < sound.len())
            {
                let mut changed = sound.clone();
                changed[place] ^= 1;
                files.insert(path, changed);
                assert!(check(&files, &checkpoint).is_err(), "{path} {place}");
            }
            files.insert(path, sound[..sound.len() - 1].to_vec());
            assert!(check(&files, &checkpoint).is_err(), "{path}");
            files.insert(path, [sound.as_slice(), &[0]].concat());
            assert!(check(&files, &checkpoint).is_err(), "{path}");
            files.insert(path, sound);
        }
        check(&files, &checkpoint).expect("nothing is left changed");
    }

    #[test]
    fn entries_that_no_log_of_ours_has_are_refused() {
        type Change = fn(&mut Vec<Vec<u8>>);
        let changes: [(&str, Change); 7] = [
            ("begins with an entry", |leaves| {
                leaves[0] = leaves[1].clone()
            }),
            ("opens twice", |leaves| leaves[5] = open(ORIGIN)),
            ("another log's", |leaves| {
                leaves[0] = open("other.example/log")
            }),
            ("unknown type", |leaves| leaves[5][0] = 0x03),
            ("short", |leaves| leaves[5].truncate(32)),
            ("long", |leaves| leaves[5].push(0)),
            ("empty", |leaves| leaves[5].clear()),
        ];
        for (name, change) in changes {
            let mut leaves = leaves(300);
            change(&mut leaves);
            let (files, checkpoint) = published(&leaves);
            let refused = check(&files, &checkpoint);
            assert!(
                matches!(refused, Err(WholeError::Entry(..))),
                "{name}: {refused:?}"
            );
        }
        let (files, _) = published(&leaves(300));
        let other = Checkpoint::new(ORIGIN, 300, sha256(&[b"other"])).expect("a checkpoint");
        assert!(matches!(check(&files, &other), Err(WholeError::Root)));
    }
}
