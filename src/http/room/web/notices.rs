//! One's own notices and mail address; what could not be delivered.

use askama::Template;
use custos_core::ids::RowId;
use rocket::{FromForm, State, get, post, response::Redirect};

use super::{Page, Shell, sessions::Nothing, then};
use crate::{
    app::{
        self, Room,
        notices::{
            addresses::{self, OwnAddress},
            reading::{self, MAX_SHOWN, Notice, Undelivered},
        },
    },
    http::{
        errors::Failure,
        room::guards::{Named, Posted, Seat},
        text::{self, sentence},
    },
};

/// One's own notices.
#[derive(Template)]
#[template(path = "notices.html")]
pub struct NoticesPage {
    shell: Shell,
    notices: Vec<Notice>,
    max_shown: usize,
}

/// Notices that could not be delivered.
#[derive(Template)]
#[template(path = "undelivered.html")]
pub struct UndeliveredPage {
    shell: Shell,
    notices: Vec<Undelivered>,
}

/// One's own mail address.
#[derive(Template)]
#[template(path = "mail.html")]
pub struct MailPage {
    shell: Shell,
    own: OwnAddress,
    failed: Option<String>,
}

/// An address.
#[derive(FromForm)]
pub struct NewMail {
    mail: String,
}

/// The code from a letter.
#[derive(FromForm)]
pub struct Code {
    secret: String,
}

#[get("/notices")]
pub async fn list(seat: Seat, room: &State<Room>) -> Result<Page<NoticesPage>, Failure> {
    let notices = reading::list(room, seat.who()).await?;
    Ok(Page::of(NoticesPage {
        shell: Shell::of(room, &seat, "notices").await?,
        notices,
        max_shown: MAX_SHOWN,
    }))
}

#[post("/notices/read", data = "<posted>")]
pub async fn read_all(room: &State<Room>, posted: Posted<Nothing>) -> Result<Redirect, Failure> {
    reading::mark_read(room, posted.seat.who(), None).await?;
    Ok(then("/notices".into()))
}

#[post("/notices/<notice>/read", data = "<posted>")]
pub async fn read(
    room: &State<Room>,
    notice: Named<RowId>,
    posted: Posted<Nothing>,
) -> Result<Redirect, Failure> {
    reading::mark_read(room, posted.seat.who(), Some(notice.0)).await?;
    Ok(then("/notices".into()))
}

/// For administrators.
#[get("/notices/undelivered")]
pub async fn undelivered(seat: Seat, room: &State<Room>) -> Result<Page<UndeliveredPage>, Failure> {
    let notices = reading::undelivered(room, seat.who()).await?;
    Ok(Page::of(UndeliveredPage {
        shell: Shell::of(room, &seat, "notices").await?,
        notices,
    }))
}

/// The code is behind the `#` of its link, which is never sent; the page takes it from there.
#[get("/mail")]
pub async fn mail(seat: Seat, room: &State<Room>) -> Result<Page<MailPage>, Failure> {
    Ok(Page::of(MailPage::of(room, &seat, None).await?))
}

#[post("/mail", data = "<posted>")]
pub async fn name_mail(
    room: &State<Room>,
    posted: Posted<NewMail>,
) -> Result<Page<MailPage>, Failure> {
    let seat = posted.seat;
    let outcome = addresses::name(room, seat.who(), &posted.form.mail).await;
    MailPage::after(room, &seat, outcome.map(drop)).await
}

#[post("/mail/confirm", data = "<posted>")]
pub async fn confirm_mail(
    room: &State<Room>,
    posted: Posted<Code>,
) -> Result<Page<MailPage>, Failure> {
    let seat = posted.seat;
    let outcome = addresses::confirm(room, seat.who(), &posted.form.secret).await;
    MailPage::after(room, &seat, outcome.map(drop)).await
}

#[post("/mail/remove", data = "<posted>")]
pub async fn remove_mail(
    room: &State<Room>,
    posted: Posted<Nothing>,
) -> Result<Page<MailPage>, Failure> {
    let seat = posted.seat;
    let outcome = addresses::remove(room, seat.who()).await;
    MailPage::after(room, &seat, outcome.map(drop)).await
}

impl MailPage {
    async fn of(room: &Room, seat: &Seat, failed: Option<String>) -> Result<Self, Failure> {
        Ok(Self {
            own: addresses::own(room, seat.who()).await?,
            shell: Shell::of(room, seat, "notices").await?,
            failed,
        })
    }

    /// The page as it is after a change, or with why nothing was changed.
    async fn after(
        room: &Room,
        seat: &Seat,
        outcome: Result<(), app::Error>,
    ) -> Result<Page<Self>, Failure> {
        match outcome {
            Ok(()) => Ok(Page::of(Self::of(room, seat, None).await?)),
            Err(error) => {
                let page = Self::of(room, seat, Some(sentence(&error.to_string()))).await?;
                Ok(Page::failed(page, &error.into()))
            }
        }
    }
}
