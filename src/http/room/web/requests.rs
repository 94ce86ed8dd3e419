//! What needs a second person.

use askama::Template;
use custos_core::ids::RowId;
use rocket::{Either, State, get, post, response::Redirect};

use super::{Page, Shell, people::SecretPage, sessions::Nothing, then};
use crate::{
    app::{
        Room,
        people::enrolment::ENROLMENT,
        requests::{self, RequestSummary},
    },
    http::{
        errors::Failure,
        origins::Origins,
        room::guards::{Named, Posted, Seat},
        text,
    },
};

/// What one asked for or may answer.
#[derive(Template)]
#[template(path = "requests.html")]
pub struct RequestsPage {
    shell: Shell,
    requests: Vec<RequestSummary>,
}

#[get("/requests")]
pub async fn list(seat: Seat, room: &State<Room>) -> Result<Page<RequestsPage>, Failure> {
    let requests = requests::list(room, seat.who()).await?;
    Ok(Page::of(RequestsPage {
        shell: Shell::of(room, &seat, "requests").await?,
        requests,
    }))
}

#[post("/requests/<request>/approval", data = "<posted>")]
pub async fn approve(
    room: &State<Room>,
    request: Named<RowId>,
    posted: Posted<Nothing>,
) -> Result<Redirect, Failure> {
    requests::approve(room, posted.seat.who(), request.0).await?;
    Ok(then("/requests".into()))
}

#[post("/requests/<request>/refusal", data = "<posted>")]
pub async fn decline(
    room: &State<Room>,
    request: Named<RowId>,
    posted: Posted<Nothing>,
) -> Result<Redirect, Failure> {
    requests::decline(room, posted.seat.who(), request.0).await?;
    Ok(then("/requests".into()))
}

#[post("/requests/<request>/withdrawal", data = "<posted>")]
pub async fn withdraw(
    room: &State<Room>,
    request: Named<RowId>,
    posted: Posted<Nothing>,
) -> Result<Redirect, Failure> {
    requests::withdraw(room, posted.seat.who(), request.0).await?;
    Ok(then("/requests".into()))
}

/// The link of a recovery is shown once, on the answer itself; nothing keeps it.
#[post("/requests/<request>/execution", data = "<posted>")]
pub async fn carry_out(
    room: &State<Room>,
    origins: &State<Origins>,
    request: Named<RowId>,
    posted: Posted<Nothing>,
) -> Result<Either<Redirect, Page<SecretPage>>, Failure> {
    let done = requests::carry_out(room, posted.seat.who(), request.0).await?;
    let Some(link) = done.output.link else {
        return Ok(Either::Left(then("/requests".into())));
    };
    let shell = Shell::of(room, &posted.seat, "requests").await?;
    let secret = format!("{}/enter#{}", origins.room, *link.0.text());
    let page = SecretPage::link(shell, secret, ENROLMENT, "/requests");
    Ok(Either::Right(Page::of(page)))
}
