//! The text of a policy set: a schema and named files, and the hash of both.

use std::{fs, io::Read, path::Path};

use custos_core::hash::{Hash, Sha256};

/// Name of the schema's file in a folder.
pub const SCHEMA_FILE: &str = "custos.cedarschema";

/// How the name of a file with policies ends.
pub const POLICY_SUFFIX: &str = ".cedar";

/// Files of one policy set at most, the schema not counted.
pub const MAX_FILES: usize = 256;

/// Length of one file at most.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

macro_rules! embedded {
    ($($name:literal,)*) => {
        /// Names and texts of the first policy set's files, as built into the program.
        const EMBEDDED: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../policies/", $name))),)*];
    };
}

embedded! {
    "cases.cedar",
    "custody.cedar",
    "disclosures.cedar",
    "evidence.cedar",
    "forbids.cedar",
    "people.cedar",
    "policy.cedar",
    "register.cedar",
    "requests.cedar",
}

/// The schema of the first policy set.
const EMBEDDED_SCHEMA: &str = include_str!("../../policies/custos.cedarschema");

/// Why a policy set could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The folder or a file in it cannot be read.
    #[error("cannot read `{path}`; no policy set was loaded")]
    Read {
        /// Where.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is longer than [`MAX_FILE_BYTES`] or is not UTF-8.
    #[error("`{0}` is not text of at most {MAX_FILE_BYTES} bytes; no policy set was loaded")]
    Text(String),
    /// More than [`MAX_FILES`].
    #[error("more than {MAX_FILES} files of policies; no policy set was loaded")]
    TooMany,
    /// Two files of one name, or a name that is empty, long or not ASCII.
    #[error("`{0}` is not a file name of its own; no policy set was loaded")]
    Name(String),
}

/// A policy set as text: what is hashed, approved and loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    schema: String,
    // Ascending by name, bytewise; names are unique.
    files: Vec<(String, String)>,
}

impl Source {
    /// Takes a schema and named files in any order.
    ///
    /// # Errors
    /// Too many files, a name twice, or a name that is not 1 to 200 bytes of ASCII.
    pub fn new(schema: &str, files: &[(&str, &str)]) -> Result<Self, SourceError> {
        if files.len() > MAX_FILES {
            return Err(SourceError::TooMany);
        }
        let mut files: Vec<(String, String)> = files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        files.sort_unstable();
        if let Some(pair) = files.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(SourceError::Name(pair[0].0.clone()));
        }
        if let Some((name, _)) = files.iter().find(|(name, _)| !good_name(name)) {
            return Err(SourceError::Name(name.chars().take(200).collect()));
        }
        Ok(Self {
            schema: schema.to_owned(),
            files,
        })
    }

    /// The policy set built into this program.
    ///
    /// # Panics
    /// Never in a program whose tests passed: they load this set.
    pub fn embedded() -> Self {
        Self::new(EMBEDDED_SCHEMA, EMBEDDED).expect("the first policy set is within the limits")
    }

    /// Reads `custos.cedarschema` and every `*.cedar` directly in a folder.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn folder(folder: &Path) -> Result<Self, SourceError> {
        let unreadable = |source| SourceError::Read {
            path: folder.display().to_string(),
            source,
        };
        let mut owned = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name();
            let name = name
                .to_str()
                .ok_or_else(|| SourceError::Name(name.to_string_lossy().into_owned()))?;
            if !name.ends_with(POLICY_SUFFIX) {
                continue;
            }
            if owned.len() == MAX_FILES {
                return Err(SourceError::TooMany);
            }
            owned.push((name.to_owned(), read_text(&entry.path())?));
        }
        let files: Vec<(&str, &str)> = owned
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        Self::new(&read_text(&folder.join(SCHEMA_FILE))?, &files)
    }

    /// The text of the schema.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// Names and texts of the files, ascending by name.
    pub fn files(&self) -> &[(String, String)] {
        &self.files
    }

    /// The policy set hash of slot 17.
    ///
    /// ```text
    /// SHA-256("custos/policy-set/v1" 0x00
    ///         | u64 length | schema
    ///         | u32 number of files
    ///         | for each file, ascending by name bytewise:
    ///             u16 length | name | u64 length | text)
    /// ```
    /// Integers are big-endian, lengths count bytes, so no byte can move from one part to
    /// another unseen. The schema's own file name is fixed and not hashed.
    pub fn hash(&self) -> Hash {
        let mut hasher = Sha256::new();
        hasher.update(b"custos/policy-set/v1\0");
        hasher.update(&(self.schema.len() as u64).to_be_bytes());
        hasher.update(self.schema.as_bytes());
        let count = u32::try_from(self.files.len()).expect("at most MAX_FILES files");
        hasher.update(&count.to_be_bytes());
        for (name, text) in &self.files {
            let length = u16::try_from(name.len()).expect("a name has at most 200 bytes");
            hasher.update(&length.to_be_bytes());
            hasher.update(name.as_bytes());
            hasher.update(&(text.len() as u64).to_be_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.finish()
    }
}

/// 1 to 200 bytes of printable ASCII.
fn good_name(name: &str) -> bool {
    (1..=200).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Reads a whole file of at most [`MAX_FILE_BYTES`].
fn read_text(path: &Path) -> Result<String, SourceError> {
    let unreadable = |source| SourceError::Read {
        path: path.display().to_string(),
        source,
    };
    let mut bytes = Vec::new();
    fs::File::open(path)
        .map_err(unreadable)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    let too_long = bytes.len() as u64 > MAX_FILE_BYTES;
    match String::from_utf8(bytes) {
        Ok(text) if !too_long => Ok(text),
        _ => Err(SourceError::Text(path.display().to_string())),
    }
}
