//! Trees against `rs_merkle` and RFC 6962's own definition; proofs of every subset.

use proptest::prelude::*;

use super::{nodes::node, *};

fn key() -> TreeKey {
    TreeKey::from_bytes([5; KEY_BYTES])
}

fn record(i: u64) -> Vec<u8> {
    format!("record {i}").into_bytes()
}

fn record_hashes(n: u64) -> Vec<Hash> {
    (0..n)
        .map(|i| leaf_hash(TreeKind::Records, &leaf_salt(&key(), i), &record(i)))
        .collect()
}

fn shown(index: u64) -> ShownLeaf {
    ShownLeaf {
        index,
        length: record(index).len() as u32,
        salt: leaf_salt(&key(), index),
    }
}

fn built(hashes: &[Hash]) -> Tree {
    let mut builder = TreeBuilder::new();
    hashes.iter().for_each(|hash| builder.push(*hash));
    builder.finish().expect("at least one leaf")
}

/// RFC 6962 section 2.1, as it is written: split at the largest power of two below n.
fn by_definition(hashes: &[Hash]) -> Hash {
    match hashes {
        [lone] => *lone,
        _ => {
            let (left, right) = hashes.split_at(hashes.len().next_power_of_two() / 2);
            node(&by_definition(left), &by_definition(right))
        }
    }
}

/// Makes the proof in both ways, which must agree, and verifies it after a round trip.
fn prove(hashes: &[Hash], tree: &Tree, indices: &[u64]) -> MultiProof {
    let leaves: Vec<ShownLeaf> = indices.iter().map(|i| shown(*i)).collect();
    let proof = MultiProof::from_leaves(hashes, leaves.clone()).expect("indices of the tree");
    let by_subtrees = MultiProof::from_subtrees(tree, leaves, |range| {
        Ok::<_, ()>(hashes[range.start as usize..range.end as usize].to_vec())
    });
    assert_eq!(by_subtrees.as_ref(), Ok(&proof));
    let parsed = MultiProof::parse(&proof.to_jcs().expect("short"));
    assert_eq!(parsed.as_ref(), Ok(&proof));
    let logged = tree.logged_root(TreeKind::Records);
    let bytes = indices.iter().map(|i| record(*i));
    assert_eq!(proof.verify(TreeKind::Records, &logged, bytes), Ok(()));
    proof
}

#[test]
fn every_subset_of_small_trees_is_proven() {
    for n in 1..=9_u64 {
        let hashes = record_hashes(n);
        let tree = built(&hashes);
        for subset in 1_u64..1 << n {
            let indices: Vec<u64> = (0..n).filter(|i| subset >> i & 1 == 1).collect();
            prove(&hashes, &tree, &indices);
        }
    }
}

#[test]
fn every_pair_around_subtrees_is_proven() {
    for n in [15, 16, 17, 31, 32, 33, 48, 49] {
        let hashes = record_hashes(n);
        let tree = built(&hashes);
        for (a, b) in (0..n).flat_map(|a| (a..n).map(move |b| (a, b))) {
            let mut indices = vec![a, b];
            indices.dedup();
            prove(&hashes, &tree, &indices);
        }
    }
}

#[test]
fn roots_agree_on_both_sides_of_the_limit() {
    let limit = RS_MERKLE_LEAVES as u64;
    for n in (1..70).chain([limit - 1, limit, limit + 1, 3 * limit + 7]) {
        let hashes = record_hashes(n);
        let expected = by_definition(&hashes);
        assert_eq!(root(&hashes), Some(expected), "{n}");
        assert_eq!(built(&hashes).root(), &expected, "{n}");
        assert_eq!(nodes::levels(hashes).pop(), Some(vec![expected]), "{n}");
    }
    assert_eq!(root(&[]), None);
    assert!(TreeBuilder::new().finish().is_none());
}

#[test]
fn large_trees_are_proven_by_our_own_routine() {
    // More than 1,000 leaves, and more than 1,000 subtrees.
    for n in [1_001, 16_017] {
        let hashes = record_hashes(n);
        let tree = built(&hashes);
        for indices in [vec![0], vec![n - 1], vec![0, 1, 17, 512, n - 2, n - 1]] {
            let proof = prove(&hashes, &tree, &indices);
            let logged = tree.logged_root(TreeKind::Records);
            let lone = proof.verify(TreeKind::Records, &logged, [record(indices[0])]);
            assert_eq!(lone.is_ok(), indices.len() == 1);
        }
    }
}

