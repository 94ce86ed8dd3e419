//! Content trees, record trees and multi-proofs against the frozen vectors.

mod common;

use common::{array, bytes, cases, generated, number, text, vectors};
use custos_core::{
    content::{
        ContentHasher, MultiProof, ProofError, TreeBuilder, TreeKey, TreeKind, leaf_hash,
        leaf_salt, tree_key,
    },
    hash::Hash,
    keys::SaltKey,
};
use serde_json::Value;

fn kind(case: &Value) -> TreeKind {
    TreeKind::from_number(number(case, "kind")).expect("a kind")
}

fn key(vectors: &Value, kind: TreeKind) -> TreeKey {
    let salt_key = SaltKey::from_bytes(array(vectors, "salt_key"));
    let number = u32::from(kind == TreeKind::Records);
    tree_key(&salt_key, kind, number).expect("the number of that kind")
}

fn hash(case: &Value, member: &str) -> Hash {
    text(case, member).parse().expect("a hash")
}

#[test]
fn keys_and_salts_follow_from_the_salt_key() {
    let vectors = vectors("content");
    let salt_key = SaltKey::from_bytes(array(&vectors, "salt_key"));
    for case in cases(&vectors, "keys") {
        let tree_number = u32::try_from(number(case, "number")).expect("a tree number");
        let key = tree_key(&salt_key, kind(case), tree_number).expect("of that kind");
        assert_eq!(key.as_bytes(), &array(case, "tree_key"));
    }
    let key = key(&vectors, TreeKind::Content);
    for case in cases(&vectors, "salts") {
        assert_eq!(leaf_salt(&key, number(case, "i")), array(case, "salt"));
    }
}

#[test]
fn content_trees_have_their_roots() {
    let vectors = vectors("content");
    for case in cases(&vectors, "content_trees") {
        let mut hasher = ContentHasher::new(key(&vectors, TreeKind::Content));
        let content = generated(0..number(case, "generated"));
        content
            .chunks(100_003)
            .for_each(|piece| hasher.update(piece));
        let tree = hasher.finish();
        assert_eq!(tree.n(), number(case, "n"));
        assert_eq!(*tree.root(), hash(case, "root"));
        let logged = tree.logged_root(TreeKind::Content);
        assert_eq!(logged, hash(case, "logged_root"));
    }
}

#[test]
fn record_trees_have_their_roots() {
    let vectors = vectors("content");
    let key = key(&vectors, TreeKind::Records);
    for case in cases(&vectors, "record_trees") {
        let mut builder = TreeBuilder::new();
        for i in 0..number(case, "n") {
            let record = format!("line {i}\n");
            let leaf = leaf_hash(TreeKind::Records, &leaf_salt(&key, i), record.as_bytes());
            if i == 0 {
                assert_eq!(leaf, hash(case, "first_leaf"));
            }
            builder.push(leaf);
        }
        let tree = builder.finish().expect("at least one record");
        assert_eq!(*tree.root(), hash(case, "root"));
        let logged = tree.logged_root(TreeKind::Records);
        assert_eq!(logged, hash(case, "logged_root"));
    }
}

/// Reads and verifies the proof of a case.
fn verify(case: &Value) -> Result<MultiProof, ProofError> {
    let proof = MultiProof::parse(text(case, "proof").as_bytes())?;
    let leaves = case["leaves"].as_array().expect("a list of leaves");
    let leaves = leaves.iter().map(|leaf| match &leaf["generated"] {
        Value::Array(range) => {
            let at = |i: usize| range[i].as_u64().expect("an offset");
            generated(at(0)..at(1))
        }
        _ => bytes(leaf, "hex"),
    });
    proof.verify(kind(case), &hash(case, "logged_root"), leaves)?;
    Ok(proof)
}

#[test]
fn proofs_verify() {
    for case in cases(&vectors("content"), "valid") {
        let proof = verify(case).unwrap_or_else(|e| panic!("{}: {e}", text(case, "name")));
        let jcs = proof.to_jcs().expect("short");
        assert_eq!(jcs, text(case, "proof").as_bytes());
    }
}

#[test]
fn proofs_of_records_are_made_alike() {
    let vectors = vectors("content");
    let key = key(&vectors, TreeKind::Records);
    let record_proofs = cases(&vectors, "valid").iter();
    for case in record_proofs.filter(|case| number(case, "kind") == 2) {
        let proof = verify(case).expect("a valid proof");
        let hashes: Vec<Hash> = (0..proof.n())
            .map(|i| {
                let record = format!("line {i}\n");
                leaf_hash(TreeKind::Records, &leaf_salt(&key, i), record.as_bytes())
            })
            .collect();
        let made = MultiProof::from_leaves(&hashes, proof.leaves().to_vec());
        assert_eq!(made, Ok(proof), "{}", text(case, "name"));
    }
}

#[test]
fn defective_proofs_are_refused_for_their_defect() {
    for case in cases(&vectors("content"), "invalid") {
        let name = text(case, "name");
        let error = verify(case).expect_err(name);
        let defect = match error {
            ProofError::Json(_) => "json",
            ProofError::TooLong => "too_long",
            ProofError::NoLeaf => "no_leaf",
            ProofError::Order => "order",
            ProofError::Hashes { .. } => "hashes",
            ProofError::LeafLength(_) => "leaf_length",
            ProofError::Bytes => "bytes",
            ProofError::Root => "root",
        };
        assert_eq!(defect, text(case, "error"), "{name}");
    }
}
