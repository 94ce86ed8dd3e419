//! Metadata in: JSON read strictly, so that two readers never see different members.

mod objects;

use std::fmt;

use custos_core::hash::{Hash, sha256};
use rocket::{
    Data, Request,
    data::{ByteUnit, FromData, Outcome},
};
use serde::{
    Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use tokio::io::AsyncReadExt;

use self::objects::Objects;
pub use self::objects::tagged;
use super::errors::Failure;

/// Longest metadata in bytes.
pub const MAX_METADATA_BYTES: u64 = 64 << 10;
/// Arrays and objects inside each other, the outermost counted.
const MAX_DEPTH: usize = 16;

/// A body of JSON: no member twice, none unknown, nothing behind it; and the SHA-256 of its bytes.
#[derive(Debug)]
pub struct Metadata<T>(pub T, pub Hash);

#[rocket::async_trait]
impl<'r, T: DeserializeOwned> FromData<'r> for Metadata<T> {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r, Self> {
        match read(request, data).await {
            Ok((value, hash)) => Outcome::Success(Self(value, hash)),
            Err(failure) => Outcome::Error(failure.stash(request)),
        }
    }
}

async fn read<T: DeserializeOwned>(
    request: &Request<'_>,
    data: Data<'_>,
) -> Result<(T, Hash), Failure> {
    if !request.content_type().is_some_and(|kind| kind.is_json()) {
        return Err(Failure::MediaType("application/json"));
    }
    let bytes = whole_body(request, data, MAX_METADATA_BYTES).await?;
    Ok((parse(&bytes)?, sha256(&[&bytes])))
}

/// The whole of a short body.
///
/// # Errors
/// It is longer than `limit`, or was cut.
pub async fn whole_body(
    request: &Request<'_>,
    data: Data<'_>,
    limit: u64,
) -> Result<Vec<u8>, Failure> {
    let cut = || Failure::Malformed("the body was cut".into());
    let expected = content_length(request)?;
    if expected.is_some_and(|expected| expected > limit) {
        return Err(Failure::TooLarge { limit });
    }
    let mut bytes = Vec::new();
    let mut stream = data.open(ByteUnit::from(limit + 1));
    stream.read_to_end(&mut bytes).await.map_err(|_| cut())?;
    if bytes.len() as u64 > limit {
        return Err(Failure::TooLarge { limit });
    }
    // Rocket hides a cut within the first bytes.
    if expected.is_some_and(|expected| expected != bytes.len() as u64) {
        return Err(cut());
    }
    Ok(bytes)
}

/// The length that a request says its body has.
///
/// # Errors
/// It says something else than one number.
pub fn content_length(request: &Request<'_>) -> Result<Option<u64>, Failure> {
    let odd = || Failure::Malformed("`Content-Length` is not one number".into());
    let mut said = request.headers().get("content-length");
    match (said.next(), said.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(odd()),
        (Some(length), None) => length.parse().map(Some).map_err(|_| odd()),
    }
}

/// Reads strict JSON into `T`.
///
/// # Errors
/// [`Failure::Malformed`], which names the member where it can.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let malformed = |error: serde_json::Error| {
        // Where it is in the text helps nobody who wrote it with a program.
        let text = error.to_string();
        let what = text.split(" at line ").next().unwrap_or_default();
        Failure::Malformed(format!("the body can't be read: {what}"))
    };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0 }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(malformed)?;
    T::deserialize(Objects(value)).map_err(malformed)
}

/// Builds a value and refuses what `serde_json` would let the last of two members decide.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Strict {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format_args!(
                "it is nested deeper than {MAX_DEPTH}"
            )));
        }
        Ok(Self {
            depth: self.depth + 1,
        })
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value);
        number
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(format_args!(
                    "member `{name}` stands twice"
                )));
            }
            members.insert(name, map.next_value_seed(inner)?);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Taken {
        number: String,
        inner: Option<Value>,
    }

    fn refused(text: &str) -> String {
        let failure = parse::<Taken>(text.as_bytes()).expect_err("it is refused");
        failure.problem().detail
    }

    #[test]
    fn what_is_plain_is_read() {
        let taken: Taken = parse(br#" {"number": "1/26", "inner": {"a": [1, null]}} "#)
            .map_err(|failure| failure.problem().detail)
            .expect("it is read");
        assert_eq!(taken.number, "1/26");
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused_by_name() {
        assert!(refused(r#"{"number":"a","number":"b"}"#).contains("`number` stands twice"));
        assert!(refused(r#"{"number":"a","inner":{"x":1,"x":2}}"#).contains("`x` stands twice"));
        assert!(refused(r#"{"number":"a","role":"judge"}"#).contains("`role`"));
        assert!(refused("{}").contains("`number`"));
        assert!(refused(r#"{"number":"a"} {}"#).contains("can't be read"));
        assert!(refused(r#"{"number":7}"#).contains("integer"));
        let deep = format!(
            r#"{{"number":"a","inner":{}{}}}"#,
            "[".repeat(100),
            "]".repeat(100)
        );
        assert!(refused(&deep).contains("deeper"));
        let bottomless = format!(r#"{{"inner":{}"#, "[".repeat(30_000));
        assert!(refused(&bottomless).contains("deeper"));
        assert!(refused("\u{feff}{}").contains("can't be read"));
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(default)]
        many: Vec<Inner>,
        one: Option<Inner>,
        #[serde(default, deserialize_with = "some")]
        which: Option<Which>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[serde(default)]
        name: String,
    }

    #[derive(Debug, Deserialize)]
    #[serde(tag = "is", rename_all = "lowercase")]
    enum Which {
        Named { name: String },
    }

    fn some<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Which>, D::Error> {
        tagged(reader).map(Some)
    }

    #[test]
    fn an_array_is_no_object_wherever_it_stands() {
        let read = |text: &str| parse::<Outer>(text.as_bytes());
        let whole = r#"{"many":[{"name":"a"},{}],"one":null,"which":{"is":"named","name":"n"}}"#;
        let whole = read(whole).map_err(|failure| failure.problem().detail);
        let whole = whole.expect("it is read");
        assert_eq!((whole.many.len(), whole.many[0].name.as_str()), (2, "a"));
        assert!(whole.one.is_none());
        assert!(matches!(whole.which, Some(Which::Named { name }) if name == "n"));
        for odd in [
            "[]",
            "[[]]",
            r#"{"many":[[]]}"#,
            r#"{"many":[["a"]]}"#,
            r#"{"one":[]}"#,
            r#"{"which":["named","n"]}"#,
            r#"{"which":{"is":["named"],"name":"n"}}"#,
        ] {
            let failure = read(odd).expect_err(odd);
            assert_eq!(failure.problem().status.code, 400, "{odd}");
        }
    }
}
