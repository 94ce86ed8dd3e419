//! Classes of items that policy can't tell apart, so that one decision holds for all of them.
//!
//! A list of 100,000 items asks for as many decisions, and nearly all of them are about the same
//! few facts. What the policies of an action look at is read out of their text when the set is
//! loaded; items that agree in it get the same answer, whatever else they are. So do cases on
//! which a person stands alike.

use std::collections::{BTreeSet, HashMap};

use cedar_policy::Policy;
use custos_core::ids::{CaseId, ItemId, PartyId, PersonId};
use serde_json::Value;

use super::facts::{Actor, Case, CaseRole, Item, ItemState, Stage};

/// What the policies of one action look at of an item, besides its case, its states and whom it
/// was served to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Looks {
    /// Who deposited it.
    pub(super) depositor: bool,
    /// Which one it is: then no two items are of one class.
    pub(super) id: bool,
}

/// Things of which there are classes, by their names in the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Item,
    Case,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Item => "Item",
            Self::Case => "Case",
        }
    }
}

impl Looks {
    /// What these policies look at of things of this kind.
    pub(super) fn of<'a>(kind: Kind, policies: impl Iterator<Item = &'a Policy>) -> Self {
        let mut looks = Self::default();
        for policy in policies {
            // What can't be read may look at anything.
            let Ok(text) = policy.to_json() else {
                return Self::at_all();
            };
            // A policy on things of another kind says nothing of these.
            let named = text["resource"]["entity_type"].as_str();
            if named.is_some_and(|named| named != kind.name()) {
                continue;
            }
            looks.scope(&text["resource"]);
            looks.expression(kind, &text["conditions"]);
        }
        looks
    }

    const fn at_all() -> Self {
        Self {
            depositor: true,
            id: true,
        }
    }

    /// `resource == ...` and `resource in ...` name one; `resource is Item` does not.
    fn scope(&mut self, scope: &Value) {
        let kind = scope["op"].as_str().unwrap_or_default();
        if !(kind == "All" || kind == "is" && scope.get("in").is_none()) {
            *self = Self::at_all();
        }
    }

    /// Walks an expression in Cedar's JSON form: the resource may stand to the left of a dot,
    /// `has` or `is`; anywhere else it is compared as itself.
    fn expression(&mut self, kind: Kind, expression: &Value) {
        match expression {
            Value::Object(members) if is_resource(expression) && members.len() == 1 => {
                *self = Self::at_all();
            }
            Value::Object(members) => {
                for (operator, operands) in members {
                    let of_resource = operands.get("left").is_some_and(is_resource);
                    match (operator.as_str(), &operands["attr"]) {
                        ("." | "has", Value::String(attribute)) if of_resource => {
                            self.attribute(kind, attribute);
                        }
                        ("is", _) if of_resource && operands.get("in").is_none() => {}
                        _ => self.expression(kind, operands),
                    }
                }
            }
            Value::Array(parts) => parts.iter().for_each(|part| self.expression(kind, part)),
            _ => {}
        }
    }

    fn attribute(&mut self, kind: Kind, name: &str) {
        match (kind, name) {
            (Kind::Item, "case" | "states" | "served_to") | (Kind::Case, "stage") => {}
            (Kind::Item, "depositor") => self.depositor = true,
            // An attribute that joined later, and of which this file was not told.
            _ => *self = Self::at_all(),
        }
    }
}

fn is_resource(expression: &Value) -> bool {
    expression["Var"] == "resource"
}

/// Items that the policies of one action can't tell apart. Only the engine makes them, from its
/// own policies.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemClass {
    case: CaseId,
    states: BTreeSet<ItemState>,
    served_to: BTreeSet<PartyId>,
    depositor: Option<PersonId>,
    id: Option<ItemId>,
    looks: Looks,
}

/// Stands where policies do not look.
const NOBODY: PersonId = PersonId::from_bytes([0; 16]);
const NOTHING: ItemId = ItemId::from_bytes([0; 16]);

impl ItemClass {
    /// The class of an item.
    pub(super) fn of(item: &Item, looks: Looks) -> Self {
        Self {
            case: item.case,
            states: item.states.clone(),
            served_to: item.served_to.clone(),
            depositor: looks.depositor.then_some(item.depositor),
            id: looks.id.then_some(item.id),
            looks,
        }
    }

    /// What the policies for which it was made look at.
    pub(super) const fn looks(&self) -> Looks {
        self.looks
    }

