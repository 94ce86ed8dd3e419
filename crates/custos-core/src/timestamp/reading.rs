//! DER, one element after the other, each read where the caller says what it has to be.

use der::{
    Decode as _, Reader as _, SliceReader,
    asn1::{AnyRef, ObjectIdentifier, UintRef},
};
use ring::digest;

use super::{PolicyId, TimestampError, object_identifier};
use crate::ids::Timestamp;

/// Tags of the elements that are read (X.690 8.14, context-specific ones with their number).
pub(super) mod tag {
    pub const BOOLEAN: u8 = 0x01;
    pub const INTEGER: u8 = 0x02;
    pub const BIT_STRING: u8 = 0x03;
    pub const OCTET_STRING: u8 = 0x04;
    pub const OBJECT_IDENTIFIER: u8 = 0x06;
    pub const UTC_TIME: u8 = 0x17;
    pub const GENERALIZED_TIME: u8 = 0x18;
    pub const SEQUENCE: u8 = 0x30;
    pub const SET: u8 = 0x31;
    pub const CONTEXT_0: u8 = 0xa0;
    pub const CONTEXT_1: u8 = 0xa1;
    pub const CONTEXT_3: u8 = 0xa3;
    /// `[0]`, primitive.
    pub const PLAIN_0: u8 = 0x80;
    /// `[1]`, primitive.
    pub const PLAIN_1: u8 = 0x81;
    /// `[2]`, primitive.
    pub const PLAIN_2: u8 = 0x82;
}

/// `AlgorithmIdentifier` of SHA-256 without parameters (RFC 5754, 2).
pub(super) const SHA_256_ALGORITHM: &[u8] = b"\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01";

/// The digests that are taken (RFC 5754).
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");

/// One element.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    /// Its first byte: class, form and number.
    pub tag: u8,
    /// Its content.
    pub value: &'a [u8],
    /// All of it.
    pub whole: &'a [u8],
}

/// Elements one after the other, each at most once, none left over.
pub(super) struct Elements<'a> {
    reader: SliceReader<'a>,
    /// What is read, for whoever is told that it is not of its form.
    what: &'static str,
}

impl<'a> Elements<'a> {
    /// The elements in `bytes`.
    pub fn of(bytes: &'a [u8], what: &'static str) -> Result<Self, TimestampError> {
        let reader = SliceReader::new(bytes).map_err(|_| TimestampError::Form(what))?;
        Ok(Self { reader, what })
    }

    /// That something is not as it has to be.
    pub fn wrong(&self) -> TimestampError {
        TimestampError::Form(self.what)
    }

    /// The next element, of this tag.
    pub fn next(&mut self, tag: u8) -> Result<Element<'a>, TimestampError> {
        self.optional(tag)?.ok_or(self.wrong())
    }

    /// The next element if it has this tag.
    pub fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, TimestampError> {
        if self.reader.peek_byte() == Some(tag) {
            self.any().map(Some)
        } else {
            Ok(None)
        }
    }

    /// The next element, whatever it is.
    pub fn any(&mut self) -> Result<Element<'a>, TimestampError> {
        let wrong = self.wrong();
        let read = |reader: &mut SliceReader<'a>| {
            let whole = reader.tlv_bytes().ok()?;
            let value = AnyRef::from_der(whole).ok()?.value();
            let tag = *whole.first()?;
            Some(Element { tag, value, whole })
        };
        read(&mut self.reader).ok_or(wrong)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.reader.is_finished()
    }

    /// That nothing is left.
    pub fn end(&self) -> Result<(), TimestampError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(self.wrong())
        }
    }

    /// What stands inside of the next element, of this tag.
    pub fn inside(&mut self, tag: u8) -> Result<Elements<'a>, TimestampError> {
        Elements::of(self.next(tag)?.value, self.what)
    }

    /// An object identifier.
    pub fn identifier(&mut self) -> Result<ObjectIdentifier, TimestampError> {
        let element = self.next(tag::OBJECT_IDENTIFIER)?;
        object_identifier(element.whole).ok_or(self.wrong())
    }

    /// An object identifier that names a policy.
    pub fn policy(&mut self) -> Result<PolicyId, TimestampError> {
        self.identifier().map(PolicyId)
    }

    /// A natural number below 2^64.
    pub fn small(&mut self) -> Result<u64, TimestampError> {
        let element = self.next(tag::INTEGER)?;
        number(element.whole).ok_or(self.wrong())
    }

    /// An `AlgorithmIdentifier` of a digest: its parameters are absent or null (RFC 5754, 2).
    pub fn digest(&mut self) -> Result<&'static digest::Algorithm, TimestampError> {
        let mut inside = self.inside(tag::SEQUENCE)?;
        let id = inside.identifier()?;
        if !inside.is_empty() && inside.any()?.whole != [0x05, 0] {
            return Err(self.wrong());
        }
        inside.end()?;
        match id {
            SHA_256 => Ok(&digest::SHA256),
            SHA_384 => Ok(&digest::SHA384),
            SHA_512 => Ok(&digest::SHA512),
            _ => Err(TimestampError::Digest),
        }
    }
}

/// A natural number below 2^64, in its shortest form; the whole element.
pub(super) fn number(whole: &[u8]) -> Option<u64> {
    let number = UintRef::from_der(whole).ok()?;
    let bytes = number.as_bytes();
    (bytes.len() <= 8).then(|| {
        bytes
            .iter()
            .fold(0, |all, byte| all << 8 | u64::from(*byte))
    })
}

