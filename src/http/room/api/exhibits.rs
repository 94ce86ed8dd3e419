//! Exhibits: offered, withdrawn, ruled on.

use custos_core::ids::{CaseId, ItemId, RowId};
use rocket::{State, delete, get, post, put, serde::json::Json};

use super::{Changed, Created, List, Made};
use crate::{
    app::{
        Room,
        exhibits::{self, ExhibitSummary, NewOffer, NewRuling},
    },
    http::{
        errors::Failure,
        json::Metadata,
        room::guards::{Manager, Named, Reader},
        tags::Tagged,
    },
};

#[get("/cases/<case>/exhibits")]
pub async fn list(
    caller: Reader,
    room: &State<Room>,
    case: Named<CaseId>,
) -> Result<Tagged<List<ExhibitSummary>>, Failure> {
    let items = exhibits::list(room, &caller.0, case.0).await?;
    Ok(Tagged::of(List { items }))
}

#[post("/items/<item>/exhibits", data = "<new>")]
pub async fn offer(
    caller: Manager,
    room: &State<Room>,
    item: Named<ItemId>,
    new: Metadata<NewOffer>,
) -> Result<Created<Made>, Failure> {
    let done = exhibits::offer(room, &caller.0.of(new.1), item.0, new.0).await?;
    let body = Made::of(done.output, &done.entered);
    Ok(Created::at(&format!("items/{}", item.0), body))
}

#[delete("/items/<item>/exhibits/<exhibit>")]
pub async fn withdraw(
    caller: Manager,
    room: &State<Room>,
    item: Named<ItemId>,
    exhibit: Named<RowId>,
) -> Result<Json<Changed>, Failure> {
    let done = exhibits::withdraw(room, &caller.0, item.0, exhibit.0).await?;
    Ok(Json(Changed::by(&done.entered)))
}

#[put("/items/<item>/exhibits/<exhibit>/ruling", data = "<new>")]
pub async fn rule(
    caller: Manager,
    room: &State<Room>,
    item: Named<ItemId>,
    exhibit: Named<RowId>,
    new: Metadata<NewRuling>,
) -> Result<Json<Changed>, Failure> {
    let done = exhibits::rule(room, &caller.0, item.0, exhibit.0, new.0).await?;
    Ok(Json(Changed::by(&done.entered)))
}
