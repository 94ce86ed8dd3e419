//! The room's API, as far as the client needs it: one method for each request.

pub mod asking;
mod patience;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::atomic::AtomicU64,
    time::Duration,
};

use bytes::Bytes;
use custos_core::{
    hash::Hash,
    ids::{CaseId, ItemId, PersonId, Timestamp, UploadId},
    receipt::MAX_TLOG_PROOF_BYTES,
};
use futures::Stream;
use reqwest::{
    Body, Client, Method, RequestBuilder, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER},
    redirect::Policy,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    access::{Server, Shows},
    error::{ClientError, Problem},
    names,
    source::ChangedFile,
    told::Announcement,
};

pub(super) use patience::pause;
use patience::{RETRIES, STILL, patiently, watch};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer to a short request may take; a receipt waits for the next checkpoint.
const ANSWER: Duration = Duration::from_secs(120);
/// Longest answer to a short request, in bytes: a case with many people, or a page of items.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// Items asked for at a time: as many as a room gives.
const PAGE_ITEMS: usize = 200;
/// Most pages of one case: 10 million items.
const MAX_PAGES: usize = 50_000;
/// Longest problem, in bytes; what is longer comes from no room.
const MAX_PROBLEM_BYTES: usize = 64 << 10;

/// A room, and by whom it is asked.
#[derive(Debug)]
pub struct Api {
    http: Client,
    server: Server,
    shows: Box<dyn Shows>,
}

/// A case, as far as the client looks at it.
#[derive(Debug, Deserialize)]
pub struct Case {
    /// Its items, as far as the caller may know of them.
    pub items: Vec<Listed>,
    /// Where more of them are; nowhere, once all were read.
    pub items_next: Option<String>,
    /// What the caller may do.
    pub may: May,
}

/// A page of a case's items.
#[derive(Debug, Deserialize)]
struct ItemPage {
    items: Vec<Listed>,
    next: Option<String>,
}

/// What the caller may do on a case.
#[derive(Debug, Deserialize)]
pub struct May {
    /// Deposit.
    pub deposit: bool,
}

/// An item in the list of its case.
#[derive(Debug, Clone, Deserialize)]
pub struct Listed {
    /// Its id.
    pub id: ItemId,
    /// Exhibit reference.
    pub reference: String,
    /// Bytes.
    pub size: u64,
}

/// An item, as far as the client looks at it.
#[derive(Debug, Deserialize)]
pub struct Item {
    /// SHA-256 of the whole.
    pub sha256: Hash,
    /// Who deposited it.
    pub depositor: PersonId,
    /// Names of its states.
    pub states: Vec<String>,
}

/// What the room acknowledges a deposit with.
#[derive(Debug, Clone, Deserialize)]
pub struct Acknowledged {
    /// The item.
    pub item: ItemId,
    /// Exhibit reference.
    pub reference: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the whole.
    pub sha256: Hash,
    /// When the last byte was received.
    pub received_at: Timestamp,
    /// Whether a declared hash does not fit.
    pub quarantined: bool,
    /// Its entry in the custody log.
    pub entry: Entry,
}

/// The place of a deposit in the custody log.
#[derive(Debug, Clone, Deserialize)]
pub struct Entry {
    /// From 0.
    pub index: u64,
    /// The entry's commitment.
    pub c: Hash,
    /// Hash of its leaf.
    pub leaf_hash: Hash,
}

/// What a bundle shall hold.
#[derive(Debug, Clone, Serialize)]
pub struct Wish {
    /// Whether the content is in it, which needs a purpose.
    pub content: bool,
    /// A code of the room's list.
    pub purpose: String,
    /// In the person's own words.
    pub why: String,
}

#[derive(Deserialize)]
struct Me {
    person: PersonId,
}

#[derive(Deserialize)]
struct Announced {
    upload: UploadId,
}

#[derive(Deserialize)]
struct Health {
    published: u64,
}

#[derive(Deserialize)]
struct UploadState {
    item: Option<ItemId>,
}

impl Api {
    /// A client of one room. No redirect is followed: a token goes where it was meant to.
    ///
    /// # Errors
    /// TLS can't be set up.
    pub fn new(server: Server, shows: impl Shows + 'static) -> Result<Self, ClientError> {
        let http = http(&server)?;
        Ok(Self {
            http,
            server,
            shows: Box::new(shows),
        })
    }

