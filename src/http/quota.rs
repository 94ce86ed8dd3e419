//! How many requests one caller may make, and what an answer says of it (`RateLimit`,
//! draft-ietf-httpapi-ratelimit-headers-11).
//!
//! A caller is an account with all its sessions, or one token: a program that runs wild takes
//! nothing from its owner. The table is this process's own and holds one number a caller.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use custos_core::ids::{Id, Timestamp};
use rocket::{Request, Response, http::Status};

use super::{errors::Failure, front::limits::Limits};
use crate::app::{
    Room,
    sessions::attempts::{MAX_FAILURES_PER_LOGIN, WINDOW_SECONDS},
};

/// Callers remembered at once.
const MAX_CALLERS: usize = 20_000;
/// The name of the limit of requests.
const REQUESTS: &str = "requests";
/// The name of the limit of attempts to show who one is.
const ATTEMPTS: &str = "attempts";

/// What one caller may ask for: so many requests at once, and as many again in each window,
/// evenly.
pub struct Quotas {
    requests: u32,
    window: Duration,
    /// When each caller has the whole again, in microseconds: the generic cell rate algorithm
    /// (ITU-T I.371, annex A), which is a token bucket with one number a caller.
    whole_at: Mutex<HashMap<Id, i64>>,
}

/// What is left to a caller after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Left {
    /// Requests.
    requests: u32,
    /// Seconds in which there are no more than that; where there are none, until there is one.
    seconds: u64,
    /// Whether the request itself was within the limit.
    granted: bool,
}

/// What is left to the caller of a request, kept with it.
struct Asked(Option<Left>);
/// Whether a request is an attempt to show who one is, kept with it.
struct Attempt(bool);

impl Quotas {
    /// The quotas of a room with these limits, of which nothing is used.
    pub fn new(limits: &Limits) -> Self {
        Self {
            requests: limits.caller_requests,
            window: limits.caller_window,
            whole_at: Mutex::default(),
        }
    }

