//! The ground of an evidence room: its formats, proofs and encryption.
//!
//! Nothing here reads a file, a clock or a source of randomness, and nothing waits: bytes,
//! times and random values are arguments. So every function can be tested with fixed
//! vectors, and a verifier built on this crate needs nothing else.
//!
//! | module | what it is |
//! |---|---|
//! | [`ids`], [`hash`], [`json`] | names, numbers, domain-separated hashing, the one JSON form |
//! | [`keys`], [`cipher`], [`wrap`] | key types; chunked encryption; keys under keys |
//! | [`object`], [`content`] | a stored object's segments; salted Merkle trees over an item's bytes |
//! | [`event`] | a custody entry: 32 slots, commitments, disclosure; control entries |
//! | [`merkle`], [`tile`] | the custody log's tree: roots, proofs, and how it is published |
//! | [`checkpoint`] | signed tree heads, cosignatures, and whom a verifier trusts |
//! | [`receipt`] | the proof of one entry |
//! | [`timestamp`] | tokens of time authorities over checkpoints |
//! | [`export`] | some of the log's entries, redacted, in a file that verifies as it is |
//! | [`row`] | what an entry says of the database rows that it wrote |
//! | [`bundle`], [`verify`] | a package for a court, and its offline verification |
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod bundle;
pub mod checkpoint;
pub mod cipher;
pub mod content;
pub mod event;
pub mod export;
pub mod hash;
pub mod ids;
pub mod json;
pub mod keys;
pub mod merkle;
pub mod object;
pub mod receipt;
pub mod row;
pub mod tile;
pub mod timestamp;
pub mod verify;
pub mod wrap;