    /// The room.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Who the token stands for; `None` when it may deposit but not read.
    ///
    /// # Errors
    /// The token is not accepted, or the room can't be reached.
    pub async fn me(&self) -> Result<Option<PersonId>, ClientError> {
        match self.get::<Me>("/api/v1/me").await {
            Ok(me) => Ok(Some(me.person)),
            Err(error) if error.problem() == Some("rights") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A case and all its items, page by page.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn case(&self, case: CaseId) -> Result<Case, ClientError> {
        let first = format!("/api/v1/cases/{case}?limit={PAGE_ITEMS}");
        let mut read: Case = self.get(&first).await?;
        for _ in 0..MAX_PAGES {
            let Some(cursor) = read.items_next.take() else {
                return Ok(read);
            };
            if !cursor.bytes().all(is_of_a_cursor) {
                return Err(ClientError::Answer("a cursor of another form".into()));
            }
            let next = format!("/api/v1/cases/{case}/items?limit={PAGE_ITEMS}&cursor={cursor}");
            let page: ItemPage = self.get(&next).await?;
            read.items.extend(page.items);
            read.items_next = page.next;
        }
        Err(ClientError::Answer("a list of items without an end".into()))
    }

    /// An item.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn item(&self, item: ItemId) -> Result<Item, ClientError> {
        self.get(&format!("/api/v1/items/{item}")).await
    }

    /// Announces an item, and learns the id under which its bytes are sent.
    ///
    /// # Errors
    /// See [`ClientError`]. An announcement alone deposits nothing.
    pub async fn announce(
        &self,
        case: CaseId,
        told: &Announcement<'_>,
    ) -> Result<UploadId, ClientError> {
        let path = format!("/api/v1/cases/{case}/items");
        let body = serde_json::to_vec(told).expect("texts and numbers are JSON");
        let announced: Announced = patiently(async || {
            let request = self.request(Method::POST, &path)?.timeout(ANSWER);
            let request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone());
            self.json(request).await
        })
        .await?;
        Ok(announced.upload)
    }

    /// The item that an announced deposit became, if its bytes were taken in.
    ///
    /// # Errors
    /// `not-found` when this person announced nothing under that id.
    pub async fn upload(&self, upload: UploadId) -> Result<Option<ItemId>, ClientError> {
        let state: UploadState = self.get(&format!("/api/v1/uploads/{upload}")).await?;
        Ok(state.item)
    }

