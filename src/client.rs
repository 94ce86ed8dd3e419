//! The deposit client: it hands files to a room over HTTP and keeps what proves that it did.
//!
//! ```text
//! hash every file -> ask the journal, then the room, what is there already -> number the rest
//! announce -> journal, fsync -> send the bytes -> acknowledged -> journal, fsync -> receipt
//! ```
//!
//! INVARIANT: the id under which bytes are sent is in the journal before the first of them
//! leaves, and the room takes the bytes of one id in at most once. So after a crash at any
//! point, asking the room for that id tells whether the deposit was made.
//!
//! Without its journal it looks among the case's items for its own. What the depositor may not
//! see there (items restricted as they came in), or with a token that may not read, it can't
//! find: then a lost journal can double a deposit, which the custody log shows.
//!
//! It knows nothing of the server's floors: what it needs of the API it states itself.

pub mod access;
pub mod api;
pub mod deposit;
pub mod digests;
pub mod error;
pub mod hashes;
pub mod journal;
pub mod listing;
pub mod manifest;
pub mod names;
pub mod place;
pub mod receipt;
pub mod report;
pub mod session;
pub mod source;
pub mod told;
