//! What is told of an item before its bytes, as the API takes it.

use std::collections::BTreeMap;

use custos_core::{
    hash::{Hash, sha256},
    ids::{ItemId, Timestamp},
};
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{manifest::Words, names::Name};

/// Longest line that a room takes, in characters.
const MAX_LINE_CHARS: usize = 300;
/// The particular that tells the original path of a file.
const FILE_PATH: &str = "file_path";

/// When something was captured, and by which clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Captured {
    /// The moment.
    pub at: Timestamp,
    /// Minutes east of UTC.
    pub offset_minutes: i16,
}

impl Captured {
    /// Reads RFC 3339: `2026-03-01T14:05:00+01:00`. The offset is never guessed.
    ///
    /// # Errors
    /// A line that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let form = "give date, time and offset from UTC, like `2026-03-01T14:05:00+01:00`";
        let there = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| form)?;
        let micros = there.unix_timestamp_nanos().div_euclid(1_000);
        let at = i64::try_from(micros).ok();
        let at = at.and_then(|micros| Timestamp::from_micros(micros).ok());
        Ok(Self {
            at: at.ok_or(form)?,
            offset_minutes: there.offset().whole_minutes(),
        })
    }
}

/// What is told of every file of one deposit.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// What it is, in a sentence.
    pub description: String,
    /// Where it was obtained.
    pub place: String,
    /// When it was obtained.
    pub captured: Option<Captured>,
    /// Type, make, model, serial number.
    pub device: String,
    /// Acquisition tool and version.
    pub tool: String,
    /// Under which authority.
    pub authority: String,
    /// From whom or what; a pseudonym where a person must be protected.
    pub source: String,
    /// Restricted from the start.
    pub restricted: bool,
    /// More of its origin, by the names that the room takes.
    pub particulars: BTreeMap<String, String>,
    /// How it was made from items of the case, if it was.
    pub derived: Option<Derivation>,
}

/// How a file was made from items of the case.
#[derive(Debug, Clone, Serialize)]
pub struct Derivation {
    /// The items.
    pub sources: Vec<ItemId>,
    /// By which tool.
    pub tool: String,
    /// Its version.
    pub version: String,
    /// How the tool was set.
    pub parameters: String,
    /// Who ran it.
    pub operator: String,
    /// Why.
    pub reason: String,
}

/// A hash that is declared with an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Declared {
    /// `md5`, `sha1`, `sha256`, `sha512`.
    pub algorithm: &'static str,
    /// Lower-case hex.
    pub value: String,
}

/// The body with which an item is announced.
#[derive(Debug, Clone, Serialize)]
pub struct Announcement<'a> {
    /// Exhibit reference.
    pub reference: &'a str,
    /// Original file name.
    pub file_name: &'a Name,
    /// Hashes taken before.
    pub declared: &'a [Declared],
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    captured_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    captured_offset_minutes: Option<i16>,
    place: &'a str,
    authority: &'a str,
    source: &'a str,
    device: &'a str,
    tool: &'a str,
    sensitivity: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    particulars: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    derived: Option<&'a Derivation>,
}

impl Told {
    /// What is told of one file: these words, those of a manifest in their place, and its path.
    pub fn of_file(&self, words: Option<&Words>, path: Option<&str>) -> Self {
        let mut told = self.clone();
        if let Some(words) = words {
            told.captured = words.captured.or(told.captured);
            told.restricted = words.restricted.unwrap_or(told.restricted);
            for (name, text) in &words.texts {
                let field = match name.as_str() {
                    "description" => &mut told.description,
                    "place" => &mut told.place,
                    "device" => &mut told.device,
                    "tool" => &mut told.tool,
                    "authority" => &mut told.authority,
                    "source" => &mut told.source,
                    particular => told.particulars.entry(particular.into()).or_default(),
                };
                field.clone_from(text);
            }
        }
        if let Some(path) = path {
            let particulars = &mut told.particulars;
            let field = particulars.entry(FILE_PATH.into());
            field.or_insert_with(|| end_of(path));
        }
        told
    }

