//! Serving items to parties.

use custos_core::ids::{ItemId, PartyId};
use rocket::{State, post};
use serde::Deserialize;
use serde_json::json;

use super::{Created, entries};
use crate::{
    app::{Room, disclosures},
    http::{
        errors::Failure,
        json::Metadata,
        room::guards::{Manager, Named},
    },
};

/// To whom an item is served.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    party: PartyId,
}

#[post("/items/<item>/servings", data = "<to>")]
pub async fn serve(
    caller: Manager,
    room: &State<Room>,
    item: Named<ItemId>,
    to: Metadata<Recipient>,
) -> Result<Created, Failure> {
    let done = disclosures::serve(room, &caller.0.of(to.1), item.0, to.0.party).await?;
    let body = json!({"entries": entries(&done.entered)});
    Ok(Created::at(&format!("items/{}", item.0), body))
}
