//! The server of an evidence room.

pub mod policy;
