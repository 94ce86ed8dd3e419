//! People, their accounts, and one's own tokens.

use std::{collections::BTreeSet, time::Duration};

use custos_core::ids::{AccountId, PersonId, TokenId};
use rocket::{State, delete, get, http::Status, post, serde::json::Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Changed, Created, EntryPlace, List};
use crate::{
    app::{
        self, Room,
        people::{
            self, NewPerson, PersonSummary, RoomRole, Status as Standing, enrolment::ENROLMENT,
            tokens::TokenSummary,
        },
        schema,
        sessions::{Right, redeem::Purpose},
    },
    http::{
        errors::Failure,
        json::Metadata,
        room::guards::{Manager, Named},
        tags::Tagged,
    },
};

/// Seconds of a day.
const DAY_SECONDS: u64 = 24 * 60 * 60;

/// A person to be created.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPerson)]
pub struct Newcomer {
    /// Their name.
    #[schema(value_type = schema::Line)]
    name: String,
    /// Rank, office, chambers.
    #[serde(default)]
    #[schema(value_type = schema::OptionalLine)]
    office: String,
    /// The name they will sign in with, without regard to case.
    #[schema(value_type = schema::Line)]
    login: String,
    /// Roles in the room; roles on cases are given on the case.
    #[serde(default)]
    #[schema(value_type = Vec<schema::RoleInRoom>)]
    room_roles: Vec<String>,
}

/// Whether somebody may do anything.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStatus {
    /// `active` or `suspended`.
    #[schema(value_type = schema::GivenStanding)]
    status: String,
}

impl NewStatus {
    fn read(&self) -> Result<Standing, Failure> {
        let odd = || app::Error::invalid("`status` is neither `active` nor `suspended`").into();
        Standing::of(&self.status).ok_or_else(odd)
    }
}

/// A token to be issued.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What its owner calls it.
    #[schema(value_type = schema::Line)]
    label: String,
    /// What it may be used for.
    #[schema(value_type = Vec<Right>, min_items = 1)]
    rights: BTreeSet<Right>,
    /// For how many days it holds.
    #[schema(minimum = 1, maximum = 365)]
    days: u64,
}

/// Who follows somebody who leaves.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Departure {
    /// Who is named to those who give roles on the cases.
    #[schema(value_type = Option<schema::Id>)]
    #[serde(default)]
    successor: Option<PersonId>,
}

/// A person who was created.
#[derive(Serialize, ToSchema)]
pub struct Arrived {
    /// The person.
    #[schema(value_type = schema::Id)]
    person: PersonId,
    /// The account to sign in with, once it was enrolled.
    #[schema(value_type = schema::Id)]
    account: AccountId,
    /// The entries that it left, in order.
    entries: Vec<EntryPlace>,
}

/// A single-use link. Its secret is told once, and belongs behind the `#` of `/enter`.
#[derive(Serialize, ToSchema)]
pub struct Enrolment {
    /// The secret.
    secret: String,
    /// The entries that it left, in order.
    entries: Vec<EntryPlace>,
}

/// A token that was issued. Its secret is told once.
#[derive(Serialize, ToSchema)]
pub struct IssuedToken {
    /// Its id.
    #[schema(value_type = schema::Id)]
    id: TokenId,
    /// The secret, to be sent as `Authorization: Bearer`.
    secret: String,
    /// The entries that it left, in order.
    entries: Vec<EntryPlace>,
}

#[get("/people")]
pub async fn list(
    caller: Manager,
    room: &State<Room>,
) -> Result<Tagged<List<PersonSummary>>, Failure> {
    let items = people::list_people(room, &caller.0).await?;
    Ok(Tagged::of(List { items }))
}

#[post("/people", data = "<new>")]
pub async fn create(
    caller: Manager,
    room: &State<Room>,
    new: Metadata<Newcomer>,
) -> Result<Created<Arrived>, Failure> {
    let who = caller.0.of(new.1);
    let new = NewPerson {
        name: new.0.name,
        office: new.0.office,
        login: new.0.login,
        room_roles: room_roles(&new.0.room_roles)?,
    };
    let done = people::create_person(room, &who, new).await?;
    let (person, account) = done.output;
    let body = Arrived {
        person,
        account,
        entries: Changed::by(&done.entered).entries,
    };
    Ok(Created::at("people", body))
}

#[get("/people/<person>")]
pub async fn read(
    caller: Manager,
    room: &State<Room>,
    person: Named<PersonId>,
) -> Result<Tagged<PersonSummary>, Failure> {
    let person = people::read_person(room, &caller.0, person.0).await?;
    Ok(Tagged::of(person))
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
) -> Result<Created<Enrolment>, Failure> {
    let done =
        people::issue_enrolment(room, &caller.0, account.0, Purpose::Enrol, ENROLMENT).await?;
    let body = Enrolment {
        secret: done.output.text().to_string(),
        entries: Changed::by(&done.entered).entries,
    };
    Ok(Created::at("people", body))
}

/// Someone leaves the service. The entries of the cases concerned are not told.
#[post("/people/<person>/departure", data = "<new>")]
pub async fn leave(
    caller: Manager,
    room: &State<Room>,
    person: Named<PersonId>,
    new: Metadata<Departure>,
) -> Result<Json<Changed>, Failure> {
    let who = caller.0.of(new.1);
    let done = people::leave(room, &who, person.0, new.0.successor).await?;
    Ok(Json(Changed::by(&done.entered)))
}

#[post("/people/<person>/status", data = "<new>")]
pub async fn set_person_status(
    caller: Manager,
    room: &State<Room>,
    person: Named<PersonId>,
    new: Metadata<NewStatus>,
) -> Result<Json<Changed>, Failure> {
    let done =
        people::set_person_status(room, &caller.0.of(new.1), person.0, new.0.read()?).await?;
    Ok(Json(Changed::by(&done.entered)))
}

#[post("/accounts/<account>/status", data = "<new>")]
pub async fn set_account_status(
    caller: Manager,
    room: &State<Room>,
    account: Named<AccountId>,
    new: Metadata<NewStatus>,
) -> Result<Json<Changed>, Failure> {
    let done =
        people::set_account_status(room, &caller.0.of(new.1), account.0, new.0.read()?).await?;
    Ok(Json(Changed::by(&done.entered)))
}

#[get("/tokens")]
pub async fn tokens(
    caller: Manager,
    room: &State<Room>,
) -> Result<Tagged<List<TokenSummary>>, Failure> {
    let items = people::list_tokens(room, &caller.0).await?;
    Ok(Tagged::of(List { items }))
}

#[post("/tokens", data = "<new>")]
pub async fn issue_token(
    caller: Manager,
    room: &State<Room>,
    new: Metadata<NewToken>,
) -> Result<Created<IssuedToken>, Failure> {
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
    let body = IssuedToken {
        id,
        secret: secret.text().to_string(),
        entries: Changed::by(&done.entered).entries,
    };
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

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    use super::*;
    use crate::app::people::tokens::MAX_TOKEN;

    #[test]
    fn a_token_holds_as_long_as_its_schema_says() {
        let new = serde_json::to_value(NewToken::schema()).expect("a schema");
        let most = MAX_TOKEN.as_secs() / DAY_SECONDS;
        assert_eq!(new["properties"]["days"]["maximum"], most);
    }
}
