//! A bundle beyond 4 GiB, written and verified as a stream.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::PathBuf,
};

use custos_core::{
    bundle::{About, BundleName, FileSum, Place, Plan, PlannedFile, Subject},
    content::{ContentHasher, TreeKind},
    event::{kind, slot},
    hash::Sha256,
    verify::verify,
};
use serde_json::json;

use crate::{
    draft::{Draft, shown},
    room::{ORIGIN, Room, id, index},
    samples::{CASE_SCOPE, event, hex, tree_key},
    valid::now,
};

const ITEM: &str = "film";

/// Bytes that differ from place to place, made as they are read.
struct Film {
    at: u64,
    length: u64,
}

impl Read for Film {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length - self.at).unwrap_or(usize::MAX);
        let got = into.len().min(left);
        for word in into[..got].chunks_mut(8) {
            let value = self.at.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
            word.copy_from_slice(&value[..word.len()]);
            self.at += word.len() as u64;
        }
        Ok(got)
    }
}

/// `CUSTOS_LARGE_BUNDLE=path CUSTOS_LARGE_BYTES=n` keeps the bundle, and `path.policy` beside
/// it, to be timed by others.
#[test]
#[ignore = "writes and reads more than 4 GiB"]
fn a_bundle_beyond_4_gib_is_verified() {
    let length =
        std::env::var("CUSTOS_LARGE_BYTES").map_or((4 << 30) + 5_000, |n| n.parse().unwrap());
    let kept = std::env::var_os("CUSTOS_LARGE_BUNDLE").map(PathBuf::from);
    let folder = std::env::temp_dir().join(format!("custos-large-{}", std::process::id()));
    let path = kept.clone().unwrap_or_else(|| folder.join("bundle.zip"));
    if kept.is_none() {
        std::fs::create_dir_all(&folder).unwrap();
    }
    let room = write(&path, length);
    let found = verify(
        File::open(&path).unwrap(),
        &room.trust(),
        &[],
        now(),
        &mut |_| {},
    );
    match kept {
        Some(_) => std::fs::write(path.with_extension("policy"), room.policy_file()).unwrap(),
        None => std::fs::remove_dir_all(&folder).unwrap(),
    }
    assert!(found.unwrap().sentences()[0].contains(&format!("{length} bytes")));
}

/// Writes a bundle of a file of so many bytes.
fn write(path: &PathBuf, length: u64) -> Room {
    let (mut whole, mut crc32) = (Sha256::new(), crc32fast::Hasher::new());
    let mut tree = ContentHasher::new(tree_key(ITEM));
    let mut film = Film { at: 0, length };
    let mut buffer = vec![0; 1 << 20];
    loop {
        let got = film.read(&mut buffer).unwrap();
        if got == 0 {
            break;
        }
        whole.update(&buffer[..got]);
        crc32.update(&buffer[..got]);
        tree.update(&buffer[..got]);
    }
    let sum = FileSum {
        length,
        sha256: whole.finish(),
    };
    let mut room = Room::new("large");
    let mut deposit = event(kind::DEPOSIT, ITEM);
    deposit.detail = vec![
        (slot::SIZE, json!(length)),
        (slot::SHA256, json!(sum.sha256)),
        (
            slot::CONTENT_ROOT,
            json!(tree.finish().logged_root(TreeKind::Content)),
        ),
    ];
    deposit.detail.push((
        slot::STORED,
        json!({
        "object": id("object"), "suite": 1, "segments": length / (8 << 20) + 1, "size": length,
        "heads": sum.sha256, "blake3": sum.sha256}),
    ));
    room.append(&deposit);
    room.append(&event(kind::BUNDLE, ITEM));
    let mut draft = Draft::new(("item", ITEM), CASE_SCOPE, 3);
    draft.checkpoints(&room, &[3]);
    draft.control(&room, index(0));
    draft.entry(&room, index(1), shown);
    draft.entry(&room, index(2), shown);
    let key = hex(tree_key(ITEM).as_bytes());
    draft.put_json(
        &Place::Tree,
        &json!({"kind": 1, "number": 0, "tree_key": key}),
    );

    let small = draft.files.iter();
    let mut files: Vec<PlannedFile> = small
        .map(|(name, bytes)| PlannedFile::of(name.parse().unwrap(), bytes))
        .collect();
    files.push(PlannedFile {
        place: Place::Item,
        sum,
        crc32: crc32.finalize(),
    });
    let about = About {
        origin: ORIGIN.into(),
        subject: Subject {
            kind: "item".into(),
            id: id(ITEM),
        },
        scope: id(CASE_SCOPE).into(),
        checkpoint: 3,
        control: index(0),
        withheld: Vec::new(),
    };
    let plan = Plan::new(about, &files, &room.bundle_key).unwrap();
    let open = |name: &BundleName| -> io::Result<Box<dyn Read>> {
        Ok(match draft.files.get(name.as_str()) {
            Some(bytes) => Box::new(io::Cursor::new(bytes.clone())),
            None => Box::new(Film { at: 0, length }),
        })
    };
    let out = BufWriter::new(File::create(path).unwrap());
    plan.write_to(out, open).unwrap().flush().unwrap();
    assert_eq!(std::fs::metadata(path).unwrap().len(), plan.length());
    room
}
