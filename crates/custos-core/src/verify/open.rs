//! Steps `zip`, `bundle.note` and `files`.

use std::io::{Read, Seek};

use super::{
    Progress, Step, VerifyError, fail, fail_in,
    stream::{Sums, sums},
};
use crate::{
    bundle::{
        Manifest, Place,
        manifest::MAX_NOTE_BYTES,
        zip::{Archive, NOTE_NAME, ZipError},
    },
    checkpoint::SignedNote,
    content::{TreeKey, TreeKind},
    hash::{Hash, sha256},
    json::{self, JsonError, Members, wrong},
};

/// Longest JSON file of a bundle in bytes, where no smaller limit is named.
pub(super) const MAX_JSON_BYTES: u64 = 16 << 20;
/// Longest `content/tree.json` in bytes.
const MAX_TREE_BYTES: u64 = 4 << 10;

/// An archive whose headers, note and list of files are checked.
pub(super) struct Opened<R> {
    archive: Archive<R>,
    /// `bundle.note`; its signature is checked in step `key`.
    pub note: SignedNote,
    /// Its text.
    pub manifest: Manifest,
    /// What each file but `bundle.note` is, in the archive's order.
    pub places: Vec<Place>,
}

/// Steps `zip` and `bundle.note`.
pub(super) fn open<R: Read + Seek>(bundle: R) -> Result<Opened<R>, VerifyError> {
    let mut archive = Archive::open(bundle).map_err(|error| of_zip(Step::Zip, error))?;
    let bytes = archive
        .read(0, MAX_NOTE_BYTES as u64)
        .map_err(|error| of_zip(Step::Note, error))?;
    let note = SignedNote::parse(&bytes, MAX_NOTE_BYTES)
        .map_err(|error| fail_in(Step::Note, NOTE_NAME, error))?;
    let manifest = Manifest::parse(note.text().as_bytes())
        .map_err(|error| fail_in(Step::Note, NOTE_NAME, error))?;
    Ok(Opened {
        archive,
        note,
        manifest,
        places: Vec::new(),
    })
}

/// Step `files`: the one pass over all bytes. Gives the sums of `content/item`.
pub(super) fn check_files<R: Read + Seek>(
    opened: &mut Opened<R>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<Sums>, VerifyError> {
    check_list(opened)?;
    let key = tree_key(opened);
    let total = opened
        .archive
        .members()
        .iter()
        .map(|file| file.length)
        .sum();
    let mut done = opened.archive.members()[0].length;
    let mut item = None;
    for position in 1..opened.archive.members().len() {
        let file = opened.archive.members()[position].clone();
        let is_item = opened.places[position - 1] == Place::Item;
        let mut source = opened
            .archive
            .reader(position)
            .map_err(|error| of_zip(Step::Files, error))?;
        let found = sums(
            &mut source,
            file.length,
            key.clone().filter(|_| is_item),
            &mut |more| {
                done += more;
                progress(Progress { done, total });
            },
        )?;
        if found.length != file.length || found.crc32 != file.crc32 {
            return Err(of_zip(Step::Zip, ZipError::Content(file.name)));
        }
        if found.sha256 != opened.manifest.files[&file.name].sha256 {
            return Err(fail_in(
                Step::Files,
                file.name,
                "its SHA-256 is not the one in `bundle.note`",
            ));
        }
        if is_item {
            item = Some(found);
        }
    }
    Ok(item)
}

/// The files are exactly those listed, with their lengths, and each has its place.
fn check_list<R: Read + Seek>(opened: &mut Opened<R>) -> Result<(), VerifyError> {
    let files = &opened.archive.members()[1..];
    for file in files {
        let listed = opened.manifest.files.get(&file.name);
        let listed = listed
            .ok_or_else(|| fail_in(Step::Files, &file.name, "it is not listed in `bundle.note`"))?;
        if listed.length != file.length {
            return Err(fail_in(
                Step::Files,
                &file.name,
                "its length is not the one in `bundle.note`",
            ));
        }
        let place = file.name.as_str().parse();
        opened
            .places
            .push(place.map_err(|error| fail_in(Step::Files, &file.name, error))?);
    }
    // Each file is listed and names are unique, so equal counts mean equal lists.
    if files.len() != opened.manifest.files.len() {
        let missing = opened.manifest.files.keys().find(|name| {
            files
                .binary_search_by(|file| file.name.as_str().cmp(name.as_str()))
                .is_err()
        });
        let missing = missing.map_or("?", |name| name.as_str());
        return Err(fail_in(Step::Files, missing, "it is missing"));
    }
    Ok(())
}

/// The tree key for the item's leaf hashes, if there is a good one; step `content` says what
/// is wrong with a bad one.
fn tree_key<R: Read + Seek>(opened: &mut Opened<R>) -> Option<TreeKey> {
    let bytes = opened
        .bytes(Step::Content, &Place::Tree, MAX_TREE_BYTES)
        .ok()?;
    parse_tree(&bytes).ok()
}

/// Reads `content/tree.json`: `{"kind":1,"number":0,"tree_key"}`.
pub(super) fn parse_tree(bytes: &[u8]) -> Result<TreeKey, JsonError> {
    let value = json::parse(bytes)?;
    let members = Members::exactly(&value, &["kind", "number", "tree_key"])?;
    if members.integer("kind")? != u64::from(TreeKind::Content.number()) {
        return Err(wrong("kind"));
    }
    if members.integer("number")? != 0 {
        return Err(wrong("number"));
    }
    members.parsed("tree_key")
}

impl<R: Read + Seek> Opened<R> {
    /// Whether the bundle holds this file.
    pub fn has(&self, place: &Place) -> bool {
        self.manifest.files.contains_key(place.name().as_str())
    }

    /// All bytes of a file that may have at most `limit`, its SHA-256 compared.
    pub fn bytes(&mut self, step: Step, place: &Place, limit: u64) -> Result<Vec<u8>, VerifyError> {
        let name = place.name();
        let position = self.archive.find(name.as_str());
        let position = position.ok_or_else(|| fail_in(step, &name, "it is missing"))?;
        let read = self.archive.read(position, limit);
        let bytes = read.map_err(|error| of_zip(step, error))?;
        self.same_as_listed(place, &sha256(&[&bytes]))?;
        Ok(bytes)
    }

    /// That a file which is in the bundle was read again as step `files` read it.
    pub fn same_as_listed(&self, place: &Place, found: &Hash) -> Result<(), VerifyError> {
        let name = place.name();
        if self.manifest.files[&name].sha256 != *found {
            return Err(fail_in(Step::Files, name, "it changed while it was read"));
        }
        Ok(())
    }

    /// A file's bytes as they come, for one that step `files` has checked.
    pub fn reader(&mut self, step: Step, place: &Place) -> Result<impl Read, VerifyError> {
        let name = place.name();
        let position = self.archive.find(name.as_str());
        let position = position.ok_or_else(|| fail_in(step, &name, "it is missing"))?;
        self.archive
            .reader(position)
            .map_err(|error| of_zip(step, error))
    }
}

/// A fault of the archive itself is one of step `zip`, whenever it is found.
fn of_zip(step: Step, error: ZipError) -> VerifyError {
    match error {
        ZipError::Io(error) => VerifyError::Io(error),
        ZipError::NotCanonical(_) | ZipError::Content(_) => fail(Step::Zip, error.to_string()),
        ZipError::TooLong(_) => fail(step, error.to_string()),
    }
}
