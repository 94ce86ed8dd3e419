//! Stored objects and the rows that name them.

use custos_core::ids::ObjectId;

use super::{context::Room, error::Error};
use crate::db::evidence;

/// Whether a row names the object.
///
/// # Errors
/// The register can't be read.
pub async fn is_named(room: &Room, object: ObjectId) -> Result<bool, Error> {
    room.read(move |connection| Ok(evidence::names_object(connection, object)?))
        .await
}
