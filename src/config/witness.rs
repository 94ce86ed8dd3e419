//! Settings of a witness: a file of its own, apart from any room's.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
};

use figment::{
    Figment,
    providers::{Format, Serialized, Toml},
};
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// The settings' file where none is named.
pub const FILE: &str = "witness.toml";

/// All settings of one witness.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessConfig {
    /// The witness's name, as its signatures bear it: `institute.example/witness`.
    pub name: String,
    /// The file of its key, which only its owner may read.
    pub key: PathBuf,
    /// The file of its record.
    pub record: PathBuf,
    /// The address to listen on.
    #[serde(default = "loopback")]
    pub address: IpAddr,
    /// The port to listen on; 0 takes a free one.
    #[serde(default = "port")]
    pub port: u16,
    /// The logs that it confirms, each as `[[logs]]`; a log with two keys stands twice.
    #[serde(default)]
    pub logs: Vec<Log>,
}

/// A log that a witness confirms.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Its origin: `room.example/log`.
    pub origin: String,
    /// A key that signs its checkpoints, as a vkey.
    pub vkey: String,
}

fn loopback() -> IpAddr {
    Ipv4Addr::LOCALHOST.into()
}

const fn port() -> u16 {
    7380
}

impl WitnessConfig {
    /// Reads the settings. Files that they name are looked for from the settings' folder.
    ///
    /// # Errors
    /// The file is not there, lacks something, or has an unknown setting.
    pub fn read(file: Option<&Path>) -> Result<Self, ConfigError> {
        let file = file.unwrap_or_else(|| Path::new(FILE));
        if !file.is_file() {
            return Err(ConfigError(format!("`{}` is not there", file.display())));
        }
        let none = Serialized::defaults(serde_json::Map::new());
        let read = Figment::from(none).merge(Toml::file_exact(file)).extract();
        let mut config: Self = read.map_err(|error| ConfigError(error.to_string()))?;
        let folder = file.parent().unwrap_or_else(|| Path::new(""));
        config.key = folder.join(&config.key);
        config.record = folder.join(&config.record);
        Ok(config)
    }
}
