//! Reads the files, runs the verification, chooses the exit code.

use std::{
    fs::File,
    io::{self, BufReader, IsTerminal, Read, Seek, Write},
    path::Path,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use custos_core::{
    checkpoint::TrustPolicy,
    ids::Timestamp,
    receipt::Receipt,
    verify::{Failure, Progress, VerifyError, verify, verify_export},
};

use crate::{Arguments, log, machine, people};

/// Longest receipt, policy or `trust.json` that is read, in bytes.
const MAX_SMALL_FILE_BYTES: u64 = 16 << 20;
/// Bundles from this size on show how far the verification is.
pub const LARGE_BUNDLE_BYTES: u64 = 64 << 20;

const VERIFIED: u8 = 0;
const ERROR: u8 = 1;
const NOT_VERIFIED: u8 = 3;

/// Why there is no result.
pub enum Refusal {
    /// Something could not be read: nothing is known.
    Error(String),
    /// A bundle or an export failed at a step.
    Bundle(Failure),
    /// A receipt does not hold.
    Receipt(String),
    /// A log does not hold.
    Log(String),
}

/// Does what the arguments say; everything is written, then the exit code given.
pub fn run(arguments: &Arguments) -> ExitCode {
    let (code, out) = match check(arguments) {
        Ok(text) => (VERIFIED, text),
        Err(Refusal::Error(what)) => {
            if arguments.json {
                (ERROR, machine::error(&what))
            } else {
                eprintln!("error: {what}");
                (ERROR, String::new())
            }
        }
        Err(Refusal::Bundle(failure)) => {
            let text = if arguments.json {
                machine::failure(&failure)
            } else {
                people::failure(&failure)
            };
            (NOT_VERIFIED, text)
        }
        Err(Refusal::Receipt(what)) => {
            let text = if arguments.json {
                machine::bad_receipt(&what)
            } else {
                people::bad_receipt(&what)
            };
            (NOT_VERIFIED, text)
        }
        Err(Refusal::Log(what)) => {
            let text = if arguments.json {
                machine::bad_log(&what)
            } else {
                people::bad_log(&what)
            };
            (NOT_VERIFIED, text)
        }
    };
    // A verdict that nobody received is no verdict.
    let mut stdout = io::stdout();
    let written = stdout
        .write_all(out.as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        Ok(()) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: the result could not be written: {error}");
            ExitCode::from(ERROR)
        }
    }
}

fn check(arguments: &Arguments) -> Result<String, Refusal> {
    let trust = read_trust(&arguments.trust)?;
    if let Some(path) = &arguments.receipt {
        return check_receipt(path, &trust, arguments.json);
    }
    if let Some(folder) = &arguments.log {
        return log::check(folder, &trust, arguments.json);
    }
    let Some(path) = &arguments.bundle else {
        return Err(Refusal::Error("no bundle was named".into()));
    };
    let held: Vec<Receipt> = arguments
        .held
        .iter()
        .map(|path| {
            let bytes = read_small(path)?;
            Receipt::parse(&bytes).map_err(|error| {
                Refusal::Error(format!("`{}` is not a receipt: {error}", path.display()))
            })
        })
        .collect::<Result<_, _>>()?;
    let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
    if is_export(&mut file).map_err(|error| unreadable(path, &error))? {
        return check_export(path, file, &trust, &held, arguments.json);
    }
    let length = file
        .metadata()
        .map_err(|error| unreadable(path, &error))?
        .len();
    let mut meter = Meter::new(length);
    let verified = verify(file, &trust, &held, now()?, &mut |progress| {
        meter.show(progress)
    });
    meter.clear();
    match verified {
        Ok(verified) if arguments.json => Ok(machine::verified(&verified)),
        Ok(verified) => Ok(people::verified(&verified)),
        Err(VerifyError::Failed(failure)) => Err(Refusal::Bundle(failure)),
        Err(VerifyError::Io(error)) => Err(unreadable(path, &error)),
    }
}

/// Whether a file is an export: it begins with JSON, which no bundle does.
fn is_export(file: &mut File) -> io::Result<bool> {
    let mut first = [0; 1];
    let read = file.read(&mut first)?;
    file.rewind()?;
    Ok(read == 1 && first == *b"{")
}

fn check_export(
    path: &Path,
    file: File,
    trust: &TrustPolicy,
    held: &[Receipt],
    json: bool,
) -> Result<String, Refusal> {
    match verify_export(BufReader::new(file), trust, held, now()?) {
        Ok(verified) if json => Ok(machine::export(&verified)),
        Ok(verified) => Ok(people::export(&verified)),
        Err(VerifyError::Failed(failure)) => Err(Refusal::Bundle(failure)),
        Err(VerifyError::Io(error)) => Err(unreadable(path, &error)),
    }
}

fn check_receipt(path: &Path, trust: &TrustPolicy, json: bool) -> Result<String, Refusal> {
    let bytes = read_small(path)?;
    let refused = |error: custos_core::receipt::ReceiptError| Refusal::Receipt(error.to_string());
    let receipt = Receipt::parse(&bytes).map_err(refused)?;
    let endorsement = receipt.verify(trust).map_err(refused)?;
    Ok(if json {
        machine::receipt(&receipt, &endorsement)
    } else {
        people::receipt(&receipt, &endorsement)
    })
}

/// The policy file, and `trust.json` beside it if it is there.
fn read_trust(path: &Path) -> Result<TrustPolicy, Refusal> {
    let of = |path: &Path, what: &dyn std::fmt::Display| {
        Refusal::Error(format!("`{}`: {what}", path.display()))
    };
    let policy = TrustPolicy::parse(&read_small(path)?).map_err(|error| of(path, &error))?;
    let beside = path.with_file_name("trust.json");
    match File::open(&beside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(policy),
        Err(error) => Err(unreadable(&beside, &error)),
        Ok(_) => policy
            .with_trust_json(&read_small(&beside)?)
            .map_err(|error| of(&beside, &error)),
    }
}

pub fn read_small(path: &Path) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_SMALL_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(path, &error))?;
    if bytes.len() as u64 > MAX_SMALL_FILE_BYTES {
        let what = format!("`{}` is longer than 16 MiB", path.display());
        return Err(Refusal::Error(what));
    }
    Ok(bytes)
}

pub fn unreadable(path: &Path, error: &io::Error) -> Refusal {
    let path = path.display();
    Refusal::Error(format!(
        "`{path}` could not be read: {error}; nothing is known yet, try again"
    ))
}

fn now() -> Result<Timestamp, Refusal> {
    let micros = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_micros()).ok())
        .and_then(|micros| Timestamp::from_micros(micros).ok());
    micros.ok_or_else(|| Refusal::Error("this computer's clock is out of range; set it".into()))
}

/// A line on standard error that says how far a large bundle is, where a person can see it.
pub struct Meter {
    shown: bool,
    percent: Option<u64>,
}

impl Meter {
    pub fn new(length: u64) -> Self {
        Self {
            shown: length >= LARGE_BUNDLE_BYTES && io::stderr().is_terminal(),
            percent: None,
        }
    }

    pub fn show(&mut self, progress: Progress) {
        let percent = progress.done.saturating_mul(100) / progress.total.max(1);
        if self.shown && self.percent != Some(percent) {
            self.percent = Some(percent);
            // Nobody misses a line of progress that cannot be written.
            let _ = write!(io::stderr(), "\rchecking: {percent:3} %");
        }
    }

    pub fn clear(&self) {
        if self.percent.is_some() {
            let _ = write!(io::stderr(), "\r               \r");
        }
    }
}
