//! A case with two parties, as rows of a table say it, and as facts say it.

use std::collections::BTreeSet;

use custos_core::ids::{
    AccountId, CaseId, ItemId, PartyId, PersonId, RowId, ScopeId, SetId, Timestamp,
};
use serde::Deserialize;

use crate::policy::{
    action::{self, Action, ActionKind},
    engine::Engine,
    facts::{
        Actor, Appointee, Asked, Assignment, Case, CaseRole, Context, Facts, Item, ItemState,
        Means, Purpose, PurposeCode, Request, Resource, RoomRole, ServedSet, Stage,
    },
};

pub const fn bytes(last: u8) -> [u8; 16] {
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]
}

pub const ME: PersonId = PersonId::from_bytes(bytes(1));
pub const SOMEBODY: PersonId = PersonId::from_bytes(bytes(2));
pub const MY_ACCOUNT: AccountId = AccountId::from_bytes(bytes(3));
pub const OTHER_ACCOUNT: AccountId = AccountId::from_bytes(bytes(4));
pub const ROOM: ScopeId = ScopeId::from_bytes(bytes(5));
pub const CASE: CaseId = CaseId::from_bytes(bytes(10));
pub const OTHER_CASE: CaseId = CaseId::from_bytes(bytes(11));
pub const OWN_PARTY: PartyId = PartyId::from_bytes(bytes(20));
pub const OTHER_PARTY: PartyId = PartyId::from_bytes(bytes(21));
pub const ITEM: ItemId = ItemId::from_bytes(bytes(30));
pub const SET: SetId = SetId::from_bytes(bytes(40));
pub const REQUEST: RowId = RowId::from_bytes(bytes(50));

/// To whom something was served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Served {
    #[default]
    Nobody,
    Own,
    Other,
    Both,
}

impl Served {
    pub const ALL: [Self; 4] = [Self::Nobody, Self::Own, Self::Other, Self::Both];

    pub fn own(self) -> bool {
        matches!(self, Self::Own | Self::Both)
    }
}

/// Whom a role would be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Candidate {
    Nobody,
    Investigator,
    CounselOfNobody,
    FirstCounsel,
    CounselAgain,
    CounselOfTheOther,
    InvestigatorWhoDefends,
    BehindAWall,
}

impl Candidate {
    pub const ALL: [Self; 8] = [
        Self::Nobody,
        Self::Investigator,
        Self::CounselOfNobody,
        Self::FirstCounsel,
        Self::CounselAgain,
        Self::CounselOfTheOther,
        Self::InvestigatorWhoDefends,
        Self::BehindAWall,
    ];

    fn facts(self) -> Option<Appointee> {
        let (role, party, defends) = match self {
            Self::Nobody => return None,
            Self::Investigator | Self::BehindAWall => (CaseRole::Investigator, None, None),
            Self::CounselOfNobody => (CaseRole::Defence, None, None),
            Self::FirstCounsel => (CaseRole::Defence, Some(OWN_PARTY), None),
            Self::CounselAgain => (CaseRole::Defence, Some(OWN_PARTY), Some(OWN_PARTY)),
            Self::CounselOfTheOther => (CaseRole::Defence, Some(OWN_PARTY), Some(OTHER_PARTY)),
            Self::InvestigatorWhoDefends => (CaseRole::Investigator, None, Some(OTHER_PARTY)),
        };
        Some(Appointee {
            person: SOMEBODY,
            role,
            party,
            defence_of: defends.into_iter().collect(),
            walled: self == Self::BehindAWall,
        })
    }
}

/// What is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum On {
    Room,
    Case {
        #[serde(default)]
        closed: bool,
    },
    Item {
        #[serde(default)]
        restricted: bool,
        #[serde(default)]
        quarantined: bool,
        #[serde(default)]
        served: Served,
        #[serde(default)]
        mine: bool,
    },
    Set {
        own: bool,
    },
    Person {
        me: bool,
    },
    Account {
        own: bool,
    },
    /// To hand the case over, or else to recover an account.
    Request {
        transfer: bool,
        mine: bool,
    },
}

