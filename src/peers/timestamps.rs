//! Asking time authorities for tokens (RFC 3161, 3.4): by HTTP, those that the operator named.
//!
//! What is sent is a hash and a number; what comes back is bounded, and believed by nobody here.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use custos_core::timestamp::{
    Anchor, MAX_REPLY_BYTES, PolicyId, REPLY_MEDIA_TYPE, REQUEST_MEDIA_TYPE,
};
use reqwest::{Client, Response, StatusCode, header};

use super::{
    NotSent, Then,
    client::{self, Address},
};

/// A time authority that the operator named.
#[derive(Debug, Clone)]
pub struct Authority {
    /// Its name in the settings, and for people.
    pub name: String,
    /// Where it is asked.
    pub address: Address,
    /// Its own certificate or those of its issuers: what its tokens have to lead to.
    pub anchors: Vec<Anchor>,
    /// The policy that is asked for.
    pub policy: Option<PolicyId>,
    /// Whether its certificates may stand in another order than that of DER.
    pub any_order: bool,
}

/// Asks time authorities. Cheap to clone.
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

    /// Asks for a token; the reply as it came, of at most [`MAX_REPLY_BYTES`].
    ///
    /// # Errors
    /// [`NotSent`]: it can't be reached, is too slow, says too much, leads elsewhere, or answers
    /// something else than a reply.
    pub async fn ask(&self, authority: &Authority, request: Vec<u8>) -> Result<Bytes, NotSent> {
        let asked = self.0.post(authority.address.url());
        let asked = asked
            .header(header::CONTENT_TYPE, REQUEST_MEDIA_TYPE)
            .header(header::ACCEPT, REPLY_MEDIA_TYPE);
        let answer = asked.body(request).send().await;
        let answer = answer.map_err(|error| again(what(&error)))?;
        let status = answer.status();
        if status.is_redirection() {
            let told = format!("answered {}; no redirect is followed", status.as_u16());
            return Err(again(&told));
        }
        if status != StatusCode::OK {
            return Err(again(&format!("answered {}", status.as_u16())));
        }
        if !is_reply(&answer) {
            let told = format!("answered something else than `{REPLY_MEDIA_TYPE}`");
            return Err(again(&told));
        }
        body(answer).await
    }

    /// Whether an authority answers, whatever it answers; nothing is sent to it.
    ///
    /// # Errors
    /// [`NotSent`] says why it can't be reached.
    pub async fn reach(&self, authority: &Authority) -> Result<(), NotSent> {
        let asked = self.0.head(authority.address.url()).send().await;
        asked.map(drop).map_err(|error| again(what(&error)))
    }
}

/// Reads a reply as it comes, as far as it may be long.
async fn body(mut answer: Response) -> Result<Bytes, NotSent> {
    let too_long = || again(&format!("answered more than {MAX_REPLY_BYTES} bytes"));
    let declared = answer.content_length();
    if declared.is_some_and(|length| length > MAX_REPLY_BYTES as u64) {
        return Err(too_long());
    }
    let mut bytes = BytesMut::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| again(what(&error)))? {
        if bytes.len() + piece.len() > MAX_REPLY_BYTES {
            return Err(too_long());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

fn is_reply(answer: &Response) -> bool {
    let kind = answer.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()?.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case(REPLY_MEDIA_TYPE))
}

fn again(told: &str) -> NotSent {
    NotSent::new(Then::Again, told, &[])
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
