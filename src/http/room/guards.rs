//! Who asks, and whether the request was made on a page of ours.
//!
//! | guard | for | proves |
//! |---|---|---|
//! | [`Seat`] | pages | a session, by its cookie |
//! | [`Posted`] | changes on pages | a session, its CSRF token, and a page of ours |
//! | [`Offered`] | forms before the sign-in | a page of ours |
//! | [`Reader`], [`Depositor`], [`Manager`] | the API | a token with that right, or a session |

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr},
};

use rocket::{
    Data, Request,
    data::{FromData, Outcome as DataOutcome},
    form::{Form, FromForm, Strict, ValueField, name::NameView},
    http::{Method, RawStr, Status},
    outcome::Outcome,
    request::{self, FromParam, FromRequest},
};

use crate::{
    app::{
        self, Room, SignedIn,
        once::Once,
        sessions::{self, Right, Session},
        tags::Upon,
    },
    http::{
        errors::Failure,
        json::{MAX_METADATA_BYTES, whole_body},
        origins::Origins,
        quota,
        room::reference,
        tags,
    },
};

/// The session cookie. `__Host-` makes browsers insist on Secure, Path=/ and no Domain.
pub const COOKIE: &str = "__Host-custos";
/// The header in which scripts send the session's CSRF token.
pub const CSRF_HEADER: &str = "X-Custos-CSRF";
/// The field in which forms send it.
pub const CSRF_FIELD: &str = "csrf";

/// An id in a path. An odd one is answered as one that names nothing.
pub struct Named<T>(pub T);

impl<'a, T: std::str::FromStr> FromParam<'a> for Named<T> {
    type Error = Status;

    fn from_param(text: &'a str) -> Result<Self, Status> {
        text.parse().map(Self).map_err(|_| Status::NotFound)
    }
}

/// The address that the request came from, which limits attempts to show who one is.
pub struct Peer(pub IpAddr);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Peer {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Self::Error> {
        quota::attempt(request);
        // Requests without an address come from tests in the same process only.
        let address = request.client_ip();
        Outcome::Success(Self(address.unwrap_or(Ipv4Addr::UNSPECIFIED.into())))
    }
}

/// Somebody signed in on a page.
pub struct Seat(pub Session);

impl Seat {
    /// Who is signed in.
    pub fn who(&self) -> &SignedIn {
        &self.0.who
    }

    /// Who is signed in, with what the form that they sent was shown upon.
    ///
    /// # Errors
    /// `tag` is no tag.
    pub fn upon(&self, tag: &str) -> Result<SignedIn, Failure> {
        Ok(SignedIn {
            upon: tags::shown_upon(tag)?,
            ..self.0.who
        })
    }

