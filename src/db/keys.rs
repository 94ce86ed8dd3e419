//! Wrapped keys and the scopes they belong to.

use std::sync::Arc;

use custos_core::{
    ids::{CaseId, Id, KeyId, ScopeId},
    keys::{EntryKey, IndexKey, Purpose, SessionKey, SigningSeed},
};
use diesel::prelude::*;
use zeroize::Zeroizing;

use super::{
    Connection, DbError,
    schema::{scopes, wrapped_keys},
};
use crate::{
    ambient::Ambient,
    keyring::{KeyError, Keyring, RoomKeys, ScopeKeys, Wrapped},
};

/// What a scope is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeKind {
    /// The room itself.
    Room,
    /// A case, for those who work on it.
    Case,
    /// A case's court: what only the court may know, the defence's activity among it.
    Court,
}

impl ScopeKind {
    /// The word in the column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Room => "room",
            Self::Case => "case",
            Self::Court => "court",
        }
    }
}

type Row = (Vec<u8>, Vec<u8>, String, Vec<u8>, Vec<u8>, Vec<u8>);

/// The columns of a [`Row`].
const COLUMNS: (
    wrapped_keys::id,
    wrapped_keys::parent_id,
    wrapped_keys::purpose,
    wrapped_keys::scope_id,
    wrapped_keys::owner_id,
    wrapped_keys::wrapped,
) = (
    wrapped_keys::id,
    wrapped_keys::parent_id,
    wrapped_keys::purpose,
    wrapped_keys::scope_id,
    wrapped_keys::owner_id,
    wrapped_keys::wrapped,
);

/// Makes a scope with its two keys.
///
/// # Errors
/// The rows can't be written.
pub fn create_scope(
    connection: &mut Connection,
    keyring: &Keyring,
    ambient: &Ambient,
    scope: ScopeId,
    kind: ScopeKind,
    case: Option<CaseId>,
) -> Result<Arc<ScopeKeys>, DbError> {
    diesel::insert_into(scopes::table)
        .values((
            scopes::id.eq(scope.as_bytes().to_vec()),
            scopes::kind.eq(kind.as_str()),
            scopes::case_id.eq(case.map(|case| case.as_bytes().to_vec())),
        ))
        .execute(connection)?;
    let (secret, key) = keyring.make_under_root(ambient, Purpose::Scope, scope);
    insert(connection, &key)?;
    drop(secret);
    // The value key is wrapped under the scope key, so the scope key is unwrapped first.
    let value = keyring.make_value_key(ambient, &key)?;
    insert(connection, &value)?;
    Ok(keyring.keep_scope(&key, &value)?)
}

/// The keys of a scope, unwrapped on first use.
///
/// # Errors
/// A key is missing or does not unwrap.
pub fn scope(
    connection: &mut Connection,
    keyring: &Keyring,
    scope: ScopeId,
) -> Result<Arc<ScopeKeys>, DbError> {
    if let Some(keys) = keyring.scope(scope) {
        return Ok(keys);
    }
    let key = find(connection, scope, scope.id(), Purpose::Scope)?;
    let value = find(connection, scope, scope.id(), Purpose::Value)?;
    Ok(keyring.keep_scope(&key, &value)?)
}

/// Makes a key for `owner` under a scope's key.
///
/// # Errors
/// The row can't be written; `owner` has such a key already.
pub fn create(
    connection: &mut Connection,
    ambient: &Ambient,
    scope: &ScopeKeys,
    owner: Id,
    purpose: Purpose,
) -> Result<Zeroizing<[u8; 32]>, DbError> {
    let (key, wrapped) = scope.make(ambient, purpose, owner);
    insert(connection, &wrapped)?;
    Ok(key)
}

/// Keeps a key that was made before its transaction, wrapped under a scope's key.
///
/// # Errors
/// The row can't be written; `owner` has such a key already.
pub fn keep(
    connection: &mut Connection,
    ambient: &Ambient,
    scope: &ScopeKeys,
    owner: Id,
    purpose: Purpose,
    key: &[u8; 32],
) -> Result<(), DbError> {
    insert(connection, &scope.wrap(ambient, purpose, owner, key))
}

