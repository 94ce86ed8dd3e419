//! Where notices go besides the room: what the settings say, read once at the start.

use std::{collections::BTreeSet, time::Duration};

use super::kinds::Kind;
use crate::peers::{mail, webhooks};

/// Pauses between attempts, the first after the first: two days in all.
const PAUSES: &[Duration] = &[
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(3 * 60 * 60),
    Duration::from_secs(6 * 60 * 60),
    Duration::from_secs(12 * 60 * 60),
    Duration::from_secs(24 * 60 * 60),
];

/// An endpoint, and which events go to it.
#[derive(Debug, Clone)]
pub struct Hook {
    /// The endpoint.
    pub endpoint: webhooks::Endpoint,
    /// The kinds that the operator chose.
    pub kinds: BTreeSet<Kind>,
}

/// Where notices go besides the room.
#[derive(Debug, Clone)]
pub struct Outlets {
    /// The origin of the room's pages, which letters name.
    pub room: String,
    /// The mail server; without one there are no letters.
    pub mail: Option<mail::Server>,
    /// The endpoints, each under a name of its own.
    pub hooks: Vec<Hook>,
    /// Pauses between attempts; behind the last one, a notice is undelivered.
    pub pauses: &'static [Duration],
}

impl Default for Outlets {
    /// None: notices stay in the room.
    fn default() -> Self {
        Self {
            room: String::new(),
            mail: None,
            hooks: Vec::new(),
            pauses: PAUSES,
        }
    }
}

impl Outlets {
    /// The endpoint of this name, if it is in the settings.
    pub fn hook(&self, name: &str) -> Option<&Hook> {
        self.hooks.iter().find(|hook| hook.endpoint.name == name)
    }
}
