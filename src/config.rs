//! Settings: built-in values, then one TOML file, then `CUSTOS_` variables.

mod time;
pub mod witness;

use std::{num::NonZeroU32, path::PathBuf};

use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};
use serde::{Deserialize, Serialize};

pub use time::{Clock, TimeAuthority, Timestamps};

/// All settings of one room.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Folder of the register, the objects and the public log.
    pub data: PathBuf,
    /// The register's database on a PostgreSQL server, as `postgres://...`; without it the
    /// register is a file in `data`.
    pub database: Option<DatabaseUrl>,
    /// Folder of the root key file; better on another disk than the data.
    pub keys: PathBuf,
    /// The file that holds what was published last, outside of the data folder; `published.mark` in
    /// the folder of the keys where nothing is said.
    pub mark: Option<PathBuf>,
    /// What is done for a full disk.
    pub disk: Disk,
    /// How the room is reached.
    pub http: Http,
    /// The program's own log.
    pub log: Telemetry,
    /// How the room audits itself.
    pub audit: Audit,
    /// Figures for whoever watches over the room.
    pub metrics: Metrics,
    /// The mail server by which people are told that there is something new.
    pub mail: Mail,
    /// Where events go, each as `[[webhooks]]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub webhooks: Vec<Webhook>,
    /// Who confirms the custody log, each as `[[witnesses]]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<Witness>,
    /// How often the machine's clock is entered.
    pub clock: Clock,
    /// How often checkpoints are stamped.
    pub timestamps: Timestamps,
    /// Who says when a checkpoint existed, each as `[[time_authorities]]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub time_authorities: Vec<TimeAuthority>,
}

/// What is done for a full disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Disk {
    /// Space that is kept for the custody log, in mebibytes; 0 for none.
    pub reserve_mebibytes: u32,
}

impl Disk {
    /// The same in bytes.
    pub fn reserve_bytes(&self) -> u64 {
        u64::from(self.reserve_mebibytes) << 20
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            reserve_mebibytes: 64,
        }
    }
}

/// The URL of a server's database. It may hold a password, so it is never shown.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(pub String);

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabaseUrl(..)")
    }
}

/// How the room audits itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// Hours from the end of a round to the next; 0 for none.
    pub every_hours: u32,
    /// How much content is read in a second, at most, in mebibytes.
    pub mebibytes_per_second: NonZeroU32,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            every_hours: 24,
            mebibytes_per_second: NonZeroU32::new(16).expect("it is not zero"),
        }
    }
}

/// Figures for whoever watches over the room.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// The port of 127.0.0.1 on which they are read, 0 for a free one; none gives none.
    pub port: Option<u16>,
}

/// The mail server; without `server` no letters are sent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mail {
    /// Its host name, or its address.
    pub server: Option<String>,
    /// Its port; that of `tls` where there is none: 465, 587, 25.
    pub port: Option<u16>,
    /// How the way to it is encrypted; `required` where nothing is said.
    pub tls: Option<MailTls>,
    /// Who letters are from.
    pub from: Option<String>,
    /// The name to sign in with; with `password`, or neither.
    pub user: Option<String>,
    /// The file of the password, which others may not read.
    pub password: Option<PathBuf>,
    /// The file of the certificates that are believed in place of the system's, in PEM.
    pub roots: Option<PathBuf>,
}

/// How the way to the mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// From the first byte.
    Required,
    /// By STARTTLS, without which nothing is sent.
    StartTls,
    /// Not at all; only for a server on this machine.
    None,
}

/// Where events go.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Its name, by which the room remembers what waits for it.
    pub name: String,
    /// Its address: `https://`, or `http://` on this machine.
    pub url: String,
    /// The file of its secret, `whsec_...`, which others may not read.
    pub secret: PathBuf,
    /// Kinds of events that go to it.
    pub kinds: Vec<String>,
}

/// Who confirms the custody log (C2SP tlog-witness).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// Its name, for people.
    pub name: String,
    /// What verifies its cosignatures, as a vkey.
    pub vkey: String,
    /// The prefix under which it is asked: `https://`, or `http://` on this machine.
    pub url: String,
    /// The prefix under which it shows what it confirmed, if that is another.
    #[serde(default)]
    pub monitoring: Option<String>,
}

/// How the room is reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// The address to listen on.
    pub address: std::net::IpAddr,
    /// The port to listen on; 0 takes a free one.
    pub port: u16,
    /// The origin of the room's pages, as a browser names it: `http://localhost:8000`.
    pub origin: String,
    /// The second origin, from which alone deposited content comes.
    pub content_origin: String,
    /// The header in which a proxy in front of the room names its own peer, like `X-Real-IP`.
    /// Without it no header is believed, and attempts are limited by the proxy's address: one
    /// limit for everybody. Of several addresses in it the last one counts. Name it only if the
    /// proxy always writes it and nobody gets past the proxy.
    pub proxy_header: Option<String>,
    /// Certificate and key, for a room that speaks TLS itself.
    pub tls: Tls,
    /// What a client may take.
    pub limits: Limits,
}

