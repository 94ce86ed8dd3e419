//! How often sign-in may be tried: by login name and by address, in a bounded table.
//!
//! A login name that exists is counted as one that does not. The table is this process's own
//! and is forgotten when it stops; a password is stretched besides.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard},
};

use custos_core::ids::Timestamp;

use crate::app::error::Error;

/// Failures of one login name in a window; then nobody is heard under it.
pub const MAX_FAILURES_PER_LOGIN: u32 = 10;
/// Failures from one address in a window; an office shares one.
pub const MAX_FAILURES_PER_PEER: u32 = 50;
/// How long failures count, in seconds from the first.
pub const WINDOW_SECONDS: u64 = 15 * 60;
/// Names and addresses remembered at once.
const MAX_TRACKED: usize = 20_000;
/// How many of them are forgotten when there is no room for another.
const FORGOTTEN_AT_ONCE: usize = MAX_TRACKED / 8;

const MICROS: i64 = 1_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    /// The blind index of a login name.
    Login([u8; 32]),
    /// An address, of IPv6 its network of 64 bits, which one customer has whole.
    Peer(IpAddr),
}

#[derive(Debug, Clone, Copy)]
struct Window {
    since: Timestamp,
    failures: u32,
}

/// Failures by name and address.
#[derive(Default)]
pub struct Attempts {
    table: Mutex<HashMap<Key, Window>>,
}

/// One attempt, counted as a failure until it is told otherwise, so that many at once count
/// as many.
#[derive(Debug)]
#[must_use = "an attempt that is not settled stays a failure"]
pub struct Attempt {
    login: Option<Key>,
    peer: Key,
}

impl Attempts {
    /// Counts an attempt under a login name, where one was given, and from an address.
    ///
    /// # Errors
    /// [`Error::TooMany`] says when to come back; the attempt was not counted then.
    pub fn begin(
        &self,
        now: Timestamp,
        login: Option<[u8; 32]>,
        peer: IpAddr,
    ) -> Result<Attempt, Error> {
        let attempt = Attempt {
            login: login.map(Key::Login),
            peer: Key::Peer(network(peer)),
        };
        let mut table = self.lock();
        let limits = [
            (attempt.login, MAX_FAILURES_PER_LOGIN),
            (Some(attempt.peer), MAX_FAILURES_PER_PEER),
        ];
        for (key, limit) in limits {
            if let Some(key) = key
                && let Some(window) = running(&mut table, key, now)
                && window.failures >= limit
            {
                return Err(Error::TooMany {
                    seconds: left(*window, now),
                });
            }
        }
        for key in [attempt.login, Some(attempt.peer)].into_iter().flatten() {
            make_room(&mut table, now);
            let window = table.entry(key).or_insert(Window {
                since: now,
                failures: 0,
            });
            window.failures += 1;
        }
        Ok(attempt)
    }

    /// The attempt succeeded: the name's failures are forgotten, the address's others stay.
    pub fn succeeded(&self, attempt: &Attempt) {
        if let Some(login) = attempt.login {
            self.lock().remove(&login);
        }
        self.take_back(&Attempt {
            login: None,
            peer: attempt.peer,
        });
    }

    /// The attempt was not decided, for want of something that is not the caller's.
    pub fn take_back(&self, attempt: &Attempt) {
        let mut table = self.lock();
        for key in [attempt.login, Some(attempt.peer)].into_iter().flatten() {
            if let Some(window) = table.get_mut(&key) {
                window.failures = window.failures.saturating_sub(1);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Window>> {
        self.table.lock().expect("no holder of this lock panics")
    }
}

/// The key's window if it has not run out. A clock that went back begins it anew, so that it
/// never lasts longer than from now.
fn running(table: &mut HashMap<Key, Window>, key: Key, now: Timestamp) -> Option<&mut Window> {
    if table
        .get(&key)
        .is_some_and(|window| left(*window, now) == 0)
    {
        table.remove(&key);
    }
    let window = table.get_mut(&key)?;
    window.since = window.since.min(now);
    Some(window)
}

/// Seconds until a window has run out, rounded up.
fn left(window: Window, now: Timestamp) -> u64 {
    let gone = now.micros().saturating_sub(window.since.micros()).max(0);
    let whole = WINDOW_SECONDS.cast_signed() * MICROS;
    let micros = whole.saturating_sub(gone).max(0);
    micros.cast_unsigned().div_ceil(MICROS.cast_unsigned())
}

/// Keeps the table bounded: what has run out goes first, then what failed least and longest
/// ago, so that a flood of names does not free one that is being guessed at.
fn make_room(table: &mut HashMap<Key, Window>, now: Timestamp) {
    if table.len() < MAX_TRACKED {
        return;
    }
    table.retain(|_, window| window.failures > 0 && left(*window, now) > 0);
    if table.len() < MAX_TRACKED {
        return;
    }
    let mut rows: Vec<_> = table
        .iter()
        .map(|(key, window)| (window.failures, window.since, *key))
        .collect();
    rows.sort_unstable_by_key(|(failures, since, _)| (*failures, *since));
    for (_, _, key) in rows.into_iter().take(FORGOTTEN_AT_ONCE) {
        table.remove(&key);
    }
}

/// An address, of IPv6 its network of 64 bits, which one customer has whole.
pub fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            Ipv6Addr::from(network).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * MICROS).expect("in range")
    }

