//! What a decision may depend on: nothing else reaches Cedar.
//!
//! The facts are read from the primary database in the transaction that appends the custody
//! entry, and given to the engine as they are; it projects them onto `custos.cedarschema`.
//! What is not true yet of any room (sealed, consent, walls, grants) joins as further states,
//! attributes and context; the names here stay.

use std::{collections::BTreeSet, time::Duration};

use custos_core::ids::{
    AccountId, CaseId, Id, ItemId, PartyId, PersonId, RowId, ScopeId, SetId, Timestamp,
};

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$member_doc:meta])* $member:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$member_doc])* $member,)*
        }

        impl $name {
            /// Every member.
            pub const ALL: &'static [Self] = &[$(Self::$member,)*];

            /// The name in the schema, in rows and in custody entries.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$member => $text,)*
                }
            }

            /// The member of this name, if there is one.
            pub fn of(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|member| member.name() == name)
            }
        }
    };
}

names! {
    /// A role in the whole room.
    RoomRole {
        /// Opens cases, assigns people, keeps items without reading them.
        Custodian = "custodian",
        /// Sees the blinded log, audits and figures.
        Auditor = "auditor",
        /// Keeps accounts, sign-in and policy; sees no case.
        Administrator = "administrator",
    }
}

names! {
    /// A role on one case.
    CaseRole {
        /// Deposits evidence and works on it.
        Investigator = "investigator",
        /// Reviews, schedules and serves it.
        Prosecutor = "prosecutor",
        /// Counsel of one party; sees what was served to that party.
        Defence = "defence",
        /// Sees all but what is sealed.
        Judge = "judge",
        /// Restricts and protects; reads metadata.
        ProtectionOfficer = "protection_officer",
        /// Stands by a survivor; reads metadata of what is not disclosed.
        Advocate = "advocate",
    }
}

names! {
    /// What narrows the use of an item. An item without any state is normal, or served.
    ItemState {
        /// Kept from those who need it least.
        Restricted = "restricted",
        /// Something is wrong with it: nobody does more than look at why.
        Quarantined = "quarantined",
    }
}

names! {
    /// How far a case has come.
    Stage {
        /// Work goes on.
        Open = "open",
        /// Work has ended.
        Closed = "closed",
        /// It was put into another case.
        Merged = "merged",
        /// Another authority has it.
        Transferred = "transferred",
    }
}

names! {
    /// What needs a second person.
    Asked {
        /// To hand a case over to another authority.
        TransferCase = "transfer_case",
        /// A link for an account that has enrolled, whose owner can't sign in any more.
        RecoverAccount = "recover_account",
    }
}

names! {
    /// How the actor was recognised; slot 14 of the entry.
    Means {
        /// A session that began with a password.
        Password = "password",
        /// A session that began with a passkey.
        Passkey = "passkey",
        /// A token for a program.
        Token = "token",
        /// A session that began with a single-use link.
        Link = "link",
    }
}

names! {
    /// What a purpose is for; the code of slot 21.
    PurposeCode {
        /// Finding out what happened.
        Investigation = "investigation",
        /// Bringing the case to court.
        Prosecution = "prosecution",
        /// Deciding what must be served.
        Disclosure = "disclosure",
        /// Defending a party.
        Defence = "defence",
        /// Judging.
        Adjudication = "adjudication",
        /// Protecting a person.
        Protection = "protection",
        /// Helping another state's authorities.
        CrossBorder = "cross_border",
        /// Learning from the case.
        Research = "research",
    }
}

/// A role of a person on a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Assignment {
    /// The case it holds on, and no other.
    pub case: CaseId,
    /// The role.
    pub role: CaseRole,
    /// Whose side; counsel without a party defends nobody and sees nothing.
    pub party: Option<PartyId>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The human being.
    pub person: PersonId,
    /// What they signed in with.
    pub account: AccountId,
    /// False when the person is suspended.
    pub person_active: bool,
    /// False when the account is suspended.
    pub account_active: bool,
    /// Roles in the room.
    pub room_roles: BTreeSet<RoomRole>,
    /// Roles on cases. All may be given: only those on the resource's case reach Cedar.
    pub case_roles: BTreeSet<Assignment>,
    /// Cases that a wall keeps the person from.
    pub walled_from: BTreeSet<CaseId>,
    /// Seconds since a second factor was last shown in this session; none when it never was.
    pub strong_factor_age: Option<u64>,
}

/// What is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// The room itself, by its scope.
    Room(ScopeId),
    /// A case.
    Case(Case),
    /// An item.
    Item(Item),
    /// A served set.
    Set(ServedSet),
    /// A person, as one who can be managed.
    Person(PersonId),
    /// An account, as one that has tokens.
    Account(AccountId),
    /// A request for what needs a second person.
    Request(Request),
}

/// A request, as far as a decision may depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Its id.
    pub id: RowId,
    /// What is asked for.
    pub asked: Asked,
    /// Who asks for it.
    pub asker: PersonId,
    /// The case that it is about.
    pub case: Option<CaseId>,
}

