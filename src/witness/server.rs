//! Requests to a witness, and its answers (C2SP tlog-witness).
//!
//! | request | answer |
//! |---|---|
//! | `POST /add-checkpoint` | 200 a cosignature; 400, 403, 404, 409, 413, 422 |
//! | `GET /<SHA-256 of an origin, hex>/checkpoint` | the newest checkpoint that was confirmed; 404 |
//! | `GET /key` | the witness's key, as a vkey |
//!
//! It stands behind a proxy that speaks TLS, or on the loopback address. What a client may take is
//! bounded here: its head, its body, its time, its connections.

use std::{
    collections::HashMap,
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use custos_core::{
    checkpoint::{
        Cosigner, VerifierKey,
        witness::{AddCheckpoint, MAX_REQUEST_BYTES, Refusal, SIZE_MEDIA_TYPE, write_size},
    },
    hash::Hash,
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, header, server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tracing::{error, info, warn};

use super::{
    Logs,
    record::{Answer, Record, RecordError},
};
use crate::ambient::Ambient;

/// Until a request's head must have come; an idle connection is closed after as long.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// Until a request's body must have come.
const BODY_LIMIT: Duration = Duration::from_secs(10);
/// How long a connection may last.
const CONNECTION_LIMIT: Duration = Duration::from_secs(300);
/// Bytes of a request's head.
const MAX_HEAD_BYTES: usize = 16 << 10;
/// Header lines of a request.
const MAX_HEADERS: usize = 64;
/// Connections at a time.
const MAX_CONNECTIONS: usize = 256;
/// Connections of one address at a time; a proxy on this machine is not counted.
const MAX_PER_PEER: u32 = 16;
/// Waited when a connection can't be accepted, as without file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long running requests may go on when the witness is told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// A witness that answers.
pub struct Server {
    listener: TcpListener,
    shared: Arc<Shared>,
}

struct Shared {
    logs: Logs,
    record: Arc<Record>,
    cosigner: Arc<Cosigner>,
    ambient: Ambient,
    peers: Mutex<HashMap<IpAddr, u32>>,
    /// Told when the record can't be written: nobody may go on from there but start-up.
    broken: Notify,
}

/// Why a witness stopped by itself.
#[derive(Debug, thiserror::Error)]
#[error("the witness's record can't be written; look at the disk, then start again")]
pub struct Broken;

type Answered = Response<Full<Bytes>>;

impl Server {
    /// Listens; nobody is answered before [`Server::run`].
    ///
    /// # Errors
    /// The address can't be listened on.
    pub async fn open(
        address: SocketAddr,
        logs: Logs,
        record: Record,
        cosigner: Cosigner,
        ambient: Ambient,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let shared = Shared {
            logs,
            record: Arc::new(record),
            cosigner: Arc::new(cosigner),
            ambient,
            peers: Mutex::default(),
            broken: Notify::new(),
        };
        Ok(Self {
            listener,
            shared: Arc::new(shared),
        })
    }

    /// The address that clients connect to.
    ///
    /// # Errors
    /// The system does not say it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `stop` ends.
    ///
    /// # Errors
    /// The record can't be written.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), Broken> {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut stop = std::pin::pin!(stop);
        let broken = loop {
            // Without a place the next client waits in the system's queue.
            let place = tokio::select! {
                () = &mut stop => break false,
                () = self.shared.broken.notified() => break true,
                place = places.clone().acquire_owned() => place.expect("it is never closed"),
            };
            tokio::select! {
                () = &mut stop => break false,
                () = self.shared.broken.notified() => break true,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => admit(&self.shared, stream, peer.ip(), place),
                    Err(cause) => {
                        warn!(%cause, "a connection can't be accepted");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        };
        drop(self.listener);
        let all = u32::try_from(MAX_CONNECTIONS).expect("a few hundred");
        let _late = timeout(GRACE, places.acquire_many(all)).await;
        if broken { Err(Broken) } else { Ok(()) }
    }
}

/// Serves a connection, if its address has not too many.
fn admit(shared: &Arc<Shared>, stream: TcpStream, peer: IpAddr, place: OwnedSemaphorePermit) {
    let peer = peer.to_canonical();
    let counted = !peer.is_loopback();
    if counted {
        let mut peers = shared.peers.lock().expect("no holder of this lock panics");
        let count = peers.entry(peer).or_default();
        if *count >= MAX_PER_PEER {
            return;
        }
        *count += 1;
    }
    let shared = shared.clone();
    tokio::spawn(async move {
        serve(&shared, stream).await;
        if counted {
            let mut peers = shared.peers.lock().expect("no holder of this lock panics");
            if let Some(count) = peers.get_mut(&peer) {
                *count -= 1;
                if *count == 0 {
                    peers.remove(&peer);
                }
            }
        }
        drop(place);
    });
}

async fn serve(shared: &Arc<Shared>, stream: TcpStream) {
    let service = service_fn(|request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(answer(&shared, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    // Whatever ends it is the client's to know of.
    drop(timeout(CONNECTION_LIMIT, connection).await);
}

async fn answer(shared: &Arc<Shared>, request: Request<Incoming>) -> Answered {
    let path = request.uri().path();
    let reading = matches!(*request.method(), Method::GET | Method::HEAD);
    if path == "/add-checkpoint" {
        return match *request.method() {
            Method::POST => add(shared, request).await,
            _ => not_allowed("POST"),
        };
    }
    let known = path == "/key" || origin_in(shared, path).is_some();
    match (known, reading) {
        (false, _) => told(StatusCode::NOT_FOUND, "there is nothing here"),
        (true, false) => not_allowed("GET, HEAD"),
        (true, true) if path == "/key" => {
            let key = format!("{}\n", shared.cosigner.verifier_key());
            text(StatusCode::OK, key)
        }
        (true, true) => newest(shared, path).await,
    }
}

/// `/<hash>/checkpoint` of a log that is known.
fn origin_in<'s>(shared: &'s Shared, path: &str) -> Option<&'s str> {
    let hash = path.strip_prefix('/')?.strip_suffix("/checkpoint")?;
    let hash: Hash = hash.parse().ok()?;
    shared.logs.origin_of(&hash)
}

async fn newest(shared: &Arc<Shared>, path: &str) -> Answered {
    let origin = origin_in(shared, path).unwrap_or_default().to_owned();
    let record = shared.record.clone();
    let found = tokio::task::spawn_blocking(move || record.newest(&origin)).await;
    match found {
        Ok(Ok(Some(signed))) => text(StatusCode::OK, signed.as_bytes().to_vec()),
        Ok(Ok(None)) => told(
            StatusCode::NOT_FOUND,
            "no checkpoint of this log was confirmed",
        ),
        Ok(Err(cause)) => failed(shared, &cause),
        Err(_) => told(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the record can't be read",
        ),
    }
}

async fn add(shared: &Arc<Shared>, request: Request<Incoming>) -> Answered {
    let body = Limited::new(request.into_body(), MAX_REQUEST_BYTES).collect();
    let body = match timeout(BODY_LIMIT, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(cause)) if cause.is::<http_body_util::LengthLimitError>() => {
            let what = format!("a request has at most {MAX_REQUEST_BYTES} bytes");
            return told(StatusCode::PAYLOAD_TOO_LARGE, &what);
        }
        Ok(Err(_)) => return told(StatusCode::BAD_REQUEST, "the body ended before its end"),
        Err(_) => return told(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
    };
    let request = match AddCheckpoint::parse(&body) {
        Ok(request) => request,
        Err(cause) => return told(StatusCode::BAD_REQUEST, &cause.to_string()),
    };
    let origin = request.checkpoint.checkpoint().origin();
    let Some(keys) = shared.logs.keys(origin) else {
        return told(StatusCode::NOT_FOUND, "this witness does not know the log");
    };
    let keys = keys.to_vec();
    // Anyone can name a log: what it did not sign takes no turn at the record.
    let known: Vec<&VerifierKey> = keys.iter().collect();
    if request.checkpoint.note().verify(&known).is_err() {
        let checkpoint = request.checkpoint.checkpoint();
        return refused(checkpoint.origin(), checkpoint.size(), Refusal::Unsigned);
    }
    judged(shared, request, keys).await
}

async fn judged(shared: &Arc<Shared>, request: AddCheckpoint, keys: Vec<VerifierKey>) -> Answered {
    let (record, cosigner) = (shared.record.clone(), shared.cosigner.clone());
    let now = shared.ambient.now().micros() / 1_000_000;
    let now = u64::try_from(now).unwrap_or(0);
    let (origin, size) = {
        let checkpoint = request.checkpoint.checkpoint();
        (checkpoint.origin().to_owned(), checkpoint.size())
    };
    // Whoever hangs up leaves the transaction to its end.
    let answer =
        tokio::task::spawn_blocking(move || record.add(&request, &keys, &cosigner, now)).await;
    match answer {
        Ok(Ok(Answer::Cosigned(line))) => {
            info!(log.origin = %origin, log.size = size, "confirmed a checkpoint");
            // A crash here leaves the record ahead of what the log knows; it asks again.
            text(StatusCode::OK, line)
        }
        Ok(Ok(Answer::Refused(refusal))) => refused(&origin, size, refusal),
        Ok(Err(cause)) => failed(shared, &cause),
        Err(_) => told(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the record can't be written",
        ),
    }
}

fn refused(origin: &str, size: u64, refusal: Refusal) -> Answered {
    info!(log.origin = origin, log.size = size, why = %refusal, "confirmed nothing");
    let status = match refusal {
        Refusal::Stale { known } => {
            let mut answer = text(StatusCode::CONFLICT, write_size(known));
            let kind = header::HeaderValue::from_static(SIZE_MEDIA_TYPE);
            answer.headers_mut().insert(header::CONTENT_TYPE, kind);
            return answer;
        }
        Refusal::OtherRoot => StatusCode::CONFLICT,
        Refusal::Unsigned => StatusCode::FORBIDDEN,
        Refusal::OldAboveNew => StatusCode::BAD_REQUEST,
        Refusal::Proof => StatusCode::UNPROCESSABLE_ENTITY,
    };
    told(status, &refusal.to_string())
}

fn failed(shared: &Shared, cause: &RecordError) -> Answered {
    error!(error = %cause, cause = ?cause, "nothing was confirmed");
    if matches!(cause, RecordError::Database(_)) {
        // What is durable is not known any more; start-up reads it from the disk.
        shared.broken.notify_one();
    }
    told(
        StatusCode::SERVICE_UNAVAILABLE,
        "the record can't be used; nothing was confirmed",
    )
}

fn not_allowed(allow: &'static str) -> Answered {
    let mut answer = told(
        StatusCode::METHOD_NOT_ALLOWED,
        "this address takes other methods",
    );
    let allow = header::HeaderValue::from_static(allow);
    answer.headers_mut().insert(header::ALLOW, allow);
    answer
}

fn told(status: StatusCode, what: &str) -> Answered {
    text(status, format!("{what}\n"))
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Answered {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    let plain = header::HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, plain);
    let fresh = header::HeaderValue::from_static("no-cache");
    headers.insert(header::CACHE_CONTROL, fresh);
    answer
}
