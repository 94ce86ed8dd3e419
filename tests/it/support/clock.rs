//! The machine's clock, put on by hours that a test need not wait for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use custos::ambient::{self, Ambient};
use custos_core::ids::Timestamp;

/// The machine's clock, and so many microseconds. Clones show the same time.
#[derive(Clone, Default)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    /// Puts it on.
    pub fn put_on(&self, span: Duration) {
        let micros = i64::try_from(span.as_micros()).expect("a span of days");
        self.0.fetch_add(micros, Ordering::SeqCst);
    }

    /// The machine's randomness with this clock.
    pub fn ambient(&self) -> Ambient {
        Ambient {
            clock: Arc::new(self.clone()),
            ..Ambient::system()
        }
    }
}

impl ambient::Clock for Clock {
    fn now(&self) -> Timestamp {
        let micros = Ambient::system().now().micros() + self.0.load(Ordering::SeqCst);
        Timestamp::from_micros(micros).expect("a time of this century")
    }
}
