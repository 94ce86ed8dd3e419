//! The list of cases, and one case with its items.

use std::collections::BTreeMap;

use askama::Template;
use custos_core::ids::{CaseId, PartyId, PersonId};
use rocket::{FromForm, State, get, post, response::Redirect};

use super::{Page, Shell, custody::EXPORT_FIELDS, then};
use crate::{
    app::{
        self, Room,
        cases::{self, Asked, AskedCases, CaseList, CasePage, CaseRole, NewCase},
        tags::Tag,
        walls::{self, WallSummary},
    },
    http::{
        errors::Failure,
        room::{
            guards::{Named, Posted, Seat},
            listed::{Listed, address},
        },
        text,
    },
};

/// My cases.
#[derive(Template)]
#[template(path = "cases.html")]
pub struct CasesPage {
    shell: Shell,
    list: CaseList,
    asked: AskedCases,
}

/// Orders that the list of cases offers, with the words for each.
const CASE_ORDERS: [(&str, &str); 4] = [
    ("number", "Number"),
    ("-number", "Number, last first"),
    ("-opened", "Opened, newest first"),
    ("opened", "Opened, oldest first"),
];

impl CasesPage {
    /// Whether the list is narrowed.
    fn is_narrowed(&self) -> bool {
        self.asked.filters().any(|(name, _)| name != "sort")
    }

    /// Whether there is enough of it that somebody would search.
    fn is_long(&self) -> bool {
        self.list.total > 1 || self.is_narrowed()
    }

    /// The address of the list with another order or place.
    fn address(&self, name: &'static str, value: &str) -> String {
        address("/cases", &self.asked, (name, value))
    }

    /// The address of the list sorted by a column: the other way around, if it is already.
    fn sorted(&self, by: &str) -> String {
        self.address("sort", &turned(&self.asked.sort, "number", by))
    }

    /// How the list is sorted by a column, in the words of `aria-sort`.
    fn direction(&self, by: &str) -> &'static str {
        direction(&self.asked.sort, "number", by)
    }
}

/// How a list is sorted by a column, in the words of `aria-sort`, if it is sorted so; by `first`
/// where nothing else is said.
fn direction(sort: &str, first: &str, by: &str) -> &'static str {
    match sort {
        "" if by == first => "ascending",
        sort if sort == by => "ascending",
        sort if sort.strip_prefix('-') == Some(by) => "descending",
        _ => "none",
    }
}

/// The order of a column; the other way around, if a list is sorted by it already.
fn turned(sort: &str, first: &str, by: &str) -> String {
    if direction(sort, first, by) == "ascending" {
        format!("-{by}")
    } else {
        by.into()
    }
}

/// One case.
#[derive(Template)]
#[template(path = "case.html")]
pub struct OneCasePage {
    shell: Shell,
    page: CasePage,
    asked: Asked,
    roles: Vec<&'static str>,
    /// The tag of the case itself.
    tag: Tag,
    /// For those who keep them, with their tag.
    walls: Option<(Vec<WallSummary>, Tag)>,
}

/// Orders that the page offers, with the words for each.
const ORDERS: [(&str, &str); 6] = [
    ("reference", "Reference"),
    ("-reference", "Reference, last first"),
    ("-received", "Received, newest first"),
    ("received", "Received, oldest first"),
    ("-size", "Size, largest first"),
    ("size", "Size, smallest first"),
];

impl OneCasePage {
    /// Everyone who has a role, once.
    fn members(&self) -> BTreeMap<PersonId, &str> {
        let people = self.page.people.iter();
        people
            .map(|member| (member.person, member.name.as_str()))
            .collect()
    }

    /// Whether the list is narrowed.
    fn is_narrowed(&self) -> bool {
        self.asked.filters().any(|(name, _)| name != "sort")
    }

    /// Whether a filter besides the words is set.
    fn is_filtered(&self) -> bool {
        let mut filters = self.asked.filters();
        filters.any(|(name, _)| !matches!(name, "q" | "sort"))
    }

    /// The address of the list with another order or place.
    fn address(&self, name: &'static str, value: &str) -> String {
        let path = format!("/cases/{}", self.page.case.id);
        format!("{}#items", address(&path, &self.asked, (name, value)))
    }

