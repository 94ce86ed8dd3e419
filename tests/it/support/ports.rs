//! Ports for servers that tests start.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU32, Ordering},
};

/// A port of 127.0.0.1 on which nobody listens, given out once. It lies below those that the system
/// gives to outgoing connections: none of these takes it while its server is down.
pub fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u32 = 10_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    loop {
        let nth = GIVEN.fetch_add(1, Ordering::Relaxed);
        assert!(nth < COUNT, "a free port");
        // Two runs at once begin at different places.
        let begin = std::process::id().wrapping_mul(17);
        let port = FIRST + (begin.wrapping_add(nth) % COUNT) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
