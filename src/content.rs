//! An item's bytes on their way into the store and out of it.
//!
//! | module | what it does |
//! |---|---|
//! | [`mod@write`] | one pass: hashes, content tree, encryption, store |
//! | [`read`] | ranges of an item, each byte verified before it is released |
//! | [`audit`] | whether a stored object is still whole, and where it is not |
//! | [`declared`] | hashes that a depositor may declare |
//! | [`media`] | what kind of file the bytes look like |
//!
//! Nothing here knows a database, a request or a policy: whoever calls has decided already,
//! and has written the custody entry where one is due.
//!
//! INVARIANT: plaintext leaves [`read`] only after its tag was verified, under a commitment
//! that the item's custody entry names. Plaintext buffers are wiped before they are freed.

pub mod audit;
mod buffers;
pub mod declared;
pub mod media;
mod pipeline;
pub mod read;
pub mod write;

#[cfg(test)]
mod tests;
