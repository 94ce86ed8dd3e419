//! Proofs hold exactly for what they prove.

use custos_core::{
    hash::Hash,
    ids::LeafIndex,
    merkle::{
        Frontier, MemoryLog, check_consistency, check_inclusion, leaf_hash, prove_consistency,
        prove_inclusion,
    },
};

/// Sizes up to this one are tried with every index and every older size.
const EVERY_PAIR_TO: u64 = 130;

fn log(size: u64) -> MemoryLog {
    (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

fn index(index: u64) -> LeafIndex {
    LeafIndex::new(index).expect("a small index")
}

/// The RFC 6962 definition, word for word: slow and independent of the code under test.
fn definition(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => custos_core::hash::sha256(&[]),
        [leaf] => *leaf,
        _ => {
            let split = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(split);
            custos_core::hash::sha256(&[
                &[1],
                definition(left).as_bytes(),
                definition(right).as_bytes(),
            ])
        }
    }
}

#[test]
fn every_leaf_of_every_small_tree_is_proven() {
    let whole = log(EVERY_PAIR_TO);
    let mut frontier = Frontier::empty();
    for size in 1..=EVERY_PAIR_TO {
        frontier.push(whole.leaves()[size as usize - 1]);
        let root = definition(&whole.leaves()[..size as usize]);
        assert_eq!(frontier.root(), root);
        assert_eq!(whole.root_at(size), Some(root));
        for n in 0..size {
            let proof = prove_inclusion(size, index(n), &whole).expect("in the tree");
            let leaf = whole.leaves()[n as usize];
            assert_eq!(
                check_inclusion(&proof, size, &root, index(n), &leaf),
                Ok(())
            );
        }
    }
}

#[test]
fn every_pair_of_small_trees_is_consistent() {
    let whole = log(EVERY_PAIR_TO);
    let roots: Vec<Hash> = (0..=EVERY_PAIR_TO)
        .map(|size| whole.root_at(size).expect("in the tree"))
        .collect();
    for new in 1..=EVERY_PAIR_TO {
        let new_root = roots[new as usize];
        for old in 1..=new {
            let old_root = roots[old as usize];
            let proof = prove_consistency(old, new, &whole).expect("in the tree");
            assert_eq!(
                check_consistency(&proof, old, &old_root, new, &new_root),
                Ok(())
            );
        }
    }
}
