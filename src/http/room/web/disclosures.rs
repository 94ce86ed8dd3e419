//! Serving an item to a party of its case.

use askama::Template;
use custos_core::ids::{ItemId, PartyId};
use rocket::{FromForm, State, get, post, response::Redirect};

use super::{Page, Shell, then};
use crate::{
    app::{
        self, Room,
        cases::{self, Asked, PartySummary},
        disclosures,
        evidence::{self, ItemPage},
    },
    http::{
        errors::Failure,
        room::guards::{Named, Posted, Seat},
    },
};

/// The form to serve an item.
#[derive(Template)]
#[template(path = "serve.html")]
pub struct ServePage {
    shell: Shell,
    item: ItemPage,
    parties: Vec<PartySummary>,
}

/// To whom an item is served.
#[derive(FromForm)]
pub struct Recipient {
    party: String,
}

#[get("/items/<item>/serve")]
pub async fn serve_form(
    seat: Seat,
    room: &State<Room>,
    item: Named<ItemId>,
) -> Result<Page<ServePage>, Failure> {
    let item = evidence::read_item(room, seat.who(), item.0).await?;
    let case = cases::read_case(room, seat.who(), item.case, &Asked::default()).await?;
    Ok(Page::of(ServePage {
        shell: Shell::of(room, &seat, "cases").await?,
        item,
        parties: case.parties,
    }))
}

#[post("/items/<item>/serve", data = "<posted>")]
pub async fn serve(
    room: &State<Room>,
    item: Named<ItemId>,
    posted: Posted<Recipient>,
) -> Result<Redirect, Failure> {
    let odd = |_| app::Error::invalid("`party` is not an id");
    let party: PartyId = posted.form.party.parse().map_err(odd)?;
    disclosures::serve(room, posted.seat.who(), item.0, party).await?;
    Ok(then(format!("/items/{}", item.0)))
}
