//! Wrapped keys: nothing opens that was not wrapped for the place.

use bolero::check;
use custos_core::{ids::KeyId, keys::Purpose, wrap::unwrap};

#[test]
fn wrapped_key() {
    let id = KeyId::from_bytes([1; 16]);
    check!().for_each(|bytes: &[u8]| {
        assert!(unwrap(&[7; 32], &id, &id, Purpose::Data, bytes).is_err());
    });
}
