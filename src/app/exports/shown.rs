//! What of an entry an export shows, slot by slot.

use custos_core::{event::slot, receipt::Receipt};

use super::reach::{Grant, Ground, Reach};
use crate::app::disclosing::Sight;

/// How much of the entries about one thing in one scope somebody may show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    pub sight: Sight,
    /// Nothing in the scope is hidden from them, so that gaps between numbers tell nothing.
    sees_all: bool,
    keeps_cases: bool,
}

impl Shown {
    pub fn of(ground: &Ground, reach: &Reach, grant: Grant) -> Self {
        let whole = grant == Grant::All { whole: true };
        Self {
            sight: ground.sight(reach.case, whole),
            sees_all: ground.sees_all(reach.case),
            keeps_cases: ground.is_custodian(),
        }
    }

    /// Whether a slot may be open of an entry of this kind, their `own` or somebody else's.
    ///
    /// A list of entries counts: where somebody does not see all of a scope, its numbers and
    /// those of its items are withheld, also from those who see them beside one item.
    pub fn opens(&self, kind: &str, own: bool, slot: usize) -> bool {
        let told = match slot {
            slot::SCOPE_NTH..=slot::ITEM_PREV => self.sees_all,
            // What somebody searched for names what they know of; a wall names who is kept
            // out; a merger another case. Each of these may be hidden from other readers.
            slot::PURPOSE | slot::DETAIL if !own => match kind {
                "list" => self.sees_all,
                "wall" | "case_merge" => self.keeps_cases,
                _ => true,
            },
            _ => true,
        };
        told && Receipt::may_open(slot, self.sight.counts_scope)
            && self.sight.shows(kind, own, slot)
    }
}
