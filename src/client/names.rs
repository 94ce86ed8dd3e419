//! Names of files: as they are sent, as they are shown, and what is made of them.

use std::{
    ffi::OsStr,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// Longest exhibit reference that is made of a file name, in characters; the room takes 300.
const MAX_REFERENCE_CHARS: usize = 200;
/// Longest file name that is made of a reference, in bytes; file systems take 255.
const MAX_FILE_NAME_BYTES: usize = 160;

/// A file name as the formats write it: text, or `{"hex"}` where it is not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Name {
    /// UTF-8.
    Text(String),
    /// Bytes that are not UTF-8.
    Bytes(HexName),
}

/// Bytes that are not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HexName {
    /// Lower-case hex.
    pub hex: String,
}

impl Name {
    /// Any name of this machine.
    pub fn of(name: &OsStr) -> Self {
        match name.to_str() {
            Some(text) => Self::Text(text.into()),
            None => Self::Bytes(HexName {
                hex: hex::encode(name.as_bytes()),
            }),
        }
    }

    /// Back to a path.
    pub fn to_path(&self) -> Option<PathBuf> {
        Some(match self {
            Self::Text(text) => text.into(),
            Self::Bytes(name) => std::ffi::OsString::from_vec(hex::decode(&name.hex).ok()?).into(),
        })
    }
}

/// A path for people: control characters, and those that turn the direction of text, as
/// escapes; bytes that are not UTF-8 as `\x`.
pub fn shown(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        text.push_str(&plain(chunk.valid()));
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// Text from elsewhere for people, on one line and without anything that steers a terminal.
pub fn plain(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        if is_plain(c) {
            safe.push(c);
        } else {
            safe.extend(c.escape_unicode());
        }
    }
    safe
}

fn is_plain(c: char) -> bool {
    // Format characters: zero width, bidirectional overrides and isolates, byte order mark.
    let format = matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    );
    !c.is_control() && !format
}

/// The exhibit reference that a file gets when none is given: its name, with `_` for what is
/// not plain text.
pub fn reference(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let clean: String = name
        .chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .take(MAX_REFERENCE_CHARS)
        .collect();
    match clean.trim() {
        "" => "unnamed".into(),
        clean => clean.into(),
    }
}

/// A reference as the room compares it: whatever its case and spaces.
pub fn folded(reference: &str) -> String {
    let words: Vec<&str> = reference.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

/// The reference to try after one that is taken: `JS/7` after `JS/6`, `a.txt (2)` after `a.txt`.
pub fn after(reference: &str) -> String {
    let numbered = |head: &str, number: &str, tail: &str| {
        let number = custos_core::ids::decimal(number).ok()?;
        Some(format!("{head}{}{tail}", number.saturating_add(1)))
    };
    let counted = reference.strip_suffix(')').and_then(|rest| {
        let (head, number) = rest.rsplit_once(" (")?;
        numbered(&format!("{head} ("), number, ")")
    });
    let slashed = || {
        let (head, number) = reference.rsplit_once('/')?;
        numbered(&format!("{head}/"), number, "")
    };
    counted
        .or_else(slashed)
        .unwrap_or_else(|| format!("{reference} (2)"))
}

/// A file name made of a reference: `JS/1` is `JS-1`.
pub fn file_stem(reference: &str) -> String {
    let mut stem = String::new();
    for c in reference.chars() {
        let c = match c {
            '/' | '\\' => '-',
            c if is_plain(c) => c,
            _ => '_',
        };
        if stem.len() + c.len_utf8() > MAX_FILE_NAME_BYTES {
            break;
        }
        stem.push(c);
    }
    // No hidden file, and nothing that a program takes for an option.
    let odd = stem.is_empty() || stem.starts_with(['.', '-']);
    if odd { format!("_{stem}") } else { stem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(bytes: &[u8]) -> &Path {
        Path::new(OsStr::from_bytes(bytes))
    }

    #[test]
    fn names_that_are_not_utf8_are_sent_as_hex() {
        let sent = |bytes: &[u8]| {
            let name = Name::of(OsStr::from_bytes(bytes));
            assert_eq!(name.to_path().as_deref(), Some(path(bytes)));
            serde_json::to_string(&name).expect("JSON")
        };
        assert_eq!(sent(b"a\r\nb"), r#""a\r\nb""#);
        assert_eq!(sent("été".as_bytes()), r#""été""#);
        assert_eq!(sent(b"a\xff"), r#"{"hex":"61ff"}"#);
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(
            shown(path(b"a\x1b[2Jb\r\nc\xff")),
            "a\\u{1b}[2Jb\\u{d}\\u{a}c\\xff"
        );
        assert_eq!(shown(Path::new("a\u{202e}fdp.exe")), "a\\u{202e}fdp.exe");
        assert_eq!(shown(Path::new("Zeugin Müller.mp4")), "Zeugin Müller.mp4");
        assert_eq!(plain("ok\u{9b}31m"), "ok\\u{9b}31m");
    }

    #[test]
    fn the_next_reference_counts_on() {
        for (taken, next) in [
            ("JS/6", "JS/7"),
            ("JS/x", "JS/x (2)"),
            ("a.txt", "a.txt (2)"),
            ("a.txt (2)", "a.txt (3)"),
            ("a (b)", "a (b) (2)"),
            ("", " (2)"),
        ] {
            assert_eq!(after(taken), next);
        }
    }

    #[test]
    fn references_come_from_names() {
        assert_eq!(reference(Path::new("x/photo 1.jpg")), "photo 1.jpg");
        assert_eq!(reference(path(b"a\nb\xff")), "a_b\u{fffd}");
        assert_eq!(reference(Path::new(" ")), "unnamed");
        assert_eq!(reference(Path::new(&"é".repeat(120))).chars().count(), 120);
    }

    #[test]
    fn receipts_get_names_that_every_system_takes() {
        assert_eq!(file_stem("JS/1"), "JS-1");
        assert_eq!(file_stem("../../etc/passwd"), "_..-..-etc-passwd");
        assert_eq!(file_stem("-rf"), "_-rf");
        assert_eq!(file_stem(""), "_");
        assert!(file_stem(&"ß".repeat(300)).len() <= MAX_FILE_NAME_BYTES);
    }
}
