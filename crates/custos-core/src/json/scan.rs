//! Whether a text is its own JCS, without making a value of it.

use std::{cmp::Ordering, ops::Range};

use super::{MAX_DEPTH, MAX_OBJECTS, MAX_VALUES};
use crate::ids::MAX_INTEGER;

/// Digits of the largest integer.
const MAX_DIGITS: usize = 16;

/// Goes over `text` once. `Some` says that it is JSON of the formats, byte for byte its own JCS,
/// and where the elements lie, if it is an array; `None` says nothing but that it is not.
pub(super) fn elements(text: &[u8]) -> Option<Vec<Range<usize>>> {
    let text = std::str::from_utf8(text).ok()?;
    let mut scan = Scan {
        text: text.as_bytes(),
        at: 0,
        values: 0,
        objects: 0,
    };
    let mut elements = Vec::new();
    if scan.peek() == Some(b'[') {
        scan.array(1, |range| elements.push(range))?;
    } else {
        scan.value(0)?;
    }
    (scan.at == text.len()).then_some(elements)
}

struct Scan<'t> {
    text: &'t [u8],
    at: usize,
    /// Opening brackets and commas outside of strings.
    values: usize,
    objects: usize,
}

impl<'t> Scan<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, wanted: &[u8]) -> Option<()> {
        self.text[self.at..]
            .starts_with(wanted)
            .then(|| self.at += wanted.len())
    }

    /// One value; `above` counts the arrays and objects around it.
    fn value(&mut self, above: usize) -> Option<()> {
        match self.peek()? {
            b'n' => self.take(b"null"),
            b't' => self.take(b"true"),
            b'f' => self.take(b"false"),
            b'"' => self.string().map(|_| ()),
            b'[' => self.array(above + 1, |_| ()),
            b'{' => self.object(above + 1),
            _ => self.number(),
        }
    }

    fn opened(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        self.counted()?;
        (depth <= MAX_DEPTH).then_some(())
    }

    fn counted(&mut self) -> Option<()> {
        self.values += 1;
        (self.values <= MAX_VALUES).then_some(())
    }

    fn array(&mut self, depth: usize, mut found: impl FnMut(Range<usize>)) -> Option<()> {
        self.opened(depth)?;
        if self.peek()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            let begin = self.at;
            self.value(depth)?;
            found(begin..self.at);
            let next = self.peek()?;
            self.at += 1;
            match next {
                b',' => self.counted()?,
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.opened(depth)?;
        self.objects += 1;
        if self.objects > MAX_OBJECTS {
            return None;
        }
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        let mut before: Option<Name<'t>> = None;
        loop {
            let name = self.string()?;
            if before.is_some_and(|before| before.order(&name) != Ordering::Less) {
                return None;
            }
            before = Some(name);
            self.take(b":")?;
            self.value(depth)?;
            let next = self.peek()?;
            self.at += 1;
            match next {
                b',' => self.counted()?,
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    fn number(&mut self) -> Option<()> {
        let is_negative = self.take(b"-").is_some();
        let rest = &self.text[self.at..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let first = *rest.first()?;
        // Zero stands alone and has no sign.
        let is_zero = first == b'0';
        if digits == 0 || digits > MAX_DIGITS || is_zero && (digits > 1 || is_negative) {
            return None;
        }
        let number = rest[..digits]
            .iter()
            .fold(0_u64, |number, digit| number * 10 + u64::from(digit - b'0'));
        self.at += digits;
        // A fraction or an exponent is none of what may follow a value.
        (number <= MAX_INTEGER).then_some(())
    }

    fn string(&mut self) -> Option<Name<'t>> {
        self.take(b"\"")?;
        let begin = self.at;
        let mut is_plain = true;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    is_plain = false;
                    self.escape()?;
                }
                0..b' ' => return None,
                byte => {
                    is_plain &= byte.is_ascii();
                    self.at += 1;
                }
            }
        }
        let text = &self.text[begin..self.at];
        self.at += 1;
        Some(Name { text, is_plain })
    }

    /// Only what must be escaped is, in the shortest way (RFC 8785, section 3.2.2.2).
    fn escape(&mut self) -> Option<()> {
        self.at += 1;
        let letter = self.peek()?;
        self.at += 1;
        match letter {
            b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                self.take(b"00")?;
                let [high, low] = *self.text[self.at..].first_chunk::<2>()?;
                self.at += 2;
                let has_short = high == b'0' && matches!(low, b'8' | b'9' | b'a' | b'c' | b'd');
                let is_control =
                    matches!(high, b'0' | b'1') && matches!(low, b'0'..=b'9' | b'a'..=b'f');
                (is_control && !has_short).then_some(())
            }
            _ => None,
        }
    }
}

