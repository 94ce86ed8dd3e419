//! Multi-proofs: what parses has one spelling, and only true proofs verify.

use bolero::check;
use custos_core::{
    content::{LEAF_SALT_BYTES, MultiProof, ShownLeaf, TreeKind, Verifier},
    hash::Hash,
};

#[test]
fn multi_proof() {
    check!().for_each(|bytes: &[u8]| {
        if let Ok(proof) = MultiProof::parse(bytes) {
            assert_eq!(proof.to_jcs().as_deref(), Ok(bytes));
        }
    });
}

#[test]
fn multi_proof_text() {
    // Random bytes are hardly ever JSON: this target fills a proof's form.
    type Parts = (u64, Vec<(u64, u32, u8)>, u8);
    check!()
        .with_type()
        .for_each(|(n, leaves, hashes): &Parts| {
            let hex = |byte: u8, times: usize| format!("{byte:02x}").repeat(times);
            let hashes: Vec<String> = (0..*hashes)
                .map(|hash| format!("\"{}\"", hex(hash, 32)))
                .collect();
            let leaves: Vec<String> = leaves
                .iter()
                .map(|(i, length, salt)| {
                    let salt = hex(*salt, LEAF_SALT_BYTES);
                    format!("{{\"i\":{i},\"length\":{length},\"salt\":\"{salt}\"}}")
                })
                .collect();
            let (hashes, leaves) = (hashes.join(","), leaves.join(","));
            let text = format!("{{\"hashes\":[{hashes}],\"leaves\":[{leaves}],\"n\":{n}}}");
            if let Ok(proof) = MultiProof::parse(text.as_bytes()) {
                assert_eq!(proof.to_jcs().as_deref(), Ok(text.as_bytes()));
            }
        });
}

#[test]
fn multi_proof_parts() {
    type Parts = (u8, Vec<(u8, u8)>, Vec<u8>, bool);
    check!()
        .with_type()
        .for_each(|(n, leaves, hashes, records): &Parts| {
            let leaves = leaves.iter().map(|(index, length)| ShownLeaf {
                index: u64::from(*index),
                length: u32::from(*length),
                salt: [*index; LEAF_SALT_BYTES],
            });
            let hashes = hashes.iter().map(|byte| Hash::from_bytes([*byte; 32]));
            let Ok(proof) = MultiProof::new(u64::from(*n), leaves.collect(), hashes.collect())
            else {
                return;
            };
            let kind = if *records {
                TreeKind::Records
            } else {
                TreeKind::Content
            };
            let Ok(mut verifier) = Verifier::new(&proof, kind) else {
                return;
            };
            for leaf in proof.leaves() {
                let bytes = vec![0; leaf.length as usize];
                verifier.leaf(&bytes).expect("as long as the proof says");
            }
            // The root of some other tree is never reached.
            assert!(verifier.finish(&Hash::from_bytes([0; 32])).is_err());
        });
}
