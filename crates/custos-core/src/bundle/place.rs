//! Where each kind of file stands in a bundle.

use std::{fmt, str::FromStr};

use super::name::BundleName;
use crate::ids::{LeafIndex, Malformed, decimal};

/// What a file of a bundle is, as its name says. `bundle.note` is none of these.
///
/// The list is closed: a file that no rule checks has no place in a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `entries/<index>.json`: a disclosed entry.
    Entry(LeafIndex),
    /// `entries/<index>.control.json`: a control entry, without its type byte.
    Control(LeafIndex),
    /// `proofs/<index>.tlog-proof`: that the entry is in the log.
    Proof(LeafIndex),
    /// `checkpoints/<size>.note`: a signed tree head.
    Checkpoint(u64),
    /// `checkpoints/<old>-<new>.consistency`: that the log of size `new` continues that of `old`.
    Consistency {
        /// The smaller size.
        old: u64,
        /// The larger size.
        new: u64,
    },
    /// `timestamps/<size>-<key id>.tsr`: a time authority's answer for a checkpoint.
    Timestamp {
        /// The checkpoint's size.
        size: u64,
        /// The id of the log's key whose line is stamped.
        key: u32,
    },
    /// `content/item`: the item's bytes.
    Item,
    /// `content/tree.json`: the key of its content tree.
    Tree,
    /// `content/proof.json`: the multi-proof of the leaves shown.
    ContentProof,
    /// `content/leaves/<i>`: the bytes of one leaf.
    Leaf(u64),
    /// `content/redaction.json`: the multi-proof of what a redaction shows.
    Redaction,
    /// `register.json`: the leaves of a register.
    Register,
    /// `keys/...`: public keys, for information only.
    Key(BundleName),
    /// `verify.html`: the browser's verifier.
    Verifier,
    /// `certificate.pdf`: a certificate for a court.
    Certificate,
    /// `README.txt`: how to check by hand.
    Readme,
}

impl Place {
    /// The file's name.
    ///
    /// # Panics
    /// Never: every place has a good name.
    pub fn name(&self) -> BundleName {
        self.to_string().parse().expect("places have good names")
    }
}

impl FromStr for Place {
    type Err = Malformed;

    fn from_str(name: &str) -> Result<Self, Malformed> {
        parse(name).ok_or(Malformed {
            expected: "the name of a file of a bundle",
        })
    }
}

fn parse(name: &str) -> Option<Place> {
    match name {
        "README.txt" => return Some(Place::Readme),
        "certificate.pdf" => return Some(Place::Certificate),
        "content/item" => return Some(Place::Item),
        "content/proof.json" => return Some(Place::ContentProof),
        "content/redaction.json" => return Some(Place::Redaction),
        "content/tree.json" => return Some(Place::Tree),
        "register.json" => return Some(Place::Register),
        "verify.html" => return Some(Place::Verifier),
        _ => {}
    }
    let (folder, rest) = name.split_once('/')?;
    match folder {
        "entries" => {
            let stem = rest.strip_suffix(".json")?;
            match stem.strip_suffix(".control") {
                Some(index) => leaf_index(index).map(Place::Control),
                None => leaf_index(stem).map(Place::Entry),
            }
        }
        "proofs" => leaf_index(rest.strip_suffix(".tlog-proof")?).map(Place::Proof),
        "checkpoints" => match rest.strip_suffix(".consistency") {
            Some(sizes) => {
                let (old, new) = sizes.split_once('-')?;
                let (old, new) = (size(old)?, size(new)?);
                (old < new).then_some(Place::Consistency { old, new })
            }
            None => size(rest.strip_suffix(".note")?).map(Place::Checkpoint),
        },
        "timestamps" => {
            let (of, key) = rest.strip_suffix(".tsr")?.split_once('-')?;
            let key: [u8; 4] = crate::ids::hex_exact(key, "a key id").ok()?;
            Some(Place::Timestamp {
                size: size(of)?,
                key: u32::from_be_bytes(key),
            })
        }
        "content" => decimal(rest.strip_prefix("leaves/")?).ok().map(Place::Leaf),
        "keys" => name.parse().ok().map(Place::Key),
        _ => None,
    }
}

fn leaf_index(text: &str) -> Option<LeafIndex> {
    LeafIndex::new(decimal(text).ok()?).ok()
}

/// A tree's size, from 1.
fn size(text: &str) -> Option<u64> {
    decimal(text).ok().filter(|size| *size > 0)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(index) => write!(f, "entries/{index}.json"),
            Self::Control(index) => write!(f, "entries/{index}.control.json"),
            Self::Proof(index) => write!(f, "proofs/{index}.tlog-proof"),
            Self::Checkpoint(size) => write!(f, "checkpoints/{size}.note"),
            Self::Consistency { old, new } => write!(f, "checkpoints/{old}-{new}.consistency"),
            Self::Timestamp { size, key } => write!(f, "timestamps/{size}-{key:08x}.tsr"),
            Self::Item => f.write_str("content/item"),
            Self::Tree => f.write_str("content/tree.json"),
            Self::ContentProof => f.write_str("content/proof.json"),
            Self::Leaf(i) => write!(f, "content/leaves/{i}"),
            Self::Redaction => f.write_str("content/redaction.json"),
            Self::Register => f.write_str("register.json"),
            Self::Key(name) => name.fmt(f),
            Self::Verifier => f.write_str("verify.html"),
            Self::Certificate => f.write_str("certificate.pdf"),
            Self::Readme => f.write_str("README.txt"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_one_name() {
        for name in [
            "entries/0.json",
            "entries/12.control.json",
            "proofs/9007199254740990.tlog-proof",
            "checkpoints/1.note",
            "checkpoints/1-2.consistency",
            "timestamps/4-00ab00cd.tsr",
            "content/item",
            "content/tree.json",
            "content/proof.json",
            "content/leaves/0",
            "content/redaction.json",
            "register.json",
            "keys/log.vkey",
            "keys/a/b",
            "verify.html",
            "certificate.pdf",
            "README.txt",
        ] {
            let place: Place = name.parse().expect(name);
            assert_eq!(place.name().as_str(), name);
        }
        for odd in [
            "bundle.note",
            "entries/00.json",
            "entries/-1.json",
            "entries/9007199254740991.json",
            "entries/.json",
            "entries/1.control",
            "checkpoints/0.note",
            "checkpoints/2-1.consistency",
            "checkpoints/2-2.consistency",
            "timestamps/4-00AB00CD.tsr",
            "timestamps/4.tsr",
            "content/leaves/01",
            "content/leaves/1/2",
            "keys",
            "keys/",
            "readme.txt",
            "more",
        ] {
            assert!(odd.parse::<Place>().is_err(), "{odd}");
        }
    }
}