proptest! {
    #[test]
    fn random_subsets_are_proven_and_altered_proofs_refused(
        n in 1_u64..1_500,
        picks in prop::collection::btree_set(any::<u64>(), 1..40),
        flip in any::<usize>(),
    ) {
        let hashes = record_hashes(n);
        let tree = built(&hashes);
        let mut indices: Vec<u64> = picks.into_iter().map(|pick| pick % n).collect();
        indices.sort_unstable();
        indices.dedup();
        let proof = prove(&hashes, &tree, &indices);
        let logged = tree.logged_root(TreeKind::Records);
        let all = || indices.iter().map(|i| record(*i));

        let mut bytes: Vec<_> = all().collect();
        bytes[flip % indices.len()][0] ^= 1;
        prop_assert_eq!(proof.verify(TreeKind::Records, &logged, bytes), Err(ProofError::Root));
        if !proof.hashes().is_empty() {
            let mut altered = proof.hashes().to_vec();
            let at = flip % altered.len();
            altered[at] = node(&altered[at], &altered[at]);
            let proof = MultiProof::new(n, proof.leaves().to_vec(), altered).expect("as many");
            prop_assert_eq!(proof.verify(TreeKind::Records, &logged, all()), Err(ProofError::Root));
            let fewer = proof.hashes()[1..].to_vec();
            prop_assert!(MultiProof::new(n, proof.leaves().to_vec(), fewer).is_err());
        }
        // Another count either asks for other hashes or is another logged root.
        if let Ok(other) = MultiProof::new(n + 1, proof.leaves().to_vec(), proof.hashes().to_vec()) {
            prop_assert_eq!(other.verify(TreeKind::Records, &logged, all()), Err(ProofError::Root));
        }
        prop_assert!(proof.verify(TreeKind::Records, &logged, all().skip(1)).is_err());
    }

    #[test]
    fn pieces_of_any_length_give_one_tree(length in 0..3 * LEAF_BYTES, cuts in prop::collection::vec(0..LEAF_BYTES, 0..8)) {
        let bytes: Vec<u8> = (0..length).map(|i| (i * 7 + (i >> 8)) as u8).collect();
        let mut whole = ContentHasher::new(key());
        whole.update(&bytes);
        let mut cut = ContentHasher::new(key());
        let mut rest = bytes.as_slice();
        for at in cuts {
            let (piece, behind) = rest.split_at(at.min(rest.len()));
            cut.update(piece);
            rest = behind;
        }
        cut.update(rest);
        let leaves: Vec<Hash> = (0..).zip(bytes.chunks(LEAF_BYTES))
            .map(|(i, leaf)| leaf_hash(TreeKind::Content, &leaf_salt(&key(), i), leaf))
            .collect();
        let tree = whole.finish();
        prop_assert_eq!(&tree, &cut.finish());
        if length > 0 {
            prop_assert_eq!(tree, built(&leaves));
        }
    }
}

#[test]
fn subtrees_from_other_threads_give_the_same_tree() {
    let bytes: Vec<u8> = (0..2 * SUBTREE_BYTES + 5).map(|i| (i >> 3) as u8).collect();
    let mut hasher = ContentHasher::new(key());
    hasher.update(&bytes);
    let (subtrees, rest) = bytes.as_chunks::<SUBTREE_BYTES>();
    let mut builder = TreeBuilder::new();
    for (i, subtree) in (0..).zip(subtrees) {
        builder.push_subtree(content_subtree(&key(), i * SUBTREE_LEAVES as u64, subtree));
    }
    let last = leaf_hash(TreeKind::Content, &leaf_salt(&key(), builder.n()), rest);
    builder.push(last);
    assert_eq!(builder.finish(), Some(hasher.finish()));
}

#[test]
fn changed_content_makes_no_proof() {
    let hashes = record_hashes(40);
    let tree = built(&hashes);
    let with = |leaves: Result<Vec<Hash>, &'static str>| {
        MultiProof::from_subtrees(&tree, vec![shown(17)], |_| leaves.clone())
    };
    assert!(with(Ok(hashes[16..32].to_vec())).is_ok());
    let changed = ProveError::Changed(16);
    assert_eq!(with(Ok(hashes[15..31].to_vec())), Err(changed.clone()));
    assert_eq!(with(Ok(hashes[16..31].to_vec())), Err(changed.clone()));
    assert_eq!(with(Ok(vec![])), Err(changed));
    assert_eq!(with(Err("gone")), Err(ProveError::Read("gone")));
}

#[test]
fn leaves_have_the_length_of_their_kind() {
    let salt = [0; LEAF_SALT_BYTES];
    let lengths = |kind, n, index, length| {
        let leaf = ShownLeaf {
            index,
            length,
            salt,
        };
        let hashes = if n == 2 {
            vec![Hash::from_bytes([1; 32])]
        } else {
            vec![]
        };
        let proof = MultiProof::new(n, vec![leaf], hashes).expect("of the right shape");
        Verifier::new(&proof, kind).is_ok()
    };
    let full = LEAF_BYTES as u32;
    assert!(lengths(TreeKind::Content, 1, 0, 0));
    assert!(lengths(TreeKind::Content, 2, 0, full));
    assert!(lengths(TreeKind::Content, 2, 1, 1));
    assert!(lengths(TreeKind::Content, 2, 1, full));
    assert!(!lengths(TreeKind::Content, 2, 0, full - 1));
    assert!(!lengths(TreeKind::Content, 2, 1, 0));
    assert!(!lengths(TreeKind::Content, 2, 1, full + 1));
    assert!(lengths(TreeKind::Records, 2, 0, 1));
    assert!(!lengths(TreeKind::Records, 1, 0, 0));
}

#[test]
fn trees_are_numbered_by_kind() {
    let key = SaltKey::from_bytes([1; KEY_BYTES]);
    assert!(tree_key(&key, TreeKind::Content, 0).is_ok());
    assert!(tree_key(&key, TreeKind::Content, 1).is_err());
    assert!(tree_key(&key, TreeKind::Records, 0).is_err());
    assert!(tree_key(&key, TreeKind::Records, 1).is_ok());
    assert_eq!(TreeKind::from_number(2), Ok(TreeKind::Records));
    assert!(TreeKind::from_number(3).is_err());
}
