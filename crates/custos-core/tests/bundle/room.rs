//! A room in memory, from fixed seeds: it appends entries, signs checkpoints and proves.

use std::collections::HashMap;

use custos_core::{
    checkpoint::{Checkpoint, Cosigner, NoteSigner, SignedCheckpoint, TrustPolicy},
    event::{Control, ControlKind, Disclosed, Entry, Opening, SLOTS, kind, leaf_data, slot},
    hash::{Hash, sha256},
    ids::{Id, LeafIndex},
    merkle::{MemoryLog, leaf_hash, prove_consistency, prove_inclusion},
    receipt::Receipt,
};
use serde_json::{Value, json};

pub const ORIGIN: &str = "room.example/log";
pub const BUNDLE_KEY: &str = "room.example/log/bundle";
pub const WITNESS: &str = "witness.example/w1";
/// 2026-09-21 14:13:20 UTC.
pub const START_SECONDS: i64 = 1_790_000_000;

/// An id that is the same in every run.
pub fn id(text: &str) -> Id {
    let hash = sha256(&[b"id", text.as_bytes()]);
    Id::from_bytes(hash.as_bytes()[..16].try_into().expect("16 bytes"))
}

/// 32 bytes that are the same in every run.
pub fn seed(text: &str) -> [u8; 32] {
    *sha256(&[b"seed", text.as_bytes()]).as_bytes()
}

pub fn index(n: u64) -> LeafIndex {
    LeafIndex::new(n).expect("small")
}

/// What an entry says beyond what the room fills in.
#[derive(Clone)]
pub struct Event<'a> {
    pub kind: &'a str,
    pub scope: &'a str,
    /// Type and name of the subject.
    pub subject: (&'a str, &'a str),
    pub detail: Vec<(usize, Value)>,
}

#[derive(Clone)]
enum Leaf {
    Entry {
        entry: Box<Entry>,
        link: Opening,
        body: Opening,
    },
    Control(Control),
}

pub struct Room {
    name: &'static str,
    leaves: Vec<Leaf>,
    log: MemoryLog,
    chains: HashMap<String, (u64, Hash)>,
    pub log_key: NoteSigner,
    pub bundle_key: NoteSigner,
    pub witness: Cosigner,
}

impl Room {
    /// A room of the same keys and origin each time; `name` seeds its openings only, so two
    /// rooms of different names are two histories of one log.
    pub fn new(name: &'static str) -> Self {
        let key = |name: &str| NoteSigner::from_seed(name, &seed(name)).expect("a good name");
        let mut room = Self {
            name,
            leaves: Vec::new(),
            log: MemoryLog::new(),
            chains: HashMap::new(),
            log_key: key(ORIGIN),
            bundle_key: key(BUNDLE_KEY),
            witness: Cosigner::from_seed(WITNESS, &seed(WITNESS)).expect("a good name"),
        };
        room.control(ControlKind::Open);
        room
    }

    /// The same room once more, to go on from here.
    pub fn again(&self) -> Self {
        let mut again = Self::new(self.name);
        again.leaves = self.leaves.clone();
        again.log = self.log.clone();
        again.chains = self.chains.clone();
        again
    }

    pub fn size(&self) -> u64 {
        self.log.size()
    }

    /// Appends a control entry that names the room's own keys.
    pub fn control(&mut self, kind: ControlKind) -> LeafIndex {
        let bundle_keys = vec![self.bundle_key.verifier_key().to_string()];
        self.control_of(kind, bundle_keys)
    }

    pub fn control_of(&mut self, kind: ControlKind, bundle_keys: Vec<String>) -> LeafIndex {
        let control = Control {
            kind,
            origin: ORIGIN.into(),
            log_keys: vec![self.log_key.verifier_key().to_string()],
            bundle_keys,
            previous: None,
        };
        self.log.push(leaf_hash(&control.to_leaf().expect("short")));
        self.leaves.push(Leaf::Control(control));
        index(self.size() - 1)
    }

    /// Appends an entry; chains and time are the room's.
    pub fn append(&mut self, event: &Event<'_>) -> LeafIndex {
        self.append_with(event, |_| {})
    }

