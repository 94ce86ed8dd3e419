//! A bundle: one canonical ZIP that a court can check offline.
//!
//! | module | what it is |
//! |---|---|
//! | [`zip`] | the canonical ZIP, written and read byte for byte |
//! | [`manifest`], [`parts`] | the text of `bundle.note` |
//! | [`name`], [`place`] | names of files, and what each is |
//! | [`plan`] | making a bundle |
//!
//! Checking one is [`crate::verify`].

pub mod manifest;
pub mod name;
pub mod parts;
pub mod place;
pub mod plan;
pub mod zip;

pub use manifest::{FileSum, Manifest, Subject};
pub use name::BundleName;
pub use parts::{Part, Parts};
pub use place::Place;
pub use plan::{About, Plan, PlanError, PlannedFile};
