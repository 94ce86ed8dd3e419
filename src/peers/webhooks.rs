//! Events to an endpoint, after Standard Webhooks 1.0 (standard-webhooks/standard-webhooks,
//! spec/standard-webhooks.md).
//!
//! ```text
//! webhook-id:        the notice's id, the same for every attempt
//! webhook-timestamp: seconds since 1970, of this attempt
//! webhook-signature: v1,BASE64(HMAC-SHA-256(secret, "id.timestamp.body"))
//! ```

use std::{fmt, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::{Client, StatusCode};
use ring::hmac;
use zeroize::Zeroizing;

use super::{
    NotSent, Then,
    client::{self, Address},
};

/// What a secret's text begins with.
const SECRET_PREFIX: &str = "whsec_";
/// Bytes of a secret: no fewer, no more (Standard Webhooks, "Signature scheme").
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// What signs for one endpoint. It prints as redacted, and is wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// A secret that is not of its form; says nothing of what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret is not `whsec_` and base64 of 24 to 64 bytes")]
pub struct SecretError;

impl Secret {
    /// Reads `whsec_...`, white space around it left out.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text.trim().strip_prefix(SECRET_PREFIX).ok_or(SecretError)?;
        let bytes = BASE64_STANDARD.decode(encoded).map_err(|_| SecretError)?;
        let bytes = Zeroizing::new(bytes);
        if SECRET_BYTES.contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(SecretError)
        }
    }

    /// The header `webhook-signature`.
    pub fn sign(&self, id: &str, seconds: i64, body: &str) -> String {
        let signed = format!("{id}.{seconds}.{body}");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let tag = hmac::sign(&key, signed.as_bytes());
        format!("v1,{}", BASE64_STANDARD.encode(tag))
    }
}

/// An endpoint that the operator named.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its name in the settings, in rows and for people.
    pub name: String,
    /// Where it is.
    pub address: Address,
    /// What signs for it.
    pub secret: Secret,
}

/// One event.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its id, the same for every attempt.
    pub id: String,
    /// Seconds since 1970, of this attempt.
    pub seconds: i64,
    /// JSON.
    pub body: String,
}

/// Sends events. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sender(Client);

impl Sender {
    /// A sender with the bounds of [`client`].
    ///
    /// # Errors
    /// The client can't be made; told without details of this machine.
    pub fn new() -> Result<Self, NotSent> {
        Self::within(client::REQUEST_LIMIT)
    }

    /// The same with another limit for a request.
    ///
    /// # Errors
    /// As [`Sender::new`].
    pub fn within(limit: Duration) -> Result<Self, NotSent> {
        client::client(limit).map(Self)
    }

    /// Sends one event. Any 2xx takes it; of the answer nothing but its status is read.
    ///
    /// # Errors
    /// [`NotSent`]: 410 ends the endpoint, everything else may succeed later.
    pub async fn send(&self, endpoint: &Endpoint, event: &Event) -> Result<(), NotSent> {
        let signature = endpoint.secret.sign(&event.id, event.seconds, &event.body);
        let sent = self
            .0
            .post(endpoint.address.url())
            .header("content-type", "application/json")
            .header("webhook-id", &event.id)
            .header("webhook-timestamp", event.seconds)
            .header("webhook-signature", signature)
            .body(event.body.clone())
            .send()
            .await;
        // The body of the answer is dropped unread, and its connection with it.
        match sent.map(|answer| answer.status()) {
            Ok(status) if status.is_success() => Ok(()),
            Ok(StatusCode::GONE) => Err(NotSent::new(Then::Gone, "answered 410: gone", &[])),
            Ok(status) if status.is_redirection() => {
                let told = format!("answered {}; no redirect is followed", status.as_u16());
                Err(NotSent::new(Then::Again, &told, &[]))
            }
            Ok(status) => {
                let told = format!("answered {}", status.as_u16());
                Err(NotSent::new(Then::Again, &told, &[]))
            }
            Err(error) => Err(NotSent::new(Then::Again, what(&error), &[])),
        }
    }
}

impl Sender {
    /// Whether an endpoint answers, whatever it answers; nothing is sent to it.
    ///
    /// # Errors
    /// [`NotSent`] says why it can't be reached.
    pub async fn reach(&self, endpoint: &Endpoint) -> Result<(), NotSent> {
        let asked = self.0.head(endpoint.address.url()).send().await;
        asked
            .map(drop)
            .map_err(|error| NotSent::new(Then::Again, what(&error), &[]))
    }
}

/// What failed, in words of ours: those of the client name the whole address.
fn what(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "gave no answer in time"
    } else if error.is_connect() {
        "could not be reached"
    } else {
        "broke the connection off"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_one_form_and_are_not_printed() {
        let text = format!("{SECRET_PREFIX}{}", BASE64_STANDARD.encode([7; 32]));
        let secret = Secret::parse(&format!(" {text}\n")).expect("a secret");
        assert_eq!(format!("{secret:?}"), "Secret(redacted)");
        let of = |bytes: &[u8]| format!("{SECRET_PREFIX}{}", BASE64_STANDARD.encode(bytes));
        for odd in [
            "",
            "whsec_",
            &text[6..],
            &of(&[7; 23]),
            &of(&[7; 65]),
            "whsec_?",
        ] {
            assert_eq!(Secret::parse(odd).err(), Some(SecretError), "{odd}");
        }
    }

    /// The example of the specification's reference libraries.
    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let signature = secret.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
