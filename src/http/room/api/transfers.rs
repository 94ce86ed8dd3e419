//! Transfers of the physical thing.

use custos_core::ids::ItemId;
use rocket::{State, post};

use super::{Created, Made};
use crate::{
    app::{
        Room,
        transfers::{self, NewTransfer},
    },
    http::{
        errors::Failure,
        json::Metadata,
        room::guards::{Manager, Named},
    },
};

#[post("/items/<item>/transfers", data = "<new>")]
pub async fn record(
    caller: Manager,
    room: &State<Room>,
    item: Named<ItemId>,
    new: Metadata<NewTransfer>,
) -> Result<Created<Made>, Failure> {
    let done = transfers::record(room, &caller.0.of(new.1), item.0, &new.0).await?;
    let body = Made::of(done.output, &done.entered);
    Ok(Created::at(&format!("items/{}", item.0), body))
}
