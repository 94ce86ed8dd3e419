//! The one JSON form of the formats: RFC 8785 (JCS), narrowed.
//!
//! Numbers are integers of absolute value below 2^53, depth is at most 16, strings hold no
//! lone surrogates. A text that is not byte for byte its own JCS is refused, which also
//! refuses duplicate keys, white space and every second spelling of a string or number.

mod direct;
mod scan;

use std::ops::Range;

use serde::Serialize;
use serde_json::Value;

use crate::ids::MAX_INTEGER;

pub use direct::write;

/// Arrays and objects inside each other, the outermost counted.
pub const MAX_DEPTH: usize = 16;

/// Most objects of one text. A value takes a hundred times the bytes of its text, so they are
/// counted before it is made. More are in no file of its form: `bundle.note` has one for each of
/// 200,000 files, and a multi-proof of 16 MiB holds fewer than 256,000 leaves.
pub const MAX_OBJECTS: usize = 1 << 18;
/// Most opening brackets and commas of one text, behind each of which a value stands: four for
/// each object, as a multi-proof's leaf has.
pub const MAX_VALUES: usize = 4 * MAX_OBJECTS;

/// Why a text is not JSON of the formats.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON at all, or not UTF-8.
    #[error("not JSON")]
    Syntax,
    /// A fraction, an exponent or a number of 2^53 or more.
    #[error("a number is not an integer of absolute value below 2^53")]
    Number,
    /// Deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH}")]
    Depth,
    /// More than [`MAX_VALUES`], or [`MAX_OBJECTS`].
    #[error("more than {MAX_VALUES} values or {MAX_OBJECTS} objects")]
    TooMany,
    /// Valid JSON, but not in its canonical form (RFC 8785).
    #[error("not in canonical form (RFC 8785)")]
    NotCanonical,
    /// A member is missing, unknown, or of another type than the format says.
    #[error("`{0}` is missing, unknown or of the wrong type")]
    Member(String),
}

/// Parses JSON that must equal its own JCS.
///
/// # Errors
/// See [`JsonError`].
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    if scan::elements(bytes).is_some() {
        return serde_json::from_slice(bytes).map_err(|_| JsonError::Syntax);
    }
    // What is wrong with it is found out at leisure.
    parse_slowly(bytes)
}

/// Where the elements of an array lie in a text that must equal its own JCS, as for [`parse`]; so
/// that only those are parsed that somebody looks at.
///
/// # Errors
/// See [`JsonError`]; [`JsonError::Member`] where it is no array.
pub fn elements(bytes: &[u8]) -> Result<Vec<Range<usize>>, JsonError> {
    match scan::elements(bytes) {
        Some(elements) if bytes.first() == Some(&b'[') => Ok(elements),
        Some(_) => Err(wrong("array")),
        None => Err(parse_slowly(bytes).err().unwrap_or(JsonError::NotCanonical)),
    }
}

fn parse_slowly(bytes: &[u8]) -> Result<Value, JsonError> {
    bound(bytes)?;
    let value: Value = serde_json::from_slice(bytes).map_err(|_| JsonError::Syntax)?;
    if canonical(&value)? != bytes {
        return Err(JsonError::NotCanonical);
    }
    Ok(value)
}

/// Refuses what is too deep or has too many values, in one pass over bytes that may be anything.
///
/// All values but the outermost stand behind an opening bracket or a comma, which are counted.
fn bound(bytes: &[u8]) -> Result<(), JsonError> {
    let (mut depth, mut values, mut objects) = (0_usize, 0_usize, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                values += 1;
                objects += usize::from(*byte == b'{');
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(JsonError::Depth);
        }
        if values > MAX_VALUES || objects > MAX_OBJECTS {
            return Err(JsonError::TooMany);
        }
    }
    Ok(())
}

/// The JCS of a value, after checking its numbers and depth.
///
/// # Errors
/// [`JsonError::Number`] or [`JsonError::Depth`].
pub fn canonical(value: &Value) -> Result<Vec<u8>, JsonError> {
    check(value, 0)?;
    // Most values hold nothing but null, numbers, plain text and plain names, which have only
    // one spelling; whatever else there is, is spelled by the library.
    let mut bytes = Vec::new();
    if write_plain(value, &mut bytes) {
        return Ok(bytes);
    }
    serde_json_canonicalizer::to_vec(value).map_err(|_| JsonError::Number)
}

