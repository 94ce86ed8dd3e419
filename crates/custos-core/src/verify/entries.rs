//! Steps `entry`, `inclusion` and `key`.

use std::{
    collections::BTreeMap,
    io::{Read, Seek},
};

use serde_json::Value;

use super::{Step, VerifyError, fail, fail_in, heads::Heads, open::Opened};
use crate::{
    bundle::{Place, Subject},
    checkpoint::{SignatureType, TrustPolicy, VerifierKey},
    event::{Control, ControlKind, Disclosed, MAX_DISCLOSED_BYTES, kind, leaf_data, slot},
    hash::{Hash, sha256},
    ids::{Id, LeafIndex, ScopeId, Timestamp},
    json,
    merkle::leaf_hash,
    receipt::{MAX_TLOG_PROOF_BYTES, TlogProof},
};

/// Longest control entry in bytes, its type byte not counted.
const MAX_CONTROL_BYTES: u64 = 65_534;
/// Characters of a kind or role that are kept for the timeline.
const MAX_WORD_CHARS: usize = 64;

/// A slot as a reader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown<T> {
    /// Not shown.
    Withheld,
    /// Shown, and null: there is none.
    Null,
    /// Shown.
    Is(T),
}

impl<T> Shown<T> {
    pub(super) fn of(value: Option<&Value>, parse: impl Fn(&Value) -> Option<T>) -> Self {
        match value {
            None => Self::Withheld,
            Some(value) => parse(value).map_or(Self::Null, Self::Is),
        }
    }

    /// The value, if it is shown and not null.
    pub fn known(self) -> Option<T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Withheld | Self::Null => None,
        }
    }
}

/// A place in a chain: its number and the C before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub nth: Shown<u64>,
    pub prev: Shown<Hash>,
}

/// A custody entry of the bundle, reduced to what the later steps need.
pub(super) struct Record {
    pub index: LeafIndex,
    /// C, which is in the log.
    pub c: Hash,
    /// Kind, its first characters.
    pub kind: Option<String>,
    pub time: Option<Timestamp>,
    pub scope: Option<ScopeId>,
    /// SHA-256 of slot 20's JCS: equal where subjects are.
    pub subject: Option<Hash>,
    /// The scope's chain, the chain of items, the subject's chain.
    pub links: [Link; 3],
    pub actor: Shown<Id>,
    /// Role, its first characters.
    pub role: Shown<String>,
}

impl Record {
    pub fn new(index: LeafIndex, entry: &Disclosed) -> Self {
        let link = |nth: usize| Link {
            nth: Shown::of(entry.value(nth), Value::as_u64),
            prev: Shown::of(entry.value(nth + 1), |prev| prev.as_str()?.parse().ok()),
        };
        let word = |value: &Value| Some(value.as_str()?.chars().take(MAX_WORD_CHARS).collect());
        Self {
            index,
            c: *entry.commitment(),
            kind: entry.value(slot::KIND).and_then(word),
            time: entry
                .value(slot::TIME)
                .and_then(Value::as_i64)
                .and_then(|micros| Timestamp::from_micros(micros).ok()),
            scope: entry.string(slot::SCOPE).and_then(|id| id.parse().ok()),
            subject: entry.value(slot::SUBJECT).map(subject_hash),
            links: [slot::SCOPE_NTH, slot::ITEM_NTH, slot::SUBJECT_NTH].map(link),
            actor: Shown::of(entry.value(slot::ACTOR), |id| id.as_str()?.parse().ok()),
            role: Shown::of(entry.value(slot::ROLE), word),
        }
    }

    /// Whether it is known to add an item to its scope.
    pub fn adds_item(&self) -> bool {
        self.kind.as_deref().is_some_and(kind::adds_item)
    }
}

/// What tells subjects apart; of a slot 20 that was checked.
pub(super) fn subject_hash(value: &Value) -> Hash {
    let jcs = json::canonical(value).expect("an open slot was read from its JCS");
    sha256(&[&jcs])
}

/// The hash of a subject as slot 20 holds it.
pub(super) fn hash_of(subject: &Subject) -> Hash {
    subject_hash(&subject.to_value())
}

