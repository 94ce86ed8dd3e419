//! Exhibit references: how they are asked for, and which are given.

use std::collections::{HashMap, HashSet};

use crate::client::{error::ClientError, names, source::Measured};

/// How exhibit references are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum References {
    /// Of the file's name.
    Names,
    /// `PREFIX/n`, after the highest number that is known.
    After(String),
    /// `PREFIX/n` from this number on, in the order of the files.
    From(String, u64),
}

impl References {
    /// Reads `JS` or `JS/7`.
    ///
    /// # Errors
    /// A line that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let form = "give initials, like `JS`, or the first reference, like `JS/7`";
        let (prefix, number) = match text.rsplit_once('/') {
            Some((prefix, number)) => (prefix, Some(number)),
            None => (text, None),
        };
        let odd = prefix.trim() != prefix || prefix.chars().any(char::is_control);
        if prefix.is_empty() || odd || prefix.chars().count() > 100 {
            return Err(form.into());
        }
        match number {
            None | Some("") => Ok(Self::After(prefix.into())),
            Some(number) => {
                let first = custos_core::ids::decimal(number).map_err(|_| form)?;
                Ok(Self::From(prefix.into(), first))
            }
        }
    }

    /// Whether a file might have been given this reference.
    pub(super) fn would_give(&self, reference: &str, measured: &Measured) -> bool {
        let rest_after = |prefix: &str| reference.strip_prefix(prefix);
        match self {
            Self::Names => {
                let rest = rest_after(&names::reference(&measured.given)).map(str::to_owned);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("))
            }
            Self::After(prefix) | Self::From(prefix, _) => {
                rest_after(prefix).is_some_and(|rest| rest.starts_with('/'))
            }
        }
    }
}

/// The references of a case that are given, and the next ones.
pub(super) struct Numbers<'a> {
    how: &'a References,
    /// As the room compares them.
    taken: HashSet<String>,
    /// The highest number under the prefix.
    highest: u64,
    /// The last number behind a name that several files have.
    counted: HashMap<String, u64>,
}

impl<'a> Numbers<'a> {
    pub(super) fn new(how: &'a References, taken: &HashSet<String>) -> Self {
        let taken: HashSet<String> = taken.iter().map(|one| names::folded(one)).collect();
        let highest = match how {
            References::After(prefix) => highest(prefix, &taken),
            _ => 0,
        };
        Self {
            how,
            taken,
            highest,
            counted: HashMap::new(),
        }
    }

    /// Takes a reference, unless somebody has it.
    pub(super) fn take(&mut self, reference: &str) -> bool {
        if let References::After(prefix) = self.how {
            let number = number(prefix, reference);
            self.highest = self.highest.max(number.unwrap_or(0));
        }
        self.taken.insert(names::folded(reference))
    }

    /// The reference of a file that is `number`th of all, from 0, and that was announced as
    /// `before`.
    ///
    /// # Errors
    /// It is taken, and no other can be meant.
    pub(super) fn give(
        &mut self,
        number: u64,
        measured: &Measured,
        before: Option<&str>,
    ) -> Result<String, ClientError> {
        let reference = match self.how {
            References::After(prefix) => {
                format!("{prefix}/{}", self.highest.saturating_add(1))
            }
            References::From(prefix, first) => {
                format!("{prefix}/{}", first.saturating_add(number))
            }
            References::Names => self.free(names::reference(&measured.given)),
        };
        if before == Some(reference.as_str()) || self.take(&reference) {
            return Ok(reference);
        }
        Err(taken(&reference))
    }

    /// `name`, or `name (2)` and so on until nobody has it.
    fn free(&mut self, name: String) -> String {
        if !self.taken.contains(&names::folded(&name)) {
            return name;
        }
        let last = self.counted.entry(names::folded(&name)).or_insert(1);
        loop {
            *last += 1;
            let reference = format!("{name} ({last})");
            if !self.taken.contains(&names::folded(&reference)) {
                return reference;
            }
        }
    }
}

/// Why a file does not get the reference that alone can be meant.
pub(super) fn taken(reference: &str) -> ClientError {
    ClientError::Usage(format!(
        "the reference `{reference}` is taken in this case; name another with `--reference`"
    ))
}

fn number(prefix: &str, reference: &str) -> Option<u64> {
    let (prefix, reference) = (names::folded(prefix), names::folded(reference));
    let number = reference.strip_prefix(&prefix)?.strip_prefix('/')?;
    custos_core::ids::decimal(number).ok()
}

/// The highest number that anybody gave under this prefix.
fn highest(prefix: &str, taken: &HashSet<String>) -> u64 {
    let numbers = taken
        .iter()
        .filter_map(|reference| number(prefix, reference));
    numbers.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use custos_core::hash::Hash;

    use super::*;

    fn file(name: &str) -> Measured {
        Measured {
            given: name.into(),
            canonical: name.into(),
            size: 0,
            modified: String::new(),
            sha256: Hash::from_bytes([0; 32]),
            hashes: Vec::new(),
        }
    }

    #[test]
    fn references_are_counted_from_what_is_given() {
        assert_eq!(References::parse("JS"), Ok(References::After("JS".into())));
        assert_eq!(References::parse("JS/"), Ok(References::After("JS".into())));
        assert_eq!(
            References::parse("JS/7"),
            Ok(References::From("JS".into(), 7))
        );
        assert_eq!(
            References::parse("A/B/7"),
            Ok(References::From("A/B".into(), 7))
        );
        for odd in ["", "/", "/7", "JS/x", "JS/07", " JS", "J\nS", "JS/-1"] {
            assert!(References::parse(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn numbers_go_on_after_the_highest() {
        let taken = ["JS/1", "JS/9", "JS/10x", "JSX/70", "AB/80", "JS/007"].map(String::from);
        let how = References::After("JS".into());
        let mut numbers = Numbers::new(&how, &taken.clone().into());
        assert_eq!(numbers.give(0, &file("a"), None).expect("given"), "JS/10");
        assert!(!numbers.take("JS/9") && !numbers.take(" js/9") && numbers.take("JS/20"));
        assert_eq!(numbers.give(1, &file("b"), None).expect("given"), "JS/21");
        let how = References::From("JS".into(), 8);
        let mut numbers = Numbers::new(&how, &taken.into());
        assert_eq!(numbers.give(0, &file("a"), None).expect("given"), "JS/8");
        assert!(numbers.give(1, &file("b"), None).is_err(), "JS/9 is taken");
        let before = Some("JS/9");
        assert_eq!(
            numbers.give(1, &file("b"), before).expect("its own"),
            "JS/9"
        );
        assert_eq!(numbers.give(2, &file("c"), None).expect("given"), "JS/10");
    }

    #[test]
    fn files_of_one_name_are_counted() {
        let mut numbers = Numbers::new(&References::Names, &["a (3)".to_string()].into());
        let mut given = |name: &str| numbers.give(0, &file(name), None).expect("given");
        assert_eq!(given("x/a"), "a");
        assert_eq!(given("y/a"), "a (2)");
        assert_eq!(given("z/a"), "a (4)");
        assert_eq!(given("b"), "b");
        assert_eq!(given("x/B"), "B (2)", "the room tells no case apart");
    }
}
