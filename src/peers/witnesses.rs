//! Asking witnesses (C2SP tlog-witness): by HTTPS, to those that the operator named.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use custos_core::{
    checkpoint::{
        MAX_CHECKPOINT_BYTES, VerifierKey,
        witness::{MAX_ANSWER_BYTES, SIZE_MEDIA_TYPE},
    },
    hash::Hash,
};
use reqwest::{Client, Response, StatusCode, Url, header};

use super::{
    NotSent, Then,
    client::{self, Address},
};

/// The most that a witness may put off the next request, in seconds.
const MAX_RETRY_SECONDS: u64 = 3_600;

/// A witness that the operator named.
#[derive(Debug, Clone)]
pub struct Witness {
    /// Its name in the settings, and for people.
    pub name: String,
    /// What verifies its cosignatures.
    pub key: VerifierKey,
    /// The prefix under which checkpoints are given to it.
    pub submission: Address,
    /// The prefix under which it shows what it confirmed.
    pub monitoring: Address,
}

/// What a witness answered; nothing of it is believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 200: lines of cosignatures.
    Cosigned(Bytes),
    /// 409 with a size: that which it confirmed last.
    Size(Bytes),
    /// 409 without a size, or 422: the checkpoint does not continue what it confirmed.
    Contradicts(u16),
    /// 400, 403, 404 and others: it does not take what it was asked, and will not soon.
    Refused(u16),
    /// 429 and 5xx: later, maybe after so long.
    Later(u16, Option<Duration>),
}

/// Asks witnesses. Cheap to clone.
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

    /// Asks for a cosignature.
    ///
    /// # Errors
    /// [`NotSent`]: it can't be reached, is too slow, says too much or leads elsewhere.
    pub async fn ask(&self, witness: &Witness, request: Vec<u8>) -> Result<Answer, NotSent> {
        let url = below(&witness.submission, &["add-checkpoint"])?;
        let sent = self.0.post(url).body(request).send().await;
        let answer = sent.map_err(|error| again(what(&error)))?;
        let status = answer.status();
        Ok(match status {
            StatusCode::OK => Answer::Cosigned(body(answer, MAX_ANSWER_BYTES).await?),
            StatusCode::CONFLICT if is_size(&answer) => {
                Answer::Size(body(answer, MAX_ANSWER_BYTES).await?)
            }
            StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => {
                Answer::Contradicts(status.as_u16())
            }
            status if status.is_redirection() => {
                let told = format!("answered {}; no redirect is followed", status.as_u16());
                return Err(again(&told));
            }
            status if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
                Answer::Later(status.as_u16(), retry_after(&answer))
            }
            status => Answer::Refused(status.as_u16()),
        })
    }

    /// The newest checkpoint that a witness shows of the log with this hash of its origin; none
    /// where it shows none.
    ///
    /// # Errors
    /// [`NotSent`], as above.
    pub async fn newest(&self, witness: &Witness, origin: &Hash) -> Result<Option<Bytes>, NotSent> {
        let url = below(&witness.monitoring, &[&origin.to_string(), "checkpoint"])?;
        let sent = self.0.get(url).send().await;
        let answer = sent.map_err(|error| again(what(&error)))?;
        if answer.status() != StatusCode::OK {
            return Ok(None);
        }
        Ok(Some(body(answer, MAX_CHECKPOINT_BYTES).await?))
    }

    /// Whether a witness answers, whatever it answers; nothing is sent to it.
    ///
    /// # Errors
    /// [`NotSent`] says why it can't be reached.
    pub async fn reach(&self, witness: &Witness) -> Result<(), NotSent> {
        let asked = self.0.head(witness.submission.url()).send().await;
        asked.map(drop).map_err(|error| again(what(&error)))
    }
}

/// An address below a prefix. A query of the prefix stays where it is.
fn below(prefix: &Address, path: &[&str]) -> Result<Url, NotSent> {
    let mut url = prefix.url();
    match url.path_segments_mut() {
        Ok(mut segments) => {
            segments.pop_if_empty().extend(path);
        }
        Err(()) => return Err(again("its address has no path")),
    }
    Ok(url)
}

/// Reads a body of at most `most` bytes, as it comes.
async fn body(mut answer: Response, most: usize) -> Result<Bytes, NotSent> {
    let too_long = || again(&format!("answered more than {most} bytes"));
    if answer
        .content_length()
        .is_some_and(|length| length > most as u64)
    {
        return Err(too_long());
    }
    let mut bytes = BytesMut::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| again(what(&error)))? {
        if bytes.len() + piece.len() > most {
            return Err(too_long());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

fn is_size(answer: &Response) -> bool {
    let kind = answer.headers().get(header::CONTENT_TYPE);
    // Some frameworks add a charset to all text.
    let kind = kind.and_then(|kind| kind.to_str().ok()?.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case(SIZE_MEDIA_TYPE))
}

/// `Retry-After` in seconds; a date is not read.
fn retry_after(answer: &Response) -> Option<Duration> {
    let value = answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    let seconds: u64 = value.parse().ok()?;
    Some(Duration::from_secs(seconds.min(MAX_RETRY_SECONDS)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_put_below_the_prefix() {
        let at = |prefix: &str| {
            let prefix = Address::parse(prefix).expect("an address");
            below(&prefix, &["add-checkpoint"])
                .expect("a path")
                .to_string()
        };
        for prefix in ["https://w.example/a", "https://w.example/a/"] {
            assert_eq!(at(prefix), "https://w.example/a/add-checkpoint");
        }
        assert_eq!(at("https://w.example"), "https://w.example/add-checkpoint");
    }
}
