//! Examples of sections 4 to 6: an entry, the log, notes, trust, a receipt.

use custos_core::{
    checkpoint::{Checkpoint, Cosigner, NoteSigner, SignedCheckpoint, TrustPolicy, VerifierKey},
    event::{Control, ControlKind, Disclosed, Entry, Opening, SLOTS, leaf_data, slot},
    ids::LeafIndex,
    json,
    merkle::{MemoryLog, leaf_hash, prove_inclusion},
    receipt::Receipt,
    tile::{Level, TilePath, write_entry_bundle},
};
use serde_json::{Value, json};

use crate::{
    common::{array, bytes, cases, text as member, vectors},
    page::{Example, fields, hex, json as json_block, json_of, text},
};

const ORIGIN: &str = "room.example/log";
const UNIX_SECONDS: u64 = 1_790_000_060;

pub fn examples() -> Vec<Example> {
    let (values, entry, openings) = deposit();
    let commitments = entry.commit(&openings.0, &openings.1);
    let c = commitments.entry();
    let open = |slot| Receipt::may_open(slot, false) && slot != slot::ACTOR;
    let disclosed = entry
        .disclose(&openings.0, &openings.1, open)
        .expect("short");
    assert_eq!(disclosed.commitment(), &c);
    let kind = json::canonical(&values[slot::KIND]).expect("a string");
    let key = openings.0.slot_key(slot::KIND);
    let list: Vec<(String, String)> = commitments
        .slots()
        .iter()
        .enumerate()
        .map(|(slot, c)| (format!("c_{slot}"), c.to_string()))
        .collect();
    let mut lines: Vec<(&str, String)> = vec![
        ("link opening", hex(openings.0.as_bytes())),
        ("body opening", hex(openings.1.as_bytes())),
    ];
    lines.extend(list.iter().map(|(name, c)| (name.as_str(), c.clone())));
    lines.push(("C", c.to_string()));
    let mut all = vec![
        json_of("entry-values", &Value::Array(values.to_vec())),
        fields(
            "slot",
            &[
                ("opening", hex(openings.0.as_bytes())),
                ("slot", slot::KIND.to_string()),
                ("k_2", hex(key)),
                ("JCS of its value", String::from_utf8(kind).expect("UTF-8")),
                ("c_2", commitments.slots()[slot::KIND].to_string()),
            ],
        ),
        fields("entry", &lines),
        json_block("disclosed-entry", &disclosed.to_jcs().expect("short")),
    ];
    all.extend(tree(&disclosed));
    all.extend(trust());
    all
}

/// The deposit of the frozen vectors, without what would only make this page longer.
fn deposit() -> ([Value; SLOTS], Entry, (Opening, Opening)) {
    let vectors = vectors("event");
    let case = cases(&vectors, "valid_entries").iter();
    let case = case
        .into_iter()
        .find(|c| c["name"] == "deposit")
        .expect("there");
    let values = case["values"].as_array().expect("an array").clone();
    let mut values: [Value; SLOTS] = values.try_into().expect("32 slots");
    values[slot::PURPOSE] = Value::Null;
    values[slot::AUTHENTICATION] = json!("password");
    values[slot::DECLARED] = json!([]);
    values[slot::DESCRIPTION] = json!({"reference": "JS/1", "description": "Door camera", "file_name": {"hex": "ff2e6d7034"}});
    values[slot::PROVENANCE] = json!({"received_at": 1_790_000_000_000_000_i64, "told": {
        "captured_at": null, "captured_offset_minutes": null, "place": "", "authority": "",
        "source": "K-7", "device": "", "tool": ""}});
    let entry = Entry::new(values.clone()).expect("the types are right");
    let openings = (
        Opening::from_bytes(array(case, "link_opening")),
        Opening::from_bytes(array(case, "body_opening")),
    );
    (values, entry, openings)
}

fn tree(disclosed: &Disclosed) -> Vec<Example> {
    let vectors = vectors("event");
    let control = cases(&vectors, "valid_control").iter();
    let control = control
        .into_iter()
        .find(|c| c["name"] == "open")
        .expect("there");
    let control = Control::parse_leaf(&bytes(control, "leaf_data")).expect("a control entry");
    let control = control.to_leaf().expect("short");
    let entry = leaf_data(disclosed.commitment());
    let mut log = MemoryLog::new();
    log.push(leaf_hash(&control));
    log.push(leaf_hash(&entry));
    let root = log.root_at(2).expect("two leaves");
    let paths = [
        (Level::Entries, 0, 2),
        (Level::Entries, 1_234_067, 256),
        (Level::Hashes(0), 0, 2),
        (Level::Hashes(2), 999, 255),
    ];
    let paths: Vec<(String, String)> = paths
        .into_iter()
        .map(|(level, index, width)| {
            let path = TilePath::new(level, index, width).expect("a tile");
            let what = match level {
                Level::Entries => "entries".into(),
                Level::Hashes(level) => format!("level {level}"),
            };
            (
                format!("{what}, index {index}, width {width}"),
                path.to_string(),
            )
        })
        .collect();
    let paths: Vec<(&str, String)> = paths.iter().map(|(n, p)| (n.as_str(), p.clone())).collect();
    let leaves = [control.as_slice(), entry.as_slice()];
    let signed = checkpoint(root);
    let proof = prove_inclusion(2, LeafIndex::new(1).expect("small"), &log).expect("in the log");
    let index = LeafIndex::new(1).expect("small");
    let receipt = Receipt::new(disclosed.clone(), index, proof, signed.clone()).expect("it holds");
    let trusted = TrustPolicy::parse(policy().as_bytes()).expect("a policy");
    receipt.verify(&trusted).expect("endorsed");
    let note = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    vec![
        fields(
            "control-leaf",
            &[("JCS", note(&control[1..])), ("leaf data", hex(&control))],
        ),
        fields(
            "log-tree",
            &[
                ("leaf data 1", hex(entry)),
                ("leaf hash 0", leaf_hash(&control).to_string()),
                ("leaf hash 1", leaf_hash(&entry).to_string()),
                ("root of 2", root.to_string()),
            ],
        ),
        fields("tile-paths", &paths),
        fields(
            "entry-bundle",
            &[(
                "bytes",
                hex(write_entry_bundle(&leaves).expect("two entries")),
            )],
        ),
        text("checkpoint", &note(signed.as_bytes())),
        text("receipt", &note(&receipt.to_bytes())),
    ]
    .into_iter()
    .chain(rotation(log))
    .collect()
}

