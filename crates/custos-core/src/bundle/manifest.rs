//! The text of `bundle.note`: what a bundle is about and which files it holds.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    name::BundleName,
    parts::{self, Parts},
    zip::{MAX_FILES, NOTE_NAME},
};
use crate::{
    event::SUBJECT_TYPES,
    hash::Hash,
    ids::{Id, LeafIndex, MAX_INTEGER, ScopeId},
    json::{self, JsonError, Members, wrong},
};

/// Longest `bundle.note`, in bytes.
pub const MAX_NOTE_BYTES: usize = 16 << 20;

/// What an entry or a bundle is about: slot 20.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// The noun, one of [`SUBJECT_TYPES`].
    pub kind: String,
    /// Its id.
    pub id: Id,
}

impl Subject {
    /// Reads `{"id","type"}`.
    ///
    /// # Errors
    /// Another form, or a type that no subject of a known kind has.
    pub fn from_value(value: &Value) -> Result<Self, JsonError> {
        let members = Members::exactly(value, &["id", "type"])?;
        let kind = members.string("type")?;
        if !SUBJECT_TYPES.contains(&kind) {
            return Err(wrong("type"));
        }
        Ok(Self {
            kind: kind.into(),
            id: members.parsed("id")?,
        })
    }

    /// `{"id","type"}`, as slot 20 and `bundle.note` hold it.
    pub fn to_value(&self) -> Value {
        json!({"type": self.kind, "id": self.id})
    }
}

/// What `bundle.note` says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSum {
    /// Its length in bytes.
    pub length: u64,
    /// The SHA-256 of its bytes.
    pub sha256: Hash,
}

/// The text of `bundle.note`: JCS and a line feed.
///
/// ```text
/// {"absent":[],"checkpoint":n,"control":n,"files":{name:{"length","sha256"}},"included":[],
///  "origin","scope","subject":{"id","type"},"v":1,"withheld":[]}
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The log's origin; the note's key name is this and `/bundle`.
    pub origin: String,
    /// What the bundle is about.
    pub subject: Subject,
    /// The scope whose history of the subject the bundle holds.
    pub scope: ScopeId,
    /// Size of the newest checkpoint, from 1.
    pub checkpoint: u64,
    /// Index of the control entry that names the bundle's key.
    pub control: LeafIndex,
    /// Which parts are there, which are kept back, which do not exist.
    pub parts: Parts,
    /// Every file but `bundle.note`.
    pub files: BTreeMap<BundleName, FileSum>,
}

const MEMBERS: [&str; 10] = [
    "absent",
    "checkpoint",
    "control",
    "files",
    "included",
    "origin",
    "scope",
    "subject",
    "v",
    "withheld",
];

impl Manifest {
    /// The name of the keys that sign bundles of this log.
    pub fn key_name(&self) -> String {
        key_name(&self.origin)
    }

    /// The text, its line feed counted.
    ///
    /// # Errors
    /// A number of 2^53 or more.
    pub fn to_text(&self) -> Result<Vec<u8>, JsonError> {
        let files: Map<String, Value> = self
            .files
            .iter()
            .map(|(name, sum)| {
                let value = json!({"length": sum.length, "sha256": sum.sha256});
                (name.to_string(), value)
            })
            .collect();
        let [included, withheld, absent] = self.parts.to_values();
        let mut text = json::canonical(&json!({
            "v": 1,
            "origin": self.origin,
            "subject": self.subject.to_value(),
            "scope": self.scope,
            "checkpoint": self.checkpoint,
            "control": self.control.get(),
            "included": included,
            "withheld": withheld,
            "absent": absent,
            "files": files,
        }))?;
        text.push(b'\n');
        Ok(text)
    }

    /// Reads the text, its line feed counted, and checks that the parts said to be included
    /// are those whose files are listed.
    ///
    /// # Errors
    /// Another version or form; not canonical; a member named.
    pub fn parse(text: &[u8]) -> Result<Self, JsonError> {
        let jcs = text.strip_suffix(b"\n").ok_or(JsonError::NotCanonical)?;
        let value = json::parse(jcs)?;
        let members = Members::exactly(&value, &MEMBERS)?;
        if members.integer("v")? != 1 {
            return Err(wrong("v"));
        }
        let checkpoint = members.integer("checkpoint")?;
        let control = LeafIndex::new(members.integer("control")?).map_err(|_| wrong("control"))?;
        if checkpoint == 0 || control.get() >= checkpoint {
            return Err(wrong("control"));
        }
        let manifest = Self {
            origin: members.string("origin")?.into(),
            subject: Subject::from_value(members.value("subject")?)?,
            scope: members.parsed("scope")?,
            checkpoint,
            control,
            parts: Parts::from_values(
                members.array("included")?,
                members.array("withheld")?,
                members.array("absent")?,
            )?,
            files: parse_files(members.object("files")?)?,
        };
        let present = parts::present(manifest.files.keys().map(BundleName::as_str));
        if *manifest.parts.included() != present {
            return Err(wrong("included"));
        }
        Ok(manifest)
    }
}

