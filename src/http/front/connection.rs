//! One connection: TLS, then HTTP/1.1 or HTTP/2, until its client goes, its time is up, or the
//! room stops.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    net::IpAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use futures::future::BoxFuture;
use hyper::{
    Request, Response,
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};

use super::{
    ALPN_HTTP2, Shared,
    body::Answered,
    crowd::Place,
    life::{Late, Life, Order},
    limits::{Limits, MAX_HEADERS},
    relay::relay,
    told::Refusal,
    watched::Watched,
};

/// How long a connection that was told to end may take over it, while no request runs.
const FAREWELL: Duration = Duration::from_secs(2);
/// What is still read from a client that goes on sending behind its answer, in bytes; closing a
/// socket with unread bytes would take the answer from it.
const LINGER_BYTES: u64 = 4 << 20;
/// The most that is read of a body at once, in bytes.
const READ_BYTES: usize = 128 << 10;
/// Up to so many times what a head may have, it is the front that refuses it, in words; hyper
/// refuses more with a bare 431, and reads no further.
const TOLD_HEADS: usize = 2;
/// What an HTTP/2 client may send ahead, on a stream and in all, in bytes.
const WINDOW_BYTES: u32 = 1 << 20;
/// What waits to be sent on an HTTP/2 stream, in bytes.
const SEND_BYTES: usize = 256 << 10;
/// How often a silent HTTP/2 peer is asked whether it is there, and how long it may take.
const PING: Duration = Duration::from_secs(30);

/// Serves one connection to its end.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: IpAddr, place: Place) {
    // What is small goes out at once; a failure means that the connection is gone.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Some(tls) = &shared.tls else {
        return http1(shared, stream, peer, &place).await;
    };
    let accepting = timeout(shared.limits.header, tls.acceptor().accept(stream));
    let accepted = tokio::select! {
        accepted = accepting => accepted,
        () = sent_away(&place.life) => return,
    };
    // A handshake that fails is the client's to know of.
    let Ok(Ok(stream)) = accepted else { return };
    place.life.begins();
    if stream.get_ref().1.alpn_protocol() == Some(ALPN_HTTP2) {
        http2(shared, stream, peer, &place).await;
    } else {
        http1(shared, stream, peer, &place).await;
    }
}

async fn sent_away(life: &Life) {
    poll_fn(|cx| match life.order(cx.waker()) {
        Order::None => Poll::Pending,
        Order::Finish | Order::Leave | Order::Cut => Poll::Ready(()),
    })
    .await;
}

/// Ready when its place is another's: what has no place any more keeps no file descriptor.
async fn left(life: &Life) {
    poll_fn(|cx| match life.order(cx.waker()) {
        Order::None | Order::Finish => Poll::Pending,
        Order::Leave | Order::Cut => Poll::Ready(()),
    })
    .await;
}

type Answer = BoxFuture<'static, Result<Response<Answered>, Infallible>>;

/// Answers a connection's requests.
fn service(
    shared: Arc<Shared>,
    peer: IpAddr,
    life: Arc<Life>,
) -> impl Fn(Request<Incoming>) -> Answer + Clone {
    move |request| {
        let (shared, life) = (shared.clone(), life.clone());
        Box::pin(async move { Ok(relay(&shared, peer, &life, request).await) })
    }
}

async fn http1<S>(shared: Arc<Shared>, stream: S, peer: IpAddr, place: &Place)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let life = &place.life;
    let stream = Watched {
        stream,
        life: life.clone(),
        heads: true,
    };
    let limits = &shared.limits;
    let mut connection = http1::Builder::new()
        // The life of the connection decides, which tells a slow head from none.
        .header_read_timeout(None)
        // More than the front lets through, so that it is the front that says no.
        .max_header_size(told(limits))
        .max_headers(MAX_HEADERS + 1)
        .max_buf_size(told(limits).max(READ_BYTES))
        .serve_connection(
            TokioIo::new(stream),
            service_fn(service(shared.clone(), peer, life.clone())),
        );
    let ended = drive(&mut connection, life, limits).await;
    let stream = connection.into_parts().io.into_inner().stream;
    let words = match ended {
        Ended::Over => Vec::new(),
        Ended::SlowHead => Refusal::SlowHead.bytes(limits),
        Ended::Cut => return,
    };
    tokio::select! {
        () = farewell(stream, &words) => {}
        () = left(life) => {}
    }
}

