//! Classes of items that policy can't tell apart, so that one decision holds for all of them.
//!
//! A list of 100,000 items asks for as many decisions, and nearly all of them are about the same
//! few facts. What the policies of an action look at is read out of their text when the set is
//! loaded; items that agree in it get the same answer, whatever else they are.

use std::collections::BTreeSet;

use cedar_policy::Policy;
use custos_core::ids::{CaseId, ItemId, PartyId, PersonId};
use serde_json::Value;

use super::facts::{Item, ItemState};

/// What the policies of one action look at of an item, besides its case, its states and whom it
/// was served to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Looks {
    /// Who deposited it.
    pub(super) depositor: bool,
    /// Which one it is: then no two items are of one class.
    pub(super) id: bool,
}

impl Looks {
    /// What these policies look at.
    pub(super) fn of<'a>(policies: impl Iterator<Item = &'a Policy>) -> Self {
        let mut looks = Self::default();
        for policy in policies {
            // What can't be read may look at anything.
            let Ok(text) = policy.to_json() else {
                return Self::at_all();
            };
            // A policy on things of another kind says nothing of items.
            let kind = text["resource"]["entity_type"].as_str();
            if kind.is_some_and(|kind| kind != "Item") {
                continue;
            }
            looks.scope(&text["resource"]);
            looks.expression(&text["conditions"]);
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
    fn expression(&mut self, expression: &Value) {
        match expression {
            Value::Object(members) if is_resource(expression) && members.len() == 1 => {
                *self = Self::at_all();
            }
            Value::Object(members) => {
                for (operator, operands) in members {
                    let of_resource = operands.get("left").is_some_and(is_resource);
                    match (operator.as_str(), &operands["attr"]) {
                        ("." | "has", Value::String(attribute)) if of_resource => {
                            self.attribute(attribute);
                        }
                        ("is", _) if of_resource && operands.get("in").is_none() => {}
                        _ => self.expression(operands),
                    }
                }
            }
            Value::Array(parts) => parts.iter().for_each(|part| self.expression(part)),
            _ => {}
        }
    }

    fn attribute(&mut self, name: &str) {
        match name {
            "case" | "states" | "served_to" => {}
            "depositor" => self.depositor = true,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(condition: &str) -> Looks {
        let text = format!("permit (principal, action, resource is Item) when {{ {condition} }};");
        of_text(&text)
    }

    fn of_text(text: &str) -> Looks {
        let policy = Policy::parse(None, text).expect("a policy");
        Looks::of([&policy].into_iter())
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
