//! Whether the machine's clock can be the clock of a custody log.

use std::{thread, time::Duration};

use custos_core::ids::Timestamp;

use super::Check;
use crate::ambient::Ambient;

const NAME: &str = "clock";
const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// How often the clock is read to see whether it falls.
const READINGS: u32 = 50;
/// The pause between two readings.
const PAUSE: Duration = Duration::from_millis(4);
/// By how much the clock may stand behind the newest entry, in microseconds: one step of NTP.
const MAX_BEHIND_MICROS: i64 = SECOND;
/// A room that nobody touched for so long has more likely a clock that runs ahead.
const MAX_AHEAD_DAYS: i64 = 400;

/// Compares the clock with the time of the newest entry, and watches it for a moment.
pub(super) fn check(ambient: &Ambient, newest: Timestamp) -> Check {
    let mut last = ambient.now();
    for _ in 0..READINGS {
        let now = ambient.now();
        if now < last {
            return Check::failed(
                NAME,
                format!(
                    "it fell by {} microseconds within moments",
                    last.micros() - now.micros()
                ),
                "let one time service alone set the clock, and let it slew instead of step",
            );
        }
        last = now;
        thread::sleep(PAUSE);
    }
    compare(last, newest)
}

fn compare(now: Timestamp, newest: Timestamp) -> Check {
    let ahead = now.micros() - newest.micros();
    if ahead < -MAX_BEHIND_MICROS {
        return Check::failed(
            NAME,
            format!("it is {} seconds behind the newest entry", -ahead / SECOND),
            "set the clock by a time service; until it has caught up, every entry gets the newest entry's time",
        );
    }
    if ahead / DAY > MAX_AHEAD_DAYS {
        return Check::warning(
            NAME,
            format!("it is {} days ahead of the newest entry", ahead / DAY),
            "compare it with another clock before anything is entered: the log's time never goes back",
        );
    }
    Check::ok(NAME, "it does not fall, and is not behind the newest entry")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::doctor::Status;

    #[test]
    fn a_clock_is_compared_with_the_newest_entry() {
        let at = |micros| Timestamp::from_micros(micros).expect("in range");
        let newest = at(1_764_000_000 * SECOND);
        for (ahead, status) in [
            (0, Status::Ok),
            (-SECOND, Status::Ok),
            (-2 * SECOND, Status::Failed),
            (-3_650 * DAY, Status::Failed),
            (400 * DAY, Status::Ok),
            (401 * DAY, Status::Warning),
        ] {
            let check = compare(at(newest.micros() + ahead), newest);
            assert_eq!(check.status, status, "{ahead}: {check:?}");
            assert_eq!(check.fix.is_some(), status != Status::Ok);
        }
    }
}