/// The entries of a bundle, each in the log of the newest checkpoint.
pub(super) struct Log {
    /// Custody entries by ascending index.
    pub records: Vec<Record>,
    /// Positions in `records`, by C.
    pub by_c: BTreeMap<Hash, usize>,
    /// Control entries by index.
    pub controls: BTreeMap<LeafIndex, Control>,
}

impl Log {
    /// The record at an index of the log.
    pub fn at(&self, index: LeafIndex) -> Option<&Record> {
        let position = self
            .records
            .binary_search_by_key(&index, |record| record.index);
        position.ok().map(|position| &self.records[position])
    }

    /// The record with this commitment.
    pub fn of(&self, c: &Hash) -> Option<&Record> {
        self.by_c.get(c).map(|position| &self.records[*position])
    }
}

/// The three steps.
pub(super) fn check<R: Read + Seek>(
    opened: &mut Opened<R>,
    heads: &Heads,
    trust: &TrustPolicy,
) -> Result<Log, VerifyError> {
    let log = read_entries(opened)?;
    check_proofs(opened, heads, &log)?;
    check_key(opened, &log, trust)?;
    Ok(log)
}

/// Step `entry`.
fn read_entries<R: Read + Seek>(opened: &mut Opened<R>) -> Result<Log, VerifyError> {
    let (mut records, mut controls) = (BTreeMap::new(), BTreeMap::new());
    for place in opened.places.clone() {
        match place {
            Place::Entry(index) => {
                let entry = read_entry(opened, Step::Entry, index)?;
                records.insert(index, Record::new(index, &entry));
            }
            Place::Control(index) => {
                controls.insert(index, read_control(opened, index)?);
            }
            _ => {}
        }
    }
    for index in records.keys().chain(controls.keys()) {
        let what = if index.get() >= opened.manifest.checkpoint {
            "it is not below the newest checkpoint's size"
        } else if records.contains_key(index) && controls.contains_key(index) {
            "a custody entry and a control entry stand at one index"
        } else if records.contains_key(index) && index.get() == 0 {
            "the log's first entry is always a control entry"
        } else {
            continue;
        };
        return Err(fail(Step::Entry, format!("entry {index}: {what}")));
    }
    let records: Vec<Record> = records.into_values().collect();
    let mut by_c = BTreeMap::new();
    for (position, record) in records.iter().enumerate() {
        if by_c.insert(record.c, position).is_some() {
            let what = format!("entry {}: it stands in the log twice", record.index);
            return Err(fail(Step::Entry, what));
        }
    }
    Ok(Log {
        records,
        by_c,
        controls,
    })
}

/// Reads a custody entry: of this log, and without what never leaves the room.
pub(super) fn read_entry<R: Read + Seek>(
    opened: &mut Opened<R>,
    step: Step,
    index: LeafIndex,
) -> Result<Disclosed, VerifyError> {
    let place = Place::Entry(index);
    let bytes = opened.bytes(step, &place, MAX_DISCLOSED_BYTES as u64)?;
    let entry = Disclosed::parse(&bytes).map_err(|error| fail_in(step, place.name(), error))?;
    if entry.string(slot::ORIGIN) != Some(&opened.manifest.origin) {
        return Err(fail_in(step, place.name(), "it is of another log"));
    }
    if entry.value(slot::ROWS).is_some() {
        let what = "slot 31 is open, which never leaves the room";
        return Err(fail_in(step, place.name(), what));
    }
    Ok(entry)
}

fn read_control<R: Read + Seek>(
    opened: &mut Opened<R>,
    index: LeafIndex,
) -> Result<Control, VerifyError> {
    const STEP: Step = Step::Entry;
    let place = Place::Control(index);
    let bytes = opened.bytes(STEP, &place, MAX_CONTROL_BYTES)?;
    let control = Control::parse(&bytes).map_err(|error| fail_in(STEP, place.name(), error))?;
    if control.origin != opened.manifest.origin {
        return Err(fail_in(STEP, place.name(), "it is of another log"));
    }
    let begins = matches!(control.kind, ControlKind::Open | ControlKind::Succeed);
    if begins != (index.get() == 0) {
        let what = "a log begins at index 0 and nowhere else";
        return Err(fail_in(STEP, place.name(), what));
    }
    Ok(control)
}

