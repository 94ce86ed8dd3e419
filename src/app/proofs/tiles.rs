//! The published hash tiles, of which the last used are kept.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use custos_core::{
    merkle::{Tile, TileSource},
    tile::{Level, TilePath, parse_hash_tile},
};
use lru::LruCache;
use tokio::runtime::Handle;

use super::damaged;
use crate::{app::error::Error, store::Store};

/// Tiles that are kept; each has at most 16 KiB, so they fill at most 16 MiB. Of a log of
/// 10^7 entries these are all above its lowest level, and 870 of that.
const KEPT: NonZeroUsize = NonZeroUsize::new(1_024).expect("it is not zero");

/// A tile as C2SP tlog-tiles names it: level, index, width.
type Name = (u8, u64, u16);

/// The published hash tiles of one log. What a tile holds never changes, so that what is kept
/// of one needs no second look.
pub struct Tiles {
    store: Store,
    handle: Handle,
    kept: Mutex<LruCache<Name, Arc<Tile>>>,
}

impl Tiles {
    /// Those in a store. Called where a runtime is.
    pub fn of(store: Store) -> Self {
        Self {
            store,
            handle: Handle::current(),
            kept: Mutex::new(LruCache::new(KEPT)),
        }
    }

    /// Keeps nothing of what was read so far.
    pub(super) fn forget(&self) {
        self.kept().clear();
    }

    fn kept(&self) -> MutexGuard<'_, LruCache<Name, Arc<Tile>>> {
        // Whoever panicked here left tiles that are whole.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, (level, index, width): Name) -> Result<Tile, Error> {
        let path = TilePath::new(Level::Hashes(level), index, width)
            .map_err(|_| damaged("no such tile"))?;
        let bytes = self.handle.block_on(self.store.get_tile(path))?;
        let hashes = parse_hash_tile(&bytes, width).ok().and_then(Tile::new);
        hashes.ok_or_else(|| damaged("a tile is not of its form"))
    }
}

impl TileSource for Tiles {
    type Error = Error;

    fn tile(&self, level: u8, index: u64, width: u16) -> Result<Arc<Tile>, Error> {
        let name = (level, index, width);
        if let Some(tile) = self.kept().get(&name) {
            return Ok(tile.clone());
        }
        let tile = Arc::new(self.read(name)?);
        self.kept().put(name, tile.clone());
        Ok(tile)
    }
}
