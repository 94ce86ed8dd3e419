//! What a verified bundle shows, and what it does not.

mod words;

use std::collections::BTreeMap;

use super::{
    chain::{History, SUBJECT},
    entries::{Log, Record, Shown},
    heads::Heads,
};
use crate::{
    bundle::Manifest,
    checkpoint::{Cosignature, TrustPolicy},
    hash::Hash,
    ids::{Id, LeafIndex, ScopeId, Timestamp},
};

pub use words::utc;

/// A bundle of which every step passed.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The text of `bundle.note`.
    pub manifest: Manifest,
    /// Sizes of the checkpoints, ascending.
    pub checkpoints: Vec<u64>,
    /// Root of the newest.
    pub root: Hash,
    /// Trusted witnesses that cosigned the newest checkpoint.
    pub witnesses: Vec<Cosignature>,
    /// The subject's history in the bundle's scope, complete, in order.
    pub history: Vec<HistoryLine>,
    /// Other entries that the bundle holds, in order.
    pub others: Vec<HistoryLine>,
    /// What is proven of the content.
    pub content: ContentCheck,
    /// Until when, at the latest, the subject was in the log.
    pub not_later_than: Option<NotLaterThan>,
    /// What is proven of a redacted copy.
    pub redaction: Option<RedactionCheck>,
    /// What a register states.
    pub register: Option<RegisterCheck>,
    /// Timestamps of the checkpoints.
    pub timestamps: TimestampCheck,
    /// The receipts compared, in the order given.
    pub held: Vec<HeldCheck>,
    /// Whether some time in the bundle lies after the verifier's own clock.
    pub in_the_future: bool,
}

/// An entry in a timeline; of what is never null, what is withheld is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryLine {
    /// Its index in the log.
    pub index: LeafIndex,
    /// Its number in the subject's chain, from 1.
    pub nth: Option<u64>,
    /// When, by the room's clock.
    pub time: Option<Timestamp>,
    /// What happened; at most 64 characters.
    pub kind: Option<String>,
    /// Who did it; null for what the room does by itself.
    pub actor: Shown<Id>,
    /// In which role; at most 64 characters.
    pub role: Shown<String>,
    /// Its commitment C.
    pub commitment: Hash,
}

/// What is proven of the content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContentCheck {
    /// The bundle holds none.
    NotIncluded,
    /// All of it.
    Whole {
        /// The entry that added the item.
        added: LeafIndex,
        /// Its size in bytes.
        size: u64,
        /// Its SHA-256.
        sha256: Hash,
    },
    /// Some of its leaves of 64 KiB.
    Excerpt {
        /// The entry that added the item.
        added: LeafIndex,
        /// Leaves shown.
        leaves: u64,
        /// Leaves of the whole item.
        of: u64,
        /// Bytes shown.
        bytes: u64,
    },
}

/// The earliest moment at which the subject is known to have been in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotLaterThan {
    /// The moment.
    pub time: Timestamp,
    /// The witnesses that had cosigned by then, the policy's quorum; none when it is an
    /// authority's word or the room's own clock.
    pub witnesses: Vec<String>,
    /// The time authority whose word it is.
    pub authority: Option<String>,
}

/// What is proven of a redacted copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedactionCheck {
    /// Records of the original.
    pub records: u64,
    /// Records that the copy shows verbatim.
    pub shown: u64,
    /// Records that it withholds.
    pub withheld: u64,
    /// The code of each withheld run, in order.
    pub codes: Vec<String>,
}

/// What a register states, once it is proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterCheck {
    /// The register's entry.
    pub entry: LeafIndex,
    /// The scope whose items it counts; the bundle's own.
    pub scope: ScopeId,
    /// For whom it was made.
    pub recipient: Id,
    /// When it was made, by the room's clock.
    pub time: Option<Timestamp>,
    /// Items ever added to the scope up to then.
    pub n: u64,
    /// How many items are in each state.
    pub states: BTreeMap<String, u64>,
    /// Whether every leaf names its item, so that none is counted twice.
    pub every_item_opened: bool,
}

/// What is known of the timestamps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimestampCheck {
    /// Those of authorities that the verifier names, by size and time.
    pub confirmed: Vec<Stamped>,
    /// How many others there are; they are over the checkpoints that they name, and nobody says
    /// whose they are.
    pub others: u64,
}

/// An authority's word that a checkpoint existed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// The authority's name in `trust.json`.
    pub authority: String,
    /// Size of the checkpoint.
    pub size: u64,
    /// When it was shown to the authority, by the authority's clock.
    pub time: Timestamp,
}

