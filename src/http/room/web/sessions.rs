//! Signing in and out, entering with a link, one's own password.

use askama::Template;
use custos_core::ids::SessionId;
use rocket::{
    FromForm, State, get,
    http::{Cookie, CookieJar, SameSite},
    post,
    response::Redirect,
};

use super::{Page, Shell, then};
use crate::{
    app::{
        self, Room, people,
        sessions::{
            self, NewSession, SessionSummary,
            passwords::{MIN_PASSWORD_CHARS, Password},
            redeem::{Purpose, purpose},
        },
    },
    http::{
        errors::{Failure, KNOWN},
        room::guards::{COOKIE, Named, Offered, Peer, Posted, Seat},
        text::{self, sentence},
    },
};

/// The page to sign in.
#[derive(Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    failed: Option<String>,
}

/// The page for a single-use link.
#[derive(Template)]
#[template(path = "enter.html")]
pub struct EnterPage {
    failed: Option<String>,
}

/// The page that asks for a password to be set with a link.
#[derive(Template)]
#[template(path = "enrol.html")]
pub struct EnrolPage {
    failed: Option<String>,
    secret: String,
    min_password: usize,
}

/// One's own password.
#[derive(Template)]
#[template(path = "password.html")]
pub struct PasswordPage {
    shell: Shell,
    failed: Option<String>,
    changed: bool,
    min_password: usize,
}

/// What a problem's type means.
#[derive(Template)]
#[template(path = "problem.html")]
pub struct ProblemPage {
    name: &'static str,
    title: &'static str,
    status: u16,
}

/// A name and a password.
#[derive(FromForm)]
pub struct Credentials {
    login: String,
    password: String,
}

/// The secret of a link.
#[derive(FromForm)]
pub struct Link {
    secret: String,
}

/// The secret of a link, and a password to be set with it.
#[derive(FromForm)]
pub struct Enrolment {
    secret: String,
    password: String,
    again: String,
}

/// One's own password, and the one to come.
#[derive(FromForm)]
pub struct Change {
    old: String,
    password: String,
    again: String,
}

/// A form without fields of its own.
#[derive(FromForm)]
pub struct Nothing {
    #[allow(dead_code, reason = "a form must have a field; this one is never sent")]
    nothing: Option<String>,
}

/// Either a page that asks again, or the way on.
#[derive(rocket::Responder)]
pub enum Answer<T> {
    Again(T),
    On(Box<Redirect>),
}

#[get("/")]
pub fn start() -> Redirect {
    then("/cases".into())
}

#[get("/sign-in")]
pub fn sign_in_form() -> Page<SignInPage> {
    Page::of(SignInPage { failed: None })
}

#[post("/sign-in", data = "<given>")]
pub async fn sign_in(
    room: &State<Room>,
    peer: Peer,
    jar: &CookieJar<'_>,
    given: Offered<Credentials>,
) -> Answer<Page<SignInPage>> {
    let password = Password::from(given.0.password);
    match sessions::sign_in(room, &given.0.login, password, peer.0).await {
        Ok(new) => welcome(jar, &new),
        Err(error) => {
            let failed = match &error {
                app::Error::SignedOut => "The sign-in name or the password is not right.".into(),
                error => sentence(&error.to_string()),
            };
            let page = SignInPage {
                failed: Some(failed),
            };
            Answer::Again(Page::failed(page, &error.into()))
        }
    }
}

/// Hands the session over: a cookie that no script and no other site gets.
fn welcome<T>(jar: &CookieJar<'_>, new: &NewSession) -> Answer<T> {
    let secret = new.secret.text().to_string();
    let cookie = Cookie::build((COOKIE, secret))
        .path("/")
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Lax);
    jar.add(cookie);
    Answer::On(Box::new(then("/cases".into())))
}

/// The secret is behind the `#` of the link, which is never sent; the page takes it from there.
#[get("/enter")]
pub fn enter_form() -> Page<EnterPage> {
    Page::of(EnterPage { failed: None })
}

/// Either page of entering with a link.
#[derive(rocket::Responder)]
pub enum Entering {
    Link(Page<EnterPage>),
    Password(Page<EnrolPage>),
}

#[post("/enter", data = "<given>")]
pub async fn enter(
    room: &State<Room>,
    peer: Peer,
    jar: &CookieJar<'_>,
    given: Offered<Link>,
) -> Answer<Entering> {
    let secret = given.0.secret.trim();
    let outcome = match purpose(room, secret, peer.0).await {
        Ok(Purpose::Enrol) => {
            let page = EnrolPage::asking(secret, None);
            return Answer::Again(Entering::Password(Page::of(page)));
        }
        Ok(Purpose::SignIn) => sessions::redeem(room, secret, None, peer.0).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(new) => welcome(jar, &new),
        Err(error) => {
            let page = EnterPage {
                failed: Some(sentence(&error.to_string())),
            };
            Answer::Again(Entering::Link(Page::failed(page, &error.into())))
        }
    }
}

