//! Writing the JCS of what serializes, without making a value of it first.

use serde::{
    Serialize,
    ser::{
        Error, Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple,
        SerializeTupleStruct, Serializer,
    },
};

use super::{JsonError, MAX_DEPTH, is_plain, scan::Name};
use crate::ids::MAX_INTEGER;

/// The JCS of anything that serializes into JSON of the formats; `without_nulls`, null members of
/// the outermost object are left out.
///
/// # Errors
/// [`JsonError::Number`], [`JsonError::Depth`]; [`JsonError::Syntax`] when it does not serialize
/// into JSON, or holds an enum's variant that has fields, as nothing of the formats does.
pub fn write<T: Serialize + ?Sized>(value: &T, without_nulls: bool) -> Result<Vec<u8>, JsonError> {
    let mut writer = Writer {
        out: Vec::with_capacity(1 << 10),
        above: 0,
        without_nulls,
    };
    value.serialize(&mut writer)?;
    Ok(writer.out)
}

struct Writer {
    out: Vec<u8>,
    /// Arrays and objects around what is written.
    above: usize,
    without_nulls: bool,
}

impl Error for JsonError {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self::Syntax
    }
}

impl Writer {
    fn text(&mut self, text: &str) -> Result<(), JsonError> {
        if is_plain(text) {
            self.out.push(b'"');
            self.out.extend_from_slice(text.as_bytes());
            self.out.push(b'"');
            return Ok(());
        }
        // It escapes what RFC 8785 says, and in that way.
        serde_json::to_writer(&mut self.out, text).map_err(|_| JsonError::Syntax)
    }

    fn integer(&mut self, number: impl Copy + Into<i128>) -> Result<(), JsonError> {
        let number: i128 = number.into();
        if number.unsigned_abs() > MAX_INTEGER.into() {
            return Err(JsonError::Number);
        }
        let mut digits = [0; 16];
        let (mut at, mut rest) = (digits.len(), number.unsigned_abs() as u64);
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            self.out.push(b'-');
        }
        self.out.extend_from_slice(&digits[at..]);
        Ok(())
    }

    fn open(&mut self, bracket: u8) -> Result<Inside<'_>, JsonError> {
        if self.above == MAX_DEPTH {
            return Err(JsonError::Depth);
        }
        self.above += 1;
        self.out.push(bracket);
        Ok(Inside {
            begin: self.out.len(),
            entries: Vec::new(),
            writer: self,
        })
    }
}

/// An array or an object that is being written.
struct Inside<'w> {
    writer: &'w mut Writer,
    /// Where its inside begins.
    begin: usize,
    /// Of an object, what was written of it.
    entries: Vec<Entry>,
}

/// A member of an object: where it begins, where its name ends, where it ends.
#[derive(Clone, Copy)]
struct Entry {
    begin: usize,
    named: usize,
    end: usize,
}

impl Inside<'_> {
    fn separate(&mut self) {
        if self.writer.out.len() > self.begin {
            self.writer.out.push(b',');
        }
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
        self.separate();
        value.serialize(&mut *self.writer)
    }

    fn name<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), JsonError> {
        self.separate();
        let begin = self.writer.out.len();
        name.serialize(&mut *self.writer)?;
        let named = self.writer.out.len();
        if self.writer.out.get(begin) != Some(&b'"') {
            return Err(JsonError::Syntax);
        }
        self.writer.out.push(b':');
        self.entries.push(Entry {
            begin,
            named,
            end: named,
        });
        Ok(())
    }

    fn member<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
        value.serialize(&mut *self.writer)?;
        let is_outermost = self.writer.above == 1;
        let out = &mut self.writer.out;
        let Some(entry) = self.entries.last_mut() else {
            return Err(JsonError::Syntax);
        };
        entry.end = out.len();
        if is_outermost && self.writer.without_nulls && out[entry.named..] == *b":null" {
            // With the comma before it.
            let comma = usize::from(entry.begin > self.begin);
            out.truncate(entry.begin - comma);
            self.entries.pop();
        }
        Ok(())
    }

    fn close(self, bracket: u8) -> Result<(), JsonError> {
        let out = &mut self.writer.out;
        let name = |entry: &Entry| Name::quoted(&out[entry.begin..entry.named]);
        let is_sorted = |pair: &[Entry]| name(&pair[0]).order(&name(&pair[1])).is_lt();
        if !self.entries.windows(2).all(is_sorted) {
            let mut sorted = self.entries.clone();
            sorted.sort_by(|one, other| name(one).order(&name(other)));
            let mut inside = Vec::with_capacity(out.len() - self.begin);
            for entry in sorted {
                if !inside.is_empty() {
                    inside.push(b',');
                }
                inside.extend_from_slice(&out[entry.begin..entry.end]);
            }
            out.truncate(self.begin);
            out.extend_from_slice(&inside);
        }
        out.push(bracket);
        self.writer.above -= 1;
        Ok(())
    }
}

macro_rules! integers {
    ($($name:ident: $kind:ty,)*) => {
        $(fn $name(self, value: $kind) -> Result<(), JsonError> {
            self.integer(value)
        })*
    };
}

impl<'w> Serializer for &'w mut Writer {
    type Ok = ();
    type Error = JsonError;
    type SerializeSeq = Inside<'w>;
    type SerializeTuple = Inside<'w>;
    type SerializeTupleStruct = Inside<'w>;
    type SerializeTupleVariant = Impossible<(), JsonError>;
    type SerializeMap = Inside<'w>;
    type SerializeStruct = Inside<'w>;
    type SerializeStructVariant = Impossible<(), JsonError>;

