//! The keys of one log, as its own control entries name them: which of them signs which size.
//!
//! ```text
//! entry 0        open   [A]        A signs sizes 1 to i + 1
//! entry i        keys   [B]        B signs sizes i + 1 and above
//! checkpoint     i + 1             both sign: whoever trusts either can go on from it
//! ```
//!
//! This is for whoever reads a log that they have reason to believe: the room itself, or a
//! verifier behind the checkpoint. Whom to trust at all comes from outside ([`super::TrustPolicy`]).

use super::{
    CheckpointError, NoteError, SignedCheckpoint,
    key::{SignatureType, VerifierKey},
    trust::{LogKey, Sizes},
};
use crate::{
    checkpoint::Checkpoint,
    event::Control,
    ids::{LeafIndex, MAX_INTEGER},
};

/// Most control entries that are read of one log; `trust.json` has no more rows.
pub const MAX_CONTROLS: usize = 256;

/// Why control entries do not say who signs a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogKeysError {
    /// None names a key that could sign.
    #[error("no control entry names a key of the log")]
    None,
    /// They do not stand in the order of their indices.
    #[error("the control entries are not in their order")]
    Order,
    /// More than [`MAX_CONTROLS`].
    #[error("there are more than {MAX_CONTROLS} control entries")]
    TooMany,
    /// A key that was retired comes back, or two have one id, so that a note could not tell them
    /// apart.
    #[error("entry {0} names a key that was retired before, or one with the id of another")]
    Again(u64),
}

/// The keys of one log, each with the sizes that it signs, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogKeys(Vec<LogKey>);

impl LogKeys {
    /// One key for every size.
    pub fn of(key: VerifierKey) -> Self {
        Self(vec![LogKey::new(key, 1, None)])
    }

    /// The keys that a log's control entries name, in the order of their indices. Keys of other
    /// names or of types that can't be verified here are passed over.
    ///
    /// # Errors
    /// [`LogKeysError`].
    pub fn named_by<'a>(
        controls: impl IntoIterator<Item = (LeafIndex, &'a Control)>,
    ) -> Result<Self, LogKeysError> {
        let mut keys: Vec<LogKey> = Vec::new();
        let mut last = None;
        for (count, (index, control)) in controls.into_iter().enumerate() {
            if count == MAX_CONTROLS {
                return Err(LogKeysError::TooMany);
            }
            if last.replace(index).is_some_and(|last| last >= index) {
                return Err(LogKeysError::Order);
            }
            // The first size that holds the entry; an index is below 2^53 - 1.
            let size = index.get() + 1;
            let named = named(control);
            for known in keys.iter_mut().filter(|known| known.is_present()) {
                if !named.contains(known.key()) {
                    known.retire(size);
                }
            }
            for key in named {
                let same = |known: &&LogKey| known.key().id() == key.id();
                match keys.iter().find(same) {
                    None => keys.push(LogKey::new(key, size, None)),
                    Some(known) if *known.key() == key && known.is_present() => {}
                    Some(_) => return Err(LogKeysError::Again(index.get())),
                }
            }
        }
        if keys.is_empty() {
            return Err(LogKeysError::None);
        }
        Ok(Self(keys))
    }

    /// Each key with its sizes, the oldest first.
    pub fn all(&self) -> &[LogKey] {
        &self.0
    }

    /// The newest key: the one that signs now.
    pub fn present(&self) -> &VerifierKey {
        self.0.last().expect("there is at least one key").key()
    }

    /// The sizes that two keys sign, ascending: the first after each rotation.
    pub fn turns(&self) -> impl DoubleEndedIterator<Item = u64> {
        let turns = self.0.iter().map(|key| key.from()).filter(|from| *from > 1);
        turns.collect::<Vec<_>>().into_iter()
    }

    /// The keys that sign a checkpoint of this size: two of them where a key follows another.
    pub fn valid_for(&self, size: u64) -> Vec<&VerifierKey> {
        let valid = self.0.iter().filter(|key| key.is_valid_for(size));
        valid.map(LogKey::key).collect()
    }

