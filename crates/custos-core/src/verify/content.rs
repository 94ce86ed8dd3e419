//! Step `content`: the whole item or some of its leaves, against the adding entry.

use std::io::{Read, Seek};

use super::{
    Step, VerifyError,
    chain::History,
    entries::{Log, Record, hash_of, read_entry},
    fail, fail_in,
    open::{MAX_JSON_BYTES, Opened, parse_tree},
    report::ContentCheck,
    stream::Sums,
};
use crate::{
    bundle::Place,
    content::{LEAF_BYTES, MultiProof, TreeKind, Verifier},
    event::{Disclosed, kind, slot},
    hash::Hash,
    ids::LeafIndex,
};

const STEP: Step = Step::Content;

/// Slots that confirm guesses at the whole item, and so stand open beside nothing less.
const WHOLE_ITEM_SLOTS: [usize; 4] = [slot::SIZE, slot::SHA256, slot::DECLARED, slot::STORED];

/// The step.
pub(super) fn check<R: Read + Seek>(
    opened: &mut Opened<R>,
    log: &Log,
    history: &History,
    item: Option<Sums>,
) -> Result<ContentCheck, VerifyError> {
    let excerpt = opened.has(&Place::ContentProof);
    let tree = opened.has(&Place::Tree);
    let leaves = opened
        .places
        .iter()
        .any(|place| matches!(place, Place::Leaf(_)));
    match item {
        Some(sums) if tree && !excerpt && !leaves => whole(opened, history, &sums),
        None if excerpt && !tree => excerpt_of(opened, log, history),
        None if !excerpt && !tree && !leaves => Ok(ContentCheck::NotIncluded),
        _ => Err(fail(
            STEP,
            "content stands either whole with its tree key, or as leaves with their proof",
        )),
    }
}

/// The whole item: size, SHA-256 and content root of the adding entry.
fn whole<R: Read + Seek>(
    opened: &mut Opened<R>,
    history: &History,
    sums: &Sums,
) -> Result<ContentCheck, VerifyError> {
    let tree = opened.bytes(STEP, &Place::Tree, MAX_JSON_BYTES)?;
    parse_tree(&tree).map_err(|error| fail_in(STEP, Place::Tree, error))?;
    let tree = sums.tree.as_ref();
    let tree = tree.ok_or_else(|| fail_in(STEP, Place::Tree, "it changed while it was read"))?;
    let root = tree.logged_root(TreeKind::Content);
    let mut complete = None;
    for entry in adding_entries(opened, history)? {
        let (index, entry) = entry;
        let (size, sha256) = (entry.integer(slot::SIZE), entry.hash(slot::SHA256));
        let logged = entry.hash(slot::CONTENT_ROOT);
        let differs = if size.is_some_and(|size| size != sums.length) {
            "its size"
        } else if sha256.is_some_and(|sha256| sha256 != sums.sha256) {
            "its SHA-256"
        } else if logged.is_some_and(|logged| logged != root) {
            "its content root"
        } else {
            if size.is_some() && sha256.is_some() && logged.is_some() {
                complete = complete.or(Some(index));
            }
            continue;
        };
        let what = format!("{differs} is not that of entry {index}");
        return Err(fail_in(STEP, Place::Item, what));
    }
    let added = complete.ok_or_else(|| {
        fail(
            STEP,
            "no entry that added the item shows its size, SHA-256 and content root",
        )
    })?;
    Ok(ContentCheck::Whole {
        added,
        size: sums.length,
        sha256: sums.sha256,
    })
}

/// Some leaves: the proof against the content root, each leaf's bytes in their file.
fn excerpt_of<R: Read + Seek>(
    opened: &mut Opened<R>,
    log: &Log,
    history: &History,
) -> Result<ContentCheck, VerifyError> {
    let bytes = opened.bytes(STEP, &Place::ContentProof, MAX_JSON_BYTES)?;
    let refused = |error| fail_in(STEP, Place::ContentProof, error);
    let proof = MultiProof::parse(&bytes).map_err(refused)?;
    let files = opened
        .places
        .iter()
        .filter(|place| matches!(place, Place::Leaf(_)));
    if files.count() != proof.leaves().len() {
        return Err(fail(STEP, "the leaves are not those of their proof"));
    }
    let subject = hash_of(&opened.manifest.subject);
    refuse_whole_item_slots(STEP, opened, log, subject)?;
    let entries = adding_entries(opened, history)?;
    let logged = entries
        .iter()
        .find_map(|(index, entry)| Some((*index, entry.hash(slot::CONTENT_ROOT)?)));
    let (added, root) =
        logged.ok_or_else(|| fail(STEP, "no entry that added the item shows its content root"))?;
    let mut verifier = Verifier::new(&proof, TreeKind::Content).map_err(refused)?;
    let mut shown = 0;
    for leaf in proof.leaves() {
        let bytes = opened.bytes(STEP, &Place::Leaf(leaf.index), LEAF_BYTES as u64)?;
        verifier.leaf(&bytes).map_err(refused)?;
        shown += bytes.len() as u64;
    }
    verifier.finish(&root).map_err(refused)?;
    Ok(ContentCheck::Excerpt {
        added,
        leaves: proof.leaves().len() as u64,
        of: proof.n(),
        bytes: shown,
    })
}

/// The entries that added the subject, an item, to the bundle's scope.
fn adding_entries<R: Read + Seek>(
    opened: &mut Opened<R>,
    history: &History,
) -> Result<Vec<(LeafIndex, Disclosed)>, VerifyError> {
    let entries = history.adding.iter();
    entries
        .map(|index| Ok((*index, read_entry(opened, STEP, *index)?)))
        .collect()
}

/// Refuses entries of a subject that show what confirms guesses at its withheld bytes: in
/// whichever scope they added it, and where its stored object was restored.
pub(super) fn refuse_whole_item_slots<R: Read + Seek>(
    step: Step,
    opened: &mut Opened<R>,
    log: &Log,
    subject: Hash,
) -> Result<(), VerifyError> {
    let tells = |record: &&Record| {
        let restored = record.kind.as_deref() == Some(kind::RESTORED);
        record.subject == Some(subject) && (record.adds_item() || restored)
    };
    for record in log.records.iter().filter(tells) {
        let entry = read_entry(opened, step, record.index)?;
        let open = |slot: &usize| entry.value(*slot).is_some();
        if let Some(slot) = WHOLE_ITEM_SLOTS.iter().copied().find(open) {
            let what = format!("slot {slot} is open, which lets withheld bytes be guessed");
            return Err(fail_in(step, Place::Entry(record.index), what));
        }
    }
    Ok(())
}
