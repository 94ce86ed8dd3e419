//! Manifests: lists of files with what was noted of each when they were acquired.
//!
//! ```text
//! sums      HEX  name | HEX *name | \HEX  na\\me | SHA256 (name) = HEX     sha256sum and its kin
//! hashdeep  %%%% HASHDEEP-1.0, %%%% size,md5,...,filename, then those columns
//! ftk       "MD5","SHA1","FileNames"                       FTK Imager's list of file hashes
//! csv       path, and what else is told of each file, by the names in the first line
//! ```

mod hashdeep;
mod sums;
mod table;
mod text;

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use super::{error::ClientError, names, told::Declared};

pub use table::{COLUMNS, Words};

/// Largest manifest, in bytes.
const MAX_MANIFEST_BYTES: u64 = 256 << 20;
/// Most rows of a manifest.
const MAX_ROWS: usize = 1_000_000;
/// Algorithms that a room takes, by the number of their hex digits.
const ALGORITHMS: [(&str, usize); 4] = [("md5", 32), ("sha1", 40), ("sha256", 64), ("sha512", 128)];

/// How a manifest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As `sha256sum` and its kin write it, with or without `--tag`.
    Sums,
    /// As `hashdeep` writes it.
    Hashdeep,
    /// As FTK Imager writes it.
    Ftk,
    /// A table with a line of names.
    Csv,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Sums, Self::Hashdeep, Self::Ftk, Self::Csv];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sums => "sums",
            Self::Hashdeep => "hashdeep",
            Self::Ftk => "ftk",
            Self::Csv => "csv",
        }
    }

    /// Reads a name.
    ///
    /// # Errors
    /// A line that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|format| format.name() == text);
        found.ok_or_else(|| "give `sums`, `hashdeep`, `ftk` or `csv`".into())
    }

    /// Looks at what stands first.
    fn of(text: &[u8]) -> Option<Self> {
        if text.starts_with(hashdeep::MARK) {
            return Some(Self::Hashdeep);
        }
        let first = lines(text).map(|(_, line)| line).find(|line| {
            let line = line.trim_ascii();
            !line.is_empty() && !line.starts_with(b"#")
        })?;
        if sums::line_parts(first).is_some() {
            return Some(Self::Sums);
        }
        table::format_of(first)
    }
}

/// A file that a manifest names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// Its line in the manifest, from 1.
    pub line: u64,
    /// Its name as it is written there.
    pub name: Vec<u8>,
    /// Its hashes, of the algorithms that a room takes.
    pub hashes: Vec<Declared>,
    /// Its bytes.
    pub size: Option<u64>,
    /// What else is told of it.
    pub words: Option<Box<Words>>,
}

/// A manifest that was read.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Where it is.
    pub path: PathBuf,
    /// How it is written.
    pub format: Format,
    /// The files that it names, in its order.
    pub rows: Vec<Row>,
    /// Names of hashes in it that no room takes.
    pub passed_over: Vec<String>,
}

impl Manifest {
    /// Reads a manifest. `particulars` are the names that a table may use beside its own.
    ///
    /// # Errors
    /// It can't be read, is of no known form, or a line is not of its form.
    pub fn read(
        path: &Path,
        format: Option<Format>,
        particulars: &[&str],
    ) -> Result<Self, ClientError> {
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(ClientError::file(path, "read"))?;
        file.take(MAX_MANIFEST_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(ClientError::file(path, "read"))?;
        Self::parse(path, &bytes, format, particulars).map_err(|what| {
            let shown = names::shown(path);
            ClientError::Usage(format!("the manifest `{shown}`: {what}; nothing was sent"))
        })
    }

    fn parse(
        path: &Path,
        bytes: &[u8],
        format: Option<Format>,
        particulars: &[&str],
    ) -> Result<Self, String> {
        if bytes.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(format!("it is longer than {MAX_MANIFEST_BYTES} bytes"));
        }
        let text = text::as_utf8(bytes)?;
        let format = format.or_else(|| Format::of(&text)).ok_or(
            "its first line is of no form that is known; name its form with `--manifest-format`",
        )?;
        let mut passed_over = Vec::new();
        let rows = match format {
            Format::Sums => sums::rows(&text, &mut passed_over)?,
            Format::Hashdeep => hashdeep::rows(&text, &mut passed_over)?,
            Format::Ftk => table::ftk(&text)?,
            Format::Csv => table::own(&text, particulars)?,
        };
        if rows.is_empty() {
            return Err("it names no file".into());
        }
        passed_over.sort_unstable();
        passed_over.dedup();
        Ok(Self {
            path: path.into(),
            format,
            rows,
            passed_over,
        })
    }

