//! What is published, compared byte for byte with what the entries make.

use std::collections::BTreeMap;

use bytes::Bytes;
use custos_core::{
    checkpoint::SignedCheckpoint,
    merkle::Grown,
    tile::{FULL_WIDTH, Level, TilePath, parse_entry_bundle, parse_hash_tile, write_entry_bundle},
};
use futures::TryStreamExt;
use tokio::runtime::Handle;

use super::{
    Audit, AuditError, Place,
    trees::{Doubt, Trees},
};
use crate::{
    app::publisher::CHECKPOINT_PATH,
    store::{Store, StoreError},
};

/// Hashes in a full tile.
const FULL: u64 = FULL_WIDTH as u64;

/// Widths, 1 to 256, in which one tile is published.
#[derive(Clone, Copy, Default)]
struct Widths([u64; 4]);

impl Widths {
    fn insert(&mut self, width: u64) {
        let bit = (width - 1) as usize;
        self.0[bit / 64] |= 1 << (bit % 64);
    }

    fn contains(self, width: u64) -> bool {
        let bit = (width - 1) as usize;
        self.0[bit / 64] >> (bit % 64) & 1 == 1
    }

    fn all(self) -> impl Iterator<Item = u64> {
        (1..=FULL).filter(move |width| self.contains(*width))
    }
}

/// What the store listed below `log/`.
#[derive(Default)]
pub(super) struct Listed {
    /// The published file `checkpoint`.
    pub(super) checkpoint: Option<Bytes>,
    tiles: BTreeMap<(Level, u64), Widths>,
    strangers: Vec<String>,
}

/// Lists what is published.
pub(super) fn list(store: &Store, runtime: &Handle) -> Result<Listed, StoreError> {
    let mut listed = Listed::default();
    runtime.block_on(async {
        // The checkpoint first: tiles that it covers are in the listing then.
        listed.checkpoint = match store.get_public(CHECKPOINT_PATH).await {
            Ok(bytes) => Some(bytes),
            Err(StoreError::NotFound { .. }) => None,
            Err(StoreError::Length { .. }) => Some(Bytes::new()),
            Err(error) => return Err(error),
        };
        let mut paths = store.list_public();
        while let Some(path) = paths.try_next().await? {
            match path.parse::<TilePath>() {
                Ok(tile) => {
                    let widths = listed.tiles.entry((tile.level(), tile.index()));
                    widths.or_default().insert(tile.width().into());
                }
                Err(_) if path == CHECKPOINT_PATH => {}
                Err(_) => listed.strangers.push(path),
            }
        }
        Ok(())
    })?;
    Ok(listed)
}

/// The published log beside the tree that the entries make.
pub(super) struct Published {
    listed: Listed,
    /// Size of the newest published checkpoint: its tiles must be there.
    size: u64,
    pub(super) trees: Trees,
    /// The first entry of the bundle under way.
    base: u64,
    /// Leaves of the bundle under way, as the entries have them.
    leaves: Vec<Vec<u8>>,
    /// The bundle that was read last, for leaves whose entries are gone.
    last: Option<(u64, Vec<Vec<u8>>)>,
}

impl Published {
    pub(super) fn new(listed: Listed, size: u64) -> Self {
        Self {
            listed,
            size,
            trees: Trees::default(),
            base: 0,
            leaves: Vec::new(),
            last: None,
        }
    }

    /// The index of the next leaf.
    pub(super) fn next(&self) -> u64 {
        self.base + self.leaves.len() as u64
    }

    /// Takes the next leaf; true when a bundle is complete and is to be compared.
    pub(super) fn take(&mut self, leaf: Vec<u8>) -> bool {
        self.leaves.push(leaf);
        self.leaves.len() as u64 == FULL
    }

    /// The leaf of an entry that is gone, as it was published.
    pub(super) fn leaf(
        &mut self,
        audit: &Audit<'_>,
        index: u64,
    ) -> Result<Option<Vec<u8>>, AuditError> {
        let bundle = index / FULL;
        if self.last.as_ref().is_none_or(|(last, _)| *last != bundle) {
            let leaves = self.widest(audit, bundle, FULL)?.unwrap_or_default();
            self.last = Some((bundle, leaves));
        }
        let leaves = self.last.as_ref().map(|(_, leaves)| leaves);
        let leaf = leaves.and_then(|leaves| leaves.get((index % FULL) as usize));
        Ok(leaf.cloned())
    }

