//! Receipts: one entry, its proof, and the checkpoint that it leads to (C2SP tlog-proof).
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra base64(JCS of the 32-member disclosed entry)
//! index 73894
//! gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=        the proof, from the leaf upwards
//!
//! room.example/log                                    the signed checkpoint, verbatim
//! ...
//! ```

mod proof;

use serde_json::Value;

pub use proof::{MAX_TLOG_PROOF_BYTES, TlogProof, TlogProofError};

use crate::{
    checkpoint::{Endorsement, SignedCheckpoint, TrustError, TrustPolicy},
    event::{Disclosed, EntryError, leaf_data, slot},
    hash::Hash,
    ids::{Id, LeafIndex, Timestamp},
    merkle::{MerkleError, leaf_hash},
};

/// Slots that are open in every receipt.
const ALWAYS_OPEN: [usize; 6] = [
    slot::V,
    slot::ORIGIN,
    slot::KIND,
    slot::TIME,
    slot::SCOPE,
    slot::SUBJECT,
];

/// Why something is not a receipt, or does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Not a tlog-proof.
    #[error(transparent)]
    Proof(#[from] TlogProofError),
    /// Its extra line is missing.
    #[error("a receipt carries its entry as the proof's extra data")]
    NoEntry,
    /// The entry is not one.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// A slot that every receipt opens is withheld.
    #[error("slot {0} is withheld; a receipt opens it")]
    Withheld(usize),
    /// Slot 31 is open; it never leaves the room.
    #[error("slot {slot} is open; no receipt opens it", slot = slot::ROWS)]
    RowsOpen,
    /// The entry names another log than the checkpoint.
    #[error("the entry's origin is not that of the checkpoint")]
    Origin,
    /// The entry is not in the tree of the checkpoint at its index.
    #[error("the entry is not in the log at its index: {0}")]
    Inclusion(MerkleError),
    /// The checkpoint is not trusted.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// Proof that one entry is in the custody log, with as much of it as its holder may see.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    proof: TlogProof,
    entry: Disclosed,
}

impl Receipt {
    /// Puts a receipt together; what does not prove its entry is refused.
    ///
    /// # Errors
    /// See [`ReceiptError`]; signatures are not checked.
    pub fn new(
        entry: Disclosed,
        index: LeafIndex,
        hashes: Vec<Hash>,
        checkpoint: SignedCheckpoint,
    ) -> Result<Self, ReceiptError> {
        let extra = Some(entry.to_jcs()?);
        let proof = TlogProof::new(index, hashes, extra, checkpoint)?;
        let receipt = Self { proof, entry };
        receipt.check_slots()?;
        receipt.check_inclusion()?;
        Ok(receipt)
    }

    /// Reads a receipt; it proves nothing before [`Receipt::verify`].
    ///
    /// # Errors
    /// See [`ReceiptError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let proof = TlogProof::parse(bytes)?;
        let entry = Disclosed::parse(proof.extra().ok_or(ReceiptError::NoEntry)?)?;
        let receipt = Self { proof, entry };
        receipt.check_slots()?;
        Ok(receipt)
    }

    /// The bytes that [`Receipt::parse`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.proof.to_bytes()
    }

    /// Whether a receipt shows a slot: all but 31, and 6 to 11 and 17 to 19 only to those
    /// who may count the scope. A writer may withhold more, save slots 0 to 3, 5 and 20.
    pub const fn may_open(slot: usize, may_count_scope: bool) -> bool {
        match slot {
            slot::ROWS => false,
            slot::SCOPE_NTH..=slot::SUBJECT_PREV | slot::POLICY_SET..=slot::APPROVALS => {
                may_count_scope
            }
            _ => true,
        }
    }

    /// Checks everything: the entry's commitment is in the tree of the checkpoint, a trusted
    /// key of the log signed that, and the policy's quorum of witnesses cosigned it.
    ///
    /// # Errors
    /// See [`ReceiptError`].
    pub fn verify(&self, policy: &TrustPolicy) -> Result<Endorsement, ReceiptError> {
        self.check_inclusion()?;
        Ok(policy.verify_newest(self.proof.checkpoint())?)
    }

    /// As [`Receipt::verify`] without asking for witnesses: for a receipt whose checkpoint
    /// is joined to a newer one that they cosigned.
    ///
    /// # Errors
    /// See [`ReceiptError`].
    pub fn verify_logged(&self, policy: &TrustPolicy) -> Result<Endorsement, ReceiptError> {
        self.check_inclusion()?;
        Ok(policy.verify_logged(self.proof.checkpoint())?)
    }

    fn check_slots(&self) -> Result<(), ReceiptError> {
        for always in ALWAYS_OPEN {
            if self.entry.value(always).is_none() {
                return Err(ReceiptError::Withheld(always));
            }
        }
        if self.entry.value(slot::ROWS).is_some() {
            return Err(ReceiptError::RowsOpen);
        }
        if self.entry.string(slot::ORIGIN) != Some(self.checkpoint().checkpoint().origin()) {
            return Err(ReceiptError::Origin);
        }
        Ok(())
    }

    fn check_inclusion(&self) -> Result<(), ReceiptError> {
        let leaf = leaf_hash(&leaf_data(self.entry.commitment()));
        self.proof
            .check_inclusion(&leaf)
            .map_err(ReceiptError::Inclusion)
    }

    /// The entry as its holder may see it.
    pub const fn entry(&self) -> &Disclosed {
        &self.entry
    }

    /// The entry's index in the log.
    pub const fn index(&self) -> LeafIndex {
        self.proof.index()
    }

    /// The checkpoint that the proof leads to.
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        self.proof.checkpoint()
    }

    /// The proof itself.
    pub const fn proof(&self) -> &TlogProof {
        &self.proof
    }

    /// What the receipt is about, in a few fields; as true as the receipt is verified.
    pub fn summary(&self) -> Summary<'_> {
        let subject = self.entry.value(slot::SUBJECT);
        let member = |name: &str| {
            subject
                .and_then(|subject| subject.get(name))
                .and_then(Value::as_str)
        };
        let checkpoint = self.checkpoint().checkpoint();
        Summary {
            origin: checkpoint.origin(),
            index: self.index(),
            size: checkpoint.size(),
            commitment: *self.entry.commitment(),
            kind: self.entry.string(slot::KIND).unwrap_or_default(),
            time: self
                .entry
                .value(slot::TIME)
                .and_then(Value::as_i64)
                .and_then(|micros| Timestamp::from_micros(micros).ok()),
            scope: self
                .entry
                .string(slot::SCOPE)
                .and_then(|id| id.parse().ok()),
            subject_type: member("type").unwrap_or_default(),
            subject_id: member("id").and_then(|id| id.parse().ok()),
        }
    }
}

/// What a receipt is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary<'a> {
    /// The log.
    pub origin: &'a str,
    /// The entry's index in it.
    pub index: LeafIndex,
    /// Leaves of the tree that the checkpoint signs.
    pub size: u64,
    /// The entry's commitment C, which the log holds.
    pub commitment: Hash,
    /// What happened.
    pub kind: &'a str,
    /// When, by the room's clock.
    pub time: Option<Timestamp>,
    /// In which scope.
    pub scope: Option<Id>,
    /// To what sort of thing.
    pub subject_type: &'a str,
    /// To which one.
    pub subject_id: Option<Id>,
}
