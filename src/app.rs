//! Where things happen. Knows no HTTP.

pub mod cases;
pub mod context;
pub mod deciding;
pub mod entering;
pub mod error;
pub mod found;
pub mod open;
pub mod publisher;
pub mod text;
pub mod writer;

pub use context::Room;
pub use deciding::SignedIn;
pub use error::Error;

#[cfg(test)]
mod tests;
