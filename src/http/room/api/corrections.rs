//! Corrections of what was told of an item.

use custos_core::ids::ItemId;
use rocket::{State, post};

use super::{Created, Made};
use crate::{
    app::{
        Room,
        corrections::{self, NewCorrection},
    },
    http::{
        errors::Failure,
        json::Metadata,
        room::guards::{Manager, Named},
    },
};

#[post("/items/<item>/corrections", data = "<new>")]
pub async fn correct(
    caller: Manager,
    room: &State<Room>,
    item: Named<ItemId>,
    new: Metadata<NewCorrection>,
) -> Result<Created<Made>, Failure> {
    let done = corrections::correct(room, &caller.0.of(new.1), item.0, new.0).await?;
    let body = Made::of(done.output, &done.entered);
    Ok(Created::at(&format!("items/{}", item.0), body))
}
