//! The parts of a bundle: what is there, what is kept back, what does not exist.
//!
//! `included`, `withheld` and `absent` of `bundle.note` are arrays of words, ascending
//! bytewise. Each word of [`Part`] stands in exactly one of them, so that nothing is passed
//! over in silence: `included` exactly when the bundle holds files of that part, `withheld`
//! when the room has it and this recipient is not given it, `absent` when there is none.
//! That a part is withheld rather than absent is the room's word; that it is included is
//! what the files show.

use std::collections::BTreeSet;

use serde_json::Value;

use super::place::Place;
use crate::json::{JsonError, wrong};

/// A part of a bundle, in the order of the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// `certificate`: `certificate.pdf`.
    Certificate,
    /// `content`: the whole item, `content/item` with `content/tree.json`.
    Content,
    /// `custody`: the subject's entries and what proves them; every bundle includes it.
    Custody,
    /// `excerpt`: some leaves of the item, `content/leaves/` with `content/proof.json`.
    Excerpt,
    /// `history`: more than one checkpoint, joined by consistency proofs.
    History,
    /// `instructions`: `README.txt`, how to check by hand.
    Instructions,
    /// `keys`: public keys, for information only.
    Keys,
    /// `redaction`: `content/redaction.json`.
    Redaction,
    /// `register`: `register.json`, the completeness of a disclosure.
    Register,
    /// `timestamps`: answers of time authorities (RFC 3161).
    Timestamps,
    /// `verifier`: `verify.html`.
    Verifier,
}

impl Part {
    /// Every part with its word.
    pub const ALL: [(Self, &'static str); 11] = [
        (Self::Certificate, "certificate"),
        (Self::Content, "content"),
        (Self::Custody, "custody"),
        (Self::Excerpt, "excerpt"),
        (Self::History, "history"),
        (Self::Instructions, "instructions"),
        (Self::Keys, "keys"),
        (Self::Redaction, "redaction"),
        (Self::Register, "register"),
        (Self::Timestamps, "timestamps"),
        (Self::Verifier, "verifier"),
    ];

    /// The part's word.
    pub fn word(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    fn from_value(value: &Value) -> Option<Self> {
        let word = value.as_str()?;
        Self::ALL
            .iter()
            .find(|(_, name)| *name == word)
            .map(|(part, _)| *part)
    }
}

/// The parts that these files make; `bundle.note` need not be among them.
pub fn present<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<Part> {
    let mut parts = BTreeSet::from([Part::Custody]);
    let found = names.into_iter().filter_map(|name| {
        Some(match name.parse().ok()? {
            Place::Certificate => Part::Certificate,
            Place::Item | Place::Tree => Part::Content,
            Place::ContentProof | Place::Leaf(_) => Part::Excerpt,
            Place::Consistency { .. } => Part::History,
            Place::Readme => Part::Instructions,
            Place::Key(_) => Part::Keys,
            Place::Redaction => Part::Redaction,
            Place::Register => Part::Register,
            Place::Timestamp { .. } => Part::Timestamps,
            Place::Verifier => Part::Verifier,
            Place::Entry(_) | Place::Control(_) | Place::Proof(_) | Place::Checkpoint(_) => {
                Part::Custody
            }
        })
    });
    parts.extend(found);
    parts
}

/// The three lists, which together hold every part once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    included: BTreeSet<Part>,
    withheld: BTreeSet<Part>,
}

impl Parts {
    /// Parts that are included and withheld; all others are absent.
    ///
    /// # Errors
    /// One that is both.
    pub fn new(
        included: BTreeSet<Part>,
        withheld: impl IntoIterator<Item = Part>,
    ) -> Result<Self, JsonError> {
        let withheld: BTreeSet<Part> = withheld.into_iter().collect();
        if included.is_disjoint(&withheld) {
            Ok(Self { included, withheld })
        } else {
            Err(wrong("withheld"))
        }
    }

    /// What the bundle holds.
    pub const fn included(&self) -> &BTreeSet<Part> {
        &self.included
    }

    /// What exists and this recipient is not given.
    pub const fn withheld(&self) -> &BTreeSet<Part> {
        &self.withheld
    }

    /// What does not exist.
    pub fn absent(&self) -> BTreeSet<Part> {
        let known = |part: &Part| self.included.contains(part) || self.withheld.contains(part);
        let all = Part::ALL.iter().map(|(part, _)| *part);
        all.filter(|part| !known(part)).collect()
    }

    pub(super) fn to_values(&self) -> [Value; 3] {
        [&self.included, &self.withheld, &self.absent()]
            .map(|parts| parts.iter().map(|part| Value::from(part.word())).collect())
    }

    pub(super) fn from_values(
        included: &[Value],
        withheld: &[Value],
        absent: &[Value],
    ) -> Result<Self, JsonError> {
        let listed = ascending(absent, "absent")?;
        let parts = Self::new(
            ascending(included, "included")?,
            ascending(withheld, "withheld")?,
        )?;
        if parts.absent() == listed {
            Ok(parts)
        } else {
            Err(wrong("absent"))
        }
    }
}

/// Words in strictly ascending order.
fn ascending(values: &[Value], member: &str) -> Result<BTreeSet<Part>, JsonError> {
    let parts: Option<Vec<Part>> = values.iter().map(Part::from_value).collect();
    let parts = parts.ok_or_else(|| wrong(member))?;
    if parts.is_sorted_by(|before, after| before < after) {
        Ok(parts.into_iter().collect())
    } else {
        Err(wrong(member))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_in_the_order_of_the_parts() {
        assert!(Part::ALL.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1));
        for (part, word) in Part::ALL {
            assert_eq!(part.word(), word);
        }
    }
}
