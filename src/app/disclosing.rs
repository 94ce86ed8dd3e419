//! What of an entry a reader is shown, slot by slot.

use custos_core::{
    event::{Disclosed, kind, slot},
    ids::{CaseId, PersonId},
};

use super::{deciding::Asking, error::Error};
use crate::{
    db::custody::Opened,
    policy::facts::{CaseRole, RoomRole},
};

/// Kinds of entries about an item whose detail is not for those alone who count the scope.
const FILED: &[&str] = &["correct", "exhibit", "transfer"];

/// How much a reader may see of the entries of one thing.
#[derive(Debug, Clone, Copy)]
pub struct Sight {
    /// Whose own entries show who acted.
    pub person: PersonId,
    /// May count the scope: its numbers, its neighbours, its policies, who else acted.
    pub counts_scope: bool,
    /// Receives the whole item, so that size, fingerprint and stored object confirm no guess.
    pub whole_item: bool,
    /// Judges the case: what others exported of the log, and how many entries that were, counts
    /// what is hidden from everyone else.
    pub judges: bool,
}

impl Sight {
    /// What someone on a case may see. The defence and an advocate do not count the scope.
    pub fn of(asking: &Asking, case: CaseId, whole_item: bool) -> Self {
        let staff = [
            CaseRole::Investigator,
            CaseRole::Prosecutor,
            CaseRole::Judge,
            CaseRole::ProtectionOfficer,
        ];
        let has = |wanted: &[CaseRole]| {
            let roles = asking.actor.case_roles.iter();
            roles
                .filter(|role| role.case == case)
                .any(|role| wanted.contains(&role.role))
        };
        let on_case = has(&staff);
        Self {
            person: asking.actor.person,
            counts_scope: on_case || asking.actor.room_roles.contains(&RoomRole::Custodian),
            whole_item,
            judges: has(&[CaseRole::Judge]),
        }
    }

    /// What someone may see of what they did themselves, outside of any case.
    pub const fn of_own(person: PersonId) -> Self {
        Self {
            person,
            counts_scope: false,
            whole_item: false,
            judges: false,
        }
    }

    /// Whether a slot of an entry is open.
    pub fn opens(&self, opened: &Opened, number: usize) -> bool {
        self.shows(opened.kind(), self.did(opened), number)
    }

    /// Whether it was this reader who acted.
    pub fn did(&self, opened: &Opened) -> bool {
        opened.entry.values()[slot::ACTOR].as_str() == Some(&self.person.to_string())
    }

    /// Whether a slot is open of an entry of this kind, the reader's `own` or somebody else's.
    pub fn shows(&self, kind: &str, own: bool, number: usize) -> bool {
        let adds = kind::adds_item(kind);
        match number {
            slot::V..=slot::SCOPE
            | slot::SUBJECT_NTH
            | slot::SUBJECT_PREV
            | slot::SIGNATURE
            | slot::SUBJECT => true,
            slot::ROWS => false,
            slot::SIZE | slot::SHA256 | slot::DECLARED | slot::STORED if adds => self.whole_item,
            slot::DETAIL if kind == kind::EXPORT => self.judges || own,
            slot::CONTENT_ROOT
            | slot::MEDIA_TYPE
            | slot::DERIVATION
            | slot::DESCRIPTION
            | slot::PROVENANCE => adds || self.counts_scope || own,
            slot::ACTOR..=slot::AUTHENTICATION | slot::AUTHORITY => {
                self.counts_scope || own || adds
            }
            // What is filed about an item stands on its page for everyone who sees it.
            slot::DETAIL if FILED.contains(&kind) => true,
            slot::PURPOSE | slot::DETAIL..=slot::STORED => self.counts_scope || own,
            _ => self.counts_scope,
        }
    }

    /// The entry as this reader is shown it.
    ///
    /// # Errors
    /// [`Error::CustodyUnavailable`]: it is longer than a disclosed entry may be.
    pub fn disclose(&self, opened: &Opened) -> Result<Disclosed, Error> {
        opened
            .entry
            .disclose(&opened.link.opening, &opened.body.opening, |number| {
                self.opens(opened, number)
            })
            .map_err(|_| Error::CustodyUnavailable(None))
    }

    /// The same for a receipt, which withholds what its holder could count the scope with.
    ///
    /// # Errors
    /// As [`Sight::disclose`].
    pub fn disclose_receipt(&self, opened: &Opened) -> Result<Disclosed, Error> {
        opened
            .entry
            .disclose(&opened.link.opening, &opened.body.opening, |number| {
                custos_core::receipt::Receipt::may_open(number, self.counts_scope)
                    && self.opens(opened, number)
            })
            .map_err(|_| Error::CustodyUnavailable(None))
    }
}
