//! What is written is read back, and what was changed is refused.

use std::sync::LazyLock;

use custos_core::{
    checkpoint::{Checkpoint, Cosigner, NoteSigner, SignedCheckpoint, TrustPolicy, VerifierKey},
    event::{Entry, Opening, SLOTS, leaf_data, slot},
    hash::{Hash, sha256},
    ids::{LeafIndex, MAX_INTEGER},
    merkle::{
        Frontier, MAX_PROOF_HASHES, MemoryLog, check_consistency, check_inclusion, leaf_hash,
        prove_consistency, prove_inclusion,
    },
    receipt::{MAX_TLOG_PROOF_BYTES, Receipt, TlogProof},
    tile::{
        FULL_WIDTH, Level, TilePath, parse_entry_bundle, parse_hash_tile, tiles_between,
        write_entry_bundle, write_hash_tile,
    },
};
use proptest::prelude::*;
use serde_json::{Value, json};

const ORIGIN: &str = "room.example/log";

fn log(size: u64) -> MemoryLog {
    (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

/// Three levels of tiles.
const LARGE_LEAVES: u64 = 70_000;
static LARGE: LazyLock<MemoryLog> = LazyLock::new(|| log(LARGE_LEAVES));

fn leaf_index(index: u64) -> LeafIndex {
    LeafIndex::new(index).expect("below 2^53 - 1")
}

fn hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash::from_bytes)
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_./:é—-]{1,40}"
}

fn signed(size: u64, root: Hash) -> SignedCheckpoint {
    let signer = NoteSigner::from_seed(ORIGIN, &[7; 32]).expect("a name");
    let checkpoint = Checkpoint::new(ORIGIN, size, root).expect("a tree head");
    SignedCheckpoint::sign(checkpoint, &[&signer]).expect("one signature")
}

fn policy() -> TrustPolicy {
    let signer = NoteSigner::from_seed(ORIGIN, &[7; 32]).expect("a name");
    TrustPolicy::of_log(signer.verifier_key().clone())
}

