//! An entry as one reader is shown it.

use serde_json::{Value, json};

use super::{Commitments, EntryError, SLOTS, check_slot, commit_slot, kind, slot, types};
use crate::{
    hash::Hash,
    ids::hex_exact,
    json::{self, Members},
};

/// Longest disclosed entry that is read, in bytes of its JCS.
pub const MAX_DISCLOSED_BYTES: usize = 256 << 10;

/// One slot of a disclosed entry.
#[derive(Clone, Debug, PartialEq)]
pub enum DisclosedSlot {
    /// `{"k","value"}`: the slot's key and value, from which its commitment follows.
    Open {
        /// `k_i`, which opens this slot and no other.
        key: [u8; 32],
        /// The value.
        value: Value,
    },
    /// `{"c"}`: the commitment alone.
    Withheld(Hash),
}

/// An entry of which each slot is either open or withheld: a JSON array of 32 members.
///
/// Its commitment is computed from what it shows; it is trusted only once that commitment
/// is proven to be in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Disclosed {
    slots: Box<[DisclosedSlot; SLOTS]>,
    commitment: Hash,
}

impl Disclosed {
    /// Checks the open slots and computes the entry's commitment.
    ///
    /// # Errors
    /// An open slot of the wrong type; a detail open while the kind is withheld; slot 0 or 1
    /// withheld.
    pub fn new(slots: [DisclosedSlot; SLOTS]) -> Result<Self, EntryError> {
        let open = |slot: usize| match &slots[slot] {
            DisclosedSlot::Open { value, .. } => Some(value),
            DisclosedSlot::Withheld(_) => None,
        };
        for always in [slot::V, slot::ORIGIN] {
            if open(always).is_none() {
                return Err(EntryError::Type {
                    slot: always,
                    expected: "open",
                });
            }
        }
        let mut commitments = [Hash::from_bytes([0; 32]); SLOTS];
        for (slot, disclosed) in slots.iter().enumerate() {
            commitments[slot] = match disclosed {
                DisclosedSlot::Open { key, value } => {
                    check_slot(slot, value)?;
                    let detail = (slot::DETAIL..=slot::PROVENANCE).contains(&slot);
                    if detail && open(slot::KIND).is_none() {
                        return Err(EntryError::Type {
                            slot,
                            expected: "withheld while the kind is withheld",
                        });
                    }
                    commit_slot(slot, key, value)?
                }
                DisclosedSlot::Withheld(commitment) => *commitment,
            };
        }
        types::check_chains(open)?;
        types::check_detail(open(slot::KIND).and_then(Value::as_str), open)?;
        Ok(Self {
            commitment: Commitments::new(commitments).entry(),
            slots: Box::new(slots),
        })
    }

    /// Reads the JCS of a disclosed entry.
    ///
    /// # Errors
    /// Too long, not canonical, not of the form, or as [`Disclosed::new`].
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > MAX_DISCLOSED_BYTES {
            return Err(EntryError::TooLong);
        }
        Self::from_value(&json::parse(bytes)?)
    }

    /// Reads a disclosed entry that stands in other JSON of the formats.
    ///
    /// # Errors
    /// Not of the form, or as [`Disclosed::new`].
    pub fn from_value(value: &Value) -> Result<Self, EntryError> {
        let members: &[Value; SLOTS] = value
            .as_array()
            .and_then(|all| all.as_slice().try_into().ok())
            .ok_or(EntryError::Slots)?;
        let mut slots = Vec::with_capacity(SLOTS);
        for (slot, member) in members.iter().enumerate() {
            slots.push(parse_slot(member).ok_or(EntryError::Form(slot))?);
        }
        Self::new(slots.try_into().map_err(|_| EntryError::Slots)?)
    }

    /// The JCS that [`Disclosed::parse`] reads.
    ///
    /// # Errors
    /// Longer than a reader takes.
    pub fn to_jcs(&self) -> Result<Vec<u8>, EntryError> {
        let jcs = json::canonical(&self.to_value())?;
        if jcs.len() > MAX_DISCLOSED_BYTES {
            return Err(EntryError::TooLong);
        }
        Ok(jcs)
    }

    /// The array of 32 members that [`Disclosed::from_value`] reads.
    pub fn to_value(&self) -> Value {
        let members = self.slots.iter().map(|slot| match slot {
            DisclosedSlot::Open { key, value } => json!({"k": hex::encode(key), "value": value}),
            DisclosedSlot::Withheld(commitment) => json!({"c": commitment}),
        });
        Value::Array(members.collect())
    }

    /// `C`, as what is shown makes it.
    pub const fn commitment(&self) -> &Hash {
        &self.commitment
    }

    /// The slots in their order.
    pub fn slots(&self) -> &[DisclosedSlot; SLOTS] {
        &self.slots
    }

    /// A slot's value; `None` where it is withheld.
    pub fn value(&self, slot: usize) -> Option<&Value> {
        match self.slots.get(slot)? {
            DisclosedSlot::Open { value, .. } => Some(value),
            DisclosedSlot::Withheld(_) => None,
        }
    }

    /// An open slot's string.
    pub fn string(&self, slot: usize) -> Option<&str> {
        self.value(slot)?.as_str()
    }

    /// An open slot's integer.
    pub fn integer(&self, slot: usize) -> Option<u64> {
        self.value(slot)?.as_u64()
    }

    /// An open slot's hash.
    pub fn hash(&self, slot: usize) -> Option<Hash> {
        self.string(slot)?.parse().ok()
    }

    /// Whether this entry is known to add an item to its scope.
    pub fn adds_item(&self) -> bool {
        self.string(slot::KIND).is_some_and(kind::adds_item)
    }
}

fn parse_slot(member: &Value) -> Option<DisclosedSlot> {
    if let Ok(withheld) = Members::exactly(member, &["c"]) {
        return withheld.parsed("c").ok().map(DisclosedSlot::Withheld);
    }
    let open = Members::exactly(member, &["k", "value"]).ok()?;
    let key = hex_exact(open.string("k").ok()?, "a key").ok()?;
    Some(DisclosedSlot::Open {
        key,
        value: open.value("value").ok()?.clone(),
    })
}
