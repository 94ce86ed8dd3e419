//! The log that a new one continues: its last checkpoint, believed only under trust that comes from
//! outside of it.

use custos_core::{
    checkpoint::{CheckpointError, SignedCheckpoint, TrustError, TrustPolicy},
    event::Previous,
};

/// Longest checkpoint of a predecessor in bytes: it stands in the first entry beside the keys, and
/// no leaf is longer than 65,535 bytes. Each cosignature takes about 120.
pub const MAX_PREVIOUS_BYTES: usize = 48 << 10;

/// Why a log can't be continued by this one. Nothing was made.
#[derive(Debug, thiserror::Error)]
pub enum PredecessorError {
    /// The file is no checkpoint.
    #[error(
        "what it should continue is no checkpoint: {0}. Give the file of the largest checkpoint that anyone holds of the old log, as a witness shows it or a bundle holds it (`checkpoints/SIZE.note`)"
    )]
    Form(CheckpointError),
    /// It has more signatures than an entry takes.
    #[error(
        "the checkpoint is longer than {MAX_PREVIOUS_BYTES} bytes; leave out cosignatures that the policy does not ask for"
    )]
    TooLong,
    /// The new log would have the old one's name.
    #[error(
        "the new log must have another origin than the one that it continues, `{0}`: below a checkpoint that it published that log can't go on. Name another one with `--origin`"
    )]
    SameOrigin(String),
    /// The policy or `trust.json` is not of its form.
    #[error("the predecessor's trust files can't be used: {0}")]
    Trust(TrustError),
    /// The checkpoint does not hold under them.
    #[error(
        "the checkpoint of `{origin}` with {size} entries does not hold under the predecessor's policy: {error}. Ask its witnesses for their newest checkpoint, and check that the policy names the keys and sizes that its verifiers have"
    )]
    NotBelieved {
        /// The old log.
        origin: String,
        /// Size of the checkpoint.
        size: u64,
        /// Why not.
        error: TrustError,
    },
}

/// A log that may be continued.
#[derive(Debug, Clone)]
pub struct Predecessor {
    /// What the first entry names.
    pub previous: Previous,
    /// Entries of the old log.
    pub size: u64,
    /// How many witnesses of the policy confirmed that.
    pub witnesses: usize,
}

/// Reads the last checkpoint of a predecessor and checks it under the policy that its verifiers
/// have, quorum included.
///
/// # Errors
/// [`PredecessorError`].
pub fn predecessor(
    note: &[u8],
    policy: &[u8],
    trust_json: Option<&[u8]>,
    origin: &str,
) -> Result<Predecessor, PredecessorError> {
    let signed = SignedCheckpoint::parse(note).map_err(PredecessorError::Form)?;
    let old = signed.checkpoint();
    if old.origin() == origin {
        return Err(PredecessorError::SameOrigin(origin.into()));
    }
    if note.len() > MAX_PREVIOUS_BYTES {
        return Err(PredecessorError::TooLong);
    }
    let trust = TrustPolicy::parse(policy).map_err(PredecessorError::Trust)?;
    let trust = match trust_json {
        Some(json) => trust
            .with_trust_json(json)
            .map_err(PredecessorError::Trust)?,
        None => trust,
    };
    let endorsement =
        trust
            .verify_newest(&signed)
            .map_err(|error| PredecessorError::NotBelieved {
                origin: old.origin().into(),
                size: old.size(),
                error,
            })?;
    let checkpoint = String::from_utf8(note.to_vec()).expect("a note is UTF-8");
    Ok(Predecessor {
        previous: Previous {
            origin: old.origin().into(),
            checkpoint,
        },
        size: old.size(),
        witnesses: endorsement.cosignatures.len(),
    })
}

#[cfg(test)]
mod tests {
    use custos_core::{
        checkpoint::{Checkpoint, Cosigner, NoteSigner},
        hash::sha256,
    };

    use super::*;

    const OLD: &str = "old.example/log";
    const NEW: &str = "new.example/log";

    fn signer(seed: u8) -> NoteSigner {
        NoteSigner::from_seed(OLD, &[seed; 32]).expect("a signer")
    }

    fn note() -> SignedCheckpoint {
        let checkpoint = Checkpoint::new(OLD, 42, sha256(&[b"root"])).expect("a checkpoint");
        SignedCheckpoint::sign(checkpoint, &[&signer(1)]).expect("signed")
    }

    fn cosigner() -> Cosigner {
        Cosigner::from_seed("witness.example", &[7; 32]).expect("a witness")
    }

    fn policy(seed: u8, quorum: &str) -> String {
        let (log, witness) = (signer(seed), cosigner());
        let (log, witness) = (log.verifier_key(), witness.verifier_key());
        format!("log {log}\nwitness w {witness}\nquorum {quorum}\n")
    }

    #[test]
    fn the_last_checkpoint_must_hold_under_the_policy_of_the_old_log() {
        let plain = note();
        let line = cosigner().cosign(plain.note().text(), 1_800_000_000);
        let cosigned = plain.with_signature(line).expect("joined");
        let found = predecessor(cosigned.as_bytes(), policy(1, "w").as_bytes(), None, NEW);
        let found = found.expect("it holds");
        assert_eq!((found.size, found.witnesses), (42, 1));
        assert_eq!(found.previous.origin, OLD);
        assert_eq!(found.previous.checkpoint.as_bytes(), cosigned.as_bytes());

        let refused = |note: &[u8], policy: &str, json: Option<&str>, origin: &str| {
            let json = json.map(str::as_bytes);
            let refused = predecessor(note, policy.as_bytes(), json, origin);
            refused.expect_err("refused").to_string()
        };
        let said = refused(plain.as_bytes(), &policy(1, "w"), None, NEW);
        assert!(said.contains("too few of the trusted witnesses"), "{said}");
        let said = refused(plain.as_bytes(), &policy(2, "none"), None, NEW);
        assert!(said.contains("no key of the log"), "{said}");
        let said = refused(plain.as_bytes(), &policy(1, "none"), None, OLD);
        assert!(said.contains("another origin"), "{said}");
        let said = refused(b"garbage", &policy(1, "none"), None, NEW);
        assert!(said.contains("no checkpoint"), "{said}");
        let said = refused(plain.as_bytes(), "garbage", None, NEW);
        assert!(said.contains("can't be used"), "{said}");
        // A key that was retired before that size is not believed.
        let vkey = signer(1).verifier_key().to_string();
        let json = format!(
            r#"{{"v":1,"log_keys":[{{"vkey":"{vkey}","from":1,"to":41}}],"bundle_keys":[],"time_authorities":[]}}"#
        );
        let said = refused(plain.as_bytes(), &policy(1, "none"), Some(&json), NEW);
        assert!(said.contains("valid for this tree size"), "{said}");
    }
}
