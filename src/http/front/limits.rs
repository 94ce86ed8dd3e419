//! What a client may take of the room, and how long it may take over it.

use std::{num::NonZeroU32, time::Duration};

/// Until a request's head must have come, from its first byte; a TLS handshake has as long.
pub const HEADER: Duration = Duration::from_secs(10);
/// Bytes of a request's head: its line and its headers.
pub const HEADER_BYTES: usize = 32 << 10;
/// Header lines that the web framework takes, less those that the front adds.
pub const MAX_HEADERS: usize = 98;
/// Header lines of a request.
pub const HEADERS: usize = MAX_HEADERS;
/// How long a connection may be open without a request.
pub const IDLE: Duration = Duration::from_secs(60);
/// The time in which [`BODY_BYTES`] of a body must come, as far as the room waits for them.
pub const BODY: Duration = Duration::from_secs(30);
/// The fewest bytes of a body in [`BODY`]: 17 kbit/s.
pub const BODY_BYTES: u64 = 64 << 10;
/// Bytes of a body whose length is not declared.
pub const UNDECLARED_BODY_BYTES: u64 = 1 << 20;
/// How long a client may take nothing of an answer that is there; a paused film does.
pub const STALL: Duration = Duration::from_secs(300);
/// Connections at a time, and requests at a time.
pub const CONNECTIONS: u32 = 1024;
/// Connections of one address at a time, and requests; an office shares one.
pub const PER_PEER: u32 = 128;
/// Requests at a time on one connection of HTTP/2.
pub const STREAMS: u32 = 64;
/// Requests of one caller at once, and in [`CALLER_WINDOW`]: enough for 10,000 small files, which
/// take three each.
pub const CALLER_REQUESTS: u32 = 30_000;
/// The time in which a caller has all of [`CALLER_REQUESTS`] again.
pub const CALLER_WINDOW: Duration = Duration::from_secs(60);
/// How long running requests may go on when the room is told to stop.
pub const GRACE: Duration = Duration::from_secs(30);

/// File descriptors that are no connection's: register, log, runtime, the room's own files.
const OWN_DESCRIPTORS: u64 = 256;
/// What one connection with a running request takes: its socket, both ends of the way to the web
/// framework, and two files of the store.
const DESCRIPTORS_PER_CONNECTION: u64 = 5;

/// The limits of one room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Until a request's head must have come, from its first byte.
    pub header: Duration,
    /// Bytes of a request's head.
    pub header_bytes: usize,
    /// Header lines of a request.
    pub headers: usize,
    /// How long a connection may be open without a request.
    pub idle: Duration,
    /// The time in which `body_bytes` of a body must come.
    pub body: Duration,
    /// The fewest bytes of a body in `body`.
    pub body_bytes: u64,
    /// Bytes of a body whose length is not declared.
    pub undeclared_body_bytes: u64,
    /// How long a client may take nothing of an answer that is there.
    pub stall: Duration,
    /// Connections at a time, and requests at a time.
    pub connections: u32,
    /// Connections of one address at a time, and requests.
    pub per_peer: u32,
    /// Requests at a time on one connection of HTTP/2.
    pub streams: u32,
    /// Requests of one account or token at once, and in `caller_window`.
    pub caller_requests: u32,
    /// The time in which a caller has all of `caller_requests` again.
    pub caller_window: Duration,
    /// How long running requests may go on when the room is told to stop.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header: HEADER,
            header_bytes: HEADER_BYTES,
            headers: HEADERS,
            idle: IDLE,
            body: BODY,
            body_bytes: BODY_BYTES,
            undeclared_body_bytes: UNDECLARED_BODY_BYTES,
            stall: STALL,
            connections: CONNECTIONS,
            per_peer: PER_PEER,
            streams: STREAMS,
            caller_requests: CALLER_REQUESTS,
            caller_window: CALLER_WINDOW,
            grace: GRACE,
        }
    }
}

impl Limits {
    /// File descriptors that the process needs for as many connections.
    pub fn descriptors(&self) -> u64 {
        OWN_DESCRIPTORS + u64::from(self.connections) * DESCRIPTORS_PER_CONNECTION
    }

    /// The same limits with no more connections than so many file descriptors carry; `None` if
    /// they carry none.
    pub fn within(mut self, descriptors: u64) -> Option<Self> {
        let carried = descriptors.saturating_sub(OWN_DESCRIPTORS) / DESCRIPTORS_PER_CONNECTION;
        let carried = u32::try_from(carried).unwrap_or(u32::MAX);
        self.connections = NonZeroU32::new(self.connections.min(carried))?.get();
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_follow_from_the_descriptors() {
        let limits = Limits::default();
        assert_eq!(limits.descriptors(), 5_376);
        let all = limits.clone().within(limits.descriptors());
        assert_eq!(all.map(|limits| limits.connections), Some(CONNECTIONS));
        let few = limits.clone().within(1_024);
        assert_eq!(few.map(|limits| limits.connections), Some(153));
        assert!(limits.within(OWN_DESCRIPTORS).is_none());
    }
}
