//! Who may do what: Cedar decides, and its answer is a value.
//!
//! | module | what it is |
//! |---|---|
//! | [`action`] | the closed list of actions, and a type for each |
//! | [`facts`] | what a decision may depend on |
//! | [`source`] | the text of a policy set, and its hash |
//! | [`sets`] | the sets that were ever built in; how one differs from another |
//! | [`engine`] | strict loading, and the decision |
//! | [`classes`] | items that policy can't tell apart, so that one decision holds for all |
//! | [`permit`] | the answer: a [`permit::Permit`] or a [`permit::Refusal`] |
//!
//! INVARIANT: deny by default, a forbid wins, and any error is a denial. A policy set that
//! does not pass Cedar's strict validation never decides anything.

pub mod action;
pub mod classes;
pub mod engine;
pub mod facts;
pub mod permit;
mod projection;
pub mod sets;
pub mod source;

pub use engine::{Engine, LoadError};
pub use permit::{ClassPermit, Permit, Refusal};
pub use source::{Source, SourceError};

#[cfg(test)]
mod tests;