/// The same log with a third entry, by which another key follows.
fn rotation(mut log: MemoryLog) -> Vec<Example> {
    let (old, new) = (log_key(), NoteSigner::from_seed(ORIGIN, &[4; 32]));
    let new = new.expect("a good name");
    let control = Control {
        kind: ControlKind::Keys,
        origin: ORIGIN.into(),
        log_keys: vec![new.verifier_key().to_string()],
        bundle_keys: vec![],
        previous: None,
    };
    let leaf = control.to_leaf().expect("short");
    log.push(leaf_hash(&leaf));
    let checkpoint = Checkpoint::new(ORIGIN, 3, log.root()).expect("a good origin");
    let both = SignedCheckpoint::sign(checkpoint, &[&old, &new]).expect("two keys");
    let policy = format!(
        "log {}\nlog {}\nquorum none\n",
        old.verifier_key(),
        new.verifier_key()
    );
    let sizes = json!({
        "v": 1,
        "log_keys": [
            {"vkey": old.verifier_key().to_string(), "from": 1, "to": 3},
            {"vkey": new.verifier_key().to_string(), "from": 3, "to": null},
        ],
        "bundle_keys": [],
        "time_authorities": [],
    });
    let sizes = json::canonical(&sizes).expect("JSON of the formats");
    let trust = TrustPolicy::parse(policy.as_bytes()).expect("a policy");
    let trust = trust.with_trust_json(&sizes).expect("trust.json");
    trust.verify_newest(&both).expect("both sign it");
    for (size, signer, holds) in [
        (3, &old, true),
        (4, &old, false),
        (2, &new, false),
        (4, &new, true),
    ] {
        let checkpoint = Checkpoint::new(ORIGIN, size, log.root()).expect("a good origin");
        let signed = SignedCheckpoint::sign(checkpoint, &[signer]).expect("one key");
        assert_eq!(trust.verify_newest(&signed).is_ok(), holds, "{size}");
    }
    let note = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    vec![
        fields("rotation-control", &[("JCS", note(&leaf[1..]))]),
        text("rotation-checkpoint", &note(both.as_bytes())),
        text("rotation-policy", &policy),
        json_block("rotation-trust", &sizes),
    ]
}

/// The keys of the frozen vectors.
fn seed(name: &str) -> [u8; 32] {
    let vectors = vectors("checkpoint");
    let key = cases(&vectors, "keys").iter();
    let key = key.into_iter().find(|key| member(key, "name") == name);
    array(key.expect("there"), "seed")
}

fn log_key() -> NoteSigner {
    NoteSigner::from_seed(ORIGIN, &seed(ORIGIN)).expect("a good name")
}

fn witness() -> Cosigner {
    let name = "witness1.example";
    Cosigner::from_seed(name, &seed(name)).expect("a good name")
}

fn checkpoint(root: custos_core::hash::Hash) -> SignedCheckpoint {
    let checkpoint = Checkpoint::new(ORIGIN, 2, root).expect("a good origin");
    let signed = SignedCheckpoint::sign(checkpoint, &[&log_key()]).expect("one key");
    let line = witness().cosign(signed.note().text(), UNIX_SECONDS);
    signed.with_signature(line).expect("small")
}

fn policy() -> String {
    let (log, witness) = (log_key(), witness());
    format!(
        "# one log, one witness of which one is asked for\nlog {}\nwitness w1 {}\n\
         group enough any w1\nquorum enough\n",
        log.verifier_key(),
        witness.verifier_key()
    )
}

fn trust() -> Vec<Example> {
    let key = log_key();
    let key: &VerifierKey = key.verifier_key();
    let bundle = NoteSigner::from_seed("room.example/log/bundle", &[3; 32]).expect("a good name");
    let trust = json!({
        "v": 1,
        "log_keys": [{"vkey": key.to_string(), "from": 1, "to": null}],
        "bundle_keys": [{"vkey": bundle.verifier_key().to_string(), "from": 1, "to": 20_000}],
        "time_authorities": [],
    });
    let jcs = json::canonical(&trust).expect("JSON of the formats");
    let policy = policy();
    let read = TrustPolicy::parse(policy.as_bytes()).expect("a policy");
    let read = read.with_trust_json(&jcs).expect("trust.json");
    assert!(
        read.bundle_keys()[0].is_valid_for(20_000) && !read.bundle_keys()[0].is_valid_for(20_001)
    );
    vec![
        fields(
            "vkey",
            &[
                ("name", key.name().into()),
                ("type", "01".into()),
                ("seed", hex(seed(ORIGIN))),
                ("public key", hex(key.key_bytes())),
                ("key id", format!("{:08x}", key.id())),
                ("vkey", key.to_string()),
            ],
        ),
        text("policy", &policy),
        json_block("trust.json", &jcs),
    ]
}
