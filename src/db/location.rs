//! Where a register lies: in a file of this machine, or on a server.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::{DbError, dialect};

/// Where a register lies.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// The embedded database's file.
    File(PathBuf),
    /// A database of a PostgreSQL server, by its URL. It may hold a password, and is never shown.
    Server(String),
}

impl Location {
    /// The place that a URL of a server names.
    ///
    /// # Errors
    /// [`DbError::Url`] when it does not begin with `postgres://` or `postgresql://`.
    pub fn server(url: &str) -> Result<Self, DbError> {
        let known = ["postgres://", "postgresql://"];
        if known.iter().any(|scheme| url.starts_with(scheme)) {
            Ok(Self::Server(url.into()))
        } else {
            Err(DbError::Url)
        }
    }

    /// The database's file, where it has one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Server(_) => None,
        }
    }

    /// Whether a register may be there: a file that is missing is none, and of a server the
    /// database is asked for the register's first table. Nothing is made.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn holds_register(&self) -> Result<bool, DbError> {
        match self {
            Self::File(path) => Ok(path.is_file()),
            Self::Server(_) => dialect::has_table(&mut dialect::connect(self)?, "log_head"),
        }
    }
}

/// A URL is not shown: a log line must not hold a password.
impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Server(_) => f.write_str("Server(..)"),
        }
    }
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::File(path.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_known_by_its_scheme_and_never_shown() {
        for url in ["postgres://u:secret@host/room", "postgresql://host/room"] {
            let location = Location::server(url).expect("a server");
            assert_eq!(format!("{location:?}"), "Server(..)");
            assert!(location.file().is_none());
        }
        for url in ["mysql://u:secret@host/room", "register.db", ""] {
            let said = Location::server(url).expect_err("no server").to_string();
            assert!(!said.contains("secret"), "{said}");
        }
    }

    #[test]
    fn a_file_that_is_missing_holds_no_register() {
        let folder = tempfile::tempdir().expect("a folder");
        let location = Location::from(folder.path().join("register.db"));
        assert!(!location.holds_register().expect("looked"));
        dialect::connect(&location).expect("made");
        assert!(location.holds_register().expect("looked"));
    }
}
