//! What is on the disk and what manifests say of it: every file once, in an order that stays.
//!
//! First what manifests name, in their order, then what they do not name, sorted by path; or the
//! files and folders of the command line in its order, each folder sorted.

mod locate;
mod walk;

use std::{
    collections::{HashMap, HashSet},
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::{
    error::ClientError,
    hashes::Hashes,
    manifest::{Format, Manifest, Row, Words},
    names,
    told::Declared,
};

pub use locate::Root;
use locate::{Place, locate};
use walk::{Walked, walk};

/// Where something of a listing stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It is to be read.
    Here,
    /// A manifest names it, and nothing is there.
    Missing,
    /// A manifest names it, but it lies outside the root.
    Outside,
    /// It is there, and no manifest names it.
    Unlisted,
    /// A symbolic link, which is not followed.
    Link,
    /// Neither file, folder nor link.
    Special,
    /// It belongs to this command: manifest, report, journal, token, receipts.
    Own,
    /// It can't be looked at.
    Unreadable(String),
}

/// Where a manifest names a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Which manifest, from 0.
    pub manifest: usize,
    /// On which line, from 1.
    pub line: u64,
    /// By which name.
    pub name: Vec<u8>,
}

/// A file, or what should be one.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it is, or should be.
    pub file: PathBuf,
    /// The same without links, as it was when it was listed: what is read is there, or not read.
    pub canonical: Option<PathBuf>,
    /// What stands there.
    pub found: Found,
    /// Where manifests name it.
    pub named: Vec<Named>,
    /// Whether one manifest names it for a second time.
    pub twice: bool,
    /// Its hashes as they were noted before; one algorithm may have several values.
    pub expected: Vec<Declared>,
    /// Its bytes as they were noted before.
    pub size: Option<u64>,
    /// What a manifest tells of it.
    pub words: Option<Box<Words>>,
    /// Its path, as far as that is part of what is deposited.
    pub below: Option<String>,
}

impl Entry {
    fn at(file: PathBuf, found: Found) -> Self {
        Self {
            file,
            canonical: None,
            found,
            named: Vec::new(),
            twice: false,
            expected: Vec::new(),
            size: None,
            words: None,
            below: None,
        }
    }

    /// Whether it takes a number where files are numbered: as long as the same things are
    /// named, the same file has the same number, whatever is missing today.
    pub fn counts(&self) -> bool {
        !matches!(
            self.found,
            Found::Link | Found::Special | Found::Own | Found::Unlisted
        )
    }
}

/// Everything that a deposit looks at.
#[derive(Debug, Default)]
pub struct Listing {
    /// The manifests, without their rows.
    pub manifests: Vec<Manifest>,
    /// The files.
    pub entries: Vec<Entry>,
}

/// What belongs to the command itself and is no evidence.
#[derive(Debug, Default)]
pub struct Own {
    /// Never deposited: the token, the journal.
    pub secret: Vec<PathBuf>,
    /// Not deposited unless it is named: manifests, report, the folder of receipts.
    pub written: Vec<PathBuf>,
}

impl Own {
    fn canonical(self) -> (HashSet<PathBuf>, HashSet<PathBuf>) {
        let there = |paths: Vec<PathBuf>| -> HashSet<PathBuf> {
            let paths = paths.iter();
            paths
                .filter_map(|path| fs::canonicalize(path).ok())
                .collect()
        };
        let secret = there(self.secret);
        let mut all = there(self.written);
        all.extend(secret.iter().cloned());
        (secret, all)
    }
}

