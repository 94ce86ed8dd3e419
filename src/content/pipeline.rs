//! The work on one item's bytes, shared by all cores.
//!
//! ```text
//! segment -> lane: whole-file SHA-256 and CRC-32        in order, one thread at a time
//!         -> lane: each other hash that was declared    in order, one thread at a time
//!         -> lane: seal, BLAKE3, off to the store       in order, one thread at a time
//!         -> leaves of the content tree, 1 MiB a job    in any order, any thread
//! ```
//!
//! A runner is a short blocking task that takes jobs until there are none. Whoever is free
//! takes the first that can be done: the lanes first, because nothing else can make up for
//! a lane that waits, then leaves. So no core idles while there is work, and an upload that
//! trickles in holds no thread.

mod stages;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use bytes::Bytes;
use sha2::Digest as _;
use tokio::{
    runtime::Handle,
    sync::{Notify, mpsc},
};

use self::stages::{Done, Stage, stages};
pub(super) use self::stages::{Segment, Target};
use super::{
    buffers::PlainBuffers,
    declared::{Algorithm, Fingerprint},
};
use custos_core::{
    cipher::COMMITMENT_BYTES,
    content::{Tree, TreeBuilder, TreeKey},
    hash::Hash,
};

/// Sealed segments that may wait for the store beside those on their way.
const SEALED_WAITING: usize = 2;
/// Threads that one write uses at most.
const MAX_RUNNERS: usize = 8;

/// All that one pass over the bytes gives.
pub(super) struct Computed {
    pub(super) sha256: Hash,
    pub(super) crc32: u32,
    pub(super) declared: Vec<Fingerprint>,
    pub(super) commitments: Vec<[u8; COMMITMENT_BYTES]>,
    pub(super) blake3: Hash,
    pub(super) tree: Tree,
}

/// A job panicked; the write cannot be finished.
#[derive(Debug)]
pub(super) struct Broken;

/// The pipeline of one write. Dropping it drops all work that has not begun.
pub(super) struct Pipeline(Arc<Shared>);

struct Shared {
    runtime: Handle,
    runners: usize,
    tree_key: TreeKey,
    buffers: Arc<PlainBuffers>,
    state: Mutex<State>,
    /// Told when no job is left, or when one panicked.
    idle: Notify,
}

/// Owned by the lock; whole after every step, for no job runs under the lock.
struct State {
    lanes: Vec<Lane>,
    /// Segments whose leaves are not all hashed, with the next subtree within each.
    leaves: VecDeque<(Arc<Segment>, u64)>,
    subtrees: Vec<Option<Hash>>,
    /// Leaves of the last subtree, which is not whole.
    tail: Vec<Hash>,
    /// Sealed segments that may still be made before the store takes one.
    room: usize,
    /// Runners that are at work or about to start.
    running: usize,
    broken: bool,
}

struct Lane {
    waiting: VecDeque<Arc<Segment>>,
    /// None while a runner works in this lane.
    stage: Option<Stage>,
}

enum Job {
    Lane(usize, Stage, Arc<Segment>),
    Leaves(Arc<Segment>, u64),
}

impl Pipeline {
    /// A pipeline in the present runtime, and where the sealed segments come out in order.
    /// For each that was taken from there, say so by [`Pipeline::make_room`].
    pub(super) fn new(
        target: Target,
        declared: &[Algorithm],
        buffers: Arc<PlainBuffers>,
    ) -> (Self, mpsc::UnboundedReceiver<Bytes>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let tree_key = target.tree_key.clone();
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let shared = Shared {
            runtime: Handle::current(),
            runners: cores.min(MAX_RUNNERS),
            tree_key,
            buffers,
            state: Mutex::new(State::new(stages(target, declared, sender))),
            idle: Notify::new(),
        };
        (Self(Arc::new(shared)), receiver)
    }

    /// Hands the next segment over.
    pub(super) fn submit(&self, segment: Segment) -> Result<(), Broken> {
        let mut state = self.0.lock();
        if state.broken {
            return Err(Broken);
        }
        let segment = Arc::new(segment);
        for lane in &mut state.lanes {
            lane.waiting.push_back(segment.clone());
        }
        state.leaves.push_back((segment, 0));
        self.0.staff(&mut state);
        Ok(())
    }

    /// The store took a sealed segment, so that another may be made.
    pub(super) fn make_room(&self) {
        let mut state = self.0.lock();
        state.room += 1;
        self.0.staff(&mut state);
    }

    /// Waits until all segments that were submitted are worked on; the last was among them.
    pub(super) async fn finish(self) -> Result<Computed, Broken> {
        loop {
            let idle = self.0.idle.notified();
            {
                let mut state = self.0.lock();
                if state.broken {
                    return Err(Broken);
                }
                if state.is_idle() {
                    return state.computed();
                }
            }
            idle.await;
        }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        let lanes = std::mem::take(&mut state.lanes);
        let leaves = std::mem::take(&mut state.leaves);
        drop(state);
        // Outside of the lock: it wipes the plaintext that nobody works on.
        drop((lanes, leaves));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts one more runner if there is a job for it. It starts the next one itself.
    fn staff(self: &Arc<Self>, state: &mut State) {
        if state.running < self.runners && state.has_job() {
            state.running += 1;
            let shared = self.clone();
            self.runtime.spawn_blocking(move || Runner(shared).run());
        }
    }
}

/// One thread at work; if it panics, the write is broken instead of waiting for ever.
struct Runner(Arc<Shared>);

impl Runner {
    fn run(self) {
        let mut done = None;
        loop {
            let mut state = self.0.lock();
            if let Some(done) = done.take() {
                state.take_back(done);
            }
            let Some(job) = state.next_job() else {
                // Before the lock is released, so that whoever adds a job starts a runner.
                state.running -= 1;
                break;
            };
            self.0.staff(&mut state);
            drop(state);
            done = Some(job.work(&self.0.tree_key));
        }
        self.0.idle.notify_waiters();
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.lock().broken = true;
            self.0.buffers.close();
            self.0.idle.notify_waiters();
        }
    }
}

