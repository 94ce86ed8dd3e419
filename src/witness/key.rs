//! The file of a witness's key: one line, readable by its owner alone.
//!
//! ```text
//! PRIVATE KEY in the form of C2SP signed notes: name, hash of name and public key, 0x04 | seed
//! ```

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use custos_core::checkpoint::Cosigner;
use zeroize::Zeroizing;

use crate::ambient::Ambient;

/// What the line begins with; in two parts, so that this file does not look like a key.
const LABEL: &str = concat!("PRIVATE", "+KEY");
/// The signature type of cosignatures.
const TYPE: u8 = 0x04;
/// Longest file: label, name, hash, base64 of type and seed, a line feed.
const MAX_FILE_BYTES: u64 = 512;

/// Why the key can't be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file system refuses.
    #[error("the key `{path}` can't be used: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others may read it.
    #[error(
        "the key `{path}` can be read by others (mode {mode:04o}); run `chmod 600 {path}`, and found another witness if somebody may have read it"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is no key file, or of another name.
    #[error("`{path}` is not the key of a witness named `{name}`")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// Not a name of keys.
    #[error(
        "`{0}` can't name a witness: 1 to 255 bytes without spaces and `+`, like `institute.example/witness`"
    )]
    Name(String),
}

/// Makes a key in a file that was not there; durable when this returns.
///
/// # Errors
/// [`KeyFileError`].
pub fn create(path: &Path, name: &str, ambient: &Ambient) -> Result<Cosigner, KeyFileError> {
    let seed = Zeroizing::new(ambient.bytes::<32>());
    let cosigner = Cosigner::from_seed(name, &seed);
    let cosigner = cosigner.map_err(|_| KeyFileError::Name(name.into()))?;
    let mut typed = Zeroizing::new(vec![TYPE]);
    typed.extend_from_slice(&*seed);
    let typed = Zeroizing::new(BASE64_STANDARD.encode(&*typed));
    let id = cosigner.verifier_key().id();
    let line = Zeroizing::new(format!("{LABEL}+{name}+{id:08x}+{}\n", &*typed));
    let io = |source| KeyFileError::Io {
        path: path.into(),
        source,
    };
    let file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut file = file.map_err(io)?;
    file.write_all(line.as_bytes()).map_err(io)?;
    // A crash before this line leaves a file that `open` refuses as no key.
    file.sync_all().map_err(io)?;
    Ok(cosigner)
}

/// Reads the key of the witness of this name.
///
/// # Errors
/// [`KeyFileError`].
pub fn open(path: &Path, name: &str) -> Result<Cosigner, KeyFileError> {
    let io = |source| KeyFileError::Io {
        path: path.into(),
        source,
    };
    let found = fs::metadata(path).map_err(io)?;
    let mode = found.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Open {
            path: path.into(),
            mode,
        });
    }
    let malformed = || KeyFileError::Malformed {
        path: path.into(),
        name: name.into(),
    };
    if found.len() > MAX_FILE_BYTES {
        return Err(malformed());
    }
    let text = Zeroizing::new(fs::read(path).map_err(io)?);
    let text = std::str::from_utf8(&text).map_err(|_| malformed())?;
    let line = text.strip_suffix('\n').ok_or_else(malformed)?;
    let body = line
        .strip_prefix(LABEL)
        .and_then(|body| body.strip_prefix('+'));
    let mut parts = body.ok_or_else(malformed)?.splitn(3, '+');
    let (Some(found), Some(id), Some(typed)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(malformed());
    };
    let typed = BASE64_STANDARD.decode(typed).map_err(|_| malformed())?;
    let typed = Zeroizing::new(typed);
    let seed: Option<&[u8; 32]> = match typed.split_first() {
        Some((&TYPE, seed)) => seed.try_into().ok(),
        _ => None,
    };
    let cosigner = Cosigner::from_seed(name, seed.ok_or_else(malformed)?);
    let cosigner = cosigner.map_err(|_| malformed())?;
    if found == name && id == format!("{:08x}", cosigner.verifier_key().id()) {
        Ok(cosigner)
    } else {
        Err(malformed())
    }
}
