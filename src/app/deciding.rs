//! From who is signed in to a `Permit`, or to a refusal that leaves its entry.

use custos_core::{
    event::slot,
    ids::{AccountId, CaseId, Id, ItemId, PersonId, RowId},
};
use serde_json::json;

use super::{
    entering::{Acting, Draft, Tx},
    error::Error,
    once::Once,
    tags::Upon,
    writer::Stop,
};
use crate::{
    db::{
        decide::{self, CaseFacts, ItemFacts},
        people::{AccountRow, PersonRow},
        requests::RequestRow,
        sessions,
    },
    policy::{
        Permit, Refusal,
        action::{ActionKind, Approve, ReadCase, ReadItem},
        facts::{Actor, Context, Facts, Resource, ResourceId, ResourceKind},
    },
};

pub use crate::policy::facts::Means;

/// Who is signed in, as the edge recognised them. It is no permission: what they may do is
/// decided afresh at each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedIn {
    /// The account.
    pub account: AccountId,
    /// The person behind it.
    pub person: PersonId,
    /// The session or token; views are bound to it.
    pub holder: Id,
    /// How they were recognised.
    pub means: Means,
    /// The key under which they ask for a change, if they gave one.
    pub once: Option<Once>,
    /// What their change is made upon.
    pub upon: Upon,
}

/// The facts of one request: who asks, under which circumstances.
pub struct Asking {
    /// Who asks, as policy sees them.
    pub actor: Actor,
    /// Under which circumstances.
    pub context: Context,
}

