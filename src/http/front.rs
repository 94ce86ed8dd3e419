//! The front: every connection of a client ends here. It bounds what a client may take, speaks
//! TLS and HTTP/2, and passes each request on to the web framework over the loopback address.
//!
//! ```text
//! client --TCP, TLS--> crowd -> connection (hyper) -> relay --127.0.0.1--> Rocket
//! ```
//!
//! Rocket 0.5 has no time limit for a request's head, none for connections or for streams of
//! HTTP/2, and can be given no listener of ours (decision 11). hyper parses on both sides of the
//! front, so where a request ends is never decided here.

mod body;
mod connection;
mod crowd;
pub mod handover;
mod inner;
mod life;
pub mod limits;
mod pass;
mod relay;
pub mod tls;
mod told;
mod watched;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper::header::HeaderName;
use rocket::fairing::AdHoc;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, oneshot, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

pub use self::pass::Pass;
pub(super) use self::pass::Passed;
use self::{
    crowd::{Crowd, Turned},
    inner::Inner,
    life::Order,
    limits::Limits,
    tls::{Tls, TlsError},
    told::Refusal,
};
use super::{Edge, rocket};
use crate::app::Room;

const ALPN_HTTP2: &[u8] = b"h2";
/// Waited when a connection can't be accepted, as without file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How many may be told at a time that they can't come in; others are just cut.
const MAX_TURNED_AWAY: usize = 64;
/// How long what was cut may take to end.
const AFTER_CUT: Duration = Duration::from_secs(2);

/// What all connections share.
struct Shared {
    limits: Limits,
    crowd: Arc<Crowd>,
    inner: Arc<Inner>,
    pass: Pass,
    proxy_header: Option<HeaderName>,
    tls: Option<Arc<Tls>>,
    /// Whether somebody was turned away since the last who found a place.
    full: AtomicBool,
}

/// Why a room can't be served.
#[derive(Debug, thiserror::Error)]
pub enum FrontError {
    /// The address can't be listened on.
    #[error("`{address}` can't be listened on")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The web framework does not start, or ended.
    #[error("the web framework can't serve: {0}")]
    Framework(String),
    /// Certificate or key are no good.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// `proxy_header` is no header.
    #[error("`{0}` is not the name of a header")]
    ProxyHeader(String),
}

/// How far a room is with stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Closing,
    Cut,
}

/// Stops a room.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<Stage>);

impl Stopper {
    /// Takes no more connections and lets running requests end, for a bounded time.
    pub fn stop(&self) {
        self.0.send_if_modified(|stage| {
            let open = *stage == Stage::Open;
            if open {
                *stage = Stage::Closing;
            }
            open
        });
    }

    /// Cuts what still runs.
    pub fn cut(&self) {
        self.0.send_replace(Stage::Cut);
    }
}

/// A room that listens.
pub struct Front {
    listener: TcpListener,
    shared: Arc<Shared>,
    framework: JoinHandle<Result<(), String>>,
    stop_framework: rocket::Shutdown,
    stage: watch::Receiver<Stage>,
    stopper: Stopper,
}

impl Front {
    /// Listens, and starts the web framework behind. Nobody is answered before [`Front::run`].
    ///
    /// # Errors
    /// [`FrontError`].
    pub async fn open(room: Room, edge: &Edge) -> Result<Self, FrontError> {
        let proxy_header = edge.proxy_header.as_deref().map(header_name).transpose()?;
        let tls = edge.tls.clone().map(Tls::load).transpose()?;
        let address = SocketAddr::new(edge.address, edge.port);
        let bind = TcpListener::bind(address).await;
        let listener = bind.map_err(|source| FrontError::Bind { address, source })?;
        let pass = Pass::fresh(&room.core.ambient);
        let (told, port) = oneshot::channel();
        let told = std::sync::Mutex::new(Some(told));
        let liftoff = AdHoc::on_liftoff("listening", move |rocket| {
            let port = rocket.config().port;
            if let Some(told) = told.lock().expect("no holder panics").take() {
                let _gone = told.send(port);
            }
            Box::pin(async {})
        });
        let rocket = rocket(room, edge, pass.clone())
            .attach(liftoff)
            .ignite()
            .await
            .map_err(|error| FrontError::Framework(reason(&error)))?;
        let stop_framework = rocket.shutdown();
        let launch = Box::pin(rocket.launch());
        let mut framework = tokio::spawn(async move {
            let launched = launch.await;
            launched.map(drop).map_err(|error| reason(&error))
        });
        let port = tokio::select! {
            port = port => port.map_err(|_| FrontError::Framework("it did not start".into()))?,
            ended = &mut framework => return Err(FrontError::Framework(outcome(ended))),
        };
        let limits = edge.limits.clone();
        let shared = Shared {
            crowd: Arc::new(Crowd::new(&limits, proxy_header.is_some())),
            limits,
            inner: Arc::new(Inner::new((Ipv4Addr::LOCALHOST, port).into())),
            pass,
            proxy_header,
            tls: tls.map(Arc::new),
            full: AtomicBool::new(false),
        };
        let (sender, stage) = watch::channel(Stage::Open);
        Ok(Self {
            listener,
            shared: Arc::new(shared),
            framework,
            stop_framework,
            stage,
            stopper: Stopper(sender),
        })
    }

