//! The register of a case: its orders, its exhibits, its course, and who is kept from it.

use askama::Template;
use custos_core::ids::{CaseId, PersonId};
use rocket::{FromForm, State, get, post, response::Redirect};

use super::{Page, Shell, then};
use crate::{
    app::{
        self, Room,
        cases::{self, NewStage},
        exhibits::{self, ExhibitSummary},
        orders::{self, NewOrder, OrderList},
        requests::{self, Proposal},
        walls::{self, Wall},
    },
    http::{
        errors::Failure,
        room::guards::{Named, Posted, Seat},
        text,
    },
};

/// The register of a case.
#[derive(Template)]
#[template(path = "register.html")]
pub struct RegisterPage {
    shell: Shell,
    case: CaseId,
    /// None for those whom orders are not shown, as they name what is hidden from them.
    orders: Option<OrderList>,
    exhibits: Vec<ExhibitSummary>,
    kinds: &'static [&'static str],
}

/// An order.
#[derive(FromForm)]
pub struct Ordering {
    number: String,
    orders: String,
    text: String,
}

/// A stage.
#[derive(FromForm)]
pub struct Staging {
    tag: String,
    stage: String,
    outcome: String,
}

/// A wall.
#[derive(FromForm)]
pub struct Walling {
    tag: String,
    person: String,
    status: String,
    reason: String,
}

/// Another case that this one is put into.
#[derive(FromForm)]
pub struct Merging {
    into: String,
    reason: String,
}

/// Another authority that takes a case over.
#[derive(FromForm)]
pub struct Transferring {
    authority: String,
    reference: String,
    reason: String,
}

/// The end of a role.
#[derive(FromForm)]
pub struct Ending {
    person: String,
    role: String,
}

#[get("/cases/<case>/register")]
pub async fn read(
    seat: Seat,
    room: &State<Room>,
    case: Named<CaseId>,
) -> Result<Page<RegisterPage>, Failure> {
    let exhibits = exhibits::list(room, seat.who(), case.0).await?;
    let orders = match orders::list(room, seat.who(), case.0).await {
        Ok(orders) => Some(orders),
        Err(app::Error::Forbidden) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(Page::of(RegisterPage {
        shell: Shell::of(room, &seat, "cases").await?,
        case: case.0,
        orders,
        exhibits,
        kinds: orders::KINDS,
    }))
}

#[post("/cases/<case>/orders", data = "<posted>")]
pub async fn order(
    room: &State<Room>,
    case: Named<CaseId>,
    posted: Posted<Ordering>,
) -> Result<Redirect, Failure> {
    let new = NewOrder {
        number: posted.form.number,
        orders: posted.form.orders,
        text: posted.form.text,
    };
    orders::make(room, posted.seat.who(), case.0, new).await?;
    Ok(then(format!("/cases/{}/register", case.0)))
}

#[post("/cases/<case>/stage", data = "<posted>")]
pub async fn set_stage(
    room: &State<Room>,
    case: Named<CaseId>,
    posted: Posted<Staging>,
) -> Result<Redirect, Failure> {
    let who = posted.seat.upon(&posted.form.tag)?;
    let new = NewStage {
        stage: posted.form.stage,
        outcome: posted.form.outcome,
    };
    cases::set_stage(room, &who, case.0, &new).await?;
    Ok(then(format!("/cases/{}", case.0)))
}

#[post("/cases/<case>/walls", data = "<posted>")]
pub async fn set_wall(
    room: &State<Room>,
    case: Named<CaseId>,
    posted: Posted<Walling>,
) -> Result<Redirect, Failure> {
    let form = posted.form;
    let wall = match form.status.as_str() {
        "up" => Wall::Up,
        "down" => Wall::Down,
        _ => return Err(app::Error::invalid("`status` is neither `up` nor `down`").into()),
    };
    let between = (case.0, person(&form.person)?);
    let shown = posted.seat.upon(&form.tag)?;
    // Nothing seen too early stands in the way of one that protects.
    let who = match wall {
        Wall::Up => *posted.seat.who(),
        Wall::Down => shown,
    };
    walls::set(room, &who, between, wall, &form.reason).await?;
    Ok(then(format!("/cases/{}", case.0)))
}

#[post("/cases/<case>/people/end", data = "<posted>")]
pub async fn end_role(
    room: &State<Room>,
    case: Named<CaseId>,
    posted: Posted<Ending>,
) -> Result<Redirect, Failure> {
    let role = (person(&posted.form.person)?, posted.form.role.as_str());
    cases::end_role(room, posted.seat.who(), case.0, role).await?;
    Ok(then(format!("/cases/{}", case.0)))
}

#[post("/cases/<case>/merge", data = "<posted>")]
pub async fn merge(
    room: &State<Room>,
    case: Named<CaseId>,
    posted: Posted<Merging>,
) -> Result<Redirect, Failure> {
    let into = posted.form.into.trim().parse();
    let into = into.map_err(|_| app::Error::invalid("`into` is not an id"))?;
    let reason = &posted.form.reason;
    cases::merge(room, posted.seat.who(), (case.0, into), reason).await?;
    Ok(then(format!("/cases/{}", case.0)))
}

/// Asks to hand a case over to another authority.
#[post("/cases/<case>/transfer", data = "<posted>")]
pub async fn ask_transfer(
    room: &State<Room>,
    case: Named<CaseId>,
    posted: Posted<Transferring>,
) -> Result<Redirect, Failure> {
    let form = posted.form;
    let proposal = Proposal::TransferCase {
        case: case.0,
        authority: form.authority,
        reference: form.reference,
    };
    requests::ask(room, posted.seat.who(), proposal, &form.reason).await?;
    Ok(then("/requests".into()))
}

fn person(text: &str) -> Result<PersonId, Failure> {
    let person = text.trim().parse();
    Ok(person.map_err(|_| app::Error::invalid("`person` is not an id"))?)
}
