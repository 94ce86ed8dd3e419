//! The room's keys: the root key from its file, and what it unwraps.
//!
//! ```text
//! root -> log, bundle, session, index          independent random keys of the room
//!      -> scope key -> value key               columns, link slots
//!                   -> data key, salt key      of each item
//!                   -> entry key               of each subject in the scope
//! ```
//!
//! Wrapped keys are rows of the register; this module only wraps, unwraps and keeps what it
//! unwrapped, and what was checked with it. It knows no database.

mod root;
mod vouched;

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
};

use custos_core::{
    cipher::Salt,
    ids::{Id, KeyId, ScopeId},
    keys::{IndexKey, Purpose, RootKey, ScopeKey, SessionKey, SigningSeed, ValueKey},
    wrap,
};
use zeroize::Zeroizing;

pub use root::{RootFile, RootFileError, root_key_file, same_disk};
pub use vouched::Vouched;

use crate::ambient::Ambient;

/// A wrapped key as the register keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// The wrapped key's own id; new at each rotation.
    pub id: KeyId,
    /// The id of the key that wraps it.
    pub parent: KeyId,
    /// What it is for.
    pub purpose: Purpose,
    /// The scope it belongs to.
    pub scope: ScopeId,
    /// Whose it is: the room's, a scope's, an item's, a subject's.
    pub owner: Id,
    /// One message of 104 bytes (formats, section 1).
    pub bytes: Vec<u8>,
}

/// A wrapped key does not unwrap.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Its bytes, its place, or the key above it are not what they were.
    #[error(
        "key {id} ({purpose}) does not unwrap: it was changed, moved, or belongs to another root key"
    )]
    Unwrap {
        /// The wrapped key's id.
        id: KeyId,
        /// What it is for.
        purpose: &'static str,
    },
    /// It was destroyed, or never made.
    #[error("there is no {purpose} key for {owner}: it was destroyed or never made")]
    Missing {
        /// What it would be for.
        purpose: &'static str,
        /// Whose it would be.
        owner: Id,
    },
}

/// Keys of one scope.
pub struct ScopeKeys {
    /// The scope.
    pub scope: ScopeId,
    /// The id under which the scope key wraps others.
    pub id: KeyId,
    /// Wraps only keys.
    pub key: ScopeKey,
    /// Encrypts values: columns and link slots.
    pub value: ValueKey,
}

/// Independent keys of the room.
pub struct RoomKeys {
    /// Signs checkpoints.
    pub log: SigningSeed,
    /// Signs bundles.
    pub bundle: SigningSeed,
    /// Authenticates session, enrolment, upload and view rows.
    pub session: SessionKey,
    /// Makes blind indexes, as for login names.
    pub index: IndexKey,
}

/// The root key, and the scope keys already unwrapped.
pub struct Keyring {
    root_id: KeyId,
    root: RootKey,
    /// Scope keys by scope; filled on first use, emptied of a scope when it is rotated.
    scopes: RwLock<HashMap<ScopeId, Arc<ScopeKeys>>>,
    /// Rows that were checked.
    pub vouched: Vouched,
}

impl Keyring {
    /// A keyring under this root key.
    pub fn new(root: RootFile) -> Self {
        Self {
            root_id: root.id,
            root: root.key,
            scopes: RwLock::default(),
            vouched: Vouched::default(),
        }
    }

    /// The root key's id, which rows that it wraps name as their parent.
    pub fn root_id(&self) -> KeyId {
        self.root_id
    }

    /// Wraps a fresh random key under the root.
    pub fn make_under_root(
        &self,
        ambient: &Ambient,
        purpose: Purpose,
        scope: ScopeId,
    ) -> (Zeroizing<[u8; 32]>, Wrapped) {
        make(
            ambient,
            self.root.as_bytes(),
            self.root_id,
            purpose,
            scope,
            scope.id(),
        )
    }

