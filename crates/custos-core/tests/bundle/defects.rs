//! Invalid bundles, each named by its one defect, with the step that must refuse it.

mod content;
mod entries;
mod heads;
mod packing;
mod redaction;
mod register;
mod timestamps;

pub use timestamps::{stamped, strange, trust_json};

use custos_core::receipt::Receipt;

/// A bundle, the receipts held against it, and the step that fails; none if it is valid.
pub struct Case {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    pub held: Vec<(&'static str, Receipt)>,
    /// Whether the verifier names the time authorities of the vectors.
    pub authorities: bool,
    pub step: &'static str,
}

pub fn case(name: &'static str, step: &'static str, bytes: Vec<u8>) -> Case {
    Case {
        name,
        bytes,
        held: Vec::new(),
        authorities: false,
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
        timestamps::timestamp(),
        heads::held(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
