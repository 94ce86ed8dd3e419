//! The custody log, looked at from inside.

use custos::db::{entries, head, keys};
use custos_core::event::slot;
use serde_json::Value;

use super::TestApp;

impl TestApp {
    /// Entries so far.
    pub async fn size(&self) -> u64 {
        let read = self
            .room
            .read(|connection| Ok(head::read(connection)?.expect("a head").size()));
        read.await.expect("the head")
    }

    /// The kinds of the entries from `start` on, in order.
    pub async fn kinds_since(&self, start: u64) -> Vec<String> {
        let core = self.room.core.clone();
        let read = self.room.read(move |connection| {
            let mut kinds = Vec::new();
            for index in start.. {
                let Some(row) = entries::at(connection, index)? else {
                    break;
                };
                let Some(scope) = row.scope()? else {
                    kinds.push("control".into());
                    continue;
                };
                let keys = keys::scope(connection, &core.keyring, scope)?;
                let link = row.open_link(keys.value.as_bytes())?;
                kinds.push(match link.value(slot::KIND) {
                    Value::String(kind) => kind.clone(),
                    other => other.to_string(),
                });
            }
            Ok(kinds)
        });
        read.await.expect("the entries")
    }
}