/// A key of `owner` in a scope.
///
/// # Errors
/// It is missing (destroyed, or never made) or does not unwrap.
pub fn get(
    connection: &mut Connection,
    scope: &ScopeKeys,
    owner: Id,
    purpose: Purpose,
) -> Result<Zeroizing<[u8; 32]>, DbError> {
    let wrapped = find(connection, scope.scope, owner, purpose)?;
    Ok(scope.unwrap(&wrapped)?)
}

/// The entry key of a subject in a scope; made when the subject's first entry is.
///
/// # Errors
/// The row can't be read or written, or does not unwrap.
pub fn entry_key(
    connection: &mut Connection,
    ambient: &Ambient,
    scope: &ScopeKeys,
    subject: Id,
    first: bool,
) -> Result<EntryKey, DbError> {
    let key = if first {
        create(connection, ambient, scope, subject, Purpose::Entry)?
    } else {
        get(connection, scope, subject, Purpose::Entry)?
    };
    Ok(EntryKey::from_bytes(*key))
}

/// Makes the room's own keys; the scope named is the room's.
///
/// # Errors
/// The rows can't be written.
pub fn create_room(
    connection: &mut Connection,
    keyring: &Keyring,
    ambient: &Ambient,
    room: ScopeId,
) -> Result<RoomKeys, DbError> {
    for purpose in [
        Purpose::Log,
        Purpose::Bundle,
        Purpose::Session,
        Purpose::Index,
    ] {
        let (_, wrapped) = keyring.make_under_root(ambient, purpose, room);
        insert(connection, &wrapped)?;
    }
    room_keys(connection, keyring, room)
}

/// The room's own keys.
///
/// # Errors
/// One is missing or does not unwrap.
pub fn room_keys(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
) -> Result<RoomKeys, DbError> {
    let mut get = |purpose| -> Result<Zeroizing<[u8; 32]>, DbError> {
        let wrapped = find(connection, room, room.id(), purpose)?;
        Ok(keyring.unwrap_under_root(&wrapped)?)
    };
    Ok(RoomKeys {
        log: SigningSeed::from_bytes(*get(Purpose::Log)?),
        bundle: SigningSeed::from_bytes(*get(Purpose::Bundle)?),
        session: SessionKey::from_bytes(*get(Purpose::Session)?),
        index: IndexKey::from_bytes(*get(Purpose::Index)?),
    })
}

/// The id of the wrapped key that signs checkpoints now; new at each rotation.
///
/// # Errors
/// It is missing.
pub fn log_key(connection: &mut Connection, room: ScopeId) -> Result<KeyId, DbError> {
    Ok(find(connection, room, room.id(), Purpose::Log)?.id)
}

/// The key that signed checkpoints before a rotation, until the first checkpoint under the new
/// one is given out. It is kept as its own owner.
///
/// # Errors
/// The row can't be read, or does not unwrap.
pub fn retiring_log_key(
    connection: &mut Connection,
    keyring: &Keyring,
    room: ScopeId,
) -> Result<Option<SigningSeed>, DbError> {
    let Some(wrapped) = retiring(connection, room)? else {
        return Ok(None);
    };
    let seed = keyring.unwrap_under_root(&wrapped)?;
    Ok(Some(SigningSeed::from_bytes(*seed)))
}

/// Puts a new key of the log in the place of the present one, which stays as its own owner until
/// [`destroy_retiring_log_key`].
///
/// # Errors
/// The rows can't be written; another rotation has not ended.
pub fn rotate_log_key(
    connection: &mut Connection,
    room: ScopeId,
    new: &Wrapped,
) -> Result<(), DbError> {
    if retiring(connection, room)?.is_some() {
        let what = "the key before it is still kept: another rotation has not ended";
        return Err(DbError::damaged("wrapped_keys", new.id, what));
    }
    let present = log_key(connection, room)?;
    diesel::update(wrapped_keys::table.find(present.as_bytes().to_vec()))
        .set(wrapped_keys::owner_id.eq(present.as_bytes().to_vec()))
        .execute(connection)?;
    insert(connection, new)
}