impl Tx<'_> {
    /// Reads what policy may see of whoever is signed in.
    ///
    /// # Errors
    /// [`Error::SignedOut`] when the account is gone.
    pub fn asking(&mut self, who: &SignedIn) -> Result<Asking, Stop> {
        let room = self.room();
        let actor = decide::actor(self.connection, &self.core.keyring, room, who.account)?
            .ok_or(Error::SignedOut)?;
        // This transaction appends the entry: when it can't commit, the permit dies with it.
        let context = Context::new(self.now(), who.means, true);
        Ok(Asking { actor, context })
    }

    /// Asks policy for one action on one resource.
    ///
    /// # Errors
    /// A refusal, told as [`Error::Forbidden`] where the person may know of the resource and as
    /// [`Error::NotFound`] where not; it leaves its entry either way.
    pub fn permit<A: ActionKind>(
        &self,
        asking: &Asking,
        resource: &Resource,
    ) -> Result<Permit<A>, Stop> {
        let facts = Facts {
            actor: &asking.actor,
            resource,
            context: &asking.context,
        };
        self.core.engine.decide::<A>(facts).map_err(|refusal| {
            let error = if self.may_know(asking, resource) {
                Error::Forbidden
            } else {
                Error::NotFound
            };
            self.refused(asking, &refusal, error)
        })
    }

    /// A case that is there, or the refusal for one that is not.
    ///
    /// # Errors
    /// [`Error::NotFound`], which leaves the entry that a hidden case would.
    pub fn case<A: ActionKind>(
        &mut self,
        asking: &Asking,
        case: CaseId,
    ) -> Result<CaseFacts, Stop> {
        match decide::case(self.connection, &self.core.keyring, case)? {
            Some(facts) => Ok(facts),
            None => Err(self.unknown::<A>(asking, ResourceKind::Case, case.id())),
        }
    }

    /// An item that is there, or the refusal for one that is not.
    ///
    /// # Errors
    /// [`Error::NotFound`], which leaves the entry that a hidden item would.
    pub fn item<A: ActionKind>(
        &mut self,
        asking: &Asking,
        item: ItemId,
    ) -> Result<ItemFacts, Stop> {
        match decide::item(self.connection, &self.core.keyring, item)? {
            Some(facts) => Ok(facts),
            None => Err(self.unknown::<A>(asking, ResourceKind::Item, item.id())),
        }
    }

    /// A person that is there, or the refusal for one that is not.
    ///
    /// # Errors
    /// [`Error::NotFound`], which leaves the entry that a hidden person would.
    pub fn person<A: ActionKind>(
        &mut self,
        asking: &Asking,
        person: PersonId,
    ) -> Result<PersonRow, Stop> {
        let room = self.room();
        match sessions::person(self.connection, &self.core.keyring, room, person)? {
            Some(row) => Ok(row),
            None => Err(self.unknown::<A>(asking, ResourceKind::Person, person.id())),
        }
    }

    /// An account that is there, with its person, or the refusal for one that is not.
    ///
    /// # Errors
    /// [`Error::NotFound`], which leaves an entry.
    pub fn account<A: ActionKind>(
        &mut self,
        asking: &Asking,
        account: AccountId,
    ) -> Result<(AccountRow, PersonRow), Stop> {
        let room = self.room();
        match sessions::account(self.connection, &self.core.keyring, room, account)? {
            Some(rows) => Ok(rows),
            None => Err(self.unknown::<A>(asking, ResourceKind::Account, account.id())),
        }
    }

    /// A request that is there, or the refusal for one that is not.
    ///
    /// # Errors
    /// [`Error::NotFound`], which leaves the entry that a hidden request would.
    pub fn request<A: ActionKind>(
        &mut self,
        asking: &Asking,
        request: RowId,
    ) -> Result<RequestRow, Stop> {
        match decide::request(self.connection, &self.core.keyring, request)? {
            Some(row) => Ok(row),
            None => Err(self.unknown::<A>(asking, ResourceKind::Request, request.id())),
        }
    }

    /// Who acts, for slots 12 to 14, with the role in which it was allowed.
    pub fn acting(&self, asking: &Asking, case: Option<CaseId>) -> Acting {
        let on_case = asking
            .actor
            .case_roles
            .iter()
            .find(|assignment| Some(assignment.case) == case)
            .map(|assignment| assignment.role.name());
        let in_room = || {
            asking
                .actor
                .room_roles
                .iter()
                .next()
                .map(|role| role.name())
        };
        Acting {
            person: asking.actor.person,
            role: on_case.or_else(in_room).map(String::from),
            means: asking.context.means.name().into(),
        }
    }

    /// The refusal for an id that names nothing: as that for one that is hidden.
    fn unknown<A: ActionKind>(&self, asking: &Asking, kind: ResourceKind, id: Id) -> Stop {
        let refusal = self
            .core
            .engine
            .refuse_unknown::<A>(&asking.actor, ResourceId { kind, id });
        self.refused(asking, &refusal, Error::NotFound)
    }

    fn refused(&self, asking: &Asking, refusal: &Refusal, error: Error) -> Stop {
        let asked = refusal.resource();
        let mut draft = Draft::of_room("refuse", self.room())
            .by(self.acting(asking, None))
            .detail(
                slot::DETAIL,
                json!({"action": refusal.action().name(), "type": asked.kind.name(), "asked": asked.id}),
            );
        // What does not exist was refused by no policy of its own, and what is hidden must leave
        // the same entry, also in its length.
        let decision = match error {
            Error::NotFound => json!({"decision": "deny", "policies": []}),
            _ => refusal.decision_value(),
        };
        draft.decision = Some((refusal.set_hash(), decision));
        Stop {
            error,
            leaves: Some(Box::new(draft)),
        }
    }

    /// Whether the person may know that the resource exists.
    fn may_know(&self, asking: &Asking, resource: &Resource) -> bool {
        let facts = Facts {
            actor: &asking.actor,
            resource,
            context: &asking.context,
        };
        match resource {
            Resource::Room(_) => true,
            Resource::Case(_) => self.core.engine.decide::<ReadCase>(facts).is_ok(),
            Resource::Item(_) => self.core.engine.decide::<ReadItem>(facts).is_ok(),
            Resource::Person(person) => *person == asking.actor.person,
            Resource::Account(account) => *account == asking.actor.account,
            Resource::Set(_) => false,
            Resource::Request(request) => {
                request.asker == asking.actor.person
                    || self.core.engine.decide::<Approve>(facts).is_ok()
            }
        }
    }
}

impl Draft {
    /// With who did it and the policies that allowed it.
    #[must_use]
    pub fn permitted<A: ActionKind>(mut self, acting: Acting, permit: &Permit<A>) -> Self {
        self.decision = Some((permit.set_hash(), permit.decision_value()));
        self.by(acting)
    }
}
