//! Cases, their parties and people.

use custos_core::ids::{CaseId, PartyId, PersonId};
use rocket::{State, delete, get, post, put, serde::json::Json};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Created, List, entries};
use crate::{
    app::{
        Room,
        cases::{
            self, CaseLinks, CasePage, CaseSummary, Facets, ItemList, ItemSummary, MayOnCase,
            MemberSummary, NewCase, NewStage, PartySummary, SuccessionSummary,
        },
    },
    http::{
        errors::Failure,
        json::Metadata,
        room::{
            guards::{Manager, Named, Reader},
            listed::{Listed, Paged},
        },
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

/// Another case that this one is put into.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Merging {
    into: CaseId,
    reason: String,
}

/// A case as programs read it, with the first page of its items.
#[derive(Serialize)]
pub struct OneCase {
    case: CaseSummary,
    description: String,
    /// How it ended, or why it was opened again; empty before it was ever closed.
    outcome: String,
    parties: Vec<PartySummary>,
    people: Vec<MemberSummary>,
    /// Whose work somebody else was named to take over; for those who give roles.
    successions: Vec<SuccessionSummary>,
    /// Where it went, and which cases came into it, as far as the reader may know of them.
    links: CaseLinks,
    items: Vec<ItemSummary>,
    /// How many there are on all pages.
    items_total: u64,
    /// The cursor of the next page, at `/items` below the case.
    items_next: Option<String>,
    items_facets: Facets,
    may: MayOnCase,
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
    asked: Listed,
) -> Result<Paged<OneCase>, Failure> {
    let page = cases::read_case(room, &caller.0, case.0, &asked.0).await?;
    let list = page.list.clone();
    Ok(Paged::of(
        one_case(page),
        &items_of(case.0),
        &asked.0,
        &list,
    ))
}

fn one_case(page: CasePage) -> OneCase {
    OneCase {
        case: page.case,
        description: page.description,
        outcome: page.outcome,
        parties: page.parties,
        people: page.people,
        successions: page.successions,
        links: page.links,
        items: page.list.items,
        items_total: page.list.total,
        items_next: page.list.next,
        items_facets: page.list.facets,
        may: page.may,
    }
}

#[get("/cases/<case>/items")]
pub async fn items(
    caller: Reader,
    room: &State<Room>,
    case: Named<CaseId>,
    asked: Listed,
) -> Result<Paged<ItemList>, Failure> {
    let list = cases::list_items(room, &caller.0, case.0, &asked.0).await?;
    Ok(Paged::of(list.clone(), &items_of(case.0), &asked.0, &list))
}

fn items_of(case: CaseId) -> String {
    format!("/api/v1/cases/{case}/items")
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

#[post("/cases/<case>/merge", data = "<new>")]
pub async fn merge(
    caller: Manager,
    room: &State<Room>,
    case: Named<CaseId>,
    new: Metadata<Merging>,
) -> Result<Json<Value>, Failure> {
    let who = caller.0.of(new.1);
    let done = cases::merge(room, &who, (case.0, new.0.into), &new.0.reason).await?;
    Ok(Json(json!({"entries": entries(&done.entered)})))
}
