//! Keys: one type for each thing that a key may do.
//!
//! ```text
//! root key -> scope keys -> value key of the scope
//!          |             -> data key, salt key of an item
//!          |             -> entry key of a scope and subject
//!          -> log, bundle, session and blind-index keys
//! ```
//!
//! Each is 32 random bytes, wrapped by the one above it ([`crate::wrap`]). A key is wiped
//! when it is dropped, is never printed, and cannot be copied without saying so.

use std::{fmt, str::FromStr};

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::ids::Malformed;

/// Length of every key in bytes.
pub const KEY_BYTES: usize = 32;

/// What a wrapped key is for; it is bound into the wrap, so that no key passes for another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Purpose {
    /// A scope's key, which wraps only keys.
    Scope,
    /// Column values, link slots and commitments of one scope.
    Value,
    /// The segments of one item's stored objects.
    Data,
    /// The salts of one item's trees.
    Salt,
    /// The body slots of one subject's entries in one scope.
    Entry,
    /// Ed25519 seed that signs checkpoints.
    Log,
    /// Ed25519 seed that signs bundles.
    Bundle,
    /// Session and job rows.
    Session,
    /// Blind indexes.
    Index,
}

impl Purpose {
    /// Every purpose, in the order of the formats.
    pub const ALL: [Self; 9] = [
        Self::Scope,
        Self::Value,
        Self::Data,
        Self::Salt,
        Self::Entry,
        Self::Log,
        Self::Bundle,
        Self::Session,
        Self::Index,
    ];

    /// The name that stands in the context of a wrap.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scope => "scope",
            Self::Value => "value",
            Self::Data => "data",
            Self::Salt => "salt",
            Self::Entry => "entry",
            Self::Log => "log",
            Self::Bundle => "bundle",
            Self::Session => "session",
            Self::Index => "index",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Purpose {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::ALL
            .into_iter()
            .find(|purpose| purpose.as_str() == text)
            .ok_or(Malformed {
                expected: "the purpose of a key",
            })
    }
}

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Zeroize, ZeroizeOnDrop)]
        pub struct $name([u8; KEY_BYTES]);

        impl $name {
            /// The key with these bytes, which must come from a secure random source.
            pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
                Self(bytes)
            }

            /// The bytes, as the primitives take them; never to be kept or printed.
            pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(redacted)"))
            }
        }
    )*};
}

keys! {
    /// Wraps the scope keys and the room's own keys; never stored.
    RootKey,
    /// Wraps the keys of one scope, and nothing but keys.
    ScopeKey,
    /// Encrypts the values of one scope: columns, link slots, commitments.
    ValueKey,
    /// Encrypts the segments of one item's stored objects.
    DataKey,
    /// Makes the salts of one item's trees.
    SaltKey,
    /// Encrypts the body slots of one subject's entries in one scope.
    EntryKey,
    /// Ed25519 seed of the log key or the bundle key.
    SigningSeed,
    /// Authenticates session, enrolment, upload, outbox and job rows.
    SessionKey,
    /// Makes blind indexes.
    IndexKey,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_have_one_name_each() {
        for purpose in Purpose::ALL {
            assert_eq!(purpose.as_str().parse(), Ok(purpose));
        }
        for odd in ["", "Data", "data ", "root"] {
            assert!(odd.parse::<Purpose>().is_err(), "{odd:?}");
        }
    }

    #[test]
    fn keys_print_as_redacted() {
        let key = DataKey::from_bytes([0x5a; KEY_BYTES]);
        assert_eq!(format!("{key:?}"), "DataKey(redacted)");
    }

    #[test]
    fn a_wiped_key_is_zero() {
        let mut key = SaltKey::from_bytes([0x5a; KEY_BYTES]);
        key.zeroize();
        assert_eq!(key.as_bytes(), &[0; KEY_BYTES]);
    }
}
