//! Figures of the room as text (OpenMetrics), on a listener of their own at the loopback address:
//! never on an origin of the room. What a client may take is bounded here.

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use custos_core::ids::Timestamp;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode, header, server::conn::http1, service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::{
    encoding::text::encode,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tracing::{error, warn};

use crate::app::{
    Room,
    metrics::{Figures, figures},
};

/// Where the figures are.
const PATH: &str = "/metrics";
/// The media type of the text.
const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Until a request's head must have come; an idle connection is closed after as long.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// How long a connection may last.
const CONNECTION_LIMIT: Duration = Duration::from_secs(300);
/// Bytes of a request's head.
const MAX_HEAD_BYTES: usize = 16 << 10;
/// Header lines of a request.
const MAX_HEADERS: usize = 64;
/// Connections at a time.
const MAX_CONNECTIONS: usize = 8;
/// Waited when a connection can't be accepted, as without file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

type Answered = Response<Full<Bytes>>;
/// By the name of a witness or of a time authority.
type Label = [(&'static str, String); 1];

/// What answers.
pub struct Metrics(TcpListener);

impl Metrics {
    /// Listens on this port of 127.0.0.1.
    ///
    /// # Errors
    /// It can't be listened on.
    pub async fn open(port: u16) -> io::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        TcpListener::bind(address).await.map(Self)
    }

    /// The address that clients connect to.
    ///
    /// # Errors
    /// The system does not say it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Answers for ever.
    pub async fn run(self, room: Room) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            // Without a place the next client waits in the system's queue.
            let place = places.clone().acquire_owned().await;
            let place = place.expect("it is never closed");
            match self.0.accept().await {
                Ok((stream, _)) => {
                    let room = room.clone();
                    tokio::spawn(async move {
                        serve(&room, stream).await;
                        drop(place);
                    });
                }
                Err(cause) => {
                    warn!(%cause, "a connection can't be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn serve(room: &Room, stream: TcpStream) {
    let service =
        service_fn(|request| async move { Ok::<_, Infallible>(answer(room, &request).await) });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    // Whatever ends it is the client's to know of.
    drop(timeout(CONNECTION_LIMIT, connection).await);
}

async fn answer<B>(room: &Room, request: &Request<B>) -> Answered {
    if request.uri().path() != PATH {
        return told(StatusCode::NOT_FOUND, "there is nothing here\n".into());
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut answer = told(StatusCode::METHOD_NOT_ALLOWED, "it is only read\n".into());
        let allowed = header::HeaderValue::from_static("GET, HEAD");
        answer.headers_mut().insert(header::ALLOW, allowed);
        return answer;
    }
    match figures(room).await {
        Ok(figures) => {
            let mut answer = told(StatusCode::OK, text(&figures));
            let kind = header::HeaderValue::from_static(TEXT);
            answer.headers_mut().insert(header::CONTENT_TYPE, kind);
            answer
        }
        Err(failed) => {
            error!(cause = ?failed, "no figures can be given");
            let words = "the register can't be read at present\n";
            told(StatusCode::SERVICE_UNAVAILABLE, words.into())
        }
    }
}

fn told(status: StatusCode, words: String) -> Answered {
    let mut answer = Response::new(Full::new(Bytes::from(words)));
    *answer.status_mut() = status;
    let kind = header::HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// The figures as text.
fn text(figures: &Figures) -> String {
    let mut all = Registry::with_prefix("custos");
    let mut one = |name: &str, help: &str, value: u64| {
        let gauge: Gauge = Gauge::default();
        gauge.set(value.try_into().unwrap_or(i64::MAX));
        all.register(name, help, gauge);
    };
    let (size, published) = (figures.log_size, figures.published_size);
    one("log_entries", "Committed entries of the custody log", size);
    one(
        "log_published_entries",
        "Entries that the newest checkpoint covers",
        published,
    );
    one(
        "log_pending_entries",
        "Entries that no checkpoint covers yet",
        size.saturating_sub(published),
    );
    one(
        "register_behind",
        "1 if the register is behind what was published of it, and nothing is entered",
        figures.behind.into(),
    );
    one(
        "log_stopped",
        "1 if the custody log can't be written any more",
        figures.stopped.into(),
    );
    one(
        "reserve_spent",
        "1 if the disk was full, and deposits are refused",
        figures.reserve_spent.into(),
    );
    one(
        "audit_unresolved",
        "What is not what it should be, by the newest audit and the one under way",
        figures.unresolved,
    );
    one(
        "audit_under_way",
        "1 if an audit is under way in this process",
        figures.auditing.into(),
    );
    one(
        "conflicts",
        "Checkpoints that contradict the custody log",
        figures.conflicts,
    );
    if let Some((findings, ended_at)) = figures.audit {
        one(
            "audit_findings",
            "Findings of the newest audit that came to its end",
            findings,
        );
        one(
            "audit_end_seconds",
            "When that audit ended, in seconds since 1970",
            seconds(ended_at),
        );
    }
    let others = [
        ("witness", &figures.witnesses, "confirmed"),
        ("authority", &figures.authorities, "stamped"),
    ];
    for (who, of, did) in others {
        let (sizes, times) = (
            Family::<Label, Gauge>::default(),
            Family::<Label, Gauge>::default(),
        );
        for (name, last) in of {
            // One that never did it has 0, so that it is not overlooked.
            let (size, at) = last.map_or((0, 0), |(size, at)| (size, seconds(at)));
            let label = [(who, name.clone())];
            for (family, value) in [(&sizes, size), (&times, at)] {
                let value = value.try_into().unwrap_or(i64::MAX);
                family.get_or_create(&label).set(value);
            }
        }
        let help = format!("Entries of the checkpoint that the {who} {did} last");
        all.register(format!("{who}_{did}_entries"), help, sizes);
        let help = format!("When the {who} {did} last, in seconds since 1970 by the room's clock");
        all.register(format!("{who}_{did}_seconds"), help, times);
    }
    let mut text = String::new();
    encode(&mut text, &all).expect("a string takes what is written");
    text
}

/// Whole seconds since 1970.
fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.micros() / 1_000_000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_lines_that_end() {
        let at = Timestamp::from_micros(1_790_000_000_123_456).expect("a time");
        let figures = Figures {
            log_size: 12,
            published_size: 10,
            behind: false,
            stopped: false,
            reserve_spent: true,
            audit: Some((3, at)),
            unresolved: 4,
            auditing: true,
            conflicts: 0,
            witnesses: vec![("a\"b".into(), Some((10, at))), ("new".into(), None)],
            authorities: vec![],
        };
        let text = text(&figures);
        for line in [
            "custos_log_entries 12",
            "custos_log_pending_entries 2",
            "custos_reserve_spent 1",
            "custos_register_behind 0",
            "custos_audit_findings 3",
            "custos_audit_unresolved 4",
            "custos_audit_end_seconds 1790000000",
            r#"custos_witness_confirmed_entries{witness="a\"b"} 10"#,
            r#"custos_witness_confirmed_seconds{witness="new"} 0"#,
        ] {
            assert!(text.lines().any(|one| one == line), "{line}: {text}");
        }
        assert!(text.ends_with("# EOF\n"), "{text}");
        let never = Figures {
            audit: None,
            ..figures
        };
        assert!(!super::text(&never).contains("audit_end"));
    }
}
