//! Who may know of what a notice is about: asked when it is queued, when it is sent, and when it
//! is shown, each time on facts of that moment.

use custos_core::ids::{AccountId, Id};
use tracing::error;

use super::kinds::{About, Kind};
use crate::{
    app::{context::Core, deciding::Asking, error::Error},
    db::{Connection, DbError, decide, sessions},
    policy::{
        action::{
            ActionKind, ManagePeople, OpenCase, ReadCase, ReadHistory, ReadItem, TakeReceipt,
        },
        facts::{CaseRole, Context, Facts, ItemState, Means, Resource},
    },
};
use custos_core::ids::{ScopeId, Timestamp};

/// One moment of the register, on which it is decided.
pub(super) struct Moment<'a> {
    pub(super) connection: &'a mut Connection,
    pub(super) core: &'a Core,
    pub(super) room: ScopeId,
    pub(super) now: Timestamp,
}

impl Moment<'_> {
    /// Whoever signs in with an account, as policy sees them; none where it is gone.
    ///
    /// # Errors
    /// The register can't be read, or is damaged.
    pub(super) fn recipient(&mut self, account: AccountId) -> Result<Option<Asking>, DbError> {
        let actor = decide::actor(self.connection, &self.core.keyring, self.room, account)?;
        // A notice is read by whoever signed in, and is entered when it is.
        let context = Context::new(self.now, Means::Password, true);
        Ok(actor.map(|actor| Asking { actor, context }))
    }

    /// Whether the recipient may know of what a notice of this kind is about.
    ///
    /// What concerns an account itself goes to it whatever policy says: somebody who was
    /// suspended is told that they were. Everything else is decided by policy.
    ///
    /// # Errors
    /// The register can't be read, or is damaged.
    pub(super) fn may_know(
        &mut self,
        asking: &Asking,
        kind: Kind,
        about: Id,
    ) -> Result<bool, DbError> {
        let core = self.core;
        Ok(match kind.about() {
            About::Account => about == asking.actor.account.id(),
            About::Room | About::Log => {
                let room = Resource::Room(self.room);
                allowed::<ManagePeople>(core, asking, &room)
                    || allowed::<OpenCase>(core, asking, &room)
            }
            About::Case => {
                let facts = decide::case(self.connection, &core.keyring, about.into())?;
                facts.is_some_and(|facts| {
                    let case = Resource::Case(facts.case);
                    match kind {
                        // Whoever lists the orders of a case reads its history.
                        Kind::OrderMade => allowed::<ReadHistory>(core, asking, &case),
                        _ => allowed::<ReadCase>(core, asking, &case),
                    }
                })
            }
            About::Item => {
                let facts = decide::item(self.connection, &core.keyring, about.into())?;
                facts.is_some_and(|facts| {
                    let item = Resource::Item(facts.item);
                    match kind {
                        // A depositor has the receipt of what they may not look at any more.
                        Kind::DepositQuarantined => allowed::<TakeReceipt>(core, asking, &item),
                        _ => allowed::<ReadItem>(core, asking, &item),
                    }
                })
            }
        })
    }

    /// Whether the page of what a notice is about may be offered.
    ///
    /// # Errors
    /// The register can't be read, or is damaged.
    pub(super) fn may_open(
        &mut self,
        asking: &Asking,
        kind: Kind,
        about: Id,
    ) -> Result<bool, DbError> {
        match kind.about() {
            About::Item => self.may_know(asking, Kind::Served, about),
            About::Case => self.may_know(asking, Kind::RoleGiven, about),
            About::Account | About::Room | About::Log => Ok(false),
        }
    }

    /// Whether an event may leave the house (decision 15): an endpoint learns what somebody who
    /// only runs the room may learn. No id of an item that is narrowed by anything but its
    /// quarantine, and nothing of what counsel does.
    ///
    /// # Errors
    /// The register can't be read, or is damaged.
    pub(super) fn may_leave(&mut self, kind: Kind, about: Id) -> Result<bool, DbError> {
        let core = self.core;
        if !kind.goes_out() {
            return Ok(false);
        }
        Ok(match kind.about() {
            About::Room | About::Log => true,
            About::Case => decide::case(self.connection, &core.keyring, about.into())?.is_some(),
            // It names what it bears, as the policies do: a state of which it does not know
            // keeps the item in the house.
            About::Item => {
                decide::item(self.connection, &core.keyring, about.into())?.is_some_and(|facts| {
                    let states = &facts.item.states;
                    states.iter().all(|state| *state == ItemState::Quarantined)
                })
            }
            About::Account => match kind {
                // What was done to an account.
                Kind::AccountSuspended | Kind::LinkMade => true,
                // What its owner did.
                _ => !self.defends(about.into())?,
            },
        })
    }

    /// Whether the person behind an account is counsel of anybody; true where nobody is there.
    fn defends(&mut self, account: AccountId) -> Result<bool, DbError> {
        let core = self.core;
        let found = sessions::account(self.connection, &core.keyring, self.room, account)?;
        let Some((_, person)) = found else {
            return Ok(true);
        };
        let roles = decide::actor_roles(self.connection, &core.keyring, person.id)?;
        Ok(roles.iter().any(|role| role.role == CaseRole::Defence))
    }
}

/// What policy answers, where a refusal is no event.
fn allowed<A: ActionKind>(core: &Core, asking: &Asking, resource: &Resource) -> bool {
    let facts = Facts {
        actor: &asking.actor,
        resource,
        context: &asking.context,
    };
    core.engine.decide::<A>(facts).is_ok()
}

/// What is decided about one recipient must not stop what the others are told of, nor the change
/// itself: where rows are damaged, nobody is told, and the alarm is raised where they were read.
///
/// # Errors
/// Those that are not of damage.
pub(super) fn or_damaged<T>(outcome: Result<T, DbError>, otherwise: T) -> Result<T, Error> {
    match outcome.map_err(Error::from) {
        Err(Error::Damaged(cause)) => {
            error!(error = %cause, "a notice was not given: what would decide it is damaged");
            Ok(otherwise)
        }
        other => other,
    }
}
