//! Audits of the room, for auditors and administrators.

use custos_core::ids::Id;
use rocket::{State, get};

use crate::{
    app::{
        Room,
        audits::{self, AuditList, AuditPage},
    },
    http::{
        errors::Failure,
        room::guards::{Named, Reader},
        tags::Tagged,
    },
};

#[get("/audits")]
pub async fn list(caller: Reader, room: &State<Room>) -> Result<Tagged<AuditList>, Failure> {
    Ok(Tagged::of(audits::list(room, &caller.0).await?))
}

#[get("/audits/<audit>")]
pub async fn read(
    caller: Reader,
    room: &State<Room>,
    audit: Named<Id>,
) -> Result<Tagged<AuditPage>, Failure> {
    Ok(Tagged::of(audits::read(room, &caller.0, audit.0).await?))
}