    integers! {
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
    }

    fn serialize_bool(self, value: bool) -> Result<(), JsonError> {
        let word: &[u8] = if value { b"true" } else { b"false" };
        self.out.extend_from_slice(word);
        Ok(())
    }

    fn serialize_f32(self, _: f32) -> Result<(), JsonError> {
        Err(JsonError::Number)
    }

    fn serialize_f64(self, _: f64) -> Result<(), JsonError> {
        Err(JsonError::Number)
    }

    fn serialize_char(self, value: char) -> Result<(), JsonError> {
        self.text(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), JsonError> {
        self.text(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), JsonError> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), JsonError> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), JsonError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), JsonError> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), JsonError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), JsonError> {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), JsonError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), JsonError> {
        Err(JsonError::Syntax)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Inside<'w>, JsonError> {
        self.open(b'[')
    }

    fn serialize_tuple(self, _: usize) -> Result<Inside<'w>, JsonError> {
        self.open(b'[')
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Inside<'w>, JsonError> {
        self.open(b'[')
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, JsonError> {
        Err(JsonError::Syntax)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Inside<'w>, JsonError> {
        self.open(b'{')
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Inside<'w>, JsonError> {
        self.open(b'{')
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, JsonError> {
        Err(JsonError::Syntax)
    }
}

macro_rules! arrays {
    ($($kind:ident::$element:ident,)*) => {
        $(impl $kind for Inside<'_> {
            type Ok = ();
            type Error = JsonError;

            fn $element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
                self.element(value)
            }

            fn end(self) -> Result<(), JsonError> {
                self.close(b']')
            }
        })*
    };
}

arrays! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
}

impl SerializeMap for Inside<'_> {
    type Ok = ();
    type Error = JsonError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), JsonError> {
        self.name(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
        self.member(value)
    }

    fn end(self) -> Result<(), JsonError> {
        self.close(b'}')
    }
}

impl SerializeStruct for Inside<'_> {
    type Ok = ();
    type Error = JsonError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), JsonError> {
        self.name(key)?;
        self.member(value)
    }

    fn end(self) -> Result<(), JsonError> {
        self.close(b'}')
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::{super::canonical, *};

    /// Members that are not in the order of JCS, as structs have them.
    #[derive(Serialize)]
    struct Row {
        rev: u64,
        id: &'static str,
        none: Option<u8>,
        details: Details,
        also_none: (),
        at: i64,
    }

    #[derive(Serialize)]
    struct Details {
        title: String,
        #[serde(rename = "a")]
        all: Vec<(u8, Option<bool>)>,
        none: Option<u8>,
        empty: Map<String, Value>,
        kind: Kind,
    }

    #[derive(Serialize, Clone, Copy)]
    enum Kind {
        Plain,
        Of(u8),
    }

    fn row(kind: Kind) -> Row {
        Row {
            rev: 7,
            id: "é\"\n",
            none: None,
            details: Details {
                title: "plain".into(),
                all: vec![(1, None), (2, Some(true))],
                none: None,
                empty: Map::new(),
                kind,
            },
            also_none: (),
            at: -1,
        }
    }

    #[test]
    fn a_struct_is_written_as_its_value_is() {
        let row_ = row(Kind::Plain);
        let mut value = serde_json::to_value(&row_).expect("JSON");
        assert_eq!(write(&row_, false), canonical(&value));
        let members = value.as_object_mut().expect("an object");
        members.retain(|_, member| !member.is_null());
        assert_eq!(members.len(), 4);
        assert!(members["details"]["none"].is_null(), "inside it stays");
        assert_eq!(write(&row_, true), canonical(&value));
        assert_eq!(write(&row(Kind::Of(1)), true), Err(JsonError::Syntax));
        assert_eq!(write(&json!({"a": null}), true), Ok(b"{}".to_vec()));
        assert_eq!(
            write(&json!({"a": null, "b": null, "c": 1}), true),
            Ok(br#"{"c":1}"#.to_vec())
        );
    }

    #[test]
    fn bounds_are_those_of_the_formats() {
        let most = (1_i64 << 53) - 1;
        for number in [
            0,
            9,
            10,
            -10,
            most,
            -most,
            most + 1,
            -most - 1,
            i64::MIN,
            i64::MAX,
        ] {
            assert_eq!(write(&number, false), canonical(&json!(number)), "{number}");
        }
        assert_eq!(write(&u64::MAX, false), Err(JsonError::Number));
        assert_eq!(write(&0.5, false), Err(JsonError::Number));
        let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
        for depth in [MAX_DEPTH, MAX_DEPTH + 1] {
            let value = nested(depth);
            assert_eq!(write(&value, false), canonical(&value));
        }
        let numbered: std::collections::BTreeMap<u8, u8> = [(1, 1)].into();
        assert_eq!(write(&numbered, false), Err(JsonError::Syntax));
    }

    proptest! {
        #[test]
        fn members_are_sorted_however_they_come(
            names in proptest::collection::btree_set("[ab\nÿé\u{1f600}\u{fb33}\"]{0,3}", 0..6),
            order: u64,
        ) {
            /// An object whose members come in any order.
            struct Shuffled(Vec<String>);
            impl Serialize for Shuffled {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_map(self.0.iter().map(|name| (name, name.len())))
                }
            }
            let mut names: Vec<String> = names.into_iter().collect();
            names.sort_by_key(|name| (name.len() as u64).wrapping_mul(order) % 7);
            let shuffled = Shuffled(names);
            let value = serde_json::to_value(&shuffled).expect("JSON");
            prop_assert_eq!(write(&shuffled, false), canonical(&value));
        }
    }
}
