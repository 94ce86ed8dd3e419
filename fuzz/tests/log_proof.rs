//! Proofs: any hashes, sizes and indices are answered, and made-up ones are refused.

use bolero::check;
use custos_core::{
    hash::Hash,
    ids::LeafIndex,
    merkle::{Frontier, check_consistency, check_inclusion},
};

#[test]
fn log_proof() {
    type Claim = (u64, u64, u8, Vec<[u8; 32]>, [u8; 32], [u8; 32]);
    check!()
        .with_type()
        .for_each(|(a, b, shift, hashes, one, two): &Claim| {
            let (a, b) = (a >> (shift % 64), b >> (shift % 64));
            let proof: Vec<_> = hashes.iter().copied().map(Hash::from_bytes).collect();
            let (one, two) = (Hash::from_bytes(*one), Hash::from_bytes(*two));
            if let Ok(index) = LeafIndex::new(b) {
                let held = check_inclusion(&proof, a, &one, index, &two).is_ok();
                assert!(!held || (a == 1 && one == two));
            }
            let held = check_consistency(&proof, a, &one, b, &two).is_ok();
            assert!(!held || (a == b && one == two));
            if let Ok(frontier) = Frontier::from_bytes(a, &hashes.concat()) {
                assert_eq!(frontier.to_bytes(), hashes.concat());
                frontier.root();
            }
        });
}
