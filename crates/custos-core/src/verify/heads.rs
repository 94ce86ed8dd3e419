//! Steps `checkpoint`, `witness` and `consistency`.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Seek},
};

use super::{Step, VerifyError, fail, fail_in, open::Opened};
use crate::{
    bundle::Place,
    checkpoint::{
        Cosignature, LogKey, MAX_CHECKPOINT_BYTES, SignedCheckpoint, TrustError, TrustPolicy,
    },
    hash::Hash,
    json,
    merkle::{MAX_PROOF_HASHES, check_consistency},
};

/// Longest consistency proof in bytes: 63 hashes in quotes with their commas, and brackets.
const MAX_CONSISTENCY_BYTES: u64 = 63 * 67 + 2;

/// A checkpoint that a trusted key of the log signed.
pub(super) struct Head {
    /// Root of the tree.
    pub root: Hash,
    /// Trusted witnesses that cosigned it.
    pub cosignatures: Vec<Cosignature>,
    /// Ids of the trusted log keys that signed it.
    pub signers: Vec<u32>,
}

/// The checkpoints of a bundle.
pub(super) struct Heads {
    /// By size; never empty.
    pub all: BTreeMap<u64, Head>,
    /// The newest, byte for byte.
    pub newest: SignedCheckpoint,
    /// Consistency proofs from sizes that the bundle holds no checkpoint of, for receipts
    /// held elsewhere: by their two sizes.
    pub joints: BTreeMap<(u64, u64), Vec<Hash>>,
}

/// The three steps.
pub(super) fn check<R: Read + Seek>(
    opened: &mut Opened<R>,
    trust: &TrustPolicy,
) -> Result<Heads, VerifyError> {
    let (mut all, newest) = read_checkpoints(opened, trust)?;
    check_witnesses(opened, &mut all, &newest, trust)?;
    let joints = check_continuity(opened, &all)?;
    Ok(Heads {
        all,
        newest,
        joints,
    })
}

/// Step `checkpoint`.
fn read_checkpoints<R: Read + Seek>(
    opened: &mut Opened<R>,
    trust: &TrustPolicy,
) -> Result<(BTreeMap<u64, Head>, SignedCheckpoint), VerifyError> {
    let keys = log_keys(trust, &opened.manifest.origin)?;
    let mut all = BTreeMap::new();
    let mut newest = None;
    for size in checkpoint_sizes(opened) {
        let place = Place::Checkpoint(size);
        let signed = read_checkpoint(opened, Step::Checkpoint, size)?;
        let signers = log_signers(&keys, size, &signed)
            .map_err(|what| fail_in(Step::Checkpoint, place.name(), what))?;
        all.insert(
            size,
            Head {
                root: *signed.checkpoint().root(),
                cosignatures: Vec::new(),
                signers,
            },
        );
        if size == opened.manifest.checkpoint {
            newest = Some(signed);
        }
    }
    let largest = all.keys().next_back().copied();
    match newest {
        Some(newest) if largest == Some(opened.manifest.checkpoint) => Ok((all, newest)),
        _ => Err(fail(
            Step::Checkpoint,
            "the newest checkpoint is not the one that `bundle.note` names",
        )),
    }
}

/// The keys of a log that the verifier trusts, of whatever sizes; there is one.
pub(super) fn log_keys<'a>(
    trust: &'a TrustPolicy,
    origin: &str,
) -> Result<Vec<&'a LogKey>, VerifyError> {
    let keys = trust.logs().iter();
    let keys: Vec<&LogKey> = keys.filter(|log| log.key().name() == origin).collect();
    if keys.is_empty() {
        let what = format!("the trust policy names no key of the log `{origin}`");
        return Err(fail(Step::Checkpoint, what));
    }
    Ok(keys)
}

fn checkpoint_sizes<R>(opened: &Opened<R>) -> Vec<u64> {
    let sizes = opened.places.iter().filter_map(|place| match place {
        Place::Checkpoint(size) => Some(*size),
        _ => None,
    });
    sizes.collect()
}

