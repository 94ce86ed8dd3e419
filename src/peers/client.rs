//! The one HTTP client for everything outgoing: to addresses that the operator named, and
//! bounded in time and size.
//!
//! It follows no redirect, so that nobody but the operator chooses a host; believes no proxy of
//! the environment; keeps no cookies; and speaks TLS to everyone but this machine.

use std::{fmt, time::Duration};

use reqwest::{Client, Url, redirect::Policy};

use super::{NotSent, Then, is_loopback};

/// How long a connection may take to be made.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a request may take, from its beginning to the head of its answer and behind it.
pub const REQUEST_LIMIT: Duration = Duration::from_secs(15);

/// An address that is not asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no URL with a host.
    #[error("it is not a URL with a host, like `https://events.example/custos`")]
    Form,
    /// It is not encrypted, and leads away from this machine.
    #[error("it must begin with `https://`; `http://` is for this machine alone")]
    Plain,
    /// It carries a name or a password, which would be seen in every log on the way.
    #[error("it carries a name or password; the signature proves who sends")]
    Credentials,
}

/// An address that the operator named. It prints as host and port.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.shown())
    }
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let url = Url::parse(text).map_err(|_| AddressError::Form)?;
        let host = url.host_str().ok_or(AddressError::Form)?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(host) => {}
            "http" => return Err(AddressError::Plain),
            _ => return Err(AddressError::Form),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::Credentials);
        }
        Ok(Self(url))
    }

    /// Host and port, for people: a path or query may hold a secret.
    pub fn shown(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        match self.0.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.into(),
        }
    }

    pub(super) fn url(&self) -> Url {
        self.0.clone()
    }
}

/// A client with the bounds of this module, and this one for a request.
///
/// # Errors
/// The system's certificates can't be read; told without details of this machine.
pub fn client(limit: Duration) -> Result<Client, NotSent> {
    Client::builder()
        .user_agent("custos")
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_LIMIT)
        .timeout(limit)
        // A connection that is kept would be one more thing to keep healthy; events are rare.
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|_| NotSent::new(Then::Again, "no client can be made for it here", &[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_encrypted_addresses_leave_this_machine() {
        for good in [
            "https://events.example/custos?x=1",
            "http://127.0.0.1:9000/",
            "http://[::1]:9000/",
            "http://localhost/hook",
        ] {
            Address::parse(good).expect(good);
        }
        let refused = |text: &str| Address::parse(text).expect_err(text);
        assert_eq!(refused("http://events.example/"), AddressError::Plain);
        assert_eq!(refused("http://127.0.0.1.example/"), AddressError::Plain);
        assert_eq!(
            refused("https://a:b@events.example/"),
            AddressError::Credentials
        );
        for odd in [
            "",
            "events.example",
            "file:///etc/passwd",
            "ftp://a/",
            "https://",
        ] {
            assert_eq!(refused(odd), AddressError::Form, "{odd}");
        }
    }

    #[test]
    fn a_path_is_not_shown() {
        let address = Address::parse("https://events.example:8443/secret-path").expect("one");
        assert_eq!(address.shown(), "events.example:8443");
    }
}
