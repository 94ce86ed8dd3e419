//! How the web framework knows that a request came through the front, and from whom.
//!
//! The framework can only listen on a port, where anybody on this machine may connect. So the
//! front writes a header into every request that it passes on:
//!
//! ```text
//! X-Custos-Front: [secret of this process, 64 hex digits] [address of the peer] [number]
//! ```
//!
//! The number is that of the handover. What a client sends under that name is thrown away first.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use rocket::{
    Data, Request,
    fairing::{Fairing, Info, Kind},
    http::Header,
};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::handover::{Handover, Handovers, Laid};
use crate::{ambient::Ambient, http::origins::Side};

/// The header, which never leaves the process.
const HEADER: &str = "x-custos-front";

/// The secret that front and framework share. It lives as long as the process.
#[derive(Clone)]
pub struct Pass {
    secret: Arc<Zeroizing<String>>,
    pub(super) handovers: Arc<Handovers>,
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pass")
    }
}

impl Pass {
    /// A fresh secret.
    pub fn fresh(ambient: &Ambient) -> Self {
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(ambient.bytes());
        Self {
            secret: Arc::new(Zeroizing::new(hex::encode(*bytes))),
            handovers: Arc::default(),
        }
    }

    /// Marks a request as passed on by the front, from this peer.
    pub(super) fn mark(&self, headers: &mut HeaderMap, peer: IpAddr, laid: &Laid) {
        let text = Zeroizing::new(format!("{} {peer} {}", **self.secret, laid.number));
        let mut value = HeaderValue::from_str(&text).expect("digits and an address");
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(HEADER), value);
    }

    /// The peer that the front names, and the handover, if it was the front.
    fn check(&self, request: &Request<'_>) -> Option<(IpAddr, Arc<Handover>)> {
        let mut values = request.headers().get(HEADER);
        let (value, None) = (values.next()?, values.next()) else {
            return None;
        };
        let (secret, rest) = value.split_once(' ')?;
        let same: bool = secret.as_bytes().ct_eq(self.secret.as_bytes()).into();
        if !same {
            return None;
        }
        let (peer, number) = rest.split_once(' ')?;
        let handover = self.handovers.take(number.parse().ok()?)?;
        Some((peer.parse().ok()?, handover))
    }
}

/// Looks at the pass before anything else looks at a request. Whatever came past the front is
/// answered as if it named a host that is not ours, health included.
pub struct Passed(pub Pass);

#[rocket::async_trait]
impl Fairing for Passed {
    fn info(&self) -> Info {
        Info {
            name: "through the front",
            kind: Kind::Request,
        }
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        match self.0.check(request) {
            Some((peer, handover)) => {
                request.set_remote(SocketAddr::new(peer, 0));
                if let Some(length) = handover.length {
                    request.replace_header(Header::new("Content-Length", length.to_string()));
                }
                request.local_cache(|| Some(handover));
            }
            None => {
                // INVARIANT: a side is chosen once; `Apart`, which comes later, keeps this one.
                let _nowhere = request.local_cache(|| Side::Nowhere);
            }
        }
        // Nobody behind needs the secret.
        request.replace_header(Header::new(HEADER, ""));
    }
}
