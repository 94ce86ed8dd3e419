//! A custody entry: 32 slots, their commitments, and what a reader is shown of them.
//!
//! ```text
//! c_i = SHA-256("custos/slot/v1" 0x00 | u8 i | k_i[32] | JCS(value_i))
//! k_i = HMAC-SHA-256(opening, u8 i)          link and body have an opening each
//! C   = SHA-256("custos/entry/v1" 0x00 | c_0 | ... | c_31)
//! leaf data = 0x01 | C[32]
//! ```
//!
//! The array is fixed, so that neither names nor absence betray what is withheld. An absent
//! value is null and is committed to like any other.

mod control;
mod disclosed;
mod types;

use serde_json::Value;
use zeroize::{Zeroize, ZeroizeOnDrop};

pub use control::{Control, ControlKind, Previous};
pub use disclosed::{Disclosed, DisclosedSlot, MAX_DISCLOSED_BYTES};
pub(crate) use types::DERIVATION;
pub use types::{SUBJECT_TYPES, check_slot};

use crate::{
    hash::{Hash, HmacKey, sha256},
    json::{self, JsonError},
};

/// Slots of an entry.
pub const SLOTS: usize = 32;

/// Names of the slots, as `docs/FORMATS.md` numbers them.
pub mod slot {
    #![allow(missing_docs)]
    pub const V: usize = 0;
    pub const ORIGIN: usize = 1;
    pub const KIND: usize = 2;
    pub const TIME: usize = 3;
    pub const CASE: usize = 4;
    pub const SCOPE: usize = 5;
    pub const SCOPE_NTH: usize = 6;
    pub const SCOPE_PREV: usize = 7;
    pub const ITEM_NTH: usize = 8;
    pub const ITEM_PREV: usize = 9;
    pub const SUBJECT_NTH: usize = 10;
    pub const SUBJECT_PREV: usize = 11;
    pub const ACTOR: usize = 12;
    pub const ROLE: usize = 13;
    pub const AUTHENTICATION: usize = 14;
    pub const SIGNATURE: usize = 15;
    pub const AUTHORITY: usize = 16;
    pub const POLICY_SET: usize = 17;
    pub const DECISION: usize = 18;
    pub const APPROVALS: usize = 19;
    pub const SUBJECT: usize = 20;
    pub const PURPOSE: usize = 21;
    pub const DETAIL: usize = 22;
    pub const SIZE: usize = 22;
    pub const SHA256: usize = 23;
    pub const CONTENT_ROOT: usize = 24;
    pub const RECORD_TREE: usize = 24;
    pub const MEDIA_TYPE: usize = 25;
    pub const DECLARED: usize = 26;
    pub const STORED: usize = 27;
    pub const DERIVATION: usize = 28;
    pub const DESCRIPTION: usize = 29;
    pub const PROVENANCE: usize = 30;
    pub const ROWS: usize = 31;
}

/// The closed list of kinds; `docs/FORMATS.md` gives the detail of each.
///
/// Those with a constant are the ones that readers give a meaning to; the others are words
/// to them.
pub mod kind {
    #![allow(missing_docs)]
    pub const DEPOSIT: &str = "deposit";
    pub const DERIVE: &str = "derive";
    pub const MOVE_IN: &str = "move_in";
    pub const RECORD_TREE: &str = "record_tree";
    pub const REGISTER: &str = "register";
    pub const EXPUNGE: &str = "expunge";
    pub const RESTORED: &str = "restored";
    pub const BUNDLE: &str = "bundle";
    pub const COVER: &str = "cover";
    pub const EXPORT: &str = "export";

    /// Every kind that a room may write, ascending; a reader takes others too.
    pub const ALL: &[&str] = &[
        "account_status",
        "audit",
        BUNDLE,
        "bundle_taken",
        "case_merge",
        "case_open",
        "case_stage",
        "case_transfer",
        "clock",
        "correct",
        COVER,
        DEPOSIT,
        DERIVE,
        "enrolment_issue",
        "enrolment_use",
        "exhibit",
        EXPORT,
        EXPUNGE,
        "history",
        "lift_restriction",
        "list",
        "mail_address",
        MOVE_IN,
        "order",
        "party_add",
        "password_set",
        "person_add",
        "person_create",
        "person_leave",
        "person_status",
        "policy_set",
        "read",
        "receipt",
        RECORD_TREE,
        "refuse",
        REGISTER,
        "request",
        "request_approve",
        "request_end",
        RESTORED,
        "restrict",
        "role_end",
        "serve",
        "session_end",
        "sign_in",
        "sign_in_failed",
        "sign_out",
        "timestamp",
        "timestamp_ask",
        "token_issue",
        "token_revoke",
        "transfer",
        "view",
        "view_close",
        "wall",
    ];