/// Destroys the key that was rotated away: afterwards only backups from before hold it.
///
/// # Errors
/// The row can't be removed.
pub fn destroy_retiring_log_key(connection: &mut Connection, room: ScopeId) -> Result<(), DbError> {
    if let Some(key) = retiring(connection, room)? {
        diesel::delete(wrapped_keys::table.find(key.id.as_bytes().to_vec())).execute(connection)?;
    }
    Ok(())
}

fn retiring(connection: &mut Connection, room: ScopeId) -> Result<Option<Wrapped>, DbError> {
    let row: Option<Row> = wrapped_keys::table
        .filter(wrapped_keys::scope_id.eq(room.as_bytes().to_vec()))
        .filter(wrapped_keys::owner_id.ne(room.as_bytes().to_vec()))
        .filter(wrapped_keys::purpose.eq(Purpose::Log.as_str()))
        .select(COLUMNS)
        .first(connection)
        .optional()?;
    row.map(wrapped).transpose()
}

/// Every wrapped key, for the audit, in the order of their ids.
///
/// # Errors
/// The rows can't be read, or one has an odd form.
pub fn all(connection: &mut Connection) -> Result<Vec<Wrapped>, DbError> {
    let rows: Vec<Row> = wrapped_keys::table
        .select(COLUMNS)
        .order(wrapped_keys::id)
        .load(connection)?;
    rows.into_iter().map(wrapped).collect()
}

fn insert(connection: &mut Connection, key: &Wrapped) -> Result<(), DbError> {
    diesel::insert_into(wrapped_keys::table)
        .values((
            wrapped_keys::id.eq(key.id.as_bytes().to_vec()),
            wrapped_keys::parent_id.eq(key.parent.as_bytes().to_vec()),
            wrapped_keys::purpose.eq(key.purpose.as_str()),
            wrapped_keys::scope_id.eq(key.scope.as_bytes().to_vec()),
            wrapped_keys::owner_id.eq(key.owner.as_bytes().to_vec()),
            wrapped_keys::wrapped.eq(&key.bytes),
        ))
        .execute(connection)?;
    Ok(())
}

fn find(
    connection: &mut Connection,
    scope: ScopeId,
    owner: Id,
    purpose: Purpose,
) -> Result<Wrapped, DbError> {
    let row: Option<Row> = wrapped_keys::table
        .filter(wrapped_keys::scope_id.eq(scope.as_bytes().to_vec()))
        .filter(wrapped_keys::owner_id.eq(owner.as_bytes().to_vec()))
        .filter(wrapped_keys::purpose.eq(purpose.as_str()))
        .select(COLUMNS)
        .first(connection)
        .optional()?;
    let row = row.ok_or(KeyError::Missing {
        purpose: purpose.as_str(),
        owner,
    })?;
    wrapped(row)
}

fn wrapped((id, parent, purpose, scope, owner, bytes): Row) -> Result<Wrapped, DbError> {
    let shown = hex::encode(&id);
    let odd = |what| DbError::damaged("wrapped_keys", &shown, what);
    Ok(Wrapped {
        id: KeyId::from_bytes(id.try_into().map_err(|_| odd("its id is not 16 bytes"))?),
        parent: KeyId::from_bytes(parent.try_into().map_err(|_| odd("its parent is no id"))?),
        purpose: purpose.parse().map_err(|_| odd("its purpose is unknown"))?,
        scope: ScopeId::from_bytes(scope.try_into().map_err(|_| odd("its scope is no id"))?),
        owner: Id::from_bytes(owner.try_into().map_err(|_| odd("its owner is no id"))?),
        bytes,
    })
}
