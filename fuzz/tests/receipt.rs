//! Receipts: no edit makes another entry, or another place of it, verify.

mod log;

use bolero::check;
use custos_core::{
    checkpoint::TrustPolicy,
    receipt::{Receipt, TlogProof},
};

#[test]
fn receipt() {
    check!().for_each(|bytes: &[u8]| {
        let _ = Receipt::parse(bytes);
        if let Ok(proof) = TlogProof::parse(bytes) {
            assert_eq!(proof.to_bytes(), bytes);
        }
    });
}

#[test]
fn edited_receipt() {
    let receipts = log::valid("receipt.json", "valid", "receipt");
    let keys = log::valid("checkpoint.json", "keys", "vkey");
    let policy = TrustPolicy::of_log(keys[0].parse().expect("a vkey"));
    let good: Vec<_> = receipts
        .iter()
        .map(|receipt| Receipt::parse(receipt.as_bytes()).expect("a valid vector"))
        .collect();
    check!()
        .with_type()
        .for_each(|(choice, edit): &(u8, log::Edit)| {
            let (choice, bytes) = log::edited(&receipts, *choice, edit);
            let Ok(receipt) = Receipt::parse(&bytes) else {
                return;
            };
            assert_eq!(receipt.to_bytes(), bytes);
            if receipt.verify(&policy).is_ok() {
                assert_eq!(receipt.summary(), good[choice].summary());
            }
        });
}
