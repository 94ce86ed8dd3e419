//! Cases, their parties and people.

use custos_core::ids::{CaseId, PartyId, PersonId};
use rocket::{State, delete, get, post, put, serde::json::Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Created, List, entries};
use crate::{
    app::{
        Room,
        cases::{self, CasePage, CaseSummary, NewCase, NewStage},
    },
    http::{
        errors::Failure,
        json::Metadata,
        room::guards::{Manager, Named, Reader},
    },
};

/// A case to be opened.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    number: String,
    title: String,
    #[serde(default)]
    description: String,
}

/// A party to be added.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewParty {
    side: String,
    name: String,
}

/// A person to be given a role.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewMember {
    person: PersonId,
    role: String,
    party: Option<PartyId>,
}

#[get("/cases")]
pub async fn list(caller: Reader, room: &State<Room>) -> Result<Json<List<CaseSummary>>, Failure> {
    let items = cases::list_cases(room, &caller.0).await?;
    Ok(Json(List { items }))
}

#[post("/cases", data = "<new>")]
pub async fn open(
    caller: Manager,
    room: &State<Room>,
    new: Metadata<Opening>,
) -> Result<Created, Failure> {
    let who = caller.0.of(new.1);
    let new = NewCase {
        number: new.0.number,
        title: new.0.title,
        description: new.0.description,
    };
    let done = cases::open_case(room, &who, new).await?;
    let body = json!({"id": done.output, "entries": entries(&done.entered)});
    Ok(Created::at(&format!("cases/{}", done.output), body))
}

#[get("/cases/<case>")]
pub async fn read(
    caller: Reader,
    room: &State<Room>,
    case: Named<CaseId>,
) -> Result<Json<CasePage>, Failure> {
    Ok(Json(cases::read_case(room, &caller.0, case.0).await?))
}

#[post("/cases/<case>/parties", data = "<new>")]
pub async fn add_party(
    caller: Manager,
    room: &State<Room>,
    case: Named<CaseId>,
    new: Metadata<NewParty>,
) -> Result<Created, Failure> {
    let party = (new.0.side.as_str(), new.0.name.as_str());
    let done = cases::add_party(room, &caller.0.of(new.1), case.0, party).await?;
    let body = json!({"id": done.output, "entries": entries(&done.entered)});
    Ok(Created::at(&format!("cases/{}", case.0), body))
}

#[post("/cases/<case>/people", data = "<new>")]
pub async fn add_person(
    caller: Manager,
    room: &State<Room>,
    case: Named<CaseId>,
    new: Metadata<NewMember>,
) -> Result<Created, Failure> {
    let role = (new.0.role.as_str(), new.0.party);
    let done = cases::add_person(room, &caller.0.of(new.1), case.0, new.0.person, role).await?;
    let body = json!({"entries": entries(&done.entered)});
    Ok(Created::at(&format!("cases/{}", case.0), body))
}

#[delete("/cases/<case>/people/<person>/<role>")]
pub async fn end_role(
    caller: Manager,
    room: &State<Room>,
    case: Named<CaseId>,
    person: Named<PersonId>,
    role: &str,
) -> Result<Json<Value>, Failure> {
    let done = cases::end_role(room, &caller.0, case.0, (person.0, role)).await?;
    Ok(Json(json!({"entries": entries(&done.entered)})))
}

#[put("/cases/<case>/stage", data = "<new>")]
pub async fn set_stage(
    caller: Manager,
    room: &State<Room>,
    case: Named<CaseId>,
    new: Metadata<NewStage>,
) -> Result<Json<Value>, Failure> {
    let done = cases::set_stage(room, &caller.0, case.0, &new.0).await?;
    Ok(Json(json!({"entries": entries(&done.entered)})))
}
