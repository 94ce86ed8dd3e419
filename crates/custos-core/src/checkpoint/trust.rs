//! Whom a verifier trusts: a C2SP tlog-policy file, and `trust.json` for what it lacks.
//!
//! `trust.json` is written by people, so white space and the order of members are free; each
//! object has exactly the members shown, each once:
//!
//! ```text
//! {"v": 1,
//!  "log_keys":    [{"vkey": "...", "from": 1, "to": null}],
//!  "bundle_keys": [{"vkey": "...", "from": 1, "to": 20000}],
//!  "time_authorities": [{"name": "...", "certificate": "base64 of DER"}]}
//! ```
//!
//! `from` and `to` are checkpoint sizes, inclusive, 1 to 2^53 - 1; `to` null is without end.
//! Every row of `log_keys` names a key of the policy file; a key without a row is valid for
//! every size. Both files come from outside the room that they judge.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Deserializer};

use super::{
    NoteError, SignedCheckpoint,
    key::{SignatureType, VerifierKey},
    policy::{self, PolicyError},
    quorum::Quorum,
};
use crate::ids::MAX_INTEGER;

/// Longest `trust.json` in bytes.
const MAX_TRUST_BYTES: usize = 1 << 20;
/// Most rows of each list in `trust.json`.
const MAX_ROWS: usize = 256;

/// Why a policy is refused, or a checkpoint under it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The tlog-policy file.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// `trust.json`.
    #[error("`trust.json` is not of its form: {0}")]
    File(&'static str),
    /// A row of `trust.json` that would decide nothing, silently.
    #[error("`trust.json`: the bundle key `{0}` is not named as a log of the policy and `/bundle`")]
    BundleKey(String),
    /// A signature line of a known key does not verify; the checkpoint is refused as a whole.
    #[error("a signature of a known key does not verify")]
    Signature,
    /// No key of that log, valid for that size, signed the checkpoint.
    #[error("no key of the log that is valid for this tree size signed the checkpoint")]
    Log,
    /// The witnesses that cosigned are not enough.
    #[error("too few of the trusted witnesses cosigned the checkpoint")]
    Quorum,
}

/// A key that signs checkpoints, and for which sizes it is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogKey {
    pub(super) key: VerifierKey,
    // Without a row in `trust.json` there is no limit.
    pub(super) sizes: Option<Sizes>,
}

impl LogKey {
    /// The key; its name is the log's origin.
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Whether its signature counts on a checkpoint of this size.
    pub const fn is_valid_for(&self, size: u64) -> bool {
        match self.sizes {
            Some(sizes) => sizes.contain(size),
            None => true,
        }
    }

    /// Whether somebody said for which sizes it is valid.
    pub const fn is_limited(&self) -> bool {
        self.sizes.is_some()
    }

    /// The smallest size that it signs, from 1.
    pub const fn from(&self) -> u64 {
        match self.sizes {
            Some(sizes) => sizes.from,
            None => 1,
        }
    }

    /// The largest size that it signs; `None` without end.
    pub const fn to(&self) -> Option<u64> {
        match self.sizes {
            Some(sizes) if sizes.to < MAX_INTEGER => Some(sizes.to),
            _ => None,
        }
    }
}

/// A key that signs bundles, and for which newest checkpoint's sizes it is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleKey {
    key: VerifierKey,
    sizes: Sizes,
}

impl BundleKey {
    /// The key; its name is the log's origin and `/bundle`.
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Whether its signature counts on a bundle whose newest checkpoint has this size.
    pub const fn is_valid_for(&self, size: u64) -> bool {
        self.sizes.contain(size)
    }
}

/// A witness of the policy file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    name: String,
    key: VerifierKey,
    url: Option<String>,
}

impl Witness {
    pub(super) const fn new(name: String, key: VerifierKey, url: Option<String>) -> Self {
        Self { name, key, url }
    }

    /// Its name in the policy file, to be shown to people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key that it cosigns with.
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Where checkpoints are submitted to it (C2SP tlog-witness), if the file says so.
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }
}

/// A time-stamping authority (RFC 3161) that is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeAuthority {
    name: String,
    certificate: Vec<u8>,
}

impl TimeAuthority {
    /// What to call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The trusted certificate, DER as far as base64 tells: the authority's own, or that of its issuer.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }
}

/// One witness's word that this was the log's largest tree at that time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// The witness's name in the policy file.
    pub witness: String,
    /// Seconds since 1970, by the witness's clock.
    pub unix_seconds: u64,
}

/// Who vouches for a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endorsement {
    /// The key of the log that signed it; the first in the note if several did.
    pub log_key: VerifierKey,
    /// The trusted witnesses that cosigned it, in the note's order.
    pub cosignatures: Vec<Cosignature>,
}

