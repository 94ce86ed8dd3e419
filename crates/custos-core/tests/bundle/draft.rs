//! A bundle before it is sealed, so that each part of it can be spoilt.

use std::collections::BTreeMap;

use custos_core::{
    bundle::{
        BundleName, Place,
        parts::{Part, present},
        zip::Writer,
    },
    checkpoint::{NoteSigner, SignedNote},
    event::slot,
    hash::sha256,
    ids::LeafIndex,
    json::canonical,
    receipt::TlogProof,
};
use serde_json::{Map, Value, json};

use crate::room::{ORIGIN, Room, id};

/// Slots that a bundle shows of the subject's entries, and more: all but the actor's
/// authentication, the policy decision, and what never leaves the room.
pub fn shown(slot: usize) -> bool {
    !matches!(
        slot,
        slot::AUTHENTICATION | slot::POLICY_SET..=slot::APPROVALS | slot::ROWS
    )
}

/// Slots that every entry of the subject shows.
pub fn required(slot: usize) -> bool {
    matches!(
        slot,
        0..=2 | slot::SCOPE | slot::SUBJECT_NTH | slot::SUBJECT_PREV | slot::SUBJECT
    )
}

#[derive(Clone)]
pub struct Draft {
    pub files: BTreeMap<String, Vec<u8>>,
    pub subject: Value,
    pub scope: Value,
    pub checkpoint: u64,
    pub control: u64,
    pub withheld: Vec<Part>,
    /// Put over the manifest's members at the end.
    pub over: Map<String, Value>,
}

impl Draft {
    /// A bundle about a subject, without files yet.
    pub fn new(subject: (&str, &str), scope: &str, checkpoint: u64) -> Self {
        Self {
            files: BTreeMap::new(),
            subject: json!({"type": subject.0, "id": id(subject.1)}),
            scope: json!(id(scope)),
            checkpoint,
            control: 0,
            withheld: Vec::new(),
            over: Map::new(),
        }
    }

    pub fn put(&mut self, place: &Place, bytes: impl Into<Vec<u8>>) {
        self.files.insert(place.to_string(), bytes.into());
    }

    pub fn put_json(&mut self, place: &Place, value: &Value) {
        self.put(place, canonical(value).expect("JSON of the formats"));
    }

    pub fn file(&mut self, place: &Place) -> &mut Vec<u8> {
        self.files
            .get_mut(&place.to_string())
            .expect("the draft holds it")
    }

    /// A custody entry with its proof.
    pub fn entry(&mut self, room: &Room, at: LeafIndex, open: impl Fn(usize) -> bool) {
        let jcs = room.entry(at, open).to_jcs().expect("short");
        self.put(&Place::Entry(at), jcs);
        self.proof(room, at);
    }

    /// A control entry with its proof.
    pub fn control(&mut self, room: &Room, at: LeafIndex) {
        self.put(&Place::Control(at), room.control_json(at));
        self.proof(room, at);
    }

    pub fn proof(&mut self, room: &Room, at: LeafIndex) {
        let hashes = room.inclusion(at, self.checkpoint);
        let newest = room.checkpoint(self.checkpoint, true);
        let proof = TlogProof::new(at, hashes, None, newest).expect("in the log");
        self.put(&Place::Proof(at), proof.to_bytes());
    }

    /// Checkpoints of these sizes, the last the newest, and what joins them.
    pub fn checkpoints(&mut self, room: &Room, sizes: &[u64]) {
        for size in sizes {
            let newest = *size == self.checkpoint;
            let signed = room.checkpoint(*size, newest);
            self.put(&Place::Checkpoint(*size), signed.as_bytes());
        }
        for pair in sizes.windows(2) {
            let (old, new) = (pair[0], pair[1]);
            let place = Place::Consistency { old, new };
            self.put_json(&place, &json!(room.consistency(old, new)));
        }
    }

    /// The text of `bundle.note`.
    pub fn text(&self) -> Vec<u8> {
        let files: Map<String, Value> = self
            .files
            .iter()
            .map(|(name, bytes)| {
                let sum = json!({"length": bytes.len(), "sha256": sha256(&[bytes])});
                (name.clone(), sum)
            })
            .collect();
        let included = present(self.files.keys().map(String::as_str));
        let words = |keep: &dyn Fn(&Part) -> bool| -> Vec<&str> {
            let parts = Part::ALL.iter().filter(|(part, _)| keep(part));
            parts.map(|(_, word)| *word).collect()
        };
        let mut manifest = json!({
            "v": 1,
            "origin": ORIGIN,
            "subject": self.subject,
            "scope": self.scope,
            "checkpoint": self.checkpoint,
            "control": self.control,
            "included": words(&|part| included.contains(part)),
            "withheld": words(&|part| self.withheld.contains(part)),
            "absent": words(&|part| !included.contains(part) && !self.withheld.contains(part)),
            "files": files,
        });
        let members = manifest.as_object_mut().expect("an object");
        members.extend(self.over.clone());
        let mut text = canonical(&manifest).expect("JSON of the formats");
        text.push(b'\n');
        text
    }

    /// The archive, its note signed by the room.
    pub fn seal(&self, room: &Room) -> Vec<u8> {
        self.seal_by(&room.bundle_key)
    }

    pub fn seal_by(&self, signer: &NoteSigner) -> Vec<u8> {
        pack(&sign(&self.text(), signer), &self.files)
    }
}

/// A note with this text.
pub fn sign(text: &[u8], signer: &NoteSigner) -> Vec<u8> {
    let text = std::str::from_utf8(text).expect("UTF-8");
    let note = SignedNote::sign(text, &[signer]).expect("a good text");
    note.as_bytes().to_vec()
}

/// The canonical archive of a note and files.
pub fn pack(note: &[u8], files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    let mut file = |name: &str, bytes: &[u8]| {
        let name: BundleName = name.parse().expect("a good name");
        writer
            .file(
                &name,
                bytes.len() as u64,
                crc32fast::hash(bytes),
                &mut &bytes[..],
            )
            .expect("in order");
    };
    file("bundle.note", note);
    for (name, bytes) in files {
        file(name, bytes);
    }
    writer.finish().expect("into memory")
}
