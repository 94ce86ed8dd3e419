//! Orders of the court.

use custos_core::ids::CaseId;
use rocket::{State, get, post, serde::json::Json};
use serde_json::json;

use super::{Created, List, entries};
use crate::{
    app::{
        Room,
        orders::{self, NewOrder, OrderSummary},
    },
    http::{
        errors::Failure,
        json::Metadata,
        room::guards::{Manager, Named, Reader},
    },
};

#[get("/cases/<case>/orders")]
pub async fn list(
    caller: Reader,
    room: &State<Room>,
    case: Named<CaseId>,
) -> Result<Json<List<OrderSummary>>, Failure> {
    let items = orders::list(room, &caller.0, case.0).await?.orders;
    Ok(Json(List { items }))
}

#[post("/cases/<case>/orders", data = "<new>")]
pub async fn make(
    caller: Manager,
    room: &State<Room>,
    case: Named<CaseId>,
    new: Metadata<NewOrder>,
) -> Result<Created, Failure> {
    let done = orders::make(room, &caller.0.of(new.1), case.0, new.0).await?;
    let body = json!({"id": done.output, "entries": entries(&done.entered)});
    Ok(Created::at(&format!("cases/{}/orders", case.0), body))
}