    /// An item of this class, as far as policies look.
    pub fn item(&self) -> Item {
        Item {
            id: self.id.unwrap_or(NOTHING),
            case: self.case,
            states: self.states.clone(),
            served_to: self.served_to.clone(),
            depositor: self.depositor.unwrap_or(NOBODY),
        }
    }

    /// Whether an item is of this class.
    pub fn covers(&self, item: &Item) -> bool {
        self.case == item.case
            && self.states == item.states
            && self.served_to == item.served_to
            && self.depositor.is_none_or(|person| person == item.depositor)
            && self.id.is_none_or(|id| id == item.id)
    }
}

/// Where one person stands on cases, by case: what the policies see of whoever asks.
pub struct Standing {
    roles: HashMap<CaseId, (BTreeSet<CaseRole>, BTreeSet<PartyId>)>,
    walled: BTreeSet<CaseId>,
}

impl Standing {
    /// Where this person stands.
    pub fn of(actor: &Actor) -> Self {
        let mut roles = HashMap::<_, (BTreeSet<_>, BTreeSet<_>)>::new();
        for held in &actor.case_roles {
            let (here, defended) = roles.entry(held.case).or_default();
            here.insert(held.role);
            if held.role == CaseRole::Defence {
                defended.extend(held.party);
            }
        }
        let walled = actor.walled_from.iter().copied().collect();
        Self { roles, walled }
    }
}

/// Cases that the policies of one action can't tell apart, for one person: in the same stage, and
/// the person stands on them alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CaseClass {
    stage: Stage,
    roles: BTreeSet<CaseRole>,
    defence_of: BTreeSet<PartyId>,
    walled: bool,
    id: Option<CaseId>,
}

