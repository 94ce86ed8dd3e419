//! Items on their way in and out, sound and damaged.

mod damage;
mod reading;
mod writing;

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::TryStreamExt;
use tokio::io::{AsyncRead, ReadBuf};

use super::{
    audit::Expected,
    read::{ReadError, Reader},
    write::{Deposit, WriteError, Written, write},
};
use crate::store::{
    Store,
    faults::{Fault, Faulty},
};
use custos_core::{
    cipher::Salt,
    content::{TreeKind, tree_key},
    ids::{ItemId, ObjectId},
    keys::{DataKey, SaltKey},
};

const MIB: usize = 1 << 20;
/// Plaintext bytes of a segment.
const SEGMENT: usize = 8 * MIB;

/// One room's store and one item in it.
struct Room {
    faulty: Faulty,
    store: Store,
    deposit: Deposit,
}

impl Room {
    fn new() -> Self {
        let faulty = Faulty::new();
        let salt_key = SaltKey::from_bytes([3; 32]);
        Self {
            store: faulty.store(),
            faulty,
            deposit: Deposit {
                item: ItemId::from_bytes([1; 16]),
                object: ObjectId::from_bytes([2; 16]),
                data_key: DataKey::from_bytes([4; 32]),
                tree_key: tree_key(&salt_key, TreeKind::Content, 0).expect("number 0"),
                declared: Vec::new(),
                length: None,
                limit: 1 << 40,
            },
        }
    }

    /// Writes `content`, which the source gives in pieces of `step` bytes at most.
    async fn write(&self, content: &[u8], step: usize) -> Result<Written, WriteError> {
        let source = Pieces::new(content, step);
        write(&self.store, &self.deposit, source, salts(1)).await
    }

    async fn open(&self, written: &Written) -> Result<Reader, ReadError> {
        Reader::open(
            &self.store,
            self.deposit.item,
            self.deposit.data_key.clone(),
            written.stored.clone(),
            written.commitments.clone(),
        )
        .await
    }

    fn expected(&self, written: &Written) -> Expected {
        Expected {
            item: self.deposit.item,
            data_key: self.deposit.data_key.clone(),
            tree_key: self.deposit.tree_key.clone(),
            stored: written.stored.clone(),
            commitments: written.commitments.clone(),
            sha256: written.sha256,
            content_root: written.content_root,
        }
    }

    /// Whether the store has nothing of the object.
    async fn is_empty(&self) -> bool {
        self.faulty.tell(Fault::None);
        let listed: Vec<_> = self
            .store
            .list_objects()
            .try_collect()
            .await
            .expect("a list");
        listed.is_empty()
    }
}

/// Salts that never repeat, for a test.
fn salts(first: u64) -> impl FnMut() -> Salt {
    let mut next = first << 32;
    move || {
        next += 1;
        let mut salt = [0; Salt::BYTES];
        salt[..8].copy_from_slice(&next.to_be_bytes());
        Salt::from_bytes(salt)
    }
}

/// Bytes without a pattern, the same at each call.
fn content(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = (0..bytes.div_ceil(8)).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(bytes).collect()
}

/// All plaintext that a stream gives, and its error if it ended with one.
async fn drain(
    mut stream: impl futures::Stream<Item = Result<Bytes, ReadError>> + Unpin,
) -> (Vec<u8>, Option<ReadError>) {
    let mut plain = Vec::new();
    loop {
        match stream.try_next().await {
            Ok(Some(piece)) => plain.extend_from_slice(&piece),
            Ok(None) => return (plain, None),
            Err(error) => {
                let after = stream.try_next().await;
                assert!(matches!(after, Ok(None)), "something follows the error");
                return (plain, Some(error));
            }
        }
    }
}

/// A source that gives its bytes in small pieces, and maybe fails behind them.
struct Pieces<'a> {
    left: &'a [u8],
    step: usize,
    then: Option<io::ErrorKind>,
}

impl<'a> Pieces<'a> {
    fn new(content: &'a [u8], step: usize) -> Self {
        Self {
            left: content,
            step,
            then: None,
        }
    }
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left.is_empty() {
            return Poll::Ready(self.then.map_or(Ok(()), |kind| Err(kind.into())));
        }
        let bytes = self.step.min(self.left.len()).min(buffer.remaining());
        let (now, later) = self.left.split_at(bytes);
        buffer.put_slice(now);
        self.left = later;
        Poll::Ready(Ok(()))
    }
}
