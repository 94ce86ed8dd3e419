//! Orders of the court.

use custos_core::ids::CaseId;
use rocket::{State, get, post};

use super::{Created, List, Made};
use crate::{
    app::{
        Room,
        orders::{self, NewOrder, OrderSummary},
    },
    http::{
        errors::Failure,
        json::Metadata,
        room::guards::{Manager, Named, Reader},
        tags::Tagged,
    },
};

#[get("/cases/<case>/orders")]
pub async fn list(
    caller: Reader,
    room: &State<Room>,
    case: Named<CaseId>,
) -> Result<Tagged<List<OrderSummary>>, Failure> {
    let items = orders::list(room, &caller.0, case.0).await?.orders;
    Ok(Tagged::of(List { items }))
}

#[post("/cases/<case>/orders", data = "<new>")]
pub async fn make(
    caller: Manager,
    room: &State<Room>,
    case: Named<CaseId>,
    new: Metadata<NewOrder>,
) -> Result<Created<Made>, Failure> {
    let done = orders::make(room, &caller.0.of(new.1), case.0, new.0).await?;
    let body = Made::of(done.output, &done.entered);
    Ok(Created::at(&format!("cases/{}/orders", case.0), body))
}
