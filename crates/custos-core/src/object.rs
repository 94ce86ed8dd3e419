//! A stored object: what slot 27 says of it, and the list of its segments' commitments.
//!
//! ```text
//! slot 27 = {"blake3","heads","object","segments","size","suite"}
//! heads   = SHA-256(commitment 0 | commitment 1 | ...)     one for each segment
//! blake3  = BLAKE3 of all stored bytes: a bucket can be audited without any key
//! ```
//!
//! A segment that is swapped, rolled back or encrypted anew has another commitment than
//! the list, and a list that does not hash to `heads` is refused, so that nothing is
//! decrypted but what the entry was about.

use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use crate::{
    cipher::{COMMITMENT_BYTES, CipherError, Layout},
    hash::{Hash, Sha256},
    ids::ObjectId,
    json::{JsonError, Members, wrong},
};

/// The encryption of [`crate::cipher`], the only suite there is.
pub const SUITE: u64 = 1;

/// Why an object's description or list of commitments is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// The JSON form is not that of slot 27.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// 2^53 bytes or more.
    #[error(transparent)]
    Size(#[from] CipherError),
    /// More or fewer commitments than segments.
    #[error("the object has {segments} segments, the list names {listed}; nothing was decrypted")]
    Count {
        /// Segments that the size asks for.
        segments: u64,
        /// Commitments in the list.
        listed: u64,
    },
    /// The list is not the one that the entry commits to.
    #[error("the list of commitments is not the one in the entry; nothing was decrypted")]
    Heads,
}

/// Slot 27 of an adding entry; slot 27 of `restored` entries, which supersede it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredObject {
    object: ObjectId,
    layout: Layout,
    heads: Hash,
    blake3: Hash,
}

impl StoredObject {
    /// Describes an object of `size` plaintext bytes.
    ///
    /// # Errors
    /// [`ObjectError::Size`]: 2^53 bytes or more.
    pub fn new(
        object: ObjectId,
        size: u64,
        heads: Hash,
        blake3: Hash,
    ) -> Result<Self, ObjectError> {
        Ok(Self {
            object,
            layout: Layout::of(size)?,
            heads,
            blake3,
        })
    }

    /// Reads the value of slot 27.
    ///
    /// # Errors
    /// [`ObjectError::Json`] names the member: missing, unknown, of another type, another
    /// suite, or segments that do not follow from the size.
    pub fn from_value(value: &Value) -> Result<Self, ObjectError> {
        let members = Members::exactly(
            value,
            &["blake3", "heads", "object", "segments", "size", "suite"],
        )?;
        if members.integer("suite")? != SUITE {
            return Err(wrong("suite").into());
        }
        let stored = Self::new(
            members.parsed("object")?,
            members.integer("size")?,
            members.parsed("heads")?,
            members.parsed("blake3")?,
        )?;
        if members.integer("segments")? != stored.layout.segments() {
            return Err(wrong("segments").into());
        }
        Ok(stored)
    }

    /// The value of slot 27.
    pub fn to_value(&self) -> Value {
        json!({
            "blake3": self.blake3,
            "heads": self.heads,
            "object": self.object,
            "segments": self.layout.segments(),
            "size": self.layout.size(),
            "suite": SUITE,
        })
    }

    /// Id of the object, part of each segment's context.
    pub const fn object(&self) -> ObjectId {
        self.object
    }

    /// How its bytes lie in segments and chunks; its size and count of segments.
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// SHA-256 over all commitments.
    pub const fn heads(&self) -> &Hash {
        &self.heads
    }

    /// BLAKE3 over all stored bytes.
    pub const fn blake3(&self) -> &Hash {
        &self.blake3
    }
}

/// `heads` of slot 27: SHA-256 of the plain concatenation of all segments' commitments, in
/// the order of the segments.
pub fn heads(commitments: impl Iterator<Item = [u8; COMMITMENT_BYTES]>) -> Hash {
    let mut hasher = Sha256::new();
    for commitment in commitments {
        hasher.update(&commitment);
    }
    hasher.finish()
}

/// The commitments of all segments of one object, checked against its entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SegmentHeads(Vec<[u8; COMMITMENT_BYTES]>);

