//! The policy set in force, brought forward by whoever holds the root key.
//!
//! A version may ask about an action that the set of a room does not declare, and then it does not
//! open the room. So a new set is read, loaded strictly and compared before the register is touched;
//! the room is opened under it; and it comes into force in one entry.
//!
//! A change of policy takes two persons. They can't approve it in a room that does not open, so
//! whoever holds the root key names them, and the entry says that it is the operator's word.

use std::path::Path;

use custos_core::{event::slot, hash::Hash, ids::PersonId};
use serde_json::json;

use super::{
    context::Room,
    entering::{Draft, Tx},
    error::Error,
    found::{in_force, login_index},
    open::{OpenError, Places, source_of},
    writer::{Command, Done, Stop},
};
use crate::{
    db::{bound, decide, head, policies, pool, sessions},
    keyring::{Keyring, RootFile},
    policy::{
        Source,
        facts::RoomRole,
        sets::{self, Difference},
    },
};

/// How the set of a room stands to the one that is to come into force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is that one.
    Same,
    /// It was built into an earlier version, and nobody edited it.
    Earlier(Vec<Difference>),
    /// It was edited for this room.
    Edited(Vec<Difference>),
}

/// The policy set in force, read without opening the room and without changing anything; it need
/// not load.
///
/// # Errors
/// There is no room, its root key can't be had, or the set is damaged.
pub fn kept(places: &Places) -> Result<Source, OpenError> {
    if !places.database.holds_register()? {
        return Err(OpenError::NoRoom);
    }
    let keyring = Keyring::new(RootFile::open(&places.keys)?);
    let mut connection = pool::open_unchanged(&places.database)?;
    let head = head::read(&mut connection)?.ok_or(OpenError::NoRoom)?;
    source_of(&policies::in_force(&mut connection, &keyring, head.room)?)
}

/// How a set that is in force stands to another.
pub fn standing(kept: &Source, new: &Source) -> Standing {
    if kept.hash() == new.hash() {
        return Standing::Same;
    }
    let differences = sets::differences(kept, new);
    if sets::was_built_in(kept.hash()) {
        Standing::Earlier(differences)
    } else {
        Standing::Edited(differences)
    }
}

/// Writes a set into a folder, as one that can be edited and given back.
///
/// # Errors
/// The folder is not empty, or can't be written.
pub fn write(source: &Source, folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    if std::fs::read_dir(folder)?.next().is_some() {
        let told = "it is not empty; nothing was written";
        return Err(std::io::Error::new(std::io::ErrorKind::AlreadyExists, told));
    }
    std::fs::write(
        folder.join(crate::policy::source::SCHEMA_FILE),
        source.schema(),
    )?;
    for (name, text) in source.files() {
        std::fs::write(folder.join(name), text)?;
    }
    Ok(())
}

/// Puts a set into force in a room that was opened under it. `by` are the names with which two
/// persons sign in who decided it: an administrator, and another one or a custodian.
///
/// # Errors
/// They are not two such persons; [`Error::Conflict`] where it is in force already.
pub async fn put_into_force(
    room: &Room,
    source: Source,
    by: [&str; 2],
) -> Result<Done<Hash>, Error> {
    debug_assert_eq!(room.core.engine.set_hash(), source.hash());
    let by = by.map(|login| login_index(&room.core, login));
    room.writer.submit(PutIntoForce { source, by }).await
}

struct PutIntoForce {
    source: Source,
    /// Blind indexes of two names.
    by: [[u8; 32]; 2],
}

impl Command for PutIntoForce {
    /// Hash of the set before.
    type Output = Hash;

    fn run(self, tx: &mut Tx<'_>) -> Result<Hash, Stop> {
        let (core, room) = (tx.core, tx.room());
        let by = deciders(tx, &self.by)?;
        let mut past = policies::in_force(tx.connection, &core.keyring, room)?;
        let before = past.set_hash;
        if before == self.source.hash() {
            return Err(Error::Conflict("this set is in force already".into()).into());
        }
        past.rev += 1;
        past.status = "past".into();
        let new = in_force(tx, &self.source);
        let bindings = [&past, &new].map(|row| bound::bind(row, &core.ambient));
        let detail = json!({
            "set": new.set_hash,
            "before": before,
            "operator": true,
            "by": by,
        });
        let draft = Draft::of_room("policy_set", room)
            .detail(slot::DETAIL, detail)
            .writes(bindings[0].slot.clone())
            .writes(bindings[1].slot.clone());
        let entered = tx.enter(draft)?;
        // A crash before the commit leaves the set that was, and no entry.
        policies::replace(
            tx.connection,
            (&core.keyring, &core.ambient, room),
            (&past, &bindings[0]),
            (&new, &bindings[1]),
            entered.c.as_bytes(),
        )?;
        Ok(before)
    }
}

/// The two persons behind two names.
fn deciders(tx: &mut Tx<'_>, names: &[[u8; 32]; 2]) -> Result<[PersonId; 2], Stop> {
    let (core, room) = (tx.core, tx.room());
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let account = sessions::account_of_login(tx.connection, &core.keyring, room, name)?;
        let (account, person) = account
            .filter(|(account, person)| account.status == "active" && person.status == "active")
            .ok_or_else(not_two)?;
        debug_assert_eq!(account.person_id, person.id);
        let roles = decide::room_roles(tx.connection, &core.keyring, person.id)?;
        found.push((person.id, roles));
    }
    let is = |at: usize, role| found[at].1.contains(&role);
    let decides = |at| is(at, RoomRole::Administrator) || is(at, RoomRole::Custodian);
    let one_administers = is(0, RoomRole::Administrator) || is(1, RoomRole::Administrator);
    if found[0].0 == found[1].0 || !(decides(0) && decides(1) && one_administers) {
        return Err(not_two().into());
    }
    Ok([found[0].0, found[1].0])
}

fn not_two() -> Error {
    Error::invalid(
        "a change of policy is decided by two active persons, an administrator and another one or a custodian; name them as they sign in",
    )
}

#[cfg(test)]
mod tests;
