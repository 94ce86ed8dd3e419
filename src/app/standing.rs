//! Who is signed in, for the head of every page: their own name, and which parts of the room
//! are theirs to manage. It says nothing that they do not know, so it leaves no entry.

use super::{SignedIn, audits::unresolved, context::Room, error::Error};
use crate::{
    db::{audits, decide, sessions},
    policy::{
        action::ReadAudit,
        facts::{Context, Facts, Resource, RoomRole},
    },
};

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Their name.
    pub name: String,
    /// Whether pages offer to manage people. What is allowed is decided when it is asked for.
    pub manages_people: bool,
    /// Whether pages offer to open cases.
    pub opens_cases: bool,
    /// Whether pages offer to look at audits.
    pub sees_audits: bool,
    /// Whether audits found what is not resolved, for whoever sees them.
    pub damage_found: bool,
}

/// Reads who is signed in.
///
/// # Errors
/// [`Error::SignedOut`] when the account is gone.
pub async fn standing(room: &Room, who: &SignedIn) -> Result<Standing, Error> {
    let (core, scope, account) = (room.core.clone(), room.id, who.account);
    let (means, under_way) = (who.means, room.auditing.under_way());
    room.read(move |connection| {
        let (_, person) = sessions::account(connection, &core.keyring, scope, account)?
            .ok_or(Error::SignedOut)?;
        let actor =
            decide::actor(connection, &core.keyring, scope, account)?.ok_or(Error::SignedOut)?;
        let context = Context::new(core.ambient.now(), means, true);
        let facts = Facts {
            actor: &actor,
            resource: &Resource::Room(scope),
            context: &context,
        };
        let sees_audits = core.engine.decide::<ReadAudit>(facts).is_ok();
        let damage_found = sees_audits && {
            let newest = audits::newest(connection, (&core.keyring, scope))?;
            unresolved(newest.map(|(findings, _)| findings), under_way) > 0
        };
        Ok(Standing {
            name: person.details.name,
            manages_people: actor.room_roles.contains(&RoomRole::Administrator),
            opens_cases: actor.room_roles.contains(&RoomRole::Custodian),
            sees_audits,
            damage_found,
        })
    })
    .await
}
