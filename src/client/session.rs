//! A session of a person: what no token may do, a session may. It is kept in a file that only its
//! owner can read, until it ends: 30 minutes after its last use, or when they sign out.
//!
//! The room gives sessions to pages alone, so this signs in as a page does: by the form, and with
//! the CSRF token that stands in a page.

use std::{fmt, path::Path, time::Duration};

use reqwest::{
    Client, Response, StatusCode,
    header::{COOKIE, HeaderMap, HeaderName, InvalidHeaderValue, SET_COOKIE},
};
use serde::{Deserialize, Serialize};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::{
    access::{self, Server, Shows},
    api,
    error::{ClientError, Problem},
    place,
};

/// The cookie of a session.
const NAME: &str = "__Host-custos";
/// The header in which its CSRF token is sent.
const CSRF: HeaderName = HeaderName::from_static("x-custos-csrf");
/// What stands before the CSRF token in a page, and behind it.
const FIELD: (&str, &str) = ("name=\"csrf\" value=\"", "\"");
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(120);
/// Longest page that is read, in bytes.
const MAX_PAGE_BYTES: usize = 1 << 20;

/// A session. The HTTP library's own copies are not wiped.
#[derive(Serialize, Deserialize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct Session {
    server: String,
    secret: String,
    csrf: String,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(redacted)")
    }
}

impl Shows for Session {
    fn headers(&self) -> Result<HeaderMap, InvalidHeaderValue> {
        let cookie = Zeroizing::new(format!("{NAME}={}", self.secret));
        let cookie = (COOKIE, access::secret(&cookie)?);
        Ok([cookie, (CSRF, access::secret(&self.csrf)?)]
            .into_iter()
            .collect())
    }
}

impl Session {
    /// Signs in.
    ///
    /// # Errors
    /// The room refuses name and password, or its answer is none of a room's.
    pub async fn sign_in(
        server: &Server,
        login: &str,
        password: &Zeroizing<String>,
    ) -> Result<Self, ClientError> {
        let http = api::http(server)?;
        let fields = [("login", login), ("password", password.as_str())];
        let answer = form(&http, server, "/sign-in", &fields, HeaderMap::new()).await?;
        let secret = answer
            .headers()
            .get_all(SET_COOKIE)
            .iter()
            .find_map(|cookie| {
                let cookie = cookie
                    .to_str()
                    .ok()?
                    .strip_prefix(NAME)?
                    .strip_prefix('=')?;
                cookie.split(';').next().map(str::to_owned)
            });
        let odd = || ClientError::Answer("it gives no session".into());
        let mut session = Self {
            server: server.to_string(),
            secret: secret.ok_or_else(odd)?,
            csrf: String::new(),
        };
        let headers = session.headers().map_err(|_| odd())?;
        let request = http
            .get(server.at("/password"))
            .headers(headers)
            .timeout(ANSWER);
        let page = page(request.send().await.map_err(|error| broken(&error))?).await?;
        let (before, behind) = FIELD;
        let csrf = page
            .split_once(before)
            .and_then(|(_, rest)| rest.split_once(behind));
        session.csrf = csrf.ok_or_else(odd)?.0.into();
        Ok(session)
    }

    /// Ends the session in the room.
    ///
    /// # Errors
    /// The room can't be reached, or does not know the session.
    pub async fn sign_out(&self, server: &Server) -> Result<(), ClientError> {
        let odd = |_| ClientError::Usage("the session is not one line of plain text".into());
        let headers = self.headers().map_err(odd)?;
        let fields = [("csrf", self.csrf.as_str())];
        form(&api::http(server)?, server, "/sign-out", &fields, headers).await?;
        Ok(())
    }

    /// Reads a session of a room.
    ///
    /// # Errors
    /// It can't be read, others may read it, it is none, or it is one of another room.
    pub fn read(path: &Path, server: &Server) -> Result<Self, ClientError> {
        let text = access::read_secret(path, "session")?;
        let odd = |what: &str| {
            let shown = super::names::shown(path);
            ClientError::Usage(format!("the session file `{shown}` {what}; sign in again"))
        };
        let session: Self = serde_json::from_str(&text).map_err(|_| odd("holds no session"))?;
        if session.server != server.to_string() {
            return Err(odd("is of another room"));
        }
        Ok(session)
    }

    /// Keeps it in a file that only its owner can read, in place of an earlier one.
    ///
    /// # Errors
    /// The file can't be written, or something else stands there.
    pub fn keep(&self, path: &Path) -> Result<(), ClientError> {
        let written = |cause| ClientError::file(path, "written")(cause);
        if path.symlink_metadata().is_ok() {
            // Nothing but an earlier session is replaced.
            let text = access::read_secret(path, "session")?;
            serde_json::from_str::<Self>(&text).map_err(|_| {
                written(std::io::Error::other(
                    "something that is no session stands there",
                ))
            })?;
        }
        std::fs::DirBuilder::new()
            .recursive(true)
            .create(place::folder(path))
            .map_err(written)?;
        let text = Zeroizing::new(serde_json::to_vec(self).expect("texts are JSON"));
        let mut draft = place::Draft::beside(path, true)?;
        draft.write(&text)?;
        draft.place()
    }
}

/// Sends a form of a page, and gives the answer that leads on.
async fn form(
    http: &Client,
    server: &Server,
    path: &str,
    fields: &[(&str, &str)],
    headers: HeaderMap,
) -> Result<Response, ClientError> {
    let url = reqwest::Url::parse_with_params("https://room.example", fields);
    let body = url
        .expect("the address is one")
        .query()
        .unwrap_or_default()
        .to_owned();
    let request = http
        .post(server.at(path))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .headers(headers)
        .timeout(ANSWER)
        .body(body);
    let answer = request.send().await.map_err(|error| broken(&error))?;
    if answer.status() == StatusCode::SEE_OTHER {
        return Ok(answer);
    }
    let status = answer.status();
    let detail = match status {
        StatusCode::UNAUTHORIZED => {
            "the sign-in name or the password is not right, or the session has ended".into()
        }
        StatusCode::TOO_MANY_REQUESTS => {
            "there were too many attempts; wait, then try again".into()
        }
        other => format!("it answers {other}; is this the address of a room?"),
    };
    Err(ClientError::Refused(Problem {
        status: status.as_u16(),
        name: if status == StatusCode::UNAUTHORIZED {
            "signed-out".into()
        } else {
            String::new()
        },
        detail,
        retry_seconds: None,
    }))
}

async fn page(mut answer: Response) -> Result<Zeroizing<String>, ClientError> {
    let mut bytes = Zeroizing::new(Vec::new());
    while let Some(piece) = answer.chunk().await.map_err(|error| broken(&error))? {
        if bytes.len() + piece.len() > MAX_PAGE_BYTES {
            return Err(ClientError::Answer("the page is too long".into()));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()))
}

fn broken(error: &reqwest::Error) -> ClientError {
    ClientError::Broken(super::names::plain(&error.to_string()))
}