/// A receipt for a made-up entry in a log of 300.
fn receipt() -> Receipt {
    let mut values: [Value; SLOTS] = std::array::from_fn(|_| Value::Null);
    values[slot::V] = json!(1);
    values[slot::ORIGIN] = json!(ORIGIN);
    values[slot::KIND] = json!("view");
    values[slot::TIME] = json!(1_790_000_000_000_000_i64);
    values[slot::SCOPE] = json!("11".repeat(16));
    values[slot::SUBJECT] = json!({"type": "item", "id": "33".repeat(16)});
    values[slot::ROWS] = json!({"facts": null, "rows": []});
    let (link, body) = (Opening::from_bytes([1; 32]), Opening::from_bytes([2; 32]));
    let entry = Entry::new(values)
        .and_then(|entry| entry.disclose(&link, &body, |slot| Receipt::may_open(slot, false)))
        .expect("disclosable");
    let mut log = log(200);
    log.push(leaf_hash(&leaf_data(entry.commitment())));
    (0..99_u64).for_each(|n| log.push(leaf_hash(&n.to_be_bytes())));
    let hashes = prove_inclusion(300, leaf_index(200), &log).expect("in the tree");
    Receipt::new(entry, leaf_index(200), hashes, signed(300, log.root())).expect("it proves it")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn frontiers_are_read_back(size in 0..3_000_u64) {
        let mut frontier = Frontier::empty();
        log(size).leaves().iter().for_each(|leaf| frontier.push(*leaf));
        let bytes = frontier.to_bytes();
        prop_assert_eq!(Frontier::from_bytes(size, &bytes), Ok(frontier.clone()));
        prop_assert!(Frontier::from_bytes(size, &[bytes, vec![0; 32]].concat()).is_err());
    }

    #[test]
    fn no_proof_panics(
        proof in prop::collection::vec(hash(), 0..=MAX_PROOF_HASHES + 2),
        (a, b) in (any::<u64>(), any::<u64>()), shift in 0..64_u32, n in 0..MAX_INTEGER,
        (one, two) in (hash(), hash()),
    ) {
        let (a, b) = (a >> shift, b >> shift);
        prop_assert!(check_inclusion(&proof, a, &one, leaf_index(n), &two).is_err() || a == 1);
        let _ = check_inclusion(&proof, a, &one, leaf_index(n % a.clamp(1, MAX_INTEGER)), &two);
        prop_assert!(check_consistency(&proof, a, &one, b, &two).is_err());
        let small = log(3);
        prop_assert!(a <= 3 || prove_inclusion(a, leaf_index(n), &small).is_err());
        prop_assert!(a == b || b <= 3 || prove_consistency(a, b, &small).is_err());
    }

    #[test]
    fn tile_paths_are_read_back(
        level in prop::option::of(0..=63_u8), index in 0..1_u64 << 45, shift in 0..45_u32,
        width in 1..=FULL_WIDTH,
    ) {
        let level = level.map_or(Level::Entries, Level::Hashes);
        let path = TilePath::new(level, index >> shift, width).expect("in range");
        prop_assert_eq!(path.to_string().parse(), Ok(path));
    }

    #[test]
    fn tile_paths_have_one_spelling(text in "(tile/)?[0-9entris]{1,7}/[x0-9/]{3,20}(\\.p/[0-9]{1,3})?") {
        if let Ok(path) = text.parse::<TilePath>() {
            prop_assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn every_growth_publishes_every_node(sizes in prop::collection::btree_set(1..200_000_u64, 1..5)) {
        let mut have = std::collections::HashMap::new();
        let mut old = 0;
        for size in sizes {
            for path in tiles_between(old, size) {
                let widest = have.insert((path.level(), path.index()), path.width());
                prop_assert!(widest.is_none_or(|width| width < path.width()));
            }
            for level in 0..4_u32 {
                let hashes = size >> (8 * level);
                let tile = Level::Hashes(level as u8);
                let total: u64 = have.iter().filter(|((l, _), _)| *l == tile).map(|(_, w)| u64::from(*w)).sum();
                prop_assert_eq!(total, hashes);
            }
            old = size;
        }
    }

    #[test]
    fn tiles_and_bundles_are_read_back(
        hashes in prop::collection::vec(hash(), 1..=256),
        entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..=256),
        cut in any::<prop::sample::Index>(),
    ) {
        let width = hashes.len() as u16;
        let tile = write_hash_tile(&hashes).expect("in range");
        prop_assert_eq!(parse_hash_tile(&tile, width), Ok(hashes));
        let width = entries.len() as u16;
        let bundle = write_entry_bundle(&entries).expect("in range");
        prop_assert_eq!(
            parse_entry_bundle(&bundle, width).expect("written").concat(), entries.concat()
        );
        prop_assert!(parse_entry_bundle(&bundle[..cut.index(bundle.len())], width).is_err());
    }

    #[test]
    fn keys_are_read_back(name in name(), seed in any::<[u8; 32]>()) {
        let signer = NoteSigner::from_seed(&name, &seed).expect("a name");
        let cosigner = Cosigner::from_seed(&name, &seed).expect("a name");
        for key in [signer.verifier_key(), cosigner.verifier_key()] {
            prop_assert_eq!(&key.to_string().parse::<VerifierKey>().expect("a vkey"), key);
        }
        prop_assert!(signer.verifier_key().id() != cosigner.verifier_key().id());
    }

    #[test]
    fn checkpoints_are_read_back(
        name in name(), size in 1..=MAX_INTEGER, root in hash(), seconds in 0..i64::MAX as u64,
    ) {
        let checkpoint = Checkpoint::new(&name, size, root).expect("a tree head");
        prop_assert_eq!(Checkpoint::parse(&checkpoint.text()), Ok(checkpoint.clone()));
        let signer = NoteSigner::from_seed(&name, &[7; 32]).expect("a name");
        let cosigner = Cosigner::from_seed("w", &[8; 32]).expect("a name");
        let line = cosigner.cosign(&checkpoint.text(), seconds);
        let signed = SignedCheckpoint::sign(checkpoint, &[&signer])
            .and_then(|signed| signed.with_signature(line))
            .expect("two signatures");
        prop_assert_eq!(SignedCheckpoint::parse(signed.as_bytes()), Ok(signed.clone()));
        let policy = format!(
            "log {}\nwitness w {}\nquorum w\n", signer.verifier_key(), cosigner.verifier_key()
        );
        let policy = TrustPolicy::parse(policy.as_bytes()).expect("a policy");
        let endorsement = policy.verify_newest(&signed).expect("signed and cosigned");
        prop_assert_eq!(endorsement.cosignatures[0].unix_seconds, seconds);
    }

    /// The note framing is ours; what it takes, `signed_note` takes alike.
    #[test]
    fn notes_are_those_of_signed_note(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut note = signed(7, sha256(&[])).as_bytes().to_vec();
        let at = at.index(note.len());
        note[at] = byte;
        let ours = custos_core::checkpoint::SignedNote::parse(&note, note.len());
        let theirs = signed_note::Note::from_bytes(&note);
        prop_assert_eq!(ours.is_ok(), theirs.is_ok());
        if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
            prop_assert_eq!(ours.text().as_bytes(), theirs.text());
            prop_assert_eq!(ours.as_bytes(), theirs.to_bytes());
        }
    }

    #[test]
    fn nothing_that_anyone_sends_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = SignedCheckpoint::parse(&bytes);
        let _ = Receipt::parse(&bytes);
        let _ = TrustPolicy::parse(&bytes);
        let _ = policy().with_trust_json(&bytes);
        let _ = parse_entry_bundle(&bytes, FULL_WIDTH);
    }

    #[test]
    fn proofs_are_read_back(
        n in 0..MAX_INTEGER - 1, hashes in prop::collection::vec(hash(), 0..=MAX_PROOF_HASHES),
        extra in prop::option::of(prop::collection::vec(any::<u8>(), 1..500)),
    ) {
        let proof = TlogProof::new(leaf_index(n), hashes, extra, signed(MAX_INTEGER, sha256(&[])));
        let proof = proof.expect("in range");
        prop_assert_eq!(TlogProof::parse(&proof.to_bytes()), Ok(proof));
    }
}

