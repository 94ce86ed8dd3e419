//! Everything below a folder, sorted by path. Links are not followed.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use walkdir::{DirEntry, WalkDir};

use super::Found;
use crate::client::place;

/// Something below a folder.
pub(super) struct Walked {
    /// Its path from there.
    pub(super) below: PathBuf,
    /// What it is.
    pub(super) what: Found,
}

/// Everything in `folder` but folders, which are gone into. `own` files and folders are named
/// and left alone. Folders are read as the walk reaches them.
pub(super) fn walk(folder: &Path, own: &HashSet<PathBuf>) -> impl Iterator<Item = Walked> {
    let mut walking = WalkDir::new(folder)
        .follow_links(false)
        .sort_by_file_name()
        .min_depth(1)
        .into_iter();
    std::iter::from_fn(move || {
        loop {
            let (path, what) = match walking.next()? {
                Ok(entry) => {
                    let is_own = own.contains(entry.path()) || unfinished(&entry);
                    if is_own && entry.file_type().is_dir() {
                        walking.skip_current_dir();
                    } else if entry.file_type().is_dir() {
                        continue;
                    }
                    let what = if is_own { Found::Own } else { kind(&entry) };
                    (entry.into_path(), what)
                }
                Err(error) => {
                    let path = error.path().unwrap_or(folder).to_path_buf();
                    let why = error.io_error().map_or_else(
                        || "it can't be looked at".to_string(),
                        std::io::Error::to_string,
                    );
                    (path, Found::Unreadable(why))
                }
            };
            let below = path.strip_prefix(folder).unwrap_or(&path).to_path_buf();
            return Some(Walked { below, what });
        }
    })
}

fn kind(entry: &DirEntry) -> Found {
    let kind = entry.file_type();
    if kind.is_file() {
        Found::Here
    } else if kind.is_symlink() {
        Found::Link
    } else {
        Found::Special
    }
}

/// What a killed process of ours left behind.
fn unfinished(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    entry.file_type().is_file() && name.starts_with(place::UNFINISHED)
}
