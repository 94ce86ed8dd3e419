//! From settings to what the front needs: addresses, limits, TLS, file descriptors.

use std::{num::NonZeroU32, time::Duration};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};

use super::Failed;
use crate::{
    config::{self, Config},
    http::{
        Edge,
        front::{limits::Limits, tls::Files},
        origins::Origins,
    },
};

/// Where and how the room answers; the process may open as many files as that takes.
pub(super) fn edge(config: &Config) -> Result<Edge, Failed> {
    let http = &config.http;
    let origins = Origins::new(&http.origin, &http.content_origin)?;
    let tls = files(&http.tls)?;
    if tls.is_some() && !origins.encrypted() {
        return Err(Failed::because(
            "`http.origin` and `http.content_origin` must begin with `https://` when `http.tls` is set",
        ));
    }
    if !http.address.is_loopback() && tls.is_none() && http.proxy_header.is_none() {
        warn!(
            http.address = %http.address,
            "the room can be reached from outside without TLS: passwords and testimony can be read \
             on the way; set `http.tls`, or listen on 127.0.0.1 behind a proxy",
        );
    }
    Ok(Edge {
        address: http.address,
        port: http.port,
        origins,
        proxy_header: http.proxy_header.clone(),
        limits: within_descriptors(limits(&http.limits))?,
        tls,
    })
}

/// The two files of TLS, or none.
pub(super) fn files(tls: &config::Tls) -> Result<Option<Files>, Failed> {
    match (&tls.certificate, &tls.key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(Files {
            certificate: certificate.clone(),
            key: key.clone(),
        })),
        _ => Err(Failed::because(
            "`http.tls` needs both `certificate` and `key`, or neither",
        )),
    }
}

/// The limits that are set, over those that are built in.
fn limits(set: &config::Limits) -> Limits {
    let built_in = Limits::default();
    let seconds = |set: Option<NonZeroU32>, built_in| {
        set.map_or(built_in, |set| Duration::from_secs(set.get().into()))
    };
    let size = |set: Option<NonZeroU32>, built_in| {
        set.map_or(built_in, |set| {
            usize::try_from(set.get()).unwrap_or(usize::MAX)
        })
    };
    let bytes = |set: Option<NonZeroU32>, built_in| set.map_or(built_in, |set| set.get().into());
    let number = |set: Option<NonZeroU32>, built_in| set.map_or(built_in, NonZeroU32::get);
    Limits {
        header: seconds(set.header_seconds, built_in.header),
        header_bytes: size(set.header_bytes, built_in.header_bytes),
        headers: size(set.headers, built_in.headers),
        idle: seconds(set.idle_seconds, built_in.idle),
        body: seconds(set.body_seconds, built_in.body),
        body_bytes: bytes(set.body_bytes, built_in.body_bytes),
        undeclared_body_bytes: bytes(set.undeclared_body_bytes, built_in.undeclared_body_bytes),
        stall: seconds(set.stall_seconds, built_in.stall),
        connections: number(set.connections, built_in.connections),
        per_peer: number(set.per_peer, built_in.per_peer),
        streams: number(set.streams, built_in.streams),
        caller_requests: number(set.caller_requests, built_in.caller_requests),
        caller_window: seconds(set.caller_seconds, built_in.caller_window),
        grace: seconds(set.stop_seconds, built_in.grace),
    }
}

/// Raises the limit of open files as far as the limits need it and the system allows, and gives
/// the limits that hold within it: a crowd must never take the descriptors that the register and
/// the store need.
fn within_descriptors(limits: Limits) -> Result<Limits, Failed> {
    let wanted = limits.descriptors();
    let found = getrlimit(Resource::Nofile);
    // None means without limit.
    let mut current = found.current.unwrap_or(u64::MAX);
    let raised = wanted.min(found.maximum.unwrap_or(u64::MAX));
    if current < raised {
        let more = Rlimit {
            current: Some(raised),
            maximum: found.maximum,
        };
        match setrlimit(Resource::Nofile, more) {
            Ok(()) => current = raised,
            Err(cause) => warn!(cause = %cause, "the limit of open files can't be raised"),
        }
    }
    let asked = limits.connections;
    let limits = limits.within(current).ok_or_else(|| {
        Failed::because(format!(
            "{current} open files are too few to serve a room; raise the limit (`ulimit -n`)"
        ))
    })?;
    let connections = limits.connections;
    if connections < asked {
        warn!(
            open_files = current,
            connections, "fewer connections than set: the limit of open files carries no more"
        );
    } else {
        info!(open_files = current, connections, "limit of connections");
    }
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use figment::providers::{Format, Toml};

    use super::*;

    #[test]
    fn settings_go_over_what_is_built_in() {
        let set = config::Limits {
            header_seconds: NonZeroU32::new(3),
            per_peer: NonZeroU32::new(7),
            ..config::Limits::default()
        };
        let limits = limits(&set);
        assert_eq!(limits.header, Duration::from_secs(3));
        assert_eq!(limits.per_peer, 7);
        assert_eq!(limits.idle, Limits::default().idle);
    }

    #[test]
    fn the_example_says_what_is_built_in() {
        let example = include_str!("../../docs/custos.example.toml");
        let (_, section) = example.split_once("[http.limits]\n").expect("a section");
        let (section, _) = section.split_once("\n[").expect("another behind it");
        let lines = section.lines().filter_map(|line| line.strip_prefix("# "));
        let lines: String = lines
            .filter(|line| line.contains(" = "))
            .map(|line| format!("{line}\n"))
            .collect();
        let set: config::Limits = figment::Figment::from(Toml::string(&lines))
            .extract()
            .expect("of the form");
        assert_eq!(limits(&set), Limits::default());
        assert!(set.header_seconds.is_some() && set.stop_seconds.is_some());
    }

    #[test]
    fn tls_is_whole_and_the_origins_say_so() {
        let mut config = Config::default();
        config.http.tls.certificate = Some("chain.pem".into());
        let half = edge(&config).err().map(|failed| failed.to_string());
        assert!(half.is_some_and(|text| text.contains("both")));
        config.http.tls.key = Some("key.pem".into());
        let plain = edge(&config).err().map(|failed| failed.to_string());
        assert!(plain.is_some_and(|text| text.contains("https://")));
        config.http.origin = "https://room.example".into();
        config.http.content_origin = "https://content.example".into();
        assert!(edge(&config).is_ok());
    }

    #[test]
    fn connections_fit_the_open_files() {
        let many = Limits {
            connections: u32::MAX,
            ..Limits::default()
        };
        let fitted = within_descriptors(many).expect("some");
        let open = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        assert!(
            fitted.descriptors() <= open,
            "{} of {open}",
            fitted.descriptors()
        );
    }
}