    /// Compares the bundle under way, and every hash tile that it completes. `signed` is
    /// asked after each leaf for a checkpoint of that size.
    pub(super) fn flush(
        &mut self,
        audit: &mut Audit<'_>,
        mut signed: impl FnMut(&mut Trees, u64),
    ) -> Result<(), AuditError> {
        let leaves = std::mem::take(&mut self.leaves);
        if leaves.is_empty() {
            return Ok(());
        }
        let index = self.base / FULL;
        let bundled = self.widest(audit, index, leaves.len() as u64)?;
        self.bundles(audit, index, &leaves, bundled.as_deref())?;
        for (nth, leaf) in leaves.iter().enumerate() {
            let other = bundled.as_ref().and_then(|bundled| bundled.get(nth));
            for (full, other) in self.trees.push(leaf, other.map(Vec::as_slice)) {
                self.hashes(audit, &full, other.as_ref())?;
            }
            self.base += 1;
            signed(&mut self.trees, self.base);
        }
        Ok(())
    }

    /// Compares the partial tiles at the end, and tells of what is left over.
    pub(super) fn finish(&mut self, audit: &mut Audit<'_>) -> Result<(), AuditError> {
        let partial = self.trees.entries.partial();
        let mut others = self
            .trees
            .bundles
            .as_ref()
            .map(super::trees::Tree::partial)
            .unwrap_or_default()
            .into_iter();
        for tile in partial {
            self.hashes(audit, &tile, others.next().as_ref())?;
        }
        for ((level, index), widths) in std::mem::take(&mut self.listed.tiles) {
            for width in widths.all() {
                let path = path(level, index, width);
                let what = "there are no entries for it";
                audit.report.found(place(level, path, None), what);
            }
        }
        for path in std::mem::take(&mut self.listed.strangers) {
            let what = "it is no file of this log";
            audit.report.note(Place::PublicFile { path }, what);
        }
        Ok(())
    }

    /// The published file `checkpoint` beside the kept note of the newest size.
    pub(super) fn check_file(&self, audit: &mut Audit<'_>, kept: Option<&[u8]>) {
        let found = |audit: &mut Audit<'_>, what| audit.report.found(Place::CheckpointFile, what);
        let (file, size) = (&self.listed.checkpoint, self.size);
        let Some(file) = file else {
            match kept {
                // A crash while the first checkpoint is published leaves none.
                Some(_) if audit.report.checked.checkpoints == 1 => audit.report.note(
                    Place::CheckpointFile,
                    "it is not there yet; the next start writes it",
                ),
                Some(_) => found(audit, "it is missing"),
                None => {}
            }
            return;
        };
        if kept.is_some_and(|kept| kept == file) {
            return;
        }
        let signed = SignedCheckpoint::parse(file).ok().filter(|signed| {
            let keys = audit.room.log_keys.as_ref();
            keys.is_none_or(|keys| keys.verify(signed).is_ok())
        });
        match signed.map(|signed| signed.checkpoint().size()) {
            None => found(audit, "it is not signed by this room's key"),
            Some(told) if told > size => found(
                audit,
                "it is newer than the newest one that the register keeps: the register was rolled back",
            ),
            Some(told) if told == size => {
                found(audit, "it is not the one that the register keeps");
            }
            Some(_) => audit.report.note(
                Place::CheckpointFile,
                "it is older than the newest one that the register keeps; the next start replaces it",
            ),
        }
    }

    /// Widths of a tile to compare, and whether each must be there.
    fn widths(&mut self, level: Level, index: u64) -> Vec<(u64, bool)> {
        let shift = match level {
            Level::Entries => 0,
            Level::Hashes(level) => 8 * u32::from(level),
        };
        let hashes = self.size.checked_shr(shift).unwrap_or(0);
        let needed = hashes.saturating_sub(index * FULL).min(FULL);
        let mut widths = self
            .listed
            .tiles
            .remove(&(level, index))
            .unwrap_or_default();
        if needed > 0 {
            widths.insert(needed);
        }
        widths.all().map(|width| (width, width == needed)).collect()
    }

    /// The leaves of the widest bundle that is published, has at most `most` entries and is
    /// of its form.
    fn widest(
        &self,
        audit: &Audit<'_>,
        index: u64,
        most: u64,
    ) -> Result<Option<Vec<Vec<u8>>>, AuditError> {
        let widths = self.listed.tiles.get(&(Level::Entries, index));
        let widths: Vec<u64> = widths.map_or(Vec::new(), |widths| widths.all().collect());
        for width in widths.into_iter().rev().filter(|width| *width <= most) {
            let path = path(Level::Entries, index, width);
            let Some(bytes) = audit.public(&path)? else {
                continue;
            };
            if let Ok(leaves) = parse_entry_bundle(&bytes, width as u16) {
                return Ok(Some(leaves.into_iter().map(<[u8]>::to_vec).collect()));
            }
        }
        Ok(None)
    }

