//! People and their accounts; one's own tokens.

use std::{collections::BTreeSet, time::Duration};

use askama::Template;
use custos_core::ids::{AccountId, PersonId, TokenId};
use rocket::{FromForm, State, get, post, response::Redirect};

use super::{Page, Shell, sessions::Nothing, then};
use crate::{
    app::{
        self, Room, SignedIn,
        people::{
            self, NewPerson, PersonSummary, RoomRole, Status, enrolment::ENROLMENT,
            tokens::TokenSummary,
        },
        requests::{self, Proposal},
        sessions::{Right, redeem::Purpose},
        tags::Tag,
    },
    http::{
        errors::Failure,
        origins::Origins,
        room::guards::{Named, Posted, Seat},
        text,
    },
};

/// Seconds of a day.
const DAY_SECONDS: u64 = 24 * 60 * 60;

/// Everyone there is.
#[derive(Template)]
#[template(path = "people.html")]
pub struct PeoplePage {
    shell: Shell,
    /// Who looks at it: nobody suspends themselves.
    me: PersonId,
    people: Vec<(PersonSummary, Tag)>,
    room_roles: Vec<&'static str>,
}

/// A secret that is shown once.
#[derive(Template)]
#[template(path = "secret.html")]
pub struct SecretPage {
    shell: Shell,
    title: &'static str,
    explanation: String,
    secret: String,
    back: &'static str,
}

impl SecretPage {
    /// A single-use link with which somebody sets a password.
    pub fn link(shell: Shell, secret: String, lifetime: Duration, back: &'static str) -> Self {
        let minutes = lifetime.as_secs() / 60;
        Self {
            shell,
            title: "Single-use link",
            explanation: format!(
                "Give this link to the person themselves, on a way that nobody else reads. It \
                 works once, for {minutes} minutes, and replaces any earlier one. It is shown \
                 only now."
            ),
            secret,
            back,
        }
    }
}

/// One's own tokens.
#[derive(Template)]
#[template(path = "tokens.html")]
pub struct TokensPage {
    shell: Shell,
    tokens: Vec<TokenSummary>,
}

/// A person to be created.
#[derive(FromForm)]
pub struct Newcomer {
    name: String,
    office: String,
    login: String,
    room_role: Vec<String>,
}

/// Whether somebody may do anything: `active` or `suspended`.
#[derive(FromForm)]
pub struct NewStatus {
    status: String,
    /// What the page showed, where a suspension is to be lifted.
    tag: Option<String>,
}

/// Who follows somebody who leaves; may be empty.
#[derive(FromForm)]
pub struct Departure {
    successor: String,
}

/// Why something is asked for.
#[derive(FromForm)]
pub struct Reason {
    reason: String,
}

impl NewStatus {
    fn read(&self, seat: &Seat) -> Result<(SignedIn, Status), Failure> {
        let odd = || app::Error::invalid("`status` is neither `active` nor `suspended`");
        let status = Status::of(&self.status).ok_or_else(odd)?;
        let who = match &self.tag {
            Some(tag) => seat.upon(tag)?,
            None => *seat.who(),
        };
        Ok((who, status))
    }
}

/// A token to be issued.
#[derive(FromForm)]
pub struct NewToken {
    label: String,
    right: Vec<String>,
    days: u64,
}

#[get("/people")]
pub async fn list(seat: Seat, room: &State<Room>) -> Result<Page<PeoplePage>, Failure> {
    let people = people::list_people(room, seat.who()).await?.into_iter();
    let tagged = |person| {
        let tag = Tag::of(&room.core, &person);
        (person, tag)
    };
    Ok(Page::of(PeoplePage {
        shell: Shell::of(room, &seat, "people").await?,
        me: seat.who().person,
        people: people.map(tagged).collect(),
        room_roles: RoomRole::ALL.iter().map(|role| role.name()).collect(),
    }))
}

#[post("/people", data = "<posted>")]
pub async fn create(room: &State<Room>, posted: Posted<Newcomer>) -> Result<Redirect, Failure> {
    let form = posted.form;
    let known = |name: &String| {
        RoomRole::of(name).ok_or_else(|| app::Error::invalid("this is no role in the room"))
    };
    let new = NewPerson {
        name: form.name,
        office: form.office,
        login: form.login,
        room_roles: form.room_role.iter().map(known).collect::<Result<_, _>>()?,
    };
    people::create_person(room, posted.seat.who(), new).await?;
    Ok(then("/people".into()))
}