    /// The address of the list sorted by a column: the other way around, if it is already.
    fn sorted(&self, by: &str) -> String {
        self.address("sort", &turned(&self.asked.sort, "reference", by))
    }

    /// How the list is sorted by a column, in the words of `aria-sort`.
    fn direction(&self, by: &str) -> &'static str {
        direction(&self.asked.sort, "reference", by)
    }

    /// The name of a party, where it is one of the case.
    fn party(&self, party: &Option<PartyId>) -> &str {
        let named = self
            .page
            .parties
            .iter()
            .find(|known| Some(known.id) == *party);
        named.map_or("", |party| &party.name)
    }
}

/// A case to be opened.
#[derive(FromForm)]
pub struct Opening {
    number: String,
    title: String,
    description: String,
}

/// A party to be added.
#[derive(FromForm)]
pub struct NewParty {
    side: String,
    name: String,
}

/// A person to be given a role.
#[derive(FromForm)]
pub struct NewMember {
    person: String,
    role: String,
    party: String,
}

#[get("/cases")]
pub async fn list(
    seat: Seat,
    room: &State<Room>,
    asked: Listed<AskedCases>,
) -> Result<Page<CasesPage>, Failure> {
    let shell = Shell::of(room, &seat, "cases").await?;
    let asked = asked.0;
    let list = cases::list_cases(room, seat.who(), &asked).await;
    // Whoever keeps accounts has no part in cases; asking for them would be refused.
    let list = if shell.manages_people && !shell.opens_cases {
        list.or_else(nothing)?
    } else {
        list?
    };
    Ok(Page::of(CasesPage { shell, list, asked }))
}

fn nothing(error: app::Error) -> Result<CaseList, app::Error> {
    match error {
        app::Error::Forbidden => Ok(CaseList::default()),
        error => Err(error),
    }
}

#[post("/cases", data = "<posted>")]
pub async fn open(room: &State<Room>, posted: Posted<Opening>) -> Result<Redirect, Failure> {
    let new = NewCase {
        number: posted.form.number,
        title: posted.form.title,
        description: posted.form.description,
    };
    let done = cases::open_case(room, posted.seat.who(), new).await?;
    Ok(then(format!("/cases/{}", done.output)))
}

#[get("/cases/<case>")]
pub async fn read(
    seat: Seat,
    room: &State<Room>,
    case: Named<CaseId>,
    asked: Listed<Asked>,
) -> Result<Page<OneCasePage>, Failure> {
    let page = cases::read_case(room, seat.who(), case.0, &asked.0).await?;
    let walls = if page.may.change_stage {
        let walls = walls::list(room, seat.who(), case.0).await?;
        let tag = Tag::of(&room.core, &walls);
        Some((walls, tag))
    } else {
        None
    };
    Ok(Page::of(OneCasePage {
        shell: Shell::of(room, &seat, "cases").await?,
        tag: page.tag(&room.core),
        walls,
        page,
        asked: asked.0,
        roles: CaseRole::ALL.iter().map(|role| role.name()).collect(),
    }))
}

#[post("/cases/<case>/parties", data = "<posted>")]
pub async fn add_party(
    room: &State<Room>,
    case: Named<CaseId>,
    posted: Posted<NewParty>,
) -> Result<Redirect, Failure> {
    let party = (posted.form.side.as_str(), posted.form.name.as_str());
    cases::add_party(room, posted.seat.who(), case.0, party).await?;
    Ok(then(format!("/cases/{}", case.0)))
}

#[post("/cases/<case>/people", data = "<posted>")]
pub async fn add_person(
    room: &State<Room>,
    case: Named<CaseId>,
    posted: Posted<NewMember>,
) -> Result<Redirect, Failure> {
    let form = posted.form;
    let odd = |field: &str| app::Error::invalid(format!("`{field}` is not an id"));
    let person: PersonId = form.person.trim().parse().map_err(|_| odd("person"))?;
    let party: Option<PartyId> = match form.party.as_str() {
        "" => None,
        party => Some(party.parse().map_err(|_| odd("party"))?),
    };
    let role = (form.role.as_str(), party);
    cases::add_person(room, posted.seat.who(), case.0, person, role).await?;
    Ok(then(format!("/cases/{}", case.0)))
}
