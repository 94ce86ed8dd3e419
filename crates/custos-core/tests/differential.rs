//! Our tree beside another implementation of RFC 6962 in Rust, ct-merkle: the same roots, and each
//! takes the proofs of the other; and mutated proofs, of which none is taken.

use core::ops::Range;

use ct_merkle::{ConsistencyProof, InclusionProof, RootHash, mem_backed_tree::MemoryBackedTree};
use custos_core::{
    hash::Hash,
    ids::LeafIndex,
    merkle::{
        Frontier, MemoryLog, check_consistency, check_inclusion, leaf_hash, prove_consistency,
        prove_inclusion,
    },
};
use sha2::Sha256;

/// Sizes up to this one are all compared.
const EVERY_SIZE_TO: u64 = 1_025;
/// Random pairs of index and size in the long run, and the largest size among them.
const PAIRS: usize = 100_000;
const LARGEST: u64 = 70_000;
/// Mutated proofs in the long run.
const MUTATIONS: usize = 1_000_000;
/// The part of both in the short run.
const SHORT: usize = 20;

type Other = MemoryBackedTree<Sha256, Vec<u8>>;

/// Numbers that are the same each time (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn of(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }
}

fn leaf(number: u64) -> Vec<u8> {
    format!("leaf {number}").into_bytes()
}

fn index(number: u64) -> LeafIndex {
    LeafIndex::new(number).expect("a small index")
}

fn bytes(proof: &[Hash]) -> Vec<u8> {
    proof.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

fn hashes(bytes: &[u8]) -> Vec<Hash> {
    let hashes = bytes.chunks_exact(32);
    hashes
        .map(|hash| Hash::from_bytes(hash.try_into().expect("32 bytes")))
        .collect()
}

fn root(other: &Other) -> Hash {
    Hash::from_bytes(
        other
            .root()
            .as_bytes()
            .as_slice()
            .try_into()
            .expect("32 bytes"),
    )
}

fn log(size: u64) -> MemoryLog {
    (0..size).map(|number| leaf_hash(&leaf(number))).collect()
}

/// Each takes the other's proof that `at` is in the tree of `size` leaves.
fn compare_inclusion(ours: &MemoryLog, other: &Other, size: u64, at: u64) {
    let top = root(other);
    let proof = prove_inclusion(size, index(at), ours).expect("in the tree");
    let theirs = InclusionProof::<Sha256>::from_bytes(bytes(&proof));
    other
        .root()
        .verify_inclusion(&leaf(at), at, &theirs)
        .unwrap_or_else(|error| panic!("{at} in {size}: {error}"));
    let place = usize::try_from(at).expect("small");
    let theirs = hashes(other.prove_inclusion(place).as_bytes());
    assert_eq!(proof, theirs, "{at} in {size}");
    let checked = check_inclusion(&theirs, size, &top, index(at), &leaf_hash(&leaf(at)));
    assert_eq!(checked, Ok(()), "{at} in {size}");
}

/// Each takes the other's proof that the tree of `size` leaves begins with that of `older`.
fn compare_consistency(
    ours: &MemoryLog,
    tops: &[RootHash<Sha256>],
    other: &Other,
    (older, size): (u64, u64),
) {
    let proof = prove_consistency(older, size, ours).expect("in the tree");
    let old_top = &tops[usize::try_from(older).expect("small")];
    let old_root = ours.root_at(older).expect("a root");
    let theirs = hashes(
        other
            .prove_consistency(usize::try_from(size - older).expect("small"))
            .as_bytes(),
    );
    let checked = check_consistency(&theirs, older, &old_root, size, &root(other));
    assert_eq!(checked, Ok(()), "{older} to {size}");
    assert_eq!(proof, theirs, "{older} to {size}");
    let theirs = ConsistencyProof::try_from_bytes(bytes(&proof)).expect("whole hashes");
    other
        .root()
        .verify_consistency(old_top, &theirs)
        .unwrap_or_else(|error| panic!("{older} to {size}: {error}"));
}

#[test]
fn every_small_tree_is_the_other_s() {
    let ours = log(EVERY_SIZE_TO);
    let (mut other, mut frontier) = (Other::new(), Frontier::empty());
    let mut tops = vec![other.root()];
    let mut numbers = Numbers(1);
    for size in 1..=EVERY_SIZE_TO {
        other.push(leaf(size - 1));
        frontier.push(leaf_hash(&leaf(size - 1)));
        assert_eq!(frontier.root(), root(&other), "size {size}");
        assert_eq!(ours.root_at(size), Some(frontier.root()));
        tops.push(other.root());
        for at in [0, size / 2, size - 1, numbers.of(0..size)] {
            compare_inclusion(&ours, &other, size, at);
        }
        for older in [1, size.div_ceil(2), numbers.of(0..size) + 1] {
            compare_consistency(&ours, &tops, &other, (older, size));
        }
    }
}

#[test]
fn random_places_in_random_trees_are_proven_alike() {
    random_places(PAIRS / SHORT);
}

#[test]
#[ignore = "long"]
fn many_random_places_in_random_trees_are_proven_alike() {
    random_places(PAIRS);
}

fn random_places(count: usize) {
    let mut numbers = Numbers(2);
    let mut pairs: Vec<(u64, u64)> = (0..count)
        .map(|_| {
            let size = numbers.of(1..LARGEST + 1);
            (size, numbers.of(0..size))
        })
        .collect();
    pairs.sort_unstable();
    let ours = log(LARGEST);
    let mut other = Other::new();
    for (size, at) in pairs {
        while other.len() < size {
            other.push(leaf(other.len()));
        }
        compare_inclusion(&ours, &other, size, at);
    }
}

/// Something about a proof, or what it is said to prove, is another.
struct Claim {
    proof: Vec<Hash>,
    size: u64,
    root: Hash,
    at: u64,
    leaf: Hash,
}

fn flipped(hash: Hash, numbers: &mut Numbers) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[usize::try_from(numbers.of(0..32)).expect("small")] ^= 1 << numbers.of(0..8);
    Hash::from_bytes(bytes)
}

