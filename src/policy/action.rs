//! What can be asked of the room: a closed list, and a type for each, so that a permission
//! to look is never taken for a permission to change.

use std::fmt;

mod sealed {
    /// Keeps [`super::ActionKind`] to the types of this file.
    pub trait Sealed {}
}

/// A type that stands for one action, as in `Permit<OpenView>`.
pub trait ActionKind: sealed::Sealed {
    /// The action that the type stands for.
    const ACTION: Action;
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// One thing that can be asked of the room. Its name is that of the Cedar action.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action {
            $($(#[$doc])* $name,)*
        }

        impl Action {
            /// Every action, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name in the schema, in policies and in custody entries.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// Position in [`Action::ALL`].
            pub(super) const fn number(self) -> usize {
                self as usize
            }
        }

        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $name {}

            impl sealed::Sealed for $name {}

            impl ActionKind for $name {
                const ACTION: Action = Action::$name;
            }
        )*
    };
}

actions! {
    /// Open a case. On the room.
    OpenCase = "open_case",
    /// Give a person a role on a case. On the case, with the appointee in the context.
    AddPerson = "add_person",
    /// Add a party to a case. On the case.
    AddParty = "add_party",
    /// Ask for the list of cases, of which each is then filtered by [`ReadCase`]. On the room.
    ListCases = "list_cases",
    /// End a person's role on a case. On the case.
    EndRole = "end_role",
    /// Close a case or open it again. On the case.
    ChangeStage = "change_stage",
    /// Put a case into another one. On the case that is put there, and on the other.
    MergeCases = "merge_cases",
    /// Hand a case over to another authority. On the case, with the approvals in the context.
    TransferCase = "transfer_case",
    /// Raise or lower a wall between a person and a case. On the case.
    KeepWalls = "keep_walls",
    /// Read a case's metadata and ask for its items, each then filtered by [`ReadItem`]. On the case.
    ReadCase = "read_case",
    /// Take in an item. On the case.
    Deposit = "deposit",
    /// Take in an item that was made from others. On the case, and on each of the others.
    Derive = "derive",
    /// Learn that an item exists, and read its metadata. On the item.
    ReadItem = "read_item",
    /// Open a view, which reads content in place for 30 minutes. On the item.
    OpenView = "open_view",
    /// Take a copy of the content away: a right apart from viewing. On the item.
    Download = "download",
    /// Read the custody entries of one thing. On an item, a served set or a case.
    ReadHistory = "read_history",
    /// Take the proof of one entry. On an item, a served set or a case.
    TakeReceipt = "take_receipt",
    /// Make a bundle of a thing's history; content in it needs [`Download`] as well.
    /// On an item, a served set or a case.
    MakeBundle = "make_bundle",
    /// Ask for an export of the log, of which each entry is then decided by [`ReadHistory`].
    /// On an item or a case; on a person, for what they did in all cases; on the room.
    ExportCustody = "export_custody",
    /// Serve to a party. On the case for the set, and on each item in it.
    Serve = "serve",
    /// Learn that a served set exists, and read what is in it. On the set.
    ReadSet = "read_set",
    /// Append a correction of what was told of an item. On the item.
    Correct = "correct",
    /// Record that the physical thing changed hands. On the item.
    RecordTransfer = "record_transfer",
    /// Make an order. On the case.
    MakeOrder = "make_order",
    /// Offer an item as an exhibit, or withdraw the offer. On the item.
    OfferExhibit = "offer_exhibit",
    /// Admit or reject an exhibit. On the item.
    RuleOnExhibit = "rule_on_exhibit",
    /// Restrict an item. On the item.
    Restrict = "restrict",
    /// Lift a restriction. On the item.
    LiftRestriction = "lift_restriction",
    /// Create people, accounts and enrolment links, give roles in the room. On the room or a person.
    ManagePeople = "manage_people",
    /// Issue a link for an account that has enrolled. On its person, with the approvals in the
    /// context.
    RecoverAccount = "recover_account",
    /// Ask for what needs a second person, or take that back. On the request.
    AskApproval = "ask_approval",
    /// Approve or decline what somebody else asked for. On the request.
    Approve = "approve",
    /// Make and revoke tokens, and change one's password. On one's own account.
    ManageTokens = "manage_tokens",
    /// Run an audit and see its results. On the room.
    ReadAudit = "read_audit",
    /// Put another policy set into force. On the room, with the approvals in the context.
    ChangePolicy = "change_policy",
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_positions() {
        for (position, action) in Action::ALL.iter().enumerate() {
            assert_eq!(action.number(), position);
        }
        assert_eq!(OpenView::ACTION, Action::OpenView);
    }
}
