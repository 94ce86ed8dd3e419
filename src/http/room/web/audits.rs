//! Audits of the room, for auditors and administrators.

use askama::Template;
use custos_core::ids::Id;
use rocket::{State, get};

use super::{Page, Shell};
use crate::{
    app::{
        Room,
        audits::{self, AuditList, AuditPage, MAX_SHOWN},
    },
    http::{
        errors::Failure,
        room::guards::{Named, Seat},
        text,
    },
};

/// The rounds.
#[derive(Template)]
#[template(path = "audits.html")]
pub struct AuditsPage {
    shell: Shell,
    seen: AuditList,
    max_shown: i64,
}

/// One round.
#[derive(Template)]
#[template(path = "audit.html")]
pub struct OneAuditPage {
    shell: Shell,
    seen: AuditPage,
}

#[get("/audits")]
pub async fn list(seat: Seat, room: &State<Room>) -> Result<Page<AuditsPage>, Failure> {
    let seen = audits::list(room, seat.who()).await?;
    Ok(Page::of(AuditsPage {
        shell: Shell::of(room, &seat, "audits").await?,
        seen,
        max_shown: MAX_SHOWN,
    }))
}

#[get("/audits/<audit>")]
pub async fn read(
    seat: Seat,
    room: &State<Room>,
    audit: Named<Id>,
) -> Result<Page<OneAuditPage>, Failure> {
    let seen = audits::read(room, seat.who(), audit.0).await?;
    Ok(Page::of(OneAuditPage {
        shell: Shell::of(room, &seat, "audits").await?,
        seen,
    }))
}
