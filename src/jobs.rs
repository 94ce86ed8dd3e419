//! What the room does by itself, a file a job.

pub mod audit;
pub mod clock;
pub mod expire;
pub mod forget;
pub mod notify;
pub mod publish;
pub mod reserve;
pub mod sweep;
pub mod timestamp;
pub mod witness;

use tracing::warn;

use crate::app::Error;

/// Says what a job could not do this time; it tries again.
fn quietly(what: &str, outcome: Result<(), Error>) {
    if let Err(error) = outcome {
        warn!(error = %error, cause = ?error, "could not {what} yet");
    }
}
