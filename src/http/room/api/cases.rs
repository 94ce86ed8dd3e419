//! Cases, their parties and people.

use custos_core::ids::{CaseId, PartyId, PersonId};
use rocket::{State, delete, get, post, put, serde::json::Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Changed, Created, Made};
use crate::{
    app::{
        Room,
        cases::{
            self, Asked, AskedCases, CaseLinks, CaseList, CasePage, CaseSummary, Facets, ItemList,
            ItemSummary, MayOnCase, MemberSummary, NewCase, NewStage, PartySummary,
            SuccessionSummary,
        },
        schema,
    },
    http::{
        errors::Failure,
        json::Metadata,
        room::{
            guards::{Manager, Named, Reader},
            listed::{Listed, Paged},
        },
        tags::Tagged,
    },
};

/// A case to be opened.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCase)]
pub struct Opening {
    /// The agency's case number.
    #[schema(value_type = schema::Line)]
    number: String,
    /// A short title.
    #[schema(value_type = schema::Line)]
    title: String,
    /// What it is about.
    #[serde(default)]
    #[schema(value_type = schema::Text)]
    description: String,
}

/// A party to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewParty {
    /// On which side it stands.
    #[schema(value_type = schema::PartySide)]
    side: String,
    /// Its name.
    #[schema(value_type = schema::Line)]
    name: String,
}

/// A person to be given a role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMember {
    /// The person.
    #[schema(value_type = schema::Id)]
    person: PersonId,
    /// The role.
    #[schema(value_type = schema::RoleOnCase)]
    role: String,
    /// For counsel: whom they defend.
    #[schema(value_type = Option<schema::Id>)]
    party: Option<PartyId>,
}

/// Another case that this one is put into.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Merging {
    /// The other case.
    #[schema(value_type = schema::Id)]
    into: CaseId,
    /// Why.
    #[schema(value_type = schema::Line)]
    reason: String,
}

/// A case as programs read it, with the first page of its items.
#[derive(Serialize, ToSchema)]
pub struct OneCase {
    /// The case.
    case: CaseSummary,
    /// What it is about.
    description: String,
    /// How it ended, or why it was opened again; empty before it was ever closed.
    outcome: String,
    /// Its parties.
    parties: Vec<PartySummary>,
    /// Who works on it.
    people: Vec<MemberSummary>,
    /// Whose work somebody else was named to take over; for those who give roles.
    successions: Vec<SuccessionSummary>,
    /// Where it went, and which cases came into it, as far as the reader may know of them.
    links: CaseLinks,
    /// The first page of its items, as far as the reader may know of them.
    items: Vec<ItemSummary>,
    /// How many there are on all pages.
    items_total: u64,
    /// The cursor of the next page, at `/items` below the case.
    items_next: Option<String>,
    /// How many there are of each kind.
    items_facets: Facets,
    /// What the reader may do.
    may: MayOnCase,
}

#[get("/cases")]
pub async fn list(
    caller: Reader,
    room: &State<Room>,
    asked: Listed<AskedCases>,
) -> Result<Paged<CaseList>, Failure> {
    let list = cases::list_cases(room, &caller.0, &asked.0).await?;
    let body = Tagged::of(list.clone());
    Ok(Paged::of(body, "/api/v1/cases", &asked.0, &list))
}

#[post("/cases", data = "<new>")]
pub async fn open(
    caller: Manager,
    room: &State<Room>,
    new: Metadata<Opening>,
) -> Result<Created<Made>, Failure> {
    let who = caller.0.of(new.1);
    let new = NewCase {
        number: new.0.number,
        title: new.0.title,
        description: new.0.description,
    };
    let done = cases::open_case(room, &who, new).await?;
    let body = Made::of(done.output, &done.entered);
    Ok(Created::at(&format!("cases/{}", done.output), body))
}

#[get("/cases/<case>")]
pub async fn read(
    caller: Reader,
    room: &State<Room>,
    case: Named<CaseId>,
    asked: Listed<Asked>,
) -> Result<Paged<OneCase>, Failure> {
    let page = cases::read_case(room, &caller.0, case.0, &asked.0).await?;
    let (own, list) = (page.tag(&room.core), page.list.clone());
    let body = Tagged::with(one_case(page), own);
    Ok(Paged::of(body, &items_of(case.0), &asked.0, &list))
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
    asked: Listed<Asked>,
) -> Result<Paged<ItemList>, Failure> {
    let list = cases::list_items(room, &caller.0, case.0, &asked.0).await?;
    let body = Tagged::of(list.clone());
    Ok(Paged::of(body, &items_of(case.0), &asked.0, &list))
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
) -> Result<Created<Made>, Failure> {
    let party = (new.0.side.as_str(), new.0.name.as_str());
    let done = cases::add_party(room, &caller.0.of(new.1), case.0, party).await?;
    let body = Made::of(done.output, &done.entered);
    Ok(Created::at(&format!("cases/{}", case.0), body))
}

#[post("/cases/<case>/people", data = "<new>")]
pub async fn add_person(
    caller: Manager,
    room: &State<Room>,
    case: Named<CaseId>,
    new: Metadata<NewMember>,
) -> Result<Created<Changed>, Failure> {
    let role = (new.0.role.as_str(), new.0.party);
    let done = cases::add_person(room, &caller.0.of(new.1), case.0, new.0.person, role).await?;
    let body = Changed::by(&done.entered);
    Ok(Created::at(&format!("cases/{}", case.0), body))
}

#[delete("/cases/<case>/people/<person>/<role>")]
pub async fn end_role(
    caller: Manager,
    room: &State<Room>,
    case: Named<CaseId>,
    person: Named<PersonId>,
    role: &str,
) -> Result<Json<Changed>, Failure> {
    let done = cases::end_role(room, &caller.0, case.0, (person.0, role)).await?;
    Ok(Json(Changed::by(&done.entered)))
}

#[put("/cases/<case>/stage", data = "<new>")]
pub async fn set_stage(
    caller: Manager,
    room: &State<Room>,
    case: Named<CaseId>,
    new: Metadata<NewStage>,
) -> Result<Json<Changed>, Failure> {
    let done = cases::set_stage(room, &caller.0, case.0, &new.0).await?;
    Ok(Json(Changed::by(&done.entered)))
}

#[post("/cases/<case>/merge", data = "<new>")]
pub async fn merge(
    caller: Manager,
    room: &State<Room>,
    case: Named<CaseId>,
    new: Metadata<Merging>,
) -> Result<Json<Changed>, Failure> {
    let who = caller.0.of(new.1);
    let done = cases::merge(room, &who, (case.0, new.0.into), &new.0.reason).await?;
    Ok(Json(Changed::by(&done.entered)))
}
