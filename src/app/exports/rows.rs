//! An entry in words, for people.

use std::collections::HashMap;

use custos_core::{
    event::{SLOTS, slot},
    export::Line,
    ids::{Id, Timestamp},
    json,
    verify::utc,
};
use serde_json::{Map, Value};

use super::lines::Source;
use crate::app::error::Error;

/// Names of people that are kept while an export is written.
const MAX_NAMES_KEPT: usize = 10_000;

/// What of one entry stands in a row. What is withheld or null is empty; `withheld` tells
/// one from the other.
pub(super) struct Row {
    pub index: u64,
    pub time: String,
    pub kind: String,
    pub case: String,
    pub scope: String,
    pub actor: String,
    /// By the room's word; no entry says names.
    pub name: String,
    pub role: String,
    pub means: String,
    pub authority: String,
    pub subject_type: String,
    pub subject: String,
    pub purpose: String,
    pub reason: String,
    /// Slots 22 to 30, as far as they are open and not null, by their numbers.
    pub detail: String,
    /// Numbers of the slots that are withheld.
    pub withheld: String,
    pub commitment: String,
}

/// Makes rows, and remembers names.
pub(super) struct Rows<'a> {
    source: &'a Source<'a>,
    names: HashMap<Id, String>,
}

impl<'a> Rows<'a> {
    pub fn of(source: &'a Source<'a>) -> Self {
        Self {
            source,
            names: HashMap::new(),
        }
    }

    /// The row of a line.
    ///
    /// # Errors
    /// Whoever acted can't be read.
    pub fn row(&mut self, line: &Line) -> Result<Row, Error> {
        let entry = &line.entry;
        let text = |slot: usize| entry.string(slot).unwrap_or_default().to_owned();
        let member = |slot: usize, name: &str| match entry.value(slot) {
            Some(value) => value[name].as_str().unwrap_or_default().to_owned(),
            None => String::new(),
        };
        let time = entry.value(slot::TIME).and_then(Value::as_i64);
        let time = time.and_then(|micros| Timestamp::from_micros(micros).ok());
        let actor = text(slot::ACTOR);
        Ok(Row {
            index: line.index.get(),
            time: time.map_or_else(String::new, utc),
            kind: text(slot::KIND),
            case: text(slot::CASE),
            scope: text(slot::SCOPE),
            name: self.name(&actor)?,
            actor,
            role: text(slot::ROLE),
            means: text(slot::AUTHENTICATION),
            authority: text(slot::AUTHORITY),
            subject_type: member(slot::SUBJECT, "type"),
            subject: member(slot::SUBJECT, "id"),
            purpose: member(slot::PURPOSE, "code"),
            reason: member(slot::PURPOSE, "text"),
            detail: detail(line),
            withheld: withheld(line),
            commitment: entry.commitment().to_string(),
        })
    }

    fn name(&mut self, actor: &str) -> Result<String, Error> {
        let Ok(person) = actor.parse::<Id>() else {
            return Ok(String::new());
        };
        if let Some(name) = self.names.get(&person) {
            return Ok(name.clone());
        }
        let name = self.source.name(person)?;
        if self.names.len() >= MAX_NAMES_KEPT {
            self.names.clear();
        }
        self.names.insert(person, name.clone());
        Ok(name)
    }
}

fn detail(line: &Line) -> String {
    let open = (slot::DETAIL..=slot::PROVENANCE).filter_map(|slot| {
        let value = line.entry.value(slot).filter(|value| !value.is_null())?;
        Some((slot.to_string(), value.clone()))
    });
    let open: Map<String, Value> = open.collect();
    if open.is_empty() {
        return String::new();
    }
    let jcs = json::canonical(&Value::Object(open)).expect("they were disclosed as JSON");
    String::from_utf8(jcs).expect("JSON is UTF-8")
}

/// As `6-11 17-19 31`.
fn withheld(line: &Line) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for slot in (0..SLOTS).filter(|slot| line.entry.value(*slot).is_none()) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == slot => *last = slot,
            _ => runs.push((slot, slot)),
        }
    }
    let runs = runs.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    runs.collect::<Vec<_>>().join(" ")
}
