//! One's own notices, and those that could not be delivered.

use custos_core::ids::RowId;
use rocket::{State, get, http::Status, post};

use super::List;
use crate::{
    app::{
        Room,
        notices::reading::{self, Notice, Undelivered},
    },
    http::{
        errors::Failure,
        room::guards::{Manager, Named, Reader},
        tags::Tagged,
    },
};

#[get("/notices")]
pub async fn list(caller: Reader, room: &State<Room>) -> Result<Tagged<List<Notice>>, Failure> {
    let items = reading::list(room, &caller.0).await?;
    Ok(Tagged::of(List { items }))
}

#[post("/notices/<notice>/read")]
pub async fn read(
    caller: Reader,
    room: &State<Room>,
    notice: Named<RowId>,
) -> Result<Status, Failure> {
    reading::mark_read(room, &caller.0, Some(notice.0)).await?;
    Ok(Status::NoContent)
}

/// For administrators.
#[get("/notices/undelivered")]
pub async fn undelivered(
    caller: Manager,
    room: &State<Room>,
) -> Result<Tagged<List<Undelivered>>, Failure> {
    let items = reading::undelivered(room, &caller.0).await?;
    Ok(Tagged::of(List { items }))
}
