//! The text of a C2SP tlog-policy file.
//!
//! ```text
//! log <vkey> [<url>]
//! witness <name> <vkey> [<url>]
//! group <name> all|any|<k> <name>...
//! quorum <name>|none
//! ```
//!
//! Items are parted by spaces and tabs, lines end with a line feed, `#` begins a comment
//! line. Names stand for themselves as bytes and only within the file.

use std::collections::{HashMap, HashSet};

use super::{
    key::{SignatureType, VerifierKey},
    quorum::{Group, Member, Quorum},
    trust::Witness,
};
use crate::ids::decimal;

/// Longest policy file in bytes.
const MAX_POLICY_BYTES: usize = 1 << 20;
/// Most logs, most witnesses and most groups of a policy, each.
const MAX_DEFINITIONS: usize = 256;

/// Why a policy file is refused; lines are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Longer than 1 MiB.
    #[error("the policy is longer than 1 MiB")]
    TooLong,
    /// A control character other than tab and line feed, or no line feed at the end.
    #[error("the policy has a control character or does not end with a line feed")]
    Characters,
    /// A line that is none of the four kinds, or with too few or too many items.
    #[error("line {0} is not a `log`, `witness`, `group` or `quorum` line")]
    Line(usize),
    /// A key that is no vkey, or whose type does not fit its use.
    #[error("line {0} has no key of the type it needs")]
    Key(usize),
    /// The same public key twice among logs or among witnesses.
    #[error("line {0} has a key that an earlier line has")]
    DuplicateKey(usize),
    /// A name defined twice, or `none` defined.
    #[error("line {0} defines a name that is taken")]
    DuplicateName(usize),
    /// A name that no line before defines, or a member of two groups.
    #[error("line {0} uses a name that is not defined before it or is a member already")]
    Name(usize),
    /// Not a number from 1 to the number of members.
    #[error("line {0} asks for a number of members that the group cannot have")]
    Threshold(usize),
    /// No quorum line, or two.
    #[error("a policy has exactly one `quorum` line")]
    Quorum,
    /// More than 256 logs, witnesses or groups.
    #[error("a policy has at most 256 logs, witnesses and groups each")]
    TooMany,
}

/// What a policy file says.
#[derive(Default)]
pub(super) struct PolicyFile {
    pub(super) logs: Vec<VerifierKey>,
    pub(super) witnesses: Vec<Witness>,
    pub(super) quorum: Quorum,
}

/// Reads a policy file.
pub(super) fn parse(bytes: &[u8]) -> Result<PolicyFile, PolicyError> {
    if bytes.len() > MAX_POLICY_BYTES {
        return Err(PolicyError::TooLong);
    }
    let odd = |byte: u8| (byte < 0x20 && byte != b'\t' && byte != b'\n') || byte == 0x7f;
    if bytes.iter().copied().any(odd) || bytes.last().is_some_and(|byte| *byte != b'\n') {
        return Err(PolicyError::Characters);
    }
    let mut reader = Reader::default();
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let items: Vec<&[u8]> = line
            .split(|byte| matches!(byte, b' ' | b'\t'))
            .filter(|item| !item.is_empty())
            .collect();
        match items.first() {
            Some(item) if !item.starts_with(b"#") => reader.line(number + 1, &items)?,
            _ => {}
        }
    }
    match reader.quorum {
        Some(rule) => {
            reader.file.quorum.rule = rule;
            Ok(reader.file)
        }
        None => Err(PolicyError::Quorum),
    }
}

#[derive(Default)]
struct Reader<'a> {
    file: PolicyFile,
    names: HashMap<&'a [u8], Member>,
    grouped: HashSet<&'a [u8]>,
    quorum: Option<Option<Member>>,
}

