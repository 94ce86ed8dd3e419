//! The matrix and the lists of access.md, written down again by hand. Nothing here is
//! derived from the policies, and nothing here knows Cedar.

use super::world::{CASE, Candidate, ME, On, Served, Who};
use crate::policy::{
    action::Action::{self, *},
    facts::Means,
};

/// What a role gets of an item in one state.
#[derive(Clone, Copy, PartialEq)]
enum Cell {
    /// `-`: answered like an unknown id.
    Hidden,
    /// `m`
    Metadata,
    /// `P`
    Purpose,
}

use Cell::{Hidden as H, Metadata as M, Purpose as P};

/// Columns: normal, restricted, served to own party.
const MATRIX: [(&str, [Cell; 3]); 9] = [
    ("investigator", [P, H, P]),
    ("prosecutor", [P, H, P]),
    ("defence", [H, H, P]),
    ("judge", [P, P, P]),
    ("protection_officer", [M, M, M]),
    ("advocate", [M, H, H]),
    ("custodian", [M, M, M]),
    ("auditor", [H, H, H]),
    ("administrator", [H, H, H]),
];

pub const CASE_ROLES: [&str; 6] = [
    "investigator",
    "prosecutor",
    "defence",
    "judge",
    "protection_officer",
    "advocate",
];

pub const ROOM_ROLES: [&str; 3] = ["custodian", "auditor", "administrator"];

/// Those who see all of a case that is not hidden from them by an item's state.
const STAFF: [&str; 5] = [
    "investigator",
    "prosecutor",
    "judge",
    "protection_officer",
    "custodian",
];

/// F7: seconds.
const FRESH: u64 = 15 * 60;

/// Whether it is allowed.
pub fn allows(action: Action, who: &Who, on: On) -> bool {
    let holds = who
        .roles
        .iter()
        .map(String::as_str)
        .filter(|role| who.here || ROOM_ROLES.contains(role));
    let anyone = match (action, on) {
        (ListCases, On::Room) => true,
        (ManageTokens, On::Account { own }) => own,
        (ExportCustody, On::Room) => true,
        (ExportCustody, On::Person { me }) => me,
        _ => false,
    };
    let permitted = anyone || holds.into_iter().any(|role| may(role, action, who, on));
    permitted && !forbidden(action, who, on)
}

/// The list of actions, and the matrix for what it leaves to it.
fn may(role: &str, action: Action, who: &Who, on: On) -> bool {
    let is = |roles: &[&str]| roles.contains(&role);
    match (action, on) {
        (OpenCase, On::Room) => is(&["custodian"]),
        (
            AddPerson | AddParty | EndRole | ChangeStage | MergeCases | KeepWalls,
            On::Case { .. },
        ) => is(&["custodian"]),
        (TransferCase, On::Case { .. }) => is(&["custodian"]) && !who.approvers.is_empty(),
        (RecoverAccount, On::Person { .. }) => is(&["administrator"]) && !who.approvers.is_empty(),
        (AskApproval, On::Request { mine: false, .. }) => false,
        (AskApproval, On::Request { transfer: true, .. }) => is(&["custodian"]),
        (AskApproval, On::Request { .. }) => is(&["administrator"]),
        (Approve, On::Request { transfer: true, .. }) => is(&["custodian"]) && who.settled,
        (Approve, On::Request { .. }) => is(&["custodian", "administrator"]) && who.settled,
        (ReadCase, On::Case { .. }) => is(&CASE_ROLES) || is(&["custodian"]),
        (Deposit, On::Case { .. }) => is(&["investigator", "custodian"]),
        (Derive, On::Case { .. }) => is(&["investigator", "prosecutor"]),
        (Derive, On::Item { restricted, .. }) => is(&["investigator", "prosecutor"]) && !restricted,
        (MakeOrder, On::Case { .. }) => is(&["judge"]),
        (Correct | RecordTransfer, On::Item { restricted, .. }) => {
            is(&["custodian"]) || (is(&["investigator"]) && !restricted)
        }
        (
            OfferExhibit,
            On::Item {
                restricted, served, ..
            },
        ) => !restricted && (is(&["prosecutor"]) || (is(&["defence"]) && served.own())),
        (RuleOnExhibit, On::Item { .. }) => is(&["judge"]),
        (ReadHistory | TakeReceipt | MakeBundle, On::Case { .. }) => is(&STAFF),
        (ExportCustody, On::Case { .. }) => is(&CASE_ROLES) || is(&["custodian"]),
        (ExportCustody, On::Item { .. }) => cell(role, on) != H,
        (ExportCustody, On::Person { .. }) => is(&["custodian"]),
        (ReadSet | ReadHistory | TakeReceipt | MakeBundle, On::Set { own }) => {
            is(&STAFF) || (own && is(&["defence"]))
        }
        // A receipt is given for every deposit (formats.md section 6).
        (TakeReceipt, On::Item { mine: true, .. }) if is(&["investigator"]) => true,
        (ReadItem | ReadHistory | TakeReceipt | MakeBundle, On::Item { .. }) => cell(role, on) != H,
        (OpenView | Download, On::Item { .. }) => cell(role, on) == P,
        (Serve, On::Case { .. }) => is(&["prosecutor"]),
        // Restricted ones need a grant, which does not exist yet.
        (Serve, On::Item { restricted, .. }) => is(&["prosecutor"]) && !restricted,
        (Restrict | LiftRestriction, On::Item { .. }) => is(&["protection_officer", "judge"]),
        (ManagePeople, On::Room | On::Person { .. }) => is(&["administrator"]),
        (ReadAudit, On::Room) => is(&["auditor", "administrator"]),
        (ChangePolicy, On::Room) => is(&["administrator"]) && !who.approvers.is_empty(),
        _ => false,
    }
}

