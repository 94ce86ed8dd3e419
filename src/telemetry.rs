//! The program's own log: lines that read alone and filter by field, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{LogFormat, Telemetry};

/// Starts the log. Lines below `level` are dropped; `CUSTOS_LOG` may say more for each module.
pub fn start(settings: &Telemetry) {
    let filter = EnvFilter::builder()
        .with_env_var("CUSTOS_LOG")
        .try_from_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("{},rocket=warn,hyper=warn", settings.level)));
    let builder = fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    // A test or a second room in the process has started it already.
    let started = match settings.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    drop(started);
}
