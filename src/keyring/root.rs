//! The root key file: one line, readable by its owner alone.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use custos_core::{
    ids::{KeyId, hex_exact},
    keys::RootKey,
};
use zeroize::Zeroizing;

use crate::ambient::Ambient;

/// Name of the file inside the key folder.
const FILE: &str = "root.key";
/// What the file's one line begins with.
const LABEL: &str = "custos-root-key-v1";
/// The line: label, key id, key, with spaces between and a line feed.
const MAX_FILE_BYTES: u64 = 256;

/// The root key and the id under which it wraps others.
pub struct RootFile {
    /// The key's id.
    pub id: KeyId,
    /// The key.
    pub key: RootKey,
}

/// Why the root key can't be had.
#[derive(Debug, thiserror::Error)]
pub enum RootFileError {
    /// The file system refuses.
    #[error("`{path}` can't be used: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others may read it.
    #[error(
        "`{path}` can be read by others (mode {mode:04o}); nothing was started. Run `chmod {should:o} {path}`, and make a new room if somebody may have read it"
    )]
    Open {
        /// The file or folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The mode it should have.
        should: u32,
    },
    /// It is no key file.
    #[error("`{path}` is not a root key file; nothing was started. Restore it from its copy")]
    Malformed {
        /// The file.
        path: PathBuf,
    },
}

impl RootFile {
    /// Makes a fresh root key in `folder`, which it makes with mode 0700.
    ///
    /// # Errors
    /// A key is there already, or the file system refuses.
    pub fn create(folder: &Path, ambient: &Ambient) -> Result<Self, RootFileError> {
        let io = |path: &Path| {
            let path = path.to_path_buf();
            move |source| RootFileError::Io { path, source }
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(io(folder))?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(io(folder))?;
        let path = folder.join(FILE);
        let root = Self {
            id: KeyId::from_bytes(ambient.bytes()),
            key: RootKey::from_bytes(ambient.bytes()),
        };
        let line = Zeroizing::new(format!(
            "{LABEL} {} {}\n",
            root.id,
            hex::encode(root.key.as_bytes())
        ));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(io(&path))?;
        file.write_all(line.as_bytes()).map_err(io(&path))?;
        // A crash before this line leaves a file that `open` refuses as no key file, and a
        // room that was not made.
        file.sync_all().map_err(io(&path))?;
        fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(io(folder))?;
        Ok(root)
    }

    /// Reads the root key from `folder`.
    ///
    /// # Errors
    /// It is missing, readable by others, or no key file.
    pub fn open(folder: &Path) -> Result<Self, RootFileError> {
        let path = folder.join(FILE);
        private(folder, 0o700)?;
        private(&path, 0o600)?;
        let malformed = || RootFileError::Malformed { path: path.clone() };
        let io = |source| RootFileError::Io {
            path: path.clone(),
            source,
        };
        if fs::metadata(&path).map_err(io)?.len() > MAX_FILE_BYTES {
            return Err(malformed());
        }
        let text = Zeroizing::new(fs::read_to_string(&path).map_err(io)?);
        let mut words = text.strip_suffix('\n').ok_or_else(malformed)?.split(' ');
        let (Some(LABEL), Some(id), Some(key), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(malformed());
        };
        let key = Zeroizing::new(hex_exact(key, "a key").map_err(|_| malformed())?);
        Ok(Self {
            id: id.parse().map_err(|_| malformed())?,
            key: RootKey::from_bytes(*key),
        })
    }
}

/// The root key's file in the key folder.
pub fn root_key_file(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// Whether two paths lie on one disk; a key file there protects nothing when it is stolen.
pub fn same_disk(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => one.dev() == other.dev(),
        _ => false,
    }
}

/// Refuses what others may read or write.
fn private(path: &Path, should: u32) -> Result<(), RootFileError> {
    let metadata = fs::metadata(path).map_err(|source| RootFileError::Io {
        path: path.to_path_buf(),
        source,
    })?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 {
        Ok(())
    } else {
        Err(RootFileError::Open {
            path: path.to_path_buf(),
            mode,
            should,
        })
    }
}
