//! The way from the front to the web framework: connections on the loopback address, kept for
//! the next request.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::http1::{Builder, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::AbortHandle};

use super::body::Asked;

/// Ways that are kept while nobody uses them.
const MAX_IDLE: usize = 64;
/// The most that is read of an answer at once, in bytes.
const READ_BYTES: usize = 256 << 10;

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

/// One connection to the framework.
struct Way {
    sender: SendRequest<Asked>,
    task: AbortHandle,
}

impl Drop for Way {
    fn drop(&mut self) {
        // A request's body may be half sent, and its sender gone: nobody else would end it.
        self.task.abort();
    }
}

/// A way that is in use. Dropped instead of given back it is closed, and the framework sees that
/// whoever asked is gone.
pub(super) struct Borrowed {
    inner: Arc<Inner>,
    way: Way,
}

impl Borrowed {
    pub(super) fn give_back(self) {
        let mut idle = self.inner.lock();
        if idle.len() < MAX_IDLE && !self.way.sender.is_closed() {
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
        mut request: Request<Asked>,
    ) -> Result<(Response<Incoming>, Borrowed), InnerError> {
        while let Some(way) = self.kept() {
            let mut way = Borrowed {
                inner: self.clone(),
                way,
            };
            match way.way.sender.try_send_request(request).await {
                Ok(answer) => return Ok((answer, way)),
                Err(mut error) => match error.take_message() {
                    // It was closed meanwhile, and nothing was sent.
                    Some(again) => request = again,
                    None => return Err(InnerError::Broke(error.into_error())),
                },
            }
        }
        let mut way = Borrowed {
            inner: self.clone(),
            way: self.connect().await?,
        };
        match way.way.sender.send_request(request).await {
            Ok(answer) => Ok((answer, way)),
            Err(error) => Err(InnerError::Broke(error)),
        }
    }

    /// A kept way that takes a request at once; the others are closed.
    fn kept(&self) -> Option<Way> {
        let mut idle = self.lock();
        while let Some(way) = idle.pop() {
            if way.sender.is_ready() {
                return Some(way);
            }
        }
        None
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
        let task = tokio::spawn(async move { drop(connection.await) }).abort_handle();
        Ok(Way { sender, task })
    }
}
