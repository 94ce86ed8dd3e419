//! Step `timestamp`: answers of time authorities (RFC 3161) for the checkpoints.
//!
//! Their signatures are not checked by this version: a bundle that holds some is told "not
//! checked", and a policy that asks for a time authority refuses it, so that nobody takes an
//! unchecked time for a proven one.

use std::io::{Read, Seek};

use super::{Step, VerifyError, fail, fail_in, heads::Heads, open::Opened, report::TimestampCheck};
use crate::{bundle::Place, checkpoint::TrustPolicy};

/// The step.
pub(super) fn check<R: Read + Seek>(
    opened: &Opened<R>,
    heads: &Heads,
    trust: &TrustPolicy,
) -> Result<TimestampCheck, VerifyError> {
    const STEP: Step = Step::Timestamp;
    let mut count = 0;
    for place in &opened.places {
        let Place::Timestamp { size, key } = place else {
            continue;
        };
        let head = heads.all.get(size);
        if !head.is_some_and(|head| head.signers.contains(key)) {
            let what = "it is for no checkpoint of the bundle, or for a key that did not sign it";
            return Err(fail_in(STEP, place, what));
        }
        count += 1;
    }
    match count {
        0 => Ok(TimestampCheck::None),
        _ if !trust.time_authorities().is_empty() => Err(fail(
            STEP,
            "the trust policy names time authorities, and this version cannot check their answers",
        )),
        _ => Ok(TimestampCheck::NotChecked(count)),
    }
}
