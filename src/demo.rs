//! The demo world: one believable, entirely fictional case, built through the application as
//! its people would build it. The README, screenshots, tests and benchmarks share it.

use std::{collections::BTreeMap, time::Duration};

use custos_core::ids::{AccountId, CaseId, Id, ItemId, PartyId, PersonId};
use serde::Deserialize;

use crate::app::{
    Error, Room, SignedIn, cases,
    deciding::Means,
    disclosures,
    found::FirstAdministrator,
    people::{self, NewPerson, RoomRole},
    sessions::{Secret, redeem::Purpose},
    tags::Upon,
    uploads::{self, NewItem},
};

/// The log's origin in the demo.
pub const ORIGIN: &str = "demo.custos.example/log";

const CASE: &str = include_str!("demo/case.json");

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        const FILES: &[(&str, &[u8])] = &[$(($name, include_bytes!(concat!("demo/files/", $name)))),*];
    };
}

files!(
    "camera.webm",
    "chat.txt",
    "door.jpg",
    "interview.ogg",
    "lease.pdf",
    "mail.eml",
    "rooms.csv",
    "transcript.txt",
    "voicemail.ogg",
);

/// The demo world as it is told in `case.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    case: ToldCase,
    parties: Vec<ToldParty>,
    people: Vec<ToldPerson>,
    items: Vec<ToldItem>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToldCase {
    number: String,
    title: String,
    description: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToldParty {
    key: String,
    side: String,
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToldPerson {
    key: String,
    name: String,
    office: String,
    login: String,
    room_role: Option<String>,
    case_role: Option<String>,
    party: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToldItem {
    file: String,
    by: String,
    quarantined: bool,
    served_to: Vec<String>,
    item: NewItem,
}

/// Someone in the demo.
#[derive(Debug, Clone)]
pub struct Somebody {
    /// Their name.
    pub name: String,
    /// Rank, office, chambers.
    pub office: String,
    /// The role they are shown under.
    pub role: String,
    /// The name they sign in with.
    pub login: String,
    /// As the room knows them when they are signed in.
    pub who: SignedIn,
}

/// The demo world, built.
#[derive(Debug)]
pub struct World {
    /// The case.
    pub case: CaseId,
    /// Its items by exhibit reference.
    pub items: BTreeMap<String, ItemId>,
    /// Its people by their key in `case.json`.
    pub people: BTreeMap<String, Somebody>,
    /// Its parties by their key in `case.json`.
    pub parties: BTreeMap<String, PartyId>,
}

/// Why the demo world can't be built.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The application refused.
    #[error(transparent)]
    App(#[from] Error),
    /// The case as it is told is not of its form.
    #[error("the demo case is not of its form: {0}")]
    Told(String),
}

/// Who founds the demo's room.
pub fn founder() -> FirstAdministrator {
    FirstAdministrator {
        name: "Founder of this demo".into(),
        login: "founder".into(),
    }
}

/// Builds the case in a room that [`founder`] founded as `administrator`.
///
/// # Errors
/// The application refused something, which is a defect of the demo.
pub async fn build(room: &Room, administrator: SignedIn) -> Result<World, DemoError> {
    let told: Told =
        serde_json::from_str(CASE).map_err(|error| DemoError::Told(error.to_string()))?;
    let people = hire(room, &administrator, &told.people).await?;
    let custodian = signed_in(&people, |person| person.role == "custodian")?;
    let new = cases::NewCase {
        number: told.case.number,
        title: told.case.title,
        description: told.case.description,
    };
    let case = cases::open_case(room, &custodian, new).await?.output;
    let mut parties = BTreeMap::new();
    for party in told.parties {
        let done = cases::add_party(room, &custodian, case, (&party.side, &party.name)).await?;
        parties.insert(party.key, done.output);
    }
    for person in &told.people {
        let Some(role) = &person.case_role else {
            continue;
        };
        let party = person
            .party
            .as_ref()
            .map(|key| known(&parties, key))
            .transpose()?;
        let who = known(&people, &person.key)?;
        cases::add_person(
            room,
            &custodian,
            case,
            who.who.person,
            (role, party.copied()),
        )
        .await?;
    }
    let mut items = BTreeMap::new();
    for item in told.items {
        let reference = item.item.reference.clone();
        let id = deposit(room, &people, case, &item).await?;
        let prosecutor = signed_in(&people, |person| person.role == "prosecutor")?;
        for party in &item.served_to {
            disclosures::serve(room, &prosecutor, id, *known(&parties, party)?).await?;
        }
        items.insert(reference, id);
    }
    Ok(World {
        case,
        items,
        people,
        parties,
    })
}

/// A single-use link for one of each role, and for the counsel of each party, by role.
///
/// # Errors
/// The application refused.
pub async fn links(
    room: &Room,
    administrator: &SignedIn,
    world: &World,
    lifetime: Duration,
) -> Result<Vec<(Somebody, Secret)>, DemoError> {
    let mut links = Vec::new();
    let mut people: Vec<&Somebody> = world.people.values().collect();
    people.sort_by(|one, other| one.role.cmp(&other.role));
    people.dedup_by(|one, other| one.role == other.role && one.role != "defence");
    for person in people {
        let purpose = Purpose::SignIn;
        let account = person.who.account;
        let done = people::issue_enrolment(room, administrator, account, purpose, lifetime).await?;
        links.push((person.clone(), done.output));
    }
    Ok(links)
}

/// Whoever is at the keyboard when the demo is built: no session, a holder of its own.
pub fn at_the_keyboard(room: &Room, account: AccountId, person: PersonId) -> SignedIn {
    SignedIn {
        account,
        person,
        holder: Id::from_bytes(room.core.ambient.bytes()),
        means: Means::Link,
        once: None,
        upon: Upon::Unsaid,
    }
}

async fn hire(
    room: &Room,
    administrator: &SignedIn,
    told: &[ToldPerson],
) -> Result<BTreeMap<String, Somebody>, DemoError> {
    let mut people = BTreeMap::new();
    for person in told {
        let room_roles = match &person.room_role {
            Some(role) => Some(
                RoomRole::of(role).ok_or_else(|| DemoError::Told(format!("no role `{role}`")))?,
            ),
            None => None,
        };
        let new = NewPerson {
            name: person.name.clone(),
            office: person.office.clone(),
            login: person.login.clone(),
            room_roles: room_roles.into_iter().collect(),
        };
        let (person_id, account) = people::create_person(room, administrator, new)
            .await?
            .output;
        let role = person
            .room_role
            .clone()
            .or_else(|| person.case_role.clone());
        let somebody = Somebody {
            name: person.name.clone(),
            office: person.office.clone(),
            role: role.unwrap_or_default(),
            login: person.login.clone(),
            who: at_the_keyboard(room, account, person_id),
        };
        people.insert(person.key.clone(), somebody);
    }
    Ok(people)
}

async fn deposit(
    room: &Room,
    people: &BTreeMap<String, Somebody>,
    case: CaseId,
    told: &ToldItem,
) -> Result<ItemId, DemoError> {
    let bytes = FILES
        .iter()
        .find(|(name, _)| *name == told.file)
        .ok_or_else(|| DemoError::Told(format!("no file `{}`", told.file)))?
        .1;
    let who = known(people, &told.by)?.who;
    let upload = uploads::announce(room, &who, case, told.item.clone()).await?;
    let length = Some(bytes.len() as u64);
    let deposited = uploads::receive(room, &who, upload, bytes, length).await?;
    if deposited.mismatches.is_empty() == told.quarantined {
        return Err(DemoError::Told(format!(
            "`{}` is quarantined, or is not, against what is told of it",
            told.item.reference
        )));
    }
    Ok(deposited.item)
}

fn known<'a, T>(all: &'a BTreeMap<String, T>, key: &str) -> Result<&'a T, DemoError> {
    all.get(key)
        .ok_or_else(|| DemoError::Told(format!("`{key}` is nobody's key")))
}

fn signed_in(
    people: &BTreeMap<String, Somebody>,
    wanted: impl Fn(&Somebody) -> bool,
) -> Result<SignedIn, DemoError> {
    people
        .values()
        .find(|person| wanted(person))
        .map(|person| person.who)
        .ok_or_else(|| DemoError::Told("somebody is missing".into()))
}
