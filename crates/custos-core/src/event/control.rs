//! Public control entries: `0x02 | JCS`, the only entries that the log shows in the open.

use serde_json::{Value, json};

use super::EntryError;
use crate::{
    checkpoint::SignedCheckpoint,
    json::{self, Members},
};

/// Longest control entry in bytes, its type byte counted.
const MAX_CONTROL_BYTES: usize = 65_535;

/// What a control entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlKind {
    /// The log begins; leaf 0 of a log without predecessor.
    Open,
    /// The keys valid from this index on.
    Keys,
    /// The log ends here.
    Close,
    /// The log continues another one; leaf 0 of a log with a predecessor.
    Succeed,
}

impl ControlKind {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Open, "open"),
        (Self::Keys, "keys"),
        (Self::Close, "close"),
        (Self::Succeed, "succeed"),
    ];

    /// The word in the entry.
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// The last witnessed checkpoint of a predecessor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previous {
    /// The predecessor's origin.
    pub origin: String,
    /// Its checkpoint, as a signed note.
    pub checkpoint: String,
}

/// A public control entry: which keys sign checkpoints and bundles from this index on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// What it says.
    pub kind: ControlKind,
    /// The log's origin.
    pub origin: String,
    /// Keys that sign checkpoints, as C2SP vkeys.
    pub log_keys: Vec<String>,
    /// Keys that sign bundles, as C2SP vkeys.
    pub bundle_keys: Vec<String>,
    /// The predecessor, for [`ControlKind::Succeed`] alone.
    pub previous: Option<Previous>,
}

impl Control {
    /// The leaf data: `0x02 | JCS`.
    ///
    /// # Errors
    /// Longer than a leaf may be, or a predecessor that does not fit the kind.
    pub fn to_leaf(&self) -> Result<Vec<u8>, EntryError> {
        self.check()?;
        let mut leaf = vec![0x02];
        leaf.extend(json::canonical(&self.to_value())?);
        if leaf.len() > MAX_CONTROL_BYTES {
            return Err(EntryError::TooLong);
        }
        Ok(leaf)
    }

    /// The last checkpoint of the predecessor, if one is named as it must be: a signed checkpoint
    /// of the origin beside it, which is not this log's. Its signatures are not checked here.
    pub fn predecessor(&self) -> Option<SignedCheckpoint> {
        let previous = self.previous.as_ref()?;
        let signed = SignedCheckpoint::parse(previous.checkpoint.as_bytes()).ok()?;
        let origin = signed.checkpoint().origin();
        (origin == previous.origin && origin != self.origin).then_some(signed)
    }

    /// Reads leaf data that begins with `0x02`.
    ///
    /// # Errors
    /// Another leaf type, not canonical, or not of the form.
    pub fn parse_leaf(leaf: &[u8]) -> Result<Self, EntryError> {
        match leaf.split_first() {
            Some((0x02, jcs)) if leaf.len() <= MAX_CONTROL_BYTES => Self::parse(jcs),
            Some((0x02, _)) => Err(EntryError::TooLong),
            _ => Err(EntryError::Control("its type is not 0x02")),
        }
    }

    /// Reads the JCS alone, as a bundle holds it.
    ///
    /// # Errors
    /// Not canonical, or not of the form.
    pub fn parse(jcs: &[u8]) -> Result<Self, EntryError> {
        let value = json::parse(jcs)?;
        let names = ["bundle_keys", "kind", "log_keys", "origin", "previous", "v"];
        let members = Members::exactly(&value, &names)?;
        if members.integer("v") != Ok(1) {
            return Err(EntryError::Control("its version is not 1"));
        }
        let word = members.string("kind")?;
        let kind = ControlKind::ALL
            .iter()
            .find(|(_, name)| *name == word)
            .ok_or(EntryError::Control("its kind is unknown"))?
            .0;
        let control = Self {
            kind,
            origin: members.string("origin")?.into(),
            log_keys: strings(members.array("log_keys")?)?,
            bundle_keys: strings(members.array("bundle_keys")?)?,
            previous: previous(members.value("previous")?)?,
        };
        control.check()?;
        Ok(control)
    }

    fn check(&self) -> Result<(), EntryError> {
        if (self.kind == ControlKind::Succeed) == self.previous.is_some() {
            Ok(())
        } else {
            Err(EntryError::Control(
                "a predecessor is named exactly by `succeed`",
            ))
        }
    }

    fn to_value(&self) -> Value {
        json!({
            "v": 1,
            "kind": self.kind.as_str(),
            "origin": self.origin,
            "log_keys": self.log_keys,
            "bundle_keys": self.bundle_keys,
            "previous": self.previous.as_ref().map(|previous| json!({
                "origin": previous.origin,
                "checkpoint": previous.checkpoint,
            })),
        })
    }
}

fn strings(values: &[Value]) -> Result<Vec<String>, EntryError> {
    values
        .iter()
        .map(|value| value.as_str().map(String::from))
        .collect::<Option<_>>()
        .ok_or(EntryError::Control("a key is not a string"))
}

fn previous(value: &Value) -> Result<Option<Previous>, EntryError> {
    if value.is_null() {
        return Ok(None);
    }
    let members = Members::exactly(value, &["checkpoint", "origin"])?;
    Ok(Some(Previous {
        origin: members.string("origin")?.into(),
        checkpoint: members.string("checkpoint")?.into(),
    }))
}