/// The cell of an item's state; restricted comes before served, served before normal.
fn cell(role: &str, on: On) -> Cell {
    let On::Item {
        restricted, served, ..
    } = on
    else {
        return H;
    };
    // Served to another party is, to the defence, as if it were not served.
    let is_served = if role == "defence" {
        served.own()
    } else {
        served != Served::Nobody
    };
    let column = match (restricted, is_served) {
        (true, _) => 1,
        (false, true) => 2,
        (false, false) => 0,
    };
    MATRIX
        .iter()
        .find(|(name, _)| *name == role)
        .map_or(H, |(_, cells)| cells[column])
}

/// The list of forbids, as far as it can apply yet.
fn forbidden(action: Action, who: &Who, on: On) -> bool {
    let content = matches!(action, OpenView | Download);
    let (restricted, quarantined) = match on {
        On::Item {
            restricted,
            quarantined,
            ..
        } => (restricted, quarantined),
        _ => (false, false),
    };
    let of_case = matches!(
        on,
        On::Case { .. } | On::Item { .. } | On::Set { .. } | On::Request { transfer: true, .. }
    );
    let f1 = (of_case && who.wall == Some(CASE))
        || (action == AddPerson && who.candidate == Candidate::BehindAWall);
    let closed = matches!(on, On::Case { closed: true }) && matches!(action, Deposit | Derive);
    let f6 = action == AddPerson
        && matches!(
            who.candidate,
            Candidate::Nobody | Candidate::CounselOfNobody | Candidate::CounselOfTheOther
        );
    let f7 = content && restricted && who.factor.is_none_or(|age| age > FRESH);
    let f9 = !who.person_active || !who.account_active;
    let f10 = who.approvers.contains(&ME)
        || (action == Approve && matches!(on, On::Request { mine: true, .. }));
    let purpose_chars = |text: &String| text.trim().chars().count();
    let f11 = content && who.purpose.as_ref().map_or(0, purpose_chars) < 15;
    let f12 = !who.durable;
    let f15 = who.means == Means::Token
        && matches!(
            action,
            ManageTokens | ManagePeople | RecoverAccount | Approve
        );
    let f16 =
        quarantined && !matches!(action, ReadItem | ReadHistory | TakeReceipt | ExportCustody);
    f1 || closed || f6 || f7 || f9 || f10 || f11 || f12 || f15 || f16
}
