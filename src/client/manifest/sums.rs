//! Lists as `sha256sum`, `md5sum` and their kin write them, and BSD's and OpenSSL's tools.
//!
//! ```text
//! hex digits, two spaces (or space and `*`), file name
//! ALGORITHM (file name) = hex digits
//! \ before either: in the name stand `\\`, `\n`, `\r` for what they mean (GNU coreutils)
//! ```

use super::{ALGORITHMS, Row, algorithm, hash, lines, room_for};
use crate::client::told::Declared;

/// Lengths, in hex digits, of hashes that no room takes: SHA-224, SHA-384.
const PASSED_OVER: [(&str, usize); 2] = [("sha224", 56), ("sha384", 96)];

/// What stands on a line: the name, the hash, or the name of an algorithm that no room takes.
type Parts = (Vec<u8>, Result<Declared, String>);

pub(super) fn rows(text: &[u8], passed_over: &mut Vec<String>) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (number, line) in lines(text) {
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let odd = || format!("line {number} is not a hash, two spaces and a file name");
        let (name, found) = line_parts(line).ok_or_else(odd)?;
        let hashes = found.map_or_else(
            |other| {
                passed_over.push(other);
                Vec::new()
            },
            |declared| vec![declared],
        );
        room_for(&rows)?;
        rows.push(Row {
            line: number,
            name,
            hashes,
            ..Row::default()
        });
    }
    Ok(rows)
}

/// The parts of a line; `None` if it is none of this form.
pub(super) fn line_parts(line: &[u8]) -> Option<Parts> {
    let (escaped, line) = match line.strip_prefix(b"\\") {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let (name, found) = plain(line).or_else(|| tagged(line))?;
    let name = if escaped {
        unescaped(name)?
    } else {
        name.into()
    };
    (!name.is_empty()).then_some((name, found))
}

fn plain(line: &[u8]) -> Option<(&[u8], Result<Declared, String>)> {
    let digits = line.iter().position(|byte| !byte.is_ascii_hexdigit())?;
    let (value, rest) = line.split_at(digits);
    let of_length = |(_, length): &&(&'static str, usize)| *length == digits;
    let found = match ALGORITHMS.iter().find(of_length) {
        Some((name, _)) => Ok(hash(name, value)?),
        None => Err(PASSED_OVER.iter().find(of_length)?.0.into()),
    };
    let name = rest
        .strip_prefix(b"  ")
        .or_else(|| rest.strip_prefix(b" *"))?;
    Some((name, found))
}

fn tagged(line: &[u8]) -> Option<(&[u8], Result<Declared, String>)> {
    let open = line.iter().position(|byte| *byte == b'(')?;
    let tag = std::str::from_utf8(&line[..open]).ok()?.trim();
    let is_tag = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if tag.is_empty() || !tag.chars().all(is_tag) {
        return None;
    }
    // The last `=`: a name may hold whatever it likes.
    let equals = line.iter().rposition(|byte| *byte == b'=')?;
    let value = line[equals + 1..].trim_ascii();
    let before = line.get(open + 1..equals)?.trim_ascii_end();
    let name = before.strip_suffix(b")")?;
    let found = match algorithm(tag) {
        Some(known) => Ok(hash(known, value)?),
        None if !value.is_empty() => Err(tag.to_ascii_lowercase()),
        None => return None,
    };
    Some((name, found))
}

fn unescaped(name: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = name.iter();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next()? {
                b'\\' => b'\\',
                b'n' => b'\n',
                b'r' => b'\r',
                _ => return None,
            },
            byte => *byte,
        });
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<(String, String)> {
        let (name, found) = line_parts(text.as_bytes())?;
        let found = found.map_or_else(|other| other, |declared| declared.algorithm.into());
        Some((String::from_utf8(name).expect("UTF-8"), found))
    }

    #[test]
    fn every_spelling_is_read() {
        let hex = |digits: usize| "Ab".repeat(digits / 2);
        for (line, name, algorithm) in [
            (format!("{}  a b.jpg", hex(64)), "a b.jpg", "sha256"),
            (format!("{} *a.jpg", hex(32)), "a.jpg", "md5"),
            (format!("{}  *a.jpg", hex(40)), "*a.jpg", "sha1"),
            (format!("{}  a", hex(128)), "a", "sha512"),
            (format!("{}  a", hex(96)), "a", "sha384"),
            (
                format!("\\{}  a\\nb\\\\c\\r", hex(64)),
                "a\nb\\c\r",
                "sha256",
            ),
            (format!("{}  a\\nb", hex(64)), "a\\nb", "sha256"),
            (format!("SHA256 (a b) = {}", hex(64)), "a b", "sha256"),
            (
                format!("MD5 (a) = (1) = x) = {}", hex(32)),
                "a) = (1) = x",
                "md5",
            ),
            (format!("SHA2-512(a)= {}", hex(128)), "a", "sha512"),
            (format!("\\SHA1 (a\\nb) = {}", hex(40)), "a\nb", "sha1"),
            ("BLAKE2b (a) = 00".into(), "a", "blake2b"),
        ] {
            let expected = Some((name.to_string(), algorithm.to_string()));
            assert_eq!(of(&line), expected, "{line}");
        }
    }

    #[test]
    fn what_is_no_line_is_refused() {
        let sha = "ab".repeat(32);
        for odd in [
            "x".to_string(),
            sha.clone(),
            format!("{sha} a"),
            format!("{sha}  "),
            format!("{}  a", &sha[1..]),
            format!("\\{sha}  a\\x"),
            format!("\\{sha}  a\\"),
            format!("SHA256 (a) = {}", &sha[1..]),
            format!("SHA256 () = {sha}"),
            format!("SHA256 (a = {sha}"),
            format!("(a) = {sha}"),
            "MD5 (a) =".into(),
            "a (b) c".into(),
        ] {
            assert_eq!(of(&odd), None, "{odd}");
            assert!(rows(odd.as_bytes(), &mut Vec::new()).is_err());
        }
    }
}
