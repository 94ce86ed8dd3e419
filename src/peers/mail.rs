//! Letters to the operator's mail server, by SMTP (RFC 5321): encrypted from the first byte, or
//! by STARTTLS that must succeed, or to a server on this machine.
//!
//! Each letter has a connection of its own. A letter that was taken and whose acknowledgement
//! was lost is sent again under the same `Message-ID`.

use std::{fmt, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, header},
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
        extension::ClientId,
    },
};
use zeroize::Zeroizing;

use super::{NotSent, Then, is_loopback};

/// How long the server may take over one answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// How long a letter may take in all.
const LETTER_LIMIT: Duration = Duration::from_secs(60);
/// Longest address (RFC 5321, section 4.5.3.1.3, without its brackets).
const MAX_ADDRESS_BYTES: usize = 254;

/// How the way to the server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// From the first byte; port 465.
    Required,
    /// By STARTTLS, without which nothing is sent; port 587.
    StartTls,
    /// Not at all: on this machine only.
    None,
}

/// What signs in at the server. It prints as redacted.
#[derive(Clone)]
pub struct SignIn {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignIn(redacted)")
    }
}

/// What the operator says of the mail server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its host name or address.
    pub server: String,
    /// Its port; none takes that of the encryption.
    pub port: Option<u16>,
    /// How the way to it is encrypted.
    pub encryption: Encryption,
    /// Who letters are from: `room@agency.example`.
    pub from: String,
    /// How to sign in, if it asks for that.
    pub sign_in: Option<SignIn>,
    /// The certificates that are believed in place of the system's, in PEM.
    pub roots: Option<Vec<u8>>,
    /// The name by which the room greets the server, and in the ids of its letters.
    pub host: String,
}

/// Why letters can't be sent with these settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The way is not encrypted and leaves this machine.
    #[error("`mail.tls` may be `none` only for a server on this machine")]
    Plain,
    /// The sender is no address.
    #[error("`mail.from` is not an address like `room@agency.example`")]
    From,
    /// The certificates can't be used, or the server's name can't.
    #[error("`mail.roots` or `mail.server` can't be used for TLS")]
    Tls,
}

/// Checks an address that somebody gave: `name@host` in ASCII.
pub fn is_address(text: &str) -> bool {
    text.len() <= MAX_ADDRESS_BYTES
        && text.is_ascii()
        && !text
            .contains(|c: char| c.is_whitespace() || c.is_control() || "\"<>(),;:[]".contains(c))
        && text.parse::<Address>().is_ok()
}

/// One letter. It prints as its id: the rest is an address, and may be a code.
#[derive(Clone)]
pub struct Letter {
    /// Stable: a second sending is the same letter.
    pub id: String,
    /// To whom.
    pub to: String,
    /// What it is about, in ASCII.
    pub subject: &'static str,
    /// Its text.
    pub text: Zeroizing<String>,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Letter({})", self.id)
    }
}

/// A mail server. Cheap to clone.
#[derive(Clone)]
pub struct Server {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    host: String,
    secrets: Vec<Zeroizing<String>>,
    limit: Duration,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Server(redacted)")
    }
}

