//! The closed list of what is told, and in which words.

use custos_core::ids::{AccountId, CaseId, Id, ItemId, PersonId, RowId};

/// What happened. Its name is kept in rows, and goes to endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// An item was served to a party. To its counsel.
    Served,
    /// A person was given a role on a case. To that person.
    RoleGiven,
    /// A deposit went into quarantine. To its depositor.
    DepositQuarantined,
    /// An order was made on a case. To its judges and prosecutors.
    OrderMade,
    /// An account was suspended, alone or with its person, or ended with their service. To the
    /// account.
    AccountSuspended,
    /// A password was set or changed. To the account.
    PasswordChanged,
    /// A token was made. To the account.
    TokenMade,
    /// A single-use link was made for an account. To the account.
    LinkMade,
    /// The address of an account was replaced or removed. To the address that it was.
    AddressChanged,
    /// An address is to be confirmed. To that address; it is never shown in the room.
    AddressNamed,
    /// An audit found damage. To administrators and custodians.
    DamageFound,
    /// A checkpoint was shown, or said to be there, that contradicts the room's own. To
    /// administrators and custodians.
    ConflictFound,
}

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// An item.
    Item,
    /// A case.
    Case,
    /// An account.
    Account,
    /// The room; the id is that of an audit.
    Room,
    /// The room's log; the id is that of a contradiction.
    Log,
}

impl About {
    /// The name in an event's body.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Item => "item",
            Self::Case => "case",
            Self::Account => "account",
            Self::Room => "audit",
            Self::Log => "conflict",
        }
    }
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Served,
        Self::RoleGiven,
        Self::DepositQuarantined,
        Self::OrderMade,
        Self::AccountSuspended,
        Self::PasswordChanged,
        Self::TokenMade,
        Self::LinkMade,
        Self::AddressChanged,
        Self::AddressNamed,
        Self::DamageFound,
        Self::ConflictFound,
    ];

    /// The name in rows, settings and events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::RoleGiven => "role_given",
            Self::DepositQuarantined => "deposit_quarantined",
            Self::OrderMade => "order_made",
            Self::AccountSuspended => "account_suspended",
            Self::PasswordChanged => "password_changed",
            Self::TokenMade => "token_made",
            Self::LinkMade => "link_made",
            Self::AddressChanged => "address_changed",
            Self::AddressNamed => "address_named",
            Self::DamageFound => "damage_found",
            Self::ConflictFound => "conflict_found",
        }
    }

    /// The kind of this name, if there is one.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What it is about.
    pub const fn about(self) -> About {
        match self {
            Self::Served | Self::DepositQuarantined => About::Item,
            Self::RoleGiven | Self::OrderMade => About::Case,
            Self::AccountSuspended
            | Self::PasswordChanged
            | Self::TokenMade
            | Self::LinkMade
            | Self::AddressChanged
            | Self::AddressNamed => About::Account,
            Self::DamageFound => About::Room,
            Self::ConflictFound => About::Log,
        }
    }

    /// Whether it says only that there is something new: one letter says that of many.
    pub const fn says_new(self) -> bool {
        !matches!(self.about(), About::Account)
    }

    /// Whether an operator may have it sent to an endpoint (decision 15).
    pub const fn goes_out(self) -> bool {
        !matches!(self, Self::AddressChanged | Self::AddressNamed)
    }

    /// In neutral words, for people: they name no case, person or file.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Served => "something to read",
            Self::RoleGiven => "a role on a case",
            Self::DepositQuarantined => "a deposit of yours needs a look",
            Self::OrderMade => "an order",
            Self::AccountSuspended => "your account was suspended or ended",
            Self::PasswordChanged => "the password of your account was set",
            Self::TokenMade => "an access token was made for your account",
            Self::LinkMade => "a single-use link was made for your account",
            Self::AddressChanged => "the mail address of your account was changed",
            Self::AddressNamed => "this mail address is to be confirmed",
            Self::DamageFound => "an audit of the room found something",
            Self::ConflictFound => "a witness contradicts the custody log",
        }
    }
}

/// What happened, with whom it concerns; of all this only ids are kept.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// An item was served to a party of the case.
    Served {
        /// The item.
        item: ItemId,
        /// Its case.
        case: CaseId,
        /// To whom.
        party: custos_core::ids::PartyId,
    },
    /// A person was given a role on a case.
    RoleGiven {
        /// The case.
        case: CaseId,
        /// Who was given it.
        person: PersonId,
    },
    /// A deposit went into quarantine.
    DepositQuarantined {
        /// The item.
        item: ItemId,
        /// Who deposited it.
        depositor: PersonId,
    },
    /// An order was made on a case.
    OrderMade {
        /// The case.
        case: CaseId,
        /// Who made it, and is not told.
        by: PersonId,
    },
    /// Something that whoever signs in with an account must know; one of the kinds about it.
    OfAccount {
        /// What.
        kind: Kind,
        /// The account.
        account: AccountId,
    },
    /// The address of an account is to be confirmed, or was replaced.
    OfAddress {
        /// [`Kind::AddressNamed`] or [`Kind::AddressChanged`].
        kind: Kind,
        /// The account.
        account: AccountId,
        /// The address that the letter goes to.
        address: RowId,
    },
    /// An audit found damage.
    DamageFound {
        /// The audit, so that it is told once.
        audit: Id,
    },
    /// A checkpoint contradicts the room's own.
    ConflictFound {
        /// The evidence that is kept of it.
        conflict: Id,
    },
}

impl Event {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Served { .. } => Kind::Served,
            Self::RoleGiven { .. } => Kind::RoleGiven,
            Self::DepositQuarantined { .. } => Kind::DepositQuarantined,
            Self::OrderMade { .. } => Kind::OrderMade,
            Self::OfAccount { kind, .. } | Self::OfAddress { kind, .. } => *kind,
            Self::DamageFound { .. } => Kind::DamageFound,
            Self::ConflictFound { .. } => Kind::ConflictFound,
        }
    }

    /// The id of what it is about.
    pub fn about(&self) -> Id {
        match self {
            Self::Served { item, .. } | Self::DepositQuarantined { item, .. } => item.id(),
            Self::RoleGiven { case, .. } | Self::OrderMade { case, .. } => case.id(),
            Self::OfAccount { account, .. } | Self::OfAddress { account, .. } => account.id(),
            Self::DamageFound { audit } => *audit,
            Self::ConflictFound { conflict } => *conflict,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert_eq!(Kind::of(kind.name()), Some(kind));
        }
        assert_eq!(Kind::of("Served"), None);
    }
}