    /// Whether a room may write this kind.
    pub fn is_known(kind: &str) -> bool {
        ALL.binary_search(&kind).is_ok()
    }

    /// Whether entries of this kind add an item to their scope.
    pub fn adds_item(kind: &str) -> bool {
        matches!(kind, DEPOSIT | DERIVE | MOVE_IN)
    }
}

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The JSON form is not that of the formats.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A slot's value is not of the slot's type.
    #[error("slot {slot} is not {expected}")]
    Type {
        /// The slot's number, 0 to 31.
        slot: usize,
        /// What it should be.
        expected: &'static str,
    },
    /// Not an array of exactly 32 members of the form `{"k","value"}` or `{"c"}`.
    #[error("slot {0} is neither `k` and `value` nor `c`")]
    Form(usize),
    /// Not an array of exactly 32 members.
    #[error("an entry has exactly {SLOTS} slots")]
    Slots,
    /// Larger than [`MAX_DISCLOSED_BYTES`], or than a leaf may be.
    #[error("an entry is longer than its limit")]
    TooLong,
    /// A public control entry that is not of its form.
    #[error("not a control entry: {0}")]
    Control(&'static str),
}

/// Which opening a slot's key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Order, actor and decision: survives expungement.
    Link,
    /// Subject, purpose and detail: destroyed with its subject.
    Body,
}

impl Group {
    /// The group of a slot: 20 to 30 are body, all others link.
    pub const fn of(slot: usize) -> Self {
        if slot >= slot::SUBJECT && slot <= slot::PROVENANCE {
            Self::Body
        } else {
            Self::Link
        }
    }
}

/// 32 fresh random bytes from which the keys of one group of slots follow.
///
/// Whoever holds an opening can open every slot of its group, so it never leaves the room.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Opening([u8; 32]);

impl Opening {
    /// An opening from 32 bytes that were never used before.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, to be stored encrypted.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// `k_i = HMAC-SHA-256(opening, u8 i)`, the key of one slot.
    pub fn slot_key(&self, slot: usize) -> [u8; 32] {
        HmacKey::new(&self.0).tag(&[&[slot_byte(slot)]])
    }
}

impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opening([redacted])")
    }
}

/// The openings of an entry that is still to come, with all that follows from them alone: more
/// than half of the work of committing. Made ahead, used for one entry.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Blank {
    link: Opening,
    body: Opening,
    keys: [[u8; 32]; SLOTS],
    /// What each slot commits to when it is null, as most are.
    #[zeroize(skip)]
    nulls: [Hash; SLOTS],
}

impl Blank {
    /// Takes the two openings of one entry.
    pub fn new(link: Opening, body: Opening) -> Self {
        let (of_link, of_body) = (HmacKey::new(&link.0), HmacKey::new(&body.0));
        let keys: [[u8; 32]; SLOTS] = std::array::from_fn(|slot| {
            let of_group = match Group::of(slot) {
                Group::Link => &of_link,
                Group::Body => &of_body,
            };
            of_group.tag(&[&[slot_byte(slot)]])
        });
        let nulls = std::array::from_fn(|slot| commit_jcs(slot, &keys[slot], NULL));
        Self {
            link,
            body,
            keys,
            nulls,
        }
    }

    /// The opening of the link slots, to be stored encrypted.
    pub const fn link(&self) -> &Opening {
        &self.link
    }

    /// The opening of the body slots, to be stored encrypted.
    pub const fn body(&self) -> &Opening {
        &self.body
    }
}

impl std::fmt::Debug for Blank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Blank([redacted])")
    }
}

/// The JCS of an absent value.
const NULL: &[u8] = b"null";

