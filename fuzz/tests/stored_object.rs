//! Slot 27 and lists of commitments: what is read is written alike.

use bolero::check;
use custos_core::{
    hash::Hash,
    ids::ObjectId,
    json,
    object::{SegmentHeads, StoredObject},
};

#[test]
fn stored_object() {
    check!().for_each(|bytes: &[u8]| {
        if let Ok(value) = json::parse(bytes)
            && let Ok(stored) = StoredObject::from_value(&value)
        {
            assert_eq!(stored.to_value(), value);
        }
    });
}

#[test]
fn segment_heads() {
    let heads = Hash::from_bytes([0; 32]);
    let stored = StoredObject::new(ObjectId::from_bytes([1; 16]), 9, heads, heads);
    let stored = stored.expect("9 bytes are possible");
    check!().for_each(|bytes: &[u8]| {
        assert!(SegmentHeads::parse(&stored, bytes).is_err());
    });
}