    fn peer(n: u32) -> IpAddr {
        std::net::Ipv4Addr::from(0x0a00_0000 + n).into()
    }

    #[test]
    fn a_name_is_heard_again_when_its_window_has_run_out() {
        let attempts = Attempts::default();
        for n in 0..MAX_FAILURES_PER_LOGIN {
            let begun = attempts.begin(at(10), Some([1; 32]), peer(n));
            assert!(begun.is_ok(), "{n}");
        }
        let refused = attempts.begin(at(11), Some([1; 32]), peer(99));
        assert!(matches!(refused, Err(Error::TooMany { seconds: 899 })));
        assert!(attempts.begin(at(11), Some([2; 32]), peer(99)).is_ok());
        // A refused attempt does not prolong the wait.
        assert!(
            attempts
                .begin(at(10 + 899), Some([1; 32]), peer(99))
                .is_err()
        );
        assert!(
            attempts
                .begin(at(10 + 900), Some([1; 32]), peer(99))
                .is_ok()
        );
    }

    #[test]
    fn an_address_is_limited_over_all_names() {
        let attempts = Attempts::default();
        let one: IpAddr = "2001:db8:1:2::1".parse().expect("an address");
        let neighbour: IpAddr = "2001:db8:1:2:ffff::9".parse().expect("an address");
        let other: IpAddr = "2001:db8:1:3::1".parse().expect("an address");
        for n in 0..MAX_FAILURES_PER_PEER {
            let name = [u8::try_from(n).expect("few"); 32];
            assert!(attempts.begin(at(0), Some(name), one).is_ok());
        }
        assert!(attempts.begin(at(1), None, neighbour).is_err());
        assert!(attempts.begin(at(1), None, other).is_ok());
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().expect("an address");
        assert_eq!(network(mapped), peer(1));
    }

    #[test]
    fn success_forgets_the_name_and_not_the_address() {
        let attempts = Attempts::default();
        let mut last = None;
        for _ in 0..MAX_FAILURES_PER_LOGIN {
            last = attempts.begin(at(0), Some([1; 32]), peer(1)).ok();
        }
        attempts.succeeded(&last.expect("heard"));
        assert!(attempts.begin(at(0), Some([1; 32]), peer(1)).is_ok());
        let table = attempts.lock();
        assert_eq!(table[&Key::Peer(peer(1))].failures, MAX_FAILURES_PER_LOGIN);
        assert_eq!(table[&Key::Login([1; 32])].failures, 1);
    }

    #[test]
    fn a_clock_that_goes_back_neither_frees_nor_prolongs() {
        let attempts = Attempts::default();
        for n in 0..MAX_FAILURES_PER_LOGIN {
            assert!(attempts.begin(at(9_000), Some([1; 32]), peer(n)).is_ok());
        }
        let refused = attempts.begin(at(100), Some([1; 32]), peer(90));
        assert!(matches!(refused, Err(Error::TooMany { seconds: 900 })));
        assert!(attempts.begin(at(1_000), Some([1; 32]), peer(90)).is_ok());
    }

    #[test]
    fn a_flood_does_not_free_a_name_that_is_guessed_at() {
        let attempts = Attempts::default();
        for n in 0..MAX_FAILURES_PER_LOGIN {
            assert!(attempts.begin(at(0), Some([0xff; 32]), peer(n)).is_ok());
        }
        for n in 0..u32::try_from(MAX_TRACKED).expect("few") {
            let mut name = [0; 32];
            name[..4].copy_from_slice(&n.to_be_bytes());
            let begun = attempts.begin(at(1), Some(name), peer(1_000 + n));
            assert!(begun.is_ok());
            if n == 200 || n % 4_000 == 0 {
                assert!(attempts.begin(at(1), Some([0xff; 32]), peer(1)).is_err());
            }
        }
        assert!(attempts.lock().len() <= MAX_TRACKED);
        assert!(attempts.begin(at(1), Some([0xff; 32]), peer(1)).is_err());
    }
}