    /// Whether the session's CSRF token was sent.
    ///
    /// # Errors
    /// [`Failure::Forged`] when it was not.
    pub fn confirm(&self, csrf: Option<&str>) -> Result<(), Failure> {
        match csrf {
            Some(csrf) if self.0.csrf.matches(csrf) => Ok(()),
            _ => Err(Failure::Forged),
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Seat {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, ()> {
        match seat(request).await {
            Ok(seat) => Outcome::Success(seat),
            Err(failure) => Outcome::Error(failure.stash(request)),
        }
    }
}

/// The session of the request's cookie.
///
/// # Errors
/// Signed out, or the register can't be read.
pub async fn seat(request: &Request<'_>) -> Result<Seat, Failure> {
    let session = request
        .local_cache_async(async {
            let cookie = request.cookies().get(COOKIE);
            let secret = cookie.map(|cookie| cookie.value()).unwrap_or_default();
            match sessions::session(room(request), secret).await {
                Ok(session) => Some(session),
                Err(app::Error::SignedOut) => None,
                Err(error) => {
                    // The catcher tells it, unless something else refuses the request.
                    let _status = Failure::App(error).stash(request);
                    None
                }
            }
        })
        .await;
    match session {
        Some(session) => {
            quota::spend(request, session.who.account.id())?;
            Ok(Seat(session.clone()))
        }
        None => Err(Failure::stashed(request).unwrap_or(app::Error::SignedOut.into())),
    }
}

/// A form of a page, sent by the session that was shown it.
pub struct Posted<T> {
    /// Who sent it.
    pub seat: Seat,
    /// What it says.
    pub form: T,
}

#[rocket::async_trait]
impl<'r, T: for<'f> FromForm<'f> + Send> FromData<'r> for Posted<T> {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> DataOutcome<'r, Self> {
        match posted(request, data).await {
            Ok(posted) => Outcome::Success(posted),
            Err(failure) => Outcome::Error(failure.stash(request)),
        }
    }
}

async fn posted<T: for<'f> FromForm<'f>>(
    request: &Request<'_>,
    data: Data<'_>,
) -> Result<Posted<T>, Failure> {
    let seat = seat(request).await?;
    own_page(request)?;
    let mut fields = fields(request, data).await?;
    let csrf = fields.iter().position(|(name, _)| name == CSRF_FIELD);
    let csrf = csrf.map(|at| fields.remove(at).1);
    seat.confirm(csrf.as_deref())?;
    Ok(Posted {
        form: form(&fields)?,
        seat,
    })
}

/// A form of a page that anyone may send: signing in.
pub struct Offered<T>(pub T);

#[rocket::async_trait]
impl<'r, T: for<'f> FromForm<'f> + Send> FromData<'r> for Offered<T> {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> DataOutcome<'r, Self> {
        let read = async {
            own_page(request)?;
            form(&fields(request, data).await?)
        };
        match read.await {
            Ok(form) => Outcome::Success(Self(form)),
            Err(failure) => Outcome::Error(failure.stash(request)),
        }
    }
}

/// The fields of a form, decoded.
async fn fields(request: &Request<'_>, data: Data<'_>) -> Result<Vec<(String, String)>, Failure> {
    if !request.content_type().is_some_and(|kind| kind.is_form()) {
        return Err(Failure::MediaType("application/x-www-form-urlencoded"));
    }
    let bytes = whole_body(request, data, MAX_METADATA_BYTES).await?;
    let odd = || Failure::Malformed("the form is not UTF-8".into());
    let body = String::from_utf8(bytes).map_err(|_| odd())?;
    let decoded = |text: &str| {
        let text = RawStr::new(text).url_decode();
        text.map(Cow::into_owned).map_err(|_| odd())
    };
    let raw = body.split('&').filter(|field| !field.is_empty());
    raw.map(|field| {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        Ok((decoded(name)?, decoded(value)?))
    })
    .collect()
}

/// Reads a form: every field known, none missing.
fn form<T: for<'f> FromForm<'f>>(fields: &[(String, String)]) -> Result<T, Failure> {
    let fields = fields.iter().map(|(name, value)| ValueField {
        name: NameView::new(name),
        value,
    });
    let read = Form::<Strict<T>>::parse_iter(fields);
    read.map(Strict::into_inner).map_err(|errors| {
        let named = errors.iter().find_map(|error| error.name.as_ref());
        let field = named.map(ToString::to_string).unwrap_or_default();
        Failure::Malformed(format!("the field `{field}` can't be taken"))
    })
}

/// Whether a page of ours made the request, as far as the browser says.
///
/// # Errors
/// [`Failure::Forged`] when it says that another site did.
pub fn own_page(request: &Request<'_>) -> Result<(), Failure> {
    let headers = request.headers();
    let own = match (headers.get_one("sec-fetch-site"), headers.get_one("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => request
            .rocket()
            .state::<Origins>()
            .is_some_and(|origins| origins.room.to_string() == origin),
        // No browser: the CSRF token decides, or there is no session to abuse.
        (None, None) => true,
    };
    if own { Ok(()) } else { Err(Failure::Forged) }
}

/// A program that may read, or a session.
pub struct Reader(pub SignedIn);
/// A program that may deposit, or a session.
pub struct Depositor(pub SignedIn);
/// A session: what no token may do.
pub struct Manager(pub SignedIn);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Reader {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, ()> {
        guarded(request, caller(request, Some(Right::Read)).await.map(Self))
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Depositor {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, ()> {
        guarded(
            request,
            caller(request, Some(Right::Deposit)).await.map(Self),
        )
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Manager {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, ()> {
        guarded(request, caller(request, None).await.map(Self))
    }
}

fn guarded<T>(request: &Request<'_>, result: Result<T, Failure>) -> request::Outcome<T, ()> {
    match result {
        Ok(guard) => Outcome::Success(guard),
        Err(failure) => Outcome::Error(failure.stash(request)),
    }
}

/// Who calls the API. A bearer token needs no CSRF token, because no browser sends it unasked.
async fn caller(request: &Request<'_>, right: Option<Right>) -> Result<SignedIn, Failure> {
    let mut given = request.headers().get("authorization");
    if let Some(authorization) = given.next() {
        let bearer = authorization
            .split_once(' ')
            .filter(|(scheme, _)| given.next().is_none() && scheme.eq_ignore_ascii_case("bearer"));
        let (_, secret) = bearer.ok_or(app::Error::SignedOut)?;
        let (who, rights) = sessions::token(room(request), secret.trim()).await?;
        quota::spend(request, who.holder)?;
        return match right {
            Some(right) if rights.contains(&right) => keyed(request, who),
            _ => Err(Failure::Rights),
        };
    }
    let seat = seat(request).await?;
    if !matches!(request.method(), Method::Get | Method::Head) {
        own_page(request)?;
        seat.confirm(request.headers().get_one(CSRF_HEADER))?;
    }
    keyed(request, *seat.who())
}

/// The same caller with what their change is made upon, and the key under which they ask for
/// it, where they gave them.
fn keyed(request: &Request<'_>, who: SignedIn) -> Result<SignedIn, Failure> {
    let who = SignedIn {
        upon: upon(request)?,
        ..who
    };
    let mut given = request.headers().get("idempotency-key");
    let Some(key) = given.next().filter(|_| request.method() == Method::Post) else {
        return Ok(who);
    };
    if given.next().is_some() {
        return Err(Failure::Malformed("`Idempotency-Key` stands twice".into()));
    }
    // A string of structured fields, or the same without its quotes, as many clients send it.
    let bare = key.strip_prefix('"').and_then(|key| key.strip_suffix('"'));
    let what = format!("{} {}", request.method(), request.uri());
    let once = Once::new(&room(request).core, who.account, bare.unwrap_or(key), &what)?;
    Ok(SignedIn {
        once: Some(once),
        ..who
    })
}

/// What a change is made upon. A condition is never ignored: where none is looked at, the
/// caller must know.
fn upon(request: &Request<'_>) -> Result<Upon, Failure> {
    if matches!(request.method(), Method::Get | Method::Head) {
        return Ok(Upon::Unsaid);
    }
    let conditional = request.route().is_some_and(reference::is_conditional);
    let asked = if conditional {
        &["If-None-Match"][..]
    } else {
        &["If-Match", "If-None-Match"]
    };
    if let Some(name) = asked.iter().find(|name| request.headers().contains(**name)) {
        return Err(Failure::Malformed(format!("`{name}` is not taken here")));
    }
    tags::upon(request.headers())
}

/// The room that this Rocket serves.
pub fn room<'r>(request: &'r Request<'_>) -> &'r Room {
    request.rocket().state().expect("the room is managed")
}
