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