/// Writes the JCS of a checked value; false, and `into` is worthless, if a string in it is not
/// plain.
fn write_plain(value: &Value, into: &mut Vec<u8>) -> bool {
    match value {
        Value::Null => into.extend_from_slice(b"null"),
        Value::Bool(true) => into.extend_from_slice(b"true"),
        Value::Bool(false) => into.extend_from_slice(b"false"),
        Value::Number(number) => into.extend_from_slice(number.to_string().as_bytes()),
        Value::String(text) => return write_text(text, into),
        Value::Array(values) => {
            into.push(b'[');
            for (place, value) in values.iter().enumerate() {
                if place > 0 {
                    into.push(b',');
                }
                if !write_plain(value, into) {
                    return false;
                }
            }
            into.push(b']');
        }
        Value::Object(members) => {
            // UTF-16 code units, by which JCS sorts, are in the order of bytes in plain names.
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            into.push(b'{');
            for (place, (name, value)) in sorted.into_iter().enumerate() {
                if place > 0 {
                    into.push(b',');
                }
                if !write_text(name, into) {
                    return false;
                }
                into.push(b':');
                if !write_plain(value, into) {
                    return false;
                }
            }
            into.push(b'}');
        }
    }
    true
}

fn write_text(text: &str, into: &mut Vec<u8>) -> bool {
    into.push(b'"');
    into.extend_from_slice(text.as_bytes());
    into.push(b'"');
    is_plain(text)
}

/// The JCS of anything that serializes into JSON of the formats.
///
/// # Errors
/// As [`canonical`]; [`JsonError::Syntax`] when it does not serialize into JSON.
pub fn canonical_of<T: Serialize>(value: &T) -> Result<Vec<u8>, JsonError> {
    canonical(&serde_json::to_value(value).map_err(|_| JsonError::Syntax)?)
}

/// Whether a string's JCS is the string between quotation marks.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
    text.bytes().all(plain)
}

/// Checks numbers and depth; `above` counts the arrays and objects around the value.
fn check(value: &Value, above: usize) -> Result<(), JsonError> {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
        Value::Number(number) => {
            let exact = match (number.as_i64(), number.as_u64()) {
                (Some(n), _) => n.unsigned_abs() <= MAX_INTEGER,
                (None, _) => false,
            };
            if exact {
                Ok(())
            } else {
                Err(JsonError::Number)
            }
        }
        Value::Array(_) | Value::Object(_) if above == MAX_DEPTH => Err(JsonError::Depth),
        Value::Array(values) => values.iter().try_for_each(|v| check(v, above + 1)),
        Value::Object(members) => members.values().try_for_each(|v| check(v, above + 1)),
    }
}

/// An object that must have exactly the members named, none missing, none more.
pub struct Members<'a> {
    members: &'a serde_json::Map<String, Value>,
}

impl<'a> Members<'a> {
    /// Takes `value` as an object with exactly the members `names`.
    ///
    /// # Errors
    /// [`JsonError::Member`] naming what is missing or unknown; `object` when it is no object.
    pub fn exactly(value: &'a Value, names: &[&str]) -> Result<Self, JsonError> {
        let members = value
            .as_object()
            .ok_or_else(|| JsonError::Member("object".into()))?;
        if let Some(missing) = names.iter().find(|name| !members.contains_key(**name)) {
            return Err(JsonError::Member((*missing).into()));
        }
        if let Some(unknown) = members.keys().find(|key| !names.contains(&key.as_str())) {
            return Err(JsonError::Member(unknown.chars().take(64).collect()));
        }
        Ok(Self { members })
    }

    /// The member itself.
    ///
    /// # Errors
    /// [`JsonError::Member`] when it was not among the names.
    pub fn value(&self, name: &str) -> Result<&'a Value, JsonError> {
        self.members.get(name).ok_or_else(|| wrong(name))
    }

    /// A member that is a string.
    ///
    /// # Errors
    /// [`JsonError::Member`] when it is not.
    pub fn string(&self, name: &str) -> Result<&'a str, JsonError> {
        self.value(name)?.as_str().ok_or_else(|| wrong(name))
    }

    /// A member that is a string of some stricter form: an id, a hash.
    ///
    /// # Errors
    /// [`JsonError::Member`] when it is not.
    pub fn parsed<T: std::str::FromStr>(&self, name: &str) -> Result<T, JsonError> {
        self.string(name)?.parse().map_err(|_| wrong(name))
    }

    /// A member that is an integer from 0 to 2^53 - 1.
    ///
    /// # Errors
    /// [`JsonError::Member`] when it is not.
    pub fn integer(&self, name: &str) -> Result<u64, JsonError> {
        match self.value(name)?.as_u64() {
            Some(n) if n <= MAX_INTEGER => Ok(n),
            _ => Err(wrong(name)),
        }
    }

    /// A member that is an array.
    ///
    /// # Errors
    /// [`JsonError::Member`] when it is not.
    pub fn array(&self, name: &str) -> Result<&'a [Value], JsonError> {
        self.value(name)?
            .as_array()
            .map(Vec::as_slice)
            .ok_or_else(|| wrong(name))
    }

    /// A member that is an object, by its members.
    ///
    /// # Errors
    /// [`JsonError::Member`] when it is not.
    pub fn object(&self, name: &str) -> Result<&'a serde_json::Map<String, Value>, JsonError> {
        self.value(name)?.as_object().ok_or_else(|| wrong(name))
    }
}