    /// The keys that sign from this size on, without one that only ends with it.
    pub fn from_size(&self, size: u64) -> Vec<&VerifierKey> {
        let stay = |key: &&LogKey| key.is_valid_for(size) && key.to().is_none_or(|to| to > size);
        self.0.iter().filter(stay).map(LogKey::key).collect()
    }

    /// Checks that a key which is valid for its size signed this checkpoint, and that no valid
    /// key's line is anything but its signature.
    ///
    /// # Errors
    /// As [`SignedCheckpoint::verify`].
    pub fn verify<'a>(
        &self,
        signed: &'a SignedCheckpoint,
    ) -> Result<&'a Checkpoint, CheckpointError> {
        self.signers(signed)?;
        Ok(signed.checkpoint())
    }

    /// Checks that every key which is valid for its size signed this checkpoint.
    ///
    /// # Errors
    /// As [`LogKeys::verify`]; [`NoteError::Unsigned`] where one is missing.
    pub fn verify_all(&self, signed: &SignedCheckpoint) -> Result<(), CheckpointError> {
        let wanted = self.valid_for(signed.checkpoint().size()).len();
        match self.signers(signed)? {
            signers if signers.len() == wanted => Ok(()),
            _ => Err(NoteError::Unsigned.into()),
        }
    }

    /// The key whose line is first among those that are valid for this checkpoint: what a
    /// timestamp is taken over.
    pub fn signer<'k>(&'k self, signed: &SignedCheckpoint) -> Option<&'k VerifierKey> {
        self.signers(signed).ok()?.first().copied()
    }

    /// A key of this log that signed a checkpoint of a size that is not its to sign: whoever did
    /// it has a key that was retired, or that was not in use yet.
    pub fn misused<'k>(&'k self, signed: &SignedCheckpoint) -> Option<&'k LogKey> {
        let size = signed.checkpoint().size();
        let others = self.0.iter().filter(|key| !key.is_valid_for(size));
        others
            .into_iter()
            .find(|key| signed.verify(key.key()).is_ok())
    }

    fn signers<'k>(
        &'k self,
        signed: &SignedCheckpoint,
    ) -> Result<Vec<&'k VerifierKey>, CheckpointError> {
        let checkpoint = signed.checkpoint();
        let mut valid = self.valid_for(checkpoint.size());
        if valid.iter().any(|key| key.name() != checkpoint.origin()) {
            return Err(CheckpointError::Origin);
        }
        valid.dedup();
        let verified = signed.note().verify(&valid)?;
        Ok(verified.into_iter().map(|(key, _)| key).collect())
    }
}