    /// Unwraps a key that the root wraps.
    ///
    /// # Errors
    /// [`KeyError::Unwrap`].
    pub fn unwrap_under_root(&self, wrapped: &Wrapped) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        unwrap(self.root.as_bytes(), self.root_id, wrapped)
    }

    /// The keys of a scope, if they were unwrapped before.
    pub fn scope(&self, scope: ScopeId) -> Option<Arc<ScopeKeys>> {
        self.scopes
            .read()
            .expect("no holder of this lock panics")
            .get(&scope)
            .cloned()
    }

    /// Unwraps a scope's two keys and keeps them.
    ///
    /// # Errors
    /// [`KeyError::Unwrap`] names the one that does not.
    pub fn keep_scope(&self, key: &Wrapped, value: &Wrapped) -> Result<Arc<ScopeKeys>, KeyError> {
        let keys = Arc::new(self.unwrap_scope(key, value)?);
        self.scopes
            .write()
            .expect("no holder of this lock panics")
            .insert(key.scope, keys.clone());
        Ok(keys)
    }

    /// Unwraps a scope's two keys and keeps nothing; for the audit.
    ///
    /// # Errors
    /// [`KeyError::Unwrap`] names the one that does not.
    pub fn unwrap_scope(&self, key: &Wrapped, value: &Wrapped) -> Result<ScopeKeys, KeyError> {
        let scope_key = ScopeKey::from_bytes(*self.unwrap_under_root(key)?);
        let value_key = unwrap(scope_key.as_bytes(), key.id, value)?;
        Ok(ScopeKeys {
            scope: key.scope,
            id: key.id,
            key: scope_key,
            value: ValueKey::from_bytes(*value_key),
        })
    }

    /// Wraps a fresh value key under a scope key that [`Keyring::make_under_root`] made.
    ///
    /// # Errors
    /// [`KeyError::Unwrap`].
    pub fn make_value_key(&self, ambient: &Ambient, scope: &Wrapped) -> Result<Wrapped, KeyError> {
        let key = self.unwrap_under_root(scope)?;
        let (_, value) = make(
            ambient,
            &key,
            scope.id,
            Purpose::Value,
            scope.scope,
            scope.owner,
        );
        Ok(value)
    }

    /// Forgets a scope's keys, as after their rotation.
    pub fn forget_scope(&self, scope: ScopeId) {
        self.scopes
            .write()
            .expect("no holder of this lock panics")
            .remove(&scope);
    }
}

impl ScopeKeys {
    /// Wraps a fresh random key under the scope key.
    pub fn make(
        &self,
        ambient: &Ambient,
        purpose: Purpose,
        owner: Id,
    ) -> (Zeroizing<[u8; 32]>, Wrapped) {
        make(
            ambient,
            self.key.as_bytes(),
            self.id,
            purpose,
            self.scope,
            owner,
        )
    }

    /// Wraps a key that was made before.
    pub fn wrap(&self, ambient: &Ambient, purpose: Purpose, owner: Id, key: &[u8; 32]) -> Wrapped {
        let parent = (self.key.as_bytes(), self.id);
        wrapped(ambient, parent, purpose, (self.scope, owner), key)
    }

    /// Unwraps a key that the scope key wraps.
    ///
    /// # Errors
    /// [`KeyError::Unwrap`].
    pub fn unwrap(&self, wrapped: &Wrapped) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        unwrap(self.key.as_bytes(), self.id, wrapped)
    }
}

fn make(
    ambient: &Ambient,
    parent: &[u8; 32],
    parent_id: KeyId,
    purpose: Purpose,
    scope: ScopeId,
    owner: Id,
) -> (Zeroizing<[u8; 32]>, Wrapped) {
    let child = Zeroizing::new(ambient.bytes());
    let wrapped = wrapped(
        ambient,
        (parent, parent_id),
        purpose,
        (scope, owner),
        &child,
    );
    (child, wrapped)
}

fn wrapped(
    ambient: &Ambient,
    (parent, parent_id): (&[u8; 32], KeyId),
    purpose: Purpose,
    (scope, owner): (ScopeId, Id),
    child: &[u8; 32],
) -> Wrapped {
    let id = KeyId::from_bytes(ambient.bytes());
    let salt = Salt::from_bytes(ambient.bytes());
    Wrapped {
        id,
        parent: parent_id,
        purpose,
        scope,
        owner,
        bytes: wrap::wrap(parent, &parent_id, &id, purpose, &salt, child).to_vec(),
    }
}

fn unwrap(
    parent: &[u8; 32],
    parent_id: KeyId,
    wrapped: &Wrapped,
) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let error = || KeyError::Unwrap {
        id: wrapped.id,
        purpose: wrapped.purpose.as_str(),
    };
    if wrapped.parent != parent_id {
        return Err(error());
    }
    wrap::unwrap(
        parent,
        &parent_id,
        &wrapped.id,
        wrapped.purpose,
        &wrapped.bytes,
    )
    .map_err(|_| error())
}
