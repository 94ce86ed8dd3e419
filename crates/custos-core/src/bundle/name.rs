//! Names of the files in a bundle.

use std::{fmt, str::FromStr};

use crate::ids::Malformed;

/// Longest name in bytes.
pub const MAX_NAME_BYTES: usize = 200;

/// A file's name in a bundle: `[A-Za-z0-9_][A-Za-z0-9_.-]*`, repeated with `/` between.
///
/// No name leads out of the folder that a bundle is unpacked into, and every file system
/// can hold it. Original file names are never among them.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BundleName(String);

impl BundleName {
    /// The name as it stands in the archive.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What names that differ only in case have in common.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl FromStr for BundleName {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let good = text.len() <= MAX_NAME_BYTES && text.split('/').all(is_step);
        if good {
            Ok(Self(text.into()))
        } else {
            Err(Malformed {
                expected: "a file name of a bundle",
            })
        }
    }
}

/// Whether `text` may stand between two slashes.
fn is_step(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.bytes().next().is_some_and(word) && text.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

impl fmt::Display for BundleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BundleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BundleName({})", self.0)
    }
}

impl AsRef<str> for BundleName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for BundleName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_lead_astray_are_refused() {
        for good in [
            "bundle.note",
            "entries/0.control.json",
            "_",
            "a/b/c-d_E.9",
            "x..y",
        ] {
            assert!(good.parse::<BundleName>().is_ok(), "{good:?}");
        }
        let long = "a".repeat(MAX_NAME_BYTES + 1);
        for odd in [
            "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.b", "-a", "a b", "a\\b",
            "a:b", "C:a", "a\0", "\u{e9}", "a\n", &long,
        ] {
            assert!(odd.parse::<BundleName>().is_err(), "{odd:?}");
        }
        assert!(long[1..].parse::<BundleName>().is_ok());
    }
}
