//! Which origin a request came to, and that nothing of one is answered under another.
//!
//! ```text
//! https://room.example      pages, API, public log
//! https://content.example   what people deposited, under /v only
//! ```
//!
//! Cookies cross the ports of one host, so the two are different host names.

use std::fmt;

use rocket::{
    Data, Request,
    fairing::{Fairing, Info, Kind},
    http::uri,
};

/// The first part of every path on the content origin, and of none on the room's.
const CONTENT_PATH: &str = "v";
/// Where requests go that no origin answers; no route is mounted there.
const NOWHERE: &str = "/~";

/// Why two texts can't be the origins of a room.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// Not scheme, host and maybe port.
    #[error("`{0}` is not an origin; give scheme and host, like `https://room.example`")]
    Form(String),
    /// Both have one host name.
    #[error(
        "both origins are on the host `{0}`; what people deposited needs a host name of its own"
    )]
    Same(String),
}

/// Scheme, host and maybe port, as browsers compare origins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    text: String,
    host: String,
    encrypted: bool,
}

impl Origin {
    /// Reads `https://room.example` or `http://localhost:8000`.
    ///
    /// # Errors
    /// [`OriginError::Form`].
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let form = || OriginError::Form(text.into());
        let (scheme, authority) = text.split_once("://").ok_or_else(form)?;
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        let port_is_one = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        if !matches!(scheme, "http" | "https")
            || host.is_empty()
            || !host.chars().all(plain)
            || !port_is_one
        {
            return Err(form());
        }
        Ok(Self {
            text: text.into(),
            host: host.into(),
            encrypted: scheme == "https",
        })
    }

    /// The host name alone.
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The two origins of a room.
#[derive(Debug, Clone)]
pub struct Origins {
    /// Pages, API and public log.
    pub room: Origin,
    /// What people deposited.
    pub content: Origin,
}

impl Origins {
    /// Two origins on different hosts.
    ///
    /// # Errors
    /// [`OriginError`] says which rule is broken.
    pub fn new(room: &str, content: &str) -> Result<Self, OriginError> {
        let (room, content) = (Origin::parse(room)?, Origin::parse(content)?);
        if room.host == content.host {
            return Err(OriginError::Same(room.host));
        }
        Ok(Self { room, content })
    }

    /// Whether browsers reach the room over TLS only.
    pub fn encrypted(&self) -> bool {
        self.room.encrypted
    }

    fn side(&self, host: &str) -> Side {
        if host == self.room.host {
            Side::Room
        } else if host == self.content.host {
            Side::Content
        } else {
            Side::Nowhere
        }
    }
}

/// The origin that a request came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Pages, API and public log.
    Room,
    /// What people deposited.
    Content,
    /// A host that is not ours.
    Nowhere,
}

impl Side {
    /// The origin that this request came to.
    pub fn of(request: &Request<'_>) -> Self {
        *request.local_cache(|| Self::Nowhere)
    }
}

/// Whether the address that was asked for is one for programs, kept before it is taken away.
struct ForProgram(bool);

/// Whether a request to a host that is not ours asked for what programs ask for.
pub fn is_for_program(request: &Request<'_>) -> bool {
    request.local_cache(|| ForProgram(false)).0
}

/// Looks at the host before any route does.
pub struct Apart(pub Origins);

#[rocket::async_trait]
impl Fairing for Apart {
    fn info(&self) -> Info {
        Info {
            name: "origins are apart",
            kind: Kind::Request,
        }
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        // Two Host headers would be read differently by what stands in front of us.
        let hosts = request.headers().get("host").count();
        let side = match request.host() {
            Some(host) if hosts <= 1 => self.0.side(&host.domain().as_str().to_ascii_lowercase()),
            _ => Side::Nowhere,
        };
        let side = *request.local_cache(|| side);
        let first = request.uri().path().segments().next();
        let of_content = first == Some(CONTENT_PATH);
        request.local_cache(|| ForProgram(matches!(first, Some("api" | "health"))));
        if side == Side::Nowhere || of_content != (side == Side::Content) {
            let nowhere = uri::Origin::parse(NOWHERE).expect("the path is of its form");
            request.set_uri(nowhere);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_scheme_and_host() {
        let origins = Origins::new("http://localhost:8000", "http://content.localhost:8000")
            .expect("two origins");
        assert_eq!(origins.side("localhost"), Side::Room);
        assert_eq!(origins.side("content.localhost"), Side::Content);
        assert_eq!(origins.side("127.0.0.1"), Side::Nowhere);
        assert!(!origins.encrypted());
        for odd in [
            "localhost:8000",
            "ftp://room.example",
            "https://",
            "https://room.example/",
            "https://room.example:0",
            "https://room.example:x",
            "https://Room.example",
            "https://a b",
        ] {
            assert!(Origin::parse(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn one_host_is_not_two_origins() {
        let same = Origins::new("http://localhost:8000", "http://localhost:8001");
        assert_eq!(same.err(), Some(OriginError::Same("localhost".into())));
    }
}