    fn bundles(
        &mut self,
        audit: &mut Audit<'_>,
        index: u64,
        leaves: &[Vec<u8>],
        other: Option<&[Vec<u8>]>,
    ) -> Result<(), AuditError> {
        for (width, needed) in self.widths(Level::Entries, index) {
            let path = path(Level::Entries, index, width);
            let count = width as usize;
            let Some(wanted) = leaves.get(..count) else {
                self.without_entries(audit, Level::Entries, path, needed);
                continue;
            };
            audit.report.checked.tiles += 1;
            let Some(bytes) = audit.public(&path)? else {
                self.missing(audit, Level::Entries, path, needed);
                continue;
            };
            if write_entry_bundle(wanted).is_ok_and(|wanted| wanted == bytes) {
                continue;
            }
            let found = parse_entry_bundle(&bytes, width as u16).ok();
            let doubt = |position: usize, found: Option<&[u8]>| Doubt {
                place: place(Level::Entries, path.clone(), Some(position as u64)),
                what: "it is not what the entry makes",
                fits_entries: false,
                fits_bundles: found.is_some()
                    && found
                        == other
                            .and_then(|other| other.get(position))
                            .map(Vec::as_slice),
            };
            match found {
                Some(found) => {
                    for (position, (found, wanted)) in found.iter().zip(wanted).enumerate() {
                        if found != wanted {
                            self.trees.doubt(doubt(position, Some(found)));
                        }
                    }
                }
                None => {
                    let position = first_odd_entry(&bytes, wanted);
                    self.trees.doubt(doubt(position, None));
                }
            }
        }
        Ok(())
    }

    fn hashes(
        &mut self,
        audit: &mut Audit<'_>,
        (level, index, hashes): &Grown,
        other: Option<&Grown>,
    ) -> Result<(), AuditError> {
        let kind = Level::Hashes(*level);
        for (width, needed) in self.widths(kind, *index) {
            let path = path(kind, *index, width);
            let count = width as usize;
            let Some(wanted) = hashes.get(..count) else {
                self.without_entries(audit, kind, path, needed);
                continue;
            };
            audit.report.checked.tiles += 1;
            let Some(bytes) = audit.public(&path)? else {
                self.missing(audit, kind, path, needed);
                continue;
            };
            let other = other.map_or(wanted, |(_, _, other)| &other[..count.min(other.len())]);
            let Ok(found) = parse_hash_tile(&bytes, width as u16) else {
                self.trees.doubt(Doubt {
                    place: place(kind, path, None),
                    what: "it is not of the length of its hashes",
                    fits_entries: false,
                    fits_bundles: false,
                });
                continue;
            };
            for (position, found) in found.iter().enumerate() {
                let fits_entries = wanted.get(position) == Some(found);
                let fits_bundles = other.get(position) == Some(found);
                if !(fits_entries && fits_bundles) {
                    self.trees.doubt(Doubt {
                        place: place(kind, path.clone(), Some(position as u64)),
                        what: "it is not what the entries make",
                        fits_entries,
                        fits_bundles,
                    });
                }
            }
        }
        Ok(())
    }

    /// A tile of more entries than there are.
    fn without_entries(&self, audit: &mut Audit<'_>, level: Level, path: String, needed: bool) {
        // Where it should be there, its entries are what is missing, and that is told.
        if !needed {
            let what = "there are no entries for it";
            audit.report.found(place(level, path, None), what);
        }
    }

    fn missing(&self, audit: &mut Audit<'_>, level: Level, path: String, needed: bool) {
        if needed {
            audit
                .report
                .found(place(level, path, None), "it is missing");
        }
    }
}

/// The first entry of a bundle whose length or bytes are not those that are wanted.
fn first_odd_entry(bytes: &[u8], wanted: &[Vec<u8>]) -> usize {
    let mut rest = bytes;
    for (position, wanted) in wanted.iter().enumerate() {
        let length = (wanted.len() as u16).to_be_bytes();
        let next = rest
            .strip_prefix(&length)
            .and_then(|rest| rest.strip_prefix(wanted.as_slice()));
        match next {
            Some(next) => rest = next,
            None => return position,
        }
    }
    wanted.len()
}

fn path(level: Level, index: u64, width: u64) -> String {
    let width = u16::try_from(width).unwrap_or(u16::MAX);
    TilePath::new(level, index, width).map_or_else(|_| String::new(), |path| path.to_string())
}

fn place(level: Level, path: String, position: Option<u64>) -> Place {
    match level {
        Level::Entries => Place::EntryBundle { path, position },
        Level::Hashes(_) => Place::Tile { path, position },
    }
}