impl Server {
    /// A server as the operator describes it; it is not spoken to yet.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let server = settings.server.as_str();
        let tls = || tls(settings).map_err(|_| SettingsError::Tls);
        let (tls, port) = match settings.encryption {
            Encryption::Required => (Tls::Wrapper(tls()?), 465),
            Encryption::StartTls => (Tls::Required(tls()?), 587),
            Encryption::None if is_loopback(server) => (Tls::None, 25),
            Encryption::None => return Err(SettingsError::Plain),
        };
        if !is_address(&settings.from) {
            return Err(SettingsError::From);
        }
        let from = settings.from.parse().map_err(|_| SettingsError::From)?;
        // Dangerous is what it is called without TLS, which was just decided.
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server)
            .port(settings.port.unwrap_or(port))
            .tls(tls)
            .timeout(Some(ANSWER_LIMIT))
            .hello_name(ClientId::Domain(settings.host.clone()));
        let mut secrets = Vec::new();
        if let Some(SignIn { user, password }) = &settings.sign_in {
            builder = builder.credentials(Credentials::new(user.clone(), password.to_string()));
            let password = password.as_str();
            let plain = Zeroizing::new(format!("\0{user}\0{password}"));
            // A server may repeat what was said to it, as it was said (RFC 4954, section 4).
            let encoded = [plain.as_str(), user, password].map(|said| BASE64_STANDARD.encode(said));
            secrets = encoded.into_iter().map(Zeroizing::new).collect();
            secrets.extend([user, password].map(|said| Zeroizing::new(said.to_owned())));
        }
        Ok(Self {
            transport: builder.build(),
            from: Mailbox::new(None, from),
            host: settings.host.clone(),
            secrets,
            limit: LETTER_LIMIT,
        })
    }

    /// The same with another limit for a letter in all; for tests.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Whether the server answers, encrypts as asked and takes the sign-in.
    ///
    /// # Errors
    /// [`NotSent`] says why not.
    pub async fn test(&self) -> Result<(), NotSent> {
        let tested = tokio::time::timeout(self.limit, self.transport.test_connection());
        match tested.await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(self.failed(Then::Again, "did not greet as a mail server", "")),
            Ok(Err(error)) => Err(self.failed(then(&error), &error.to_string(), "")),
            Err(_) => Err(self.failed(Then::Again, "gave no answer in time", "")),
        }
    }

    /// Hands one letter over.
    ///
    /// # Errors
    /// [`NotSent`].
    pub async fn send(&self, letter: &Letter) -> Result<(), NotSent> {
        let to = &letter.to;
        let never = |told: &str| self.failed(Then::Never, told, to);
        let address: Address = to.parse().map_err(|_| never("the address is none"))?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, address))
            .subject(letter.subject)
            .message_id(Some(format!("<{}@{}>", letter.id, self.host)))
            .header(AutoSubmitted)
            .header(header::ContentType::TEXT_PLAIN)
            .body(letter.text.to_string())
            .map_err(|_| never("the letter can't be written"))?;
        match tokio::time::timeout(self.limit, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(self.failed(then(&error), &error.to_string(), to)),
            Err(_) => Err(self.failed(Then::Again, "gave no answer in time", to)),
        }
    }

    fn failed(&self, then: Then, told: &str, to: &str) -> NotSent {
        let mut secrets: Vec<&str> = self.secrets.iter().map(|secret| secret.as_str()).collect();
        secrets.push(to);
        // Many servers repeat the name alone, or with another host.
        let name = to.split_once('@').map_or("", |(name, _)| name);
        secrets.extend((name.len() >= 3).then_some(name));
        NotSent::new(then, told, &secrets)
    }
}

/// What a failure means for the letter. A server that does not take our sign-in, or takes nothing
/// from us, says 5xx as well: that is for the operator to mend, and the letter waits.
fn then(error: &lettre::transport::smtp::Error) -> Then {
    /// Authentication (RFC 4954, section 6) and encryption (RFC 3207, section 4) that it wants; no
    /// mail service here (RFC 7504), or none for us (RFC 5321, section 4.2.2).
    const OF_SERVER: [u16; 7] = [521, 523, 530, 534, 535, 538, 554];
    let code = error.status().map(u16::from);
    if error.is_permanent() && !code.is_some_and(|code| OF_SERVER.contains(&code)) {
        Then::Never
    } else {
        Then::Again
    }
}

fn tls(settings: &Settings) -> Result<TlsParameters, lettre::transport::smtp::Error> {
    let mut builder = TlsParameters::builder(settings.server.clone());
    if let Some(roots) = &settings.roots {
        builder = builder
            .certificate_store(CertificateStore::None)
            .add_root_certificate(Certificate::from_pem(roots)?);
    }
    builder.build_rustls()
}

/// Nobody's vacation answers a machine (RFC 3834, section 5).
#[derive(Clone)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "auto-generated".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_one_plain_mailbox() {
        for good in ["ana@room.example", "a.b+c@sub.room.example"] {
            assert!(is_address(good), "{good}");
        }
        for odd in [
            "",
            "ana",
            "ana@",
            "@room.example",
            "ana@room.example, eve@x.example",
            "ana@room.example\r\nBcc: eve@x.example",
            "Ana <ana@room.example>",
            "an\u{e4}@room.example",
            "\"a b\"@room.example",
            &format!("{}@room.example", "a".repeat(250)),
        ] {
            assert!(!is_address(odd), "{odd}");
        }
    }

    #[test]
    fn settings_that_would_send_in_the_clear_are_refused() {
        let settings = Settings {
            server: "mail.example".into(),
            port: None,
            encryption: Encryption::None,
            from: "room@room.example".into(),
            sign_in: None,
            roots: None,
            host: "room.example".into(),
        };
        let error = |settings: &Settings| Server::new(settings).expect_err("refused");
        assert_eq!(error(&settings), SettingsError::Plain);
        let local = Settings {
            server: "127.0.0.1".into(),
            ..settings.clone()
        };
        Server::new(&local).expect("on this machine");
        let nobody = Settings {
            from: "room".into(),
            ..local.clone()
        };
        assert_eq!(error(&nobody), SettingsError::From);
        let odd = Settings {
            encryption: Encryption::StartTls,
            roots: Some(b"-----BEGIN CERTIFICATE-----\n?".to_vec()),
            ..local
        };
        assert_eq!(error(&odd), SettingsError::Tls);
    }
}
