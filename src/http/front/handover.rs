//! Large bodies, handed over within the process: the way to the web framework is a socket, and
//! gigabytes would be copied over it once more in each direction.
//!
//! ```text
//! head of the request  --127.0.0.1--> Rocket --> handler
//! body of the request  ------by hand-----------> handler, as `Body`
//! head of the answer   <--127.0.0.1-- Rocket <-- handler
//! body of the answer   <-----by hand------------ handler, as `Pieces`
//! ```
//!
//! Only bodies of declared length are, and each end counts: one that ends early is an error.

use std::{
    collections::HashMap,
    convert::Infallible,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use http_body_util::BodyDataStream;
use rocket::{
    Data, Request,
    data::{ByteUnit, FromData, Outcome},
};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::io::StreamReader;

use super::body::Asked;

/// A request's body from this length on is handed over, in bytes; what is read as a whole
/// (`MAX_METADATA_BYTES`) is shorter.
pub(super) const LEAST_BYTES: u64 = (64 << 10) + 1;

/// Pieces of an answer as they become ready.
pub type Pieces = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// What front and handler of one request hand to each other.
#[derive(Default)]
pub struct Handover {
    body: Mutex<Option<Asked>>,
    /// Bytes of the body, if it is handed over.
    pub(super) length: Option<u64>,
    answer: Mutex<Option<(u64, Pieces)>>,
}

impl Handover {
    pub(super) fn of_body(body: Asked, length: u64) -> Self {
        Self {
            body: Mutex::new(Some(body)),
            length: Some(length),
            answer: Mutex::default(),
        }
    }

    /// The one of this request; none where the request did not come through the front.
    pub fn of<'r>(request: &'r Request<'_>) -> Option<&'r Arc<Self>> {
        request.local_cache(|| None::<Arc<Self>>).as_ref()
    }

    /// Hands over an answer's body of so many bytes. The answer itself goes without it.
    pub fn answer(&self, length: u64, pieces: Pieces) {
        *lock(&self.answer) = Some((length, pieces));
    }

    pub(super) fn answered(&self) -> Option<(u64, Pieces)> {
        lock(&self.answer).take()
    }
}

/// A request's body, whichever way it comes.
pub enum Body<'r> {
    /// Over the socket.
    Wire(Data<'r>),
    /// By hand.
    Hand(Asked),
}

#[rocket::async_trait]
impl<'r> FromData<'r> for Body<'r> {
    type Error = Infallible;

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r, Self> {
        let handed = Handover::of(request).and_then(|handover| lock(&handover.body).take());
        Outcome::Success(match handed {
            Some(body) => Self::Hand(body),
            None => Self::Wire(data),
        })
    }
}

impl<'r> Body<'r> {
    /// Its bytes, `limit` at most. A body that was cut ends with an error, save that Rocket may
    /// hide one within the first 13 bytes of what comes over the socket.
    pub fn open(self, limit: u64) -> Box<dyn AsyncRead + Send + Unpin + 'r> {
        match self {
            Self::Wire(data) => Box::new(data.open(ByteUnit::from(limit))),
            Self::Hand(body) => {
                let bytes = BodyDataStream::new(body).map_err(io::Error::other);
                Box::new(StreamReader::new(bytes).take(limit))
            }
        }
    }
}

/// All that is being handed over, by number.
#[derive(Default)]
pub(super) struct Handovers(Mutex<Table>);

#[derive(Default)]
struct Table {
    next: u64,
    open: HashMap<u64, Arc<Handover>>,
}

impl Handovers {
    /// Lays something out for the handler, until the handle is dropped.
    pub(super) fn lay_out(self: &Arc<Self>, handover: Handover) -> Laid {
        let handover = Arc::new(handover);
        let mut table = lock(&self.0);
        let number = table.next;
        table.next += 1;
        table.open.insert(number, handover.clone());
        drop(table);
        Laid {
            all: self.clone(),
            number,
            handover,
        }
    }

    pub(super) fn take(&self, number: u64) -> Option<Arc<Handover>> {
        lock(&self.0).open.remove(&number)
    }
}

/// Something that is laid out.
pub(super) struct Laid {
    all: Arc<Handovers>,
    pub(super) number: u64,
    pub(super) handover: Arc<Handover>,
}

impl Drop for Laid {
    fn drop(&mut self) {
        drop(self.all.take(self.number));
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().expect("no holder of this lock panics")
}
