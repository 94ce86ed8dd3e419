//! Bundles as whole archives: the frozen vectors, each defect at its step, every byte.
#![allow(clippy::unwrap_used, missing_docs)]

mod defects;
mod draft;
mod exports;
mod flips;
mod large;
mod room;
mod samples;
mod valid;
mod vectors;
