//! The one binary: server, tools and demo of an evidence room.

use std::process::ExitCode;

fn main() -> ExitCode {
    custos::cli::run()
}
