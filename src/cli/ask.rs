//! Commands that look at one thing in a room or change one thing: each is a row of a table, its
//! arguments and the request that they make.
//!
//! Exit codes: 0 done; 1 the room refuses, or can't be asked; 2 wrong usage; 3 content is not
//! that of its fingerprint.

mod audits;
mod case;
mod exhibit;
mod get;
mod item;
mod order;
mod own;
mod person;
mod request;
mod tell;
mod wall;

use std::{path::Path, process::ExitCode};

use clap::Args;
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{access::Access, failed, say};
use crate::{
    ambient::Ambient,
    client::{
        api::asking::{Changed, Wanted},
        error::ClientError,
        place::Draft,
    },
};

pub(super) use audits::Audits;
pub(super) use case::Case;
pub(super) use exhibit::Exhibit;
pub(super) use item::Item;
pub(super) use order::Order;
pub(super) use own::{Notice, Session, Token};
pub(super) use person::{Account, Person};
pub(super) use request::Request as RequestCommand;
pub(super) use wall::Wall;

/// Longest key of a change, in characters.
const MAX_KEY_CHARS: usize = 255;

/// Which room, and for whom the answer is.
#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    access: Access,
    /// Answer with one JSON object, also of what goes wrong
    #[arg(long)]
    json: bool,
}

/// A look at something.
#[derive(Debug, Args)]
pub(super) struct Look<T: Args> {
    #[command(flatten)]
    own: T,
    #[command(flatten)]
    common: Common,
}

/// A change.
#[derive(Debug, Args)]
pub(super) struct Change<T: Args> {
    #[command(flatten)]
    own: T,
    #[command(flatten)]
    key: Key,
    #[command(flatten)]
    common: Common,
}

/// A change that says what it is made upon.
#[derive(Debug, Args)]
pub(super) struct Upon<T: Args> {
    #[command(flatten)]
    change: Change<T>,
    /// Only if what it changes is as you saw it: the `etag` of an answer by `--json`. Without it
    /// the change is made whatever there is
    #[arg(long, value_name = "TAG", value_parser = tag)]
    if_match: Option<String>,
}

/// Under which key a change is made.
#[derive(Debug, Args)]
struct Key {
    /// What is asked for under one key is done once, for a day: give the key of an earlier try
    /// whose answer did not come. Without it a new one is made
    #[arg(long, value_name = "KEY", value_parser = key)]
    idempotency_key: Option<String>,
}

impl Key {
    fn or_new(self) -> String {
        let new = || hex::encode(Ambient::system().bytes::<16>());
        self.idempotency_key.unwrap_or_else(new)
    }
}

fn key(text: &str) -> Result<String, String> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
    if text.is_empty() || text.len() > MAX_KEY_CHARS || !plain {
        return Err(format!(
            "give 1 to {MAX_KEY_CHARS} visible characters of ASCII without `\"` and `\\`"
        ));
    }
    Ok(text.into())
}

/// A tag as the room gives it, in quotes or without.
fn tag(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"';
    let own = text.trim_matches('"');
    if own.is_empty() || !own.bytes().all(plain) {
        return Err("this is no tag: give the `etag` of an answer by `--json`".into());
    }
    Ok(format!("\"{own}\""))
}

/// What a command asks for.
#[derive(Debug)]
pub(super) struct Request {
    method: Method,
    path: String,
    body: Option<Value>,
    /// Columns of a list for people; everything where there are none.
    columns: &'static [&'static str],
}

impl Request {
    fn look(path: String) -> Self {
        Self {
            method: Method::GET,
            path,
            body: None,
            columns: &[],
        }
    }

    fn list(path: String, columns: &'static [&'static str]) -> Self {
        Self {
            columns,
            ..Self::look(path)
        }
    }

    fn change(method: Method, path: String) -> Self {
        Self {
            method,
            ..Self::look(path)
        }
    }

    /// A change that is told of in a body.
    fn with(method: Method, path: String, body: &impl Serialize) -> Self {
        Self {
            body: Some(serde_json::to_value(body).expect("texts and numbers are JSON")),
            ..Self::change(method, path)
        }
    }
}

/// Arguments that make a request.
pub(super) trait Ask {
    fn request(&self) -> Request;

    /// Where a secret is put that is told once; without it, it is shown.
    fn secret_to(&self) -> Option<&Path> {
        None
    }
}

/// Nothing but which room.
#[derive(Debug, Args)]
pub(super) struct Nothing {}

impl<T: Args + Ask> Look<T> {
    async fn run(self) -> ExitCode {
        let request = self.own.request();
        let looked = async { self.common.access.api()?.look(&request.path).await };
        match looked.await {
            Ok(looked) => tell::looked(looked, request.columns, self.common.json),
            Err(error) => refused(&error, None, self.common.json),
        }
    }
}

impl<T: Args + Ask> Upon<T> {
    async fn run(self) -> ExitCode {
        let upon = self.if_match.as_deref().unwrap_or("*");
        self.change.made(Some(upon)).await
    }
}

impl<T: Args + Ask> Change<T> {
    async fn run(self) -> ExitCode {
        self.made(None).await
    }

    async fn made(self, upon: Option<&str>) -> ExitCode {
        let request = self.own.request();
        let wanted = Wanted {
            method: &request.method,
            path: &request.path,
            body: request.body.as_ref(),
            upon,
        };
        let (key, json) = (self.key.or_new(), self.common.json);
        let changed = async {
            let api = self.common.access.api()?;
            let Some(out) = self.own.secret_to() else {
                return api.change(&wanted, &key).await;
            };
            // That it can be kept is seen before there is a secret.
            let draft = Draft::beside(out, false)?;
            let mut changed = api.change(&wanted, &key).await?;
            keep(draft, &mut changed)?;
            Ok(changed)
        };
        match changed.await {
            Ok(changed) => tell::changed(changed, &self.common.access.server, json),
            Err(error) => refused(&error, Some(&key), json),
        }
    }
}

/// Puts the secret of an answer into a file, and out of the answer.
fn keep(mut draft: Draft, changed: &mut Changed) -> Result<(), ClientError> {
    let secret = changed
        .answer
        .as_object_mut()
        .and_then(|told| told.remove("secret"));
    let Some(Value::String(secret)) = secret else {
        return Err(ClientError::Answer("it tells no secret".into()));
    };
    let line = Zeroizing::new(format!("{}\n", *Zeroizing::new(secret)));
    draft.write(line.as_bytes())?;
    draft.place()
}

/// Says why something was not done. What may have been done all the same is told of with its
/// key, so that it can be asked for again.
fn refused(error: &ClientError, key: Option<&str>, json: bool) -> ExitCode {
    let key = key.filter(|_| matches!(error, ClientError::Broken(_)));
    if json {
        let status = match error {
            ClientError::Refused(problem) => Some(problem.status),
            _ => None,
        };
        let told = json!({"error": {
            "status": status,
            "problem": error.problem(),
            "detail": error.to_string(),
            "idempotency_key": key,
        }});
        say(&told.to_string());
        return code(error);
    }
    if let Some(key) = key {
        eprintln!(
            "custos: it is not known whether it was done; ask again with `--idempotency-key {key}`"
        );
    }
    failed(error)
}

fn code(error: &ClientError) -> ExitCode {
    match error {
        ClientError::Usage(_) => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}

/// `custos me`.
pub(super) async fn me(look: Look<Nothing>) -> ExitCode {
    look.run().await
}

impl Ask for Nothing {
    fn request(&self) -> Request {
        Request::look("me".into())
    }
}
