//! What an export was asked for.

use serde_json::{Value, json};

use crate::{
    ids::{Id, Timestamp},
    json::{JsonError, Members, wrong},
};

/// Why nothing can be exported for what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskedError {
    /// None of the five was given.
    #[error("an export is of a case, an item, a person or a time span; name one of them")]
    Nothing,
    /// An item belongs to one case.
    #[error("an item belongs to one case already; name the item or the case")]
    ItemAndCase,
    /// A span that holds no moment.
    #[error("the time span ends before it begins")]
    Span,
}

/// What an export was asked for; all that is given must hold of each entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Entries of this case: slot 4.
    pub case: Option<Id>,
    /// Entries about this item: slot 20.
    pub item: Option<Id>,
    /// What this person did: slot 12.
    pub person: Option<Id>,
    /// Not before this moment: slot 3.
    pub from: Option<Timestamp>,
    /// Before this moment: slot 3.
    pub to: Option<Timestamp>,
}

impl Asked {
    /// Whether something can be exported for it.
    ///
    /// # Errors
    /// See [`AskedError`].
    pub fn check(&self) -> Result<(), AskedError> {
        if *self == Self::default() {
            return Err(AskedError::Nothing);
        }
        if self.item.is_some() && self.case.is_some() {
            return Err(AskedError::ItemAndCase);
        }
        match (self.from, self.to) {
            (Some(from), Some(to)) if from >= to => Err(AskedError::Span),
            _ => Ok(()),
        }
    }

    /// Whether a moment lies in the span.
    pub fn spans(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= time) && self.to.is_none_or(|to| time < to)
    }

    /// Reads the five members.
    ///
    /// # Errors
    /// Another form, or as [`Asked::check`].
    pub fn from_value(value: &Value) -> Result<Self, JsonError> {
        let members = Members::exactly(value, &["case", "from", "item", "person", "to"])?;
        let id = |name| match members.value(name)? {
            Value::Null => Ok(None),
            _ => members.parsed(name).map(Some),
        };
        let time = |name| match members.value(name)? {
            Value::Null => Ok(None),
            value => value
                .as_i64()
                .and_then(|micros| Timestamp::from_micros(micros).ok())
                .map(Some)
                .ok_or_else(|| wrong(name)),
        };
        let asked = Self {
            case: id("case")?,
            item: id("item")?,
            person: id("person")?,
            from: time("from")?,
            to: time("to")?,
        };
        asked.check().map_err(|_| wrong("asked"))?;
        Ok(asked)
    }

    /// The five members.
    pub fn to_value(&self) -> Value {
        json!({
            "case": self.case,
            "from": self.from,
            "item": self.item,
            "person": self.person,
            "to": self.to,
        })
    }
}
