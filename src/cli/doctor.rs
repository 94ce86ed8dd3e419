//! `custos doctor`: says whether the room has what it needs.

use std::{net::IpAddr, process::ExitCode, time::Duration};

use clap::Args;
use serde_json::json;

use super::{Failed, edge, outlets, register, timestamp, witnesses};
use crate::{
    ambient::Ambient,
    app::doctor::{Check, Places, Status, examine},
    config::{Config, Http},
    http::{
        front::tls::Tls,
        origins::{Origin, Origins},
    },
    peers::{self, NotSent, webhooks::Sender},
};

/// How long a room that is running may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: &Config, arguments: &Arguments) -> Result<ExitCode, Failed> {
    let mut checks = vec![
        origins(&config.http),
        certificate(&config.http),
        proxy(&config.http),
    ];
    checks.push(running(&config.http).await);
    checks.push(mail(config).await);
    checks.extend(endpoints(config).await);
    checks.extend(witnesses(config).await);
    checks.extend(authorities(config).await);
    let places = Places {
        data: config.data.clone(),
        database: register(config)?,
        keys: config.keys.clone(),
        mark: config.mark.clone(),
        reserve: config.disk.reserve_bytes(),
    };
    let examined = tokio::task::spawn_blocking(move || examine(&places, &Ambient::system()));
    checks.extend(examined.await?);
    let count = |status| checks.iter().filter(|check| check.status == status).count();
    let (failed, warnings) = (count(Status::Failed), count(Status::Warning));
    if arguments.json {
        let all = json!({"checks": checks, "failed": failed, "warnings": warnings});
        println!("{all}");
    } else {
        checks.iter().for_each(tell);
        println!("\n{failed} failed, {warnings} warnings. Nothing was changed.");
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn tell(check: &Check) {
    let status = match check.status {
        Status::Ok => "ok",
        Status::Warning => "warning",
        Status::Failed => "FAILED",
    };
    print!("{status:<8} {:<12} {}", check.name, check.what);
    match &check.fix {
        Some(fix) => println!(" -> {fix}"),
        None => println!(),
    }
}

/// The two origins in the settings.
fn origins(http: &Http) -> Check {
    const NAME: &str = "origins";
    match Origins::new(&http.origin, &http.content_origin) {
        Err(error) => Check::failed(
            NAME,
            error.to_string(),
            "correct `http.origin` and `http.content_origin` in the settings",
        ),
        Ok(origins) if !origins.encrypted() && !is_local(origins.room.host()) => Check::warning(
            NAME,
            format!("browsers reach `{}` without TLS", http.origin),
            "set `http.tls`, or put a proxy with TLS in front; name both origins with `https`",
        ),
        Ok(_) => Check::ok(
            NAME,
            format!("`{}`, content from `{}`", http.origin, http.content_origin),
        ),
    }
}

/// Whether certificate and key can be used, where the room speaks TLS itself.
fn certificate(http: &Http) -> Check {
    const NAME: &str = "tls";
    let loaded = edge::files(&http.tls).and_then(|files| Ok(files.map(Tls::load).transpose()?));
    match loaded {
        Ok(None) => Check::ok(NAME, "none is set: the room speaks plain HTTP"),
        Ok(Some(_)) if !http.origin.starts_with("https://") => Check::failed(
            NAME,
            format!("a certificate is set, and browsers reach `{}`", http.origin),
            "name both origins with `https`",
        ),
        Ok(Some(_)) => Check::ok(NAME, "certificate and key go together"),
        Err(error) => Check::failed(
            NAME,
            error.to_string(),
            "the room does not start with them; it goes on with those it has if it runs",
        ),
    }
}

/// Whether a proxy is in front that was not named.
fn proxy(http: &Http) -> Check {
    const NAME: &str = "proxy";
    match &http.proxy_header {
        Some(header) => Check::ok(NAME, format!("its header `{header}` is believed")),
        None if http.origin.starts_with("https://") && http.tls.certificate.is_none() => {
            Check::warning(
                NAME,
                "none is named, though the room is reached over TLS, which this process is not set to speak",
                "name the header in which the proxy tells its peer (`http.proxy_header`), or everybody shares one limit",
            )
        }
        None => Check::ok(NAME, "none is named, so no header is believed"),
    }
}

fn is_local(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether the mail server answers and takes the sign-in; no letter is sent.
async fn mail(config: &Config) -> Check {
    const NAME: &str = "mail";
    let origin = Origin::parse(&config.http.origin);
    let host = origin.as_ref().map_or("localhost", Origin::host);
    let server = match outlets::mail(&config.mail, host) {
        Ok(None) => return Check::ok(NAME, "none is set: notices stay in the room"),
        Ok(Some(server)) => server,
        Err(error) => {
            return Check::failed(NAME, error.to_string(), "the room does not start with them");
        }
    };
    match server.test().await {
        Ok(()) => Check::ok(NAME, "the server answers and takes the sign-in"),
        Err(failed) => Check::warning(
            NAME,
            format!("the server did not take us: {}", failed.told),
            "look at `[mail]`; letters wait and are tried again for two days",
        ),
    }
}

/// Whether the endpoints can be reached; no event is sent.
async fn endpoints(config: &Config) -> Vec<Check> {
    const NAME: &str = "webhooks";
    let hooks = match outlets::hooks(&config.webhooks) {
        Ok(hooks) => hooks,
        Err(error) => {
            let fix = "the room does not start with them";
            return vec![Check::failed(NAME, error.to_string(), fix)];
        }
    };
    let mut checks = Vec::new();
    for hook in &hooks {
        let endpoint = &hook.endpoint;
        let (name, shown) = (&endpoint.name, endpoint.address.shown());
        let reached = match Sender::new() {
            Ok(sender) => sender.reach(endpoint).await,
            Err(failed) => Err(failed),
        };
        let fix = "look at its `url`; events wait and are tried again for two days";
        checks.push(answers(NAME, (name, &shown), reached, fix));
    }
    if checks.is_empty() {
        checks.push(Check::ok(NAME, "none are set"));
    }
    checks
}

/// Whether somebody whom the settings name answered.
fn answers(
    check: &'static str,
    (name, shown): (&str, &str),
    reached: Result<(), NotSent>,
    fix: &str,
) -> Check {
    match reached {
        Ok(()) => Check::ok(check, format!("`{name}` at `{shown}` answers")),
        Err(failed) => Check::warning(check, format!("`{name}` at `{shown}` {}", failed.told), fix),
    }
}

/// Whether the witnesses can be reached; nothing is asked of them.
async fn witnesses(config: &Config) -> Vec<Check> {
    const NAME: &str = "witnesses";
    let named = match witnesses::witnesses(&config.witnesses) {
        Ok(named) => named,
        Err(error) => {
            let fix = "the room does not start with them";
            return vec![Check::failed(NAME, error.to_string(), fix)];
        }
    };
    let mut checks = Vec::new();
    for witness in &named {
        let (name, shown) = (&witness.name, witness.submission.shown());
        let reached = match peers::witnesses::Sender::new() {
            Ok(sender) => sender.reach(witness).await,
            Err(failed) => Err(failed),
        };
        let fix = "look at its `url`; what is published meanwhile it confirms later";
        checks.push(answers(NAME, (name, &shown), reached, fix));
    }
    if checks.is_empty() {
        checks.push(Check::ok(NAME, "none are set"));
    }
    checks
}

/// Whether the time authorities can be reached; nothing is asked of them.
async fn authorities(config: &Config) -> Vec<Check> {
    const NAME: &str = "time";
    let named = match timestamp::authorities(&config.time_authorities) {
        Ok(named) => named,
        Err(error) => {
            let fix = "the room does not start with them";
            return vec![Check::failed(NAME, error.to_string(), fix)];
        }
    };
    let mut checks = Vec::new();
    for authority in &named {
        let (name, shown) = (&authority.name, authority.address.shown());
        let reached = match peers::timestamps::Sender::new() {
            Ok(sender) => sender.reach(authority).await,
            Err(failed) => Err(failed),
        };
        let fix = "look at its `url`; until it answers no checkpoint is stamped by it";
        checks.push(answers(NAME, (name, &shown), reached, fix));
    }
    if checks.is_empty() {
        checks.push(Check::ok(NAME, "no time authority is set"));
    }
    checks
}

/// Whether the room is running; either is well.
async fn running(http: &Http) -> Check {
    const NAME: &str = "server";
    let address = std::net::SocketAddr::new(http.address, http.port);
    let scheme = if http.tls.certificate.is_some() {
        "https"
    } else {
        "http"
    };
    let client = reqwest::Client::builder()
        .no_proxy()
        // Whatever listens on our own address is told nothing, and its name is not asked for.
        .tls_danger_accept_invalid_certs(true)
        .timeout(ANSWER_LIMIT)
        .build();
    let host = http.origin.rsplit('/').next().unwrap_or_default();
    let asked = match client {
        Ok(client) => client
            .get(format!("{scheme}://{address}/health"))
            .header("Host", host)
            .send(),
        Err(error) => return Check::warning(NAME, error.to_string(), "ask the room with `curl`"),
    };
    match asked.await {
        Ok(answer) if answer.status().is_success() => Check::ok(
            NAME,
            format!("the room answers on {address}; it is not disturbed by this"),
        ),
        Ok(answer) => Check::warning(
            NAME,
            format!(
                "what listens on {address} answers {} when asked for its health",
                answer.status()
            ),
            "if it is not this room, give one of them another port (`http.port`)",
        ),
        Err(error) if error.is_connect() => Check::ok(
            NAME,
            format!(
                "nothing answers on {address}: the room is stopped, and what follows holds for that"
            ),
        ),
        Err(error) => Check::failed(
            NAME,
            format!("what listens on {address} gives no answer: {error}"),
            "look at the room's own log; start it again if it hangs",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{MailTls, Webhook};

    #[test]
    fn origins_and_proxy_are_judged() {
        let judged = |origin: &str, content: &str, header: Option<&str>| {
            let http = Http {
                origin: origin.into(),
                content_origin: content.into(),
                proxy_header: header.map(Into::into),
                ..Http::default()
            };
            (origins(&http).status, proxy(&http).status)
        };
        let (ok, warning, failed) = (Status::Ok, Status::Warning, Status::Failed);
        let default = Http::default();
        assert_eq!(
            judged(&default.origin, &default.content_origin, None),
            (ok, ok)
        );
        let (room, content) = ("https://room.example", "https://content.example");
        assert_eq!(judged(room, content, None), (ok, warning));
        assert_eq!(judged(room, content, Some("X-Real-IP")), (ok, ok));
        assert_eq!(judged("http://room.example", content, None), (warning, ok));
        assert_eq!(judged(room, room, Some("X-Real-IP")), (failed, ok));
        assert_eq!(judged("room.example", content, None), (failed, ok));
    }

    #[tokio::test]
    async fn a_room_that_does_not_run_is_well() {
        drop(rustls::crypto::ring::default_provider().install_default());
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = taken.local_addr().expect("an address").port();
        drop(taken);
        let http = Http {
            port,
            ..Http::default()
        };
        assert_eq!(running(&http).await.status, Status::Ok);
    }

    #[tokio::test]
    async fn mail_and_endpoints_are_judged() {
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut config = Config::default();
        let statuses = async |config: &Config| {
            let endpoints = endpoints(config).await;
            (mail(config).await.status, endpoints[0].status)
        };
        assert_eq!(statuses(&config).await, (Status::Ok, Status::Ok));
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = taken.local_addr().expect("an address").port();
        drop(taken);
        let folder = tempfile::tempdir().expect("a folder");
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("written");
        config.mail.server = Some("127.0.0.1".into());
        config.mail.port = Some(port);
        config.mail.tls = Some(MailTls::None);
        config.webhooks.push(Webhook {
            name: "desk".into(),
            url: format!("http://127.0.0.1:{port}/of-the-path"),
            secret: secret.clone(),
            kinds: vec!["damage_found".into()],
        });
        // No sender, and a secret that others may read: the room would not start.
        set_mode(&secret, 0o644);
        assert_eq!(statuses(&config).await, (Status::Failed, Status::Failed));
        set_mode(&secret, 0o600);
        config.mail.from = Some("room@room.example".into());
        // Nobody is there: what is to be sent waits.
        assert_eq!(statuses(&config).await, (Status::Warning, Status::Warning));
        let told = endpoints(&config).await.remove(0).what;
        assert!(!told.contains("of-the-path"), "{told}");
    }

    fn set_mode(path: &std::path::Path, mode: u32) {
        use std::os::unix::fs::PermissionsExt;

        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(path, mode).expect("set");
    }
}
