//! Step `redaction`: a redacted copy shows verbatim records and nothing else.
//!
//! The copy is `content/item`; slot 28 of its deriving entry says which records are withheld
//! under which codes, and `content/redaction.json` is the multi-proof of those shown against
//! the original's logged record tree. The copy is cut into records by the proof's lengths.

use std::io::{self, Read, Seek};

use serde_json::Value;

use super::{
    Step, VerifyError,
    chain::History,
    content::refuse_whole_item_slots,
    entries::{Log, read_entry, subject_hash},
    fail, fail_in,
    open::{MAX_JSON_BYTES, Opened},
    report::RedactionCheck,
};
use crate::{
    bundle::Place,
    content::{MultiProof, TreeKind, Verifier},
    event::{DERIVATION, Disclosed, kind, slot},
    hash::{Hash, Sha256},
    ids::LeafIndex,
    json::Members,
};

const STEP: Step = Step::Redaction;

/// Longest record that is held in memory, in bytes.
const MAX_RECORD_BYTES: u32 = 64 << 20;
/// Longest code of a withheld run, in bytes.
const MAX_CODE_BYTES: usize = 16;

/// Records that are withheld under one code: first and last, both inclusive.
struct Run {
    first: u64,
    last: u64,
    code: String,
}

/// What the deriving entry says of the redaction.
struct Redaction {
    derived: LeafIndex,
    source: Hash,
    tree: Hash,
    runs: Vec<Run>,
}

/// The step.
pub(super) fn check<R: Read + Seek>(
    opened: &mut Opened<R>,
    log: &Log,
    history: &History,
) -> Result<Option<RedactionCheck>, VerifyError> {
    if !opened.has(&Place::Redaction) {
        return Ok(None);
    }
    if !opened.has(&Place::Item) {
        return Err(fail(STEP, "a redaction is shown by its redacted copy"));
    }
    let redaction = read_redaction(opened, history)?;
    let (n, root) = read_tree(opened, log, &redaction)?;
    let bytes = opened.bytes(STEP, &Place::Redaction, MAX_JSON_BYTES)?;
    let refused = |error| fail_in(STEP, Place::Redaction, error);
    let proof = MultiProof::parse(&bytes).map_err(refused)?;
    if proof.n() != n {
        return Err(fail_in(
            STEP,
            Place::Redaction,
            "its count is not that of the record tree",
        ));
    }
    let mut verifier = Verifier::new(&proof, TreeKind::Records).map_err(refused)?;
    let (withheld, found) = {
        let mut copy = Summed {
            inner: opened.reader(STEP, &Place::Item)?,
            sha256: Sha256::new(),
        };
        let withheld = compare(&mut copy, &redaction.runs, &proof, &mut verifier)?;
        (withheld, copy.sha256.finish())
    };
    opened.same_as_listed(&Place::Item, &found)?;
    verifier.finish(&root).map_err(refused)?;
    Ok(Some(RedactionCheck {
        records: n,
        shown: proof.leaves().len() as u64,
        withheld,
        codes: redaction.runs.into_iter().map(|run| run.code).collect(),
    }))
}

/// Slot 28 of the entry that derived the copy.
fn read_redaction<R: Read + Seek>(
    opened: &mut Opened<R>,
    history: &History,
) -> Result<Redaction, VerifyError> {
    for index in &history.adding {
        let entry = read_entry(opened, STEP, *index)?;
        if let Some(derivation) = entry.value(slot::DERIVATION) {
            let redaction = parse_derivation(*index, derivation);
            let derived = entry.string(slot::KIND) == Some(kind::DERIVE);
            return redaction.filter(|_| derived).ok_or_else(|| {
                fail_in(STEP, Place::Entry(*index), "slot 28 describes no redaction")
            });
        }
    }
    Err(fail(
        STEP,
        "no entry that added the copy shows its derivation",
    ))
}

fn parse_derivation(derived: LeafIndex, derivation: &Value) -> Option<Redaction> {
    let derivation = Members::exactly(derivation, &DERIVATION).ok()?;
    let [source] = derivation.array("sources").ok()? else {
        return None;
    };
    let parameters = derivation.value("parameters").ok()?;
    let parameters = Members::exactly(parameters, &["runs", "tree"]).ok()?;
    let mut runs: Vec<Run> = Vec::new();
    for run in parameters.array("runs").ok()? {
        let members = Members::exactly(run, &["code", "first", "last"]).ok()?;
        let run = Run {
            first: members.integer("first").ok()?,
            last: members.integer("last").ok()?,
            code: members.string("code").ok()?.into(),
        };
        let follows = runs.last().is_none_or(|before| {
            run.first > before.last + 1 || (run.first == before.last + 1 && run.code != before.code)
        });
        if run.last < run.first || !follows || !is_code(&run.code) {
            return None;
        }
        runs.push(run);
    }
    Some(Redaction {
        derived,
        source: source.as_str()?.parse().ok()?,
        tree: parameters.parsed("tree").ok()?,
        runs,
    })
}