/// Trusted logs, witnesses, bundle keys and time authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustPolicy {
    logs: Vec<LogKey>,
    witnesses: Vec<Witness>,
    quorum: Quorum,
    bundle_keys: Vec<BundleKey>,
    time_authorities: Vec<TimeAuthority>,
}

impl TrustPolicy {
    /// Trust in one log key, without witnesses: `log <vkey>` and `quorum none`.
    pub fn of_log(key: VerifierKey) -> Self {
        Self {
            logs: vec![LogKey { key, sizes: None }],
            witnesses: Vec::new(),
            quorum: Quorum::default(),
            bundle_keys: Vec::new(),
            time_authorities: Vec::new(),
        }
    }

    /// Reads a C2SP tlog-policy file. A key of a type that cannot be verified here is
    /// refused, so that no quorum is silently out of reach.
    ///
    /// # Errors
    /// [`TrustError::Policy`].
    pub fn parse(policy_file: &[u8]) -> Result<Self, TrustError> {
        let file = policy::parse(policy_file)?;
        let logs = file.logs.into_iter().map(|key| LogKey { key, sizes: None });
        Ok(Self {
            logs: logs.collect(),
            witnesses: file.witnesses,
            quorum: file.quorum,
            bundle_keys: Vec::new(),
            time_authorities: Vec::new(),
        })
    }

    /// Adds what `trust.json` says.
    ///
    /// # Errors
    /// [`TrustError::File`], [`TrustError::BundleKey`].
    pub fn with_trust_json(mut self, trust_json: &[u8]) -> Result<Self, TrustError> {
        if trust_json.len() > MAX_TRUST_BYTES {
            return Err(TrustError::File("longer than 1 MiB"));
        }
        let file: TrustFile = serde_json::from_slice(trust_json).map_err(|_| {
            TrustError::File("not JSON with exactly the members of `trust.json`, each once")
        })?;
        if file.v != 1 {
            return Err(TrustError::File("its version is not 1"));
        }
        let rows = [
            file.log_keys.len(),
            file.bundle_keys.len(),
            file.time_authorities.len(),
        ];
        if rows.iter().any(|rows| *rows > MAX_ROWS) {
            return Err(TrustError::File("a list has more than 256 rows"));
        }
        for row in &file.log_keys {
            self.limit_log_key(row)?;
        }
        for row in &file.bundle_keys {
            self.add_bundle_key(row)?;
        }
        for row in file.time_authorities {
            self.time_authorities.push(row.read()?);
        }
        Ok(self)
    }

    fn limit_log_key(&mut self, row: &KeyRow) -> Result<(), TrustError> {
        let (key, sizes) = row.read()?;
        let known = self.logs.iter_mut().find(|log| log.key == key);
        match known {
            Some(log) if log.sizes.is_some() => Err(TrustError::File("a log key has two rows")),
            Some(log) => {
                log.sizes = Some(sizes);
                Ok(())
            }
            None => Err(TrustError::File("a log key is not in the policy file")),
        }
    }

    fn add_bundle_key(&mut self, row: &KeyRow) -> Result<(), TrustError> {
        let (key, sizes) = row.read()?;
        let origin = key.name().strip_suffix("/bundle");
        let of_log = |log: &LogKey| Some(log.key.name()) == origin;
        if !self.logs.iter().any(of_log) {
            return Err(TrustError::BundleKey(key.name().into()));
        }
        if self.bundle_keys.iter().any(|known| known.key == key) {
            return Err(TrustError::File("a bundle key has two rows"));
        }
        self.bundle_keys.push(BundleKey { key, sizes });
        Ok(())
    }

    /// Checks that a key of the log, valid for this size, signed the checkpoint. Witnesses
    /// are told where they cosigned, and not asked for.
    ///
    /// # Errors
    /// [`TrustError::Log`]; [`TrustError::Signature`] when any known key's line is not its
    /// signature, a witness's among them.
    pub fn verify_logged(&self, signed: &SignedCheckpoint) -> Result<Endorsement, TrustError> {
        self.endorse(signed).map(|(endorsement, _)| endorsement)
    }

    /// As [`TrustPolicy::verify_logged`], and that the policy's quorum of witnesses cosigned:
    /// what is asked of the newest checkpoint that someone relies on.
    ///
    /// # Errors
    /// As [`TrustPolicy::verify_logged`], and [`TrustError::Quorum`].
    pub fn verify_newest(&self, signed: &SignedCheckpoint) -> Result<Endorsement, TrustError> {
        let (endorsement, cosigned) = self.endorse(signed)?;
        if self.quorum.is_met(&cosigned) {
            Ok(endorsement)
        } else {
            Err(TrustError::Quorum)
        }
    }