/// Step `inclusion`: one proof for each entry, none without, all to the newest checkpoint.
fn check_proofs<R: Read + Seek>(
    opened: &mut Opened<R>,
    heads: &Heads,
    log: &Log,
) -> Result<(), VerifyError> {
    const STEP: Step = Step::Inclusion;
    for record in &log.records {
        check_proof(opened, heads, record.index, &leaf_data(&record.c))?;
    }
    for (index, control) in &log.controls {
        let name = Place::Control(*index).name();
        let leaf = control
            .to_leaf()
            .map_err(|error| fail_in(STEP, name, error))?;
        check_proof(opened, heads, *index, &leaf)?;
    }
    for place in &opened.places {
        if let Place::Proof(index) = place
            && log.at(*index).is_none()
            && !log.controls.contains_key(index)
        {
            return Err(fail_in(STEP, place.name(), "its entry is missing"));
        }
    }
    Ok(())
}

fn check_proof<R: Read + Seek>(
    opened: &mut Opened<R>,
    heads: &Heads,
    index: LeafIndex,
    leaf: &[u8],
) -> Result<(), VerifyError> {
    const STEP: Step = Step::Inclusion;
    let name = Place::Proof(index).name();
    let bytes = opened.bytes(STEP, &Place::Proof(index), MAX_TLOG_PROOF_BYTES as u64)?;
    let proof = TlogProof::parse(&bytes).map_err(|error| fail_in(STEP, &name, error))?;
    if proof.extra().is_some() || proof.index() != index {
        let what = "it has extra data, or another index than its name";
        return Err(fail_in(STEP, name, what));
    }
    if proof.checkpoint().as_bytes() != heads.newest.as_bytes() {
        let what = "its checkpoint is not byte for byte the newest";
        return Err(fail_in(STEP, name, what));
    }
    proof
        .check_inclusion(&leaf_hash(leaf))
        .map_err(|error| fail_in(STEP, name, error))
}

/// Step `key`: who may sign bundles at this point of the log, and that such a key signed.
fn check_key<R>(opened: &Opened<R>, log: &Log, trust: &TrustPolicy) -> Result<(), VerifyError> {
    const STEP: Step = Step::Key;
    let manifest = &opened.manifest;
    let control = log
        .controls
        .get(&manifest.control)
        .ok_or_else(|| fail(STEP, "the control entry with the bundle key is missing"))?;
    // Step `chain` shows that this is the bundle's own entry.
    let subject = hash_of(&manifest.subject);
    let of_subject =
        |record: &&Record| record.subject == Some(subject) && record.scope == Some(manifest.scope);
    if let Some(own) = log.records.iter().rev().find(of_subject) {
        let newest = log.controls.range(..own.index).next_back();
        if newest.map(|(index, _)| *index) != Some(manifest.control) {
            return Err(fail(
                STEP,
                "the control entry that is named is not the newest below the bundle's own entry",
            ));
        }
    }
    let name = manifest.key_name();
    let trusted: Vec<_> = trust
        .bundle_keys()
        .iter()
        .filter(|row| row.key().name() == name)
        .collect();
    let named: Vec<VerifierKey>;
    let keys: Vec<&VerifierKey> = if trusted.is_empty() {
        named = bundle_keys(control, &name);
        named.iter().collect()
    } else {
        let valid = trusted
            .iter()
            .filter(|row| row.is_valid_for(manifest.checkpoint));
        valid.map(|row| row.key()).collect()
    };
    opened
        .note
        .verify(&keys)
        .map_err(|error| fail(STEP, format!("`bundle.note`: {error}")))?;
    Ok(())
}

/// The keys that a control entry names; one of a type not known here signs nothing here.
fn bundle_keys(control: &Control, name: &str) -> Vec<VerifierKey> {
    let keys = control
        .bundle_keys
        .iter()
        .filter_map(|key| key.parse().ok());
    let signs =
        |key: &VerifierKey| key.name() == name && key.signature_type() == SignatureType::Ed25519;
    keys.filter(signs).collect()
}