/// The keys that a control entry names and that can be verified here, each once.
fn named(control: &Control) -> Vec<VerifierKey> {
    let mut keys: Vec<VerifierKey> = Vec::new();
    for vkey in &control.log_keys {
        let Ok(key) = vkey.parse::<VerifierKey>() else {
            continue;
        };
        let signs = key.name() == control.origin && key.signature_type() == SignatureType::Ed25519;
        if signs && !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

impl LogKey {
    fn new(key: VerifierKey, from: u64, to: Option<u64>) -> Self {
        let to = to.unwrap_or(MAX_INTEGER);
        let sizes = Some(Sizes { from, to });
        Self { key, sizes }
    }

    fn is_present(&self) -> bool {
        self.to().is_none()
    }

    fn retire(&mut self, size: u64) {
        let from = self.from();
        self.sizes = Some(Sizes { from, to: size });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checkpoint::NoteSigner, event::ControlKind, hash::sha256};

    const ORIGIN: &str = "room.example/log";

    fn signer(seed: u8) -> NoteSigner {
        NoteSigner::from_seed(ORIGIN, &[seed; 32]).expect("a signer")
    }

    fn control(kind: ControlKind, keys: &[&NoteSigner]) -> Control {
        Control {
            kind,
            origin: ORIGIN.into(),
            log_keys: keys.iter().map(|k| k.verifier_key().to_string()).collect(),
            bundle_keys: vec![],
            previous: None,
        }
    }

    fn read(controls: &[(u64, Control)]) -> Result<LogKeys, LogKeysError> {
        let controls = controls.iter().map(|(index, control)| {
            let index = LeafIndex::new(*index).expect("small");
            (index, control)
        });
        LogKeys::named_by(controls)
    }

    fn note(size: u64, signers: &[&NoteSigner]) -> SignedCheckpoint {
        let checkpoint = Checkpoint::new(ORIGIN, size, sha256(&[b"root"])).expect("a checkpoint");
        SignedCheckpoint::sign(checkpoint, signers).expect("signed")
    }

    #[test]
    fn each_key_signs_its_sizes_and_two_sign_where_they_meet() {
        let (a, b, c) = (signer(1), signer(2), signer(3));
        let keys = read(&[
            (0, control(ControlKind::Open, &[&a])),
            (9, control(ControlKind::Keys, &[&b])),
            // Other keys of bundles alone change nothing.
            (12, control(ControlKind::Keys, &[&b])),
            (20, control(ControlKind::Keys, &[&c])),
        ])
        .expect("they say who signs");
        let sizes = keys.all().iter().map(|key| (key.from(), key.to()));
        assert_eq!(
            sizes.collect::<Vec<_>>(),
            [(1, Some(10)), (10, Some(21)), (21, None)]
        );
        assert_eq!(keys.present(), c.verifier_key());
        assert_eq!(keys.turns().collect::<Vec<_>>(), [10, 21]);
        for (size, by, holds) in [
            (1, &a, true),
            (10, &a, true),
            (11, &a, false),
            (9, &b, false),
            (10, &b, true),
            (21, &b, true),
            (22, &b, false),
            (20, &c, false),
            (21, &c, true),
            (1 << 40, &c, true),
        ] {
            let signed = note(size, &[by]);
            assert_eq!(keys.verify(&signed).is_ok(), holds, "{size}");
            let misused = keys.misused(&signed).map(LogKey::key);
            assert_eq!(misused, (!holds).then_some(by.verifier_key()), "{size}");
        }
        let stranger = note(5, &[&signer(9)]);
        assert!(keys.verify(&stranger).is_err());
        assert_eq!(keys.misused(&stranger), None);
    }

    #[test]
    fn where_two_sign_both_must_be_there_for_the_room_itself() {
        let (a, b) = (signer(1), signer(2));
        let keys = read(&[
            (0, control(ControlKind::Open, &[&a])),
            (9, control(ControlKind::Keys, &[&b])),
        ])
        .expect("they say who signs");
        let both = note(10, &[&a, &b]);
        keys.verify_all(&both).expect("both");
        assert_eq!(keys.signer(&both), Some(a.verifier_key()));
        for one in [&a, &b] {
            let alone = note(10, &[one]);
            keys.verify(&alone).expect("one is enough to read it");
            assert_eq!(keys.signer(&alone), Some(one.verifier_key()));
            keys.verify_all(&alone).expect_err("the other is missing");
        }
        keys.verify_all(&note(9, &[&a])).expect("one signs");
        assert_eq!(keys.from_size(10), [b.verifier_key()]);
        assert_eq!(keys.from_size(9), [a.verifier_key()]);
        // A false line of one of the two spoils the note.
        let other = note(9, &[&b]);
        let line = other.note().signatures()[0].clone();
        let spoilt = note(10, &[&a]).with_signature(line).expect("joined");
        keys.verify(&spoilt).expect_err("a false line");
    }

    #[test]
    fn control_entries_that_do_not_say_who_signs_are_refused() {
        let (a, b) = (signer(1), signer(2));
        let open = || (0, control(ControlKind::Open, &[&a]));
        let keys = |index, key| (index, control(ControlKind::Keys, &[key]));
        assert_eq!(read(&[]), Err(LogKeysError::None));
        let nothing = (0, control(ControlKind::Open, &[]));
        assert_eq!(read(&[nothing]), Err(LogKeysError::None));
        assert_eq!(read(&[open(), open()]), Err(LogKeysError::Order));
        let back = [open(), keys(3, &b), keys(5, &a)];
        assert_eq!(read(&back), Err(LogKeysError::Again(5)));
        let mut many = vec![open()];
        many.extend((1..=MAX_CONTROLS as u64).map(|index| keys(index, &a)));
        assert_eq!(read(&many), Err(LogKeysError::TooMany));
        many.pop();
        assert_eq!(read(&many), Ok(LogKeys::of(a.verifier_key().clone())));
    }
}