/// The name of the keys that sign bundles of the log of this origin.
pub fn key_name(origin: &str) -> String {
    format!("{origin}/bundle")
}

fn parse_files(files: &Map<String, Value>) -> Result<BTreeMap<BundleName, FileSum>, JsonError> {
    if files.len() as u64 >= MAX_FILES {
        return Err(wrong("files"));
    }
    files
        .iter()
        .map(|(name, value)| {
            let name: BundleName = name.parse().map_err(|_| wrong("files"))?;
            if name.folded() == NOTE_NAME {
                return Err(wrong("files"));
            }
            let members = Members::exactly(value, &["length", "sha256"])?;
            let length = members.integer("length")?;
            debug_assert!(length <= MAX_INTEGER);
            let sha256 = members.parsed("sha256")?;
            Ok((name, FileSum { length, sha256 }))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bundle::parts::Part;

    fn manifest(files: &[(String, u64)]) -> Manifest {
        let files: BTreeMap<_, _> = files
            .iter()
            .map(|(name, length)| {
                let sha256 = crate::hash::sha256(&[name.as_bytes()]);
                let length = *length;
                (
                    name.parse().expect("a good name"),
                    FileSum { length, sha256 },
                )
            })
            .collect();
        let present = parts::present(files.keys().map(BundleName::as_str));
        Manifest {
            origin: "room.example/log".into(),
            subject: Subject {
                kind: "item".into(),
                id: Id::from_bytes([7; 16]),
            },
            scope: ScopeId::from_bytes([8; 16]),
            checkpoint: 9,
            control: LeafIndex::new(0).expect("small"),
            parts: Parts::new(present, [Part::Content]).expect("content is not there"),
            files,
        }
    }

    #[test]
    fn the_text_is_frozen() {
        let text = manifest(&[("README.txt".into(), 3)])
            .to_text()
            .expect("small");
        assert_eq!(
            String::from_utf8(text).expect("JSON"),
            concat!(
                r#"{"absent":["certificate","excerpt","history","keys","redaction","register","timestamps","verifier"],"#,
                r#""checkpoint":9,"control":0,"files":{"README.txt":{"length":3,"sha256":"#,
                r#""b01eeed0ec6fc4f4799e44c7b4084e649d6eee4f1aca52ac935553ff82108398"}},"#,
                r#""included":["custody","instructions"],"origin":"room.example/log","#,
                r#""scope":"08080808080808080808080808080808","subject":{"id":"07070707070707070707070707070707","#,
                r#""type":"item"},"v":1,"withheld":["content"]}"#,
                "\n"
            )
        );
    }

    #[test]
    fn odd_texts_are_refused() {
        let good = String::from_utf8(manifest(&[("a".into(), 3)]).to_text().expect("small"))
            .expect("JSON");
        assert!(Manifest::parse(good.as_bytes()).is_ok());
        for (from, to) in [
            ("\n", ""),
            ("\n", "\n\n"),
            (r#""v":1"#, r#""v":2"#),
            (r#""v":1"#, r#""v":1,"w":1"#),
            (r#""checkpoint":9"#, r#""checkpoint":0"#),
            (r#""control":0"#, r#""control":9"#),
            (r#""control":0"#, r#""control":-1"#),
            (r#"{"a":"#, r#"{"../a":"#),
            (r#"{"a":"#, r#"{"Bundle.note":"#),
            (r#""length":3"#, r#""length":-3"#),
            (r#""length":3"#, r#""length":"3""#),
            (r#""length":3,"#, ""),
            (r#""included":["custody"]"#, r#""included":[]"#),
            (
                r#""included":["custody"]"#,
                r#""included":["custody","excerpt"]"#,
            ),
            (
                r#""withheld":["content"]"#,
                r#""withheld":["content","content"]"#,
            ),
            (
                r#""withheld":["content"]"#,
                r#""withheld":["certificate","content"]"#,
            ),
            (r#""withheld":["content"]"#, r#""withheld":["more"]"#),
            (r#""withheld":["content"]"#, r#""withheld":[]"#),
        ] {
            assert!(good.contains(from), "{from}");
            let bad = good.replace(from, to);
            assert!(Manifest::parse(bad.as_bytes()).is_err(), "{from} -> {to}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(files in prop::collection::vec(("[a-z]{1,9}(/[a-z]{1,9}){0,2}", 0..MAX_INTEGER), 0..20)) {
            let manifest = manifest(&files);
            let text = manifest.to_text().expect("below 2^53");
            prop_assert_eq!(Manifest::parse(&text), Ok(manifest));
        }

        #[test]
        fn changed_texts_are_another_manifest_or_none(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let manifest = manifest(&[("a".into(), 3)]);
            let mut text = manifest.to_text().expect("small");
            let at = at.index(text.len());
            prop_assume!(text[at] != byte);
            text[at] = byte;
            prop_assert_ne!(Manifest::parse(&text), Ok(manifest));
        }
    }
}
