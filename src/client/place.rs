//! Files that are there whole or not at all.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::error::ClientError;

/// What the names of unfinished files begin with; a killed process leaves one behind.
pub(super) const UNFINISHED: &str = ".custos-unfinished-";

/// A file that is being written beside the place where it will stand.
#[derive(Debug)]
pub struct Draft {
    file: NamedTempFile,
    out: PathBuf,
    replace: bool,
}

impl Draft {
    /// Begins to write what will stand at `out`; only its owner will be able to read it.
    ///
    /// # Errors
    /// Something stands there and is not to be replaced, or the folder can't be written.
    pub fn beside(out: &Path, replace: bool) -> Result<Self, ClientError> {
        // A link that leads nowhere stands there, too.
        if !replace && out.symlink_metadata().is_ok() {
            return Err(exists(out));
        }
        let file = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempfile_in(folder(out))
            .map_err(ClientError::file(out, "written"))?;
        Ok(Self {
            file,
            out: out.into(),
            replace,
        })
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// They can't be written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        let written = self.file.write_all(bytes);
        written.map_err(ClientError::file(&self.out, "written"))
    }

    /// Puts the file in its place, durably.
    ///
    /// # Errors
    /// It can't be made durable, or something came to stand there meanwhile.
    pub fn place(self) -> Result<(), ClientError> {
        let out = self.out;
        let written = |cause| ClientError::file(&out, "written")(cause);
        self.file.as_file().sync_all().map_err(written)?;
        // A crash before this leaves an unfinished file under another name, and nothing here.
        let placed = if self.replace {
            self.file.persist(&out)
        } else {
            self.file.persist_noclobber(&out)
        };
        placed.map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => exists(&out),
            _ => written(error.error),
        })?;
        sync_folder(&out).map_err(written)
    }
}

/// Makes the name of a file durable.
pub(super) fn sync_folder(out: &Path) -> io::Result<()> {
    File::open(folder(out))?.sync_all()
}

/// The folder that a file stands in.
pub fn folder(out: &Path) -> &Path {
    match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn exists(out: &Path) -> ClientError {
    let cause = io::Error::new(
        io::ErrorKind::AlreadyExists,
        "something stands there already; it was not touched",
    );
    ClientError::file(out, "written")(cause)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let out = folder.path().join("a.zip");
        let names = || fs::read_dir(folder.path()).expect("a folder").count();
        let mut draft = Draft::beside(&out, false).expect("begun");
        draft.write(b"half").expect("written");
        assert!(!out.exists());
        drop(draft);
        assert_eq!(names(), 0);
        let mut draft = Draft::beside(&out, false).expect("begun");
        draft.write(b"whole").expect("written");
        draft.place().expect("placed");
        assert_eq!(fs::read(&out).expect("there"), b"whole");
        assert_eq!(names(), 1);
    }

    #[test]
    fn what_stands_there_is_replaced_only_when_told() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let out = folder.path().join("a.zip");
        let late = Draft::beside(&out, false).expect("begun");
        fs::write(&out, b"mine").expect("written");
        assert!(Draft::beside(&out, false).is_err());
        assert!(late.place().is_err());
        assert_eq!(fs::read(&out).expect("there"), b"mine");
        let mut draft = Draft::beside(&out, true).expect("begun");
        draft.write(b"new").expect("written");
        draft.place().expect("placed");
        assert_eq!(fs::read(&out).expect("there"), b"new");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }
}
