//! Hashes that a depositor may declare, because they were taken before the deposit.

use std::{fmt, str::FromStr};

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha512};

use custos_core::ids::Malformed;

/// A hash function that forensic tools report.
///
/// MD5 and SHA-1 are broken against whoever made the file. They are computed so that what
/// an older form says can be compared, and never prove anything here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Algorithm {
    /// RFC 1321.
    Md5,
    /// FIPS 180-4.
    Sha1,
    /// FIPS 180-4; always computed.
    Sha256,
    /// FIPS 180-4.
    Sha512,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 4] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha512];

    /// The name in JSON and in forms.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// Length of a value in bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
            .ok_or(Malformed {
                expected: "one of `md5`, `sha1`, `sha256`, `sha512`",
            })
    }
}

/// A value of one of the algorithms; prints as lower-case hex.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Fingerprint {
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

impl Fingerprint {
    /// Reads hex as tools print it: of the algorithm's length, in either case.
    ///
    /// # Errors
    /// Another length, or anything that is no hex digit.
    pub fn parse(algorithm: Algorithm, text: &str) -> Result<Self, Malformed> {
        let malformed = Malformed {
            expected: "a hash in hex, of the length of its algorithm",
        };
        match hex::decode(text) {
            Ok(bytes) if bytes.len() == algorithm.bytes() => Ok(Self { algorithm, bytes }),
            _ => Err(malformed),
        }
    }

    pub(super) fn new(algorithm: Algorithm, bytes: &[u8]) -> Self {
        debug_assert_eq!(bytes.len(), algorithm.bytes());
        Self {
            algorithm,
            bytes: bytes.to_vec(),
        }
    }

    /// The algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The value, of [`Algorithm::bytes`] bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.bytes))
    }
}

/// A hash under way, of an algorithm that is not computed anyway.
#[derive(Clone)]
pub(super) enum Extra {
    Md5(Md5),
    Sha1(Sha1),
    Sha512(Sha512),
}

impl Extra {
    /// None for SHA-256, which every write computes.
    pub(super) fn new(algorithm: Algorithm) -> Option<Self> {
        match algorithm {
            Algorithm::Md5 => Some(Self::Md5(Md5::new())),
            Algorithm::Sha1 => Some(Self::Sha1(Sha1::new())),
            Algorithm::Sha256 => None,
            Algorithm::Sha512 => Some(Self::Sha512(Sha512::new())),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(hasher) => hasher.update(bytes),
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    pub(super) fn finish(self) -> Fingerprint {
        match self {
            Self::Md5(hasher) => Fingerprint::new(Algorithm::Md5, &hasher.finalize()),
            Self::Sha1(hasher) => Fingerprint::new(Algorithm::Sha1, &hasher.finalize()),
            Self::Sha512(hasher) => Fingerprint::new(Algorithm::Sha512, &hasher.finalize()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_read_as_tools_print_them() {
        let empty = "D41D8CD98F00B204E9800998ECF8427E";
        let read = Fingerprint::parse(Algorithm::Md5, empty).expect("upper case is read");
        assert_eq!(
            read,
            Extra::new(Algorithm::Md5).expect("md5 is extra").finish()
        );
        assert_eq!(read.to_string(), empty.to_lowercase());
        for odd in [
            "",
            "d4",
            &empty[1..],
            &format!("{empty}00"),
            &"x".repeat(32),
        ] {
            assert!(Fingerprint::parse(Algorithm::Md5, odd).is_err(), "{odd:?}");
        }
        assert!(Fingerprint::parse(Algorithm::Sha1, empty).is_err());
    }

    #[test]
    fn algorithms_have_one_name_each() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
        }
        for odd in ["", "MD5", "sha-1", "sha384"] {
            assert!(odd.parse::<Algorithm>().is_err(), "{odd:?}");
        }
    }
}
