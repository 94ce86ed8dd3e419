//! `custos-verify`: checks a bundle, an export or a receipt of custody, or a copy of a whole
//! public log, offline, without trusting the room that made it.
//!
//! It reads the files named on its command line and nothing else, and writes to standard
//! output and standard error. Exit codes: 0 verified, 1 error, 2 usage, 3 not verified.

mod log;
mod machine;
mod people;
mod run;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;

/// Checks a bundle or an export of custody, offline, without trusting the room that made it
///
/// Exit codes: 0 verified, 1 error (nothing is known), 2 usage, 3 not verified.
///
/// A verifier and a policy that came with the file prove nothing against whoever made it: use a
/// copy of this program whose SHA-256 is published elsewhere, and a policy from elsewhere.
#[derive(Parser)]
#[command(name = "custos-verify", version)]
struct Arguments {
    /// The bundle, a .zip file, or the export of a custody log, a .jsonl file
    #[arg(required_unless_present_any = ["receipt", "log"], conflicts_with_all = ["receipt", "log"])]
    bundle: Option<PathBuf>,

    /// Whom you trust: a C2SP tlog-policy file; `trust.json` beside it is read if it is there
    #[arg(long, value_name = "POLICY")]
    trust: PathBuf,

    /// Receipts that you kept: they must belong to the same history as the file
    #[arg(long, value_name = "RECEIPT", num_args = 1.., conflicts_with = "receipt")]
    held: Vec<PathBuf>,

    /// Check this one receipt instead of a bundle or an export
    #[arg(long, value_name = "RECEIPT")]
    receipt: Option<PathBuf>,

    /// Check a copy of a whole public log instead: its entries, its tiles, its checkpoint
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["receipt", "held"])]
    log: Option<PathBuf>,

    /// Write JSON for programs instead of sentences for people
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    run::run(&Arguments::parse())
}