/// The error that names a member.
pub fn wrong(name: &str) -> JsonError {
    JsonError::Member(name.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_canonical_form_is_read() {
        let good = br#"{"a":[1,-2,null],"b":"\n\u000b","c":{}}"#;
        assert!(parse(good).is_ok());
        for (text, error) in [
            (r#"{"a":1,"a":1}"#, JsonError::NotCanonical),
            (r#"{"b":1,"a":1}"#, JsonError::NotCanonical),
            (r#"{"a": 1}"#, JsonError::NotCanonical),
            ("{}\n", JsonError::NotCanonical),
            (r#"["\u0041"]"#, JsonError::NotCanonical),
            (r#"["\/"]"#, JsonError::NotCanonical),
            ("[1.0]", JsonError::Number),
            ("[1e2]", JsonError::Number),
            ("[-0]", JsonError::Number),
            ("[9007199254740992]", JsonError::Number),
            ("[18446744073709551615]", JsonError::Number),
            (r#"["\ud800"]"#, JsonError::Syntax),
            ("", JsonError::Syntax),
            ("[1]x", JsonError::Syntax),
            ("\u{feff}[1]", JsonError::Syntax),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(error), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(
            parse(nested(MAX_DEPTH + 1).as_bytes()),
            Err(JsonError::Depth)
        );
        assert_eq!(parse(nested(100_000).as_bytes()), Err(JsonError::Depth));
        let in_a_string = format!(r#"["{}\"{}"]"#, "[".repeat(100), "{".repeat(100));
        assert!(parse(in_a_string.as_bytes()).is_ok());
    }

    #[test]
    fn values_are_counted_before_they_are_made() {
        let all = |value: &str, count: usize| {
            let text = format!("[{}]", vec![value; count].join(","));
            parse(text.as_bytes()).map(|value| value.as_array().map_or(0, Vec::len))
        };
        assert_eq!(all("{}", MAX_OBJECTS), Ok(MAX_OBJECTS));
        assert_eq!(all("{}", MAX_OBJECTS + 1), Err(JsonError::TooMany));
        assert_eq!(all("0", MAX_VALUES), Ok(MAX_VALUES));
        assert_eq!(all("0", MAX_VALUES + 1), Err(JsonError::TooMany));
        assert_eq!(all("[]", MAX_VALUES / 2 + 1), Err(JsonError::TooMany));
        assert_eq!(all(r#"",{[""#, MAX_OBJECTS + 1), Ok(MAX_OBJECTS + 1));
        // What the scan lets through to the parser is still refused.
        assert_eq!(parse(br#"{"a":[1"#), Err(JsonError::Syntax));
    }

    #[test]
    fn keys_are_ordered_by_utf_16_units() {
        // U+1F600 is the surrogate pair D83D DE00 and so stands before U+FB33.
        let value = json!({"\u{fb33}": 1, "\u{1f600}": 2});
        assert_eq!(
            canonical(&value).map(|jcs| String::from_utf8_lossy(&jcs).into_owned()),
            Ok("{\"\u{1f600}\":2,\"\u{fb33}\":1}".into())
        );
    }

    #[test]
    fn short_cuts_spell_as_the_library_does() {
        let texts = (0..=0x2ff_u32).filter_map(char::from_u32).map(String::from);
        let numbers = [0_i64, -1, 7, -(1 << 53) + 1, (1 << 53) - 1];
        let values = texts
            .map(Value::from)
            .chain(numbers.map(Value::from))
            .chain([Value::Null, json!(true), json!("plain text"), json!("")]);
        let values = values.flat_map(|value| {
            let name = value.as_str().unwrap_or("b").to_string();
            let named = Value::Object(
                [(name, json!(1)), ("a".into(), value.clone())]
                    .into_iter()
                    .collect(),
            );
            [
                json!([value, [], {}]),
                json!({"z": named, "b": [value], "": 0}),
                named,
                value,
            ]
        });
        for value in values {
            assert_eq!(
                canonical(&value).expect("canonical"),
                serde_json_canonicalizer::to_vec(&value).expect("canonical"),
                "{value}"
            );
        }
    }

    #[test]
    fn members_are_exact() {
        let value = json!({"a": 1, "b": "x"});
        assert!(Members::exactly(&value, &["a", "b"]).is_ok());
        assert_eq!(Members::exactly(&value, &["a"]).err(), Some(wrong("b")));
        assert_eq!(
            Members::exactly(&value, &["a", "b", "c"]).err(),
            Some(wrong("c"))
        );
    }
}
