//! Facts as Cedar takes them: two entities and a context, checked against the schema.

use std::collections::{HashMap, HashSet};

use cedar_policy::{Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use custos_core::ids::{Id, PartyId};

use super::facts::{Actor, Appointee, CaseRole, Context, Facts, Resource};

/// Why facts could not be put into Cedar's terms. The engine denies; the cause is logged.
pub(super) type Unprojectable = Box<dyn std::error::Error + Send + Sync>;

/// Attributes of an entity or members of a record.
type Members = HashMap<String, RestrictedExpression>;

macro_rules! types {
    ($($field:ident = $name:literal,)*) => {
        /// The entity types of the schema, parsed once.
        pub(super) struct Types {
            $($field: EntityTypeName,)*
        }

        impl Types {
            /// The types by their names in the schema.
            pub(super) fn new() -> Self {
                Self {
                    $($field: $name.parse().expect("a type name is an identifier"),)*
                }
            }
        }
    };
}

types! {
    action = "Action",
    account = "Account",
    person = "Person",
    party = "Party",
    room = "Room",
    case = "Case",
    item = "Item",
    served_set = "ServedSet",
    request = "Request",
    asked = "Asked",
    room_role = "RoomRole",
    case_role = "CaseRole",
    item_state = "ItemState",
    stage = "Stage",
    means = "Means",
    purpose_code = "PurposeCode",
}

impl Types {
    /// The uid of an action.
    pub(super) fn action(&self, name: &str) -> EntityUid {
        named(&self.action, name)
    }

    /// The actor, with the roles that hold on the resource's case.
    pub(super) fn principal(&self, facts: Facts<'_>) -> Result<Entity, Unprojectable> {
        let actor = facts.actor;
        let uid = numbered(&self.account, actor.account.id());
        Ok(Entity::new(
            uid,
            self.actor_attributes(actor, facts.resource)?,
            HashSet::new(),
        )?)
    }

    fn actor_attributes(
        &self,
        actor: &Actor,
        resource: &Resource,
    ) -> Result<Members, Unprojectable> {
        let case = resource.case();
        let here = || {
            actor
                .case_roles
                .iter()
                .filter(move |assignment| Some(assignment.case) == case)
        };
        let room_roles = actor.room_roles.iter();
        let mut attributes = members([
            ("person", self.person(actor.person.id())),
            ("person_active", truth(actor.person_active)),
            ("account_active", truth(actor.account_active)),
            (
                "room_roles",
                set(room_roles.map(|role| literal(&self.room_role, role.name()))),
            ),
            (
                "case_roles",
                set(here().map(|assignment| literal(&self.case_role, assignment.role.name()))),
            ),
            (
                "walled",
                truth(case.is_some_and(|case| actor.walled_from.contains(&case))),
            ),
            (
                "defence_of",
                self.parties(
                    here()
                        .filter(|assignment| assignment.role == CaseRole::Defence)
                        .filter_map(|assignment| assignment.party.as_ref()),
                ),
            ),
        ]);
        if let Some(age) = actor.strong_factor_age {
            attributes.insert("strong_factor_age".into(), long(age)?);
        }
        Ok(attributes)
    }

    /// The name of what is asked about.
    pub(super) fn resource_uid(&self, resource: &Resource) -> EntityUid {
        let kind = match resource {
            Resource::Room(_) => &self.room,
            Resource::Case(_) => &self.case,
            Resource::Item(_) => &self.item,
            Resource::Set(_) => &self.served_set,
            Resource::Person(_) => &self.person,
            Resource::Account(_) => &self.account,
            Resource::Request(_) => &self.request,
        };
        numbered(kind, resource.id().id)
    }

    /// What is asked about, where more than its name matters. An account is only its name:
    /// the actor's own is the principal already, and others have nothing that policy may see.
    pub(super) fn resource(&self, resource: &Resource) -> Result<Option<Entity>, Unprojectable> {
        let attributes = match resource {
            Resource::Room(_) | Resource::Person(_) | Resource::Account(_) => return Ok(None),
            Resource::Case(case) => members([("stage", literal(&self.stage, case.stage.name()))]),
            Resource::Item(item) => members([
                ("case", reference(&self.case, item.case.id())),
                (
                    "states",
                    set(item
                        .states
                        .iter()
                        .map(|state| literal(&self.item_state, state.name()))),
                ),
                ("served_to", self.parties(item.served_to.iter())),
                ("depositor", self.person(item.depositor.id())),
            ]),
            Resource::Set(set) => members([
                ("case", reference(&self.case, set.case.id())),
                ("recipient", reference(&self.party, set.recipient.id())),
            ]),
            Resource::Request(request) => members([
                ("asked", literal(&self.asked, request.asked.name())),
                ("asker", self.person(request.asker.id())),
            ]),
        };
        let uid = self.resource_uid(resource);
        Ok(Some(Entity::new(uid, attributes, HashSet::new())?))
    }

    /// The circumstances.
    pub(super) fn context(
        &self,
        context: &Context,
    ) -> Result<cedar_policy::Context, Unprojectable> {
        let mut pairs = members([
            ("now", RestrictedExpression::new_long(context.now.micros())),
            ("means", literal(&self.means, context.means.name())),
            ("custody_durable", truth(context.custody_durable)),
            (
                "approvals",
                set(context
                    .approvals
                    .iter()
                    .map(|person| self.person(person.id()))),
            ),
            (
                "settled_roles",
                set(context
                    .settled_roles
                    .iter()
                    .map(|role| literal(&self.room_role, role.name()))),
            ),
        ]);
        if let Some(purpose) = &context.purpose {
            let record = members([
                ("code", literal(&self.purpose_code, purpose.code().name())),
                (
                    "text_chars",
                    RestrictedExpression::new_long(purpose.text_chars().into()),
                ),
            ]);
            pairs.insert("purpose".into(), RestrictedExpression::new_record(record)?);
        }
        if let Some(appointee) = &context.appointee {
            pairs.insert("appointee".into(), self.appointee(appointee)?);
        }
        Ok(cedar_policy::Context::from_pairs(pairs)?)
    }

    fn appointee(&self, appointee: &Appointee) -> Result<RestrictedExpression, Unprojectable> {
        let mut record = members([
            ("person", self.person(appointee.person.id())),
            ("role", literal(&self.case_role, appointee.role.name())),
            ("defence_of", self.parties(appointee.defence_of.iter())),
            ("walled", truth(appointee.walled)),
        ]);
        if let Some(party) = &appointee.party {
            record.insert("party".into(), reference(&self.party, party.id()));
        }
        Ok(RestrictedExpression::new_record(record)?)
    }

    fn person(&self, id: Id) -> RestrictedExpression {
        reference(&self.person, id)
    }

    fn parties<'a>(&self, parties: impl Iterator<Item = &'a PartyId>) -> RestrictedExpression {
        set(parties.map(|party| reference(&self.party, party.id())))
    }
}

fn named(kind: &EntityTypeName, name: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(name))
}

fn numbered(kind: &EntityTypeName, id: Id) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id.to_string()))
}

fn literal(kind: &EntityTypeName, name: &str) -> RestrictedExpression {
    RestrictedExpression::new_entity_uid(named(kind, name))
}

fn reference(kind: &EntityTypeName, id: Id) -> RestrictedExpression {
    RestrictedExpression::new_entity_uid(numbered(kind, id))
}

fn set(values: impl Iterator<Item = RestrictedExpression>) -> RestrictedExpression {
    RestrictedExpression::new_set(values)
}

fn truth(value: bool) -> RestrictedExpression {
    RestrictedExpression::new_bool(value)
}

fn long(value: u64) -> Result<RestrictedExpression, Unprojectable> {
    Ok(RestrictedExpression::new_long(i64::try_from(value)?))
}

fn members<const N: usize>(pairs: [(&str, RestrictedExpression); N]) -> Members {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
