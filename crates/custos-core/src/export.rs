//! An export of the custody log: some of its entries, redacted field by field, which verify
//! as they are.
//!
//! ```text
//! {"asked","checkpoint","format":"custos/export","n","origin","v":1,"withheld"}    the header
//! {"entry":[32 members],"index","proof":[hash]}      n lines, indices ascending
//! {"entry":[32 members],"index","proof":[hash]}      the entry of the export's own making
//! ```
//!
//! Each line is JCS and ends with a line feed. The last line's entry names what was asked,
//! what is withheld, and a hash over the indices and commitments of all lines before it: who
//! takes a line out, or puts one in, is found out.

mod asked;
mod field;
mod lines;

use serde_json::{Value, json};

pub use asked::{Asked, AskedError};
pub use field::{Field, Withheld};
pub use lines::{ExportError, Header, Line, MAX_EXPORT_LINE_BYTES, Reader};

use crate::{
    hash::{Hash, Sha256},
    ids::LeafIndex,
    json::{JsonError, Members, wrong},
};

/// Most entries of an export, that of its own making not counted.
pub const MAX_EXPORT_ENTRIES: u64 = 200_000;

/// What the entry of an export's making says of it: slot 22 of kind `export`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// What was asked for.
    pub asked: Asked,
    /// Which fields are withheld.
    pub withheld: Withheld,
    /// How many entries it holds, this one not counted.
    pub n: u64,
    /// The hash over them; see [`Listed`].
    pub entries: Hash,
}

impl Made {
    /// Reads slot 22.
    ///
    /// # Errors
    /// Another form.
    pub fn from_value(value: &Value) -> Result<Self, JsonError> {
        let members = Members::exactly(value, &["asked", "entries", "n", "withheld"])?;
        let n = members.integer("n")?;
        if n > MAX_EXPORT_ENTRIES {
            return Err(wrong("n"));
        }
        Ok(Self {
            asked: Asked::from_value(members.value("asked")?)?,
            withheld: Withheld::from_value(members.value("withheld")?)?,
            n,
            entries: members.parsed("entries")?,
        })
    }

    /// Slot 22.
    pub fn to_value(&self) -> Value {
        json!({
            "asked": self.asked.to_value(),
            "entries": self.entries,
            "n": self.n,
            "withheld": self.withheld.to_value(),
        })
    }
}

/// The hash over an export's entries, as they come:
/// `SHA-256("custos/export/v1" 0x00 | u64 index | C | u64 index | C | ...)`.
#[derive(Clone)]
pub struct Listed {
    hasher: Sha256,
    n: u64,
}

impl Listed {
    /// Of no entries yet.
    pub fn new() -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"custos/export/v1\0");
        Self { hasher, n: 0 }
    }

    /// Takes the next entry.
    pub fn push(&mut self, index: LeafIndex, c: &Hash) {
        self.hasher.update(&index.get().to_be_bytes());
        self.hasher.update(c.as_bytes());
        self.n += 1;
    }

    /// How many were taken.
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// The hash over those that were taken.
    pub fn finish(self) -> Hash {
        self.hasher.finish()
    }
}

impl Default for Listed {
    fn default() -> Self {
        Self::new()
    }
}
