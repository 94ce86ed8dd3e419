//! Step `held`: receipts that someone kept belong to the same history as the file.

use super::{
    Step, VerifyError,
    entries::Log,
    fail,
    heads::Heads,
    report::{HeldCheck, HeldOutcome},
};
use crate::{checkpoint::TrustPolicy, merkle::check_consistency, receipt::Receipt};

/// The step, for each receipt in the order given; `of` is the log's origin and the size of the
/// newest checkpoint.
pub(super) fn check(
    held: &[Receipt],
    of: (&str, u64),
    heads: &Heads,
    log: &Log,
    trust: &TrustPolicy,
) -> Result<Vec<HeldCheck>, VerifyError> {
    held.iter()
        .map(|receipt| check_one(receipt, of, heads, log, trust))
        .collect()
}

fn check_one(
    receipt: &Receipt,
    (origin, newest): (&str, u64),
    heads: &Heads,
    log: &Log,
    trust: &TrustPolicy,
) -> Result<HeldCheck, VerifyError> {
    let index = receipt.index();
    let refused = |what: &str| {
        fail(
            Step::Held,
            format!("the held receipt of entry {index} {what}"),
        )
    };
    let head = receipt.checkpoint().checkpoint();
    if head.origin() != origin {
        return Err(refused("is of another log"));
    }
    let same = log.at(index).map(|record| record.c) == Some(*receipt.entry().commitment());
    if !same {
        return Err(refused(
            "is of an entry that this file does not hold, or holds otherwise",
        ));
    }
    receipt
        .verify_logged(trust)
        .map_err(|error| refused(&format!("does not verify: {error}")))?;
    if head.size() > newest {
        return Err(refused("is newer than the newest checkpoint here"));
    }
    let outcome = if let Some(known) = heads.all.get(&head.size()) {
        if known.root != *head.root() {
            return Err(refused(
                "has another root for a tree of the same size: two histories",
            ));
        }
        HeldOutcome::SameCheckpoint
    } else {
        let from = (head.size(), 0)..=(head.size(), u64::MAX);
        match heads.joints.range(from).next() {
            None => HeldOutcome::NotCompared,
            Some(((old, new), proof)) => {
                check_consistency(proof, *old, head.root(), *new, &heads.all[new].root)
                    .map_err(|_| refused("is not continued by this log: two histories"))?;
                HeldOutcome::Continued
            }
        }
    };
    Ok(HeldCheck {
        index,
        size: head.size(),
        outcome,
    })
}
