//! Watches the machine's clock: what is said of it is entered at the start and every day (a setting),
//! and a jump against time that only goes on when it is seen.

use std::time::{Duration, Instant};

use custos_core::ids::Timestamp;

use crate::{
    ambient::Ambient,
    app::{
        Room,
        clock::{About, MAX_JUMP, enter},
    },
    jobs::quietly,
};

/// How often the two are compared.
const LOOK: Duration = Duration::from_secs(5);
/// How long a reading of both may take; one that was interrupted for longer compares nothing.
const MAX_READING: Duration = Duration::from_millis(100);

/// Runs for ever; `every` is how often what is said of the clock is entered, none for never.
pub async fn run(room: &Room, every: Option<Duration>) {
    if every.is_some() {
        quietly("enter the clock", enter(room, About::Start).await);
    }
    let ambient = &room.core.ambient;
    let (mut watch, mut entered) = (Watch::default(), Instant::now());
    loop {
        if let Some(jumped) = watch.look(ambient) {
            quietly("enter a jump", enter(room, About::Jump(jumped)).await);
        }
        if every.is_some_and(|every| entered.elapsed() >= every) {
            quietly("enter the clock", enter(room, About::Day).await);
            entered = Instant::now();
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Where both clocks stood at the last look.
#[derive(Debug, Default)]
pub struct Watch(Option<(Timestamp, Instant)>);

impl Watch {
    /// By how many microseconds the clock jumped since the last look, if by more than
    /// [`MAX_JUMP`]. The time of a machine that slept counts as a jump.
    pub fn look(&mut self, ambient: &Ambient) -> Option<i64> {
        let before = Instant::now();
        let wall = ambient.now();
        if before.elapsed() > MAX_READING {
            return None;
        }
        let (last, steady) = self.0.replace((wall, before))?;
        jumped(wall.micros() - last.micros(), before - steady)
    }
}

/// How far the wall clock went another way than time did, if by more than is told.
fn jumped(wall: i64, steady: Duration) -> Option<i64> {
    let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    let apart = wall.saturating_sub(micros(steady));
    (apart.saturating_abs() > micros(MAX_JUMP)).then_some(apart)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::testing::HandClock;

    #[test]
    fn a_jump_is_told_either_way() {
        let second = Duration::from_secs(1);
        for (wall, steady, told) in [
            (5_000_000, 5 * second, None),
            (5_999_999, 5 * second, None),
            (4_000_000, 5 * second, None),
            (6_000_001, 5 * second, Some(1_000_001)),
            (3_999_999, 5 * second, Some(-1_000_001)),
            (-3_600_000_000, 5 * second, Some(-3_605_000_000)),
            (i64::MIN, Duration::MAX, Some(i64::MIN)),
        ] {
            assert_eq!(jumped(wall, steady), told, "{wall}");
        }
    }

    #[test]
    fn a_clock_that_is_set_by_hand_is_seen() {
        let start = Timestamp::from_micros(1_790_000_000_000_000).expect("in range");
        let clock = HandClock::new(start);
        let (ambient, mut watch) = (clock.ambient(), Watch::default());
        assert_eq!(watch.look(&ambient), None);
        clock.advance(Duration::from_secs(3_600));
        let told = watch.look(&ambient).expect("it was set on");
        assert!(told > 3_590_000_000, "{told}");
        clock.set(start);
        let told = watch.look(&ambient).expect("it was set back");
        assert!(told < -3_590_000_000, "{told}");
        assert_eq!(watch.look(&ambient), None);
    }
}
