//! The way from the front to the web framework: connections on the loopback address, kept for
//! the next request.

use std::{
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::{
        TrySendError,
        http1::{Builder, SendRequest},
    },
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::body::Sent;

/// Ways that are kept while nobody uses them.
const MAX_IDLE: usize = 64;
/// The most that is read of an answer at once, in bytes.
const READ_BYTES: usize = 128 << 10;

/// Why the framework gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum InnerError {
    /// There is no way to it: no file descriptors, or it is gone.
    #[error("no connection to the web framework")]
    Connect(#[source] std::io::Error),
    /// The way broke before the answer was there.
    #[error("the web framework gave no answer")]
    Broke(#[source] hyper::Error),
}

/// Ways to the framework.
pub(super) struct Inner {
    pub(super) address: SocketAddr,
    idle: Mutex<Vec<Way>>,
}

/// One connection to the framework. Whoever uses it also drives it: bytes that change hands
/// between two tasks change cores, and that costs as much as copying them.
struct Way {
    sender: SendRequest<Sent>,
    /// `None` once it is over.
    connection: Option<BoxFuture<'static, ()>>,
}

impl Way {
    fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && connection.as_mut().poll(cx).is_ready()
        {
            self.connection = None;
        }
    }

    /// Whether it takes a request at once.
    async fn is_ready(&mut self) -> bool {
        poll_fn(|cx| {
            self.drive(cx);
            let ready = matches!(self.sender.poll_ready(cx), Poll::Ready(Ok(())));
            Poll::Ready(ready && self.connection.is_some())
        })
        .await
    }

    async fn send(
        &mut self,
        request: Request<Sent>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Sent>>> {
        let mut answer = pin!(self.sender.try_send_request(request));
        poll_fn(|cx| {
            self.drive(cx);
            answer.as_mut().poll(cx)
        })
        .await
    }
}

/// A way that is in use. Dropped instead of given back it is closed, and the framework sees that
/// whoever asked is gone.
pub(super) struct Borrowed {
    inner: Arc<Inner>,
    way: Way,
    /// Whether it may be used again.
    pub(super) keep: bool,
}

impl Borrowed {
    /// Goes on with what is under way.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        self.way.drive(cx);
    }

    pub(super) fn give_back(self) {
        let mut idle = self.inner.lock();
        if self.keep && idle.len() < MAX_IDLE && self.way.connection.is_some() {
            idle.push(self.way);
        }
    }
}

impl Inner {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            idle: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Way>> {
        self.idle.lock().expect("no holder of this lock panics")
    }

    /// Closes what is kept.
    pub(super) fn close(&self) {
        self.lock().clear();
    }

    /// Sends a request, and gives the head of its answer.
    ///
    /// # Errors
    /// [`InnerError`]; the framework may have seen the request.
    pub(super) async fn send(
        self: &Arc<Self>,
        mut request: Request<Sent>,
    ) -> Result<(Response<Incoming>, Borrowed), InnerError> {
        while let Some(mut way) = self.kept() {
            if !way.is_ready().await {
                continue;
            }
            match way.send(request).await {
                Ok(answer) => return Ok((answer, self.lend(way))),
                Err(mut error) => match error.take_message() {
                    // It was closed meanwhile, and nothing was sent.
                    Some(again) => request = again,
                    None => return Err(InnerError::Broke(error.into_error())),
                },
            }
        }
        let mut way = self.connect().await?;
        match way.send(request).await {
            Ok(answer) => Ok((answer, self.lend(way))),
            Err(error) => Err(InnerError::Broke(error.into_error())),
        }
    }

    fn kept(&self) -> Option<Way> {
        self.lock().pop()
    }

    fn lend(self: &Arc<Self>, way: Way) -> Borrowed {
        Borrowed {
            inner: self.clone(),
            way,
            keep: true,
        }
    }

    async fn connect(&self) -> Result<Way, InnerError> {
        let stream = TcpStream::connect(self.address).await;
        let stream = stream.map_err(InnerError::Connect)?;
        stream.set_nodelay(true).map_err(InnerError::Connect)?;
        let (sender, connection) = Builder::new()
            .max_buf_size(READ_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(InnerError::Broke)?;
        // It tells its failure to whoever uses it.
        let connection = async move { drop(connection.await) };
        Ok(Way {
            sender,
            connection: Some(Box::pin(connection)),
        })
    }
}