impl Listing {
    /// The files and folders of a command line, with the hashes that were taken of them.
    ///
    /// # Errors
    /// There is no file, or a list of hashes means two files by one name.
    pub fn of_paths(paths: &[PathBuf], hashes: &Hashes, own: Own) -> Result<Self, ClientError> {
        let mut listing = Self::default();
        let (secret, own) = own.canonical();
        let mut seen = HashSet::new();
        for path in paths {
            if fs::metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
                listing.add_folder(path, &own, &mut seen);
                continue;
            }
            let canonical = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            let found = if secret.contains(&canonical) {
                Found::Own
            } else {
                Found::Here
            };
            if seen.insert(canonical.clone()) {
                let mut entry = Entry::at(path.clone(), found);
                entry.canonical = Some(canonical);
                listing.entries.push(entry);
            }
        }
        if listing.entries.is_empty() {
            return Err(ClientError::Usage(
                "there is no file; nothing was sent".into(),
            ));
        }
        let files = listing.entries.iter().map(|entry| entry.file.as_path());
        if let Some(file) = hashes.shared(files) {
            return Err(ClientError::Usage(format!(
                "the list of hashes names `{}` without its folder, and two files have that name; nothing was sent",
                names::shown(file)
            )));
        }
        for entry in &mut listing.entries {
            entry.expected = hashes.of(&entry.file).unwrap_or_default().to_vec();
        }
        Ok(listing)
    }

    fn add_folder(&mut self, folder: &Path, own: &HashSet<PathBuf>, seen: &mut HashSet<PathBuf>) {
        let canonical = fs::canonicalize(folder).unwrap_or_else(|_| folder.into());
        // What the folder is called says something; what leads to it does not.
        let called = Path::new(folder.file_name().unwrap_or_default());
        for Walked { below, what } in walk(&canonical, own) {
            let place = canonical.join(&below);
            if seen.insert(place.clone()) {
                let mut entry = Entry::at(folder.join(&below), what);
                entry.canonical = Some(place);
                entry.below = Some(names::shown(&called.join(&below)));
                self.entries.push(entry);
            }
        }
    }

    /// What manifests name, and what lies beside it below their roots: the folder of each, or
    /// `root`. `strip` parts of each name are left out; what is not named is to be deposited if
    /// `unlisted`.
    ///
    /// # Errors
    /// A root is no folder.
    pub fn of_manifests(
        manifests: Vec<Manifest>,
        (root, strip): (Option<&Path>, usize),
        unlisted: bool,
        own: Own,
    ) -> Result<Self, ClientError> {
        let (secret, mut all) = own.canonical();
        for manifest in &manifests {
            all.extend(fs::canonicalize(&manifest.path).ok());
        }
        let mut naming = Naming {
            secret: &secret,
            listing: Self::default(),
            by_place: HashMap::new(),
            links: HashSet::new(),
        };
        let mut roots: Vec<Root> = Vec::new();
        for (number, mut manifest) in manifests.into_iter().enumerate() {
            let folder = root.unwrap_or_else(|| super::place::folder(&manifest.path));
            let root = Root::of(folder)?;
            for row in std::mem::take(&mut manifest.rows) {
                naming.add((number, manifest.format), (&root, strip), row);
            }
            naming.listing.manifests.push(manifest);
            if !roots.iter().any(|other| other.canonical == root.canonical) {
                roots.push(root);
            }
        }
        for root in &roots {
            naming.add_unlisted(root, &all, unlisted);
        }
        Ok(naming.listing)
    }
}

/// A listing that is made of manifests.
struct Naming<'a> {
    secret: &'a HashSet<PathBuf>,
    listing: Listing,
    /// Entries by where they lie, without links, or where they should.
    by_place: HashMap<PathBuf, usize>,
    /// Where named files are found through a link.
    links: HashSet<PathBuf>,
}

impl Naming<'_> {
    fn add(
        &mut self,
        (manifest, format): (usize, Format),
        (root, strip): (&Root, usize),
        row: Row,
    ) {
        let place = locate(root, strip, &row.name, format == Format::Ftk);
        let (file, found, key) = match place {
            Place::At { file, canonical } => {
                self.links.insert(root.canonical.join(&file));
                let found = if self.secret.contains(&canonical) {
                    Found::Own
                } else {
                    Found::Here
                };
                (root.given.join(file), found, canonical)
            }
            Place::Missing(file) => {
                let key = root.canonical.join(&file);
                (root.given.join(file), Found::Missing, key)
            }
            Place::Outside(file) => (file.clone(), Found::Outside, file),
            Place::Unreadable(file, why) => {
                let key = root.canonical.join(&file);
                (root.given.join(file), Found::Unreadable(why), key)
            }
        };
        let named = Named {
            manifest,
            line: row.line,
            name: row.name,
        };
        let entries = &mut self.listing.entries;
        let at = *self.by_place.entry(key.clone()).or_insert_with(|| {
            let mut entry = Entry::at(file, found);
            entry.canonical = Some(key);
            entry.below = Some(names::shown(Path::new(OsStr::from_bytes(&named.name))));
            entries.push(entry);
            entries.len() - 1
        });
        let entry = &mut entries[at];
        // MD5 and SHA-256 of one file may stand on two lines of a list.
        let tables = matches!(format, Format::Csv | Format::Ftk);
        let known_already = |hash: &Declared| {
            let same = |known: &Declared| known.algorithm == hash.algorithm;
            entry.expected.iter().any(same)
        };
        // A line whose hash no room takes says nothing for a second time.
        let again = !row.hashes.is_empty() && row.hashes.iter().all(known_already);
        let before = entry.named.iter().any(|other| other.manifest == manifest);
        entry.twice |= before && (tables || again);
        entry.named.push(named);
        for hash in row.hashes {
            if !entry.expected.contains(&hash) {
                entry.expected.push(hash);
            }
        }
        entry.size = entry.size.or(row.size);
        entry.words = entry.words.take().or(row.words);
    }

    fn add_unlisted(&mut self, root: &Root, own: &HashSet<PathBuf>, unlisted: bool) {
        for Walked { below, what } in walk(&root.canonical, own) {
            let canonical = root.canonical.join(&below);
            if self.by_place.contains_key(&canonical) || self.links.contains(&canonical) {
                continue;
            }
            let found = match what {
                Found::Here if !unlisted => Found::Unlisted,
                what => what,
            };
            let mut entry = Entry::at(root.given.join(&below), found);
            entry.canonical = Some(canonical.clone());
            entry.below = Some(names::shown(&below));
            self.by_place.insert(canonical, self.listing.entries.len());
            self.listing.entries.push(entry);
        }
    }
}

#[cfg(test)]
mod tests;
