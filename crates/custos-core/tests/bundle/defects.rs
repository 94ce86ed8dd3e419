//! Invalid bundles, each named by its one defect, with the step that must refuse it.

mod content;
mod entries;
mod heads;
mod packing;
mod redaction;
mod register;

use custos_core::receipt::Receipt;

/// A bundle, the receipts held against it, and the step that fails; none if it is valid.
pub struct Case {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    pub held: Vec<(&'static str, Receipt)>,
    pub step: &'static str,
}

pub fn case(name: &'static str, step: &'static str, bytes: Vec<u8>) -> Case {
    Case {
        name,
        bytes,
        held: Vec::new(),
        step,
    }
}

/// Every defect.
pub fn all() -> Vec<Case> {
    [
        packing::zip(),
        packing::note(),
        packing::files(),
        heads::checkpoint(),
        heads::witness(),
        heads::consistency(),
        entries::entry(),
        entries::inclusion(),
        entries::key(),
        entries::chain(),
        content::content(),
        redaction::redaction(),
        register::register(),
        heads::timestamp(),
        heads::held(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