/// What stands between quotation marks.
#[derive(Clone, Copy)]
pub(super) struct Name<'t> {
    text: &'t [u8],
    /// ASCII without escapes.
    is_plain: bool,
}

impl<'t> Name<'t> {
    /// A name with its quotation marks.
    pub(super) fn quoted(quoted: &'t [u8]) -> Self {
        let text = &quoted[1..quoted.len() - 1];
        let plain = |byte: &u8| byte.is_ascii() && *byte != b'\\';
        Self {
            text,
            is_plain: text.iter().all(plain),
        }
    }

    /// By UTF-16 code units, as JCS sorts.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        if self.is_plain && other.is_plain {
            return self.text.cmp(other.text);
        }
        let units = |name: &Self| -> Vec<u16> {
            let quoted = [b"\"", name.text, b"\""].concat();
            let text: String = serde_json::from_slice(&quoted).unwrap_or_default();
            text.encode_utf16().collect()
        };
        units(self).cmp(&units(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{super::parse_slowly, *};

    fn agrees(text: &[u8]) {
        let slow = parse_slowly(text);
        let scanned = elements(text);
        assert_eq!(
            scanned.is_some(),
            slow.is_ok(),
            "{:?}",
            String::from_utf8_lossy(text)
        );
        if let (Some(elements), Ok(Value::Array(values))) = (scanned, slow) {
            let found: Vec<Value> = elements
                .into_iter()
                .map(|range| serde_json::from_slice(&text[range]).expect("a value"))
                .collect();
            assert_eq!(found, values);
        }
    }

    #[test]
    fn it_takes_what_equals_its_jcs_and_nothing_else() {
        for text in [
            "",
            " ",
            "[",
            "]",
            "[]",
            "{}",
            "[ ]",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":}",
            "[1 ]",
            "nul",
            "null",
            "nulll",
            "[1]x",
            "-",
            "-0",
            "0",
            "00",
            "01",
            "-1",
            "1.0",
            "1e2",
            "1E2",
            "[-]",
            "9007199254740991",
            "9007199254740992",
            "-9007199254740991",
            "-9007199254740992",
            "18446744073709551615",
            "99999999999999999999",
            r#""\u0000""#,
            r#""\u000a""#,
            r#""\n""#,
            r#""\u001F""#,
            r#""\u001f""#,
            r#""\u0020""#,
            r#""\/""#,
            r#""\"\\""#,
            r#""\u000b""#,
            r#""\ud83d\ude00""#,
            r#""\ud800""#,
            "\"\u{7f}\u{80}\u{2028}\"",
            "\"a\nb\"",
            "\"a",
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"b":2}"#,
            r#"{"b":1,"a":2}"#,
            r#"{"":1,"a":2}"#,
            "{\"\u{1f600}\":2,\"\u{fb33}\":1}",
            "{\"\u{fb33}\":1,\"\u{1f600}\":2}",
            r#"{"\n":1,"a":2}"#,
            r#"{"a":1,"\n":2}"#,
            r#"{"\"":1,"a":2}"#,
            "{\"é\":1,\"z\":2}",
            "\u{feff}[1]",
            "tru",
            "[true,false,null]",
            r#"{"a":[1,{"b":[]}],"c":{}}"#,
        ] {
            agrees(text.as_bytes());
        }
        agrees(b"\"\xff\"");
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        for depth in [MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, 100_000] {
            agrees(nested(depth).as_bytes());
            agrees(format!("{{\"a\":{}}}", nested(depth)).as_bytes());
        }
        for (value, count) in [
            ("{}", MAX_OBJECTS),
            ("{}", MAX_OBJECTS + 1),
            ("0", MAX_VALUES),
            ("0", MAX_VALUES + 1),
            ("[]", MAX_VALUES / 2 + 1),
        ] {
            agrees(format!("[{}]", vec![value; count].join(",")).as_bytes());
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-5_i64..5).prop_map(Value::from),
            "[a\"\\\\\u{1}\né\u{1f600}\u{fb33}]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec(("[ab\né\u{1f600}\u{fb33}]{0,2}", inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_agrees_with_parsing_and_writing_again(
            value in any_value(),
            at: prop::sample::Index,
            with in "[\\[\\]{},:\"a0 \\\\-]{0,2}",
            sorted: bool,
        ) {
            let mut text = if sorted {
                super::super::canonical(&value).expect("of the formats")
            } else {
                serde_json::to_vec(&json!([value])).expect("JSON")
            };
            agrees(&text);
            let at = at.index(text.len());
            text.splice(at..=at, with.into_bytes());
            agrees(&text);
        }
    }
}
