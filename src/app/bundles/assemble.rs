//! Which files a bundle holds, byte for byte, but for the item itself.

use std::collections::BTreeMap;

use custos_core::{
    bundle::{About, BundleName, FileSum, Part, Place, Plan, PlannedFile, Subject},
    checkpoint::{LogKeys, NoteSigner},
    content::{TreeKind, tree_key},
    event::{kind, leaf_data},
    hash::Hash,
    ids::LeafIndex,
    json,
    keys::SaltKey,
    merkle::leaf_hash,
    receipt::TlogProof,
};
use serde_json::{Value, json};

use super::Made;
use crate::{
    app::{error::Error, proofs::Published},
    db::evidence::Content,
};

/// How to check by hand; the text of `README.txt`.
const README: &str = include_str!("readme.txt");

/// A bundle whose every byte is decided.
pub(super) struct Assembled {
    /// Lengths and sums, with the signed list of files.
    pub(super) plan: Plan,
    /// The bytes of every file but `content/item`.
    pub(super) files: BTreeMap<BundleName, Vec<u8>>,
    /// The item, if it is in the bundle.
    pub(super) content: Option<Content>,
}

/// A published tree whose checkpoint a bundle holds, and the token over it.
pub(super) struct Held {
    /// The tree.
    pub(super) published: Published,
    /// What a time authority answered, as it came.
    pub(super) token: Option<Vec<u8>>,
}

/// Makes every part and the signed list of them. Blocks.
///
/// `held` are the trees whose checkpoints it holds, by size: the newest is the last, and behind it
/// older ones, those that first covered the adding entry. Each comes with its token, if there is one.
pub(super) fn assemble(
    made: Made,
    held: &[Held],
    log_keys: &LogKeys,
    signer: &NoteSigner,
    origin: &str,
) -> Result<Assembled, Error> {
    let published = &held.last().ok_or_else(odd)?.published;
    let mut parts = Files::default();
    for opened in &made.entries {
        let disclosed = made.sight.disclose(opened)?;
        let jcs = disclosed.to_jcs().map_err(|_| odd())?;
        let leaf = leaf_data(disclosed.commitment());
        parts.add(Place::Entry(opened.index), jcs);
        let proof = proof(published, opened.index, &leaf)?;
        parts.add(Place::Proof(opened.index), proof);
    }
    let (control, leaf) = &made.control;
    parts.add(
        Place::Control(*control),
        leaf.get(1..).ok_or_else(odd)?.to_vec(),
    );
    let proof = proof(published, *control, leaf)?;
    parts.add(Place::Proof(*control), proof);
    for Held { published, token } in held {
        let (size, note) = (published.size(), published.checkpoint.as_bytes().to_vec());
        parts.add(Place::Checkpoint(size), note);
        if let Some(token) = token {
            let key = log_keys.signer(&published.checkpoint).ok_or_else(odd)?.id();
            parts.add(Place::Timestamp { size, key }, token.clone());
        }
    }
    for pair in held.windows(2) {
        let (old, new) = (pair[0].published.size(), pair[1].published.size());
        let hashes = pair[1].published.consistency(old)?;
        parts.add(Place::Consistency { old, new }, jcs(&json!(hashes))?);
    }
    parts.add(Place::Readme, README.as_bytes().to_vec());
    if let Some(content) = &made.content {
        parts.content(content)?;
    }
    let withheld = if made.content.is_some() {
        Vec::new()
    } else {
        vec![Part::Content]
    };
    let about = About {
        origin: origin.into(),
        subject: Subject {
            kind: "item".into(),
            id: made.item.id(),
        },
        scope: made.scope,
        checkpoint: published.size(),
        control: *control,
        withheld,
    };
    let plan = Plan::new(about, &parts.planned, signer).map_err(|error| {
        tracing::error!(%error, "a bundle can't be made");
        odd()
    })?;
    Ok(Assembled {
        plan,
        files: parts.bytes,
        content: made.content,
    })
}

/// The index of the entry that added the item.
pub(super) fn adding(made: &Made) -> Option<LeafIndex> {
    let mut entries = made.entries.iter();
    entries
        .find(|opened| kind::adds_item(opened.kind()))
        .map(|opened| opened.index)
}

#[derive(Default)]
struct Files {
    planned: Vec<PlannedFile>,
    bytes: BTreeMap<BundleName, Vec<u8>>,
}

impl Files {
    fn add(&mut self, place: Place, bytes: Vec<u8>) {
        let name = place.name();
        self.planned.push(PlannedFile::of(place, &bytes));
        self.bytes.insert(name, bytes);
    }

    /// `content/item`, by what is known of it since its deposit, and the key of its tree.
    fn content(&mut self, content: &Content) -> Result<(), Error> {
        let told = &content.item.details;
        let sha256: Hash = told.sha256.parse().map_err(|_| odd())?;
        self.planned.push(PlannedFile {
            place: Place::Item,
            sum: FileSum {
                length: told.size,
                sha256,
            },
            crc32: told.crc32,
        });
        let salt_key = SaltKey::from_bytes(*content.salt_key);
        let key = tree_key(&salt_key, TreeKind::Content, 0).map_err(|_| odd())?;
        let tree = json!({
            "kind": TreeKind::Content.number(),
            "number": 0,
            "tree_key": hex::encode(key.as_bytes()),
        });
        self.add(Place::Tree, jcs(&tree)?);
        Ok(())
    }
}

fn proof(published: &Published, index: LeafIndex, leaf: &[u8]) -> Result<Vec<u8>, Error> {
    let hashes = published.inclusion(index, &leaf_hash(leaf))?;
    TlogProof::new(index, hashes, None, published.checkpoint.clone())
        .map(|proof| proof.to_bytes())
        .map_err(|_| odd())
}

fn jcs(value: &Value) -> Result<Vec<u8>, Error> {
    json::canonical(value).map_err(|_| odd())
}

fn odd() -> Error {
    Error::CustodyUnavailable(None)
}
