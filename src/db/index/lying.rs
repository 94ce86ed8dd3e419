//! The rows of one item, as they lie in the database.

use std::collections::BTreeSet;

use custos_core::hash::Sha256;
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

use super::{Checked, Mark};
use crate::{
    db::{
        DbError,
        decide::item_states,
        disclosures::{Raw as RawServing, ServingRow},
        evidence::{ItemRow, RawItem, RawState, StateRow},
        filings::{Correction, FilingRow, Raw as RawFiling},
    },
    keyring::ScopeKeys,
    policy::facts,
};

/// What can be corrected of that which is listed and searched.
const DESCRIPTION: &str = "description";

/// An item's rows as they lie there.
pub(super) struct Lying {
    pub(super) item: RawItem,
    pub(super) state: Option<RawState>,
    pub(super) servings: Vec<RawServing>,
    /// Oldest first.
    pub(super) corrections: Vec<RawFiling>,
}

/// A row with its salt and the `C` of its entry, to be checked.
pub(super) enum Vouched<'a> {
    Item(&'a ItemRow),
    State(&'a StateRow),
    Serving(&'a ServingRow),
    Correction(&'a FilingRow<Correction>),
}

impl Lying {
    /// A mark of the rows: any other byte in them makes another.
    pub(super) fn mark(&self) -> Mark {
        let mut hasher = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        let item = &self.item;
        for number in [item.rev, item.nth] {
            part(&number.to_be_bytes());
        }
        for bytes in [&item.id, &item.salt, &item.entry, &item.case_id] {
            part(bytes);
        }
        for bytes in [&item.scope_id, &item.object_id, &item.details] {
            part(bytes);
        }
        part(item.reference_index.as_deref().unwrap_or_default());
        if let Some(state) = &self.state {
            part(&state.rev.to_be_bytes());
            for bytes in [&state.salt, &state.entry] {
                part(bytes);
            }
            part(state.state.as_bytes());
        }
        for serving in &self.servings {
            part(&serving.rev.to_be_bytes());
            serving.parts().iter().for_each(|bytes| part(bytes));
        }
        for correction in &self.corrections {
            part(&correction.rev.to_be_bytes());
            part(&correction.filed_at.to_be_bytes());
            correction.parts().iter().for_each(|bytes| part(bytes));
        }
        let hash = hasher.finish();
        std::array::from_fn(|at| hash.as_bytes()[at])
    }

    /// What the rows tell, each handed to `check` with its salt and entry; `mark` is theirs.
    pub(super) fn read<'a>(
        &'a self,
        mark: Mark,
        keys: &ScopeKeys,
        check: &mut impl FnMut((Vouched<'_>, &'a [u8], &'a [u8])) -> Result<(), DbError>,
    ) -> Result<Checked, DbError> {
        let row = self.item.row(keys)?;
        check((Vouched::Item(&row), &self.item.salt, &self.item.entry))?;
        // What forbids is a column of a row that must exist.
        let missing = || DbError::damaged("states", row.id, "it is missing");
        let state = self.state.as_ref().ok_or_else(missing)?;
        let narrowed = state.row()?;
        check((Vouched::State(&narrowed), &state.salt, &state.entry))?;
        let mut served_to = BTreeSet::new();
        for serving in &self.servings {
            let served = serving.row()?;
            check((Vouched::Serving(&served), &serving.salt, &serving.entry))?;
            served_to.insert(served.party_id);
        }
        let mut corrected = Vec::new();
        for filing in &self.corrections {
            let correction = filing.row::<Correction>(keys)?;
            let by = (filing.salt.as_slice(), filing.entry.as_slice());
            check((Vouched::Correction(&correction), by.0, by.1))?;
            let mut told = correction.details;
            told.reason.zeroize();
            if let (DESCRIPTION, Value::String(text)) = (told.field.as_str(), told.value) {
                corrected.push(Zeroizing::new(text));
            }
        }
        let facts = facts::Item {
            id: row.id,
            case: row.case_id,
            states: item_states(&narrowed)?,
            served_to,
            depositor: row.details.depositor,
        };
        Ok(Checked {
            row,
            facts,
            corrected,
            mark,
        })
    }
}