    /// Counts a request. One that is refused is not counted.
    fn take(&self, now: Timestamp, caller: Id) -> Left {
        let window = micros(self.window);
        let each = (window / i64::from(self.requests)).max(1);
        let now = now.micros();
        let mut table = self.lock();
        make_room(&mut table, now);
        let latest = now.saturating_add(window);
        let whole_at = table.get(&caller).copied().unwrap_or(now);
        // What lies beyond is of a clock that went back since: it keeps nobody waiting.
        let whole_at = if whole_at > latest {
            now
        } else {
            whole_at.max(now)
        };
        let next = whole_at.saturating_add(each);
        let granted = next <= latest;
        table.insert(caller, if granted { next } else { whole_at });
        let (wait, left) = if granted {
            (each, (latest - next) / each)
        } else {
            (next - latest, 0)
        };
        Left {
            requests: u32::try_from(left).unwrap_or(u32::MAX),
            seconds: seconds(wait),
            granted,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id, i64>> {
        self.whole_at.lock().expect("no holder of this lock panics")
    }

    fn policy(&self) -> String {
        let (requests, window) = (self.requests, seconds(micros(self.window)));
        format!("\"{REQUESTS}\";q={requests};w={window}")
    }
}

/// Keeps the table bounded: whoever has the whole again is as one who never came; then those go
/// who used least.
fn make_room(table: &mut HashMap<Id, i64>, now: i64) {
    if table.len() < MAX_CALLERS {
        return;
    }
    table.retain(|_, whole_at| *whole_at > now);
    if table.len() < MAX_CALLERS {
        return;
    }
    let mut moments: Vec<i64> = table.values().copied().collect();
    let (_, middle, _) = moments.select_nth_unstable(MAX_CALLERS / 2);
    let middle = *middle;
    table.retain(|_, whole_at| *whole_at > middle);
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// Whole seconds, rounded up, one at least.
fn seconds(micros: i64) -> u64 {
    let micros = micros.max(1).cast_unsigned();
    micros.div_ceil(1_000_000)
}

/// Counts a request of a caller who was recognised, once however many guards ask.
///
/// # Errors
/// [`Failure::Quota`] for one request too many.
pub fn spend(request: &Request<'_>, caller: Id) -> Result<(), Failure> {
    let quotas = quotas(request);
    let Asked(left) = request.local_cache(|| {
        let room: &Room = request.rocket().state().expect("the room is managed");
        Asked(Some(quotas.take(room.core.ambient.now(), caller)))
    });
    match left {
        Some(left) if !left.granted => Err(Failure::Quota {
            requests: quotas.requests,
            window: seconds(micros(quotas.window)),
            seconds: left.seconds,
        }),
        _ => Ok(()),
    }
}

/// Notes that a request is an attempt to show who one is.
pub fn attempt(request: &Request<'_>) {
    request.local_cache(|| Attempt(true));
}

/// Says in an answer what its caller may ask for, and what is left of it.
///
/// A page says nothing of the first: browsers do not heed it. How many attempts are left is not said before there are none: the number counts those of
/// others under the same name or from the same address too.
pub fn tell(request: &Request<'_>, response: &mut Response<'_>) {
    let mut policies = Vec::new();
    let mut limits = Vec::new();
    let Asked(left) = request.local_cache(|| Asked(None));
    let by_program = request.uri().path().starts_with("/api/");
    if let Some(left) = left.filter(|_| by_program) {
        policies.push(quotas(request).policy());
        limits.push(format!(
            "\"{REQUESTS}\";r={};t={}",
            left.requests, left.seconds
        ));
    }
    let Attempt(attempted) = request.local_cache(|| Attempt(false));
    if *attempted {
        policies.push(format!(
            "\"{ATTEMPTS}\";q={MAX_FAILURES_PER_LOGIN};w={WINDOW_SECONDS}"
        ));
        let wait = response.headers().get_one("Retry-After");
        let refused = response.status() == Status::TooManyRequests;
        let by_attempts = refused && left.is_none_or(|left| left.granted);
        if let Some(wait) = wait.filter(|_| by_attempts) {
            limits.push(format!("\"{ATTEMPTS}\";r=0;t={wait}"));
        }
    }
    for (name, said) in [("RateLimit-Policy", policies), ("RateLimit", limits)] {
        if !said.is_empty() {
            response.set_raw_header(name, said.join(", "));
        }
    }
}

fn quotas<'r>(request: &'r Request<'_>) -> &'r Quotas {
    request.rocket().state().expect("the quotas are managed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas(requests: u32, seconds: u64) -> Quotas {
        Quotas::new(&Limits {
            caller_requests: requests,
            caller_window: Duration::from_secs(seconds),
            ..Limits::default()
        })
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).expect("in range")
    }

    fn caller(number: u32) -> Id {
        let mut bytes = [7; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        Id::from_bytes(bytes)
    }

    #[test]
    fn so_many_at_once_and_then_evenly() {
        let quotas = quotas(4, 20);
        for left in [3, 2, 1, 0] {
            let taken = quotas.take(at(0), caller(1));
            assert_eq!((taken.requests, taken.granted), (left, true));
        }
        let refused = quotas.take(at(0), caller(1));
        assert_eq!(
            (refused.granted, refused.requests, refused.seconds),
            (false, 0, 5)
        );
        // What was refused is not counted, and others are not asked.
        assert!(!quotas.take(at(4_999_999), caller(1)).granted);
        assert!(quotas.take(at(5_000_000), caller(1)).granted);
        assert!(!quotas.take(at(5_000_000), caller(1)).granted);
        assert_eq!(quotas.take(at(0), caller(2)).requests, 3);
        assert_eq!(quotas.take(at(60_000_000), caller(1)).requests, 3);
        assert_eq!(quotas.policy(), "\"requests\";q=4;w=20");
    }

    #[test]
    fn a_clock_that_goes_back_keeps_nobody_waiting() {
        let quotas = quotas(2, 10);
        for _ in 0..2 {
            assert!(quotas.take(at(900_000_000), caller(1)).granted);
        }
        for _ in 0..2 {
            assert!(quotas.take(at(0), caller(1)).granted);
        }
        assert_eq!(quotas.take(at(0), caller(1)).seconds, 5);
    }

    #[test]
    fn the_table_is_bounded_and_forgets_who_used_least() {
        let quotas = quotas(10, 10);
        for _ in 0..10 {
            assert!(quotas.take(at(0), caller(0)).granted);
        }
        for number in 1..=u32::try_from(MAX_CALLERS).expect("few") * 3 {
            assert!(quotas.take(at(1), caller(number)).granted);
            assert!(quotas.lock().len() <= MAX_CALLERS);
        }
        assert!(!quotas.take(at(1), caller(0)).granted);
        assert!(quotas.take(at(1), caller(1)).granted);
    }

    #[test]
    fn odd_settings_neither_divide_by_nothing_nor_overflow() {
        let many = quotas(u32::MAX, 1);
        assert!(many.take(at(0), caller(1)).granted);
        let long = quotas(1, u32::MAX.into());
        assert!(long.take(at(0), caller(1)).granted);
        assert_eq!(long.take(at(0), caller(1)).seconds, u64::from(u32::MAX));
    }
}
