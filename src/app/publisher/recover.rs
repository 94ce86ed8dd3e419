//! What start-up re-checks before anything is written: right edge, published checkpoint, head.

use bytes::Bytes;
use custos_core::{
    checkpoint::{LogKeys, SignedCheckpoint},
    merkle::{self, Edge, edge_width},
    tile::{Level, TilePath, parse_hash_tile},
};
use tracing::warn;

use super::CHECKPOINT_PATH;
use crate::{
    db::{
        Connection, DbError, entries,
        head::{self, Head},
    },
    store::{Store, StoreError},
};

/// Why a room does not start: what is stored does not fit together.
#[derive(Debug, thiserror::Error)]
pub enum Mismatch {
    /// The register can't be read, or is damaged.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Two things that must agree do not.
    #[error(
        "{0}. Nothing was written. Run `custos audit` to locate the damage, and restore what is damaged from a copy"
    )]
    Disagree(String),
}

/// Entries that are read at once while the unpublished ones are replayed.
const REPLAY_ENTRIES: u64 = 4_096;

/// The published file, for [`recover`]: it is read before the moment of the register is fixed,
/// because a file of a later moment would look like a register that went back.
///
/// # Errors
/// The store can't be read.
pub async fn published_file(store: &Store) -> Result<Option<Bytes>, StoreError> {
    match store.get_public(CHECKPOINT_PATH).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where a register stands.
#[derive(Debug, Clone, Copy)]
pub struct Among {
    /// Behind what was published of it.
    pub is_behind: bool,
    /// Among other processes that write to it.
    pub is_shared: bool,
}

/// Checks that published checkpoint, tiles and head agree, and gives the edge from which
/// publishing goes on. Of a register that is behind what was published nothing is written.
///
/// # Errors
/// [`Mismatch`] names what does not agree.
pub async fn recover(
    (connection, store): (&mut Connection, &Store),
    keys: &LogKeys,
    (head, file): (&Head, Option<Bytes>),
    among: Among,
) -> Result<Edge, Mismatch> {
    let edge = published_edge(store, head.published).await?;
    if head.published > 0 {
        let note = head::checkpoint(connection, head.published)?.ok_or_else(|| {
            disagree("the register does not hold the checkpoint that it says was published")
        })?;
        let kept = check_note(&note, keys, "the checkpoint in the register")?;
        if kept.checkpoint().size() != head.published || kept.checkpoint().root() != &edge.root() {
            return Err(disagree(format!(
                "the published tiles do not make the root of checkpoint {}",
                head.published
            )));
        }
        // Where more was published, nothing is put right here.
        let is_older = !among.is_behind && check_file(file.as_deref(), keys, &kept)?;
        // Among other processes one that publishes does this, within a second.
        if is_older && !among.is_shared {
            let note = kept.as_bytes().to_vec().into();
            store.put_public(CHECKPOINT_PATH, note).await?;
        }
    } else if !among.is_behind && file.is_some() {
        return Err(disagree(
            "a checkpoint was published, but the register knows of none: it is older than what was published",
        ));
    }
    replay(connection, edge.clone(), head)?;
    Ok(edge)
}

/// The partial tiles of the published tree.
pub(super) async fn published_edge(store: &Store, size: u64) -> Result<Edge, Mismatch> {
    let mut rows = Vec::new();
    for level in 0.. {
        let shift = 8 * level as u32;
        if shift >= 56 || size >> shift == 0 {
            break;
        }
        let width = edge_width(size, level);
        rows.push(if width == 0 {
            Vec::new()
        } else {
            let number = u8::try_from(level).expect("a tree has at most 7 levels of tiles");
            let path = u16::try_from(width)
                .ok()
                .and_then(|width| {
                    let index = size >> (shift + 8);
                    TilePath::new(Level::Hashes(number), index, width).ok()
                })
                .expect("widths are below 256 and indices below 2^45");
            let bytes = store.get_tile(path).await?;
            parse_hash_tile(&bytes, path.width())
                .map_err(|_| disagree(format!("`{path}` is not of its form")))?
        });
    }
    Edge::from_rows(size, rows)
        .ok_or_else(|| disagree("the published tiles do not fit the published size"))
}

/// The published file is the kept note, or older, or missing; says whether it is to be replaced.
fn check_file(
    file: Option<&[u8]>,
    keys: &LogKeys,
    kept: &SignedCheckpoint,
) -> Result<bool, Mismatch> {
    let file = match file {
        Some(bytes) if bytes == kept.as_bytes() => return Ok(false),
        Some(bytes) => bytes,
        None => {
            warn!("the published checkpoint was missing and is written again");
            return Ok(true);
        }
    };
    let file = check_note(file, keys, "the published checkpoint")?;
    let (published, known) = (file.checkpoint().size(), kept.checkpoint().size());
    if published > known {
        return Err(disagree(format!(
            "a checkpoint of size {published} was published, but the register ends at {known}: it is older than what was published"
        )));
    }
    if published == known {
        return Err(disagree(format!(
            "the published checkpoint of size {published} is not the one that the register keeps"
        )));
    }
    // A crash between the register's commit and the file left the older one.
    Ok(true)
}

fn check_note(note: &[u8], keys: &LogKeys, what: &str) -> Result<SignedCheckpoint, Mismatch> {
    let signed = SignedCheckpoint::parse(note)
        .map_err(|error| disagree(format!("{what} is not of its form: {error}")))?;
    match keys.verify(&signed) {
        Ok(_) => Ok(signed),
        Err(_) if keys.misused(&signed).is_some() => Err(disagree(format!(
            "{what} of size {} is signed by a key of this log that does not sign such a size: somebody has a key that was retired",
            signed.checkpoint().size()
        ))),
        Err(error) => Err(disagree(format!(
            "{what} is not signed by this room's key, or by one that the register does not know yet: {error}"
        ))),
    }
}

/// The entries that are not published yet must lead from the published tree to the head.
fn replay(connection: &mut Connection, mut edge: Edge, head: &Head) -> Result<(), Mismatch> {
    while edge.size() < head.size() {
        let to = (edge.size() + REPLAY_ENTRIES).min(head.size());
        for leaf in entries::leaves(connection, edge.size(), to)? {
            edge.push(merkle::leaf_hash(&leaf));
        }
    }
    if edge.to_bytes() != head.frontier.to_bytes() {
        return Err(disagree(
            "the head of the log does not follow from the published tree and the entries after it",
        ));
    }
    if entries::at(connection, head.size())?.is_some() {
        return Err(disagree(format!(
            "there is an entry at index {}, where the log ends",
            head.size()
        )));
    }
    Ok(())
}

fn disagree(what: impl Into<String>) -> Mismatch {
    Mismatch::Disagree(what.into())
}