impl<'a> Reader<'a> {
    fn line(&mut self, number: usize, items: &[&'a [u8]]) -> Result<(), PolicyError> {
        match items {
            [b"log", vkey] | [b"log", vkey, _] => self.log(number, vkey),
            [b"witness", name, vkey] => self.witness(number, name, vkey, None),
            [b"witness", name, vkey, url] => self.witness(number, name, vkey, Some(url)),
            [b"group", name, threshold, members @ ..] if !members.is_empty() => {
                self.group(number, name, threshold, members)
            }
            [b"quorum", name] => self.quorum(number, name),
            _ => Err(PolicyError::Line(number)),
        }
    }

    fn log(&mut self, number: usize, vkey: &[u8]) -> Result<(), PolicyError> {
        let key = key(number, vkey, SignatureType::Ed25519)?;
        if is_known(self.file.logs.iter(), &key) {
            return Err(PolicyError::DuplicateKey(number));
        }
        self.file.logs.push(key);
        at_most(self.file.logs.len())
    }

    fn witness(
        &mut self,
        number: usize,
        name: &'a [u8],
        vkey: &[u8],
        url: Option<&[u8]>,
    ) -> Result<(), PolicyError> {
        let key = key(number, vkey, SignatureType::CosignatureV1)?;
        if is_known(self.file.witnesses.iter().map(Witness::key), &key) {
            return Err(PolicyError::DuplicateKey(number));
        }
        self.define(number, name, Member::Witness(self.file.witnesses.len()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let witness = Witness::new(text(name), key, url.map(text));
        self.file.witnesses.push(witness);
        at_most(self.file.witnesses.len())
    }

    fn group(
        &mut self,
        number: usize,
        name: &'a [u8],
        threshold: &[u8],
        names: &[&'a [u8]],
    ) -> Result<(), PolicyError> {
        let mut members = Vec::with_capacity(names.len());
        for name in names {
            let member = self.names.get(name).ok_or(PolicyError::Name(number))?;
            if !self.grouped.insert(name) {
                return Err(PolicyError::Name(number));
            }
            members.push(*member);
        }
        let threshold = match threshold {
            b"all" => Some(members.len()),
            b"any" => Some(1),
            k => std::str::from_utf8(k)
                .ok()
                .and_then(|k| decimal(k).ok())
                .and_then(|k| usize::try_from(k).ok()),
        };
        let threshold = threshold
            .filter(|k| (1..=members.len()).contains(k))
            .ok_or(PolicyError::Threshold(number))?;
        let groups = self.file.quorum.groups.len();
        self.define(number, name, Member::Group(groups))?;
        self.file.quorum.groups.push(Group { threshold, members });
        at_most(groups + 1)
    }

    fn quorum(&mut self, number: usize, name: &[u8]) -> Result<(), PolicyError> {
        let rule = match name {
            b"none" => None,
            name => Some(*self.names.get(name).ok_or(PolicyError::Name(number))?),
        };
        match self.quorum.replace(rule) {
            None => Ok(()),
            Some(_) => Err(PolicyError::Quorum),
        }
    }

    fn define(&mut self, number: usize, name: &'a [u8], member: Member) -> Result<(), PolicyError> {
        if name == b"none" || self.names.insert(name, member).is_some() {
            return Err(PolicyError::DuplicateName(number));
        }
        Ok(())
    }
}

/// A key that this reader can verify: one of another type would never be met, silently.
fn key(number: usize, vkey: &[u8], wanted: SignatureType) -> Result<VerifierKey, PolicyError> {
    std::str::from_utf8(vkey)
        .ok()
        .and_then(|vkey| vkey.parse().ok())
        .filter(|key: &VerifierKey| key.signature_type() == wanted)
        .ok_or(PolicyError::Key(number))
}

/// Keys are one when their public keys are, or when no signature line could tell them apart.
fn is_known<'k>(mut known: impl Iterator<Item = &'k VerifierKey>, key: &VerifierKey) -> bool {
    known.any(|other| {
        other.key_bytes() == key.key_bytes()
            || (other.name() == key.name() && other.id() == key.id())
    })
}

fn at_most(definitions: usize) -> Result<(), PolicyError> {
    if definitions > MAX_DEFINITIONS {
        return Err(PolicyError::TooMany);
    }
    Ok(())
}
