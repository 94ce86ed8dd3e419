//! Checking an export of the custody log: steps `export`, `checkpoint`, `witness`, `entry`,
//! `inclusion`, `chain`, `asked` and `held`.
//!
//! The file is read once, a line at a time; of each entry some hundred bytes are kept. What
//! is of one line alone (`export`, `entry`, `inclusion`) is checked as it comes.

mod words;

use std::{collections::BTreeMap, io::BufRead};

pub use words::asked as asked_in_words;

use super::{
    HeldCheck, HistoryLine, Step, VerifyError, chain,
    entries::{Log, Record},
    fail,
    heads::{Head, Heads, log_keys, log_signers},
    held, report,
};
use crate::{
    checkpoint::{Cosignature, TrustPolicy},
    event::{Disclosed, kind, leaf_data, slot},
    export::{Asked, ExportError, Header, Line, Listed, Made, Reader, Withheld},
    hash::Hash,
    ids::{LeafIndex, Timestamp},
    merkle::{check_inclusion, leaf_hash},
    receipt::Receipt,
};

/// An export of which every step passed.
#[derive(Clone, Debug)]
pub struct VerifiedExport {
    /// The log's origin.
    pub origin: String,
    /// Size of the checkpoint to which every proof leads.
    pub size: u64,
    /// Root of that tree.
    pub root: Hash,
    /// Trusted witnesses that cosigned it.
    pub witnesses: Vec<Cosignature>,
    /// What was asked for.
    pub asked: Asked,
    /// Which fields are withheld of every entry.
    pub withheld: Withheld,
    /// The entries, in order.
    pub entries: Vec<HistoryLine>,
    /// The entry of the export's own making.
    pub made: HistoryLine,
    /// The receipts compared, in the order given.
    pub held: Vec<HeldCheck>,
    /// Whether some time in the export lies after the verifier's own clock.
    pub in_the_future: bool,
}

/// Checks an export against whom the verifier trusts and against receipts kept elsewhere.
///
/// `now` is the verifier's clock, used only to say that something lies in the future.
///
/// # Errors
/// [`VerifyError::Failed`] names the first step that failed.
pub fn verify_export<R: BufRead>(
    export: R,
    trust: &TrustPolicy,
    held: &[Receipt],
    now: Timestamp,
) -> Result<VerifiedExport, VerifyError> {
    let mut reader = Reader::open(export).map_err(refused)?;
    let header = reader.header().clone();
    let heads = check_head(&header, trust)?;
    let (log, own) = read_entries(&mut reader, &header)?;
    chain::check_open_links(&log)?;
    check_own(&header, &log, &own)?;
    let held = held::check(held, (&header.origin, size(&header)), &heads, &log, trust)?;
    let head = &heads.all[&size(&header)];
    let mut entries: Vec<HistoryLine> = log.records.iter().map(report::line).collect();
    let made = entries.pop().expect("its own entry was read");
    let last = made
        .time
        .max(entries.iter().filter_map(|line| line.time).next_back());
    let seen = head.cosignatures.iter().filter_map(report::witnessed);
    Ok(VerifiedExport {
        in_the_future: seen.chain(last).any(|time| time > now),
        size: size(&header),
        root: head.root,
        witnesses: head.cosignatures.clone(),
        origin: header.origin,
        asked: header.asked,
        withheld: header.withheld,
        entries,
        made,
        held,
    })
}

const fn size(header: &Header) -> u64 {
    header.checkpoint.checkpoint().size()
}

/// Steps `checkpoint` and `witness`.
fn check_head(header: &Header, trust: &TrustPolicy) -> Result<Heads, VerifyError> {
    let keys = log_keys(trust, &header.origin)?;
    let size = size(header);
    let signers = log_signers(&keys, size, &header.checkpoint)
        .map_err(|error| fail(Step::Checkpoint, format!("the checkpoint: {error}")))?;
    let endorsement = trust
        .verify_newest(&header.checkpoint)
        .map_err(|error| fail(Step::Witness, format!("the checkpoint: {error}")))?;
    let head = Head {
        root: *header.checkpoint.checkpoint().root(),
        cosignatures: endorsement.cosignatures,
        signers,
    };
    Ok(Heads {
        all: BTreeMap::from([(size, head)]),
        newest: header.checkpoint.clone(),
        joints: BTreeMap::new(),
    })
}

/// The export's own entry, as far as step `asked` needs it.
struct Own {
    kind: Option<String>,
    made: Option<Made>,
    entries: Hash,
}

