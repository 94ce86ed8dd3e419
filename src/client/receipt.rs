//! Receipts: fetched, held against what was sent, and kept.

use std::{fs, path::Path};

use custos_core::{
    event::{leaf_data, slot},
    hash::Hash,
    ids::ItemId,
    merkle::leaf_hash,
    receipt::{Receipt, ReceiptError},
};
use serde_json::Value;

use super::{error::ClientError, journal::Kept, place::Draft};

/// What a receipt says of a deposit.
#[derive(Debug, Clone)]
pub struct Proven {
    /// Bytes, where the receipt shows them.
    pub size: Option<u64>,
    /// SHA-256 of the whole, where the receipt shows it.
    pub sha256: Option<Hash>,
    /// What is to be kept of it.
    pub kept: Kept,
}

/// Reads a receipt and checks that it proves the deposit of `item`. Who signed its checkpoint
/// is for whoever holds the log's key: `custos-verify --receipt`.
///
/// # Errors
/// It is none, does not prove its entry, or is about something else.
pub fn prove(bytes: &[u8], item: ItemId) -> Result<Proven, ClientError> {
    let receipt = Receipt::parse(bytes)?;
    let entry = receipt.entry();
    receipt
        .proof()
        .check_inclusion(&leaf_hash(&leaf_data(entry.commitment())))
        .map_err(ReceiptError::Inclusion)?;
    let summary = receipt.summary();
    let of_item = summary.subject_type == "item" && summary.subject_id == Some(item.id());
    if !of_item || !entry.adds_item() {
        return Err(ClientError::Answer(
            "the receipt is not that of the item's deposit".into(),
        ));
    }
    let reference = entry
        .value(slot::DESCRIPTION)
        .and_then(|told| told["reference"].as_str())
        .unwrap_or_default();
    Ok(Proven {
        size: entry.integer(slot::SIZE),
        sha256: entry.hash(slot::SHA256),
        kept: Kept {
            item,
            reference: reference.into(),
            quarantined: entry.value(slot::DECLARED).is_some_and(any_mismatch),
            index: Some(receipt.index().get()),
            c: Some(*entry.commitment()),
        },
    })
}

fn any_mismatch(declared: &Value) -> bool {
    let mut hashes = declared.as_array().into_iter().flatten();
    hashes.any(|hash| hash["declared"] != hash["found"])
}

impl Proven {
    /// Holds the receipt against the bytes that were sent.
    ///
    /// # Errors
    /// It is about other bytes, or another entry than was acknowledged.
    pub fn fits(&self, size: u64, sha256: &Hash, kept: Option<&Kept>) -> Result<(), ClientError> {
        let differs = |what: &str| Err(ClientError::Answer(format!("the receipt shows {what}")));
        if self.size.is_some_and(|shown| shown != size)
            || self.sha256.is_some_and(|shown| shown != *sha256)
        {
            return differs("other bytes than were sent");
        }
        let acknowledged = kept.and_then(|kept| Some((kept.c?, kept.index?)));
        if acknowledged
            .is_some_and(|(c, index)| self.kept.c != Some(c) || self.kept.index != Some(index))
        {
            return differs("another entry than was acknowledged");
        }
        Ok(())
    }
}

/// Whether a file that stands there already is a receipt of this item's deposit.
pub fn stands_at(path: &Path, item: ItemId) -> bool {
    fs::read(path).is_ok_and(|bytes| prove(&bytes, item).is_ok())
}

/// Puts a receipt in its place, durably, over nothing.
///
/// # Errors
/// It can't be written, or something stands there.
pub fn keep(path: &Path, bytes: &[u8], replace: bool) -> Result<(), ClientError> {
    let mut draft = Draft::beside(path, replace)?;
    draft.write(bytes)?;
    draft.place()
}
