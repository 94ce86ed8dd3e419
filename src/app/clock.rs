//! What the machine says of its clock, entered: whose word the times of entries are.
//!
//! The kernel's own state of synchronisation is behind a system call (`adjtimex`) that no kept crate
//! wraps safely. So it is asked who keeps the clock: chrony by its own command, timesyncd by the
//! files that it leaves. What nobody says is entered as null, never as zero.

use std::{
    fs,
    io::Read,
    path::Path,
    process::{Child, Command as Process, Stdio},
    time::{Duration, Instant},
};

use custos_core::event::slot;
use serde_json::{Value, json};

use super::{
    context::Room,
    entering::{Draft, Tx},
    error::Error,
    writer::{Command, Stop},
};

/// The hardware clock that the kernel counts by.
const SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
/// What timesyncd leaves: its folder, and a file in it once it was synchronised.
const TIMESYNC: &str = "/run/systemd/timesync";
/// Where chrony's command is.
const CHRONYC: &str = "/usr/bin/chronyc";
/// How long chrony may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// Longest answer of it that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = 4_096;
/// Longest name of a hardware clock, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// How far the wall clock may go another way than time that only goes on, between two looks of
/// `jobs/clock`: services that keep a clock let it slew by far less.
pub const MAX_JUMP: Duration = Duration::from_secs(1);

/// What the machine says of its clock. What nobody says is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// The hardware clock that the kernel counts by, or `unknown`.
    pub source: String,
    /// Who keeps it right.
    pub service: Option<&'static str>,
    /// Whether that says that it is right.
    pub synchronised: Option<bool>,
    /// How far it is ahead of its source, in microseconds.
    pub offset: Option<i64>,
    /// How far it may be off, in microseconds.
    pub error: Option<i64>,
}

impl Reading {
    /// Reads it. Blocks for two seconds at most.
    pub fn take() -> Self {
        let source = fs::read_to_string(SOURCE).unwrap_or_default();
        let source = source.trim();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let known = (1..=MAX_NAME_BYTES).contains(&source.len()) && source.chars().all(plain);
        let source = if known { source } else { "unknown" };
        let told = chrony().as_deref().and_then(Self::of_chrony);
        let told = told.or_else(|| Self::of_timesyncd(Path::new(TIMESYNC)));
        Self {
            source: source.into(),
            ..told.unwrap_or_default()
        }
    }

    /// From a line of `chronyc -c tracking`: name and stratum of its source, how far the clock is
    /// slow of it, root delay and dispersion in seconds, and whether it is synchronised.
    fn of_chrony(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.trim().split(',').collect();
        let [.., delay, dispersion, _, leap] = fields.as_slice() else {
            return None;
        };
        let micros = |seconds: &str| {
            let seconds: f64 = seconds.parse().ok()?;
            let micros = (seconds * 1e6).round();
            // Beyond a century it is no offset of a clock.
            (micros.abs() < 4e15).then_some(micros as i64)
        };
        let slow = micros(fields.get(4)?)?;
        let error = micros(delay)? / 2 + micros(dispersion)?;
        Some(Self {
            service: Some("chrony"),
            synchronised: Some(*leap != "Not synchronised"),
            offset: Some(-slow),
            error: Some(error),
            ..Self::default()
        })
    }

    fn of_timesyncd(folder: &Path) -> Option<Self> {
        folder.is_dir().then(|| Self {
            service: Some("systemd-timesyncd"),
            synchronised: Some(folder.join("synchronized").exists()),
            ..Self::default()
        })
    }
}

/// What chrony answers, if it is there and answers in time.
fn chrony() -> Option<String> {
    let mut process = Process::new(CHRONYC);
    process.args(["-c", "-n", "tracking"]).env_clear();
    let process = process.stdin(Stdio::null()).stderr(Stdio::null());
    let mut child = process.stdout(Stdio::piped()).spawn().ok()?;
    let done = wait(&mut child);
    if !done {
        // It may be gone meanwhile; either way it is not waited for any longer.
        drop(child.kill());
        drop(child.wait());
        return None;
    }
    let mut answer = String::new();
    let out = child.stdout.take()?;
    out.take(MAX_ANSWER_BYTES)
        .read_to_string(&mut answer)
        .ok()?;
    Some(answer)
}

/// Whether a process ended well in time. Its answer fits into a pipe.
fn wait(child: &mut Child) -> bool {
    let began = Instant::now();
    while began.elapsed() < ANSWER_LIMIT {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => std::thread::sleep(Duration::from_millis(10)),
            Err(_) => return false,
        }
    }
    false
}

/// What an entry `clock` is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// The room begins its work.
    Start,
    /// A day went by.
    Day,
    /// The clock jumped by so many microseconds, forward above 0.
    Jump(i64),
}

/// Reads what the machine says and enters it.
///
/// # Errors
/// It can't be entered.
pub async fn enter(room: &Room, about: About) -> Result<(), Error> {
    let reading = tokio::task::spawn_blocking(Reading::take)
        .await
        .map_err(|_| Error::CustodyUnavailable(None))?;
    if let About::Jump(micros) = about {
        tracing::error!(
            alarm = "clock_jumped",
            microseconds = micros,
            "the machine's clock jumped; times of entries from here on are by the clock as it is now"
        );
    }
    room.writer.submit(Tell { about, reading }).await?;
    Ok(())
}

struct Tell {
    about: About,
    reading: Reading,
}

impl Command for Tell {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let (about, jumped) = match self.about {
            About::Start => ("start", Value::Null),
            About::Day => ("day", Value::Null),
            About::Jump(micros) => ("jump", json!(micros)),
        };
        let detail = json!({
            "about": about,
            "source": self.reading.source,
            "service": self.reading.service,
            "synchronised": self.reading.synchronised,
            "offset": self.reading.offset,
            "error": self.reading.error,
            "jumped": jumped,
        });
        tx.enter(Draft::of_room("clock", tx.room()).detail(slot::DETAIL, detail))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_chrony_says_is_read() {
        let line = "C0A80101,192.168.1.1,3,1790000000.123,0.000012,0.00001,0.00002,-3.2,0.01,\
                    0.05,0.0012,0.0003,64.2,Normal\n";
        let read = Reading::of_chrony(line).expect("a line of chrony");
        assert_eq!((read.offset, read.error), (Some(-12), Some(900)));
        assert_eq!(read.synchronised, Some(true));
        let lost = line.replace("Normal", "Not synchronised");
        let read = Reading::of_chrony(&lost).expect("a line of chrony");
        assert_eq!(read.synchronised, Some(false));
        for odd in [
            "",
            "506 Cannot talk to daemon",
            "a,b,c,d,e,f",
            "1,2,3,4,inf,1,1,1",
        ] {
            assert_eq!(Reading::of_chrony(odd), None, "{odd}");
        }
    }

    #[test]
    fn what_timesyncd_leaves_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path().join("timesync");
        assert_eq!(Reading::of_timesyncd(&at), None);
        fs::create_dir(&at).expect("a folder");
        let read = Reading::of_timesyncd(&at).expect("it is there");
        assert_eq!(read.synchronised, Some(false));
        fs::write(at.join("synchronized"), "").expect("a file");
        let read = Reading::of_timesyncd(&at).expect("it is there");
        assert_eq!((read.synchronised, read.offset), (Some(true), None));
    }
}
