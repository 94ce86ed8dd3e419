//! Serving items to parties.

use custos_core::ids::{ItemId, PartyId};
use rocket::{State, post};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Changed, Created};
use crate::{
    app::{Room, disclosures, schema},
    http::{
        errors::Failure,
        json::Metadata,
        room::guards::{Manager, Named},
    },
};

/// To whom an item is served.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    #[schema(value_type = schema::Id)]
    party: PartyId,
}

#[post("/items/<item>/servings", data = "<to>")]
pub async fn serve(
    caller: Manager,
    room: &State<Room>,
    item: Named<ItemId>,
    to: Metadata<Recipient>,
) -> Result<Created<Changed>, Failure> {
    let done = disclosures::serve(room, &caller.0.of(to.1), item.0, to.0.party).await?;
    let body = Changed::by(&done.entered);
    Ok(Created::at(&format!("items/{}", item.0), body))
}