/// The members of a set, in whatever order, at most `most` of them.
pub(super) fn members(content: &[u8], most: usize) -> Result<Vec<Element<'_>>, TimestampError> {
    let mut elements = Elements::of(content, "a set")?;
    let mut all = Vec::new();
    while !elements.is_empty() {
        if all.len() == most {
            return Err(TimestampError::Form("a set has too many members"));
        }
        all.push(elements.any()?);
    }
    Ok(all)
}

/// Whether the members of a set stand in the order of their bytes.
///
/// X.690 11.6 pads the shorter of two with zero bytes to compare them. No element of DER is the
/// beginning of another one, so that plain comparison says the same.
pub(super) fn is_sorted(members: &[Element<'_>]) -> bool {
    members.is_sorted_by(|before, next| before.whole <= next.whole)
}

/// The members of a set that is in order.
pub(super) fn sorted<'a>(
    content: &'a [u8],
    most: usize,
    what: &'static str,
) -> Result<Vec<Element<'a>>, TimestampError> {
    let all = members(content, most)?;
    if is_sorted(&all) {
        Ok(all)
    } else {
        Err(TimestampError::Unsorted(what))
    }
}

/// A time of DER: `GeneralizedTime` as RFC 3161 (2.4.2) allows it, with a fraction of at most
/// nine digits that does not end in a zero, or `UTCTime` (RFC 5280, 4.1.2.5.1). Digits behind the
/// microseconds are cut off.
pub(super) fn time(element: &Element<'_>) -> Option<Timestamp> {
    let text = std::str::from_utf8(element.value).ok()?.strip_suffix('Z')?;
    let (digits, fraction) = match text.split_once('.') {
        Some((digits, fraction)) => (digits, Some(fraction)),
        None => (text, None),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| digits.get(from..to)?.parse::<i64>().ok();
    let (year, rest) = match (element.tag, digits.len()) {
        (tag::GENERALIZED_TIME, 14) => (part(0, 4)?, 4),
        (tag::UTC_TIME, 12) if fraction.is_none() => {
            let year = part(0, 2)?;
            (if year < 50 { 2_000 } else { 1_900 } + year, 2)
        }
        _ => return None,
    };
    let two = |n: usize| part(rest + 2 * n, rest + 2 * n + 2);
    let (month, day) = (two(0)?, two(1)?);
    let (hour, minute, second) = (two(2)?, two(3)?, two(4)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let micros = fraction.map_or(Some(0), micros_of)?;
    let seconds = day_number(year, month, day)? * 86_400 + hour * 3_600 + minute * 60 + second;
    Timestamp::from_micros(seconds * 1_000_000 + micros).ok()
}

fn micros_of(fraction: &str) -> Option<i64> {
    let digits = fraction.as_bytes();
    let fits = (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    if !fits || digits.ends_with(b"0") {
        return None;
    }
    format!("{fraction:0<6}").get(..6)?.parse().ok()
}

/// Days from 1970-01-01 to this day of the Gregorian calendar; none where there is no such day.
fn day_number(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    // Years begin in March, so that a leap day ends one; 719,468 days lie between 1 March of year
    // 0 and 1970.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    Some(
        365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
            - 719_468,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(tag: u8, text: &str) -> Option<i64> {
        let value = text.as_bytes();
        let whole = value;
        time(&Element { tag, value, whole }).map(|time| time.micros())
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (text, micros) in [
            ("19700101000000Z", 0),
            ("20000229000000Z", 951_782_400_000_000),
            ("20260921141320Z", 1_790_000_000_000_000),
            ("20260921141320.5Z", 1_790_000_000_500_000),
            ("20260921141320.123456789Z", 1_790_000_000_123_456),
            ("21000301000000Z", 4_107_542_400_000_000),
            ("19000301000000Z", -2_203_891_200_000_000),
        ] {
            assert_eq!(seconds(tag::GENERALIZED_TIME, text), Some(micros), "{text}");
        }
        assert_eq!(seconds(tag::UTC_TIME, "700101000000Z"), Some(0));
        let later = seconds(tag::UTC_TIME, "490101000000Z");
        assert_eq!(later, seconds(tag::GENERALIZED_TIME, "20490101000000Z"));
    }

    #[test]
    fn times_of_another_form_are_none() {
        for text in [
            "",
            "Z",
            "20260921141320",
            "20260921141320.Z",
            "20260921141320.50Z",
            "20260921141320.0Z",
            "20260921141320.1234567891Z",
            "2026092114132Z",
            "20260921141360Z",
            "20260921146020Z",
            "20260921241320Z",
            "20261321141320Z",
            "20260900141320Z",
            "20260931141320Z",
            "21000229000000Z",
            "20260921141320+0100",
            "-0260921141320Z",
            "20260921141320.-1Z",
            "2026092114132\u{661}Z",
        ] {
            assert_eq!(seconds(tag::GENERALIZED_TIME, text), None, "{text}");
        }
        assert_eq!(seconds(tag::UTC_TIME, "20260921141320Z"), None);
        assert_eq!(seconds(tag::UTC_TIME, "260921141320.5Z"), None);
    }
}
