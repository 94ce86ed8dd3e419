//! Where the room is, and what shows who asks.

use std::{fmt, fs::File, io::Read, path::Path};

use reqwest::{
    Url,
    header::{AUTHORIZATION, HeaderMap, HeaderValue, InvalidHeaderValue},
};
use zeroize::Zeroizing;

use super::{error::ClientError, names};

/// Longest file of a secret, in bytes.
const MAX_SECRET_FILE_BYTES: u64 = 4_096;

/// The origin of a room: `https://room.example`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server(Url);

impl Server {
    /// Reads an origin. Without TLS only this machine itself is spoken to: a token and
    /// evidence would cross the network in the clear.
    ///
    /// # Errors
    /// A line that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let form = "give scheme and host, like `https://room.example`";
        let url = Url::parse(text).map_err(|_| form.to_string())?;
        let host = url.host_str().ok_or(form)?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !bare || !url.username().is_empty() || url.password().is_some() {
            return Err(format!("{form} and nothing else"));
        }
        match url.scheme() {
            "https" => {}
            "http" if is_this_machine(host) => {}
            "http" => {
                return Err(
                    "without TLS the token and the evidence could be read on the way; use `https`"
                        .into(),
                );
            }
            _ => return Err(form.into()),
        }
        Ok(Self(url))
    }

    /// The address of a path that begins with `/`; behind a `?` stands its query, encoded.
    pub fn at(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        url.set_path(path);
        url.set_query(query);
        url
    }

    /// Whether it is spoken to without TLS, which is so on this machine only.
    pub fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// What a request shows that it is made by somebody: a token, or a session with the token that
/// its pages send.
pub trait Shows: fmt::Debug + Send + Sync {
    /// Headers, marked so that nothing prints them.
    ///
    /// # Errors
    /// A value that is not one line of plain text.
    fn headers(&self) -> Result<HeaderMap, InvalidHeaderValue>;
}

/// A token; wiped when it is dropped. The HTTP library's own copies are not.
pub struct Token(Zeroizing<String>);

impl Token {
    /// Reads the file that holds the token and nothing else.
    ///
    /// # Errors
    /// It can't be read, others than its owner may read it, or it holds no token.
    pub fn read(path: &Path) -> Result<Self, ClientError> {
        let text = read_secret(path, "token")?;
        let token = text.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            let shown = names::shown(path);
            return Err(ClientError::Usage(format!(
                "the token file `{shown}` must hold one token and nothing else"
            )));
        }
        Ok(Self(Zeroizing::new(token.into())))
    }
}

impl Shows for Token {
    fn headers(&self) -> Result<HeaderMap, InvalidHeaderValue> {
        let text = Zeroizing::new(format!("Bearer {}", *self.0));
        Ok([(AUTHORIZATION, secret(&text)?)].into_iter().collect())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

/// A header that nothing prints.
pub(super) fn secret(text: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Reads a file that holds a secret, and that only its owner may read.
pub(super) fn read_secret(path: &Path, what: &str) -> Result<Zeroizing<String>, ClientError> {
    let usage = |told: &str| {
        let shown = names::shown(path);
        ClientError::Usage(format!("the {what} file `{shown}` {told}"))
    };
    let failed = |error| usage(&format!("can't be read: {error}"));
    let mut file = File::open(path).map_err(failed)?;
    if read_by_others(&file).map_err(failed)? {
        return Err(usage(
            "can be read by others; if they may have seen it revoke what it holds, else run `chmod 600` on it",
        ));
    }
    let mut text = Zeroizing::new(String::with_capacity(MAX_SECRET_FILE_BYTES as usize + 1));
    (&mut file)
        .take(MAX_SECRET_FILE_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > MAX_SECRET_FILE_BYTES {
        return Err(usage("is too long for what it should hold"));
    }
    Ok(text)
}

/// Whether anyone but the owner may read the file, by its mode.
fn read_by_others(file: &File) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    Ok(file.metadata()?.mode() & 0o077 != 0)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_without_tls() {
        for good in [
            "https://room.example",
            "https://room.example:8443/",
            "http://localhost:8000",
            "http://room.localhost",
            "http://127.0.0.1:8000",
            "http://[::1]:8000",
        ] {
            assert!(Server::parse(good).is_ok(), "{good}");
        }
        for odd in [
            "",
            "room.example",
            "http://room.example",
            "http://127.0.0.1.room.example",
            "http://localhost.room.example",
            "ftp://room.example",
            "https://user@room.example",
            "https://:secret@room.example",
            "https://room.example/api",
            "https://room.example/?token=x",
            "https://room.example/#x",
            "file:///etc/passwd",
        ] {
            assert!(Server::parse(odd).is_err(), "{odd}");
        }
        let server = Server::parse("https://room.example").expect("an origin");
        assert_eq!(server.to_string(), "https://room.example");
        assert_eq!(server.at("/api/v1/me").path(), "/api/v1/me");
    }

    #[test]
    fn a_token_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("token");
        fs::write(&path, " custos_abc\n").expect("written");
        for (mode, good) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
            assert_eq!(Token::read(&path).is_ok(), good, "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
        let token = Token::read(&path).expect("a token");
        let headers = token.headers().expect("a header");
        assert_eq!(headers[AUTHORIZATION], "Bearer custos_abc");
        assert!(!format!("{token:?} {headers:?}").contains("abc"));
        for odd in ["", "  \n", "two words", "a\nb", &"x".repeat(5_000)] {
            fs::write(&path, odd).expect("written");
            assert!(Token::read(&path).is_err(), "{odd:?}");
        }
    }
}