/// Certificate and key in PEM: both or neither. They are read again within a minute of a change,
/// and on SIGHUP.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// The file of the certificate, and of those that lead from it towards a root.
    pub certificate: Option<PathBuf>,
    /// The file of its key, which others may not read.
    pub key: Option<PathBuf>,
}

/// What a client may take, as far as it shall be other than `src/http/front/limits.rs` says.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Seconds until a request's head must have come, from its first byte: 10.
    pub header_seconds: Option<NonZeroU32>,
    /// Bytes of a request's head: 32,768.
    pub header_bytes: Option<NonZeroU32>,
    /// Header lines of a request: 100.
    pub headers: Option<NonZeroU32>,
    /// Seconds that a connection may be open without a request: 60.
    pub idle_seconds: Option<NonZeroU32>,
    /// Seconds in which `body_bytes` of a body must come: 30.
    pub body_seconds: Option<NonZeroU32>,
    /// The fewest bytes of a body in `body_seconds`: 65,536.
    pub body_bytes: Option<NonZeroU32>,
    /// Bytes of a body whose length is not declared: 1,048,576.
    pub undeclared_body_bytes: Option<NonZeroU32>,
    /// Seconds in which a client may take nothing of an answer that is there: 300.
    pub stall_seconds: Option<NonZeroU32>,
    /// Connections at a time, and requests at a time: 1,024, or what the limit of open files
    /// (RLIMIT_NOFILE) carries.
    pub connections: Option<NonZeroU32>,
    /// Connections of one address at a time, and requests: 128. Of IPv6 a network of 64 bits
    /// counts as one address. Behind a proxy that `proxy_header` names only requests are counted,
    /// by the address that it gives; behind one that is not named everybody shares this limit.
    pub per_peer: Option<NonZeroU32>,
    /// Requests at a time on one connection of HTTP/2: 64.
    pub streams: Option<NonZeroU32>,
    /// Requests of one account, or of one token, at once and in `caller_seconds`: 30,000.
    pub caller_requests: Option<NonZeroU32>,
    /// Seconds in which a caller has all of `caller_requests` again: 60.
    pub caller_seconds: Option<NonZeroU32>,
    /// Seconds that running requests may go on when the room is told to stop: 30.
    pub stop_seconds: Option<NonZeroU32>,
}

/// The program's own log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// `error`, `warn`, `info`, `debug`, `trace`.
    pub level: String,
    /// `text` or `json`.
    pub format: LogFormat,
}

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs, an object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: "data".into(),
            database: None,
            keys: "keys/local".into(),
            mark: None,
            disk: Disk::default(),
            http: Http::default(),
            log: Telemetry::default(),
            audit: Audit::default(),
            metrics: Metrics::default(),
            mail: Mail::default(),
            webhooks: Vec::new(),
            witnesses: Vec::new(),
            clock: Clock::default(),
            timestamps: Timestamps::default(),
            time_authorities: Vec::new(),
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            address: std::net::Ipv4Addr::LOCALHOST.into(),
            port: 8000,
            origin: "http://localhost:8000".into(),
            content_origin: "http://content.localhost:8000".into(),
            proxy_header: None,
            tls: Tls::default(),
            limits: Limits::default(),
        }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            level: "info".into(),
            format: LogFormat::Text,
        }
    }
}

/// Why the settings can't be used.
#[derive(Debug, thiserror::Error)]
#[error("the settings can't be used: {0}")]
pub struct ConfigError(String);

impl Config {
    /// Reads the settings: `file` (or `custos.toml`, if there is one), then variables like
    /// `CUSTOS_DATA` and `CUSTOS_HTTP__PORT`.
    ///
    /// # Errors
    /// A file that is named but not there, an unknown setting, a value of the wrong type.
    pub fn read(file: Option<&std::path::Path>) -> Result<Self, ConfigError> {
        if let Some(file) = file
            && !file.is_file()
        {
            return Err(ConfigError(format!("`{}` is not there", file.display())));
        }
        let toml = file.unwrap_or_else(|| std::path::Path::new("custos.toml"));
        Figment::from(Serialized::defaults(Self::default()))
            .merge(Toml::file(toml))
            .merge(Env::prefixed("CUSTOS_").filter(is_setting).split("__"))
            .extract()
            .map_err(|error| ConfigError(error.to_string()))
    }

    /// The folder of the register, made if it is missing.
    ///
    /// # Errors
    /// It can't be made.
    pub fn make_data(&self) -> std::io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;

        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.data)
    }

    /// The register's file, where it lies on no server.
    pub fn register(&self) -> PathBuf {
        self.data.join("register.db")
    }
}

