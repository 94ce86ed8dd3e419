//! How times, sizes and names stand on pages.

use custos_core::ids::Timestamp;
use time::{
    OffsetDateTime, PrimitiveDateTime, UtcOffset,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::format_description,
};

const DAY_AND_SECOND: &[BorrowedFormatItem<'_>] =
    format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute]:[second]");
/// What a browser sends for a field of day and minute; seconds may follow.
const LOCAL_MINUTE: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]");
const LOCAL_SECOND: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");

fn moment(time: Timestamp) -> OffsetDateTime {
    let nanos = i128::from(time.micros()) * 1_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// `23 November 2026, 13:25:30 UTC`.
pub fn utc(time: &Timestamp) -> String {
    let text = moment(*time).format(DAY_AND_SECOND).unwrap_or_default();
    format!("{text} UTC")
}

/// `23 November 2026, 14:25:30 (UTC+01:00)`, by a clock so many minutes east of UTC.
pub fn local(time: &Timestamp, minutes: i64) -> String {
    let offset = i32::try_from(minutes)
        .ok()
        .and_then(|minutes| UtcOffset::from_whole_seconds(minutes.checked_mul(60)?).ok());
    let Some(offset) = offset else {
        return utc(time);
    };
    let there = moment(*time).to_offset(offset);
    let text = there.format(DAY_AND_SECOND).unwrap_or_default();
    let (hours, minutes, _) = offset.as_hms();
    let sign = if offset.is_negative() { '-' } else { '+' };
    format!(
        "{text} (UTC{sign}{:02}:{:02})",
        hours.unsigned_abs(),
        minutes.unsigned_abs()
    )
}

/// For the `datetime` attribute.
pub fn machine(time: &Timestamp) -> String {
    moment(*time).format(&Rfc3339).unwrap_or_default()
}

/// Reads what a field of day and minute sends, by a clock so many minutes east of UTC.
pub fn parse_local(text: &str, minutes: i16) -> Option<Timestamp> {
    let there = PrimitiveDateTime::parse(text, LOCAL_MINUTE)
        .or_else(|_| PrimitiveDateTime::parse(text, LOCAL_SECOND))
        .ok()?;
    let offset = UtcOffset::from_whole_seconds(i32::from(minutes) * 60).ok()?;
    let micros = there.assume_offset(offset).unix_timestamp_nanos() / 1_000;
    Timestamp::from_micros(i64::try_from(micros).ok()?).ok()
}

/// Reads an offset, `+01:00` or `-03:30`, into minutes east of UTC.
pub fn parse_offset(text: &str) -> Option<i16> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes): (i16, i16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let whole = hours.checked_mul(60)?.checked_add(minutes)?;
    (minutes < 60 && whole <= 14 * 60).then_some(sign * whole)
}

/// `4.1 MB (4,100,000 bytes)`, `12 bytes`.
pub fn size(bytes: &u64) -> String {
    let exact = grouped(*bytes);
    let units = [("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12)];
    let unit = units.iter().rev().find(|(_, unit)| *bytes as f64 >= *unit);
    match unit {
        Some((name, unit)) => format!("{:.1} {name} ({exact} bytes)", *bytes as f64 / unit),
        None if *bytes == 1 => "1 byte".into(),
        None => format!("{exact} bytes"),
    }
}

/// `4.1 MB`, for columns.
pub fn short_size(bytes: &u64) -> String {
    let long = size(bytes);
    long.split(" (").next().unwrap_or_default().into()
}

/// `4,100,000`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A name of ours in plain words: `protection_officer` is `protection officer`.
pub fn plain(name: &str) -> String {
    name.replace('_', " ")
}

/// An error's text as a sentence, with quotation marks where programs have backticks.
pub fn sentence(text: &str) -> String {
    let mut sentence = String::new();
    let mut is_quoted = false;
    for letter in text.chars() {
        if letter == '`' {
            is_quoted = !is_quoted;
            sentence.push(if is_quoted { '\u{201c}' } else { '\u{201d}' });
        } else if sentence.is_empty() {
            sentence.extend(letter.to_uppercase());
        } else {
            sentence.push(letter);
        }
    }
    sentence.push('.');
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).expect("a time")
    }

    #[test]
    fn times_stand_with_their_offset() {
        let time = at(1_795_440_330_000_000);
        assert_eq!(utc(&time), "23 November 2026, 13:25:30 UTC");
        assert_eq!(local(&time, 60), "23 November 2026, 14:25:30 (UTC+01:00)");
        assert_eq!(local(&time, -210), "23 November 2026, 09:55:30 (UTC-03:30)");
        assert_eq!(local(&time, 99_999_999), utc(&time));
        assert_eq!(parse_local("2026-11-23T14:25:30", 60), Some(time));
        assert_eq!(
            parse_local("2026-11-23T14:25", 60),
            Some(at(time.micros() - 30_000_000))
        );
        assert_eq!(parse_local("yesterday", 0), None);
    }

    #[test]
    fn offsets_are_signed() {
        assert_eq!(parse_offset("+01:00"), Some(60));
        assert_eq!(parse_offset("-03:30"), Some(-210));
        for odd in ["", "01:00", "+1:00", "+15:00", "+01:60", "+ab:cd", "é1:00"] {
            assert_eq!(parse_offset(odd), None, "{odd}");
        }
    }

    #[test]
    fn errors_are_sentences() {
        let told = sentence("the field `name` is empty; nothing was changed");
        assert_eq!(
            told,
            "The field \u{201c}name\u{201d} is empty; nothing was changed."
        );
    }

    #[test]
    fn sizes_are_rounded_and_exact() {
        assert_eq!(size(&1), "1 byte");
        assert_eq!(size(&999), "999 bytes");
        assert_eq!(size(&4_100_000), "4.1 MB (4,100,000 bytes)");
    }
}
