//! Where a file lies that a manifest names, and never outside its root.

use std::{
    ffi::OsStr,
    fs,
    io::ErrorKind,
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
};

use crate::client::error::ClientError;

/// The folder from which a manifest names its files.
#[derive(Debug, Clone)]
pub struct Root {
    /// As it was given.
    pub given: PathBuf,
    /// Absolute, without links.
    pub canonical: PathBuf,
}

impl Root {
    /// The root at a path.
    ///
    /// # Errors
    /// It is no folder.
    pub fn of(given: &Path) -> Result<Self, ClientError> {
        let failed = ClientError::file(given, "read");
        match fs::canonicalize(given) {
            Ok(canonical) if canonical.is_dir() => Ok(Self {
                given: given.into(),
                canonical,
            }),
            Ok(_) => Err(failed(std::io::Error::other("it is no folder"))),
            Err(error) => Err(failed(error)),
        }
    }
}

/// Where a name leads; paths are those from the root, but for one outside.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    At { file: PathBuf, canonical: PathBuf },
    Missing(PathBuf),
    Outside(PathBuf),
    Unreadable(PathBuf, String),
}

/// Finds a name. `windows` says that it was written on Windows; else a name with `\` and no `/`
/// is taken for one of Windows if nothing is called so.
pub(super) fn locate(root: &Root, strip: usize, name: &[u8], windows: bool) -> Place {
    let turned = || -> Vec<u8> {
        let bytes = name.iter();
        bytes.map(|b| if *b == b'\\' { b'/' } else { *b }).collect()
    };
    if windows {
        return find(root, strip, &turned());
    }
    let found = find(root, strip, name);
    let maybe = name.contains(&b'\\') && !name.contains(&b'/');
    if maybe && !matches!(found, Place::At { .. }) {
        let other = find(root, strip, &turned());
        if !matches!(other, Place::Missing(_)) {
            return other;
        }
    }
    found
}

fn find(root: &Root, strip: usize, name: &[u8]) -> Place {
    let name = Path::new(OsStr::from_bytes(name));
    let Some(file) = below(root, strip, name) else {
        return Place::Outside(name.into());
    };
    match fs::canonicalize(root.canonical.join(&file)) {
        // A link on the way may lead anywhere.
        Ok(canonical) if canonical.starts_with(&root.canonical) => Place::At { file, canonical },
        Ok(_) => Place::Outside(name.into()),
        Err(error) => match error.kind() {
            // No file can be called so, or its folder is none.
            ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidFilename => Place::Missing(file),
            _ => Place::Unreadable(file, error.to_string()),
        },
    }
}

/// The path from the root; `None` if it is not below it.
fn below(root: &Root, strip: usize, name: &Path) -> Option<PathBuf> {
    let mut rest = name.to_path_buf();
    if strip > 0 {
        let parts = name.components();
        let mut parts =
            parts.filter(|part| !matches!(part, Component::RootDir | Component::CurDir));
        for _ in 0..strip {
            parts.next()?;
        }
        rest = parts.collect();
        if rest.as_os_str().is_empty() {
            return None;
        }
    } else if name.is_absolute() {
        let given = std::path::absolute(&root.given).ok()?;
        let below = name.strip_prefix(&given);
        rest = below
            .or_else(|_| name.strip_prefix(&root.canonical))
            .ok()?
            .into();
    }
    let mut path = PathBuf::new();
    for part in rest.components() {
        match part {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir if path.pop() => {}
            _ => return None,
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_outside_the_root_is_found() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("root/a/b")).expect("folders");
        fs::write(at("root/a/b/file"), "x").expect("written");
        fs::write(at("root/odd\\name"), "x").expect("written");
        fs::write(at("secret"), "x").expect("written");
        symlink(at("secret"), at("root/out")).expect("a link");
        symlink(folder.path(), at("root/up")).expect("a link");
        symlink(at("root/a"), at("root/in")).expect("a link");
        symlink(at("root/nowhere"), at("root/dangling")).expect("a link");
        symlink(at("root/loop"), at("root/loop")).expect("a link");
        let root = Root::of(&at("root")).expect("a root");
        let place = |name: &str| locate(&root, 0, name.as_bytes(), false);
        let absolute = |name: &str| at(name).to_str().expect("UTF-8").to_owned();
        for name in [
            "a/b/file",
            "./a//b/./file",
            "a/../a/b/file",
            "in/b/file",
            "a\\b\\file",
            "odd\\name",
            &absolute("root/a/b/file"),
        ] {
            assert!(matches!(place(name), Place::At { .. }), "{name}");
        }
        for name in [
            "../secret",
            "a/../../secret",
            "..\\secret",
            "out",
            "up/secret",
            "/etc/passwd",
            "..",
            &absolute("secret"),
            &absolute("rootless"),
        ] {
            assert!(matches!(place(name), Place::Outside(_)), "{name}");
        }
        let long = "n".repeat(5_000);
        for name in [
            "none",
            "a/b/file/below",
            "dangling",
            "a\0b",
            "a\\none",
            &long,
        ] {
            assert!(matches!(place(name), Place::Missing(_)), "{name}");
        }
        assert!(matches!(place("loop"), Place::Unreadable(..)));
        assert!(Root::of(&at("secret")).is_err() && Root::of(&at("none")).is_err());
    }

    #[test]
    fn parts_that_only_the_tool_knew_are_left_out() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("a")).expect("a folder");
        fs::write(folder.path().join("a/file"), "x").expect("written");
        let root = Root::of(folder.path()).expect("a root");
        let place = |strip, name: &str| locate(&root, strip, name.as_bytes(), true);
        assert!(matches!(
            place(2, "usb.E01\\Part 1\\a\\file"),
            Place::At { .. }
        ));
        assert!(matches!(place(1, "C:\\a\\file"), Place::At { .. }));
        assert!(matches!(place(1, "/x/a/file"), Place::At { .. }));
        assert!(matches!(place(0, "a\\file"), Place::At { .. }));
        for (strip, name) in [(2, "a\\file"), (9, "a\\file"), (1, "x\\..\\..\\file")] {
            assert!(matches!(place(strip, name), Place::Outside(_)), "{name}");
        }
    }
}