/// The link is shown once, on the answer itself; nothing keeps it.
#[post("/accounts/<account>/enrolment", data = "<posted>")]
pub async fn enrol(
    room: &State<Room>,
    origins: &State<Origins>,
    account: Named<AccountId>,
    posted: Posted<Nothing>,
) -> Result<Page<SecretPage>, Failure> {
    let who = posted.seat.who();
    let done = people::issue_enrolment(room, who, account.0, Purpose::Enrol, ENROLMENT).await?;
    let shell = Shell::of(room, &posted.seat, "people").await?;
    let secret = format!("{}/enter#{}", origins.room, *done.output.text());
    Ok(Page::of(SecretPage::link(
        shell, secret, ENROLMENT, "/people",
    )))
}

#[post("/people/<person>/status", data = "<posted>")]
pub async fn set_person_status(
    room: &State<Room>,
    person: Named<PersonId>,
    posted: Posted<NewStatus>,
) -> Result<Redirect, Failure> {
    let (who, status) = posted.form.read(&posted.seat)?;
    people::set_person_status(room, &who, person.0, status).await?;
    Ok(then("/people".into()))
}

#[post("/accounts/<account>/status", data = "<posted>")]
pub async fn set_account_status(
    room: &State<Room>,
    account: Named<AccountId>,
    posted: Posted<NewStatus>,
) -> Result<Redirect, Failure> {
    let (who, status) = posted.form.read(&posted.seat)?;
    people::set_account_status(room, &who, account.0, status).await?;
    Ok(then("/people".into()))
}

#[post("/people/<person>/departure", data = "<posted>")]
pub async fn leave(
    room: &State<Room>,
    person: Named<PersonId>,
    posted: Posted<Departure>,
) -> Result<Redirect, Failure> {
    let successor = match posted.form.successor.trim() {
        "" => None,
        text => Some(
            text.parse()
                .map_err(|_| app::Error::invalid("`successor` is not an id"))?,
        ),
    };
    people::leave(room, posted.seat.who(), person.0, successor).await?;
    Ok(then("/people".into()))
}

/// Asks for a link for somebody who has enrolled and can't sign in any more.
#[post("/accounts/<account>/recovery", data = "<posted>")]
pub async fn ask_recovery(
    room: &State<Room>,
    account: Named<AccountId>,
    posted: Posted<Reason>,
) -> Result<Redirect, Failure> {
    let proposal = Proposal::RecoverAccount { account: account.0 };
    requests::ask(room, posted.seat.who(), proposal, &posted.form.reason).await?;
    Ok(then("/requests".into()))
}

#[get("/tokens")]
pub async fn tokens(seat: Seat, room: &State<Room>) -> Result<Page<TokensPage>, Failure> {
    let tokens = people::list_tokens(room, seat.who()).await?;
    Ok(Page::of(TokensPage {
        shell: Shell::of(room, &seat, "tokens").await?,
        tokens,
    }))
}

#[post("/tokens", data = "<posted>")]
pub async fn issue_token(
    room: &State<Room>,
    posted: Posted<NewToken>,
) -> Result<Page<SecretPage>, Failure> {
    let form = posted.form;
    let known = |name: &String| {
        Right::of(name).ok_or_else(|| app::Error::invalid("this is no right of a token"))
    };
    let rights: BTreeSet<Right> = form.right.iter().map(known).collect::<Result<_, _>>()?;
    let lifetime = Duration::from_secs(form.days.saturating_mul(DAY_SECONDS));
    let done = people::issue_token(room, posted.seat.who(), &form.label, rights, lifetime).await?;
    let (_, secret) = done.output;
    Ok(Page::of(SecretPage {
        shell: Shell::of(room, &posted.seat, "tokens").await?,
        title: "Token",
        explanation: "Put this token where your program finds it and nobody else does. It acts \
                      in your name, and is shown only now."
            .into(),
        secret: secret.text().to_string(),
        back: "/tokens",
    }))
}

#[post("/tokens/<token>/revoke", data = "<posted>")]
pub async fn revoke_token(
    room: &State<Room>,
    token: Named<TokenId>,
    posted: Posted<Nothing>,
) -> Result<Redirect, Failure> {
    people::revoke_token(room, posted.seat.who(), token.0).await?;
    Ok(then("/tokens".into()))
}