    /// What is told of one file.
    pub fn announce<'a>(
        &'a self,
        reference: &'a str,
        file_name: &'a Name,
        declared: &'a [Declared],
    ) -> Announcement<'a> {
        Announcement {
            reference,
            file_name,
            declared,
            description: &self.description,
            captured_at: self.captured.map(|captured| captured.at),
            captured_offset_minutes: self.captured.map(|captured| captured.offset_minutes),
            place: &self.place,
            authority: &self.authority,
            source: &self.source,
            device: &self.device,
            tool: &self.tool,
            sensitivity: if self.restricted {
                "restricted"
            } else {
                "normal"
            },
            particulars: &self.particulars,
            derived: self.derived.as_ref(),
        }
    }
}

/// As much of a path's end as a room takes.
fn end_of(path: &str) -> String {
    let chars = path.chars().count();
    if chars <= MAX_LINE_CHARS {
        return path.into();
    }
    let end = path.chars().skip(chars - MAX_LINE_CHARS + 1);
    std::iter::once('\u{2026}').chain(end).collect()
}

impl Announcement<'_> {
    /// Names what is told, so that a rerun which tells something else announces anew.
    pub fn fingerprint(&self) -> Hash {
        let text = serde_json::to_vec(self).expect("texts and numbers are JSON");
        sha256(&[&text])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capture_times_need_their_offset() {
        let captured = Captured::parse("2026-11-23T14:25:30.5+01:00").expect("a time");
        assert_eq!(captured.at.micros(), 1_795_440_330_500_000);
        assert_eq!(captured.offset_minutes, 60);
        let west = Captured::parse("2026-11-23T09:55:30-03:30").expect("a time");
        assert_eq!(west.at.micros(), 1_795_440_330_000_000);
        assert_eq!(west.offset_minutes, -210);
        assert_eq!(
            Captured::parse("2026-11-23T13:25:30Z").map(|c| c.offset_minutes),
            Ok(0)
        );
        for odd in [
            "",
            "2026-11-23",
            "2026-11-23T14:25:30",
            "yesterday",
            "2026-13-01T00:00:00Z",
        ] {
            assert!(Captured::parse(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn what_a_manifest_tells_stands_before_what_is_told_of_all() {
        let all = Told {
            description: "a search".into(),
            place: "a lock-up".into(),
            ..Told::default()
        };
        let mut words = Words {
            restricted: Some(true),
            ..Words::default()
        };
        let texts = [("description", "a photo"), ("device_serial", "KX-77")];
        words.texts = texts.map(|(a, b)| (a.into(), b.into())).into();
        let told = all.of_file(Some(&words), Some("usb/a.jpg"));
        assert_eq!(
            (told.description.as_str(), told.restricted),
            ("a photo", true)
        );
        assert_eq!(told.place, "a lock-up");
        assert_eq!(told.particulars["device_serial"], "KX-77");
        assert_eq!(told.particulars["file_path"], "usb/a.jpg");
        // A path that is told by name stays, and a long one keeps its end.
        words.texts.insert("file_path".into(), "D:\\a.jpg".into());
        let told = all.of_file(Some(&words), Some("usb/a.jpg"));
        assert_eq!(told.particulars["file_path"], "D:\\a.jpg");
        let long = format!("{}/a.jpg", "x".repeat(400));
        let kept = all.of_file(None, Some(&long)).particulars["file_path"].clone();
        assert!(kept.ends_with("x/a.jpg") && kept.chars().count() == MAX_LINE_CHARS);
    }

    #[test]
    fn another_description_is_another_announcement() {
        let name = Name::Text("a.jpg".into());
        let one = Told::default();
        let other = Told {
            description: "a photo".into(),
            ..Told::default()
        };
        let print = |told: &Told| told.announce("JS/1", &name, &[]).fingerprint();
        assert_eq!(print(&one), print(&one.clone()));
        assert_ne!(print(&one), print(&other));
    }
}
