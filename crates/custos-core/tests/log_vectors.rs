//! The frozen vectors of the custody log, which `tests/vectors/make` wrote.

use std::fmt::Debug;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use custos_core::{
    checkpoint::{Checkpoint, Cosigner, NoteSigner, SignedCheckpoint, TrustPolicy, VerifierKey},
    event::{Commitments, Control, Disclosed, Entry, Group, Opening, SLOTS, leaf_data},
    hash::Hash,
    ids::{LeafIndex, hex_exact},
    merkle::{
        Frontier, MemoryLog, check_consistency, check_inclusion, leaf_hash, prove_consistency,
        prove_inclusion,
    },
    receipt::Receipt,
    tile::{
        Level, TilePath, parse_entry_bundle, parse_hash_tile, tiles_between, write_entry_bundle,
        write_hash_tile,
    },
};
use serde_json::Value;

/// One vector, or a whole file of them.
struct Vector(Value);

impl Vector {
    fn file(name: &str) -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/");
        let text = std::fs::read(format!("{folder}{name}")).expect("the vectors are there");
        Self(serde_json::from_slice(&text).expect("the vectors are JSON"))
    }

    /// The vectors of one list; an empty list would test nothing.
    fn each(&self, list: &str) -> Vec<Self> {
        let all = self.0[list].as_array().expect("a list");
        assert!(!all.is_empty(), "{list} is empty");
        all.iter().cloned().map(Self).collect()
    }

    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().expect(name)
    }

    fn name(&self) -> &str {
        self.text("name")
    }

    /// A decimal string that fits 64 bits, in range or not.
    fn number(&self, name: &str) -> u64 {
        self.text(name).parse().expect(name)
    }

    fn width(&self) -> u16 {
        let width = self.0["width"].as_u64().expect("a width");
        u16::try_from(width).expect("a width")
    }

    fn hash(&self, name: &str) -> Hash {
        self.text(name).parse().expect(name)
    }

    fn hashes(&self, name: &str) -> Vec<Hash> {
        let texts = self.0[name].as_array().expect(name).iter();
        texts
            .map(|text| text.as_str().expect(name).parse().expect(name))
            .collect()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        hex::decode(self.text(name)).expect(name)
    }

    fn array(&self, name: &str) -> [u8; 32] {
        hex_exact(self.text(name), "32 bytes").expect(name)
    }

    /// Asserts that it is refused, and for the reason that names the vector.
    fn refused<T: Debug, E: Debug>(&self, result: Result<T, E>) {
        let error = result.expect_err(self.name());
        assert_eq!(format!("{error:?}"), self.text("error"), "{}", self.name());
    }
}

#[test]
fn entries_commit_as_described() {
    for vector in Vector::file("event.json").each("valid_entries") {
        let name = vector.name();
        let values: [Value; SLOTS] = vector.0["values"]
            .as_array()
            .and_then(|values| values.clone().try_into().ok())
            .expect(name);
        let link = Opening::from_bytes(vector.array("link_opening"));
        let body = Opening::from_bytes(vector.array("body_opening"));
        let commitments = Entry::new(values)
            .map(|entry| entry.commit(&link, &body))
            .expect(name);
        let expected: [Hash; SLOTS] = vector
            .hashes("slot_commitments")
            .try_into()
            .expect("32 slots");
        assert_eq!(commitments, Commitments::new(expected), "{name}");
        let commitment = vector.hash("commitment");
        assert_eq!(commitments.entry(), commitment, "{name}");
        assert_eq!(leaf_data(&commitment).as_slice(), vector.bytes("leaf_data"));
        for (slot, key) in vector.hashes("slot_keys").iter().enumerate() {
            let opening = match Group::of(slot) {
                Group::Link => &link,
                Group::Body => &body,
            };
            assert_eq!(opening.slot_key(slot), *key.as_bytes(), "{name} {slot}");
        }
    }
}

