//! Lengths and ranges: no overflow, and what is taken is consistent.

use bolero::check;
use custos_core::cipher::{Layout, SEGMENT_BYTES, plain_len, segment_offset};

#[test]
fn lengths() {
    type Numbers = (u64, u64, u64);
    check!().with_type().for_each(|(a, b, c): &Numbers| {
        if let Ok(plain) = plain_len(*a) {
            assert!(plain < *a);
        }
        if let Ok(layout) = Layout::of_stored(*a) {
            assert_eq!(layout.stored_len(), *a);
        }
        let _ = segment_offset(*a);
        let Ok(layout) = Layout::of(*a >> 11) else {
            panic!("all sizes below 2^53 are possible");
        };
        assert_eq!(Layout::of_stored(layout.stored_len()), Ok(layout));
        let asked = (*b).min(*c)..(*b).max(*c);
        if let Ok(mut pieces) = layout.pieces(asked.clone()) {
            let first = pieces.next().expect("a range that is taken is not empty");
            assert_eq!(first.segment, asked.start / SEGMENT_BYTES as u64);
            assert!(first.stored.end <= layout.stored_len());
        }
        let _ = layout.segment_stored(*b);
    });
}