proptest! {
    // Each case hashes a large log anew, which takes its time without optimisation.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn large_trees_are_proven_from_their_tiles(
        size in 1..=LARGE_LEAVES, at in 0.0..1.0_f64, flip in 0..20_usize, bit in 0..256_usize,
    ) {
        let whole = &*LARGE;
        let n = (at * size as f64) as u64;
        let (index, root) = (leaf_index(n), whole.root_at(size).expect("in the tree"));
        let leaf = whole.leaves()[n as usize];
        let mut proof = prove_inclusion(size, index, whole).expect("in the tree");
        prop_assert_eq!(check_inclusion(&proof, size, &root, index, &leaf), Ok(()));
        let old = n + 1;
        let old_root = whole.root_at(old).expect("in the tree");
        let consistency = prove_consistency(old, size, whole).expect("in the tree");
        prop_assert_eq!(check_consistency(&consistency, old, &old_root, size, &root), Ok(()));
        if let Some(hash) = proof.get_mut(flip) {
            *hash = flipped(hash, bit);
            prop_assert!(check_inclusion(&proof, size, &root, index, &leaf).is_err());
        }
        if let Some(hash) = consistency.get(flip) {
            let mut consistency = consistency.clone();
            consistency[flip] = flipped(hash, bit);
            prop_assert!(check_consistency(&consistency, old, &old_root, size, &root).is_err());
        }
        let other = flipped(&root, bit);
        prop_assert!(check_inclusion(&proof, size, &other, index, &leaf).is_err());
        prop_assert!(check_consistency(&consistency, old, &old_root, size, &other).is_err());
    }
}

fn flipped(hash: &Hash, bit: usize) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8] ^= 1 << (bit % 8);
    Hash::from_bytes(bytes)
}

#[test]
fn every_changed_byte_of_a_receipt_is_noticed() {
    let (good, policy) = (receipt().to_bytes(), policy());
    let verifies =
        |bytes: &[u8]| Receipt::parse(bytes).is_ok_and(|receipt| receipt.verify(&policy).is_ok());
    assert!(verifies(&good));
    for at in 0..good.len() {
        for mask in [0x01, 0x20, 0x80] {
            let mut bad = good.clone();
            bad[at] ^= mask;
            assert!(!verifies(&bad), "byte {at} with {mask:#x}");
        }
        let mut bad = good.clone();
        bad.remove(at);
        assert!(!verifies(&bad), "byte {at} removed");
        assert!(!verifies(&good[..at]), "cut at {at}");
    }
}

#[test]
fn a_log_signs_under_its_own_name_alone() {
    let other = NoteSigner::from_seed("other.example/log", &[7; 32]).expect("a name");
    let checkpoint = Checkpoint::new(ORIGIN, 1, sha256(&[])).expect("a tree head");
    assert!(SignedCheckpoint::sign(checkpoint.clone(), &[&other]).is_err());
    assert!(SignedCheckpoint::sign(checkpoint, &[]).is_err());
}

#[test]
fn what_a_timestamp_is_taken_over_ends_with_the_logs_line() {
    let signer = NoteSigner::from_seed(ORIGIN, &[7; 32]).expect("a name");
    let cosigner = Cosigner::from_seed("w", &[8; 32]).expect("a name");
    let alone = signed(7, sha256(&[]));
    let line = cosigner.cosign(alone.note().text(), 1);
    let cosigned = alone.with_signature(line).expect("two signatures");
    let stamped = cosigned.signed_by(signer.verifier_key());
    assert_eq!(stamped.as_deref(), Some(alone.as_bytes()));
    let stranger = NoteSigner::from_seed(ORIGIN, &[9; 32]).expect("a name");
    assert_eq!(cosigned.signed_by(stranger.verifier_key()), None);
}

#[test]
fn what_is_too_long_is_refused_before_it_is_read() {
    let long = vec![b'a'; MAX_TLOG_PROOF_BYTES + 1];
    let error = format!("{:?}", Receipt::parse(&long).expect_err("too long"));
    assert_eq!(error, "Proof(TooLong)");
    let error = format!(
        "{:?}",
        SignedCheckpoint::parse(&long).expect_err("too long")
    );
    assert_eq!(error, "Note(TooLong)");
    assert!(write_entry_bundle(&[vec![0; 65_536]]).is_err());
    assert!(write_entry_bundle(&[vec![0; 65_535]]).is_ok());
    let extra = Some(vec![0; (256 << 10) + 1]);
    assert!(TlogProof::new(leaf_index(0), vec![], extra, signed(1, sha256(&[]))).is_err());
    let extra = Some(vec![0; 256 << 10]);
    let largest = TlogProof::new(leaf_index(0), vec![], extra, signed(1, sha256(&[])));
    assert!(TlogProof::parse(&largest.expect("in range").to_bytes()).is_ok());
}
