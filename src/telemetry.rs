//! The program's own log: lines that read alone and filter by field, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{LogFormat, Telemetry};

/// Starts the log. Lines below `level` are dropped; `CUSTOS_LOG` may say more for each module.
pub fn start(settings: &Telemetry) {
    let filter = filter(settings, std::env::var("CUSTOS_LOG").ok().as_deref());
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

/// What is logged. Never what Rocket says: its lines name paths, and in one of ours stands the
/// secret of a view.
fn filter(settings: &Telemetry, asked: Option<&str>) -> EnvFilter {
    let asked = asked.and_then(|asked| {
        // What names a part of it would weigh more than the directives below.
        let others = asked
            .split(',')
            .filter(|one| !one.trim().starts_with("rocket"));
        EnvFilter::try_new(others.collect::<Vec<_>>().join(",")).ok()
    });
    let filter = asked.unwrap_or_else(|| EnvFilter::new(format!("{},hyper=warn", settings.level)));
    ["rocket=off", "rocket_http=off", "_=off"]
        .into_iter()
        .filter_map(|directive| directive.parse().ok())
        .fold(filter, EnvFilter::add_directive)
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Arc, sync::Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0
                .lock()
                .expect("not poisoned")
                .extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_the_web_framework_says_is_never_logged() {
        let settings = Telemetry {
            level: "trace".into(),
            format: LogFormat::Text,
        };
        for asked in [
            None,
            Some("trace"),
            Some("rocket=trace,rocket::server=trace"),
        ] {
            let kept = Kept::default();
            let writer = kept.clone();
            let subscriber = fmt()
                .with_env_filter(filter(&settings, asked))
                .with_writer(move || writer.clone())
                .finish();
            tracing::subscriber::with_default(subscriber, || {
                tracing::error!(target: "rocket::server", "No matching routes for HEAD /v/a/secret");
                tracing::error!(target: "rocket::server::_", "No matching routes for HEAD /v/a/secret");
                tracing::error!(target: "_", "No matching routes for HEAD /v/a/secret");
                tracing::error!(target: "rocket", "No matching routes for HEAD /v/a/secret");
                tracing::error!(target: "custos::app", "a line of ours");
            });
            let lines = String::from_utf8(kept.0.lock().expect("not poisoned").clone());
            let lines = lines.expect("text");
            assert!(!lines.contains("secret"), "{asked:?}: {lines}");
            if asked != Some("rocket=trace,rocket::server=trace") {
                assert!(lines.contains("a line of ours"), "{asked:?}: {lines}");
            }
        }
    }
}
