//! Lists of hashes that were taken at acquisition, as `sha256sum` and its kin write them.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsStr,
    fs::File,
    io::Read,
    os::unix::ffi::OsStrExt,
    path::Path,
};

use super::{error::ClientError, manifest::Manifest, names, told::Declared};

/// Largest list, in bytes.
const MAX_LIST_BYTES: u64 = 64 << 20;

/// Hashes by the file name that they stand beside.
#[derive(Debug, Default)]
pub struct Hashes {
    by_name: HashMap<Vec<u8>, Vec<Declared>>,
}

impl Hashes {
    /// Adds a list.
    ///
    /// # Errors
    /// It can't be read, a line is not of its form, or a name has two hashes of one kind.
    pub fn read(&mut self, path: &Path) -> Result<(), ClientError> {
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(ClientError::file(path, "read"))?;
        file.take(MAX_LIST_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(ClientError::file(path, "read"))?;
        self.parse(&bytes).map_err(|what| {
            let shown = names::shown(path);
            ClientError::Usage(format!(
                "the list of hashes `{shown}`: {what}; nothing was sent"
            ))
        })
    }

    fn parse(&mut self, bytes: &[u8]) -> Result<(), String> {
        if bytes.len() as u64 > MAX_LIST_BYTES {
            return Err(format!("it is longer than {MAX_LIST_BYTES} bytes"));
        }
        for row in Manifest::sums(bytes)? {
            let known = self.by_name.entry(row.name).or_default();
            for declared in row.hashes {
                if known.iter().any(|k| k.algorithm == declared.algorithm) {
                    return Err(format!(
                        "line {} names a file for the second time",
                        row.line
                    ));
                }
                known.push(declared);
            }
        }
        Ok(())
    }

    /// What was declared for a file: by its path as it was given, else by its name alone.
    pub fn of(&self, path: &Path) -> Option<&[Declared]> {
        let whole = path.as_os_str();
        let found = self.by_name.get(whole.as_bytes()).or_else(|| {
            let name = path.file_name()?;
            self.by_name.get(name.as_bytes())
        });
        found.map(Vec::as_slice)
    }

    /// Files among `paths` whose declared hashes would also be those of another.
    pub fn shared<'a>(&self, mut paths: impl Iterator<Item = &'a Path>) -> Option<&'a Path> {
        let mut seen = HashSet::new();
        paths.find(|path| {
            let name = path.file_name().unwrap_or(OsStr::new(""));
            let by_name = !self.by_name.contains_key(path.as_os_str().as_bytes());
            by_name && self.by_name.contains_key(name.as_bytes()) && !seen.insert(name)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Hashes, String> {
        let mut hashes = Hashes::default();
        hashes.parse(text).map(|()| hashes)
    }

    #[test]
    fn lists_of_the_usual_tools_are_read() {
        let (sha, md5) = ("AB".repeat(32), "cd".repeat(16));
        let text =
            format!("# taken on site\n{sha}  a b.jpg\r\n{md5} *a b.jpg\n\\{sha}  c\\nd\\\\\n\n");
        let hashes = read(text.as_bytes()).expect("a list");
        let of = |name: &str| hashes.of(Path::new(name)).map(<[Declared]>::len);
        assert_eq!(of("folder/a b.jpg"), Some(2));
        assert_eq!(of("c\nd\\"), Some(1));
        assert_eq!(of("b.jpg"), None);
        let declared = &hashes.of(Path::new("a b.jpg")).expect("hashes")[0];
        assert_eq!(
            (declared.algorithm, declared.value.as_str()),
            ("sha256", sha.to_lowercase().as_str())
        );
    }

    #[test]
    fn odd_lines_are_refused() {
        let sha = "ab".repeat(32);
        for odd in [
            "x".to_string(),
            sha.clone(),
            format!("{sha} a"),
            format!("{sha}  "),
            format!("{}  a", &sha[1..]),
            format!("\\{sha}  a\\x"),
            format!("{sha}  a\n{sha}  a"),
        ] {
            assert!(read(odd.as_bytes()).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_name_that_two_files_share_is_found() {
        let hashes = read(format!("{}  a\n{}  x/b", "ab".repeat(32), "cd".repeat(32)).as_bytes())
            .expect("a list");
        let shared = |names: [&'static str; 2]| hashes.shared(names.into_iter().map(Path::new));
        assert!(shared(["x/a", "y/a"]).is_some());
        assert!(shared(["x/a", "y/b"]).is_none());
        assert!(shared(["x/b", "y/b"]).is_none());
    }
}
