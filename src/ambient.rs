//! What the world gives the program: time and randomness. Passed down, never reached for.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use custos_core::ids::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};

/// A source of the present time.
pub trait Clock: Send + Sync {
    /// The present moment, as this machine believes it.
    fn now(&self) -> Timestamp;
}

/// A source of random bytes fit for keys.
pub trait Random: Send + Sync {
    /// Fills `bytes`.
    ///
    /// # Panics
    /// The operating system gives no randomness; nothing may go on without it.
    fn fill(&self, bytes: &mut [u8]);
}

/// Random bytes of a fixed number.
pub fn random<const N: usize>(random: &dyn Random) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}

/// The two sources of one process, shared by its threads.
#[derive(Clone)]
pub struct Ambient {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
}

impl Ambient {
    /// The machine's own clock and the operating system's randomness.
    pub fn system() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            random: Arc::new(OperatingSystem(SystemRandom::new())),
        }
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Random bytes of a fixed number, as for ids, salts and keys.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        random(&*self.random)
    }
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(micros).expect("2^53 microseconds end in the year 2255")
    }
}

struct OperatingSystem(SystemRandom);

impl Random for OperatingSystem {
    fn fill(&self, bytes: &mut [u8]) {
        self.0
            .fill(bytes)
            .expect("the operating system gives randomness");
    }
}

/// A clock that stands still until it is told to go on. The demo world and tests use it.
pub mod testing {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicI64, Ordering},
        },
        time::Duration,
    };

    use custos_core::ids::Timestamp;

    use super::{Ambient, Clock};

    /// A clock that is set by hand. Clones show the same time.
    #[derive(Clone)]
    pub struct HandClock(Arc<AtomicI64>);

    impl HandClock {
        /// A clock that shows `now`.
        pub fn new(now: Timestamp) -> Self {
            Self(Arc::new(AtomicI64::new(now.micros())))
        }

        /// Lets the clock go on by `span`.
        ///
        /// # Panics
        /// It would pass the year 2255.
        pub fn advance(&self, span: Duration) {
            let micros = i64::try_from(span.as_micros()).expect("a span of years");
            self.0.fetch_add(micros, Ordering::SeqCst);
        }

        /// Sets the clock, back too.
        pub fn set(&self, now: Timestamp) {
            self.0.store(now.micros(), Ordering::SeqCst);
        }

        /// The operating system's randomness with this clock.
        pub fn ambient(&self) -> Ambient {
            Ambient {
                clock: Arc::new(self.clone()),
                ..Ambient::system()
            }
        }
    }

    impl Clock for HandClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(self.0.load(Ordering::SeqCst)).expect("before the year 2255")
        }
    }
}
