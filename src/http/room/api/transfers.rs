//! Transfers of the physical thing.

use custos_core::ids::ItemId;
use rocket::{State, post};
use serde_json::json;

use super::{Created, entries};
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
) -> Result<Created, Failure> {
    let done = transfers::record(room, &caller.0.of(new.1), item.0, &new.0).await?;
    let body = json!({"id": done.output, "entries": entries(&done.entered)});
    Ok(Created::at(&format!("items/{}", item.0), body))
}