/// Steps `export`, `entry` and `inclusion`, and of step `asked` what is of one entry.
fn read_entries<R: BufRead>(
    reader: &mut Reader<R>,
    header: &Header,
) -> Result<(Log, Own), VerifyError> {
    let (mut records, mut by_c) = (Vec::new(), BTreeMap::new());
    let mut listed = Listed::new();
    let mut found = None;
    while let Some((line, own)) = reader.next_line().map_err(refused)? {
        check_entry(&line, own, header)?;
        let c = *line.entry.commitment();
        if by_c.insert(c, records.len()).is_some() {
            return Err(of_entry(
                Step::Entry,
                line.index,
                "it stands in the log twice",
            ));
        }
        let checkpoint = header.checkpoint.checkpoint();
        let leaf = leaf_hash(&leaf_data(&c));
        check_inclusion(
            &line.proof,
            checkpoint.size(),
            checkpoint.root(),
            line.index,
            &leaf,
        )
        .map_err(|error| of_entry(Step::Inclusion, line.index, &error.to_string()))?;
        records.push(Record::new(line.index, &line.entry));
        if own {
            let made = line.entry.value(slot::DETAIL);
            found = Some(Own {
                kind: line.entry.string(slot::KIND).map(String::from),
                made: made.and_then(|made| Made::from_value(made).ok()),
                entries: listed.clone().finish(),
            });
        } else {
            check_asked(&line, &header.asked)?;
            listed.push(line.index, &c);
        }
    }
    let log = Log {
        records,
        by_c,
        controls: BTreeMap::new(),
    };
    let missing = || fail(Step::Export, "the entry of its own making is missing");
    Ok((log, found.ok_or_else(missing)?))
}

/// Step `entry`: of this log, below the checkpoint, and without what is withheld.
fn check_entry(line: &Line, own: bool, header: &Header) -> Result<(), VerifyError> {
    let (index, entry) = (line.index, &line.entry);
    let refuse = |what: &str| Err(of_entry(Step::Entry, index, what));
    if entry.string(slot::ORIGIN) != Some(&header.origin) {
        return refuse("it is of another log");
    }
    if index.get() >= size(header) {
        return refuse("it is not below the checkpoint's size");
    }
    if index.get() == 0 {
        return refuse("the log's first entry is always a control entry");
    }
    if entry.value(slot::ROWS).is_some() {
        return refuse("slot 31 is open, which never leaves the room");
    }
    if let Some(slot) = first_spoken(entry, own, &header.withheld) {
        return refuse(&format!(
            "slot {slot} is open, and the first line says that it is withheld"
        ));
    }
    Ok(())
}

/// The first open slot of those that the header says are withheld.
fn first_spoken(entry: &Disclosed, own: bool, withheld: &Withheld) -> Option<usize> {
    let kind = entry.string(slot::KIND).unwrap_or_default();
    (0..slot::ROWS)
        .filter(|slot| entry.value(*slot).is_some())
        .find(|slot| match own {
            true => withheld.withholds_own(*slot),
            false => withheld.withholds(*slot, kind),
        })
}

/// Step `asked`, of one entry: what it shows is what was asked for.
fn check_asked(line: &Line, asked: &Asked) -> Result<(), VerifyError> {
    let entry = &line.entry;
    let differs = |slot: usize, wanted: Option<crate::ids::Id>| {
        let shown = entry.value(slot);
        let wanted = wanted.map(|id| id.to_string());
        wanted.is_some_and(|id| shown.is_some_and(|shown| shown.as_str() != Some(&id)))
    };
    let item = asked.item.map(|id| id.to_string());
    let other_item = item.is_some_and(|id| {
        entry.value(slot::SUBJECT).is_some_and(|subject| {
            subject["type"].as_str() != Some("item") || subject["id"].as_str() != Some(&id)
        })
    });
    let time = entry.value(slot::TIME).and_then(|time| time.as_i64());
    let time = time.and_then(|micros| Timestamp::from_micros(micros).ok());
    let outside = time.is_some_and(|time| !asked.spans(time));
    if differs(slot::CASE, asked.case)
        || differs(slot::ACTOR, asked.person)
        || other_item
        || outside
    {
        return Err(of_entry(
            Step::Asked,
            line.index,
            "it is not of what was asked for",
        ));
    }
    Ok(())
}

/// Step `asked`: the last entry is of this export's making, and names exactly these entries.
fn check_own(header: &Header, log: &Log, own: &Own) -> Result<(), VerifyError> {
    let index = log.records.last().map(|record| record.index);
    let index = index.expect("its own entry was read");
    if own.kind.as_deref() != Some(kind::EXPORT) {
        return Err(of_entry(
            Step::Asked,
            index,
            "it is the last, and not of the making of an export",
        ));
    }
    let named = Made {
        asked: header.asked,
        withheld: header.withheld.clone(),
        n: header.n,
        entries: own.entries,
    };
    match &own.made {
        Some(made) if *made == named => Ok(()),
        Some(made) if made.entries != named.entries || made.n != named.n => {
            let what = "the room exported other entries than these: some were taken out, put in \
                        or exchanged";
            Err(of_entry(Step::Asked, index, what))
        }
        _ => {
            let what = "the room exported them for something else, or withheld other fields, \
                        than the first line says";
            Err(of_entry(Step::Asked, index, what))
        }
    }
}

fn refused(error: ExportError) -> VerifyError {
    match error {
        ExportError::Io(error) => VerifyError::Io(error),
        ExportError::Entry { .. } => fail(Step::Entry, error.to_string()),
        error => fail(Step::Export, error.to_string()),
    }
}

fn of_entry(step: Step, index: LeafIndex, what: &str) -> VerifyError {
    fail(step, format!("entry {index}: {what}"))
}