#[test]
fn disclosed_entries_are_read_strictly() {
    let file = Vector::file("event.json");
    for vector in file.each("valid_disclosed") {
        let (name, jcs) = (vector.name(), vector.text("jcs").as_bytes());
        let disclosed = Disclosed::parse(jcs).expect(name);
        assert_eq!(*disclosed.commitment(), vector.hash("commitment"));
        assert_eq!(disclosed.to_jcs().expect("short"), jcs);
    }
    for vector in file.each("invalid_disclosed") {
        let parsed = Disclosed::parse(vector.text("jcs").as_bytes());
        assert!(parsed.is_err(), "{}", vector.name());
    }
}

#[test]
fn control_entries_are_read_strictly() {
    let file = Vector::file("event.json");
    for vector in file.each("valid_control") {
        let (name, leaf) = (vector.name(), vector.bytes("leaf_data"));
        let control = Control::parse_leaf(&leaf).expect(name);
        assert_eq!(control.kind.as_str(), name);
        assert_eq!(control.to_leaf().expect("short"), leaf);
    }
    for vector in file.each("invalid_control") {
        let parsed = Control::parse_leaf(&vector.bytes("leaf_data"));
        assert!(parsed.is_err(), "{}", vector.name());
    }
}

/// The log of `merkle.json`: leaf n is n as eight bytes.
fn counted_log(size: u64) -> MemoryLog {
    (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

#[test]
fn roots_and_frontiers_are_those_of_rfc_6962() {
    let file = Vector::file("merkle.json");
    let log = counted_log(70_000);
    for vector in file.each("roots") {
        assert_eq!(
            log.root_at(vector.number("size")),
            Some(vector.hash("root"))
        );
    }
    for vector in file.each("valid_frontier") {
        let (size, bytes) = (vector.number("size"), vector.bytes("bytes"));
        let mut frontier = Frontier::from_bytes(size, &bytes).expect("a frontier");
        assert_eq!(frontier.root(), vector.hash("root"));
        assert_eq!(frontier.to_bytes(), bytes);
        if size < log.size() {
            frontier.push(log.leaves()[usize::try_from(size).expect("small")]);
            assert_eq!(Some(frontier.root()), log.root_at(size + 1));
        }
    }
    for vector in file.each("invalid_frontier") {
        vector.refused(Frontier::from_bytes(
            vector.number("size"),
            &vector.bytes("bytes"),
        ));
    }
}

#[test]
fn proofs_are_those_of_rfc_6962() {
    let file = Vector::file("merkle.json");
    let log = counted_log(70_000);
    let included = |vector: &Vector| {
        let index = LeafIndex::new(vector.number("index")).expect("below 2^53 - 1");
        check_inclusion(
            &vector.hashes("proof"),
            vector.number("size"),
            &vector.hash("root"),
            index,
            &vector.hash("leaf"),
        )
    };
    for vector in file.each("valid_inclusion") {
        assert_eq!(included(&vector), Ok(()), "{}", vector.name());
        let index = LeafIndex::new(vector.number("index")).expect("small");
        let proof = prove_inclusion(vector.number("size"), index, &log);
        assert_eq!(proof, Ok(vector.hashes("proof")), "{}", vector.name());
    }
    for vector in file.each("invalid_inclusion") {
        vector.refused(included(&vector));
    }
    let consistent = |vector: &Vector| {
        check_consistency(
            &vector.hashes("proof"),
            vector.number("old_size"),
            &vector.hash("old_root"),
            vector.number("new_size"),
            &vector.hash("new_root"),
        )
    };
    for vector in file.each("valid_consistency") {
        assert_eq!(consistent(&vector), Ok(()), "{}", vector.name());
        let proof = prove_consistency(vector.number("old_size"), vector.number("new_size"), &log);
        assert_eq!(proof, Ok(vector.hashes("proof")), "{}", vector.name());
    }
    for vector in file.each("invalid_consistency") {
        vector.refused(consistent(&vector));
    }
}

#[test]
fn tile_paths_have_one_spelling() {
    let file = Vector::file("tile.json");
    for vector in file.each("valid_paths") {
        let level = match vector.text("level") {
            "entries" => Level::Entries,
            level => Level::Hashes(level.parse().expect("a level")),
        };
        let path = TilePath::new(level, vector.number("index"), vector.width()).expect("a tile");
        assert_eq!(path.to_string(), vector.text("path"));
        assert_eq!(vector.text("path").parse(), Ok(path));
    }
    for vector in file.each("invalid_paths") {
        let parsed = vector.text("path").parse::<TilePath>();
        assert!(parsed.is_err(), "{}", vector.name());
    }
}

#[test]
fn growing_publishes_what_changed() {
    let file = Vector::file("tile.json");
    for vector in file.each("published") {
        let (old, new) = (vector.number("old_size"), vector.number("new_size"));
        let paths: Vec<_> = tiles_between(old, new)
            .map(|path| Value::String(path.to_string()))
            .collect();
        assert_eq!(Value::Array(paths), vector.0["paths"], "{old} to {new}");
    }
}

#[test]
fn bundles_and_hash_tiles_are_read_strictly() {
    let file = Vector::file("tile.json");
    for vector in file.each("valid_bundles") {
        let (name, bytes) = (vector.name(), vector.bytes("bytes"));
        let entries = parse_entry_bundle(&bytes, vector.width()).expect(name);
        let expected: Vec<Value> = entries.iter().map(|e| hex::encode(e).into()).collect();
        assert_eq!(Value::Array(expected), vector.0["entries"]);
        assert_eq!(write_entry_bundle(&entries), Ok(bytes.clone()));
    }
    for vector in file.each("invalid_bundles") {
        vector.refused(parse_entry_bundle(&vector.bytes("bytes"), vector.width()));
    }
    for vector in file.each("valid_hash_tiles") {
        let hashes = parse_hash_tile(&vector.bytes("bytes"), vector.width()).expect("a tile");
        assert_eq!(hashes, vector.hashes("hashes"));
        assert_eq!(write_hash_tile(&hashes), Ok(vector.bytes("bytes")));
    }
    for vector in file.each("invalid_hash_tiles") {
        vector.refused(parse_hash_tile(&vector.bytes("bytes"), vector.width()));
    }
}

#[test]
fn keys_are_c2sp_vkeys() {
    let file = Vector::file("checkpoint.json");
    for vector in file.each("keys") {
        let (name, seed) = (vector.name(), vector.array("seed"));
        let key = match vector.0["type"].as_u64() {
            Some(1) => NoteSigner::from_seed(name, &seed).map(|s| s.verifier_key().clone()),
            _ => Cosigner::from_seed(name, &seed).map(|c| c.verifier_key().clone()),
        };
        let key = key.expect(name);
        assert_eq!(key.to_string(), vector.text("vkey"));
        assert_eq!(key.key_bytes(), vector.array("public_key"));
        assert_eq!(vector.text("vkey").parse(), Ok(key));
    }
    for vector in file.each("invalid_vkeys") {
        let parsed = vector.text("vkey").parse::<VerifierKey>();
        assert!(parsed.is_err(), "{}", vector.name());
    }
}

#[test]
fn checkpoints_are_read_strictly() {
    let file = Vector::file("checkpoint.json");
    let policy = TrustPolicy::parse(file.text("policy").as_bytes()).expect("a policy");
    for vector in file.each("valid") {
        let (name, note) = (vector.name(), vector.text("note"));
        let signed = SignedCheckpoint::parse(note.as_bytes()).expect(name);
        assert_eq!(signed.as_bytes(), note.as_bytes());
        let checkpoint = signed.checkpoint();
        assert_eq!(checkpoint.origin(), vector.text("origin"));
        assert_eq!(checkpoint.size(), vector.number("size"));
        let root = BASE64_STANDARD.encode(checkpoint.root().as_bytes());
        assert_eq!(root, vector.text("root"));
        assert!(note.starts_with(&checkpoint.text()));
        assert!(policy.verify_newest(&signed).is_ok(), "{name}");
    }
    for vector in file.each("invalid") {
        let note = match vector.0.get("note_hex") {
            Some(_) => vector.bytes("note_hex"),
            None => vector.text("note").into(),
        };
        vector.refused(SignedCheckpoint::parse(&note));
    }
}

#[test]
fn our_signatures_are_those_of_the_vectors() {
    let file = Vector::file("checkpoint.json");
    let keys = file.each("keys");
    let log = NoteSigner::from_seed(keys[0].name(), &keys[0].array("seed")).expect("a name");
    let witnesses = [3, 4, 5].map(|n: usize| {
        Cosigner::from_seed(keys[n].name(), &keys[n].array("seed")).expect("a name")
    });
    let cosigned = file.each("valid");
    let cosigned = cosigned
        .iter()
        .find(|vector| vector.name() == "cosigned")
        .expect("there is one");
    let checkpoint = Checkpoint::new(
        cosigned.text("origin"),
        cosigned.number("size"),
        Hash::from_bytes(std::array::from_fn(|n| n as u8)),
    );
    let mut signed =
        SignedCheckpoint::sign(checkpoint.expect("a tree head"), &[&log]).expect("one key");
    for (witness, seconds) in witnesses.iter().zip(1_790_000_000..) {
        let line = witness.cosign(signed.note().text(), seconds);
        signed = signed.with_signature(line).expect("few lines");
    }
    assert_eq!(signed.as_bytes(), cosigned.text("note").as_bytes());
}

#[test]
fn policies_judge_as_described() {
    let file = Vector::file("checkpoint.json");
    for vector in file.each("judged") {
        let mut policy = TrustPolicy::parse(vector.text("policy").as_bytes()).expect("a policy");
        if !vector.0["trust"].is_null() {
            let trust = vector.0["trust"].to_string();
            policy = policy.with_trust_json(trust.as_bytes()).expect("trust");
        }
        let signed = SignedCheckpoint::parse(vector.text("note").as_bytes()).expect("a note");
        let answer = match policy.verify_newest(&signed) {
            Ok(_) => "ok".into(),
            Err(error) => format!("{error:?}"),
        };
        assert_eq!(answer, vector.text("answer"), "{}", vector.name());
    }
}

#[test]
fn policies_are_read_strictly() {
    let file = Vector::file("checkpoint.json");
    for vector in file.each("valid_policies") {
        let policy = TrustPolicy::parse(vector.text("policy").as_bytes());
        assert!(policy.is_ok(), "{}: {policy:?}", vector.name());
    }
    for vector in file.each("invalid_policies") {
        vector.refused(TrustPolicy::parse(vector.text("policy").as_bytes()));
    }
    let policy = TrustPolicy::parse(file.text("policy").as_bytes()).expect("a policy");
    for vector in file.each("valid_trust") {
        let trust = vector.text("trust").as_bytes();
        let read = policy.clone().with_trust_json(trust);
        assert!(read.is_ok(), "{}: {read:?}", vector.name());
    }
    for vector in file.each("invalid_trust") {
        let trust = vector.text("trust").as_bytes();
        let read = policy.clone().with_trust_json(trust);
        assert!(read.is_err(), "{}", vector.name());
    }
}

#[test]
fn receipts_verify_or_name_their_defect() {
    let file = Vector::file("receipt.json");
    let policy =
        |vector: &Vector| TrustPolicy::parse(vector.text("policy").as_bytes()).expect("a policy");
    for vector in file.each("valid") {
        let name = vector.name();
        let receipt = Receipt::parse(vector.text("receipt").as_bytes()).expect(name);
        receipt.verify(&policy(&vector)).expect(name);
        assert_eq!(receipt.to_bytes(), vector.text("receipt").as_bytes());
        let summary = receipt.summary();
        assert_eq!(summary.origin, vector.text("origin"));
        assert_eq!(summary.index.get(), vector.number("index"));
        assert_eq!(summary.size, vector.number("size"));
        assert_eq!(summary.kind, vector.text("kind"));
        assert_eq!(summary.commitment, vector.hash("commitment"));
        assert!(summary.time.is_some() && summary.scope.is_some());
        assert!(summary.subject_id.is_some() && summary.subject_type == "item");
    }
    for vector in file.each("invalid") {
        let parsed = Receipt::parse(vector.text("receipt").as_bytes());
        match vector.text("step") {
            "parse" => vector.refused(parsed),
            _ => vector.refused(parsed.expect("it parses").verify(&policy(&vector))),
        }
    }
}
