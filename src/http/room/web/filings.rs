//! Filing about an item by forms: corrections, transfers of the physical thing, exhibits.

use custos_core::ids::{ItemId, RowId};
use rocket::{FromForm, State, post, response::Redirect};
use serde_json::json;

use super::{sessions::Nothing, then};
use crate::{
    app::{
        self, Room,
        corrections::{self, NewCorrection, TIMES},
        exhibits::{self, NewOffer, NewRuling},
        transfers::{self, NewTransfer},
    },
    http::{
        errors::Failure,
        room::guards::{Named, Posted},
        text::{parse_local, parse_offset},
    },
};

/// A correction.
#[derive(FromForm)]
pub struct Correcting {
    field: String,
    value: String,
    reason: String,
}

/// A transfer.
#[derive(FromForm)]
pub struct Transferring {
    released_by: String,
    received_by: String,
    at: String,
    offset: String,
    place: String,
    reason: String,
    seal: String,
    seal_state: String,
}

/// An offer of an exhibit.
#[derive(FromForm)]
pub struct Offering {
    number: String,
    note: String,
}

/// A ruling on an exhibit.
#[derive(FromForm)]
pub struct Ruling {
    tag: String,
    status: String,
    order: String,
    note: String,
}

#[post("/items/<item>/corrections", data = "<posted>")]
pub async fn correct(
    room: &State<Room>,
    item: Named<ItemId>,
    posted: Posted<Correcting>,
) -> Result<Redirect, Failure> {
    let form = posted.form;
    let value = if TIMES.contains(&form.field.as_str()) {
        let told = form.value.trim();
        let (at, offset) = told
            .split_at_checked("2026-03-01T14:05".len())
            .unwrap_or((told, ""));
        json!(moment(at, offset)?.0)
    } else {
        json!(form.value)
    };
    let new = NewCorrection {
        field: form.field,
        value,
        reason: form.reason,
    };
    corrections::correct(room, posted.seat.who(), item.0, new).await?;
    Ok(back(item.0))
}

#[post("/items/<item>/transfers", data = "<posted>")]
pub async fn transfer(
    room: &State<Room>,
    item: Named<ItemId>,
    posted: Posted<Transferring>,
) -> Result<Redirect, Failure> {
    let form = posted.form;
    let (at, offset_minutes) = moment(&form.at, &form.offset)?;
    let new = NewTransfer {
        released_by: form.released_by,
        received_by: form.received_by,
        at: Some(at),
        offset_minutes,
        place: form.place,
        reason: form.reason,
        seal: form.seal,
        seal_state: form.seal_state,
    };
    transfers::record(room, posted.seat.who(), item.0, &new).await?;
    Ok(back(item.0))
}

#[post("/items/<item>/exhibits", data = "<posted>")]
pub async fn offer(
    room: &State<Room>,
    item: Named<ItemId>,
    posted: Posted<Offering>,
) -> Result<Redirect, Failure> {
    let new = NewOffer {
        number: posted.form.number,
        note: posted.form.note,
    };
    exhibits::offer(room, posted.seat.who(), item.0, new).await?;
    Ok(back(item.0))
}

#[post("/items/<item>/exhibits/<exhibit>/withdraw", data = "<posted>")]
pub async fn withdraw(
    room: &State<Room>,
    item: Named<ItemId>,
    exhibit: Named<RowId>,
    posted: Posted<Nothing>,
) -> Result<Redirect, Failure> {
    exhibits::withdraw(room, posted.seat.who(), item.0, exhibit.0).await?;
    Ok(back(item.0))
}

#[post("/items/<item>/exhibits/<exhibit>/ruling", data = "<posted>")]
pub async fn rule(
    room: &State<Room>,
    item: Named<ItemId>,
    exhibit: Named<RowId>,
    posted: Posted<Ruling>,
) -> Result<Redirect, Failure> {
    let form = posted.form;
    let who = posted.seat.upon(&form.tag)?;
    let order = match form.order.trim() {
        "" => None,
        order => Some(
            order
                .parse()
                .map_err(|_| app::Error::invalid("`order` is not an id"))?,
        ),
    };
    let new = NewRuling {
        status: form.status,
        order,
        note: form.note,
    };
    exhibits::rule(room, &who, item.0, exhibit.0, new).await?;
    Ok(back(item.0))
}

fn back(item: ItemId) -> Redirect {
    then(format!("/items/{item}#filed"))
}

/// A moment by the clock of whoever noted it.
fn moment(at: &str, offset: &str) -> Result<(custos_core::ids::Timestamp, i16), Failure> {
    let minutes = parse_offset(offset.trim())
        .ok_or_else(|| app::Error::invalid("the offset from UTC is not of the form `+01:00`"))?;
    let time = parse_local(at.trim(), minutes)
        .ok_or_else(|| app::Error::invalid("the time can't be read"))?;
    Ok((time, minutes))
}
