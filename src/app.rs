//! Where things happen. Knows no HTTP.

pub mod audit;
pub mod auditing;
pub mod backup;
pub mod behind;
pub mod bundles;
pub mod cases;
pub mod clock;
pub mod context;
pub mod corrections;
pub mod custody;
pub mod deciding;
pub mod disclosing;
pub mod disclosures;
pub mod doctor;
pub mod entering;
pub mod error;
pub mod evidence;
pub mod exhibits;
pub mod exports;
mod filing;
pub mod found;
pub mod index;
pub mod leading;
pub mod notices;
pub mod objects;
pub mod once;
pub mod open;
pub mod orders;
pub mod people;
mod pieces;
pub mod proofs;
pub mod public;
pub mod publisher;
mod rechecking;
pub mod requests;
pub mod reserve;
pub mod schema;
pub mod sessions;
pub mod standing;
mod stock;
pub mod synthetic;
pub mod tags;
pub mod text;
pub mod timestamps;
pub mod transfers;
pub mod uploads;
pub mod views;
pub mod walls;
pub mod witnesses;
pub mod writer;

pub use context::Room;
pub use deciding::SignedIn;
pub use error::Error;

#[cfg(test)]
mod tests;