impl EnrolPage {
    fn asking(secret: &str, failed: Option<String>) -> Self {
        Self {
            failed,
            secret: secret.into(),
            min_password: MIN_PASSWORD_CHARS,
        }
    }
}

#[post("/enter/password", data = "<given>")]
pub async fn enrol(
    room: &State<Room>,
    peer: Peer,
    jar: &CookieJar<'_>,
    given: Offered<Enrolment>,
) -> Answer<Page<EnrolPage>> {
    let Enrolment {
        secret,
        password,
        again,
    } = given.0;
    let outcome = match same(&password, &again) {
        Ok(password) => sessions::redeem(room, secret.trim(), Some(password), peer.0).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(new) => welcome(jar, &new),
        Err(error) => {
            let page = EnrolPage::asking(&secret, Some(sentence(&error.to_string())));
            Answer::Again(Page::failed(page, &error.into()))
        }
    }
}

/// One's own sessions.
#[derive(Template)]
#[template(path = "sessions.html")]
pub struct SessionsPage {
    shell: Shell,
    sessions: Vec<SessionSummary>,
}

/// A password that was typed twice alike.
fn same(password: &str, again: &str) -> Result<Password, app::Error> {
    if password == again {
        Ok(password.into())
    } else {
        Err(app::Error::invalid("the two passwords differ"))
    }
}

#[post("/sign-out", data = "<posted>")]
pub async fn sign_out(
    room: &State<Room>,
    jar: &CookieJar<'_>,
    posted: Posted<Nothing>,
) -> Result<Redirect, Failure> {
    sessions::sign_out(room, posted.seat.who()).await?;
    jar.remove(Cookie::build(COOKIE).path("/").secure(true));
    Ok(then("/sign-in".into()))
}

/// Ends every session of one's account, this one too.
#[post("/sign-out/everywhere", data = "<posted>")]
pub async fn sign_out_everywhere(
    room: &State<Room>,
    jar: &CookieJar<'_>,
    posted: Posted<Nothing>,
) -> Result<Redirect, Failure> {
    sessions::sign_out_everywhere(room, posted.seat.who()).await?;
    jar.remove(Cookie::build(COOKIE).path("/").secure(true));
    Ok(then("/sign-in".into()))
}

#[get("/password")]
pub async fn password_form(seat: Seat, room: &State<Room>) -> Result<Page<PasswordPage>, Failure> {
    let shell = Shell::of(room, &seat, "password").await?;
    Ok(Page::of(PasswordPage {
        shell,
        failed: None,
        changed: false,
        min_password: MIN_PASSWORD_CHARS,
    }))
}

#[post("/password", data = "<posted>")]
pub async fn set_password(
    room: &State<Room>,
    peer: Peer,
    posted: Posted<Change>,
) -> Result<Page<PasswordPage>, Failure> {
    let Change {
        old,
        password,
        again,
    } = posted.form;
    let outcome = match same(&password, &again) {
        Ok(new) => people::set_password(room, posted.seat.who(), (old.into(), new), peer.0)
            .await
            .map(drop),
        Err(error) => Err(error),
    };
    let shell = Shell::of(room, &posted.seat, "password").await?;
    let page = |failed: Option<String>| PasswordPage {
        shell,
        changed: failed.is_none(),
        failed,
        min_password: MIN_PASSWORD_CHARS,
    };
    Ok(match outcome {
        Ok(()) => Page::of(page(None)),
        Err(error) => Page::failed(page(Some(sentence(&error.to_string()))), &error.into()),
    })
}

/// One's own sessions that hold.
#[get("/sessions")]
pub async fn list(seat: Seat, room: &State<Room>) -> Result<Page<SessionsPage>, Failure> {
    let sessions = sessions::list_sessions(room, seat.who()).await?;
    Ok(Page::of(SessionsPage {
        shell: Shell::of(room, &seat, "sessions").await?,
        sessions,
    }))
}

#[post("/sessions/<session>/end", data = "<posted>")]
pub async fn end(
    room: &State<Room>,
    session: Named<SessionId>,
    posted: Posted<Nothing>,
) -> Result<Redirect, Failure> {
    sessions::end_session(room, posted.seat.who(), session.0).await?;
    Ok(then("/sessions".into()))
}

#[get("/problems/<name>")]
pub fn problem(name: &str) -> Result<Page<ProblemPage>, Failure> {
    let known = KNOWN.iter().find(|(known, ..)| *known == name);
    let (name, title, status) = *known.ok_or(app::Error::NotFound)?;
    Ok(Page::of(ProblemPage {
        name,
        title,
        status: status.code,
    }))
}
