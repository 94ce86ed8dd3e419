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
        let on_case = asking
            .actor
            .case_roles
            .iter()
            .any(|role| role.case == case && staff.contains(&role.role));
        Self {
            person: asking.actor.person,
            counts_scope: on_case || asking.actor.room_roles.contains(&RoomRole::Custodian),
            whole_item,
        }
    }

    /// Whether a slot of an entry is open.
    pub fn opens(&self, opened: &Opened, number: usize) -> bool {
        let own = opened.entry.values()[slot::ACTOR].as_str() == Some(&self.person.to_string());
        match number {
            slot::V..=slot::SCOPE
            | slot::SUBJECT_NTH
            | slot::SUBJECT_PREV
            | slot::SIGNATURE
            | slot::SUBJECT => true,
            slot::ROWS => false,
            slot::SIZE | slot::SHA256 | slot::DECLARED | slot::STORED
                if kind::adds_item(opened.kind()) =>
            {
                self.whole_item
            }
            slot::CONTENT_ROOT
            | slot::MEDIA_TYPE
            | slot::DERIVATION
            | slot::DESCRIPTION
            | slot::PROVENANCE => kind::adds_item(opened.kind()) || self.counts_scope || own,
            slot::ACTOR..=slot::AUTHENTICATION | slot::AUTHORITY => {
                self.counts_scope || own || kind::adds_item(opened.kind())
            }
            // What is filed about an item stands on its page for everyone who sees it.
            slot::DETAIL if FILED.contains(&opened.kind()) => true,
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
