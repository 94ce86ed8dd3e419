//! Newtypes for what the formats count and name.
//!
//! Ids are 16 random bytes: raw in hashes and contexts, 32 lower-case hex digits in JSON
//! and in addresses. Each noun has its own type, so that a case is never taken for an item.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What is wrong with a text that should be an id, a hash or a number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not {expected}")]
pub struct Malformed {
    /// What the text should have been, with its article.
    pub expected: &'static str,
}

/// Decodes exactly `N` bytes of lower-case hex.
///
/// # Errors
/// Another length, upper case, or anything that is not a hex digit.
pub fn hex_exact<const N: usize>(text: &str, expected: &'static str) -> Result<[u8; N], Malformed> {
    let malformed = Malformed { expected };
    let strict = text.len() == 2 * N
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !strict {
        return Err(malformed);
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| malformed)?;
    Ok(bytes)
}

/// Bytes in hex; `into` is twice as long as they are.
pub(crate) fn hex_of<'a>(bytes: &[u8], into: &'a mut [u8]) -> &'a str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, digits) in bytes.iter().zip(into.as_chunks_mut::<2>().0) {
        *digits = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
    }
    str::from_utf8(into).expect("hex digits are ASCII")
}

/// 16 random bytes that name something; the form without a noun, for slot 20 and for rows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id([u8; Id::BYTES]);

impl Id {
    /// Length of an id in bytes.
    pub const BYTES: usize = 16;

    /// The id with these raw bytes.
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The raw bytes, as hashes and contexts take them.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(hex_of(&self.0, &mut [0; 2 * Self::BYTES]))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

impl FromStr for Id {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        hex_exact(text, "an id of 32 lower-case hex digits").map(Self)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(hex_of(&self.0, &mut [0; 2 * Self::BYTES]))
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Id);

        impl $name {
            /// The id with these raw bytes.
            pub const fn from_bytes(bytes: [u8; Id::BYTES]) -> Self {
                Self(Id::from_bytes(bytes))
            }

            /// The raw bytes, as hashes and contexts take them.
            pub const fn as_bytes(&self) -> &[u8; Id::BYTES] {
                self.0.as_bytes()
            }

            /// The same id without its noun.
            pub const fn id(&self) -> Id {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = Malformed;

            fn from_str(text: &str) -> Result<Self, Malformed> {
                text.parse().map(Self)
            }
        }

        impl From<Id> for $name {
            fn from(id: Id) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Id {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )*};
}

ids! {
    /// A case.
    CaseId,
    /// A scope of keys and chains: the room, a case, its court, a sealed compartment.
    ScopeId,
    /// An evidence item.
    ItemId,
    /// A stored object: a row of encrypted segments.
    ObjectId,
    /// A wrapped key; new at each rotation.
    KeyId,
    /// A human being, whatever accounts they have.
    PersonId,
    /// Something that signs in as a person.
    AccountId,
    /// A party to a case: the prosecution, one defendant with counsel, a victim.
    PartyId,
    /// A right to read one item for 30 minutes.
    ViewId,
    /// Metadata given before the bytes of a deposit.
    UploadId,
    /// A served set.
    SetId,
    /// A signed-in session.
    SessionId,
    /// A token for a program.
    TokenId,
    /// A row that has no noun of its own.
    RowId,
}

/// The largest integer that every JSON reader holds exactly, 2^53 - 1.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Position of an entry in the custody log, from 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
#[serde(transparent)]
pub struct LeafIndex(u64);

impl<'de> Deserialize<'de> for LeafIndex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl LeafIndex {
    /// An index from 0 to 2^53 - 2, so that its tree size is exact in JSON.
    ///
    /// # Errors
    /// The index is too large.
    pub const fn new(index: u64) -> Result<Self, Malformed> {
        if index < MAX_INTEGER {
            Ok(Self(index))
        } else {
            Err(Malformed {
                expected: "a log index below 2^53 - 1",
            })
        }
    }

    /// The index as a number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for LeafIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A moment: whole microseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// A moment whose count is exact in JSON.
    ///
    /// # Errors
    /// The absolute value is 2^53 or more.
    pub const fn from_micros(micros: i64) -> Result<Self, Malformed> {
        if micros.unsigned_abs() <= MAX_INTEGER {
            Ok(Self(micros))
        } else {
            Err(Malformed {
                expected: "a time of absolute value below 2^53 microseconds",
            })
        }
    }

    /// Microseconds since 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_micros(i64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// Reads a decimal number without sign or leading zeros, below 2^53.
///
/// # Errors
/// Anything else, `07` and an empty text among it.
pub fn decimal(text: &str) -> Result<u64, Malformed> {
    let malformed = Malformed {
        expected: "a decimal number below 2^53 without leading zeros",
    };
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return Err(malformed);
    }
    match text.parse() {
        Ok(n) if n <= MAX_INTEGER => Ok(n),
        _ => Err(malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_odd_form_are_refused() {
        let good = "000102030405060708090a0b0c0d0e0f";
        assert_eq!(
            good.parse::<CaseId>().map(|id| id.to_string()),
            Ok(good.into())
        );
        for odd in [
            "",
            "000102030405060708090A0B0C0D0E0F",
            "000102030405060708090a0b0c0d0e0",
            "000102030405060708090a0b0c0d0e0f0",
            " 00102030405060708090a0b0c0d0e0f",
            "+00102030405060708090a0b0c0d0e0f",
            "00010203-0405-0607-0809-0a0b0c0d",
            "\u{0660}00102030405060708090a0b0c0d0e",
        ] {
            assert!(odd.parse::<CaseId>().is_err(), "{odd:?}");
        }
    }

    #[test]
    fn decimals_have_one_form() {
        assert_eq!(decimal("0"), Ok(0));
        assert_eq!(decimal("9007199254740991"), Ok(MAX_INTEGER));
        for odd in [
            "",
            "07",
            "+7",
            "-1",
            "1 ",
            "9007199254740992",
            "18446744073709551616",
        ] {
            assert!(decimal(odd).is_err(), "{odd:?}");
        }
    }
}
