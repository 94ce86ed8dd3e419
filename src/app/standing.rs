//! Who is signed in, for the head of every page: their own name, and which parts of the room
//! are theirs to manage. It says nothing that they do not know, so it leaves no entry.

use super::{SignedIn, context::Room, error::Error};
use crate::{
    db::{decide, sessions},
    policy::facts::RoomRole,
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
}

/// Reads who is signed in.
///
/// # Errors
/// [`Error::SignedOut`] when the account is gone.
pub async fn standing(room: &Room, who: &SignedIn) -> Result<Standing, Error> {
    let (core, scope, account) = (room.core.clone(), room.id, who.account);
    room.read(move |connection| {
        let (_, person) = sessions::account(connection, &core.keyring, scope, account)?
            .ok_or(Error::SignedOut)?;
        let actor =
            decide::actor(connection, &core.keyring, scope, account)?.ok_or(Error::SignedOut)?;
        Ok(Standing {
            name: person.details.name,
            manages_people: actor.room_roles.contains(&RoomRole::Administrator),
            opens_cases: actor.room_roles.contains(&RoomRole::Custodian),
        })
    })
    .await
}
