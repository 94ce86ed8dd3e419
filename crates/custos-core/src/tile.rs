//! Where and how the log is published: C2SP tlog-tiles paths, hash tiles, entry bundles.
//!
//! ```text
//! tile/<L>/<N>[.p/<W>]        up to 256 hashes: level 0 holds leaf hashes, level l + 1
//!                             the roots of the full tiles of level l
//! tile/entries/<N>[.p/<W>]    up to 256 entries, each u16 BE length | leaf data
//! ```
//!
//! N is written in groups of three digits, all but the last after an `x`: `x001/x234/067`.
//! W from 1 to 255 stands on partial tiles only.

use std::{fmt, str::FromStr};

use crate::{
    hash::Hash,
    ids::{MAX_INTEGER, decimal},
};

/// Hashes of a full hash tile, entries of a full bundle.
pub const FULL_WIDTH: u16 = 256;
/// Highest tile level that C2SP tlog-tiles knows; ours end at 6.
pub const MAX_LEVEL: u8 = 63;
/// Longest entry in bytes.
pub const MAX_ENTRY_BYTES: usize = 65_535;
/// Longest entry bundle in bytes.
pub const MAX_BUNDLE_BYTES: usize = FULL_WIDTH as usize * (2 + MAX_ENTRY_BYTES);
/// Longest path of a tile in bytes, `tile/entries/`, six groups and `.p/255`.
const MAX_PATH_BYTES: usize = 48;

/// Why something published is not of its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Not a path that C2SP tlog-tiles gives to a tile or an entry bundle.
    #[error("not the path of a tile")]
    Path,
    /// A width outside 1 to 256.
    #[error("a tile has 1 to {FULL_WIDTH} hashes or entries")]
    Width,
    /// A tile's bytes are not exactly its hashes, or a bundle's not exactly its entries.
    #[error("the bytes are not exactly the tile's hashes or entries")]
    Length,
    /// Longer than [`MAX_ENTRY_BYTES`].
    #[error("an entry is longer than {MAX_ENTRY_BYTES} bytes")]
    Entry,
}

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Leaf data: an entry bundle.
    Entries,
    /// Hashes of this level, 0 to 63.
    Hashes(u8),
}

/// The name of a hash tile or an entry bundle; shown as its path, without a leading slash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TilePath {
    level: Level,
    index: u64,
    width: u16,
}

impl TilePath {
    /// A tile of 1 to 256 hashes or entries.
    ///
    /// # Errors
    /// [`TileError::Width`]; [`TileError::Path`] for a level above 63 or an index that no
    /// tree of fewer than 2^53 leaves has.
    pub const fn new(level: Level, index: u64, width: u16) -> Result<Self, TileError> {
        if width == 0 || width > FULL_WIDTH {
            return Err(TileError::Width);
        }
        let level_exists = match level {
            Level::Entries => true,
            Level::Hashes(level) => level <= MAX_LEVEL,
        };
        if !level_exists || index > MAX_INTEGER / FULL_WIDTH as u64 {
            return Err(TileError::Path);
        }
        Ok(Self {
            level,
            index,
            width,
        })
    }

    /// What the tile holds.
    pub const fn level(&self) -> Level {
        self.level
    }

    /// Which tile of its level, from 0.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Hashes or entries in it, 1 to 256.
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// The same tile when it is full.
    #[must_use]
    pub const fn full(&self) -> Self {
        Self {
            width: FULL_WIDTH,
            ..*self
        }
    }

    /// The bytes of this tile, of which those of the full one are a continuation; `None` where
    /// these are not of its form.
    pub fn cut_from(&self, full: &[u8]) -> Option<Vec<u8>> {
        let width = usize::from(self.width);
        match self.level {
            Level::Entries => {
                let entries = parse_entry_bundle(full, FULL_WIDTH).ok()?;
                write_entry_bundle(&entries[..width]).ok()
            }
            Level::Hashes(_) => {
                let hashes = parse_hash_tile(full, FULL_WIDTH).ok()?;
                write_hash_tile(&hashes[..width]).ok()
            }
        }
    }

