//! Settings about time: the machine's clock, and authorities that say when a checkpoint existed.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How often what is known of the machine's clock is entered.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Clock {
    /// Hours from one entry to the next, the first at the start; 0 for none but jumps.
    pub every_hours: u32,
}

impl Default for Clock {
    fn default() -> Self {
        Self { every_hours: 24 }
    }
}

/// How often time authorities stamp a checkpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timestamps {
    /// Minutes from one token of an authority to its next while the log grows; 0 for none but when
    /// they are asked for.
    pub every_minutes: u32,
}

impl Default for Timestamps {
    fn default() -> Self {
        Self { every_minutes: 60 }
    }
}

/// Who says when a checkpoint existed (RFC 3161).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeAuthority {
    /// Its name, for people and in entries.
    pub name: String,
    /// Where it is asked: `https://`, or `http://` on this machine.
    pub url: String,
    /// Files of certificates in PEM or DER: its own, or those of its issuers.
    pub certificates: Vec<PathBuf>,
    /// The policy that is asked for, like `1.2.3.4.5`.
    #[serde(default)]
    pub policy: Option<String>,
    /// Whether its certificates may come in another order than RFC 3161 asks for.
    #[serde(default)]
    pub any_order: bool,
}