    /// The hashes on each line that has one in the form of `sha256sum`, for `--hashes`.
    ///
    /// # Errors
    /// A line that says what is wrong.
    pub(super) fn sums(bytes: &[u8]) -> Result<Vec<Row>, String> {
        sums::rows(&text::as_utf8(bytes)?, &mut Vec::new())
    }
}

/// Whether one more row may be kept.
fn room_for(rows: &[Row]) -> Result<(), String> {
    if rows.len() < MAX_ROWS {
        return Ok(());
    }
    Err(format!("it names more than {MAX_ROWS} files"))
}

/// Lines with their numbers, without their ends.
fn lines(text: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    (1..).zip(text.split(|byte| *byte == b'\n').map(|line| {
        // Files of other systems.
        line.strip_suffix(b"\r").unwrap_or(line)
    }))
}

/// A hash in hex, of the length of its algorithm.
fn hash(algorithm: &'static str, value: &[u8]) -> Option<Declared> {
    let (_, digits) = ALGORITHMS.iter().find(|(name, _)| *name == algorithm)?;
    let hex = value.len() == *digits && value.iter().all(u8::is_ascii_hexdigit);
    hex.then(|| Declared {
        algorithm,
        value: String::from_utf8_lossy(value).to_ascii_lowercase(),
    })
}

/// An algorithm by its name in any of the tools' spellings.
fn algorithm(name: &str) -> Option<&'static str> {
    let name: String = name.chars().filter(|c| !"-_ ".contains(*c)).collect();
    let name = name.to_ascii_lowercase();
    // As OpenSSL calls them.
    let name = match name.as_str() {
        "sha2256" => "sha256",
        "sha2512" => "sha512",
        name => name,
    };
    let found = ALGORITHMS.into_iter().find(|(known, _)| *known == name)?;
    Some(found.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Manifest, String> {
        Manifest::parse(Path::new("m"), text, None, &["device_serial"])
    }

    #[test]
    fn forms_are_known_by_their_content() {
        let sha = "ab".repeat(32);
        for (text, format) in [
            (format!("{sha}  a\n"), Format::Sums),
            (format!("# on site\n\n{sha} *a\n"), Format::Sums),
            (format!("SHA256 (a) = {sha}\n"), Format::Sums),
            (
                "%%%% HASHDEEP-1.0\n%%%% size,filename\n## x\n3,a\n".into(),
                Format::Hashdeep,
            ),
            ("MD5,SHA1,FileNames\n,,a\n".into(), Format::Ftk),
            (
                "\"MD5\",\"SHA1\",\"FileNames\"\r\n\"\",\"\",\"a\"\r\n".into(),
                Format::Ftk,
            ),
            ("reference,path\nJS/1,a\n".into(), Format::Csv),
            ("path;description\na;b\n".into(), Format::Csv),
            ("path\na\n".into(), Format::Csv),
        ] {
            let manifest = read(text.as_bytes()).unwrap_or_else(|what| panic!("{text}: {what}"));
            assert_eq!(manifest.format, format, "{text}");
            assert_eq!(manifest.rows.len(), 1);
            assert_eq!(manifest.rows[0].name, b"a");
            // The same with a byte order mark, and as Windows writes it.
            let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
            assert_eq!(read(&marked).expect("read").rows, manifest.rows);
            let wide = text.encode_utf16().flat_map(u16::to_le_bytes);
            let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(wide).collect();
            assert_eq!(read(&wide).expect("read").rows, manifest.rows);
        }
        for odd in ["", "\n\n", "# nothing\n", "a,b\nc,d\n", "once upon a time"] {
            assert!(read(odd.as_bytes()).is_err(), "{odd}");
        }
        for format in Format::ALL {
            assert_eq!(Format::parse(format.name()), Ok(format));
            assert!(Manifest::parse(Path::new("m"), b"\0once", Some(format), &[]).is_err());
        }
    }

    #[test]
    fn tools_spell_algorithms_in_many_ways() {
        for (name, known) in [
            ("SHA256", Some("sha256")),
            ("sha-256", Some("sha256")),
            ("SHA2-512", Some("sha512")),
            ("Md5", Some("md5")),
            ("SHA384", None),
            ("", None),
        ] {
            assert_eq!(algorithm(name), known, "{name}");
        }
    }
}