#[test]
fn no_mutated_proof_is_taken() {
    mutated(MUTATIONS / SHORT);
}

#[test]
#[ignore = "long"]
fn none_of_many_mutated_proofs_is_taken() {
    mutated(MUTATIONS);
}

fn mutated(count: usize) {
    const SIZE: u64 = 1_000;
    let mut numbers = Numbers(3);
    let ours = log(SIZE);
    let roots: Vec<Hash> = (1..=SIZE)
        .map(|size| ours.root_at(size).expect("a root"))
        .collect();
    for _ in 0..count / 50 {
        let size = numbers.of(2..SIZE + 1);
        let at = numbers.of(0..size);
        let proof = prove_inclusion(size, index(at), &ours).expect("in the tree");
        let place = usize::try_from(size - 1).expect("small");
        for _ in 0..50 {
            let mut claim = Claim {
                proof: proof.clone(),
                size,
                root: roots[place],
                at,
                leaf: leaf_hash(&leaf(at)),
            };
            let within = usize::try_from(numbers.of(0..proof.len() as u64)).expect("small");
            match numbers.of(0..8) {
                0 => claim.proof[within] = flipped(claim.proof[within], &mut numbers),
                1 => drop(claim.proof.remove(within)),
                2 => claim.proof.insert(within, claim.proof[within]),
                3 => claim.proof.push(flipped(claim.root, &mut numbers)),
                4 => claim.root = flipped(claim.root, &mut numbers),
                5 => claim.leaf = flipped(claim.leaf, &mut numbers),
                // Another place in the same tree: of another leaf, since all are different.
                6 => claim.at = (at + numbers.of(1..size)) % size,
                _ => claim.proof.swap(within, (within + 1) % proof.len()),
            }
            let same = claim.proof == proof
                && (claim.root, claim.at, claim.leaf) == (roots[place], at, leaf_hash(&leaf(at)));
            let taken = check_inclusion(
                &claim.proof,
                claim.size,
                &claim.root,
                index(claim.at),
                &claim.leaf,
            );
            assert_eq!(taken.is_ok(), same, "{at} in {size}");
        }
    }
}
