use std::os::unix::fs::symlink;

use super::*;

struct Disk(tempfile::TempDir);

impl Disk {
    fn new(files: &[&str]) -> Self {
        let disk = Self(tempfile::tempdir().expect("a temporary folder"));
        for file in files {
            let path = disk.at(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
            fs::write(path, file).expect("written");
        }
        disk
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn manifest(&self, name: &str, text: &str) -> Manifest {
        fs::write(self.at(name), text).expect("written");
        Manifest::read(&self.at(name), None, &[]).expect("a manifest")
    }

    /// Paths from the disk's folder and what stands there.
    fn told(&self, listing: &Listing) -> Vec<(String, Found)> {
        let entries = listing.entries.iter();
        entries
            .map(|entry| {
                let below = entry.file.strip_prefix(self.0.path());
                let shown = names::shown(below.unwrap_or(&entry.file));
                (shown, entry.found.clone())
            })
            .collect()
    }
}

fn sum(byte: &str, name: &str) -> String {
    format!("{}  {name}\n", byte.repeat(32))
}

fn found(list: &[(&str, Found)]) -> Vec<(String, Found)> {
    list.iter()
        .map(|(name, found)| (name.to_string(), found.clone()))
        .collect()
}

#[test]
fn folders_are_gone_into_and_links_are_not() {
    let disk = Disk::new(&[
        "in/b/2",
        "in/b/1",
        "in/a",
        "in/.hidden",
        "token",
        "in/r/x.receipt",
    ]);
    symlink(disk.at("token"), disk.at("in/link")).expect("a link");
    symlink(disk.at("in"), disk.at("in/b/round")).expect("a link");
    fs::copy(disk.at("token"), disk.at("in/journal")).expect("copied");
    let own = Own {
        secret: vec![disk.at("token"), disk.at("in/journal")],
        written: vec![disk.at("in/r"), disk.at("none")],
    };
    let paths = [
        disk.at("in"),
        disk.at("in/a"),
        disk.at("token"),
        disk.at("gone"),
    ];
    let listing = Listing::of_paths(&paths, &Hashes::default(), own).expect("a listing");
    let expected = found(&[
        ("in/.hidden", Found::Here),
        ("in/a", Found::Here),
        ("in/b/1", Found::Here),
        ("in/b/2", Found::Here),
        ("in/b/round", Found::Link),
        ("in/journal", Found::Own),
        ("in/link", Found::Link),
        ("in/r", Found::Own),
        ("token", Found::Own),
        ("gone", Found::Here),
    ]);
    assert_eq!(disk.told(&listing), expected);
    assert_eq!(listing.entries[2].below.as_deref(), Some("in/b/1"));
    fs::create_dir(disk.at("empty")).expect("a folder");
    let empty = Listing::of_paths(&[disk.at("empty")], &Hashes::default(), Own::default());
    assert!(empty.is_err());
}

#[test]
fn manifests_and_disk_are_held_against_each_other() {
    let disk = Disk::new(&["a", "d/b", "d/c", "e", "more", "secret"]);
    symlink(disk.at("e"), disk.at("link")).expect("a link");
    let text = [
        sum("ab", "d/b"),
        sum("ab", "none"),
        sum("ab", "../out"),
        sum("cd", "./d/b"),
        sum("ab", "a"),
        format!("{}  a\n", "ab".repeat(16)),
        sum("ab", "link"),
        sum("ab", "secret"),
        sum("ab", "d"),
    ];
    let sums = disk.manifest("SUMS", &text.concat());
    let other = disk.manifest("d/MD5", &format!("{}  b\n", "ef".repeat(16)));
    let own = || Own {
        secret: vec![disk.at("secret")],
        written: Vec::new(),
    };
    let manifests = || vec![sums.clone(), other.clone()];
    let listing = Listing::of_manifests(manifests(), (None, 0), false, own()).expect("a listing");
    let expected = found(&[
        ("d/b", Found::Here),
        ("none", Found::Missing),
        ("../out", Found::Outside),
        ("a", Found::Here),
        ("link", Found::Here),
        ("secret", Found::Own),
        ("d", Found::Here),
        ("SUMS", Found::Own),
        ("d/MD5", Found::Own),
        ("d/c", Found::Unlisted),
        ("more", Found::Unlisted),
    ]);
    assert_eq!(disk.told(&listing), expected);
    let twice: Vec<bool> = listing.entries.iter().map(|entry| entry.twice).collect();
    assert_eq!(twice.iter().filter(|twice| **twice).count(), 1);
    assert!(twice[0], "named on two lines with SHA-256");
    let kinds = |at: usize| -> Vec<&str> {
        listing.entries[at]
            .expected
            .iter()
            .map(|hash| hash.algorithm)
            .collect()
    };
    assert_eq!(kinds(0), ["sha256", "sha256", "md5"]);
    assert_eq!(kinds(3), ["sha256", "md5"]);
    let lines: Vec<(usize, u64)> = listing.entries[0]
        .named
        .iter()
        .map(|named| (named.manifest, named.line))
        .collect();
    assert_eq!(lines, [(0, 1), (0, 4), (1, 1)]);
    let all = Listing::of_manifests(manifests(), (None, 0), true, own()).expect("a listing");
    let here = |listing: &Listing| {
        let entries = listing.entries.iter();
        entries.filter(|entry| entry.found == Found::Here).count()
    };
    assert_eq!(here(&all), here(&listing) + 2);
    // A table that names a file twice says two things of it.
    let table = disk.manifest("t.csv", "path,md5,sha1\na,,\na,,\nd/b,,\n");
    let listing = Listing::of_manifests(vec![table], (None, 0), false, own()).expect("a listing");
    assert!(listing.entries[0].twice && !listing.entries[1].twice);
}

#[test]
fn a_root_may_lie_elsewhere() {
    let disk = Disk::new(&["usb/a", "lists/x"]);
    let manifest = disk.manifest("lists/SUMS", &sum("ab", "export/a"));
    let root = disk.at("usb");
    let listing = Listing::of_manifests(
        vec![manifest.clone()],
        (Some(&root), 1),
        false,
        Own::default(),
    );
    let expected = found(&[("usb/a", Found::Here)]);
    assert_eq!(disk.told(&listing.expect("a listing")), expected);
    let gone = disk.at("gone");
    assert!(
        Listing::of_manifests(vec![manifest], (Some(&gone), 1), false, Own::default()).is_err()
    );
}