/// A case, as far as a decision may depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// Its id.
    pub id: CaseId,
    /// How far it has come.
    pub stage: Stage,
}

/// An item, as far as a decision may depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: ItemId,
    /// The case it belongs to.
    pub case: CaseId,
    /// What narrows its use; all that hold, not only the strongest.
    pub states: BTreeSet<ItemState>,
    /// The parties to whom it was served.
    pub served_to: BTreeSet<PartyId>,
    /// Who deposited it.
    pub depositor: PersonId,
}

/// A served set, as far as a decision may depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServedSet {
    /// Its id.
    pub id: SetId,
    /// The case it was served in.
    pub case: CaseId,
    /// The party to whom it was served.
    pub recipient: PartyId,
}

/// Why content is read. The text itself goes to slot 21 and never to Cedar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purpose {
    code: PurposeCode,
    text_chars: u32,
}

impl Purpose {
    /// A purpose with its text measured in characters, white space around it not counted.
    pub fn new(code: PurposeCode, text: &str) -> Self {
        let text_chars = u32::try_from(text.trim().chars().count()).unwrap_or(u32::MAX);
        Self { code, text_chars }
    }

    /// What it is for.
    pub const fn code(&self) -> PurposeCode {
        self.code
    }

    /// Characters of its text.
    pub const fn text_chars(&self) -> u32 {
        self.text_chars
    }
}

/// Whom [`AddPerson`](super::action::AddPerson) would give a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appointee {
    /// The person.
    pub person: PersonId,
    /// The role to be given.
    pub role: CaseRole,
    /// Whose side.
    pub party: Option<PartyId>,
    /// The parties of this case whom the person defends already.
    pub defence_of: BTreeSet<PartyId>,
    /// Whether a wall keeps the person from this case.
    pub walled: bool,
}

/// Who got a role in the room less than this ago approves nothing by it.
pub const SETTLED: Duration = Duration::from_secs(24 * 60 * 60);

/// Under which circumstances it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The time of the decision.
    pub now: Timestamp,
    /// How the actor was recognised.
    pub means: Means,
    /// Whether the custody entry of what is asked can be made durable; if not, all is refused.
    pub custody_durable: bool,
    /// Why, where a reason is asked for.
    pub purpose: Option<Purpose>,
    /// Who approved exactly this; only approvals that are valid and unused.
    pub approvals: BTreeSet<PersonId>,
    /// Roles in the room that the actor has had for [`SETTLED`]; read where an approval is
    /// decided, and empty elsewhere.
    pub settled_roles: BTreeSet<RoomRole>,
    /// Whom a role would be given.
    pub appointee: Option<Appointee>,
}

impl Context {
    /// A context without purpose, approvals and appointee.
    pub const fn new(now: Timestamp, means: Means, custody_durable: bool) -> Self {
        Self {
            now,
            means,
            custody_durable,
            purpose: None,
            approvals: BTreeSet::new(),
            settled_roles: BTreeSet::new(),
            appointee: None,
        }
    }

    /// The same with a purpose.
    #[must_use]
    pub fn with_purpose(mut self, purpose: Purpose) -> Self {
        self.purpose = Some(purpose);
        self
    }
}

/// All that one decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Who asks.
    pub actor: &'a Actor,
    /// What is asked about.
    pub resource: &'a Resource,
    /// Under which circumstances.
    pub context: &'a Context,
}

/// What kind of thing a decision was about; the type of slot 20.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResourceKind {
    /// The room.
    Room,
    /// A case.
    Case,
    /// An item.
    Item,
    /// A served set.
    Set,
    /// A person.
    Person,
    /// An account.
    Account,
    /// A request.
    Request,
}

impl ResourceKind {
    /// The type in slot 20.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Room => "room",
            Self::Case => "case",
            Self::Item => "item",
            Self::Set => "set",
            Self::Person => "person",
            Self::Account => "account",
            Self::Request => "request",
        }
    }
}

/// Names what a decision was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResourceId {
    /// What kind of thing.
    pub kind: ResourceKind,
    /// Which one.
    pub id: Id,
}

impl Resource {
    /// What this is, by kind and id.
    pub fn id(&self) -> ResourceId {
        let (kind, id) = match self {
            Self::Room(id) => (ResourceKind::Room, id.id()),
            Self::Case(case) => (ResourceKind::Case, case.id.id()),
            Self::Item(item) => (ResourceKind::Item, item.id.id()),
            Self::Set(set) => (ResourceKind::Set, set.id.id()),
            Self::Person(id) => (ResourceKind::Person, id.id()),
            Self::Account(id) => (ResourceKind::Account, id.id()),
            Self::Request(request) => (ResourceKind::Request, request.id.id()),
        };
        ResourceId { kind, id }
    }

    /// The case it belongs to, if it belongs to one; slot 4.
    pub const fn case(&self) -> Option<CaseId> {
        match self {
            Self::Case(case) => Some(case.id),
            Self::Item(item) => Some(item.case),
            Self::Set(set) => Some(set.case),
            Self::Request(request) => request.case,
            Self::Room(_) | Self::Person(_) | Self::Account(_) => None,
        }
    }
}