    /// Whether fewer than 256 hashes or entries are in it yet.
    pub const fn is_partial(&self) -> bool {
        self.width < FULL_WIDTH
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Level::Entries => f.write_str("tile/entries/")?,
            Level::Hashes(level) => write!(f, "tile/{level}/")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for group in groups[1..].iter().rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", groups[0])?;
        if self.is_partial() {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

impl FromStr for TilePath {
    type Err = TileError;

    fn from_str(text: &str) -> Result<Self, TileError> {
        let path = parse(text).ok_or(TileError::Path)?;
        // Leading zeros and groups have many spellings; one of them is the path.
        if path.to_string() == text {
            Ok(path)
        } else {
            Err(TileError::Path)
        }
    }
}

/// Reads a path in any spelling of its numbers.
fn parse(text: &str) -> Option<TilePath> {
    if text.len() > MAX_PATH_BYTES {
        return None;
    }
    let (level, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let level = match level {
        "entries" => Level::Entries,
        level => Level::Hashes(u8::try_from(decimal(level).ok()?).ok()?),
    };
    let (groups, width) = match rest.split_once(".p/") {
        Some((groups, width)) => (groups, u16::try_from(decimal(width).ok()?).ok()?),
        None => (rest, FULL_WIDTH),
    };
    let mut index = 0_u64;
    for group in groups.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    TilePath::new(level, index, width).ok()
}

/// What must be published before a checkpoint of `new_size` is, when one of `old_size` was:
/// entry bundles first, then hash tiles by level. What did not change is left out. A full
/// tile replaces its partial forerunners; sizes without a checkpoint need no partial tiles.
pub fn tiles_between(old_size: u64, new_size: u64) -> impl Iterator<Item = TilePath> {
    let new_size = new_size.min(MAX_INTEGER);
    let entries = changed(Level::Entries, old_size, new_size);
    // 256^7 is more than 2^53, so level 7 has no hashes.
    let hashes = (0..7_u8).flat_map(move |level| {
        let shift = 8 * u32::from(level);
        changed(Level::Hashes(level), old_size >> shift, new_size >> shift)
    });
    entries.chain(hashes)
}

/// The tiles of one level that hold its hashes or entries from `old` to `new`.
fn changed(level: Level, old: u64, new: u64) -> impl Iterator<Item = TilePath> {
    let full = u64::from(FULL_WIDTH);
    let tiles = if new > old {
        old / full..new.div_ceil(full)
    } else {
        0..0
    };
    tiles.map(move |index| TilePath {
        level,
        index,
        width: (new - index * full).min(full) as u16,
    })
}

/// The bytes of a hash tile.
///
/// # Errors
/// [`TileError::Width`] unless there are 1 to 256 hashes.
pub fn write_hash_tile(hashes: &[Hash]) -> Result<Vec<u8>, TileError> {
    if hashes.is_empty() || hashes.len() > FULL_WIDTH as usize {
        return Err(TileError::Width);
    }
    Ok(hashes.iter().flat_map(|hash| *hash.as_bytes()).collect())
}

/// Reads a hash tile of `width` hashes.
///
/// # Errors
/// [`TileError::Width`], or [`TileError::Length`] when the bytes are not exactly `width` hashes.
pub fn parse_hash_tile(bytes: &[u8], width: u16) -> Result<Vec<Hash>, TileError> {
    check_width(width)?;
    let (hashes, rest) = bytes.as_chunks::<{ Hash::BYTES }>();
    if !rest.is_empty() || hashes.len() != usize::from(width) {
        return Err(TileError::Length);
    }
    Ok(hashes.iter().copied().map(Hash::from_bytes).collect())
}

/// The bytes of an entry bundle: of each entry `u16 BE length | leaf data`.
///
/// # Errors
/// [`TileError::Width`] unless there are 1 to 256 entries; [`TileError::Entry`] when one is
/// too long.
pub fn write_entry_bundle<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, TileError> {
    if entries.is_empty() || entries.len() > FULL_WIDTH as usize {
        return Err(TileError::Width);
    }
    let mut bytes = Vec::new();
    for entry in entries {
        let entry = entry.as_ref();
        let length = u16::try_from(entry.len()).map_err(|_| TileError::Entry)?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// Reads an entry bundle of `width` entries; what it gives is the leaf data of each.
///
/// # Errors
/// [`TileError::Width`], or [`TileError::Length`] when the bytes are not exactly `width` entries.
pub fn parse_entry_bundle(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, TileError> {
    check_width(width)?;
    let mut entries = Vec::with_capacity(usize::from(width));
    let mut rest = bytes;
    for _ in 0..width {
        let (length, behind) = rest.split_first_chunk::<2>().ok_or(TileError::Length)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, behind) = behind.split_at_checked(length).ok_or(TileError::Length)?;
        entries.push(entry);
        rest = behind;
    }
    if rest.is_empty() {
        Ok(entries)
    } else {
        Err(TileError::Length)
    }
}

fn check_width(width: u16) -> Result<(), TileError> {
    if (1..=FULL_WIDTH).contains(&width) {
        Ok(())
    } else {
        Err(TileError::Width)
    }
}