impl State {
    fn new(stages: Vec<Stage>) -> Self {
        let lanes = stages.into_iter().map(|stage| Lane {
            waiting: VecDeque::new(),
            stage: Some(stage),
        });
        Self {
            lanes: lanes.collect(),
            leaves: VecDeque::new(),
            subtrees: Vec::new(),
            tail: Vec::new(),
            room: SEALED_WAITING,
            running: 0,
            broken: false,
        }
    }

    /// A lane in which something can be done now.
    fn ready_lane(&self) -> Option<usize> {
        self.lanes.iter().position(|lane| {
            let may_run = match &lane.stage {
                None => false,
                Some(Stage::Seal(_)) => self.room > 0,
                Some(_) => true,
            };
            may_run && !lane.waiting.is_empty()
        })
    }

    fn has_job(&self) -> bool {
        !self.leaves.is_empty() || self.ready_lane().is_some()
    }

    fn next_job(&mut self) -> Option<Job> {
        if let Some(number) = self.ready_lane() {
            let lane = &mut self.lanes[number];
            let stage = lane.stage.take()?;
            let segment = lane.waiting.pop_front()?;
            if matches!(stage, Stage::Seal(_)) {
                self.room -= 1;
            }
            return Some(Job::Lane(number, stage, segment));
        }
        let (segment, next) = self.leaves.front_mut()?;
        let (job, is_last) = (
            Job::Leaves(segment.clone(), *next),
            segment.ends_with(*next),
        );
        *next += 1;
        if is_last {
            self.leaves.pop_front();
        }
        Some(job)
    }

    fn take_back(&mut self, done: Done) {
        match done {
            // The lane is gone if the write was given up in the meantime.
            Done::Lane(number, stage) => {
                if let Some(lane) = self.lanes.get_mut(number) {
                    lane.stage = Some(stage);
                }
            }
            Done::Subtree(number, root) => {
                let at = usize::try_from(number).expect("32 bytes for each of them are in memory");
                if self.subtrees.len() <= at {
                    self.subtrees.resize(at + 1, None);
                }
                self.subtrees[at] = Some(root);
            }
            Done::Tail(leaves) => self.tail = leaves,
        }
    }

    /// Whether all that was submitted is done.
    fn is_idle(&self) -> bool {
        self.leaves.is_empty()
            && self.running == 0
            && self.lanes.iter().all(|lane| lane.waiting.is_empty())
    }

    fn computed(&mut self) -> Result<Computed, Broken> {
        let mut whole = None;
        let mut sealed = None;
        let mut declared = Vec::new();
        for lane in self.lanes.drain(..) {
            match lane.stage.ok_or(Broken)? {
                Stage::Whole(stage) => whole = Some(stage),
                Stage::Extra(stage) => declared.push(stage.finish()),
                Stage::Seal(stage) => sealed = Some(stage),
            }
        }
        let (Some(whole), Some(seal)) = (whole, sealed) else {
            return Err(Broken);
        };
        let mut tree = TreeBuilder::new();
        for root in self.subtrees.drain(..) {
            tree.push_subtree(root.ok_or(Broken)?);
        }
        for leaf in self.tail.drain(..) {
            tree.push(leaf);
        }
        Ok(Computed {
            sha256: Hash::from_bytes(whole.sha256.finalize().into()),
            crc32: whole.crc32.finalize(),
            declared,
            commitments: seal.commitments,
            blake3: Hash::from_bytes(*seal.blake3.finalize().as_bytes()),
            tree: tree.finish().ok_or(Broken)?,
        })
    }
}

impl Job {
    fn work(self, tree_key: &TreeKey) -> Done {
        match self {
            Self::Lane(number, mut stage, segment) => {
                stage.take(&segment);
                Done::Lane(number, stage)
            }
            Self::Leaves(segment, next) => segment.leaves(next, tree_key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use custos_core::{
        cipher::Salt,
        content::SUBTREE_BYTES,
        ids::{ItemId, ObjectId},
        keys::DataKey,
    };

    /// A segment whose subtree has a number beyond any tree, so that its job panics.
    #[tokio::test]
    async fn a_job_that_panics_ends_the_write_instead_of_hanging_it() {
        let target = Target {
            item: ItemId::from_bytes([1; 16]),
            object: ObjectId::from_bytes([2; 16]),
            data_key: DataKey::from_bytes([3; 32]),
            tree_key: TreeKey::from_bytes([4; 32]),
        };
        let buffers = PlainBuffers::new(SUBTREE_BYTES);
        let (pipeline, _sealed) = Pipeline::new(target, &[], buffers.clone());
        let mut plain = buffers.take().await.expect("one is free");
        plain.filled(SUBTREE_BYTES);
        let segment = Segment {
            number: u64::MAX / 8,
            plain,
            salt: Salt::from_bytes([5; Salt::BYTES]),
            is_last: true,
        };
        pipeline.submit(segment).expect("nothing is broken yet");
        assert!(pipeline.finish().await.is_err());
        assert!(buffers.take().await.is_none());
    }
}
