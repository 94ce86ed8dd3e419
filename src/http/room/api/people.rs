//! People, their accounts, and one's own tokens.

use std::{collections::BTreeSet, time::Duration};

use custos_core::ids::{AccountId, PersonId, TokenId};
use rocket::{State, delete, get, http::Status, post, serde::json::Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Created, List, entries};
use crate::{
    app::{
        self, Room,
        people::{
            self, NewPerson, PersonSummary, RoomRole, Status as Standing, enrolment::ENROLMENT,
            tokens::TokenSummary,
        },
        sessions::{Right, redeem::Purpose},
    },
    http::{
        errors::Failure,
        json::Metadata,
        room::guards::{Manager, Named},
    },
};

/// Seconds of a day.
const DAY_SECONDS: u64 = 24 * 60 * 60;

/// A person to be created.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Newcomer {
    name: String,
    #[serde(default)]
    office: String,
    login: String,
    #[serde(default)]
    room_roles: Vec<String>,
}

/// Whether somebody may do anything.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewStatus {
    /// `active` or `suspended`.
    status: String,
}

impl NewStatus {
    fn read(&self) -> Result<Standing, Failure> {
        let odd = || app::Error::invalid("`status` is neither `active` nor `suspended`").into();
        Standing::of(&self.status).ok_or_else(odd)
    }
}

/// A token to be issued.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    label: String,
    rights: BTreeSet<Right>,
    days: u64,
}

/// Who follows somebody who leaves.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Departure {
    #[serde(default)]
    successor: Option<PersonId>,
}

#[get("/people")]
pub async fn list(
    caller: Manager,
    room: &State<Room>,
) -> Result<Json<List<PersonSummary>>, Failure> {
    let items = people::list_people(room, &caller.0).await?;
    Ok(Json(List { items }))
}

#[post("/people", data = "<new>")]
pub async fn create(
    caller: Manager,
    room: &State<Room>,
    new: Metadata<Newcomer>,
) -> Result<Created, Failure> {
    let who = caller.0.of(new.1);
    let new = NewPerson {
        name: new.0.name,
        office: new.0.office,
        login: new.0.login,
        room_roles: room_roles(&new.0.room_roles)?,
    };
    let done = people::create_person(room, &who, new).await?;
    let (person, account) = done.output;
    let body = json!({"person": person, "account": account, "entries": entries(&done.entered)});
    Ok(Created::at("people", body))
}

fn room_roles(names: &[String]) -> Result<BTreeSet<RoomRole>, Failure> {
    let known = |name: &String| {
        let odd = || app::Error::invalid("`room_roles` names no role in the room");
        RoomRole::of(name).ok_or_else(odd)
    };
    Ok(names.iter().map(known).collect::<Result<_, _>>()?)
}

/// A single-use link; its secret is told once, and belongs behind the `#` of `/enter`.
#[post("/accounts/<account>/enrolments")]
pub async fn enrol(
    caller: Manager,
    room: &State<Room>,
    account: Named<AccountId>,
) -> Result<Created, Failure> {
    let done =
        people::issue_enrolment(room, &caller.0, account.0, Purpose::Enrol, ENROLMENT).await?;
    let secret = done.output.text();
    let body = json!({"secret": *secret, "entries": entries(&done.entered)});
    Ok(Created::at("people", body))
}

/// Someone leaves the service. The entries of the cases concerned are not told.
#[post("/people/<person>/departure", data = "<new>")]
pub async fn leave(
    caller: Manager,
    room: &State<Room>,
    person: Named<PersonId>,
    new: Metadata<Departure>,
) -> Result<Json<Value>, Failure> {
    let who = caller.0.of(new.1);
    let done = people::leave(room, &who, person.0, new.0.successor).await?;
    Ok(Json(json!({"entries": entries(&done.entered)})))
}

#[post("/people/<person>/status", data = "<new>")]
pub async fn set_person_status(
    caller: Manager,
    room: &State<Room>,
    person: Named<PersonId>,
    new: Metadata<NewStatus>,
) -> Result<Json<Value>, Failure> {
    let done =
        people::set_person_status(room, &caller.0.of(new.1), person.0, new.0.read()?).await?;
    Ok(Json(json!({"entries": entries(&done.entered)})))
}

#[post("/accounts/<account>/status", data = "<new>")]
pub async fn set_account_status(
    caller: Manager,
    room: &State<Room>,
    account: Named<AccountId>,
    new: Metadata<NewStatus>,
) -> Result<Json<Value>, Failure> {
    let done =
        people::set_account_status(room, &caller.0.of(new.1), account.0, new.0.read()?).await?;
    Ok(Json(json!({"entries": entries(&done.entered)})))
}

#[get("/tokens")]
pub async fn tokens(caller: Manager, room: &State<Room>) -> Result<Json<List<Value>>, Failure> {
    let tokens = people::list_tokens(room, &caller.0).await?;
    let items = tokens.iter().map(shown).collect();
    Ok(Json(List { items }))
}

fn shown(token: &TokenSummary) -> Value {
    json!({
        "id": token.id,
        "label": token.label,
        "rights": token.rights,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "status": token.status,
    })
}

#[post("/tokens", data = "<new>")]
pub async fn issue_token(
    caller: Manager,
    room: &State<Room>,
    new: Metadata<NewToken>,
) -> Result<Created, Failure> {
    let lifetime = Duration::from_secs(new.0.days.saturating_mul(DAY_SECONDS));
    let done = people::issue_token(
        room,
        &caller.0.of(new.1),
        &new.0.label,
        new.0.rights,
        lifetime,
    )
    .await?;
    let (id, secret) = done.output;
    let body = json!({"id": id, "secret": *secret.text(), "entries": entries(&done.entered)});
    Ok(Created::at("tokens", body))
}

#[delete("/tokens/<token>")]
pub async fn revoke_token(
    caller: Manager,
    room: &State<Room>,
    token: Named<TokenId>,
) -> Result<Status, Failure> {
    people::revoke_token(room, &caller.0, token.0).await?;
    Ok(Status::NoContent)
}
