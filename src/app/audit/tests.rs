//! A small real room is audited, then damaged in every byte: each time the audit finds it,
//! names the damaged thing, and tells no plaintext.

mod bench;
mod changes;
mod clean;
mod flips;
mod objects;
mod published;
