//! A custody log of made-up leaves, to measure how proofs and start-up grow with its size.
//!
//! It has a room, a register, tiles and a checkpoint as any other, but its leaves commit to
//! nothing: `C = SHA-256("custos/synthetic/v1" 0x00 | u64 index)`.
//!
//! INVARIANT: none ever stands in a room that is for evidence. A log of this name is founded
//! by `build` alone, the writer refuses made-up leaves in any other, and nobody serves it.

use custos_core::hash::{Hash, sha256};

use super::{
    context::Room,
    entering::Tx,
    error::Error,
    writer::{Command, Stop},
};

/// The name of every such log; `.invalid` never names a host (RFC 2606 section 2).
pub const ORIGIN: &str = "synthetic.invalid/log";

/// Leaves in one transaction.
const AT_ONCE: u64 = 8_192;
/// Leaves between two checkpoints.
const BETWEEN_CHECKPOINTS: u64 = 1 << 20;

/// Fills the log up to `entries` leaves and publishes them; tells after each checkpoint how many
/// there are.
///
/// # Errors
/// [`Error::Invalid`]: the room is for evidence; or something can't be written.
pub async fn fill(room: &Room, entries: u64, mut told: impl FnMut(u64)) -> Result<(), Error> {
    if *room.origin != *ORIGIN {
        return Err(Error::invalid("made-up entries have no place in this log"));
    }
    let mut size = *room.writer.committed().borrow();
    let mut published = 0;
    while size < entries {
        let count = AT_ONCE.min(entries - size);
        size = room.writer.submit(Append(count)).await?.output;
        if size - published >= BETWEEN_CHECKPOINTS || size >= entries {
            published = room.publisher.publish().await?;
            told(published);
        }
    }
    Ok(())
}

/// What the made-up leaf at `index` says that it commits to.
fn commitment(index: u64) -> Hash {
    sha256(&[b"custos/synthetic/v1\0", &index.to_be_bytes()])
}

struct Append(u64);

impl Command for Append {
    type Output = u64;

    fn run(self, tx: &mut Tx<'_>) -> Result<u64, Stop> {
        let first = tx.size();
        for index in first..first + self.0 {
            tx.enter_made_up(&commitment(index))?;
        }
        Ok(tx.size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tests::world::World;

    #[tokio::test]
    async fn a_room_for_evidence_takes_no_made_up_leaves() {
        let world = World::new().await;
        let before = *world.room.writer.committed().borrow();
        let refused = fill(&world.room, 1_000, |_| ()).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        let refused = world.room.writer.submit(Append(1)).await.map(drop);
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        assert_eq!(*world.room.writer.committed().borrow(), before);
    }
}