/// A held receipt that belongs to the bundle's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldCheck {
    /// The entry's index.
    pub index: LeafIndex,
    /// Size of the receipt's checkpoint.
    pub size: u64,
    /// How its checkpoint compares with the bundle's.
    pub outcome: HeldOutcome,
}

/// How a held receipt's checkpoint compares with the bundle's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldOutcome {
    /// The bundle holds a checkpoint of that size, with the same root.
    SameCheckpoint,
    /// The bundle's log continues the receipt's.
    Continued,
    /// The bundle holds nothing that joins them; the entry itself is the same.
    NotCompared,
}

/// What the steps found.
pub(super) struct Findings<'a> {
    pub manifest: Manifest,
    pub heads: Heads,
    pub log: Log,
    pub history: History,
    pub content: ContentCheck,
    pub redaction: Option<RedactionCheck>,
    pub register: Option<RegisterCheck>,
    pub timestamps: TimestampCheck,
    pub held: Vec<HeldCheck>,
    pub trust: &'a TrustPolicy,
    pub now: Timestamp,
}

/// Puts together what may be given out once every step has passed.
pub(super) fn assemble(found: Findings<'_>) -> Verified {
    let added = match &found.content {
        ContentCheck::Whole { added, .. } | ContentCheck::Excerpt { added, .. } => Some(*added),
        ContentCheck::NotIncluded => found.history.adding.first().copied(),
    };
    let (mut history, mut others) = (Vec::new(), Vec::new());
    let mut own = found.history.entries.iter().peekable();
    for (position, record) in found.log.records.iter().enumerate() {
        let lines = match own.next_if(|next| **next == position) {
            Some(_) => &mut history,
            None => &mut others,
        };
        lines.push(line(record));
    }
    let newest = found.manifest.checkpoint;
    let (root, witnesses) = match found.heads.all.get(&newest) {
        Some(head) => (head.root, head.cosignatures.clone()),
        None => (*found.heads.newest.checkpoint().root(), Vec::new()),
    };
    let last = history.iter().rev().find_map(|line| line.time);
    let seen = witnesses.iter().filter_map(witnessed);
    let stamped = found
        .timestamps
        .confirmed
        .iter()
        .map(|stamped| stamped.time);
    let in_the_future = seen.chain(last).chain(stamped).any(|time| time > found.now);
    Verified {
        not_later_than: added.and_then(|added| not_later_than(added, &found)),
        checkpoints: found.heads.all.keys().copied().collect(),
        root,
        witnesses,
        history,
        others,
        content: found.content,
        redaction: found.redaction,
        register: found.register,
        timestamps: found.timestamps,
        held: found.held,
        manifest: found.manifest,
        in_the_future,
    }
}

pub(super) fn line(record: &Record) -> HistoryLine {
    HistoryLine {
        index: record.index,
        nth: record.links[SUBJECT].nth.known(),
        time: record.time,
        kind: record.kind.clone(),
        actor: record.actor,
        role: record.role.clone(),
        commitment: record.c,
    }
}

/// The earliest moment at which a quorum of witnesses had cosigned a checkpoint that holds the
/// entry, so that no single one of them decides, or at which a time authority stamped one; or else
/// the room's clock.
fn not_later_than(added: LeafIndex, found: &Findings<'_>) -> Option<NotLaterThan> {
    let holding = found.heads.all.range(added.get() + 1..);
    let reached = holding.filter_map(|(_, head)| {
        let seen = found.trust.quorum_reached(&head.cosignatures)?;
        let time = witnessed(seen.last()?)?;
        let witnesses = seen.into_iter().map(|seen| seen.witness).collect();
        Some(NotLaterThan {
            time,
            witnesses,
            authority: None,
        })
    });
    let stamped = found.timestamps.confirmed.iter();
    let stamped = stamped
        .filter(|stamped| stamped.size > added.get())
        .map(|stamped| NotLaterThan {
            time: stamped.time,
            witnesses: Vec::new(),
            authority: Some(stamped.authority.clone()),
        });
    let others = reached.chain(stamped);
    others.min_by_key(|reached| reached.time).or_else(|| {
        Some(NotLaterThan {
            time: found.log.at(added)?.time?,
            witnesses: Vec::new(),
            authority: None,
        })
    })
}

/// When a witness saw a checkpoint.
pub(super) fn witnessed(cosignature: &Cosignature) -> Option<Timestamp> {
    let seconds = i64::try_from(cosignature.unix_seconds).ok()?;
    Timestamp::from_micros(seconds.checked_mul(1_000_000)?).ok()
}