    /// The cosignatures of one checkpoint, by time, up to the one with which the policy's
    /// quorum holds: the moment from which it vouches for the checkpoint. `None` when it does
    /// not, or asks nobody.
    pub fn quorum_reached(&self, cosignatures: &[Cosignature]) -> Option<Vec<Cosignature>> {
        if !self.asks_for_witnesses() {
            return None;
        }
        let mut by_time = cosignatures.to_vec();
        by_time.sort_by_key(|seen| seen.unix_seconds);
        let mut cosigned = vec![false; self.witnesses.len()];
        let enough = by_time.iter().position(|seen| {
            for (has, known) in cosigned.iter_mut().zip(&self.witnesses) {
                *has |= known.name == seen.witness;
            }
            self.quorum.is_met(&cosigned)
        })?;
        by_time.truncate(enough + 1);
        Some(by_time)
    }

    /// Who vouches for a checkpoint, and of each witness of the policy whether it does.
    fn endorse(&self, signed: &SignedCheckpoint) -> Result<(Endorsement, Vec<bool>), TrustError> {
        let checkpoint = signed.checkpoint();
        let log_keys: Vec<&VerifierKey> = self
            .logs
            .iter()
            .filter(|log| log.key.name() == checkpoint.origin())
            .filter(|log| log.is_valid_for(checkpoint.size()))
            .map(LogKey::key)
            .collect();
        let witness_keys = self.witnesses.iter().map(Witness::key);
        let known: Vec<_> = log_keys.iter().copied().chain(witness_keys).collect();
        let verified = signed.note().verify(&known).map_err(|error| match error {
            NoteError::Signature => TrustError::Signature,
            _ => TrustError::Log,
        })?;
        let mut cosigned = vec![false; self.witnesses.len()];
        let mut cosignatures = Vec::new();
        for (key, signature) in &verified {
            let number = self.witnesses.iter().position(|known| known.key == **key);
            if let (Some(number), Some(unix_seconds)) = (number, key.cosigned_at(signature)) {
                cosigned[number] = true;
                cosignatures.push(Cosignature {
                    witness: self.witnesses[number].name.clone(),
                    unix_seconds,
                });
            }
        }
        let log_key = verified
            .iter()
            .map(|(key, _)| *key)
            .find(|key| log_keys.contains(key))
            .ok_or(TrustError::Log)?
            .clone();
        let endorsement = Endorsement {
            log_key,
            cosignatures,
        };
        Ok((endorsement, cosigned))
    }

    /// The trusted keys of logs.
    pub fn logs(&self) -> &[LogKey] {
        &self.logs
    }

    /// The witnesses of the policy file, in its order.
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// Whether any witness is asked for at all.
    pub const fn asks_for_witnesses(&self) -> bool {
        self.quorum.rule.is_some()
    }

    /// The bundle keys that `trust.json` names; where there is one for an origin, it decides.
    pub fn bundle_keys(&self) -> &[BundleKey] {
        &self.bundle_keys
    }

    /// The time authorities that `trust.json` names.
    pub fn time_authorities(&self) -> &[TimeAuthority] {
        &self.time_authorities
    }
}

/// Checkpoint sizes, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) from: u64,
    pub(super) to: u64,
}

impl Sizes {
    const fn contain(self, size: u64) -> bool {
        self.from <= size && size <= self.to
    }
}

// Derived readers refuse members given twice, which a JSON value would silently merge.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrustFile {
    v: u64,
    log_keys: Vec<KeyRow>,
    bundle_keys: Vec<KeyRow>,
    time_authorities: Vec<AuthorityRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyRow {
    vkey: String,
    from: u64,
    #[serde(deserialize_with = "present")]
    to: Option<u64>,
}

impl KeyRow {
    fn read(&self) -> Result<(VerifierKey, Sizes), TrustError> {
        let key: VerifierKey = self
            .vkey
            .parse()
            .map_err(|_| TrustError::File("a key is not a vkey"))?;
        if key.signature_type() != SignatureType::Ed25519 {
            return Err(TrustError::File("a key is not of type Ed25519"));
        }
        let sizes = Sizes {
            from: self.from,
            to: self.to.unwrap_or(MAX_INTEGER),
        };
        if sizes.from < 1 || sizes.from > sizes.to || sizes.to > MAX_INTEGER {
            return Err(TrustError::File("a key's sizes are not a range from 1"));
        }
        Ok((key, sizes))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthorityRow {
    name: String,
    certificate: String,
}

impl AuthorityRow {
    fn read(self) -> Result<TimeAuthority, TrustError> {
        let certificate = BASE64_STANDARD
            .decode(&self.certificate)
            .ok()
            .filter(|der| !der.is_empty())
            .ok_or(TrustError::File("a certificate is not base64"))?;
        Ok(TimeAuthority {
            name: self.name,
            certificate,
        })
    }
}

/// An optional value whose member must be there, null or not.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Option::deserialize(deserializer)
}
