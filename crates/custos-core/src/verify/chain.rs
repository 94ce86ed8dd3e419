//! Step `chain`: the subject's history without a gap, and every link between neighbours.

use std::collections::{HashMap, HashSet};

use super::{
    Step, VerifyError,
    entries::{Log, Record, Shown, hash_of},
    fail,
};
use crate::{
    bundle::Manifest,
    event::kind,
    hash::Hash,
    ids::{LeafIndex, ScopeId, Timestamp},
};

/// Positions in [`Record::links`].
pub(super) const SCOPE: usize = 0;
pub(super) const ITEM: usize = 1;
pub(super) const SUBJECT: usize = 2;

/// The subject's entries: positions in [`Log::records`], in order; never empty.
pub(super) struct History {
    pub entries: Vec<usize>,
    /// Those that add the subject, an item, to the scope.
    pub adding: Vec<LeafIndex>,
}

/// The step.
pub(super) fn check(log: &Log, manifest: &Manifest) -> Result<History, VerifyError> {
    check_open_links(log)?;
    check_subject(log, manifest)
}

/// The step, as far as it is of no one subject: times, and every link that is open.
pub(super) fn check_open_links(log: &Log) -> Result<(), VerifyError> {
    check_times(&log.records)?;
    for which in [SCOPE, ITEM, SUBJECT] {
        check_links(log, which)?;
    }
    Ok(())
}

/// Slot 3 never falls as the index rises.
fn check_times(records: &[Record]) -> Result<(), VerifyError> {
    let mut last: Option<Timestamp> = None;
    for record in records {
        if record.time.is_some() && record.time < last {
            return Err(broken(
                record,
                "its time lies before that of an earlier entry",
            ));
        }
        last = record.time.or(last);
    }
    Ok(())
}

/// What tells the chains of one kind apart: the scope, and for a subject's chain its hash.
type ChainKey = (ScopeId, Option<Hash>);

/// One of the three kinds of chains: wherever two neighbours are open, their link holds.
fn check_links(log: &Log, which: usize) -> Result<(), VerifyError> {
    let mut chains: HashMap<ChainKey, Vec<(u64, &Record)>> = HashMap::new();
    let mut followed = HashSet::new();
    for record in &log.records {
        check_prev(log, record, which)?;
        if let Some(prev) = record.links[which].prev.known()
            && !followed.insert(prev)
        {
            return Err(broken(record, "another entry follows the same one: a fork"));
        }
        let subject = match which {
            SUBJECT => match record.subject {
                Some(subject) => Some(subject),
                None => continue,
            },
            _ => None,
        };
        if let (Some(scope), Some(nth)) = (record.scope, record.links[which].nth.known()) {
            chains
                .entry((scope, subject))
                .or_default()
                .push((nth, record));
        }
    }
    for chain in chains.values() {
        // The records come by ascending index, so numbers must ascend as they stand.
        for pair in chain.windows(2) {
            let [(nth, before), (next, record)] = [pair[0], pair[1]];
            if nth >= next {
                return Err(broken(record, "its number in a chain does not rise"));
            }
            let prev = record.links[which].prev;
            if nth + 1 == next && prev != Shown::Withheld && prev != Shown::Is(before.c) {
                return Err(broken(record, "it does not follow the entry before it"));
            }
        }
    }
    Ok(())
}

/// Where the entry that an open link names is in the bundle, nothing speaks against it.
fn check_prev(log: &Log, record: &Record, which: usize) -> Result<(), VerifyError> {
    let Some(prev) = record.links[which].prev.known() else {
        return Ok(());
    };
    let Some(before) = log.of(&prev) else {
        return Ok(());
    };
    let differ = |a: Option<Hash>, b: Option<Hash>| a.is_some() && b.is_some() && a != b;
    let scopes = record.scope.is_some() && before.scope.is_some() && record.scope != before.scope;
    let numbers = match (before.links[which].nth, record.links[which].nth) {
        (Shown::Is(nth), Shown::Is(next)) => nth.checked_add(1) != Some(next),
        (Shown::Null, _) => true,
        _ => false,
    };
    let subjects = which == SUBJECT && differ(record.subject, before.subject);
    if before.index >= record.index || scopes || numbers || subjects {
        return Err(broken(
            record,
            "it names an entry that cannot stand before it",
        ));
    }
    Ok(())
}

/// The subject's entries in the bundle's scope are 1 to m, each naming the one before, and
/// number m made the bundle.
fn check_subject(log: &Log, manifest: &Manifest) -> Result<History, VerifyError> {
    let subject = hash_of(&manifest.subject);
    let (mut entries, mut adding) = (Vec::new(), Vec::new());
    let mut before: Option<Hash> = None;
    for (position, record) in log.records.iter().enumerate() {
        if record.subject != Some(subject) || record.scope != Some(manifest.scope) {
            continue;
        }
        if record.kind.is_none() {
            return Err(broken(record, "its kind is withheld"));
        }
        let link = record.links[SUBJECT];
        if link.nth != Shown::Is(entries.len() as u64 + 1) {
            return Err(broken(record, "the subject's history has a gap before it"));
        }
        if link.prev != before.map_or(Shown::Null, Shown::Is) {
            return Err(broken(
                record,
                "it does not follow the subject's entry before it",
            ));
        }
        if record.adds_item() {
            adding.push(record.index);
        }
        before = Some(record.c);
        entries.push(position);
    }
    let last = entries.last().map(|last| &log.records[*last]);
    if last.and_then(|last| last.kind.as_deref()) != Some(kind::BUNDLE) {
        return Err(fail(
            Step::Chain,
            "the subject's history does not end with the making of this bundle",
        ));
    }
    Ok(History { entries, adding })
}

fn broken(record: &Record, what: &str) -> VerifyError {
    fail(Step::Chain, format!("entry {}: {what}", record.index))
}