/// Other variables of that prefix are for tests and for the log's filter.
fn is_setting(name: &figment::value::UncasedStr) -> bool {
    let name = name.as_str().to_ascii_lowercase();
    let parts = [
        "http__",
        "log__",
        "mail__",
        "audit__",
        "metrics__",
        "disk__",
        "clock__",
        "timestamps__",
    ];
    ["data", "database", "keys", "mark"].contains(&&*name)
        || parts.iter().any(|part| name.starts_with(part))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;

    const EXAMPLE: &str = include_str!("../docs/custos.example.toml");
    fn read(toml: &str) -> Result<Config, Box<figment::Error>> {
        let defaults = Figment::from(Serialized::defaults(Config::default()));
        let read = defaults.merge(Toml::string(toml)).extract();
        read.map_err(Box::new)
    }

    fn settings(config: &Config) -> Map<String, Value> {
        match serde_json::to_value(config) {
            Ok(Value::Object(settings)) => settings,
            other => panic!("{other:?}"),
        }
    }

    /// All settings, each as its line in a TOML file begins, and whether it has a default here.
    fn names(settings: &Map<String, Value>) -> Vec<(String, bool)> {
        let names = settings.iter().flat_map(|(name, value)| match value {
            Value::Object(below) => names(below),
            _ => vec![(format!("{name} = "), !value.is_null())],
        });
        names.collect()
    }

    /// The example with the lines that it only shows.
    fn shown() -> Config {
        let mut text = EXAMPLE.to_owned();
        for (name, has_default) in names(&settings(&Config::default())) {
            if !has_default {
                text = text.replace(&format!("\n# {name}"), &format!("\n{name}"));
            }
        }
        let (text, lists) = text.split_once("\n# [[webhooks]]").expect("endpoints");
        let (hooks, lists) = lists.split_once("\n# [[witnesses]]").expect("witnesses");
        let authorities = lists.split_once("\n# [[time_authorities]]");
        let (witnesses, authorities) = authorities.expect("authorities");
        let settings = |text: &str| -> String {
            let lines = text.lines().map(|line| line.trim_start_matches("# "));
            let lines: Vec<&str> = lines.filter(|line| line.contains(" = ")).collect();
            lines.join("\n")
        };
        let (hooks, witnesses) = (settings(hooks), settings(witnesses));
        let authorities = settings(authorities);
        let text = format!(
            "{text}\n[[webhooks]]\n{hooks}\n[[witnesses]]\n{witnesses}\n\
             [[time_authorities]]\n{authorities}"
        );
        read(&text).expect("it is of its form")
    }

    #[test]
    fn the_example_names_every_setting_at_its_default() {
        let defaults = settings(&Config::default());
        let example = read(EXAMPLE).expect("it is of its form");
        assert_eq!(settings(&example), defaults);
        let all = names(&defaults);
        assert!(all.len() >= 23, "{all:?}");
        for (name, _) in &all {
            let named = |line: &str| line.trim_start_matches("# ").starts_with(name);
            assert!(EXAMPLE.lines().any(named), "`{name}` is not in the example");
        }
        // No line has its effect by chance: without its comments it names the same settings.
        let lines = EXAMPLE
            .lines()
            .filter(|line| line.contains(" = ") && !line.starts_with('#'));
        let with_default = all.iter().filter(|(_, has_default)| *has_default);
        assert_eq!(lines.count(), with_default.count());
    }

    #[test]
    fn what_the_example_only_shows_is_of_its_form() {
        let config = shown();
        assert_eq!(config.http.proxy_header.as_deref(), Some("X-Real-IP"));
        assert!(config.http.tls.certificate.is_some() && config.http.tls.key.is_some());
        assert_eq!(config.mail.tls, Some(MailTls::StartTls));
        let hook = config.webhooks.first().expect("an endpoint");
        assert_eq!((config.webhooks.len(), hook.kinds.len()), (1, 2));
        let witness = config.witnesses.first().expect("a witness");
        assert!(witness.monitoring.is_some() && witness.vkey.contains("+"));
        let authority = config.time_authorities.first().expect("an authority");
        assert!(authority.policy.is_some() && !authority.certificates.is_empty());
        let values = names(&settings(&config));
        assert!(values.iter().all(|(_, is_set)| *is_set), "{values:?}");
    }

    #[test]
    fn a_setting_that_is_not_known_is_refused() {
        read("dta = 1").expect_err("a slip of the pen");
        read("[http]\nports = 1").expect_err("a slip of the pen");
        read("[http.limits]\nheader_second = 1").expect_err("a slip of the pen");
        read("[http.limits]\nconnections = 0").expect_err("a room for nobody");
    }
}