impl CaseClass {
    /// The class of a case, for a person who stands so.
    pub(super) fn of(standing: &Standing, case: &Case, looks: Looks) -> Self {
        let here = standing.roles.get(&case.id).cloned();
        let (roles, defence_of) = here.unwrap_or_default();
        Self {
            stage: case.stage,
            roles,
            defence_of,
            walled: standing.walled.contains(&case.id),
            id: looks.id.then_some(case.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(condition: &str) -> Looks {
        let text = format!("permit (principal, action, resource is Item) when {{ {condition} }};");
        of_text(&text)
    }

    fn of_text(text: &str) -> Looks {
        let policy = Policy::parse(None, text).expect("a policy");
        Looks::of(Kind::Item, [&policy].into_iter())
    }

    #[test]
    fn of_a_case_its_stage_and_where_one_stands_are_seen() {
        let of_text = |text: &str| {
            let policy = Policy::parse(None, text).expect("a policy");
            Looks::of(Kind::Case, [&policy].into_iter())
        };
        for (text, told) in [
            (
                "resource is Case) when { principal.walled }",
                Looks::default(),
            ),
            (
                "resource is Case) unless { resource.stage == Stage::\"open\" }",
                Looks::default(),
            ),
            ("resource) when { principal.walled }", Looks::default()),
            ("resource == Case::\"7\")", Looks::at_all()),
            (
                "resource is Case) when { resource.court == principal }",
                Looks::at_all(),
            ),
            (
                "resource is Case) when { principal.cases.contains(resource) }",
                Looks::at_all(),
            ),
            (
                "resource is Item) when { principal.granted.contains(resource) }",
                Looks::default(),
            ),
        ] {
            let text = format!("permit (principal, action, {text};");
            assert_eq!(of_text(&text), told, "{text}");
        }
    }

    #[test]
    fn cases_on_which_one_stands_alike_are_one_class() {
        use crate::policy::facts::Assignment;

        let id = |n: u8| CaseId::from_bytes([n; 16]);
        let case = |n: u8| Case {
            id: id(n),
            stage: Stage::Open,
        };
        let role = |n: u8, role, party: Option<u8>| Assignment {
            case: id(n),
            role,
            party: party.map(|party| PartyId::from_bytes([party; 16])),
        };
        let actor = Actor {
            person: NOBODY,
            account: custos_core::ids::AccountId::from_bytes([9; 16]),
            person_active: true,
            account_active: true,
            room_roles: BTreeSet::new(),
            case_roles: [
                role(1, CaseRole::Judge, None),
                role(2, CaseRole::Judge, None),
                role(3, CaseRole::Judge, None),
                role(4, CaseRole::Defence, Some(1)),
                role(5, CaseRole::Defence, Some(2)),
            ]
            .into(),
            walled_from: [id(3), id(6)].into(),
            strong_factor_age: None,
        };
        let standing = Standing::of(&actor);
        let class = |case: Case| CaseClass::of(&standing, &case, Looks::default());
        assert_eq!(class(case(1)), class(case(2)));
        assert_eq!(class(case(7)), class(case(8)));
        for (one, other) in [(1, 3), (4, 5), (6, 7), (3, 6), (1, 7)] {
            assert_ne!(class(case(one)), class(case(other)), "{one} {other}");
        }
        let closed = Case {
            stage: Stage::Closed,
            ..case(1)
        };
        assert_ne!(class(closed), class(case(1)));
        let named = |n| CaseClass::of(&standing, &case(n), Looks::at_all());
        assert_ne!(named(1), named(2));
    }

    #[test]
    fn what_is_the_same_for_all_is_not_looked_at() {
        for plain in [
            "resource.states.isEmpty()",
            "principal.defence_of.containsAny(resource.served_to)",
            "resource.case in principal.cases && resource is Item",
            "resource has states && context.means != Means::\"token\"",
            "if principal.person_active then resource.states.isEmpty() else false",
        ] {
            assert_eq!(looks(plain), Looks::default(), "{plain}");
        }
        let depositor = looks("[resource.depositor].contains(principal.person)");
        assert_eq!((depositor.depositor, depositor.id), (true, false));
    }

    #[test]
    fn policies_on_other_things_do_not_count() {
        let text = "permit (principal, action, resource is ServedSet) when { resource.recipient == principal };";
        assert_eq!(of_text(text), Looks::default());
        let within = "forbid (principal, action, resource is Item in Case::\"7\");";
        assert_eq!(of_text(within), Looks::at_all());
    }

    #[test]
    fn an_item_that_is_named_is_looked_at() {
        for named in [
            "resource == Item::\"7\"",
            "principal.granted.contains(resource)",
            "resource in principal.granted",
            "resource is Item in principal.granted",
            "[{\"a\": resource}].contains({\"a\": principal})",
            "resource.shelf == 7",
            "resource has shelf.row",
            "resource.hasTag(\"x\")",
        ] {
            assert_eq!(looks(named), Looks::at_all(), "{named}");
        }
        for scope in [
            "resource == Item::\"7\"",
            "resource in Case::\"7\"",
            "resource is Item in Case::\"7\"",
        ] {
            let text = format!("forbid (principal, action, {scope});");
            assert_eq!(of_text(&text), Looks::at_all(), "{scope}");
        }
    }

    /// What lists rely on to be fast: the first set looks at states and servings alone when it
    /// decides who sees an item.
    #[test]
    fn the_first_set_sees_classes() {
        use crate::policy::{
            Engine,
            action::{ReadItem, TakeReceipt},
        };

        let item = |id: u8| Item {
            id: ItemId::from_bytes([id; 16]),
            case: CaseId::from_bytes([1; 16]),
            states: BTreeSet::new(),
            served_to: BTreeSet::new(),
            depositor: PersonId::from_bytes([id; 16]),
        };
        let engine = Engine::embedded();
        let see = [1, 2].map(|id| engine.class_of::<ReadItem>(&item(id)));
        assert_eq!(see[0], see[1]);
        let take = [1, 2].map(|id| engine.class_of::<TakeReceipt>(&item(id)));
        assert_ne!(take[0], take[1], "a receipt is also its depositor's");
        assert_eq!(take[0].id, None);
    }

    #[test]
    fn a_class_covers_what_agrees_in_what_is_looked_at() {
        let item = |id: u8, depositor: u8| Item {
            id: ItemId::from_bytes([id; 16]),
            case: CaseId::from_bytes([1; 16]),
            states: BTreeSet::new(),
            served_to: BTreeSet::new(),
            depositor: PersonId::from_bytes([depositor; 16]),
        };
        let depositor = Looks {
            depositor: true,
            id: false,
        };
        for (looks, covers) in [
            (Looks::default(), [true, true, true]),
            (depositor, [true, true, false]),
            (Looks::at_all(), [true, false, false]),
        ] {
            let class = ItemClass::of(&item(1, 1), looks);
            let found = [item(1, 1), item(2, 1), item(2, 2)].map(|other| class.covers(&other));
            assert_eq!(found, covers, "{looks:?}");
            assert!(class.covers(&class.item()));
        }
        let mut restricted = item(1, 1);
        restricted.states.insert(ItemState::Restricted);
        assert!(!ItemClass::of(&item(1, 1), Looks::default()).covers(&restricted));
    }
}