impl On {
    /// Everything that can be asked about in this world.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Room];
        for flag in [false, true] {
            all.push(Self::Case { closed: flag });
            all.push(Self::Set { own: flag });
            all.push(Self::Person { me: flag });
            all.push(Self::Account { own: flag });
            for mine in [false, true] {
                all.push(Self::Request {
                    transfer: flag,
                    mine,
                });
            }
        }
        for bits in 0..8 {
            all.extend(Served::ALL.map(|served| Self::Item {
                restricted: bits & 1 != 0,
                quarantined: bits & 2 != 0,
                mine: bits & 4 != 0,
                served,
            }));
        }
        all
    }

    pub fn facts(self) -> Resource {
        match self {
            Self::Room => Resource::Room(ROOM),
            Self::Case { closed } => Resource::Case(Case {
                id: CASE,
                stage: if closed { Stage::Closed } else { Stage::Open },
            }),
            Self::Item {
                restricted,
                quarantined,
                served,
                mine,
            } => {
                let states = [
                    restricted.then_some(ItemState::Restricted),
                    quarantined.then_some(ItemState::Quarantined),
                ];
                let parties = [
                    served.own().then_some(OWN_PARTY),
                    matches!(served, Served::Other | Served::Both).then_some(OTHER_PARTY),
                ];
                Resource::Item(Item {
                    id: ITEM,
                    case: CASE,
                    states: states.into_iter().flatten().collect(),
                    served_to: parties.into_iter().flatten().collect(),
                    depositor: if mine { ME } else { SOMEBODY },
                })
            }
            Self::Set { own } => Resource::Set(ServedSet {
                id: SET,
                case: CASE,
                recipient: if own { OWN_PARTY } else { OTHER_PARTY },
            }),
            Self::Person { me } => Resource::Person(if me { ME } else { SOMEBODY }),
            Self::Account { own } => {
                Resource::Account(if own { MY_ACCOUNT } else { OTHER_ACCOUNT })
            }
            Self::Request { transfer, mine } => Resource::Request(Request {
                id: REQUEST,
                asked: if transfer {
                    Asked::TransferCase
                } else {
                    Asked::RecoverAccount
                },
                asker: if mine { ME } else { SOMEBODY },
                case: transfer.then_some(CASE),
            }),
        }
    }
}

/// Who asks, under which circumstances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// Names as access.md has them.
    pub roles: Vec<String>,
    /// Whether the roles on a case are on the case asked about.
    pub here: bool,
    /// The case from which a wall keeps them.
    pub wall: Option<CaseId>,
    pub person_active: bool,
    pub account_active: bool,
    /// Seconds.
    pub factor: Option<u64>,
    pub purpose: Option<String>,
    pub durable: bool,
    pub means: Means,
    pub approvers: Vec<PersonId>,
    /// Whether they have had their roles in the room for a day.
    pub settled: bool,
    pub candidate: Candidate,
}

/// 15 characters, in 21 bytes.
pub const FIFTEEN: &str = "свёрка 14 марта";
/// 14 characters and white space around them, in 30 bytes or so.
pub const FOURTEEN: &str = "   свёрка 4 марта\u{a0}\n  ";

impl Who {
    /// Someone with these roles on the case who does all that is asked of them.
    pub fn with(roles: &[&str]) -> Self {
        Self {
            roles: roles.iter().map(ToString::to_string).collect(),
            here: true,
            wall: None,
            person_active: true,
            account_active: true,
            factor: Some(900),
            purpose: Some(FIFTEEN.to_owned()),
            durable: true,
            means: Means::Passkey,
            approvers: vec![SOMEBODY],
            settled: true,
            candidate: Candidate::Investigator,
        }
    }

    pub fn actor(&self) -> Actor {
        let case = if self.here { CASE } else { OTHER_CASE };
        let case_roles = self.roles.iter().filter_map(|name| CaseRole::of(name));
        Actor {
            person: ME,
            account: MY_ACCOUNT,
            person_active: self.person_active,
            account_active: self.account_active,
            room_roles: self
                .roles
                .iter()
                .filter_map(|name| RoomRole::of(name))
                .collect(),
            case_roles: case_roles
                .map(|role| Assignment {
                    case,
                    role,
                    party: matches!(role, CaseRole::Defence | CaseRole::Advocate)
                        .then_some(OWN_PARTY),
                })
                .collect(),
            walled_from: self.wall.into_iter().collect(),
            strong_factor_age: self.factor,
        }
    }

