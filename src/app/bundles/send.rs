//! Sending a bundle: written front to back while it is read, the item decrypted on the way.

use std::{
    collections::BTreeSet,
    io::{self, Read, Write},
};

use bytes::Bytes;
use custos_core::{bundle::Place, hash::Hash, keys::DataKey, object::StoredObject};
use futures::stream::{BoxStream, StreamExt};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, mpsc},
};

use super::{
    Made,
    assemble::{Assembled, Held, adding, assemble},
};
use crate::{
    app::{
        context::Room,
        error::Error,
        pieces::{PIECES_WAITING, Pieces, rechecked},
        proofs::Published,
        rechecking::Stands,
        timestamps, witnesses,
    },
    content::read::{ReadError, Reader},
    db::{DbError, head},
};

/// A bundle, ready to be sent.
pub struct BundleStream {
    /// Length of the whole in bytes.
    pub length: u64,
    /// SHA-256 of its signed list of files, which names it.
    pub fingerprint: Hash,
    /// Its bytes. An error means that what was sent must be thrown away.
    pub bytes: BoxStream<'static, io::Result<Bytes>>,
}

/// Makes all parts and begins to write. What `stands` says is asked again while it is sent; the
/// place is held until then.
pub(super) async fn prepare(
    room: &Room,
    made: Made,
    size: u64,
    (stands, place): (Stands, OwnedSemaphorePermit),
) -> Result<BundleStream, Error> {
    let mut sizes = match adding(&made) {
        Some(index) => first_covers(room, index.get()).await?,
        None => BTreeSet::new(),
    };
    sizes.retain(|older| *older < size);
    sizes.insert(size);
    let mut held = Vec::new();
    for size in sizes {
        let published = Published::of_size(room, size).await?;
        let token = timestamps::given_out(room, &published.checkpoint).await?;
        held.push(Held { published, token });
    }
    let (signer, origin) = (room.bundle_signer.clone(), room.origin.clone());
    let log_keys = room.log_keys.clone();
    let assembled =
        tokio::task::spawn_blocking(move || assemble(made, &held, &log_keys, &signer, &origin))
            .await
            .map_err(|_| Error::CustodyUnavailable(None))??;
    let reader = reader(room, &assembled).await?;
    let (length, fingerprint) = (assembled.plan.length(), assembled.plan.fingerprint());
    let (sender, receiver) = mpsc::channel(PIECES_WAITING);
    let handle = Handle::current();
    tokio::task::spawn_blocking(move || {
        write(&assembled, reader, &handle, &sender);
        drop(place);
    });
    let bytes = rechecked(room, stands, receiver);
    Ok(BundleStream {
        length,
        fingerprint,
        bytes,
    })
}

/// Sizes of the published trees that first covered an entry: the first that witnesses confirmed,
/// where they confirmed any, and the first that a time authority stamped, because their word dates
/// it.
async fn first_covers(room: &Room, index: u64) -> Result<BTreeSet<u64>, Error> {
    let mut first = witnesses::first_confirmed(room, index).await?;
    if first.is_none() {
        first = room
            .read(move |connection| Ok(head::published_after(connection, index)?))
            .await?;
    }
    let stamped = timestamps::first_over(room, index).await?;
    Ok(first.into_iter().chain(stamped).collect())
}

async fn reader(room: &Room, assembled: &Assembled) -> Result<Option<Reader>, Error> {
    let Some(content) = &assembled.content else {
        return Ok(None);
    };
    let damaged = |what| Error::from(DbError::damaged("items", content.item.id, what));
    let stored = StoredObject::from_value(&content.item.details.stored)
        .map_err(|_| damaged("what is stored of it is not described as it should be"))?;
    let reader = Reader::open(
        &room.store,
        content.item.id,
        DataKey::from_bytes(*content.data_key),
        stored,
        content.heads.as_chunks::<32>().0.to_vec(),
    )
    .await
    .map_err(|_| damaged("its content is not what was deposited"))?;
    Ok(Some(reader))
}

fn write(
    assembled: &Assembled,
    reader: Option<Reader>,
    handle: &Handle,
    sender: &mpsc::Sender<io::Result<Bytes>>,
) {
    let mut reader = reader;
    let out = Pieces::new(sender, handle);
    let written = assembled.plan.write_to(out, |name| {
        if *name == Place::Item.name() {
            let reader = reader
                .take()
                .ok_or_else(|| io::Error::other("the item is not there"))?;
            return Ok(Box::new(Pulled {
                pieces: reader.whole(),
                handle: handle.clone(),
                rest: Bytes::new(),
            }));
        }
        let bytes = assembled
            .files
            .get(name)
            .ok_or_else(|| io::Error::other("a planned file is not there"))?;
        Ok(Box::new(io::Cursor::new(bytes.clone())) as Box<dyn Read>)
    });
    let end = match written {
        Ok(mut out) => out.flush(),
        Err(error) => Err(io::Error::other(error)),
    };
    if let Err(error) = end {
        tracing::warn!(%error, "a bundle was cut");
        // The receiver may be gone or stand still, which is why it was cut; then the bytes end
        // before the length that was said, which breaks the connection too.
        drop(sender.try_send(Err(error)));
    }
}

/// The item's plaintext as a reader that blocks.
struct Pulled {
    pieces: BoxStream<'static, Result<Bytes, ReadError>>,
    handle: Handle,
    rest: Bytes,
}

impl Read for Pulled {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.handle.block_on(self.pieces.next()) {
                None => return Ok(0),
                Some(piece) => self.rest = piece.map_err(io::Error::other)?,
            }
        }
        let length = into.len().min(self.rest.len());
        into[..length].copy_from_slice(&self.rest.split_to(length));
        Ok(length)
    }
}