/// The checkpoint of this size, of its form and of the bundle's log.
pub(super) fn read_checkpoint<R: Read + Seek>(
    opened: &mut Opened<R>,
    step: Step,
    size: u64,
) -> Result<SignedCheckpoint, VerifyError> {
    let place = Place::Checkpoint(size);
    let bytes = opened.bytes(step, &place, MAX_CHECKPOINT_BYTES as u64)?;
    let signed =
        SignedCheckpoint::parse(&bytes).map_err(|error| fail_in(step, place.name(), error))?;
    let head = signed.checkpoint();
    if head.origin() != opened.manifest.origin || head.size() != size {
        let what = "it is of another log or size";
        return Err(fail_in(step, place.name(), what));
    }
    Ok(signed)
}

/// Ids of the log's keys that signed: all of the keys known must verify where they stand,
/// and one must be valid for the size.
pub(super) fn log_signers(
    keys: &[&LogKey],
    size: u64,
    signed: &SignedCheckpoint,
) -> Result<Vec<u32>, TrustError> {
    let known: Vec<_> = keys.iter().map(|log| log.key()).collect();
    let verified = signed.note().verify(&known).map_err(|error| match error {
        crate::checkpoint::NoteError::Unsigned => TrustError::Log,
        _ => TrustError::Signature,
    })?;
    let ids: Vec<u32> = verified.iter().map(|(key, _)| key.id()).collect();
    let valid = keys
        .iter()
        .any(|log| log.is_valid_for(size) && ids.contains(&log.key().id()));
    if valid { Ok(ids) } else { Err(TrustError::Log) }
}

/// Step `witness`: every cosignature of a known witness holds, and the newest checkpoint has
/// the quorum.
fn check_witnesses<R: Read + Seek>(
    opened: &mut Opened<R>,
    all: &mut BTreeMap<u64, Head>,
    newest: &SignedCheckpoint,
    trust: &TrustPolicy,
) -> Result<(), VerifyError> {
    for (size, head) in all.iter_mut() {
        let endorsement = if *size == newest.checkpoint().size() {
            trust.verify_newest(newest)
        } else {
            trust.verify_logged(&read_checkpoint(opened, Step::Witness, *size)?)
        };
        let place = Place::Checkpoint(*size);
        head.cosignatures = endorsement
            .map_err(|error| fail_in(Step::Witness, place.name(), error))?
            .cosignatures;
    }
    Ok(())
}

/// Step `consistency`: neighbouring sizes are joined, and no proof stands there unchecked.
fn check_continuity<R: Read + Seek>(
    opened: &mut Opened<R>,
    all: &BTreeMap<u64, Head>,
) -> Result<BTreeMap<(u64, u64), Vec<Hash>>, VerifyError> {
    const STEP: Step = Step::Consistency;
    let mut neighbours = BTreeSet::new();
    for ((old, before), (new, after)) in all.iter().zip(all.iter().skip(1)) {
        let proof = read_proof(opened, *old, *new)?;
        check_consistency(&proof, *old, &before.root, *new, &after.root).map_err(|error| {
            let place = Place::Consistency {
                old: *old,
                new: *new,
            };
            fail_in(STEP, place, error)
        })?;
        neighbours.insert((*old, *new));
    }
    let others: Vec<(u64, u64)> = opened
        .places
        .iter()
        .filter_map(|place| match *place {
            Place::Consistency { old, new } => Some((old, new)),
            _ => None,
        })
        .filter(|sizes| !neighbours.contains(sizes))
        .collect();
    let mut joints = BTreeMap::new();
    for (old, new) in others {
        if all.contains_key(&old) || !all.contains_key(&new) {
            let what = "it joins no neighbouring checkpoints";
            return Err(fail_in(STEP, Place::Consistency { old, new }.name(), what));
        }
        joints.insert((old, new), read_proof(opened, old, new)?);
    }
    Ok(joints)
}

fn read_proof<R: Read + Seek>(
    opened: &mut Opened<R>,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, VerifyError> {
    let place = Place::Consistency { old, new };
    let bytes = opened.bytes(Step::Consistency, &place, MAX_CONSISTENCY_BYTES)?;
    let hashes = json::parse(&bytes).ok().and_then(|value| {
        let all = value.as_array()?;
        let hashes = all.iter().map(|hash| hash.as_str()?.parse().ok());
        hashes.collect::<Option<Vec<Hash>>>()
    });
    hashes
        .filter(|hashes| hashes.len() <= MAX_PROOF_HASHES)
        .ok_or_else(|| fail_in(Step::Consistency, place.name(), "it is no array of hashes"))
}