/// `c_i`: the commitment to one slot's value under its key.
///
/// # Errors
/// The value is not JSON of the formats.
pub fn commit_slot(slot: usize, key: &[u8; 32], value: &Value) -> Result<Hash, JsonError> {
    Ok(commit_jcs(slot, key, &json::canonical(value)?))
}

fn commit_jcs(slot: usize, key: &[u8; 32], jcs: &[u8]) -> Hash {
    sha256(&[b"custos/slot/v1\0", &[slot_byte(slot)], key, jcs])
}

/// The commitments to all slots of one entry, and what they make together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitments([Hash; SLOTS]);

impl Commitments {
    /// Takes the 32 commitments in the order of their slots.
    pub const fn new(slots: [Hash; SLOTS]) -> Self {
        Self(slots)
    }

    /// The 32 commitments in the order of their slots.
    pub const fn slots(&self) -> &[Hash; SLOTS] {
        &self.0
    }

    /// `C`, which the log holds.
    pub fn entry(&self) -> Hash {
        let mut parts: [&[u8]; SLOTS + 1] = [&[]; SLOTS + 1];
        parts[0] = b"custos/entry/v1\0";
        for (part, commitment) in parts[1..].iter_mut().zip(&self.0) {
            *part = commitment.as_bytes();
        }
        sha256(&parts)
    }
}

/// What the log holds of an entry: `0x01 | C[32]`.
pub fn leaf_data(entry: &Hash) -> [u8; 33] {
    let mut data = [0x01; 33];
    data[1..].copy_from_slice(entry.as_bytes());
    data
}

/// An entry with all its values: what the room keeps, in two encrypted parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    values: [Value; SLOTS],
    /// The JCS of each value, made once.
    jcs: Box<[Vec<u8>; SLOTS]>,
}

impl Entry {
    /// Checks the type of every slot.
    ///
    /// # Errors
    /// [`EntryError::Type`] names the slot; a value is not JSON of the formats.
    pub fn new(values: [Value; SLOTS]) -> Result<Self, EntryError> {
        let mut jcs = Box::new([const { Vec::new() }; SLOTS]);
        for (slot, value) in values.iter().enumerate() {
            check_slot(slot, value)?;
            jcs[slot] = json::canonical(value)?;
        }
        types::check_chains(|slot| Some(&values[slot]))?;
        types::check_detail(values[slot::KIND].as_str(), |slot| Some(&values[slot]))?;
        Ok(Self { values, jcs })
    }

    /// The values in the order of their slots.
    pub const fn values(&self) -> &[Value; SLOTS] {
        &self.values
    }

    /// The JCS of a slot's value, as its commitment takes it.
    pub fn jcs(&self, slot: usize) -> &[u8] {
        &self.jcs[slot]
    }

    /// The commitments under these openings.
    pub fn commit(&self, link: &Opening, body: &Opening) -> Commitments {
        self.commit_on(&Blank::new(link.clone(), body.clone()))
    }

    /// The commitments under the openings of `blank`.
    pub fn commit_on(&self, blank: &Blank) -> Commitments {
        Commitments(std::array::from_fn(|slot| {
            if self.jcs[slot] == NULL {
                blank.nulls[slot]
            } else {
                commit_jcs(slot, &blank.keys[slot], &self.jcs[slot])
            }
        }))
    }

    /// The entry with the slots of `open` opened and all others withheld.
    ///
    /// # Errors
    /// What is open does not fit together: a detail without its kind.
    pub fn disclose(
        &self,
        link: &Opening,
        body: &Opening,
        open: impl Fn(usize) -> bool,
    ) -> Result<Disclosed, EntryError> {
        let commitments = self.commit(link, body);
        let slots = std::array::from_fn(|slot| {
            if open(slot) {
                let opening = match Group::of(slot) {
                    Group::Link => link,
                    Group::Body => body,
                };
                DisclosedSlot::Open {
                    key: opening.slot_key(slot),
                    value: self.values[slot].clone(),
                }
            } else {
                DisclosedSlot::Withheld(commitments.0[slot])
            }
        });
        Disclosed::new(slots)
    }
}

/// Slots are numbered 0 to 31.
fn slot_byte(slot: usize) -> u8 {
    u8::try_from(slot).expect("slots are numbered 0 to 31")
}

#[cfg(test)]
mod tests;