/// `[A-Z0-9.]{1,16}`.
pub(super) fn is_code(code: &str) -> bool {
    (1..=MAX_CODE_BYTES).contains(&code.len())
        && code
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'.')
}

/// Count and logged root of the original's record tree, once both entries are in order.
fn read_tree<R: Read + Seek>(
    opened: &mut Opened<R>,
    log: &Log,
    redaction: &Redaction,
) -> Result<(u64, Hash), VerifyError> {
    let mut find = |c: &Hash, whose: &str| {
        let record = log.of(c).filter(|record| record.index < redaction.derived);
        let record = record.ok_or_else(|| fail(STEP, format!("{whose} is missing")))?;
        let entry = read_entry(opened, STEP, record.index)?;
        let needed = [slot::KIND, slot::SCOPE, slot::SUBJECT];
        if needed.iter().any(|slot| entry.value(*slot).is_none()) {
            let what = "kind, scope and subject must be open";
            return Err(fail_in(STEP, Place::Entry(record.index), what));
        }
        Ok(entry)
    };
    let original = find(&redaction.source, "the entry that added the original")?;
    let tree = find(&redaction.tree, "the entry of the original's record tree")?;
    if !original.adds_item() || tree.string(slot::KIND) != Some(kind::RECORD_TREE) {
        return Err(fail(
            STEP,
            "the entries named are not of an original and its record tree",
        ));
    }
    if original.value(slot::SUBJECT) != tree.value(slot::SUBJECT) {
        return Err(fail(STEP, "the record tree is not that of the original"));
    }
    if let Some(subject) = original.value(slot::SUBJECT).map(subject_hash) {
        refuse_whole_item_slots(STEP, opened, log, subject)?;
    }
    logged_tree(&tree).ok_or_else(|| fail(STEP, "slot 24 of the record tree's entry must be open"))
}

fn logged_tree(entry: &Disclosed) -> Option<(u64, Hash)> {
    let tree = entry.value(slot::RECORD_TREE)?;
    let root = tree.get("root")?.as_str()?.parse().ok()?;
    Some((tree.get("n")?.as_u64()?, root))
}

/// Hashes what is read, so that a second reading is held to the sums of the first.
struct Summed<R> {
    inner: R,
    sha256: Sha256,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(into)?;
        self.sha256.update(&into[..got]);
        Ok(got)
    }
}

/// Walks the copy: shown records one by one, a mark for each run, nothing else, until the
/// records are exactly used up. Gives the number of records withheld.
fn compare(
    mut copy: impl Read,
    runs: &[Run],
    proof: &MultiProof,
    verifier: &mut Verifier<'_>,
) -> Result<u64, VerifyError> {
    let differs = || {
        fail_in(
            STEP,
            Place::Item,
            "it is not its verbatim records and marks in order",
        )
    };
    let mut shown = proof.leaves().iter().peekable();
    let mut runs = runs.iter().peekable();
    let (mut next, mut withheld, mut buffer) = (0, 0, Vec::new());
    while next < proof.n() {
        if let Some(run) = runs.next_if(|run| run.first == next) {
            buffer.resize(format!("[withheld {}]", run.code).len(), 0);
            fill(&mut copy, &mut buffer)?;
            if buffer != format!("[withheld {}]", run.code).as_bytes() {
                return Err(differs());
            }
            withheld += run.last - run.first + 1;
            next = run.last + 1;
        } else if let Some(leaf) = shown.next_if(|leaf| leaf.index == next) {
            if leaf.length > MAX_RECORD_BYTES {
                return Err(fail_in(
                    STEP,
                    Place::Redaction,
                    "a record is longer than 64 MiB",
                ));
            }
            buffer.resize(leaf.length as usize, 0);
            fill(&mut copy, &mut buffer)?;
            verifier
                .leaf(&buffer)
                .map_err(|error| fail_in(STEP, Place::Redaction, error))?;
            next += 1;
        } else {
            let what = format!("record {next} is neither shown nor withheld");
            return Err(fail(STEP, what));
        }
    }
    let rest = copy.read(&mut [0; 1])?;
    if next != proof.n() || shown.next().is_some() || runs.next().is_some() || rest != 0 {
        return Err(differs());
    }
    Ok(withheld)
}

/// Fills the buffer from the copy, which must be that long.
fn fill(copy: &mut impl Read, buffer: &mut [u8]) -> Result<(), VerifyError> {
    copy.read_exact(buffer).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            fail_in(STEP, Place::Item, "it is shorter than its records")
        }
        _ => VerifyError::Io(error),
    })
}
