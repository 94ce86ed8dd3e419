//! Whether the folder of a store takes bytes, keeps them and gives them back.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use custos_core::ids::ObjectId;

use super::{OBJECTS, StoreError, object_path};

/// Bytes of a probe: more than one page, so that a full disk is met.
const PROBE_BYTES: usize = 64 << 10;

/// Writes a file where objects are staged, syncs it, reads it back and removes it. `object` is a
/// fresh id. A crash leaves a staged file, which the room's next start sweeps; a room that is at
/// work is not in its way. Blocks.
///
/// # Errors
/// [`StoreError::Full`], or [`StoreError::Unavailable`] with what the system says.
pub fn probe(root: &Path, object: ObjectId) -> Result<(), StoreError> {
    let name = format!("{}#1", object_path(object));
    let path = root.join(name);
    let probed = write(&path, object).and_then(|()| read(&path, object));
    let removed = match fs::remove_file(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    };
    let holder = path.parent().unwrap_or(root);
    probed
        .and(removed)
        .and_then(|()| File::open(holder)?.sync_all())
        .map_err(StoreError::of_io)
}

fn bytes(object: ObjectId) -> Vec<u8> {
    object
        .as_bytes()
        .repeat(PROBE_BYTES / object.as_bytes().len())
}

fn write(path: &Path, object: ObjectId) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(&bytes(object))?;
    file.sync_all()
}

fn read(path: &Path, object: ObjectId) -> io::Result<()> {
    let mut found = Vec::new();
    File::open(path)?.read_to_end(&mut found)?;
    if found == bytes(object) {
        return Ok(());
    }
    Err(io::Error::other("other bytes came back than were written"))
}

/// Whether there is a folder for objects in `root`.
pub fn has_objects(root: &Path) -> bool {
    root.join(OBJECTS).is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    const OBJECT: ObjectId = ObjectId::from_bytes([0x5c; 16]);

    #[tokio::test]
    async fn a_probe_leaves_nothing_and_finds_what_is_not_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::local(folder.path()).expect("a store");
        probe(folder.path(), OBJECT).expect("it takes bytes");
        let shard = folder.path().join("objects/5c");
        assert_eq!(fs::read_dir(&shard).expect("a folder").count(), 0);
        assert_eq!(
            store
                .sweep_staging(std::time::Duration::ZERO)
                .await
                .expect("swept"),
            0
        );
        fs::remove_dir(&shard).expect("removed");
        let error = probe(folder.path(), OBJECT).expect_err("nowhere to write");
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    }
}
