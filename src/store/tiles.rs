//! Published tiles and entry bundles: partial ones make way for full ones.
//!
//! A log that publishes each second leaves up to 255 partial files for each tile, a hundred
//! times the bytes of the log itself. C2SP tlog-tiles lets them go once the full one is there.

use bytes::Bytes;
use custos_core::tile::{FULL_WIDTH, Level, TilePath};
use futures::{StreamExt, TryStreamExt};

use super::{Store, StoreError, public_path};

impl Store {
    /// A published tile or entry bundle; a partial one that has made way is cut from the full one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]: neither is there. [`StoreError::Length`]: the full one is not of
    /// its form.
    pub async fn get_tile(&self, path: TilePath) -> Result<Bytes, StoreError> {
        let name = path.to_string();
        let missing = match self.get_public(&name).await {
            Err(error @ StoreError::NotFound { .. }) if path.is_partial() => error,
            found => return found,
        };
        let full = path.full().to_string();
        let bytes = match self.get_public(&full).await {
            Err(StoreError::NotFound { .. }) => return Err(missing),
            found => found?,
        };
        let cut = path.cut_from(&bytes).map(Bytes::from);
        cut.ok_or_else(|| StoreError::Length {
            name: full,
            wanted: u64::from(FULL_WIDTH),
            got: bytes.len() as u64,
        })
    }

    /// Removes the partial files of a tile whose full one is durable. It needs not be durable
    /// itself: what comes back with the power says nothing else than the full one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: some may be left, which only takes space.
    pub async fn drop_partial(&self, level: Level, index: u64) -> Result<(), StoreError> {
        let Ok(widest) = TilePath::new(level, index, FULL_WIDTH - 1) else {
            return Ok(());
        };
        let name = widest.to_string();
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let location = public_path(folder)?;
        let of = |error| StoreError::of(folder, error);
        let files = self.inner.list(Some(&location));
        let files = files.map_ok(|file| file.location).boxed();
        let mut gone = self.inner.delete_stream(files);
        while let Some(gone) = gone.next().await {
            match gone {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(of(error)),
            }
        }
        self.on_disk(move |disk| disk.remove_empty(location.as_ref()))
            .await
            .map_err(StoreError::of_io)
    }
}