    /// The address that clients connect to.
    ///
    /// # Errors
    /// The system does not say it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Where the web framework listens, for this process only.
    pub fn behind(&self) -> SocketAddr {
        self.shared.inner.address
    }

    /// What stops the room.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Certificate and key, where the room speaks TLS.
    pub fn tls(&self) -> Option<Arc<Tls>> {
        self.shared.tls.clone()
    }

    /// Serves until it is stopped, and gives back when nothing runs any more.
    ///
    /// # Errors
    /// The web framework ended by itself.
    pub async fn run(mut self) -> Result<(), FrontError> {
        let guests = TaskTracker::new();
        let looking = self.tls().map(|tls| {
            tokio::spawn(async move {
                loop {
                    sleep(tls::LOOK).await;
                    tls.look();
                }
            })
        });
        let ended = self.accept_all(&guests).await;
        if let Some(looking) = looking {
            looking.abort();
        }
        drop(self.listener);
        guests.close();
        let crowd = &self.shared.crowd;
        crowd.tell(Order::Finish);
        let cut = self.stage.wait_for(|stage| *stage == Stage::Cut);
        tokio::select! {
            () = guests.wait() => {}
            _ = cut => {}
            () = sleep(self.shared.limits.grace) => {}
        }
        if !guests.is_empty() {
            warn!(connections = guests.len(), "cut what still ran");
            crowd.tell(Order::Cut);
            let _late = timeout(AFTER_CUT, guests.wait()).await;
        }
        self.shared.inner.close();
        self.stop_framework.notify();
        if let Some(outcome) = ended {
            return Err(FrontError::Framework(outcome));
        }
        // It has handlers left at worst, whose clients are gone.
        if let Ok(Err(left)) = self.framework.await {
            warn!("the web framework did not end well: {left}");
        }
        Ok(())
    }

    /// Takes connections until the room is stopped; gives what the framework said if it ended.
    async fn accept_all(&mut self, guests: &TaskTracker) -> Option<String> {
        let turning = Arc::new(Semaphore::new(MAX_TURNED_AWAY));
        let mut failing = false;
        loop {
            let accepted = tokio::select! {
                biased;
                _ = self.stage.wait_for(|stage| *stage != Stage::Open) => return None,
                ended = &mut self.framework => return Some(outcome(ended)),
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    failing = false;
                    self.admit(guests, &turning, stream, peer.ip());
                }
                Err(cause) => {
                    // Of one connection, or of all when there are no file descriptors.
                    if !failing {
                        error!(cause = %cause, "a connection can't be accepted");
                    }
                    failing = true;
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn admit(
        &self,
        guests: &TaskTracker,
        turning: &Arc<Semaphore>,
        stream: TcpStream,
        peer: IpAddr,
    ) {
        let peer = peer.to_canonical();
        let shared = self.shared.clone();
        let turned = match shared.crowd.enter(peer) {
            Ok(place) => {
                shared.full.store(false, Ordering::Relaxed);
                guests.spawn(connection::serve(shared, stream, peer, place));
                return;
            }
            Err(turned) => turned,
        };
        // Once, until somebody finds a place again: a crowd is not to fill the log, too.
        if turned == Turned::Full && !shared.full.swap(true, Ordering::Relaxed) {
            warn!("somebody was turned away: requests run on all connections");
        }
        // A handshake is too dear for somebody who can't stay.
        if shared.tls.is_none()
            && let Ok(permit) = turning.clone().try_acquire_owned()
        {
            guests.spawn(async move {
                connection::turn_away(stream, Refusal::Turned(turned), &shared.limits).await;
                drop(permit);
            });
        }
    }
}

fn header_name(name: &str) -> Result<HeaderName, FrontError> {
    name.parse()
        .map_err(|_| FrontError::ProxyHeader(name.into()))
}

/// Rocket's error prints a report when it is dropped unread; this reads it.
fn reason(error: &rocket::Error) -> String {
    error.kind().to_string()
}

fn outcome(ended: Result<Result<(), String>, tokio::task::JoinError>) -> String {
    match ended {
        Ok(Ok(())) => "it ended by itself".into(),
        Ok(Err(reason)) => reason,
        Err(failed) => failed.to_string(),
    }
}
