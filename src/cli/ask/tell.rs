//! Answers of a room, for people and for programs.

use std::process::ExitCode;

use custos_core::ids::Timestamp;
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    cli::say,
    client::{
        access::Server,
        api::asking::{Changed, Looked},
        names,
    },
};

/// What was looked at. Of a list people see the columns that are named, a line each; programs
/// see its tag, as `etag`.
pub(super) fn looked(looked: Looked, columns: &[&str], json: bool) -> ExitCode {
    let Looked { mut answer, tag } = looked;
    if json {
        if let (Some(object), Some(tag)) = (answer.as_object_mut(), tag) {
            object.insert("etag".into(), tag.into());
        }
        say(&answer.to_string());
        return ExitCode::SUCCESS;
    }
    match answer["items"].as_array().filter(|_| !columns.is_empty()) {
        Some(items) => list(items, columns),
        None => one(&answer, 0),
    }
    ExitCode::SUCCESS
}

/// A table with a line for each of a list.
pub(super) fn list(items: &[Value], columns: &[&str]) {
    let mut rows = vec![columns.iter().map(|name| words(name)).collect::<Vec<_>>()];
    rows.extend(items.iter().map(|item| {
        let cells = columns.iter();
        cells
            .map(|name| scalar(name, &item[*name]).unwrap_or_else(|| lines(&item[*name])))
            .collect()
    }));
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max();
    let widths: Vec<usize> = (0..columns.len()).filter_map(width).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        say(cells.join("  ").trim_end());
    }
}

/// What was changed, and where it stands in the custody log; and the link that came of it.
pub(super) fn changed(changed: Changed, server: &Server, json: bool) -> ExitCode {
    let Changed { answer, before } = changed;
    if json {
        let mut object = match answer {
            Value::Object(object) => object,
            _ => Map::new(),
        };
        object.insert("by_an_earlier_attempt".into(), json!(before));
        say(&Value::Object(object).to_string());
        return ExitCode::SUCCESS;
    }
    let mut told = match before {
        true => "done, by an attempt whose answer was lost".to_string(),
        false => "done".to_string(),
    };
    if let Some(id) = answer["id"].as_str() {
        told.push_str(&format!(": {}", names::plain(id)));
    }
    for name in ["person", "account"] {
        if let Some(id) = answer[name].as_str() {
            told.push_str(&format!("; {name} {}", names::plain(id)));
        }
    }
    let entries = answer["entries"].as_array().into_iter().flatten();
    let indices: Vec<String> = entries.map(|entry| entry["index"].to_string()).collect();
    match indices.as_slice() {
        [] => {}
        [one] => told.push_str(&format!("; entry {one} of the custody log")),
        many => told.push_str(&format!("; entries {} of the custody log", many.join(", "))),
    }
    say(&told);
    // It is told once, so it is never left out.
    if let Some(secret) = answer["secret"].as_str() {
        let (page, secret) = (server.at("/enter"), names::plain(secret));
        say(&format!("single-use link: {page}#{secret}"));
    }
    ExitCode::SUCCESS
}

/// Everything of an object, a line each; what is in it stands further to the right.
fn one(value: &Value, indent: usize) {
    let space = " ".repeat(indent);
    let Value::Object(object) = value else {
        say(&format!("{space}{}", scalar("", value).unwrap_or_default()));
        return;
    };
    for (name, value) in object {
        if let Some(text) = scalar(name, value) {
            if !text.is_empty() {
                say(&format!("{space}{}: {text}", words(name)));
            }
            continue;
        }
        say(&format!("{space}{}:", words(name)));
        match value {
            Value::Array(all) => {
                for value in all {
                    say(&format!("{space}  {}", line(value)));
                }
            }
            value => one(value, indent + 2),
        }
    }
}

/// A list of objects in one cell.
fn lines(value: &Value) -> String {
    let all = value.as_array().into_iter().flatten();
    all.map(line).collect::<Vec<_>>().join(" | ")
}

/// What is in a list, on one line.
fn line(value: &Value) -> String {
    let Value::Object(object) = value else {
        return scalar("", value).unwrap_or_else(|| names::plain(&value.to_string()));
    };
    let told = object.iter().filter_map(|(name, value)| {
        let text = scalar(name, value).unwrap_or_else(|| names::plain(&value.to_string()));
        (!text.is_empty()).then(|| format!("{}: {text}", words(name)))
    });
    told.collect::<Vec<_>>().join("; ")
}

/// A text, a number or a short list of them; `None` for what needs lines of its own.
fn scalar(name: &str, value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::Number(number) => {
            moment(name, number.as_i64()).unwrap_or_else(|| number.to_string())
        }
        Value::String(text) => names::plain(text),
        Value::Array(all) if all.iter().all(|one| one.is_string() || one.is_number()) => {
            let all = all.iter().filter_map(|one| scalar("", one));
            all.collect::<Vec<_>>().join(", ")
        }
        Value::Array(all) if all.is_empty() => String::new(),
        _ => return None,
    })
}

/// Times of the API are microseconds since 1970.
fn moment(name: &str, micros: Option<i64>) -> Option<String> {
    let is_time = name == "time" || name == "at" || name.ends_with("_at");
    let at = Timestamp::from_micros(micros.filter(|_| is_time)?).ok()?;
    let nanos = i128::from(at.micros()) * 1_000;
    let there = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?;
    there.format(&Rfc3339).ok()
}

/// A name of the API in words.
fn words(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_as_people_read_them() {
        assert_eq!(scalar("size", &json!(7)).as_deref(), Some("7"));
        let time = json!(1_795_440_330_500_000_i64);
        let told = scalar("received_at", &time);
        assert_eq!(told.as_deref(), Some("2026-11-23T13:25:30.5Z"));
        assert_eq!(
            scalar("states", &json!(["a", "b"])).as_deref(),
            Some("a, b")
        );
        assert_eq!(scalar("x", &json!([])).as_deref(), Some(""));
        assert_eq!(scalar("x", &json!({})), None);
        assert_eq!(
            scalar("x", &json!("\u{1b}[2J")).as_deref(),
            Some("\\u{1b}[2J")
        );
        let told = line(&json!({"name": "A", "role_of": null, "n": {"a": 1}}));
        assert_eq!(told, "name: A; n: {\"a\":1}");
    }
}
