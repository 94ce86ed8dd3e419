//! Sending an export: made once to know its length, and kept if it is short; a long one is
//! made again while it is sent, byte for byte the same.

use std::{io::Write, sync::Arc};

use bytes::Bytes;
use custos_core::{
    hash::{Hash, Sha256},
    ids::LeafIndex,
};
use futures::stream::{self, BoxStream, StreamExt};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, mpsc},
};

use super::{
    Format, file_name,
    lines::Source,
    page::{self, MAX_PAGE_ENTRIES},
    plan::Plan,
    table,
};
use crate::app::{
    SignedIn,
    context::Room,
    error::Error,
    pieces::{PIECES_WAITING, Pieces, rechecked},
    proofs::Published,
    rechecking::Stands,
};

/// Exports up to this length are kept in memory when they are made.
const KEPT_BYTES: usize = 8 << 20;

/// An export, ready to be sent.
pub struct ExportStream {
    /// In which form.
    pub format: Format,
    /// Under which name it is taken away.
    pub name: String,
    /// Length of the whole in bytes.
    pub length: u64,
    /// SHA-256 of the whole.
    pub sha256: Hash,
    /// Its bytes. An error means that what was sent must be thrown away.
    pub bytes: BoxStream<'static, std::io::Result<Bytes>>,
}

/// Makes an export, and begins to send it. What `stands` says is asked again while it is sent;
/// the place is held until then.
pub(super) async fn prepare(
    room: &Room,
    (plan, who): (Arc<Plan>, SignedIn),
    (entered, size, format): (LeafIndex, u64, Format),
    (stands, place): (Stands, OwnedSemaphorePermit),
) -> Result<ExportStream, Error> {
    let published = Arc::new(Published::of_size(room, size).await?);
    let name = file_name(&plan.made, format);
    let making = (room.clone(), plan.clone(), published.clone());
    let made = tokio::task::spawn_blocking(move || {
        let (room, plan, published) = making;
        let source = Source::open(&room, (&*plan, &who), &published, entered)?;
        let mut made = Made::default();
        write(&source, format, &mut made)?;
        Ok::<_, Error>(made)
    })
    .await
    .map_err(|_| Error::CustodyUnavailable(None))??;
    let (length, sha256) = (made.length, made.hasher.finish());
    let bytes = match made.kept {
        Some(bytes) => stream::iter([Ok(Bytes::from(bytes))]).boxed(),
        None => {
            let (sender, receiver) = mpsc::channel(PIECES_WAITING);
            let (handle, again) = (Handle::current(), room.clone());
            tokio::task::spawn_blocking(move || {
                let out = &mut Pieces::new(&sender, &handle);
                let written = Source::open(&again, (&*plan, &who), &published, entered)
                    .and_then(|source| write(&source, format, out));
                let flushed = out.flush();
                if let Err(error) = written.map_err(std::io::Error::other).and(flushed) {
                    tracing::warn!(%error, "an export was cut");
                    drop(sender.try_send(Err(error)));
                }
                drop(place);
            });
            rechecked(room, stands, receiver)
        }
    };
    Ok(ExportStream {
        format,
        name,
        length,
        sha256,
        bytes,
    })
}

fn write(source: &Source<'_>, format: Format, out: &mut dyn Write) -> Result<(), Error> {
    let odd = || Error::CustodyUnavailable(None);
    match format {
        Format::Table => table::write(source, out),
        Format::Page if source.header.n > MAX_PAGE_ENTRIES => Err(Error::invalid(format!(
            "a page holds at most {MAX_PAGE_ENTRIES} entries; take `jsonl` or `csv`, or ask for less"
        ))),
        Format::Page => page::write(source, out),
        Format::Lines => {
            let mut put = |line: Vec<u8>| out.write_all(&line).map_err(|_| odd());
            put(source.header.to_line().map_err(|_| odd())?)?;
            source.each(|line, _| put(line.to_line().map_err(|_| odd())?))
        }
    }
}

/// Counts and hashes what is written, and keeps it while it is short.
struct Made {
    length: u64,
    hasher: Sha256,
    kept: Option<Vec<u8>>,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            length: 0,
            hasher: Sha256::new(),
            kept: Some(Vec::new()),
        }
    }
}

impl Write for Made {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.length += bytes.len() as u64;
        self.hasher.update(bytes);
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(bytes);
            if kept.len() > KEPT_BYTES {
                self.kept = None;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