impl SegmentHeads {
    /// Takes the list in the order of the segments.
    ///
    /// # Errors
    /// [`ObjectError::Count`] or [`ObjectError::Heads`]: it is not the list of this object.
    pub fn check(
        stored: &StoredObject,
        commitments: Vec<[u8; COMMITMENT_BYTES]>,
    ) -> Result<Self, ObjectError> {
        let (segments, listed) = (stored.layout.segments(), commitments.len() as u64);
        if segments != listed {
            return Err(ObjectError::Count { segments, listed });
        }
        if heads(commitments.iter().copied()) != stored.heads {
            return Err(ObjectError::Heads);
        }
        Ok(Self(commitments))
    }

    /// Takes the list as it is kept: the plain concatenation, before which nothing stands.
    ///
    /// # Errors
    /// As [`SegmentHeads::check`]; a part of a commitment is counted as one too many.
    pub fn parse(stored: &StoredObject, bytes: &[u8]) -> Result<Self, ObjectError> {
        let (commitments, rest) = bytes.as_chunks::<COMMITMENT_BYTES>();
        let (segments, listed) = (stored.layout.segments(), commitments.len() as u64);
        if !rest.is_empty() || segments != listed {
            let listed = listed + u64::from(!rest.is_empty());
            return Err(ObjectError::Count { segments, listed });
        }
        Self::check(stored, commitments.to_vec())
    }

    /// The list as it is kept: the plain concatenation.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.concat()
    }

    /// Whether `commitment` is that of segment `segment`, compared in constant time; false
    /// for a segment that the object does not have.
    pub fn matches(&self, segment: u64, commitment: &[u8; COMMITMENT_BYTES]) -> bool {
        usize::try_from(segment)
            .ok()
            .and_then(|segment| self.0.get(segment))
            .is_some_and(|listed| bool::from(listed.ct_eq(commitment)))
    }

    /// The commitments in the order of the segments.
    pub fn commitments(&self) -> &[[u8; COMMITMENT_BYTES]] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE_SEGMENT: u64 = crate::cipher::SEGMENT_BYTES as u64;

    fn object(size: u64, list: &[[u8; COMMITMENT_BYTES]]) -> StoredObject {
        let heads = heads(list.iter().copied());
        let id = ObjectId::from_bytes([1; 16]);
        StoredObject::new(id, size, heads, Hash::from_bytes([2; 32])).expect("small")
    }

    #[test]
    fn slot_27_reads_as_written_and_no_other_way() {
        let stored = object(ONE_SEGMENT, &[[3; 32], [4; 32]]);
        let value = stored.to_value();
        assert_eq!(StoredObject::from_value(&value), Ok(stored));
        for (member, odd) in [
            ("suite", json!(2)),
            ("suite", json!("1")),
            ("segments", json!(1)),
            ("segments", json!(3)),
            ("size", json!(-1)),
            ("size", json!(1_u64 << 53)),
            ("heads", json!("AA".repeat(32))),
            ("object", json!(null)),
            ("spare", json!(1)),
        ] {
            let mut value = value.clone();
            value[member] = odd.clone();
            assert!(StoredObject::from_value(&value).is_err(), "{member} {odd}");
        }
    }

    #[test]
    fn only_the_list_of_the_entry_is_taken() {
        let (a, b) = ([3; 32], [4; 32]);
        let stored = object(ONE_SEGMENT, &[a, b]);
        let list = SegmentHeads::check(&stored, vec![a, b]).expect("the list of the entry");
        assert!(list.matches(0, &a) && list.matches(1, &b));
        assert!(!list.matches(1, &a) && !list.matches(2, &b) && !list.matches(u64::MAX, &a));
        assert_eq!(SegmentHeads::parse(&stored, &list.to_bytes()), Ok(list));
        let heads = Err(ObjectError::Heads);
        assert_eq!(SegmentHeads::check(&stored, vec![b, a]), heads);
        let segments = 2;
        for (bytes, listed) in [(0, 0), (32, 1), (63, 2), (65, 3), (96, 3)] {
            let bytes = vec![3; bytes];
            let count = ObjectError::Count { segments, listed };
            assert_eq!(SegmentHeads::parse(&stored, &bytes), Err(count));
        }
    }
}