    /// Appends an entry after `change` had its hands on the values.
    pub fn append_with(
        &mut self,
        event: &Event<'_>,
        change: impl FnOnce(&mut [Value; SLOTS]),
    ) -> LeafIndex {
        let at = self.size();
        let mut values: [Value; SLOTS] = std::array::from_fn(|_| Value::Null);
        values[slot::V] = json!(1);
        values[slot::ORIGIN] = json!(ORIGIN);
        values[slot::KIND] = json!(event.kind);
        values[slot::TIME] = json!((START_SECONDS + 60 * at as i64) * 1_000_000);
        values[slot::CASE] = json!(id("case"));
        values[slot::SCOPE] = json!(id(event.scope));
        values[slot::ACTOR] = json!(id("actor"));
        values[slot::ROLE] = json!("investigator");
        values[slot::SUBJECT] = json!({"type": event.subject.0, "id": id(event.subject.1)});
        values[slot::ROWS] = json!({"facts": null, "rows": []});
        let subject = format!("{}/{}/{}", event.scope, event.subject.0, event.subject.1);
        let mut chains = vec![
            (slot::SCOPE_NTH, event.scope.to_string()),
            (slot::SUBJECT_NTH, subject),
        ];
        if kind::adds_item(event.kind) {
            chains.push((slot::ITEM_NTH, format!("items of {}", event.scope)));
        }
        for (nth, name) in &chains {
            let before = self.chains.get(name);
            values[*nth] = json!(before.map_or(1, |(n, _)| n + 1));
            values[nth + 1] = json!(before.map(|(_, c)| c));
        }
        for (slot, value) in &event.detail {
            values[*slot] = value.clone();
        }
        change(&mut values);
        let entry = Entry::new(values).expect("the values are of their types");
        let opening =
            |group: &str| Opening::from_bytes(seed(&format!("{} {at} {group}", self.name)));
        let (link, body) = (opening("link"), opening("body"));
        let c = entry.commit(&link, &body).entry();
        for (_, name) in chains {
            let chain = self.chains.entry(name).or_insert((0, c));
            *chain = (chain.0 + 1, c);
        }
        self.log.push(leaf_hash(&leaf_data(&c)));
        self.leaves.push(Leaf::Entry {
            entry: Box::new(entry),
            link,
            body,
        });
        index(at)
    }

    pub fn entry(&self, at: LeafIndex, open: impl Fn(usize) -> bool) -> Disclosed {
        match &self.leaves[at.get() as usize] {
            Leaf::Entry { entry, link, body } => {
                entry.disclose(link, body, open).expect("disclosable")
            }
            Leaf::Control(_) => panic!("a control entry"),
        }
    }

    pub fn c(&self, at: LeafIndex) -> Hash {
        *self.entry(at, |slot| slot < 2).commitment()
    }

    /// The bundle's form of a control entry.
    pub fn control_json(&self, at: LeafIndex) -> Vec<u8> {
        match &self.leaves[at.get() as usize] {
            Leaf::Control(control) => control.to_leaf().expect("short")[1..].to_vec(),
            Leaf::Entry { .. } => panic!("a custody entry"),
        }
    }

    /// A checkpoint of the log's first `size` entries.
    pub fn checkpoint(&self, size: u64, cosigned: bool) -> SignedCheckpoint {
        let root = self.log.root_at(size).expect("the log is larger");
        let checkpoint = Checkpoint::new(ORIGIN, size, root).expect("a good origin");
        let signed = SignedCheckpoint::sign(checkpoint, &[&self.log_key]).expect("one key");
        if !cosigned {
            return signed;
        }
        let seconds = (START_SECONDS + 60 * size as i64) as u64;
        let line = self.witness.cosign(signed.note().text(), seconds);
        signed.with_signature(line).expect("small")
    }

    pub fn inclusion(&self, at: LeafIndex, size: u64) -> Vec<Hash> {
        prove_inclusion(size, at, &self.log).expect("in the log")
    }

    pub fn consistency(&self, old: u64, new: u64) -> Vec<Hash> {
        prove_consistency(old, new, &self.log).expect("in the log")
    }

    pub fn receipt(&self, at: LeafIndex, size: u64) -> Receipt {
        let entry = self.entry(at, |slot| Receipt::may_open(slot, false));
        let proof = self.inclusion(at, size);
        Receipt::new(entry, at, proof, self.checkpoint(size, true)).expect("in the log")
    }

    /// Trust in the room's log key, with one witness that must cosign.
    pub fn policy_file(&self) -> String {
        format!(
            "log {}\nwitness w1 {}\nquorum w1\n",
            self.log_key.verifier_key(),
            self.witness.verifier_key()
        )
    }

    pub fn trust(&self) -> TrustPolicy {
        TrustPolicy::parse(self.policy_file().as_bytes()).expect("a good policy")
    }
}
