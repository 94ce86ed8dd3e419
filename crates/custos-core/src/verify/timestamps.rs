//! Step `timestamp`: tokens of time authorities (RFC 3161) over the checkpoints.
//!
//! Every token has to be of its form and over the checkpoint that its name says. Whose it is
//! decides what it is worth: one of an authority that the verifier names is a confirmation, or
//! the bundle fails; one of somebody else is counted and believed by nobody, as a note's line by
//! an unknown key is.

use std::io::{Read, Seek};

use super::{
    Step, VerifyError, fail, fail_in,
    heads::{Heads, read_checkpoint},
    open::Opened,
    report::{Stamped, TimestampCheck},
};
use crate::{
    bundle::Place,
    checkpoint::{TimeAuthority, TrustPolicy},
    hash::{Hash, sha256},
    timestamp::{Anchor, MAX_REPLY_BYTES, Reply, TimestampError},
};

const STEP: Step = Step::Timestamp;
/// Most tokens of a bundle: each asks for a few checks of signatures.
const MAX_TIMESTAMPS: usize = 1_024;

/// The step.
pub(super) fn check<R: Read + Seek>(
    opened: &mut Opened<R>,
    heads: &Heads,
    trust: &TrustPolicy,
) -> Result<TimestampCheck, VerifyError> {
    let tokens: Vec<(Place, u64, u32)> = opened
        .places
        .iter()
        .filter_map(|place| match place {
            Place::Timestamp { size, key } => Some((place.clone(), *size, *key)),
            _ => None,
        })
        .collect();
    if tokens.len() > MAX_TIMESTAMPS {
        let what = format!("it holds more than {MAX_TIMESTAMPS} timestamps");
        return Err(fail(STEP, what));
    }
    let authorities = trust.time_authorities();
    let anchors = authorities.iter().map(|one| {
        Anchor::parse(one.certificate()).map_err(|error| {
            let what = format!("the trust policy's authority `{}`: {error}", one.name());
            fail(STEP, what)
        })
    });
    let anchors = anchors.collect::<Result<Vec<Anchor>, _>>()?;
    let mut found = TimestampCheck::default();
    for (place, size, key) in tokens {
        let head = heads.all.get(&size);
        if !head.is_some_and(|head| head.signers.contains(&key)) {
            let what = "it is for no checkpoint of the bundle, or for a key that did not sign it";
            return Err(fail_in(STEP, place, what));
        }
        let imprint = imprint(opened, trust, size, key)?;
        let bytes = opened.bytes(STEP, &place, MAX_REPLY_BYTES as u64)?;
        let vouched = Reply::parse(&bytes).and_then(|reply| {
            reply.is_over(&imprint)?;
            reply.vouched_by(&anchors)
        });
        match vouched {
            Ok(stamp) => found.confirmed.push(Stamped {
                authority: authorities
                    .get(stamp.anchor)
                    .map_or_else(String::new, |one| TimeAuthority::name(one).into()),
                size,
                time: stamp.time,
            }),
            // Nobody whom the verifier names, or by an algorithm that only others use.
            Err(TimestampError::UnknownAuthority | TimestampError::Algorithm) => found.others += 1,
            Err(error) => return Err(fail_in(STEP, place, error)),
        }
    }
    if found.confirmed.is_empty() && !authorities.is_empty() {
        let what =
            "no time authority that the trust policy names stamped a checkpoint of the bundle";
        return Err(fail(STEP, what));
    }
    found
        .confirmed
        .sort_by_key(|stamped| (stamped.size, stamped.time));
    Ok(found)
}

/// What a token over the checkpoint of this size is over: SHA-256 of its text, an empty line and
/// the line of that key of the log.
fn imprint<R: Read + Seek>(
    opened: &mut Opened<R>,
    trust: &TrustPolicy,
    size: u64,
    key: u32,
) -> Result<Hash, VerifyError> {
    let signed = read_checkpoint(opened, STEP, size)?;
    let origin = signed.checkpoint().origin();
    let mut keys = trust.logs().iter().map(|log| log.key());
    let stamped = keys
        .find(|known| known.name() == origin && known.id() == key)
        .and_then(|known| signed.signed_by(known))
        .ok_or_else(|| fail(STEP, "a timestamp is for a key that did not sign"))?;
    Ok(sha256(&[&stamped]))
}