    /// Sends the bytes of an announced item, once. `sent` counts those that are on their way.
    ///
    /// # Errors
    /// See [`ClientError::leaves_open`].
    pub async fn send(
        &self,
        upload: UploadId,
        size: u64,
        sent: &AtomicU64,
        bytes: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    ) -> Result<Acknowledged, ClientError> {
        let path = format!("/api/v1/uploads/{upload}/content");
        let request = self
            .request(Method::PUT, &path)?
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, size)
            .body(Body::wrap_stream(bytes));
        tokio::select! {
            acknowledged = self.json(request) => acknowledged,
            still = watch(size, sent) => Err(ClientError::Broken(still.into())),
        }
    }

    /// How many entries of the log are published.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn published(&self) -> Result<u64, ClientError> {
        let health: Health = self.get("/health").await?;
        Ok(health.published)
    }

    /// The receipt of an item's deposit.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn receipt(&self, item: ItemId) -> Result<Vec<u8>, ClientError> {
        let path = format!("/api/v1/items/{item}/receipt");
        patiently(async || {
            let request = self.request(Method::GET, &path)?.timeout(ANSWER);
            let answer = self.answer(request).await?;
            self.whole(answer, MAX_TLOG_PROOF_BYTES).await
        })
        .await
    }

    /// A bundle, which begins to come. Making it is an entry in the custody log, so it is
    /// asked for once.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn bundle(&self, item: ItemId, wish: &Wish) -> Result<Coming<'_>, ClientError> {
        let path = format!("/api/v1/items/{item}/bundle");
        let request = self
            .request(Method::POST, &path)?
            .header(CONTENT_TYPE, "application/json")
            .body(serde_json::to_vec(wish).expect("texts are JSON"));
        self.coming(request).await
    }

    /// An export of the custody log, asked for once: making one is entered.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn export(&self, wish: &Value) -> Result<Coming<'_>, ClientError> {
        let request = self
            .request(Method::POST, "/api/v1/custody/exports")?
            .header(CONTENT_TYPE, "application/json")
            .body(serde_json::to_vec(wish).expect("texts and numbers are JSON"));
        self.coming(request).await
    }

    /// A file that comes with its length.
    async fn coming(&self, request: RequestBuilder) -> Result<Coming<'_>, ClientError> {
        let answer = tokio::time::timeout(ANSWER, self.answer(request));
        let late = |_| ClientError::Broken("no answer came".into());
        let answer = answer.await.map_err(late)??;
        let length = answer
            .content_length()
            .ok_or_else(|| ClientError::Answer("a file without a length".into()))?;
        Ok(Coming {
            api: self,
            answer,
            length,
        })
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, ClientError> {
        let odd =
            |_| ClientError::Usage("the token or the session is not one line of plain text".into());
        let headers = self.shows.headers().map_err(odd)?;
        let request = self.http.request(method, self.server.at(path));
        Ok(request.headers(headers))
    }

    /// A request that changes nothing, so it may be made again.
    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        patiently(async || {
            let request = self.request(Method::GET, path)?.timeout(ANSWER);
            self.json(request).await
        })
        .await
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        let answer = self.answer(request).await?;
        let bytes = self.whole(answer, MAX_ANSWER_BYTES).await?;
        serde_json::from_slice(&bytes).map_err(|error| odd(&error))
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let answer = request.send().await.map_err(|error| self.failed(&error))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(self.refused(answer).await)
    }

    async fn whole(&self, mut answer: Response, limit: usize) -> Result<Vec<u8>, ClientError> {
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| self.failed(&error))? {
            if bytes.len() + piece.len() > limit {
                return Err(ClientError::Answer(format!(
                    "it is longer than {limit} bytes"
                )));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    async fn refused(&self, answer: Response) -> ClientError {
        #[derive(Deserialize)]
        struct Told {
            r#type: String,
            detail: String,
        }

        let status = answer.status();
        let retry = answer.headers().get(RETRY_AFTER);
        let retry_seconds = retry.and_then(|seconds| seconds.to_str().ok()?.parse().ok());
        let body = self.whole(answer, MAX_PROBLEM_BYTES).await;
        let told = body
            .ok()
            .and_then(|body| serde_json::from_slice::<Told>(&body).ok());
        let (name, detail) = match told {
            Some(told) => {
                let name = told.r#type.rsplit('/').next().unwrap_or_default();
                (name.into(), names::plain(&told.detail))
            }
            None => (String::new(), elsewhere(status)),
        };
        ClientError::Refused(Problem {
            status: status.as_u16(),
            name,
            detail,
            retry_seconds,
        })
    }

    fn failed(&self, error: &reqwest::Error) -> ClientError {
        let (mut innermost, mut changed) = (error as &dyn std::error::Error, false);
        while let Some(source) = innermost.source() {
            innermost = source;
            // What an I/O error was made of is not its source.
            let inside = innermost.downcast_ref::<std::io::Error>();
            let inside = inside.and_then(std::io::Error::get_ref);
            changed |= inside.is_some_and(|inside| inside.is::<ChangedFile>());
        }
        if changed {
            return ClientError::Changed;
        }
        let cause = names::plain(&innermost.to_string());
        if error.is_connect() {
            let server = self.server.to_string();
            return ClientError::Unreachable { server, cause };
        }
        ClientError::Broken(cause)
    }
}

/// An answer of another form than the API's.
fn odd(error: &serde_json::Error) -> ClientError {
    ClientError::Answer(format!("it is not what the API says: {error}"))
}

/// Who speaks HTTP with a room. No redirect is followed: a secret goes where it was meant to.
pub(super) fn http(server: &Server) -> Result<Client, ClientError> {
    let mut builder = Client::builder()
        .user_agent(concat!("custos/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(CONNECT);
    if server.is_plain() {
        // A proxy would see what only this machine is to see.
        builder = builder.no_proxy();
        // Nor is a name server asked where this machine is: its answer would get the token.
        let url = server.at("/");
        if let Some(name) = url.host_str() {
            let here = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            let here = here.map(|address: IpAddr| SocketAddr::new(address, 0));
            builder = builder.resolve_to_addrs(name, &here);
        }
    }
    builder
        .build()
        .map_err(|error| ClientError::Usage(format!("TLS can't be set up: {error}")))
}

/// Cursors are base64url: nothing in them has to be encoded, or could name another address.
fn is_of_a_cursor(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn elsewhere(status: StatusCode) -> String {
    format!("{status}, in no words of a room's; is this the address of one?")
}

/// Bytes that come, of a length that was said.
pub struct Coming<'a> {
    api: &'a Api,
    answer: Response,
    length: u64,
}

impl Coming<'_> {
    /// Bytes of the whole.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// The connection broke, which it does when the room can't go on.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        let piece = tokio::time::timeout(STILL, self.answer.chunk()).await;
        let still = |_| ClientError::Broken("nothing came for too long".into());
        piece
            .map_err(still)?
            .map_err(|error| self.api.failed(&error))
    }
}
