//! Fields that can be withheld in an export, by names that people choose from.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    event::{kind, slot},
    json::{JsonError, wrong},
};

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// One or several slots of an entry that are withheld together.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Field {
            $($(#[$doc])* $name,)*
        }

        impl Field {
            /// Every field, ascending by name.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

fields! {
    /// Who acted: slot 12.
    Actor = "actor",
    /// Which entries approved it: slot 19.
    Approvals = "approvals",
    /// How they were recognised, and the signature: slots 14 and 15.
    Authentication = "authentication",
    /// Under which order: slot 16.
    Authority = "authority",
    /// The case: slot 4.
    Case = "case",
    /// Reference, description and file name of an item: slot 29.
    Description = "description",
    /// All of what happened but that it did: slots 22 to 30.
    Detail = "detail",
    /// Size, SHA-256, declared hashes and stored object of an entry that adds or restores an
    /// item, slots 22, 23, 26 and 27: what confirms a guess at its bytes.
    Fingerprints = "fingerprints",
    /// What happened, and with it its detail: slots 2 and 22 to 30.
    Kind = "kind",
    /// Numbers and predecessors in the three chains: slots 6 to 11.
    Numbers = "numbers",
    /// Policy set and decision: slots 17 and 18.
    Policy = "policy",
    /// What was told of an item: slot 30.
    Provenance = "provenance",
    /// Why: slot 21.
    Purpose = "purpose",
    /// In which role: slot 13.
    Role = "role",
    /// The scope: slot 5.
    Scope = "scope",
    /// What it is about: slot 20.
    Subject = "subject",
    /// When: slot 3.
    Time = "time",
}

impl Field {
    /// The field of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }

    /// Whether it is one of these slots, in an entry of this kind.
    pub fn holds(self, slot: usize, kind: &str) -> bool {
        let detail = (slot::DETAIL..=slot::PROVENANCE).contains(&slot);
        match self {
            Self::Actor => slot == slot::ACTOR,
            Self::Approvals => slot == slot::APPROVALS,
            Self::Authentication => matches!(slot, slot::AUTHENTICATION | slot::SIGNATURE),
            Self::Authority => slot == slot::AUTHORITY,
            Self::Case => slot == slot::CASE,
            Self::Description => slot == slot::DESCRIPTION,
            Self::Detail => detail,
            Self::Fingerprints => {
                matches!(
                    slot,
                    slot::SIZE | slot::SHA256 | slot::DECLARED | slot::STORED
                ) && (kind::adds_item(kind) || kind == kind::RESTORED)
            }
            Self::Kind => slot == slot::KIND || detail,
            Self::Numbers => (slot::SCOPE_NTH..=slot::SUBJECT_PREV).contains(&slot),
            Self::Policy => matches!(slot, slot::POLICY_SET | slot::DECISION),
            Self::Provenance => slot == slot::PROVENANCE,
            Self::Purpose => slot == slot::PURPOSE,
            Self::Role => slot == slot::ROLE,
            Self::Scope => slot == slot::SCOPE,
            Self::Subject => slot == slot::SUBJECT,
            Self::Time => slot == slot::TIME,
        }
    }
}

/// The fields that an export withholds of every entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Withheld(BTreeSet<Field>);

impl Withheld {
    /// These fields.
    pub fn of(fields: impl IntoIterator<Item = Field>) -> Self {
        Self(fields.into_iter().collect())
    }

    /// The fields, ascending by name.
    pub fn fields(&self) -> impl Iterator<Item = Field> {
        self.0.iter().copied()
    }

    /// Whether a slot of an entry of this kind is withheld.
    pub fn withholds(&self, slot: usize, kind: &str) -> bool {
        self.0.iter().any(|field| field.holds(slot, kind))
    }

    /// The same for the entry of the export's own making, which always shows its kind and what
    /// it names.
    pub fn withholds_own(&self, slot: usize) -> bool {
        !matches!(slot, slot::KIND | slot::DETAIL) && self.withholds(slot, kind::EXPORT)
    }

    /// Reads the array of names.
    ///
    /// # Errors
    /// Not an array of names of fields, strictly ascending.
    pub fn from_value(value: &Value) -> Result<Self, JsonError> {
        let odd = || wrong("withheld");
        let names = value.as_array().ok_or_else(odd)?;
        let fields = names.iter().map(|name| Field::of(name.as_str()?));
        let fields: Vec<Field> = fields.collect::<Option<_>>().ok_or_else(odd)?;
        if !fields.is_sorted_by(|before, after| before < after) {
            return Err(odd());
        }
        Ok(Self::of(fields))
    }

    /// The array of names.
    pub fn to_value(&self) -> Value {
        json!(self.fields().map(Field::name).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ascend_and_find_their_field() {
        assert!(Field::ALL.is_sorted_by(|a, b| a < b && a.name() < b.name()));
        for field in Field::ALL {
            assert_eq!(Field::of(field.name()), Some(*field));
        }
        assert_eq!(Field::of("rows"), None);
    }

    #[test]
    fn every_slot_but_three_can_be_withheld() {
        let all = Withheld::of(Field::ALL.iter().copied());
        let open: Vec<usize> = (0..32)
            .filter(|slot| !all.withholds(*slot, "view"))
            .collect();
        assert_eq!(open, [slot::V, slot::ORIGIN, slot::ROWS]);
        assert!(!all.withholds_own(slot::KIND) && !all.withholds_own(slot::DETAIL));
        assert!(all.withholds_own(slot::SHA256) && all.withholds_own(slot::TIME));
    }

    #[test]
    fn fingerprints_are_those_of_items_alone() {
        let only = Withheld::of([Field::Fingerprints]);
        assert!(only.withholds(slot::SIZE, "deposit") && only.withholds(slot::STORED, "restored"));
        assert!(!only.withholds(slot::DETAIL, "view"));
        assert!(!only.withholds(slot::CONTENT_ROOT, "deposit"));
    }
}