    pub fn context(&self) -> Context {
        Context {
            now: Timestamp::from_micros(1_773_500_000_000_000).expect("a time of this century"),
            means: self.means,
            custody_durable: self.durable,
            purpose: self
                .purpose
                .as_deref()
                .map(|text| Purpose::new(PurposeCode::Investigation, text)),
            approvals: self.approvers.iter().copied().collect::<BTreeSet<_>>(),
            settled_roles: if self.settled {
                self.actor().room_roles
            } else {
                BTreeSet::new()
            },
            appointee: self.candidate.facts(),
        }
    }
}

/// The decision and the policies that made it, through the typed door of the engine.
pub fn decide(engine: &Engine, action: Action, who: &Who, on: On) -> (bool, Vec<String>) {
    decide_facts(engine, action, &who.actor(), &on.facts(), &who.context())
}

/// As [`decide`], of facts as they are.
pub fn decide_facts(
    engine: &Engine,
    action: Action,
    actor: &Actor,
    resource: &Resource,
    context: &Context,
) -> (bool, Vec<String>) {
    fn typed<A: ActionKind>(engine: &Engine, facts: Facts<'_>) -> (bool, Vec<String>) {
        match engine.decide::<A>(facts) {
            Ok(permit) => (true, permit.policies().to_vec()),
            Err(refusal) => (false, refusal.policies().to_vec()),
        }
    }
    let facts = Facts {
        actor,
        resource,
        context,
    };
    match action {
        Action::OpenCase => typed::<action::OpenCase>(engine, facts),
        Action::AddPerson => typed::<action::AddPerson>(engine, facts),
        Action::AddParty => typed::<action::AddParty>(engine, facts),
        Action::ListCases => typed::<action::ListCases>(engine, facts),
        Action::EndRole => typed::<action::EndRole>(engine, facts),
        Action::ChangeStage => typed::<action::ChangeStage>(engine, facts),
        Action::MergeCases => typed::<action::MergeCases>(engine, facts),
        Action::TransferCase => typed::<action::TransferCase>(engine, facts),
        Action::RecoverAccount => typed::<action::RecoverAccount>(engine, facts),
        Action::AskApproval => typed::<action::AskApproval>(engine, facts),
        Action::Approve => typed::<action::Approve>(engine, facts),
        Action::KeepWalls => typed::<action::KeepWalls>(engine, facts),
        Action::Derive => typed::<action::Derive>(engine, facts),
        Action::Correct => typed::<action::Correct>(engine, facts),
        Action::RecordTransfer => typed::<action::RecordTransfer>(engine, facts),
        Action::MakeOrder => typed::<action::MakeOrder>(engine, facts),
        Action::OfferExhibit => typed::<action::OfferExhibit>(engine, facts),
        Action::RuleOnExhibit => typed::<action::RuleOnExhibit>(engine, facts),
        Action::ReadCase => typed::<action::ReadCase>(engine, facts),
        Action::Deposit => typed::<action::Deposit>(engine, facts),
        Action::ReadItem => typed::<action::ReadItem>(engine, facts),
        Action::OpenView => typed::<action::OpenView>(engine, facts),
        Action::Download => typed::<action::Download>(engine, facts),
        Action::ReadHistory => typed::<action::ReadHistory>(engine, facts),
        Action::TakeReceipt => typed::<action::TakeReceipt>(engine, facts),
        Action::MakeBundle => typed::<action::MakeBundle>(engine, facts),
        Action::ExportCustody => typed::<action::ExportCustody>(engine, facts),
        Action::Serve => typed::<action::Serve>(engine, facts),
        Action::ReadSet => typed::<action::ReadSet>(engine, facts),
        Action::Restrict => typed::<action::Restrict>(engine, facts),
        Action::LiftRestriction => typed::<action::LiftRestriction>(engine, facts),
        Action::ManagePeople => typed::<action::ManagePeople>(engine, facts),
        Action::ManageTokens => typed::<action::ManageTokens>(engine, facts),
        Action::ReadAudit => typed::<action::ReadAudit>(engine, facts),
        Action::ChangePolicy => typed::<action::ChangePolicy>(engine, facts),
    }
}
