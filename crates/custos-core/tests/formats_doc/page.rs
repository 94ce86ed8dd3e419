//! Examples as they stand in the page: fenced blocks with a form and a label.

use std::fmt::Display;

use custos_core::json;
use serde_json::Value;

/// Longest line of a value that is broken, in characters.
const LINE_CHARS: usize = 96;

/// One block.
#[derive(Clone)]
pub struct Example {
    /// `fields`, `text` or `json`.
    pub form: &'static str,
    pub label: &'static str,
    pub lines: Vec<String>,
}

/// A block of `name = value`.
pub fn fields(label: &'static str, fields: &[(&str, String)]) -> Example {
    let mut lines = Vec::new();
    for (name, value) in fields {
        let line = format!("{name} = {value}");
        if value.contains(' ') || line.len() <= LINE_CHARS {
            lines.push(line);
            continue;
        }
        let mut pieces = chunks(&line, LINE_CHARS, LINE_CHARS - 4).into_iter();
        lines.extend(pieces.next());
        lines.extend(pieces.map(|piece| format!("    {piece}")));
    }
    let form = "fields";
    Example { form, label, lines }
}

/// A block of text, whose last line feed is that of the block's last line.
pub fn text(label: &'static str, text: &str) -> Example {
    let body = text
        .strip_suffix('\n')
        .expect("a text ends with a line feed");
    let form = "text";
    let lines = broken(body);
    Example { form, label, lines }
}

/// A block of JSON, which ends without a line feed.
pub fn json(label: &'static str, jcs: &[u8]) -> Example {
    json::parse(jcs).expect("JCS");
    let body = std::str::from_utf8(jcs).expect("JCS is UTF-8");
    let form = "json";
    let lines = broken(body);
    Example { form, label, lines }
}

/// The same for a value.
pub fn json_of(label: &'static str, value: &Value) -> Example {
    json(label, &json::canonical(value).expect("JSON of the formats"))
}

/// Hex of bytes.
pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(bytes)
}

/// Values with spaces between.
pub fn words(values: impl IntoIterator<Item = impl Display>) -> String {
    let words: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    words.join(" ")
}

/// Long lines are broken by a backslash at the line's end.
fn broken(body: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in body.split('\n') {
        assert!(!line.ends_with('\\'), "the page could not show {line}");
        let mut pieces = chunks(line, LINE_CHARS, LINE_CHARS);
        let last = pieces.pop().unwrap_or_default();
        lines.extend(pieces.into_iter().map(|piece| piece + "\\"));
        lines.push(last);
    }
    lines
}

fn chunks(line: &str, first: usize, others: usize) -> Vec<String> {
    let chars: Vec<char> = line.chars().collect();
    let (head, rest) = chars.split_at(chars.len().min(first));
    let pieces = std::iter::once(head).chain(rest.chunks(others));
    pieces.map(|piece| piece.iter().collect()).collect()
}

/// The labelled blocks of a page: form, label, lines.
pub fn blocks(page: &str) -> Vec<(&str, &str, Vec<String>)> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(form) = line.strip_prefix("```") else {
            continue;
        };
        let body: Vec<String> = lines
            .by_ref()
            .take_while(|line| *line != "```")
            .map(String::from)
            .collect();
        if let Some((form, label)) = form.split_once(' ') {
            found.push((form, label, body));
        }
    }
    found
}

/// The page with every labelled block filled anew.
pub fn fill(page: &str, examples: &[Example]) -> String {
    let mut filled = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        filled += line;
        filled.push('\n');
        if !line.starts_with("```") {
            continue;
        }
        let example = examples
            .iter()
            .find(|example| line == format!("```{} {}", example.form, example.label));
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        match example {
            Some(example) => example
                .lines
                .iter()
                .for_each(|l| filled += &format!("{l}\n")),
            None => body.iter().for_each(|l| filled += &format!("{l}\n")),
        }
        filled += "```\n";
    }
    filled
}