async fn http2<S>(shared: Arc<Shared>, stream: S, peer: IpAddr, place: &Place)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let life = &place.life;
    let limits = &shared.limits;
    let stream = Watched {
        stream,
        life: life.clone(),
        heads: false,
    };
    let list = u32::try_from(told(limits)).unwrap_or(u32::MAX);
    let mut connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(list)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_send_buf_size(SEND_BYTES)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(service(shared.clone(), peer, life.clone())),
        );
    drive(&mut connection, life, limits).await;
}

/// A connection that can be asked to end.
trait Connection: Future<Output = hyper::Result<()>> + Unpin {
    /// Ends it when what runs is answered.
    fn finish(&mut self);
}

impl<S, F> Connection for http1::Connection<TokioIo<Watched<S>>, F>
where
    F: hyper::service::HttpService<Incoming, ResBody = Answered> + Unpin,
    F::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    F::Future: Unpin,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    fn finish(&mut self) {
        Pin::new(self).graceful_shutdown();
    }
}

impl<S, F> Connection for http2::Connection<TokioIo<Watched<S>>, F, TokioExecutor>
where
    F: hyper::service::HttpService<Incoming, ResBody = Answered> + Unpin,
    F::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    F::Future: Unpin + Send + 'static,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    fn finish(&mut self) {
        Pin::new(self).graceful_shutdown();
    }
}

/// How a connection ended.
enum Ended {
    /// By itself: its client went, or its last answer is written.
    Over,
    /// The head of a request did not come.
    SlowHead,
    /// It was ended.
    Cut,
}

async fn drive(connection: &mut impl Connection, life: &Life, limits: &Limits) -> Ended {
    let mut finishing: Option<Instant> = None;
    let mut alarm = pin!(sleep_until(Instant::now() + limits.idle));
    poll_fn(|cx| {
        loop {
            let order = life.order(cx.waker());
            let leaves = order == Order::Leave && life.quiet_since().is_some();
            if order == Order::Cut || leaves {
                return Poll::Ready(Ended::Cut);
            }
            if order >= Order::Finish && finishing.is_none() {
                connection.finish();
                finishing = Some(Instant::now());
            }
            // What went wrong on a connection is its client's to know of.
            if Pin::new(&mut *connection).poll(cx).is_ready() {
                return Poll::Ready(Ended::Over);
            }
            let (mut end, mut late) = life.deadline(limits, Instant::now());
            if let Some(begun) = finishing
                && let Some(quiet) = life.quiet_since()
            {
                (end, late) = (quiet.max(begun) + FAREWELL, Late::Stalled);
            }
            if alarm.deadline() != end {
                alarm.as_mut().reset(end);
            }
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            match late {
                Late::Head => return Poll::Ready(Ended::SlowHead),
                Late::Stalled => return Poll::Ready(Ended::Cut),
                Late::Idle => {
                    connection.finish();
                    finishing = Some(Instant::now());
                }
                Late::Look => {}
            }
        }
    })
    .await
}

/// Sends last words, ends our side, and reads what the client still sends until it ends its own.
async fn farewell(mut stream: impl AsyncRead + AsyncWrite + Unpin, words: &[u8]) {
    let mut rest = [0; 8 << 10];
    let leaving = async {
        stream.write_all(words).await?;
        stream.shutdown().await?;
        let mut left = LINGER_BYTES;
        loop {
            let read = stream.read(&mut rest).await?;
            left = left.saturating_sub(read as u64);
            if read == 0 || left == 0 {
                return Ok::<_, std::io::Error>(());
            }
        }
    };
    // Whether the client heard it or is gone changes nothing any more.
    drop(timeout(FAREWELL, leaving).await);
}

/// Turns somebody away who never got a place.
pub(super) async fn turn_away(stream: TcpStream, refusal: Refusal, limits: &Limits) {
    farewell(stream, &refusal.bytes(limits)).await;
}

/// Bytes of the largest head that is answered in words.
fn told(limits: &Limits) -> usize {
    limits.header_bytes.saturating_mul(TOLD_HEADS)
}
